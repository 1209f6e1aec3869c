/**
 * Finding records again: the steps of reading as generators that ask for bytes, so that a worker thread can answer them synchronously and the
 * main thread asynchronously (segment-files.ts). Nothing here throws for what the bytes are; lost records are a reason.
 */
import { crc32 } from 'node:zlib'
import type { BusRecord, RecordRef } from './contract.ts'
import { BusError } from './error.ts'
import {
  decodePartTable,
  decodeSegmentHeader,
  firstFrameOffset,
  frameHeaderLength,
  frameLengthMax,
  readFrameHead,
  recoverSegmentHeader,
  type SegmentHeader,
} from './frame.ts'

/** A read that is wanted. The answer is shorter at the end of the file, and null when the segment is gone. */
export interface Ask {
  readonly segment: number
  readonly offset: number
  readonly length: number
  /** Where the bytes should go, at least `length` long. */
  readonly into?: Uint8Array
}

/** Steps that end in a `Result`. */
export type Reading<Result> = Generator<Ask, Result, Buffer | null>

/** `gone`: deleted since; `damaged`: other bytes are there than were written. */
export type LostReason = 'gone' | 'damaged'

/** Headers of segments by number; null for one that cannot be read. */
export type HeaderCache = Map<number, SegmentHeader | null>

const headerCacheMax = 64

/** The segment's header, from memory where it was read before; null when it is gone or lost. Throws BUS_FORMAT_NEWER. */
export function* readSegmentHeader(segment: number, cache: HeaderCache): Reading<SegmentHeader | null> {
  const known = cache.get(segment)
  if (known !== undefined) return known
  const bytes = yield { segment, offset: 0, length: firstFrameOffset }
  if (bytes === null) return null
  let header = decodeSegmentHeader(bytes, segment)
  if (header === 'newer') throw new BusError('BUS_FORMAT_NEWER', `journal segment ${segment}`)
  if (header === null) {
    const start = yield { segment, offset: 0, length: firstFrameOffset + 2 * frameLengthMax }
    header = start === null ? null : recoverSegmentHeader(start, segment)
  }
  // A file may be younger than its header, so what cannot be read yet is not remembered.
  if (header !== null) {
    if (cache.size >= headerCacheMax) cache.clear()
    cache.set(segment, header)
  }
  return header
}

/** The record, its body in `into` where that is long enough. */
export function* readRecord(
  ref: RecordRef,
  cache: HeaderCache,
  into: Uint8Array | undefined,
): Reading<BusRecord | LostReason> {
  const [segment, offset, length] = ref.place
  const header = yield* readSegmentHeader(segment, cache)
  if (!isPlace(ref) || header === null) return 'gone'
  const isRoomy = into !== undefined && into.length >= length
  const bytes = yield isRoomy ? { segment, offset, length, into } : { segment, offset, length }
  if (bytes === null) return 'gone'
  const head = readFrameHead(bytes, 0, header)
  if (head === null || head === 'short' || head.kind === 'part' || head.sequence !== ref.sequence) return 'damaged'
  if (bytes.length !== head.headLength + head.bodyLength) return 'damaged'
  const body = bytes.subarray(head.headLength)
  if (crc32(body) !== head.bodyCrc) return 'damaged'
  const { input, source, peer, arrivalUs, sequence } = head
  const meta = { input, source, peer, arrivalUs }
  if (head.kind === 'record') return { sequence, meta, body }
  const joined = yield* readParts(body, into !== undefined && into.length >= ref.length ? into : undefined)
  return typeof joined === 'string' ? joined : { sequence, meta, body: joined }
}

function* readParts(tableBytes: Buffer, into: Uint8Array | undefined): Reading<Uint8Array | LostReason> {
  // The table is copied: it may lie in `into`, where the parts are about to go.
  const table = decodePartTable(Buffer.from(tableBytes))
  if (table === null) return 'damaged'
  const body = into?.subarray(0, table.length) ?? new Uint8Array(table.length)
  let at = 0
  for (const { segment, offset, length, crc } of table.parts) {
    const target = body.subarray(at, at + length)
    const bytes = yield { segment, offset: offset + frameHeaderLength, length, into: target }
    if (bytes === null) return 'gone'
    if (bytes.length !== length || crc32(target) !== crc) return 'damaged'
    at += length
  }
  return body
}

/** References travel between threads; one that was made up must not make a reader allocate without bound. */
function isPlace({ place: [segment, offset, length] }: RecordRef): boolean {
  return segment > 0 && offset >= 0 && length > 0 && length <= frameLengthMax
}
