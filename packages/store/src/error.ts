/** Expected failures of the store. */

export type StoreErrorCode =
  /** A document is no JSON object, or has no id or time. */
  | 'STORE_BAD_DOCUMENT'
  /** A number of the request is out of its bounds. */
  | 'STORE_BAD_REQUEST'
  /** The search took longer than allowed. */
  | 'STORE_SEARCH_TOO_LONG'
  /** Too many searches wait. */
  | 'STORE_BUSY'
  /** The store's process is not there; it is being started again. */
  | 'STORE_DOWN'
  /** The files are of another version, in use by another process, or cannot be read. */
  | 'STORE_CANNOT_OPEN'
  | 'STORE_FAILED'

export class StoreError extends Error {
  readonly code: StoreErrorCode
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreError'
    this.code = code
  }
}
