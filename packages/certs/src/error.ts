/** What can go wrong with certificates and keys: one error type with a stable code and a line that says where and what to do. */

export type CertsErrorCode =
  | 'CA_EXISTS'
  | 'CA_MISSING'
  | 'CA_KEY_MISSING'
  | 'CERT_UNREADABLE'
  | 'KEY_UNREADABLE'
  | 'KEY_MISMATCH'
  | 'KEY_WEAK'
  | 'NAME_INVALID'
  | 'FILE_EXISTS'
  | 'FILE_UNWRITABLE'
  | 'TOKEN_INVALID'

/** An expected failure; `message` is one line for a person. */
export class CertsError extends Error {
  readonly code: CertsErrorCode
  constructor(code: CertsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CertsError'
    this.code = code
  }
}

/** Text of any thrown value, for the end of a line. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
