/** Where inputs put what they received. An input is handed one and never learns what stands behind it. */
import type { RecordMeta } from '@dogwatch/schema'

/** A record that is written while it arrives. Nothing of it is visible before `commit`. */
export interface RecordWriter {
  /** Resolves when the next part may be given. */
  part(chunk: Uint8Array): Promise<void>
  /** Resolves when the whole record is durable. */
  commit(): Promise<void>
  /** Gives the record up; allowed at any time before `commit` has resolved, also while a part is being written. */
  abort(): void
}

/**
 * Errors carry a `code`: `JOURNAL_FULL` when there is no room, else that of the failed I/O. Senders are then told to come again.
 */
export interface RecordSink {
  /** Resolves when the record is durable. */
  put(meta: RecordMeta, body: readonly Uint8Array[]): Promise<void>
  /** For bodies too big to be held. */
  begin?(meta: RecordMeta): RecordWriter
}
