/**
 * The bus: records in, durable before they are acknowledged; references and records out, in one order for all. `openJournal` is the embedded
 * implementation; everything that only needs a bus takes the `Bus` type.
 */
export {
  type Bus,
  type BusCounters,
  type BusRecord,
  bodyLengthMax,
  type Consumer,
  type Lag,
  metaTextLengthMax,
  type Position,
  positionAfter,
  type RecordPlace,
  type RecordRef,
  type RecordWriter,
} from './contract.ts'
export { BusError, type BusErrorCode, busErrorCodes, JournalFullError } from './error.ts'
export { type Journal, type JournalOptions, openJournal } from './journal.ts'
export { type JournalReader, openJournalReader } from './journal-reader.ts'
