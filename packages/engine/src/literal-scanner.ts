/**
 * Finds in one pass which of many items can match a text: those of whose necessary literals at least one occurs. An Aho-Corasick automaton over the
 * literals' first bytes, case folded, does the pass; the rest of a literal is verified in place. Items whose literals do not occur are ruled out; items
 * that are left may still fail.
 */
import type { Needs } from '@dogwatch/pattern'

/** Longest piece of a literal that the automaton knows, in bytes: longer ones cost states (and cache), shorter ones cost verifications. */
const keyLengthMax = 4

interface Literal {
  readonly text: string
  readonly fold: boolean
  /** Offset of the key in the literal. */
  readonly keyAt: number
  readonly keyLength: number
  readonly items: number[]
}

/** Lower case of ASCII letters, every other byte itself. */
const folded = new Uint8Array(256)
for (let c = 0; c < 256; c++) folded[c] = c >= 65 && c <= 90 ? c + 32 : c

export class LiteralScanner {
  /** Stamp of the last scan in which an item's literal was seen, by item. */
  readonly seen: Int32Array
  readonly #classes = new Uint8Array(256)
  /** 1 for bytes, of either case, that begin a literal's key. */
  readonly #begins = new Uint8Array(256)
  readonly #width: number
  /** Row of the next state by row and byte class; its complement where literals end. A row is a state's number times the width. */
  readonly #next: Int16Array | Int32Array
  /** Literals that end at a state; null for most. */
  readonly #ends: (readonly Literal[] | null)[]
  readonly #isEmpty: boolean
  #stamp = 0

  /** `needs` by item; null for an item that needs nothing and is never asked for. */
  constructor(needs: readonly (Needs | null)[]) {
    this.seen = new Int32Array(needs.length)
    const literals = new Map<string, Literal>()
    for (const [item, need] of needs.entries()) {
      for (const text of need?.anyOf ?? []) {
        const name = `${need?.fold}${text}`
        const known = literals.get(name)
        if (known !== undefined) {
          if (known.items.at(-1) !== item) known.items.push(item)
          continue
        }
        const keyLength = Math.min(text.length, keyLengthMax)
        literals.set(name, {
          text,
          fold: need?.fold === true,
          keyAt: bestKey(text, keyLength),
          keyLength,
          items: [item],
        })
      }
    }
    let classCount = 1
    for (const { text, keyAt, keyLength } of literals.values()) {
      for (let n = keyAt; n < keyAt + keyLength; n++) {
        const c = folded[text.charCodeAt(n)] as number
        if (this.#classes[c] === 0) this.#classes[c] = classCount++
      }
    }
    for (let c = 65; c <= 90; c++) this.#classes[c] = this.#classes[c + 32] as number
    this.#width = classCount
    const { next, ends } = build([...literals.values()], this.#classes, classCount)
    const rows = next.map((state) => (ends[state] === null ? state * classCount : ~(state * classCount)))
    this.#next = next.length < 32_768 ? Int16Array.from(rows) : Int32Array.from(rows)
    for (let c = 0; c < 256; c++) this.#begins[c] = this.#next[this.#classes[c] as number] === 0 ? 0 : 1
    this.#ends = ends
    this.#isEmpty = literals.size === 0
  }

  /** Scans `text` from an offset; afterwards `seen[item] === stamp` says that the item is not ruled out. Gives the stamp. */
  scan(text: string, from: number): number {
    const stamp = ++this.#stamp
    if (this.#isEmpty) return stamp
    const next = this.#next
    const classes = this.#classes
    const begins = this.#begins
    const { length } = text
    let row = 0
    for (let at = from; at < length; at++) {
      // Most bytes begin no literal: while nothing is under way they cost a single look.
      if (row === 0) {
        while (at < length && begins[text.charCodeAt(at) & 255] === 0) at++
        if (at >= length) break
      }
      row = next[row + (classes[text.charCodeAt(at) & 255] as number)] as number
      if (row < 0) {
        row = ~row
        this.#verify(row / this.#width, text, from, at, stamp)
      }
    }
    return stamp
  }

  #verify(state: number, text: string, from: number, at: number, stamp: number): void {
    const { seen } = this
    for (const literal of this.#ends[state] as readonly Literal[]) {
      const start = at - literal.keyAt - literal.keyLength + 1
      const { items } = literal
      let n = 0
      while (n < items.length && seen[items[n] as number] === stamp) n++
      if (n === items.length || start < from || !standsAt(literal, text, start)) continue
      for (; n < items.length; n++) seen[items[n] as number] = stamp
    }
  }
}

function standsAt({ text: literal, fold }: Literal, text: string, start: number): boolean {
  if (!fold) return text.startsWith(literal, start)
  if (start + literal.length > text.length) return false
  for (let n = 0; n < literal.length; n++)
    if (folded[text.charCodeAt(start + n)] !== literal.charCodeAt(n)) return false
  return true
}

/** Where the rarest window of a literal begins, by a rough weight of its bytes. */
function bestKey(text: string, length: number): number {
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

function build(
  literals: readonly Literal[],
  classes: Uint8Array,
  width: number,
): { next: number[]; ends: (Literal[] | null)[] } {
  const next: number[] = Array<number>(width).fill(0)
  const ends: (Literal[] | null)[] = [null]
  for (const literal of literals) {
    let state = 0
    for (let n = literal.keyAt; n < literal.keyAt + literal.keyLength; n++) {
      const at = state * width + (classes[folded[literal.text.charCodeAt(n)] as number] as number)
      if (next[at] === 0) {
        next[at] = ends.length
        ends.push(null)
        for (let c = 0; c < width; c++) next.push(0)
      }
      state = next[at] as number
    }
    const list = ends[state] ?? []
    list.push(literal)
    ends[state] = list
  }
  // Breadth first: failure links turn into plain transitions, endings of the suffix state are inherited.
  const fail = new Int32Array(ends.length)
  const queue: number[] = []
  for (let c = 0; c < width; c++) if (next[c] !== 0) queue.push(next[c] as number)
  for (let head = 0; head < queue.length; head++) {
    const state = queue[head] as number
    const back = fail[state] as number
    const inherited = ends[back]
    if (inherited != null) ends[state] = [...(ends[state] ?? []), ...inherited]
    for (let c = 0; c < width; c++) {
      const at = state * width + c
      const target = next[at] as number
      if (target === 0) next[at] = next[back * width + c] as number
      else {
        fail[target] = next[back * width + c] as number
        queue.push(target)
      }
    }
  }
  return { next, ends }
}
