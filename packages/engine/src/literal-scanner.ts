/**
 * Finds in one pass which of many items can match a text: those of whose necessary literals at least one occurs. Most of the text is not even looked at:
 * a window of each literal, as long as the shortest of them allows, is looked for in steps (S. Wu and U. Manber, A Fast Algorithm for Multi-Pattern
 * Searching, 1994): two bytes tell how far no window can end. The rest of a literal is verified in place. Items whose literals do not occur are ruled
 * out; items that are left may still fail. The search is done by the compiled loops where there are any, over the same tables.
 */
import type { Needs } from '@dogwatch/pattern'
import { type Kernels, literalsMax } from './kernels.ts'
import { scratchBytes } from './latin1.ts'
import { nextStamp } from './stamp.ts'

/** Longest window, and the shortest literal worth looking for, in bytes: with less, the steps are too short to pay. */
const windowLengthMax = 8
export const literalLengthMin = 4

/** Entries of the table of steps: the low seven bits of two bytes. A step of this bit says that a window may end here. */
const stepsLength = 16_384
const stopBit = 128
/** Entries of the table of literals by the last four bytes of their window. */
const headsLength = 1024
/** Offsets in the tables in memory: window length (u32), steps, heads; and of a literal there: next, number, place of its window, length, fold, stamp, bytes. */
const stepsAt = 4
const headsAt = stepsAt + stepsLength
const literalHeadLength = 24
const stampAt = 20

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
  /** 1 for an item that is asked for at all. */
  readonly needy: Uint8Array
  /** Length of the windows; 0 when there is nothing to look for. */
  readonly #window: number
  /** How far to go on behind two bytes; `stopBit` and one where a window may end. */
  readonly #steps: Uint8Array
  readonly #literals: Literal[] = []
  /** Literals by the last four bytes of their window. */
  readonly #heads: (Literal[] | undefined)[]
  readonly #kernels: Kernels | null
  /** Address of the same tables in the kernels' memory; 0 when they are not there. */
  readonly #tables: number
  #stamp = 0

  /** `needs` by item; null, or not worth scanning, for an item that is never asked for. */
  constructor(needs: readonly (Needs | null)[], kernels: Kernels | null = null) {
    this.seen = new Int32Array(needs.length)
    this.needy = Uint8Array.from(needs, (need) => (isWorthScanning(need) ? 1 : 0))
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
    this.#steps = new Uint8Array(literals.size === 0 ? 0 : stepsLength).fill(window - 1)
    this.#heads = new Array(literals.size === 0 ? 0 : headsLength)
    for (const literal of literals.values())
      this.#add({ ...literal, windowAt: rarestWindow(literal.text, window) }, window)
    this.#kernels = kernels
    this.#tables = kernels === null ? 0 : this.#layOut(kernels)
  }

  #add(literal: Literal, window: number): void {
    for (let n = 0; n < window - 1; n++) {
      const step = window - 2 - n
      const at = literal.windowAt + n
      for (const first of bothCases(literal.text.charCodeAt(at))) {
        for (const second of bothCases(literal.text.charCodeAt(at + 1))) {
          const pair = pairOf(first, second)
          const known = this.#steps[pair] as number
          if (step === 0) this.#steps[pair] = stopBit | 1
          else if (known < stopBit && known > step) this.#steps[pair] = step
        }
      }
    }
    this.#literals.push(literal)
    const hash = lastFour(literal.text, literal.windowAt + window - 4)
    const list = this.#heads[hash]
    if (list === undefined) this.#heads[hash] = [literal]
    else list.push(literal)
  }

  /** Writes the tables where the compiled loops read them; their address, 0 when there is no room. */
  #layOut(kernels: Kernels): number {
    const literals = this.#literals
    if (literals.length === 0 || literals.length > literalsMax) return 0
    const size = literals.reduce((sum, { text }) => sum + literalLength(text), 0)
    const tables = kernels.allocate(headsAt + headsLength * 4 + size)
    if (tables === 0) return 0
    const { bytes } = kernels
    bytes.writeUInt32LE(this.#window, tables)
    bytes.set(this.#steps, tables + stepsAt)
    let at = tables + headsAt + headsLength * 4
    for (const [number, { text, fold, windowAt }] of literals.entries()) {
      const head = tables + headsAt + lastFour(text, windowAt + this.#window - 4) * 4
      for (const [n, word] of [bytes.readUInt32LE(head), number, windowAt, text.length, fold ? 1 : 0, 0].entries())
        bytes.writeUInt32LE(word, at + n * 4)
      bytes.latin1Write(text, at + literalHeadLength)
      bytes.writeUInt32LE(at, head)
      at += literalLength(text)
    }
    return tables
  }

  /** Scans `text` from an offset; afterwards `seen[item] === stamp` says that the item is not ruled out. Gives the stamp. */
  scan(text: string, from: number): number {
    const stamp = nextStamp(this.#stamp, this.seen)
    this.#stamp = stamp
    if (stamp === 1) this.#forget()
    if (this.#window === 0) return stamp
    const kernels = this.#kernels
    if (kernels === null || this.#tables === 0 || !kernels.place(text)) {
      this.#scanPlainly(text, from, stamp)
      return stamp
    }
    const count = kernels.scan(this.#tables, from, text.length, stamp)
    const first = kernels.foundWord
    for (let n = first; n < first + count; n++) this.#mark(this.#literals[kernels.words[n] as number] as Literal, stamp)
    return stamp
  }

  /** Clears the marks that the compiled loops keep. */
  #forget(): void {
    let at = this.#tables + headsAt + headsLength * 4
    for (const { text } of this.#tables === 0 ? [] : this.#literals) {
      this.#kernels?.bytes.writeUInt32LE(0, at + stampAt)
      at += literalLength(text)
    }
  }

  #mark({ items }: Literal, stamp: number): void {
    for (let n = 0; n < items.length; n++) this.seen[items[n] as number] = stamp
  }

  #scanPlainly(text: string, from: number, stamp: number): void {
    const window = this.#window
    const steps = this.#steps
    const bytes = scratchBytes(text)
    const last = text.length - 1
    let at = from + window - 2
    while (at < last) {
      const step = steps[pairOf(bytes[at] as number, bytes[at + 1] as number)] as number
      if (step < stopBit) {
        at += step
        continue
      }
      const list = this.#heads[lastFour(text, at - 2)]
      for (const literal of list ?? []) {
        const start = at + 2 - window - literal.windowAt
        if (start >= from && standsAt(literal, text, start)) this.#mark(literal, stamp)
      }
      at++
    }
  }
}

/** Bytes of a literal in memory. */
function literalLength(text: string): number {
  return (literalHeadLength + text.length + 7) & ~7
}

/** Index of two bytes in the table of steps. */
function pairOf(first: number, second: number): number {
  return (first & 127) | ((second & 127) << 7)
}

/** Four bytes at an offset, letters without their case, as one number below `headsLength`; different ones may come to the same. */
function lastFour(text: string, at: number): number {
  const four =
    (text.charCodeAt(at) & 255) |
    ((text.charCodeAt(at + 1) & 255) << 8) |
    ((text.charCodeAt(at + 2) & 255) << 16) |
    ((text.charCodeAt(at + 3) & 255) << 24)
  return Math.imul(four | 0x20202020, 0x9e3779b1) >>> 22
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
