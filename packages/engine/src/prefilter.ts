/**
 * Finds, among patterns tried in order, those that can match a text at all: anchored ones by the text's first bytes, others by a literal that they need.
 * It only leaves out what cannot match, so the caller's answer is the same as with trying all.
 */
import type { Pattern } from '@dogwatch/pattern'

export interface Candidate<T> {
  readonly item: T
  readonly pattern: Pattern
}

export class Prefilter<T> {
  /** For each first byte: candidates in order, the ones that the byte rules out left away. */
  readonly #byFirst: readonly (readonly Candidate<T>[])[]

  constructor(candidates: readonly Candidate<T>[]) {
    const byFirst: Candidate<T>[][] = Array.from({ length: 257 }, () => [])
    for (const candidate of candidates) {
      const { prefixes } = candidate.pattern
      for (let byte = 0; byte <= 256; byte++) {
        if (
          prefixes === null ||
          prefixes.anyOf.some((prefix) => prefix === '' || startsWithByte(prefix, byte, prefixes.fold))
        )
          (byFirst[byte] as Candidate<T>[]).push(candidate)
      }
    }
    this.#byFirst = byFirst
  }

  /** Offers the items that may match, in order, until one is taken. */
  find(text: string, take: (item: T) => boolean): void {
    const candidates = this.#byFirst[text.length === 0 ? 256 : text.charCodeAt(0)] as readonly Candidate<T>[]
    for (let n = 0; n < candidates.length; n++) if (take((candidates[n] as Candidate<T>).item)) return
  }
}

function startsWithByte(prefix: string, byte: number, fold: boolean): boolean {
  const first = prefix.charCodeAt(0)
  return first === byte || (fold && byte >= 65 && byte <= 90 && first === byte + 32)
}
