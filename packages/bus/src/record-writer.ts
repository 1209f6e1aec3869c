/**
 * One record that arrives in pieces: gathers chunks into parts of bounded length, writes each as it fills, and at the end makes them one
 * record. A record that never filled a part is written whole.
 */
import type { RecordMeta } from '@dogwatch/schema'
import { bodyLengthMax, type RecordRef, type RecordWriter } from './contract.ts'
import { BusError } from './error.ts'
import { encodePartTable, type FrameKind, type PartEntry } from './frame.ts'
import type { WrittenFrame } from './group-commit.ts'

/** So many chunks in a row are joined, so that a sender of single bytes cannot make a million buffers wait. */
const joinCount = 128

export interface RecordWriterOptions {
  readonly meta: RecordMeta
  readonly partLength: number
  /** Writes one frame; rejects when it is refused. `bodyLength` is that of the record so far. */
  readonly write: (
    kind: FrameKind,
    meta: RecordMeta,
    chunks: readonly Uint8Array[],
    bodyLength: number,
  ) => Promise<WrittenFrame>
  /** Called once, when nothing more will be written. */
  readonly ended: (how: 'committed' | 'aborted') => void
}

export class PartedRecordWriter implements RecordWriter {
  readonly #options: RecordWriterOptions
  readonly #partMeta: RecordMeta
  #chunks: Uint8Array[] = []
  #chunksLength = 0
  #unjoined = 0
  #parts: PartEntry[] = []
  #length = 0
  #state: 'open' | 'committing' | 'ended' = 'open'
  #failure: Error | null = null
  #writing: Promise<void> = Promise.resolve()

  constructor(options: RecordWriterOptions) {
    this.#options = options
    this.#partMeta = { ...options.meta, source: '', peer: '' }
  }

  get length(): number {
    return this.#length
  }

  /** The oldest segment that holds a part. */
  get partsFrom(): number | null {
    return this.#parts[0]?.segment ?? null
  }

  async part(chunk: Uint8Array): Promise<void> {
    if (this.#state !== 'open') throw new BusError('BUS_WRITER_DONE')
    if (this.#failure !== null) throw this.#failure
    if (this.#length + chunk.length > bodyLengthMax) {
      this.#failure = new BusError('BUS_RECORD_INVALID', `body over ${bodyLengthMax} bytes`)
      throw this.#failure
    }
    if (chunk.length === 0) return
    this.#length += chunk.length
    this.#chunksLength += chunk.length
    this.#chunks.push(chunk)
    this.#unjoined += 1
    if (this.#unjoined >= joinCount) {
      this.#chunks.push(Buffer.concat(this.#chunks.splice(-joinCount)))
      this.#unjoined = 0
    }
    if (this.#chunksLength < this.#options.partLength) return
    this.#writing = this.#writing.then(() => this.#writeFullParts())
    await this.#writing
    if (this.#failure !== null) throw this.#failure
  }

  async commit(): Promise<RecordRef> {
    if (this.#state !== 'open') throw new BusError('BUS_WRITER_DONE')
    this.#state = 'committing'
    try {
      const frame = await this.#writeLast()
      this.#end('committed')
      return {
        sequence: frame.sequence,
        length: this.#length,
        place: [frame.segment, frame.offset, frame.length],
      }
    } catch (error) {
      this.#end('aborted')
      throw error
    }
  }

  abort(): void {
    if (this.#state === 'open') this.#end('aborted')
  }

  async #writeLast(): Promise<WrittenFrame> {
    const { meta, write } = this.#options
    await this.#writing
    if (this.#failure !== null) throw this.#failure
    if (this.#length === 0) throw new BusError('BUS_RECORD_INVALID', 'empty body')
    if (this.#parts.length === 0) return write('record', meta, this.#chunks, this.#length)
    if (this.#chunksLength > 0) await this.#writePart(this.#chunksLength)
    return write('parted', meta, [encodePartTable(this.#parts)], this.#length)
  }

  /** Never rejects: a failure is kept, so that it is met by whoever comes next. */
  async #writeFullParts(): Promise<void> {
    const { partLength } = this.#options
    try {
      while (this.#failure === null && this.#state !== 'ended' && this.#chunksLength >= partLength) {
        await this.#writePart(partLength)
      }
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error))
    }
  }

  async #writePart(length: number): Promise<void> {
    const chunks = this.#takeChunks(length)
    const { segment, offset, bodyCrc } = await this.#options.write('part', this.#partMeta, chunks, this.#length)
    this.#parts.push({ segment, offset, length, crc: bodyCrc })
  }

  #takeChunks(length: number): Uint8Array[] {
    const taken: Uint8Array[] = []
    let left = length
    while (left > 0) {
      const chunk = this.#chunks.shift()
      if (chunk === undefined) break
      taken.push(chunk.subarray(0, left))
      if (chunk.length > left) this.#chunks.unshift(chunk.subarray(left))
      left -= Math.min(left, chunk.length)
    }
    this.#chunksLength -= length
    this.#unjoined = 0
    return taken
  }

  #end(how: 'committed' | 'aborted'): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#chunks = []
    this.#options.ended(how)
  }
}
