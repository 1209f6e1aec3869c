/**
 * The writing half of the journal: frames wait in two lanes, are written in groups, and a group is synced to disk before any of it is
 * acknowledged. One group is in flight; meanwhile the next one gathers. Small frames come first and at most about one group of parts follows,
 * so that a large record costs the others one part's time.
 *
 * What can go wrong is the disk. Then the group's frames are refused, the segment is cut back to where it was before and left for good (after
 * a failed sync nobody knows what of it is on disk), and the next group begins a new one; so the journal goes on as soon as the disk does.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { RecordMeta } from '@dogwatch/schema'
import { BusError, JournalFullError } from './error.ts'
import { type JournalFileSystem, writeAll, writeBuffersMax } from './file-system.ts'
import {
  encodeSegmentHeader,
  type FrameKind,
  type FrameToWrite,
  firstFrameOffset,
  frameHeadLength,
  frameHeadLengthMax,
  type SegmentHeader,
  segmentFileName,
  writeFrameHead,
} from './frame.ts'

/** A group is full at this many bytes. */
const groupLengthMax = 1024 * 1024
/** With this much waiting, or with a single frame that is large, a group goes at once. */
const gatherLength = 64 * 1024
/** How long a busy writer gathers small frames, ms. */
const gatherMs = 2
/** Chunks up to this length are copied beside their header: dearer than a copy of this size is one more buffer in a write. */
const copyLengthMax = 4096
/** Chunks smaller than this on average are joined first: a sender chooses how small they are. */
const crumbLength = 1024
/** Most that one frame takes of the staging buffer. The last frame's worth is kept for a part, so that small records never shut them out. */
const stagedLengthMax = frameHeadLengthMax + copyLengthMax
/** Most that may wait in memory, bytes. A sender that keeps within its own bound never meets it. */
const waitingLengthMax = 256 * 1024 * 1024

export interface WrittenFrame {
  readonly sequence: number
  readonly segment: number
  readonly offset: number
  /** Header and body. */
  readonly length: number
  readonly bodyLength: number
  readonly bodyCrc: number
}

/** A record that has become durable; `recordLength` is the length of its body, wherever that lies. */
export interface CommittedRecord extends WrittenFrame {
  readonly recordLength: number
}

/** A frame that waits for its group. */
interface Waiting extends FrameToWrite {
  readonly chunks: readonly Uint8Array[]
  readonly length: number
  readonly recordLength: number
  /** Parts carry the number of their open record instead of a sequence number. */
  readonly openRecord: number
  readonly resolve: (frame: WrittenFrame) => void
  readonly reject: (error: Error) => void
}

interface Placed {
  readonly waiting: Waiting
  readonly written: WrittenFrame
}

export interface SegmentFile {
  readonly header: SegmentHeader
  /** Bytes of it that are durable frames, with the header. */
  length: number
  /** When it was last written, ms since the epoch. */
  writtenMs: number
}

export interface GroupCommitOptions {
  readonly folder: string
  readonly files: JournalFileSystem
  readonly segmentLengthMax: number
  readonly firstSegment: number
  readonly firstSequence: number
  readonly nowMs: () => number
  /** Oldest segment with parts of a record that is open now, or null. */
  readonly partsFrom: () => number | null
  readonly began: (segment: SegmentFile) => void
  /** A group is durable; before its appends resolve. */
  readonly committed: (records: readonly CommittedRecord[]) => void
  readonly failed: (frames: number) => void
}

export class GroupCommit {
  readonly #options: GroupCommitOptions
  readonly #small: Waiting[] = []
  readonly #parts: Waiting[] = []
  readonly #staging = Buffer.alloc(groupLengthMax + 2 * stagedLengthMax)
  #active: { readonly file: number; readonly segment: SegmentFile } | null = null
  #nextSegment: number
  #nextSequence: number
  #waitingLength = 0
  #isWriting = false
  #soon: NodeJS.Immediate | null = null
  #later: NodeJS.Timeout | null = null
  #idle: (() => void)[] = []
  #groups = 0
  #syncMs = 0

  constructor(options: GroupCommitOptions) {
    this.#options = options
    this.#nextSegment = options.firstSegment
    this.#nextSequence = options.firstSequence
  }

  /** Bytes waiting to be written. */
  get waitingLength(): number {
    return this.#waitingLength
  }

  get groups(): number {
    return this.#groups
  }

  get syncMs(): number {
    return this.#syncMs
  }

  /** Number of the segment being written; null before the first group and after a failure. */
  get activeSegment(): number | null {
    return this.#active?.segment.header.segment ?? null
  }

  /** Number of the segment that is begun next. */
  get nextSegment(): number {
    return this.#nextSegment
  }

  /**
   * Resolves when the frame is durable. The chunks must be left alone until then. `number`: of the open record for a part, the length of the
   * whole body for a parted record, else 0.
   */
  write(kind: FrameKind, meta: RecordMeta, chunks: readonly Uint8Array[], number: number): Promise<WrittenFrame> {
    let bodyLength = 0
    let bodyCrc = 0
    for (const chunk of chunks) {
      bodyLength += chunk.length
      bodyCrc = crc32(chunk, bodyCrc)
    }
    const length = frameHeadLength(meta) + bodyLength
    const isCrumbled = bodyLength > copyLengthMax && bodyLength / chunks.length < crumbLength
    const pieces = isCrumbled ? [Buffer.concat(chunks)] : chunks
    if (this.#waitingLength + length > waitingLengthMax) {
      return Promise.reject(new JournalFullError(`${this.#waitingLength} bytes wait for the disk`))
    }
    return new Promise((resolve, reject) => {
      const lane = kind === 'part' ? this.#parts : this.#small
      lane.push({
        kind,
        meta,
        bodyLength,
        bodyCrc,
        chunks: pieces,
        length,
        recordLength: kind === 'parted' ? number : bodyLength,
        openRecord: number,
        resolve,
        reject,
      })
      this.#waitingLength += length
      if (this.#isWriting) return
      if (this.#later === null || this.#waitingLength >= gatherLength) this.#scheduleSoon()
    })
  }

  /** Resolves when nothing waits and nothing is in flight. */
  drained(): Promise<void> {
    if (!this.#isWriting && this.#waitingLength === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Leaves the active segment, so that the next record begins a new one. Does nothing while a group is in flight. */
  async leaveSegment(): Promise<void> {
    if (this.#isWriting) return
    const active = this.#active
    this.#active = null
    if (active !== null) await this.#options.files.close(active.file).catch(() => {})
  }

  #scheduleSoon(): void {
    if (this.#later !== null) clearTimeout(this.#later)
    this.#later = null
    this.#soon ??= setImmediate(() => this.#run())
  }

  #scheduleLater(): void {
    this.#later ??= setTimeout(() => this.#run(), gatherMs)
  }

  async #run(): Promise<void> {
    this.#soon = null
    this.#later = null
    if (this.#isWriting || this.#waitingLength === 0) return
    this.#isWriting = true
    const frames = await this.#writeGroup()
    this.#isWriting = false
    if (this.#waitingLength === 0) {
      for (const resolve of this.#idle.splice(0)) resolve()
      return
    }
    const isBusyWithSmall = frames > 1 && this.#waitingLength < gatherLength && this.#idle.length === 0
    if (isBusyWithSmall) this.#scheduleLater()
    else this.#scheduleSoon()
  }

  /** Writes one group; never throws. Returns how many frames it had. */
  async #writeGroup(): Promise<number> {
    let placed: Placed[] = []
    try {
      const active = await this.#room()
      const buffers: Uint8Array[] = []
      const start = active.segment.length
      placed = this.#gather(active.segment, buffers)
      await this.#writeDurably(active, buffers, start)
      active.segment.length = start + lengthOf(placed)
      active.segment.writtenMs = this.#options.nowMs()
    } catch (cause) {
      await this.#fail(placed, cause)
      return 0
    }
    for (const { waiting } of placed) this.#waitingLength -= waiting.length
    this.#options.committed(
      placed
        .filter(({ waiting }) => waiting.kind !== 'part')
        .map(({ waiting, written }) => ({ ...written, recordLength: waiting.recordLength })),
    )
    for (const { waiting, written } of placed) waiting.resolve(written)
    return placed.length
  }

  /** The active segment, or a new one when the next frame does not fit. */
  async #room(): Promise<{ readonly file: number; readonly segment: SegmentFile }> {
    const active = this.#active
    const next = this.#small[0] ?? this.#parts[0]
    if (active !== null) {
      const isEmpty = active.segment.length === firstFrameOffset
      if (isEmpty || active.segment.length + (next?.length ?? 0) <= this.#options.segmentLengthMax) return active
      this.#active = null
      await this.#options.files.close(active.file)
    }
    return (this.#active = await this.#beginSegment())
  }

  async #beginSegment(): Promise<{ readonly file: number; readonly segment: SegmentFile }> {
    const { folder, files, nowMs, partsFrom } = this.#options
    const number = this.#nextSegment
    const createdMs = nowMs()
    const header: SegmentHeader = {
      segment: number,
      firstSequence: this.#nextSequence,
      salt: randomBytes(8),
      createdMs,
      partsFrom: partsFrom() ?? number,
    }
    const path = join(folder, segmentFileName(number))
    const file = await files.create(path)
    // From here on the number is used up, whatever happens: a reader may have opened the file.
    this.#nextSegment += 1
    try {
      await writeAll(files, file, [encodeSegmentHeader(header)], 0)
      await files.sync(file)
      await files.syncFolder(folder)
    } catch (error) {
      await files.close(file).catch(() => {})
      await files.remove(path).catch(() => {})
      throw error
    }
    const segment = { header, length: firstFrameOffset, writtenMs: createdMs }
    this.#options.began(segment)
    return { file, segment }
  }

  /** Takes frames from the lanes and lays them out behind one another. */
  #gather(segment: SegmentFile, buffers: Uint8Array[]): Placed[] {
    const placed: Placed[] = []
    let offset = segment.length
    let stagingAt = 0
    let runStart = 0
    const endRun = () => {
      if (stagingAt > runStart) buffers.push(this.#staging.subarray(runStart, stagingAt))
      runStart = stagingAt
    }
    for (const lane of [this.#small, this.#parts]) {
      let taken = 0
      for (const waiting of lane) {
        const used = offset - segment.length
        const isFirst = placed.length === 0
        if (used >= groupLengthMax && !(lane === this.#parts && taken === 0)) break
        if (!isFirst && offset + waiting.length > this.#options.segmentLengthMax) break
        if (buffers.length + waiting.chunks.length + 2 > writeBuffersMax && !isFirst) break
        const stagingRoom = this.#staging.length - stagingAt
        if (stagingRoom < (lane === this.#parts ? 1 : 2) * stagedLengthMax) break
        const sequence = waiting.kind === 'part' ? waiting.openRecord : this.#nextSequence++
        stagingAt = writeFrameHead(this.#staging, stagingAt, waiting, sequence, segment.header)
        if (waiting.bodyLength <= copyLengthMax) {
          for (const chunk of waiting.chunks) {
            this.#staging.set(chunk, stagingAt)
            stagingAt += chunk.length
          }
        } else {
          endRun()
          buffers.push(...waiting.chunks)
        }
        const { length, bodyLength, bodyCrc } = waiting
        const written = { sequence, segment: segment.header.segment, offset, length, bodyLength, bodyCrc }
        placed.push({ waiting, written })
        offset += waiting.length
        taken += 1
      }
      lane.splice(0, taken)
    }
    endRun()
    return placed
  }

  async #writeDurably(active: { readonly file: number }, buffers: readonly Uint8Array[], at: number): Promise<void> {
    const { files } = this.#options
    await writeAll(files, active.file, buffers, at)
    const before = performance.now()
    await files.sync(active.file)
    this.#syncMs += performance.now() - before
    this.#groups += 1
  }

  /** Refuses what was in the group (all that waits, when not even a segment could be begun) and leaves the segment. */
  async #fail(placed: readonly Placed[], cause: unknown): Promise<void> {
    const active = this.#active
    this.#active = null
    if (active !== null) {
      await this.#options.files.truncate(active.file, active.segment.length).catch(() => {})
      await this.#options.files.close(active.file).catch(() => {})
    }
    const lost = placed.length > 0 ? placed.map(({ waiting }) => waiting) : this.#takeAll()
    for (const waiting of lost) this.#waitingLength -= waiting.length
    this.#options.failed(lost.length)
    const error = refusal(cause)
    for (const waiting of lost) waiting.reject(error)
  }

  #takeAll(): Waiting[] {
    return [...this.#small.splice(0), ...this.#parts.splice(0)]
  }
}

function lengthOf(placed: readonly Placed[]): number {
  return placed.reduce((sum, { waiting }) => sum + waiting.length, 0)
}

function refusal(cause: unknown): BusError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const detail = cause instanceof Error ? cause.message : String(cause)
  if (code === 'ENOSPC' || code === 'EDQUOT') return new JournalFullError(detail, cause)
  return new BusError('BUS_WRITE_FAILED', detail, cause)
}
