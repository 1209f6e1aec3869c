/**
 * The Bus contract: what every bus promises, whatever keeps the records (spec: design 2 and 4, contracts 3). In go records (where they came
 * from, and their bytes), out come references in order, and the bytes again. `bus-suite.ts` is this file as tests; every implementation runs it.
 *
 * The promises:
 * - `append` and `commit` of a writer resolve when the record is durable, never before.
 * - Records have one order, the same for every consumer and after every restart. Sequence numbers grow and are never used twice; gaps are
 *   allowed, so `sequence + 1` need not exist.
 * - Delivery is at least once: after a crash a consumer goes on from its last committed position.
 * - A refused append is an error with a code (`error.ts`); an append that failed on the way to the disk may still turn up for readers.
 */
import type { RecordMeta } from '@dogwatch/schema'

/** Longest body of a record, bytes. */
export const bodyLengthMax = 64 * 1024 * 1024
/** Longest `source` and `peer` of a record, bytes of UTF-8. */
export const metaTextLengthMax = 255

/**
 * A place between records: the sequence number of the first record that has not been handled. Compare with `<`, take from `positionAfter` or
 * from a bus; a bus accepts any number and goes on at the next record that it has.
 */
export type Position = number

/** Which record, small enough to be sent to a worker thread for each; structured-cloneable. */
export interface RecordRef {
  /** The record's number since the bus began, from 1. */
  readonly sequence: number
  /** Bytes of the body. */
  readonly length: number
  /** Where the bus finds it again. Means something to the implementation alone. */
  readonly place: RecordPlace
}
export type RecordPlace = readonly [number, number, number]

export interface BusRecord {
  readonly sequence: number
  readonly meta: RecordMeta
  readonly body: Uint8Array
}

/** A record that arrives in pieces. Nothing of it is visible to readers before `commit` has resolved; others' records go on meanwhile. */
export interface RecordWriter {
  /** Bytes taken so far. */
  readonly length: number
  /**
   * Takes the next bytes; resolves when the writer wants more, so awaiting it is the back-pressure. The chunk belongs to the bus from here on.
   * After an error (full, failed, too large) the record is lost and only `abort` is left.
   */
  part(chunk: Uint8Array): Promise<void>
  /** Makes the record durable and visible. */
  commit(): Promise<RecordRef>
  /** Gives the record up. Safe at any time, also twice and after `commit`, where it does nothing. */
  abort(): void
}

export interface Lag {
  /** Records between the committed position and the end; gaps in the numbers count too. */
  readonly records: number
  /** Bytes of the same, an estimate. */
  readonly bytes: number
}

/** A named reader whose position outlives the process. One owner at a time. */
export interface Consumer {
  readonly name: string
  /** The committed position. */
  readonly position: Position
  /**
   * The next references in order, at least one and at most `recordsMax`; waits for the first. Prefetching is the caller's: nothing is read
   * ahead of what is asked for. One call at a time. Empty when the consumer or the bus has been closed, or `signal` aborted.
   */
  next(recordsMax: number, signal?: AbortSignal): Promise<readonly RecordRef[]>
  /** Goes on reading from here; the committed position stays. For replays. */
  seek(position: Position): void
  /** Everything before `position` is done with. Resolves when that is durable; calls are batched. A lower position than before is ignored. */
  commit(position: Position): Promise<void>
  lag(): Lag
  close(): void
}

/** Grow only, except where said; for metrics. */
export interface BusCounters {
  /** Records made durable, and the bytes of their bodies. */
  appendedRecords: number
  appendedBytes: number
  /** Group commits, and the time spent in their sync to disk, milliseconds. */
  groups: number
  syncMs: number
  /** Appends refused because the bus is full. */
  refusedFull: number
  /** Appends that failed on the way to the disk. */
  failedWrites: number
  /** Records given up by their sender. */
  abortedRecords: number
  /** Stretches of damage met by readers, their bytes, and the records known to be lost in them. */
  damagedPlaces: number
  damagedBytes: number
  lostRecords: number
  /** Bytes cut off at start behind the last good record. */
  tornBytes: number
  /** Bytes on disk now (gauge). */
  diskBytes: number
}

export interface Bus {
  /**
   * Appends one record of 1 byte to `bodyLengthMax`; the body in as many chunks as it came in. Resolves when durable. The chunks must not
   * change before that. Rejects with a BusError; BUS_FULL (`JournalFullError`) means that the sender should try again later.
   */
  append(meta: RecordMeta, body: readonly Uint8Array[]): Promise<RecordRef>
  /** Begins a record whose body comes slowly or is large. */
  begin(meta: RecordMeta): RecordWriter
  /** Opens a consumer; a new name starts at the oldest or behind the newest record. Rejects with BUS_CONSUMER_TAKEN when it is open already. */
  consumer(name: string, start?: 'oldest' | 'newest'): Promise<Consumer>
  /** Forgets a consumer for good, so that it no longer keeps records from being deleted. */
  forget(name: string): Promise<void>
  /** The names of all consumers, open or not, with their committed positions. */
  consumers(): ReadonlyMap<string, Position>
  /** The record, or null when it is damaged or gone (counted). The body is the caller's. */
  read(ref: RecordRef): Promise<BusRecord | null>
  /** References in batches from `from` (the oldest if that is gone) up to but not including `until` (by default what is the end now). For replays. */
  replay(from: Position, until?: Position): AsyncIterable<readonly RecordRef[]>
  /** A position from which every record that arrived at or after `arrivalUs` (µs since the epoch) follows; older ones may precede it. */
  positionAtTime(arrivalUs: number): Promise<Position>
  /** Position of the oldest record kept. */
  readonly oldest: Position
  /** Position behind the newest durable record. */
  readonly end: Position
  counters(): Readonly<BusCounters>
  /** Stops taking records, waits for pending appends and commits, wakes waiting consumers. Writers still open are aborted. */
  close(): Promise<void>
}

/** The position to commit when this record, and all before it, are done with. */
export function positionAfter(ref: { readonly sequence: number }): Position {
  return ref.sequence + 1
}
