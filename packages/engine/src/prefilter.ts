/**
 * Finds, among patterns tried in order, those that can match a text at all: anchored ones by the text's first byte, others by a literal that they need.
 * It only leaves out what cannot match, so the caller's answer is the same as with trying all.
 */
import type { Pattern } from '@dogwatch/pattern'
import type { Kernels } from './kernels.ts'
import { isWorthScanning, LiteralScanner } from './literal-scanner.ts'

export interface Candidate<T> {
  readonly item: T
  readonly pattern: Pattern
}

/** So many candidates are tried as they are before a scan is made: often an early one takes the text, and a pattern looks for its own literal quickly. */
const untestedMax = 3

export class Prefilter<T> {
  readonly #items: readonly T[]
  /** For each first byte (256: the empty text): numbers of the candidates in order, those that the byte rules out left away. */
  readonly #byFirst: readonly (readonly number[])[]
  /** 1 for a candidate that needs a literal. */
  readonly #needy: Uint8Array
  readonly #scanner: LiteralScanner

  constructor(candidates: readonly Candidate<T>[], kernels: Kernels | null = null) {
    this.#items = candidates.map(({ item }) => item)
    const byFirst: number[][] = Array.from({ length: 257 }, () => [])
    for (const [n, { pattern }] of candidates.entries()) {
      const { prefixes } = pattern
      for (let byte = 0; byte <= 256; byte++) {
        if (
          prefixes === null ||
          prefixes.anyOf.some((prefix) => prefix === '' || startsWithByte(prefix, byte, prefixes.fold))
        )
          (byFirst[byte] as number[]).push(n)
      }
    }
    this.#byFirst = byFirst
    // An anchored pattern is cheap to try; only the others are worth a scan.
    const needs = candidates.map((candidate) => (isNeedy(candidate) ? candidate.pattern.needs : null))
    this.#needy = Uint8Array.from(needs, (need) => (need === null ? 0 : 1))
    this.#scanner = new LiteralScanner(needs, kernels)
  }

  /** Offers the items that may match `text` from an offset on, in order, until one is taken. */
  find(text: string, from: number, take: (item: T) => boolean): void {
    const first = from >= text.length ? 256 : text.charCodeAt(from)
    const numbers = this.#byFirst[first] as readonly number[]
    let untested = untestedMax
    const needy = this.#needy
    const { seen } = this.#scanner
    let stamp = 0
    for (let n = 0; n < numbers.length; n++) {
      const number = numbers[n] as number
      if (needy[number] === 1 && --untested < 0) {
        if (stamp === 0) stamp = this.#scanner.scan(text, from)
        if (seen[number] !== stamp) continue
      }
      if (take(this.#items[number] as T)) return
    }
  }
}

function isNeedy<T>({ pattern }: Candidate<T>): boolean {
  return pattern.prefixes === null && isWorthScanning(pattern.needs)
}

function startsWithByte(prefix: string, byte: number, fold: boolean): boolean {
  const first = prefix.charCodeAt(0)
  return first === byte || (fold && byte >= 65 && byte <= 90 && first === byte + 32)
}
