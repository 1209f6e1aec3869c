/** Expected failures of a bus, each with a code; callers branch on the code. */

/** Code → what it means and what to do. */
export const busErrorCodes = {
  BUS_FULL: 'no room for more records; ask the sender to try again later',
  BUS_WRITE_FAILED: 'the disk refused the record; ask the sender to try again later',
  BUS_CLOSED: 'the bus is closed',
  BUS_LOCKED: 'another process uses this folder; stop it, or use another home',
  BUS_FORMAT_NEWER: 'written by a newer version; use that version',
  BUS_RECORD_INVALID: 'the record is empty, too large, or its description does not fit',
  BUS_WRITER_DONE: 'the record was committed, aborted or lost before',
  BUS_CONSUMER_TAKEN: 'a consumer of this name is open',
  BUS_CONSUMER_NAME: 'consumer names are 1 to 64 of a-z, 0-9 and -',
} as const
export type BusErrorCode = keyof typeof busErrorCodes

export class BusError extends Error {
  readonly code: BusErrorCode

  constructor(code: BusErrorCode, detail = '', cause?: unknown) {
    super(detail === '' ? busErrorCodes[code] : `${detail}: ${busErrorCodes[code]}`, { cause })
    this.name = 'BusError'
    this.code = code
  }
}

/** No room: the bound on disk use (or on what may wait in memory) is reached, or the disk itself is full. Code BUS_FULL. */
export class JournalFullError extends BusError {
  constructor(detail: string, cause?: unknown) {
    super('BUS_FULL', detail, cause)
    this.name = 'JournalFullError'
  }
}
