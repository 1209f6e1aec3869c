/**
 * Finds in one pass which of many items can match a text: those of whose necessary literals at least one occurs. Most of the text is not even looked at:
 * a window of each literal, as long as the shortest of them allows, is looked for in steps (S. Wu and U. Manber, A Fast Algorithm for Multi-Pattern
 * Searching, 1994): two bytes tell how far no window can end. The rest of a literal is verified in place. Items whose literals do not occur are ruled
 * out; items that are left may still fail.
 */
import type { Needs } from '@dogwatch/pattern'
import { scratchBytes } from './latin1.ts'

/** Longest window, and the shortest literal worth looking for, in bytes: with less, the steps are too short to pay. */
const windowLengthMax = 8
export const literalLengthMin = 4

interface Literal {
  readonly text: string
  readonly fold: boolean
  /** Offset of the window in the literal. */
  readonly windowAt: number
  readonly items: number[]
}

/** Lower case of ASCII letters, every other byte itself. */
const folded = new Uint8Array(256)
for (let c = 0; c < 256; c++) folded[c] = c >= 65 && c <= 90 ? c + 32 : c

/** Whether every literal of `needs` is long enough to be looked for. */
export function isWorthScanning(needs: Needs | null): needs is Needs {
  return needs?.anyOf.every(({ length }) => length >= literalLengthMin) === true
}

export class LiteralScanner {
  /** Stamp of the last scan in which an item's literal was seen, by item. */
  readonly seen: Int32Array
  /** Length of the windows; 0 when there is nothing to look for. */
  readonly #window: number
  /** How far to go on behind two bytes, by their value; 0 where a window may end. */
  readonly #steps: Uint8Array
  /** 1 for what the last four bytes of a window may come to (`lastFour`): most of the places where one could end are told apart by this. */
  readonly #tails = new Uint8Array(tailsLength)
  /** Literals by the last two bytes of their window, folded. */
  readonly #ends = new Map<number, Literal[]>()
  #stamp = 0

  /** `needs` by item; null, or not worth scanning, for an item that is never asked for. */
  constructor(needs: readonly (Needs | null)[]) {
    this.seen = new Int32Array(needs.length)
    const literals = new Map<string, { text: string; fold: boolean; items: number[] }>()
    for (const [item, need] of needs.entries()) {
      if (!isWorthScanning(need)) continue
      for (const text of need.anyOf) {
        const name = `${need.fold}${text}`
        const known = literals.get(name)
        if (known === undefined) literals.set(name, { text, fold: need.fold, items: [item] })
        else if (known.items.at(-1) !== item) known.items.push(item)
      }
    }
    let window = windowLengthMax
    for (const { text } of literals.values()) window = Math.min(window, text.length)
    this.#window = literals.size === 0 ? 0 : window
    this.#steps = new Uint8Array(literals.size === 0 ? 0 : 65_536).fill(window - 1)
    for (const literal of literals.values())
      this.#add({ ...literal, windowAt: rarestWindow(literal.text, window) }, window)
  }

  #add(literal: Literal, window: number): void {
    for (let n = 0; n < window - 1; n++) {
      const step = window - 2 - n
      const at = literal.windowAt + n
      for (const first of bothCases(literal.text.charCodeAt(at))) {
        for (const second of bothCases(literal.text.charCodeAt(at + 1))) {
          const pair = (first << 8) | second
          if ((this.#steps[pair] as number) > step) this.#steps[pair] = step
        }
      }
    }
    const last = literal.windowAt + window - 2
    const { text } = literal
    this.#tails[
      lastFour(text.charCodeAt(last - 2), text.charCodeAt(last - 1), text.charCodeAt(last), text.charCodeAt(last + 1))
    ] = 1
    const pair = foldedPair(text.charCodeAt(last), text.charCodeAt(last + 1))
    const list = this.#ends.get(pair)
    if (list === undefined) this.#ends.set(pair, [literal])
    else list.push(literal)
  }

  /** Scans `text` from an offset; afterwards `seen[item] === stamp` says that the item is not ruled out. Gives the stamp. */
  scan(text: string, from: number): number {
    const stamp = ++this.#stamp
    const window = this.#window
    if (window === 0) return stamp
    const steps = this.#steps
    const tails = this.#tails
    const bytes = scratchBytes(text)
    const last = text.length - 1
    let at = from + window - 2
    while (at < last) {
      const third = bytes[at] as number
      const fourth = bytes[at + 1] as number
      const step = steps[(third << 8) | fourth] as number
      if (step !== 0) {
        at += step
        continue
      }
      if (tails[lastFour(bytes[at - 2] as number, bytes[at - 1] as number, third, fourth)] === 1)
        this.#verify(text, from, at, stamp)
      at++
    }
    return stamp
  }

  /** `at`: offset of the last two bytes of a window. */
  #verify(text: string, from: number, at: number, stamp: number): void {
    const list = this.#ends.get(foldedPair(text.charCodeAt(at) & 255, text.charCodeAt(at + 1) & 255))
    if (list === undefined) return
    const { seen } = this
    for (const literal of list) {
      const { items } = literal
      let n = 0
      while (n < items.length && seen[items[n] as number] === stamp) n++
      const start = at + 2 - this.#window - literal.windowAt
      if (n === items.length || start < from || !standsAt(literal, text, start)) continue
      for (; n < items.length; n++) seen[items[n] as number] = stamp
    }
  }
}

/** Entries of `#tails`. */
const tailsLength = 4096

/** Four bytes, letters without their case, as one number below `tailsLength`; different ones may come to the same. */
function lastFour(first: number, second: number, third: number, fourth: number): number {
  return ((first | 32) * 27 + (second | 32) * 211 + (third | 32) * 1423 + (fourth | 32) * 37) & (tailsLength - 1)
}

function foldedPair(first: number, second: number): number {
  return ((folded[first] as number) << 8) | (folded[second] as number)
}

/** A byte and, for a letter, its other case. Literals that do not fold are looked for in both cases too; `standsAt` tells. */
function bothCases(c: number): readonly number[] {
  const lower = folded[c] as number
  return lower >= 97 && lower <= 122 ? [lower, lower - 32] : [c]
}

function standsAt({ text: literal, fold }: Literal, text: string, start: number): boolean {
  if (!fold) return text.startsWith(literal, start)
  if (start + literal.length > text.length) return false
  for (let n = 0; n < literal.length; n++)
    if (folded[text.charCodeAt(start + n) & 255] !== literal.charCodeAt(n)) return false
  return true
}

/** Where the rarest window of a literal begins, by a rough weight of its bytes. */
function rarestWindow(text: string, length: number): number {
  let best = 0
  let bestWeight = Number.POSITIVE_INFINITY
  for (let at = 0; at + length <= text.length; at++) {
    let weight = 0
    for (let n = at; n < at + length; n++) weight += byteWeight(text.charCodeAt(n))
    if (weight < bestWeight) {
      best = at
      bestWeight = weight
    }
  }
  return best
}

function byteWeight(c: number): number {
  if (c === 32) return 6
  if ('etaoinsr'.includes(String.fromCharCode(folded[c] as number))) return 4
  if ((c >= 48 && c <= 57) || c === 46 || c === 58 || c === 34 || c === 47) return 4
  return 2
}
