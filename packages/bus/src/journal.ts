/**
 * The embedded bus: a segmented journal in one folder (format: frame.ts). In go records, on disk before they are acknowledged; out come
 * references in order for each consumer. What can go wrong: the disk (appends are refused, and go on when it does), damage (skipped, counted
 * and reported, never an exception), a second owner or a newer format (opening fails), and no room: `bytesMax` is kept by refusing what is
 * new, for what was acknowledged is never dropped.
 */
import fs from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { RecordMeta } from '@dogwatch/schema'
import {
  type Bus,
  type BusCounters,
  type BusRecord,
  bodyLengthMax,
  type Consumer,
  type Lag,
  metaTextLengthMax,
  type Position,
  type RecordRef,
  type RecordWriter,
} from './contract.ts'
import { BusError, JournalFullError } from './error.ts'
import { type JournalFileSystem, nodeFileSystem } from './file-system.ts'
import {
  type FrameKind,
  firstFrameOffset,
  frameHeadLength,
  frameHeadLengthMax,
  partLengthMax,
  segmentFileName,
} from './frame.ts'
import { type CommittedRecord, GroupCommit, type SegmentFile, type WrittenFrame } from './group-commit.ts'
import { JournalConsumer } from './journal-consumer.ts'
import { Cursor } from './journal-cursor.ts'
import { type FoundState, findState, unknownMs } from './journal-start.ts'
import { lockFolder } from './lock.ts'
import { PositionSaver, type Positions, savePositions } from './positions.ts'
import { type HeaderCache, readRecord } from './record-reading.ts'
import { PartedRecordWriter } from './record-writer.ts'
import { AsyncSegments } from './segment-files.ts'
import type { Damage } from './segment-scan.ts'

export interface JournalOptions {
  /** Created when missing, with mode 0700. */
  readonly folder: string
  /** Bound on the journal's disk use, bytes; default 16 GiB. */
  readonly bytesMax?: number
  /** A segment takes no more records behind this, bytes; default 64 MiB. */
  readonly segmentLengthMax?: number
  /** Larger bodies are written in parts of this, bytes; default and at most `partLengthMax`. */
  readonly partLength?: number
  /** Consumed segments stay this long after their last record, ms; default 10 minutes, the window in which duplicates are found. */
  readonly retainMs?: number
  /** Told of damage and repairs, one sentence each. */
  readonly report?: (notice: string) => void
  /** Replaced by tests. */
  readonly files?: JournalFileSystem
  readonly nowMs?: () => number
}

/** The journal as a bus, with what only a journal has. */
export interface Journal extends Bus {
  /** Where `openJournalReader` finds it. */
  readonly folder: string
  /** Deletes what every consumer has passed and nothing else keeps. Runs by itself after commits and twice a minute. */
  collect(): Promise<void>
}

const segmentLengthDefault = 64 * 1024 * 1024
const bytesMaxDefault = 16 * 1024 ** 3
const retainMsDefault = 600_000
const collectEveryMs = 30_000
/** References of the newest records kept in memory, so that consumers who keep up never read the files for them. */
const recentMax = 16_384
/** Places of damage remembered, so that each is counted once however many consumers meet it. */
const damageKnownMax = 4096
/** References in one batch of a replay. */
const replayBatchLength = 1024

/**
 * Opens the journal, repairing the end that a crash may have torn. Rejects with BUS_LOCKED, BUS_FORMAT_NEWER, or a file system error.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { folder } = options
  const made = await fs.mkdir(folder, { recursive: true, mode: 0o700 })
  // A new folder must survive a power cut as its records do.
  if (made !== undefined) for (const path of [folder, made]) await nodeFileSystem.syncFolder(dirname(path))
  const unlock = lockFolder(folder)
  try {
    const journal = new SegmentedJournal(options, unlock, await findState(folder, options.report ?? (() => {})))
    return journal
  } catch (error) {
    unlock()
    throw error
  }
}

class SegmentedJournal implements Journal {
  readonly folder: string
  readonly #options: Required<Omit<JournalOptions, 'report'>>
  readonly #report: (notice: string) => void
  readonly #unlock: () => void
  readonly #writing: GroupCommit
  readonly #reading: AsyncSegments
  readonly #headers: HeaderCache = new Map()
  /** Oldest first; the last may be the one being written. */
  readonly #segments: SegmentFile[]
  readonly #positions: Map<string, Position>
  readonly #openConsumers = new Map<string, JournalConsumer>()
  /** Records on their way in parts. */
  readonly #openWriters = new Set<PartedRecordWriter>()
  /** Those of them whose sender is not done. */
  readonly #senders = new Set<PartedRecordWriter>()
  readonly #saver: PositionSaver
  readonly #damageKnown = new Set<string>()
  readonly #timer: NodeJS.Timeout
  #recent: RecordRef[] = []
  #end: Position
  #openRecords = 0
  #pendingWrites = 0
  #isClosed = false
  #closing: Promise<void> | null = null
  #collecting: Promise<void> = Promise.resolve()
  #waiters: (() => void)[] = []
  readonly #counters: BusCounters

  constructor(options: JournalOptions, unlock: () => void, found: FoundState) {
    const partLength = Math.min(options.partLength ?? partLengthMax, partLengthMax)
    this.#options = {
      bytesMax: bytesMaxDefault,
      segmentLengthMax: segmentLengthDefault,
      retainMs: retainMsDefault,
      files: nodeFileSystem,
      nowMs: Date.now,
      ...options,
      partLength,
    }
    this.folder = options.folder
    this.#report = options.report ?? (() => {})
    this.#unlock = unlock
    this.#reading = new AsyncSegments(options.folder)
    this.#segments = found.segments
    this.#positions = found.consumers
    this.#end = found.nextSequence
    this.#counters = {
      appendedRecords: 0,
      appendedBytes: 0,
      groups: 0,
      syncMs: 0,
      refusedFull: 0,
      failedWrites: 0,
      abortedRecords: 0,
      damagedPlaces: 0,
      damagedBytes: 0,
      lostRecords: 0,
      tornBytes: found.tornBytes,
      diskBytes: 0,
    }
    for (const damage of found.damage) this.#noteDamage(damage)
    this.#writing = new GroupCommit({
      folder: options.folder,
      files: this.#options.files,
      segmentLengthMax: this.#options.segmentLengthMax,
      firstSegment: found.nextSegment,
      firstSequence: found.nextSequence,
      nowMs: this.#options.nowMs,
      partsFrom: () => this.#partsFrom(),
      began: (segment) => this.#segments.push(segment),
      committed: (records) => this.#committed(records),
      failed: (frames) => {
        this.#counters.failedWrites += frames
      },
    })
    this.#saver = new PositionSaver(() => this.#savePositions())
    this.#timer = setInterval(() => void this.collect(), collectEveryMs)
    this.#timer.unref()
  }

  get oldest(): Position {
    return this.#segments[0]?.header.firstSequence ?? this.#end
  }

  get end(): Position {
    return this.#end
  }

  async append(meta: RecordMeta, body: readonly Uint8Array[]): Promise<RecordRef> {
    this.#assertOpen()
    const chunks = body.filter((chunk) => chunk.length > 0)
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    if (length > bodyLengthMax || length === 0) {
      throw new BusError('BUS_RECORD_INVALID', `a body of ${length} bytes, not 1 to ${bodyLengthMax}`)
    }
    const checked = checkMeta(meta)
    if (length > this.#options.partLength) return this.#appendInParts(checked, chunks)
    return refOf(await this.#write('record', checked, chunks, 0), length)
  }

  begin(meta: RecordMeta): RecordWriter {
    this.#assertOpen()
    const writer = this.#begin(checkMeta(meta))
    this.#senders.add(writer)
    return writer
  }

  async consumer(name: string, start: 'oldest' | 'newest' = 'oldest'): Promise<Consumer> {
    this.#assertOpen()
    if (!/^[a-z0-9-]{1,64}$/.test(name)) throw new BusError('BUS_CONSUMER_NAME', JSON.stringify(name.slice(0, 80)))
    if (this.#openConsumers.has(name)) throw new BusError('BUS_CONSUMER_TAKEN', name)
    const isNew = !this.#positions.has(name)
    if (isNew) this.#positions.set(name, start === 'oldest' ? this.oldest : this.#end)
    const consumer = new JournalConsumer(name, {
      position: () => this.#positions.get(name) ?? this.#end,
      cursor: (position) => this.#cursor(position),
      end: () => this.#end,
      grown: (end, signal) => (this.#end === end ? this.#grown(signal) : Promise.resolve()),
      isClosed: () => this.#isClosed,
      commit: (position) => this.#commitPosition(name, position),
      lag: () => this.#lag(this.#positions.get(name) ?? this.#end),
      closed: () => {
        this.#openConsumers.delete(name)
        this.#wake()
      },
    })
    this.#openConsumers.set(name, consumer)
    if (isNew) await this.#saver.save()
    return consumer
  }

  async forget(name: string): Promise<void> {
    this.#openConsumers.get(name)?.close()
    if (!this.#positions.delete(name)) return
    await this.#saver.save()
    await this.collect()
  }

  consumers(): ReadonlyMap<string, Position> {
    return new Map(this.#positions)
  }

  async read(ref: RecordRef): Promise<BusRecord | null> {
    const record = await this.#reading.run(readRecord(ref, this.#headers, undefined))
    if (typeof record !== 'string') return record
    const [segment, offset, length] = ref.place
    if (record === 'damaged') this.#noteDamage({ segment, offset, length, lostRecords: 1 })
    return null
  }

  async *replay(from: Position, until: Position = this.#end): AsyncGenerator<readonly RecordRef[], void, undefined> {
    const cursor = this.#cursor(from)
    while (true) {
      const refs = await cursor.next(replayBatchLength)
      const wanted = refs.filter(({ sequence }) => sequence < until)
      if (wanted.length > 0) yield wanted
      if (wanted.length < refs.length || refs.length === 0) return
    }
  }

  async positionAtTime(arrivalUs: number): Promise<Position> {
    const segment = this.#segments.findLast(
      ({ header }) => header.createdMs !== unknownMs && header.createdMs * 1000 <= arrivalUs,
    )
    return segment?.header.firstSequence ?? this.oldest
  }

  counters(): Readonly<BusCounters> {
    const { groups, syncMs } = this.#writing
    return { ...this.#counters, groups, syncMs, diskBytes: this.#diskBytes() }
  }

  collect(): Promise<void> {
    this.#collecting = this.#collecting.then(() => this.#collect(this.#options.retainMs))
    return this.#collecting
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    for (const writer of this.#senders) writer.abort()
    while (this.#pendingWrites > 0 || this.#openWriters.size > 0) {
      await this.#writing.drained()
      await turnOfLoop()
    }
    for (const consumer of this.#openConsumers.values()) consumer.close()
    this.#wake()
    try {
      await this.#saver.save()
      await this.#collecting
    } finally {
      await this.#writing.leaveSegment()
      await this.#reading.close()
      this.#unlock()
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new BusError('BUS_CLOSED')
  }

  #begin(meta: RecordMeta): PartedRecordWriter {
    const number = (this.#openRecords += 1)
    const writer: PartedRecordWriter = new PartedRecordWriter({
      meta,
      partLength: this.#options.partLength,
      write: (kind, frameMeta, chunks, bodyLength) =>
        this.#write(kind, frameMeta, chunks, kind === 'part' ? number : bodyLength),
      ended: (how) => {
        this.#openWriters.delete(writer)
        this.#senders.delete(writer)
        if (how === 'aborted') this.#counters.abortedRecords += 1
      },
    })
    this.#openWriters.add(writer)
    return writer
  }

  async #appendInParts(meta: RecordMeta, chunks: readonly Uint8Array[]): Promise<RecordRef> {
    const writer = this.#begin(meta)
    try {
      for (const chunk of chunks) await writer.part(chunk)
      return await writer.commit()
    } catch (error) {
      writer.abort()
      throw error
    }
  }

  async #write(
    kind: FrameKind,
    meta: RecordMeta,
    chunks: readonly Uint8Array[],
    number: number,
  ): Promise<WrittenFrame> {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, frameHeadLength(meta))
    // The table of a record whose parts have found room is let in: it is what all that room was taken for.
    this.#pendingWrites += 1
    try {
      if (kind !== 'parted' && !this.#hasRoom(length)) await this.#makeRoom(length)
      return await this.#writing.write(kind, meta, chunks, number)
    } finally {
      this.#pendingWrites -= 1
    }
  }

  #hasRoom(length: number): boolean {
    const headers = firstFrameOffset + frameHeadLengthMax
    return this.#diskBytes() + this.#writing.waitingLength + length + headers <= this.#options.bytesMax
  }

  /** Gives up what is only retained, not unread; when that is not enough the record is refused. */
  async #makeRoom(length: number): Promise<void> {
    this.#collecting = this.#collecting.then(() => (this.#hasRoom(length) ? undefined : this.#collect(0)))
    await this.#collecting
    if (this.#hasRoom(length)) return
    this.#counters.refusedFull += 1
    throw new JournalFullError(`the journal holds ${this.#diskBytes()} of ${this.#options.bytesMax} bytes`)
  }

  #diskBytes(): number {
    let bytes = 0
    for (const { length } of this.#segments) bytes += length
    return bytes
  }

  #partsFrom(): number | null {
    let oldest: number | null = null
    for (const { partsFrom } of this.#openWriters) {
      if (partsFrom !== null && (oldest === null || partsFrom < oldest)) oldest = partsFrom
    }
    return oldest
  }

  #committed(records: readonly CommittedRecord[]): void {
    for (const record of records) {
      this.#recent.push(refOf(record, record.recordLength))
      this.#counters.appendedRecords += 1
      this.#counters.appendedBytes += record.recordLength
      this.#end = record.sequence + 1
    }
    if (this.#recent.length > 2 * recentMax) this.#recent = this.#recent.slice(-recentMax)
    if (records.length > 0) this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake()
  }

  /** Resolves when there may be more to read, or `signal` aborts. */
  #grown(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal?.removeEventListener('abort', done)
        this.#waiters = this.#waiters.filter((waiter) => waiter !== done)
        resolve()
      }
      signal?.addEventListener('abort', done)
      this.#waiters.push(done)
    })
  }

  #cursor(position: Position): Cursor {
    return new Cursor(position, {
      end: () => this.#end,
      recent: () => this.#recent,
      segments: () => this.#segments,
      read: (segment, offset, length) => this.#reading.read({ segment, offset, length }),
      damaged: (damage) => this.#noteDamage(damage),
    })
  }

  #noteDamage(damage: Damage): void {
    const key = `${damage.segment}:${damage.offset}`
    if (this.#damageKnown.has(key)) return
    if (this.#damageKnown.size >= damageKnownMax) this.#damageKnown.clear()
    this.#damageKnown.add(key)
    this.#counters.damagedPlaces += 1
    this.#counters.damagedBytes += damage.length
    this.#counters.lostRecords += damage.lostRecords
    this.#report(
      `journal segment ${damage.segment}: ${damage.length} damaged bytes at ${damage.offset}, ${damage.lostRecords} records lost`,
    )
  }

  async #commitPosition(name: string, position: Position): Promise<void> {
    const before = this.#positions.get(name)
    const after = Math.min(position, this.#end)
    if (before === undefined || !(after > before)) return
    this.#positions.set(name, after)
    await this.#saver.save()
    const passed = this.#segments[1]
    if (passed !== undefined && passed.header.firstSequence <= after) await this.collect()
  }

  async #savePositions(): Promise<void> {
    const positions: Positions = {
      consumers: this.#positions,
      nextSequence: this.#end,
      nextSegment: this.#writing.nextSegment,
    }
    await savePositions(this.folder, positions)
  }

  #lag(position: Position): Lag {
    let bytes = 0
    for (const [n, { header, length }] of this.#segments.entries()) {
      const first = header.firstSequence
      const past = this.#segments[n + 1]?.header.firstSequence ?? this.#end
      const span = Math.max(1, past - first)
      const unread = Math.min(span, Math.max(0, past - Math.max(position, first)))
      bytes += Math.round(((length - firstFrameOffset) * unread) / span)
    }
    return { records: Math.max(0, this.#end - position), bytes: Math.max(0, bytes) }
  }

  /** Never rejects: what cannot be deleted is tried again the next time. */
  async #collect(retainMs: number): Promise<void> {
    if (this.#positions.size === 0) return
    const floor = Math.min(...this.#positions.values())
    const now = this.#options.nowMs()
    const last = this.#segments.at(-1)
    const isActive = last !== undefined && last.header.segment === this.#writing.activeSegment
    // A quiet sender's records must not lie around for ever only because their segment is not full.
    const isStale = isActive && last.length > firstFrameOffset && last.header.createdMs <= now - retainMs
    if (isStale && floor >= this.#end && this.#openWriters.size === 0) await this.#writing.leaveSegment()
    const keepFrom = this.#keepFrom(floor)
    while (true) {
      const segment = this.#segments[0]
      if (segment === undefined || segment.header.segment >= keepFrom) return
      if (segment.writtenMs > now - retainMs && retainMs > 0) return
      try {
        await this.#reading.forget(segment.header.segment)
        await this.#options.files.remove(join(this.folder, segmentFileName(segment.header.segment)))
      } catch (error) {
        this.#report(`journal segment ${segment.header.segment} cannot be deleted: ${String(error)}`)
        return
      }
      this.#segments.shift()
    }
  }

  /** The lowest segment that is needed when everything before `floor` is done with. */
  #keepFrom(floor: Position): number {
    const active = this.#writing.activeSegment
    const isAllDone = floor >= this.#end && active === null && this.#openWriters.size === 0
    if (isAllDone) return (this.#segments.at(-1)?.header.segment ?? 0) + 1
    const first = this.#segments.findLast(({ header }) => header.firstSequence <= floor) ?? this.#segments[0]
    if (first === undefined) return 0
    const open = this.#partsFrom() ?? first.header.segment
    return Math.min(first.header.segment, first.header.partsFrom, open)
  }
}

function refOf({ sequence, segment, offset, length }: WrittenFrame, bodyLength: number): RecordRef {
  return { sequence, length: bodyLength, place: [segment, offset, length] }
}

/** The description as it can be written. Throws BUS_RECORD_INVALID. */
function checkMeta(meta: RecordMeta): RecordMeta {
  for (const name of ['source', 'peer'] as const) {
    if (Buffer.byteLength(meta[name]) > metaTextLengthMax) {
      throw new BusError('BUS_RECORD_INVALID', `${name} over ${metaTextLengthMax} bytes`)
    }
  }
  const arrivalUs = Math.floor(meta.arrivalUs)
  if (!Number.isSafeInteger(arrivalUs) || arrivalUs < 0) {
    throw new BusError('BUS_RECORD_INVALID', `arrival time ${meta.arrivalUs}`)
  }
  return { ...meta, arrivalUs }
}

function turnOfLoop(): Promise<true> {
  return new Promise((resolve) => setImmediate(() => resolve(true)))
}
