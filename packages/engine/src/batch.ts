/**
 * What match hands to correlate: for each event a few numbers and one run of bytes, in two transferable buffers. The layout below is private to this room;
 * it never reaches a disk.
 *
 * Words of an event: the header (see `header`), then pairs (field number, byte length) of correlation values, then candidate nodes of four words
 * (rule index, flags, end of the node's subtree, byte length of its description or -1). Bytes of an event, in this order: agent JSON, GeoIP members, the member
 * full_log with its comma, members up to `decoder`, members from `data` on with the line's end, the raw full_log, agent id, place line, text tail, first-time-seen key, host name, log, the correlation
 * values, the descriptions.
 */
import { ByteText } from './byte-text.ts'

export interface MatchBatch {
  readonly count: number
  /** Int32 words. */
  readonly words: ArrayBuffer
  readonly wordCount: number
  readonly bytes: ArrayBuffer
}

/** Offsets of the header's words. Lengths are in bytes. */
export const header = {
  size: 0,
  flags: 1,
  seconds: 2,
  millis: 3,
  bytesAt: 4,
  agent: 5,
  geo: 6,
  fullLog: 7,
  before: 8,
  after: 9,
  raw: 10,
  agentId: 11,
  place: 12,
  textTail: 13,
  firstSeen: 14,
  host: 15,
  log: 16,
  category: 17,
  valueCount: 18,
  nodeCount: 19,
  preset: 20,
  length: 21,
} as const

/** What stands before the text of the member full_log, and what ends an event's line. */
export const fullLogOpen = '"full_log":'
export const lineClose = '}\n'

export const eventFlags = {
  /** Never reached the rules; `preset` holds the reason. */
  dropped: 1,
  /** Not written to the archives. */
  keepAlive: 2,
  /** The event has at least one dynamic field. */
  hasDynamic: 4,
  /** The whole event as it came: its decoding needs state, so correlate matches it. */
  deferred: 8,
  /** The agent id is an agent's own, not the manager's. */
  ofAgent: 16,
} as const

export const nodeFlags = {
  /** Conditions remain that need state. */
  stateful: 1,
  /** A list condition failed: state is touched, then the rule fails. */
  failsAfterState: 2,
} as const
/** Words of a candidate node. */
export const nodeWords = 4

/** Why an event was dropped before the rules. */
export const dropReasons = ['format', 'firewall-incomplete', 'no-event'] as const
export type DropReason = (typeof dropReasons)[number]

/** Collects events; grows as needed, so the caller bounds a batch by count and bytes. */
export class MatchWriter extends ByteText {
  words = new Int32Array(16_384)
  wordCount = 0
  count = 0

  /** Room for so many more words; `words` may be another array afterwards. */
  reserveWords(more: number): void {
    if (this.wordCount + more <= this.words.length) return
    const larger = new Int32Array(Math.max(this.words.length * 2, this.wordCount + more))
    larger.set(this.words.subarray(0, this.wordCount))
    this.words = larger
  }

  /** The batch, in buffers of its own; the writer is empty afterwards. */
  finish(): MatchBatch {
    const words = this.words.buffer.slice(0, this.wordCount * 4) as ArrayBuffer
    const bytes = (this.bytes.buffer as ArrayBuffer).slice(0, this.byteLength)
    const batch = { count: this.count, words, wordCount: this.wordCount, bytes }
    this.clear()
    return batch
  }

  /** The batch in the writer's own buffers, for a reader on the same thread that is done before the next event is added. */
  view(): MatchBatch {
    return {
      count: this.count,
      words: this.words.buffer as ArrayBuffer,
      wordCount: this.wordCount,
      bytes: this.bytes.buffer as ArrayBuffer,
    }
  }

  clear(): void {
    this.count = 0
    this.wordCount = 0
    this.byteLength = 0
  }
}
