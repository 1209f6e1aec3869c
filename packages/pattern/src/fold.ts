/** ASCII case folding of latin1 texts, with a memo of one subject because many patterns look at the same one in turn. */

import { byteSource } from './byte-set.ts'
import type { Needs } from './contract.ts'

let memoSubject = ''
let memoFolded = ''

/**
 * Lower-cases a subject. Bytes from 0x80 up may change among themselves, never into ASCII, so the result may only be
 * searched for texts that are ASCII throughout.
 */
export function foldedSubject(subject: string): string {
  if (subject !== memoSubject) {
    memoFolded = subject.toLowerCase()
    memoSubject = subject
  }
  return memoFolded
}

/** Is every character below 0x80? */
export function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) >= 0x80) return false
  }
  return true
}

/** Lower-cases A-Z and nothing else. For short texts: patterns, not subjects. */
export function foldAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

/** A regular expression's source for the bytes of `text`, each letter in both cases, to be used without the `i` flag. */
export function foldedSource(text: string): string {
  let source = ''
  for (const character of text) {
    const lower = foldAscii(character)
    source += lower >= 'a' && lower <= 'z' ? `[${lower}${lower.toUpperCase()}]` : byteSource(character.charCodeAt(0))
  }
  return source
}

/**
 * A quick necessary test made of necessary literals: false means that the subject cannot match. null where it would
 * not be quick, or not sound because folding is for ASCII only.
 */
export function literalFilter(needs: Needs | null, textsMax: number): ((subject: string) => boolean) | null {
  if (needs === null || needs.anyOf.length > textsMax || (needs.fold && !needs.anyOf.every(isAscii))) return null
  const { anyOf, fold } = needs
  const [only] = anyOf
  if (anyOf.length === 1 && only !== undefined) {
    return fold ? (subject) => foldedSubject(subject).includes(only) : (subject) => subject.includes(only)
  }
  return (subject) => {
    const text = fold ? foldedSubject(subject) : subject
    for (const literal of anyOf) if (text.includes(literal)) return true
    return false
  }
}
