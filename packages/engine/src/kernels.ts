/**
 * An event's bytes in WebAssembly memory, and the loops over them (`kernels/kernels.ts`): whether a text holds control characters, escaping it, looking for
 * literals in it, following JSON through it. One object for a matcher, so that what was learnt goes when the matcher goes.
 *
 * The memory, in bytes from its beginning: the table for escaping, the state of `follow`, what was found, ends of windows, the text, the escaped
 * text, pieces, their own texts and what they make together, then what is learnt and kept (`allocate`). It never grows, so views stay good; what is not touched takes no memory. Whoever uses it can do
 * without: texts may be too long, room may run out, and where no memory can be reserved there is none at all.
 */
import { kernelBytes } from './kernel-bytes.ts'
import './latin1.ts'

/** Longest text, in bytes. */
const textLengthMax = 1 << 20
/** What may be read or written behind a text. */
const slack = 64

const tableAt = 1024
const stateAt = tableAt + 4096
const foundAt = 8192
/** Words of what one call finds. */
const foundMax = 12_288
const endsAt = foundAt + foundMax * 4
export const textAt = 98_304
const escapedAt = textAt + textLengthMax + slack
/** Most pieces, bytes of texts among them that stand nowhere else, and bytes that they come to. */
const piecesMax = 8192
const pieceTextsMax = 1 << 20
const gatheredMax = 1 << 20
const piecesAt = escapedAt + 2 * textLengthMax + slack
const pieceTextsAt = piecesAt + piecesMax * 8
const gatheredAt = pieceTextsAt + pieceTextsMax + slack
const heapAt = gatheredAt + gatheredMax + slack
const memoryPages = 304
const pageSize = 65_536

/** Why `follow` ended. */
export const followEnd = {
  /** The text is at its end. */
  done: 0,
  /** Nothing learnt fits. */
  lost: 1,
  /** A value that has to be read by the plain reader; its step is found last. */
  special: 2,
  /** No room for more values; call again. */
  full: 3,
} as const

/** What is used of the engine's own WebAssembly, which the type packages here leave out. */
declare namespace WebAssembly {
  class CompileError extends Error {}
  class Module {
    constructor(code: Uint8Array)
  }
  class Memory {
    readonly buffer: ArrayBuffer
    constructor(size: { readonly initial: number; readonly maximum: number })
  }
  class Instance {
    readonly exports: Readonly<Record<string, unknown>>
    constructor(module: Module, imports: { readonly env: { readonly memory: Memory } })
  }
}

interface Exports {
  hasControl(from: number, end: number): number
  escape(from: number, end: number, to: number, table: number): number
  scan(tables: number, from: number, end: number, stamp: number, ends: number, found: number): number
  follow(leaf: number, from: number, end: number, out: number, outEnd: number, state: number): number
  gather(list: number, count: number, to: number): number
}

/** A run of bytes of a buffer, good until its owner makes the next. */
export interface Run {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

let module: WebAssembly.Module | null = null

export class Kernels {
  /** The whole memory. */
  readonly bytes: Buffer
  readonly words: Uint32Array
  /** Index in `words` of what the last call found. */
  readonly foundWord = foundAt >> 2
  readonly #exports: Exports
  #heapEnd = heapAt
  #pieceWord = piecesAt >> 2
  #pieceTexts = pieceTextsAt
  #pieceBytes = 0
  #text = ''

  private constructor(memory: WebAssembly.Memory, exports: Exports) {
    this.bytes = Buffer.from(memory.buffer)
    this.words = new Uint32Array(memory.buffer)
    this.#exports = exports
    this.bytes.set(wideningTable(), tableAt)
  }

  /** Null where the process may not reserve the memory, or the processor lacks what the loops need. */
  static make(): Kernels | null {
    try {
      module ??= new WebAssembly.Module(Buffer.from(kernelBytes, 'base64'))
      const memory = new WebAssembly.Memory({ initial: memoryPages, maximum: memoryPages })
      const { exports } = new WebAssembly.Instance(module, { env: { memory } })
      return isExports(exports) ? new Kernels(memory, exports) : null
    } catch (error) {
      if (error instanceof RangeError || error instanceof WebAssembly.CompileError) return null
      throw error
    }
  }

  /** So many bytes, zeroed, that stay; their address, a multiple of eight, or 0 when there is no more room. */
  allocate(size: number): number {
    const at = this.#heapEnd
    const end = at + ((size + 7) & ~7)
    if (end + slack > memoryPages * pageSize) return 0
    this.#heapEnd = end
    return at
  }

  /** Puts a text where the loops read it; false when it is too long. It stays there until the next one. */
  place(text: string): boolean {
    if (text === this.#text) return true
    if (text.length > textLengthMax) return false
    this.bytes.latin1Write(text, textAt)
    this.#text = text
    return true
  }

  /** Whether the placed text, of this length, holds a byte below 32. */
  hasControl(length: number): boolean {
    return this.#exports.hasControl(textAt, textAt + length) !== 0
  }

  /** Appends the placed text, of this length, with its quotes and backslashes escaped; false, and nothing appended, when it holds a byte below 32. */
  escapeInto(length: number, into: { append(from: Buffer, start: number, end: number): void }): boolean {
    const escaped = this.#exports.escape(textAt, textAt + length, escapedAt, tableAt)
    if (escaped < 0) return false
    into.append(this.bytes, escapedAt, escapedAt + escaped)
    return true
  }

  /** Numbers of the literals in the placed text, of this length, from an offset on: their count; they stand from `foundWord` on. `tables` as `LiteralScanner` makes them. */
  scan(tables: number, from: number, length: number, stamp: number): number {
    return this.#exports.scan(tables, textAt + from, textAt + length, stamp, endsAt, foundAt)
  }

  /** Follows what was learnt through the placed text: see `followEnd`, `followed`. Three words a value from `foundWord` on: number of its step, begin, end (in memory). */
  follow(leaf: number, from: number, length: number): number {
    return this.#exports.follow(leaf, textAt + from, textAt + length, foundAt, endsAt, stateAt)
  }

  /** Of the last `follow`: the count of values. */
  get followedCount(): number {
    return this.words[stateAt >> 2] as number
  }

  /** Begins a list of pieces. */
  clearPieces(): void {
    this.#pieceWord = piecesAt >> 2
    this.#pieceTexts = pieceTextsAt
    this.#pieceBytes = 0
  }

  /** Adds a piece that stands in the memory and stays there until `gather`; one too many makes the list too long. */
  piece(at: number, length: number): void {
    this.#pieceBytes += length
    if (this.#pieceWord >= pieceTextsAt >> 2) {
      this.#pieceBytes = gatheredMax + 1
      return
    }
    this.words[this.#pieceWord] = at
    this.words[this.#pieceWord + 1] = length
    this.#pieceWord += 2
  }

  /** Adds a latin1 text as a piece. */
  textPiece(text: string): void {
    const at = this.#pieceTexts
    if (at + text.length > pieceTextsAt + pieceTextsMax) {
      this.#pieceBytes = gatheredMax + 1
      return
    }
    this.bytes.latin1Write(text, at)
    this.#pieceTexts = at + text.length
    this.piece(at, text.length)
  }

  /** All pieces behind each other; null when they are too long. */
  gather(): Run | null {
    if (this.#pieceBytes > gatheredMax) return null
    const count = (this.#pieceWord - (piecesAt >> 2)) >> 1
    const length = this.#exports.gather(piecesAt, count, gatheredAt)
    return { bytes: this.bytes, start: gatheredAt, end: gatheredAt + length }
  }

  /** Of the last `follow`: the offset in the text that it came to. */
  get followedTo(): number {
    return (this.words[(stateAt >> 2) + 1] as number) - textAt
  }

  /** Of the last `follow`: the leaf that it came to. */
  get followedLeaf(): number {
    return this.words[(stateAt >> 2) + 2] as number
  }
}

/** Most literals that one `scan` may find. */
export const literalsMax = foundMax

function isExports(exports: object): exports is Exports {
  return ['hasControl', 'escape', 'scan', 'follow', 'gather'].every(
    (name) => typeof Reflect.get(exports, name) === 'function',
  )
}

/** For each set of places among eight bytes: which of them, or the backslash in lane 15, stands in each of sixteen lanes. */
function wideningTable(): Uint8Array {
  const table = new Uint8Array(4096)
  for (let places = 0; places < 256; places++) {
    let lane = places * 16
    for (let n = 0; n < 8; n++) {
      if ((places & (1 << n)) !== 0) table[lane++] = 15
      table[lane++] = n
    }
  }
  return table
}
