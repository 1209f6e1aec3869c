/** ASCII case folding of latin1 texts, with a memo of one subject because many patterns look at the same one in turn. */

import { byteSource } from './byte-set.ts'

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
