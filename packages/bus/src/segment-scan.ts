/**
 * Reading a segment from one place to its end. In go windows of the file, out come the sound records in order and an account of what was not
 * sound. No I/O and no exceptions: whoever drives it reads what `want` names and hands the bytes to `take`.
 *
 * Damage never costs the good records after it: where no frame begins, the next place is searched that holds a valid header of this segment;
 * where only the body is damaged, its length is still known.
 */
import { crc32 } from 'node:zlib'
import type { RecordRef } from './contract.ts'
import { decodePartTable, frameMagic, readFrameHead, type SegmentHeader } from './frame.ts'

/** Bytes read at a time. */
export const scanWindowLength = 256 * 1024

/** A stretch of bytes that hold no sound frame. */
export interface Damage {
  readonly segment: number
  readonly offset: number
  readonly length: number
  /** Records missing, by the numbers on both sides; 0 when unknown. */
  readonly lostRecords: number
}

export class SegmentScan {
  readonly #header: Pick<SegmentHeader, 'segment' | 'salt'>
  #offset: number
  #wantLength = scanWindowLength
  #damageOffset: number | null = null
  #sequence: number
  #done = false
  /** Damage with sound frames behind it. */
  readonly damage: Damage[] = []

  /** `sequence` is the number expected next, for counting what is lost; 0 when unknown. */
  constructor(header: Pick<SegmentHeader, 'segment' | 'salt'>, offset: number, sequence: number) {
    this.#header = header
    this.#offset = offset
    this.#sequence = sequence
  }

  /** What to read next; less than `length` means that the file ends there. */
  get want(): { readonly offset: number; readonly length: number } {
    return { offset: this.#offset, length: this.#wantLength }
  }

  /** The end of the file has been seen. */
  get done(): boolean {
    return this.#done
  }

  /** Behind the last sound frame. When done, what follows up to `fileEnd` is a torn tail. */
  get soundEnd(): number {
    return this.#damageOffset ?? this.#offset
  }

  /** When done: length of the file. */
  get fileEnd(): number {
    return this.#offset
  }

  /** The number expected next. */
  get sequence(): number {
    return this.#sequence
  }

  /** Takes the bytes at `want.offset` and returns the records that lie in them whole. */
  take(bytes: Buffer): RecordRef[] {
    const isLast = bytes.length < this.#wantLength
    const refs: RecordRef[] = []
    let at = 0
    this.#wantLength = scanWindowLength
    while (at < bytes.length) {
      const head = readFrameHead(bytes, at, this.#header)
      if (head === 'short' && !isLast) break
      const length = head === null || head === 'short' ? 0 : head.headLength + head.bodyLength
      if (length > bytes.length - at && !isLast) {
        this.#wantLength = Math.max(scanWindowLength, length)
        break
      }
      if (head === null || head === 'short' || length > bytes.length - at) {
        this.#damageOffset ??= this.#offset + at
        at = nextMagic(bytes, at + 1, isLast)
        continue
      }
      const body = bytes.subarray(at + head.headLength, at + length)
      const table = head.kind === 'parted' ? decodePartTable(body) : null
      if (crc32(body) !== head.bodyCrc || (head.kind === 'parted' && table === null)) {
        this.#damageOffset ??= this.#offset + at
        at += length
        continue
      }
      const isRecord = head.kind !== 'part'
      this.#endDamage(this.#offset + at, isRecord ? head.sequence : this.#sequence)
      if (isRecord) {
        this.#sequence = head.sequence + 1
        const place = [this.#header.segment, this.#offset + at, length] as const
        refs.push({ sequence: head.sequence, length: table?.length ?? head.bodyLength, place })
      }
      at += length
    }
    this.#offset += at
    this.#done = isLast
    return refs
  }

  #endDamage(offset: number, sequence: number): void {
    if (this.#damageOffset === null) return
    const lostRecords = this.#sequence === 0 ? 0 : Math.max(0, sequence - this.#sequence)
    this.damage.push({
      segment: this.#header.segment,
      offset: this.#damageOffset,
      length: offset - this.#damageOffset,
      lostRecords,
    })
    this.#damageOffset = null
  }
}

/** Where the next frame could begin; near the end of a window, where the magic could be cut, so that the next window begins there. */
function nextMagic(bytes: Buffer, from: number, isLast: boolean): number {
  const found = bytes.indexOf(frameMagic, from)
  if (found >= 0) return found
  return isLast ? bytes.length : Math.max(from, bytes.length - frameMagic.length + 1)
}
