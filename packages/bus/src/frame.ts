/**
 * The journal's on-disk format, version 1. In go records, out come bytes, and back; nothing here touches a disk. Bytes that are not what they
 * should be are a value (null or a reason), never an exception.
 *
 * A journal is a folder:
 *
 *     0000000001.segment, 0000000002.segment, …   frames, appended to the highest number only, deleted from the lowest
 *     consumers.json                              committed positions (positions.ts)
 *     lock, lock.pid                              who owns the folder (lock.ts)
 *
 * All numbers are little-endian. A **segment** begins with its header of 64 bytes, written twice so that one damaged byte does not cost it:
 *
 *      0  8  magic "DGWSEGMT"          16  4  segment number                 40  8  creation time, ms since the epoch
 *      8  4  format version            20  4  oldest segment with parts of   48  12 zero
 *     12  4  zero                             a record that was open then    60  4  CRC-32 of bytes 0–59
 *                                      24  8  salt, random
 *                                      32  8  first sequence number
 *
 * Magic, version and the place of the CRC stay where they are in all later versions. Then **frames** follow without gaps:
 *
 *      0  4  magic                     12  4  body length B                  40  8  arrival, µs since the epoch
 *      4  1  format version            16  4  CRC-32 of the body             48  4  CRC-32 of bytes 0–47, source and peer
 *      5  1  kind: 1 2 3               20  1  length of peer P               52  S  source, UTF-8
 *      6  1  input (inputKinds)        21  3  zero                           …   P  peer, UTF-8
 *      7  1  length of source S        24  8  salt of the segment            …   B  body
 *      8  4  segment number            32  8  sequence number (kind 2: number of the open record)
 *
 * Segment number and salt in each frame keep a reader that has lost its way from taking for a frame what is only the body of one: a sender
 * chooses the body but cannot know the salt.
 *
 * Kind 1 is a record. Kind 2 is a part of a record that is larger than `partLengthMax` or came slowly: invisible by itself. Kind 3 makes a
 * record of parts visible; its body is a table of 16 bytes a part: segment, offset of the frame, length and CRC-32 of the part. Parts without
 * a kind 3 were aborted, or cut off by a crash, and go with their segment.
 */
import { crc32 } from 'node:zlib'
import { type InputKind, inputKinds, type RecordMeta } from '@dogwatch/schema'
import { bodyLengthMax, metaTextLengthMax } from './contract.ts'

export const formatVersion = 1
export const segmentHeaderLength = 64
/** Both copies of the header: where the first frame begins. */
export const firstFrameOffset = 2 * segmentHeaderLength
export const frameHeaderLength = 52
/** Frame header with the longest source and peer, bytes. */
export const frameHeadLengthMax = frameHeaderLength + 2 * metaTextLengthMax
/** Longest body of a single frame, bytes. Bounds how long one record can hold up the others, and the windows that readers need. */
export const partLengthMax = 1024 * 1024
export const frameLengthMax = frameHeadLengthMax + partLengthMax
const partEntryLength = 16
const saltOffset = 24
const saltLength = 8

export const frameKinds = { record: 1, part: 2, parted: 3 } as const
export type FrameKind = keyof typeof frameKinds

const segmentMagic = Buffer.from('DGWSEGMT', 'latin1')
/** Starts every frame. No byte of it repeats, so that a search never has to step back, and it is no valid UTF-8. */
export const frameMagic = Buffer.from([0xf5, 0x44, 0xd7, 0x4a])

export interface SegmentHeader {
  readonly segment: number
  readonly firstSequence: number
  /** 8 random bytes. */
  readonly salt: Uint8Array
  readonly createdMs: number
  /** A record made visible in this segment has its parts in this segment or a later one. */
  readonly partsFrom: number
}

export interface FrameHeader {
  readonly kind: FrameKind
  readonly input: InputKind
  readonly source: string
  readonly peer: string
  readonly arrivalUs: number
  readonly sequence: number
  /** Bytes before the body. */
  readonly headLength: number
  readonly bodyLength: number
  readonly bodyCrc: number
}

/** Where a part is. */
export interface PartEntry {
  readonly segment: number
  readonly offset: number
  readonly length: number
  readonly crc: number
}

/** `0000000007.segment`. */
export function segmentFileName(segment: number): string {
  return `${String(segment).padStart(10, '0')}.segment`
}

/** The number in a segment's file name; null for any other file. */
export function segmentOfFileName(name: string): number | null {
  const match = /^(\d{10})\.segment$/.exec(name)
  const segment = Number(match?.[1] ?? 0)
  return segment >= 1 && segment <= 0xffff_ffff ? segment : null
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(firstFrameOffset)
  segmentMagic.copy(bytes)
  bytes.writeUInt32LE(formatVersion, 8)
  bytes.writeUInt32LE(header.segment, 16)
  bytes.writeUInt32LE(header.partsFrom, 20)
  bytes.set(header.salt, 24)
  writeSafeInteger(bytes, header.firstSequence, 32)
  writeSafeInteger(bytes, header.createdMs, 40)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
  bytes.copy(bytes, segmentHeaderLength, 0, segmentHeaderLength)
  return bytes
}

/** `newer` is a version of the future, to be refused; null means that neither copy can be read. */
export function decodeSegmentHeader(bytes: Buffer, segment: number): SegmentHeader | 'newer' | null {
  for (const at of [0, segmentHeaderLength]) {
    if (bytes.length < at + segmentHeaderLength) return null
    const copy = bytes.subarray(at, at + segmentHeaderLength)
    if (!copy.subarray(0, 8).equals(segmentMagic)) continue
    if (copy.readUInt32LE(60) !== crc32(copy.subarray(0, 60))) continue
    if (copy.readUInt32LE(8) > formatVersion) return 'newer'
    const firstSequence = readSafeInteger(copy, 32)
    const createdMs = readSafeInteger(copy, 40)
    if (copy.readUInt32LE(16) !== segment || firstSequence === null || createdMs === null) continue
    return {
      segment,
      firstSequence,
      salt: Buffer.from(copy.subarray(24, 32)),
      createdMs,
      partsFrom: copy.readUInt32LE(20),
    }
  }
  return null
}

/**
 * What can be told of a segment whose header is lost in both copies, from the first sound frame in these bytes; null when there is none. The
 * rest is set so that nothing is deleted or counted on a guess.
 */
export function recoverSegmentHeader(bytes: Buffer, segment: number): SegmentHeader | null {
  for (let at = bytes.indexOf(frameMagic); at >= 0; at = bytes.indexOf(frameMagic, at + 1)) {
    const salt = Buffer.from(bytes.subarray(at + saltOffset, at + saltOffset + saltLength))
    const head = salt.length === saltLength ? readFrameHead(bytes, at, { segment, salt }) : null
    if (head !== null && head !== 'short') return { segment, firstSequence: 0, salt, createdMs: 0, partsFrom: 1 }
  }
  return null
}

/** Bytes before the body of a frame with this description. */
export function frameHeadLength(meta: RecordMeta): number {
  return frameHeaderLength + Buffer.byteLength(meta.source) + Buffer.byteLength(meta.peer)
}

export interface FrameToWrite {
  readonly kind: FrameKind
  readonly meta: RecordMeta
  readonly bodyLength: number
  readonly bodyCrc: number
}

/** Writes a frame's header, source and peer at `at`; returns where the body begins. The room must be there: `frameHeadLength`. */
export function writeFrameHead(
  bytes: Buffer,
  at: number,
  frame: FrameToWrite,
  sequence: number,
  { segment, salt }: Pick<SegmentHeader, 'segment' | 'salt'>,
): number {
  const { meta } = frame
  const sourceLength = bytes.write(meta.source, at + frameHeaderLength)
  const peerLength = bytes.write(meta.peer, at + frameHeaderLength + sourceLength)
  bytes.set(frameMagic, at)
  bytes[at + 4] = formatVersion
  bytes[at + 5] = frameKinds[frame.kind]
  bytes[at + 6] = inputKinds[meta.input]
  bytes[at + 7] = sourceLength
  bytes.writeUInt32LE(segment, at + 8)
  bytes.writeUInt32LE(frame.bodyLength, at + 12)
  bytes.writeUInt32LE(frame.bodyCrc, at + 16)
  bytes.writeUInt32LE(peerLength, at + 20)
  bytes.set(salt, at + saltOffset)
  writeSafeInteger(bytes, sequence, at + 32)
  writeSafeInteger(bytes, meta.arrivalUs, at + 40)
  const body = at + frameHeaderLength + sourceLength + peerLength
  bytes.writeUInt32LE(headCrc(bytes, at, body), at + 48)
  return body
}

/**
 * The frame header at `at`; null when there is none, `short` when the bytes end before it does. A header is trusted whole or not at all: its
 * CRC covers the length, so the next frame is found even when the body is damaged.
 */
export function readFrameHead(
  bytes: Buffer,
  at: number,
  { segment, salt }: Pick<SegmentHeader, 'segment' | 'salt'>,
): FrameHeader | 'short' | null {
  if (bytes.length - at < frameHeaderLength) return 'short'
  if (bytes[at] !== frameMagic[0] || bytes.readUInt32LE(at) !== frameMagic.readUInt32LE(0)) return null
  if (bytes[at + 4] !== formatVersion || bytes.readUInt32LE(at + 8) !== segment) return null
  for (let n = 0; n < saltLength; n += 1) if (bytes[at + saltOffset + n] !== salt[n]) return null
  const bodyLength = bytes.readUInt32LE(at + 12)
  const kind = kindNames[bytes[at + 5] ?? 0]
  const input = inputNames[bytes[at + 6] ?? 0]
  if (bodyLength > partLengthMax || kind === undefined || input === undefined) return null
  const sourceEnd = at + frameHeaderLength + (bytes[at + 7] ?? 0)
  const body = sourceEnd + (bytes[at + 20] ?? 0)
  if (body > bytes.length) return 'short'
  if (bytes.readUInt32LE(at + 48) !== headCrc(bytes, at, body)) return null
  const sequence = readSafeInteger(bytes, at + 32)
  const arrivalUs = readSafeInteger(bytes, at + 40)
  if (sequence === null || arrivalUs === null) return null
  return {
    kind,
    input,
    source: bytes.toString('utf8', at + frameHeaderLength, sourceEnd),
    peer: bytes.toString('utf8', sourceEnd, body),
    arrivalUs,
    sequence,
    headLength: body - at,
    bodyLength,
    bodyCrc: bytes.readUInt32LE(at + 16),
  }
}

export function encodePartTable(parts: readonly PartEntry[]): Buffer {
  const bytes = Buffer.alloc(parts.length * partEntryLength)
  for (const [n, { segment, offset, length, crc }] of parts.entries()) {
    bytes.writeUInt32LE(segment, n * partEntryLength)
    bytes.writeUInt32LE(offset, n * partEntryLength + 4)
    bytes.writeUInt32LE(length, n * partEntryLength + 8)
    bytes.writeUInt32LE(crc, n * partEntryLength + 12)
  }
  return bytes
}

/** The parts, and their length together; null when that cannot be a table. */
export function decodePartTable(
  bytes: Buffer,
): { readonly parts: readonly PartEntry[]; readonly length: number } | null {
  if (bytes.length % partEntryLength !== 0) return null
  const parts: PartEntry[] = []
  let length = 0
  for (let at = 0; at < bytes.length; at += partEntryLength) {
    const part = {
      segment: bytes.readUInt32LE(at),
      offset: bytes.readUInt32LE(at + 4),
      length: bytes.readUInt32LE(at + 8),
      crc: bytes.readUInt32LE(at + 12),
    }
    length += part.length
    if (part.length > partLengthMax || length > bodyLengthMax) return null
    parts.push(part)
  }
  return { parts, length }
}

const kindNames = byNumber<FrameKind>(frameKinds)
const inputNames = byNumber<InputKind>(inputKinds)

function byNumber<Name extends string>(table: Readonly<Record<Name, number>>): readonly (Name | undefined)[] {
  const names: (Name | undefined)[] = []
  for (const name in table) names[table[name]] = name
  return names
}

function headCrc(bytes: Buffer, at: number, body: number): number {
  const head = crc32(bytes.subarray(at, at + 48))
  return crc32(bytes.subarray(at + frameHeaderLength, body), head)
}

/** Whole numbers from 0 to 2^53 - 1 in eight bytes. */
function writeSafeInteger(bytes: Buffer, value: number, at: number): void {
  bytes.writeUInt32LE(value % 0x1_0000_0000, at)
  bytes.writeUInt32LE(Math.floor(value / 0x1_0000_0000), at + 4)
}

function readSafeInteger(bytes: Buffer, at: number): number | null {
  const value = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000
  return Number.isSafeInteger(value) ? value : null
}
