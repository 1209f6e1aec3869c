/** A manager that knows no TLS on the channel's port; apart from the code for TLS, which a plain line never loads. */
const code = 'DOGWATCH_NO_TLS'

/** The error for it. */
export function tlsUnknown(cause: Error): Error {
  return Object.assign(new Error('the manager takes no TLS on this port', { cause }), { code })
}

/** Whether an error is that one. */
export function isTlsUnknown(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
