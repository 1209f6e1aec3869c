/** Why the webhook receiver refuses: a closed list, with the status that each gets. Metrics, log lines and answers use these words. */

export interface RefusalKind {
  /** HTTP status, or null where no HTTP answer is possible. */
  readonly status: number | null
  /** First sentence of the answer, and of the log line. */
  readonly says: string
  /** Seconds for `Retry-After`: an API server then repeats within the same attempt (spec: kubernetes, part 2). */
  readonly retryAfterS?: number
}

const table = {
  plain_http: { status: 400, says: 'this port speaks HTTPS' },
  not_tls: { status: null, says: 'the connection does not begin with TLS' },
  tls_failed: { status: null, says: 'the TLS handshake failed' },
  connection_limit: { status: null, says: 'too many connections' },
  malformed_http: { status: 400, says: 'the request is not valid HTTP' },
  headers_too_big: { status: 431, says: 'the request headers are too big' },
  no_path: { status: 404, says: 'no such path; POST to / or /audit/<cluster>' },
  method: { status: 405, says: 'only POST is accepted here' },
  unknown_cluster: { status: 404, says: 'no cluster of this name is configured' },
  unauthorized: { status: 401, says: 'the bearer token or client certificate is missing or not that of this cluster' },
  encoding: { status: 415, says: 'the body may be plain or gzip, no other Content-Encoding' },
  too_big: { status: 413, says: 'the body is too big' },
  gzip: { status: 400, says: 'the gzip body is damaged or ends too early' },
  gzip_bomb: { status: 413, says: 'the gzip body unpacks to too much' },
  not_json: { status: 400, says: 'the body is not JSON' },
  wrong_kind: { status: 400, says: 'the body holds no audit events' },
  timeout: { status: 408, says: 'the request did not arrive in time' },
  sender_gone: { status: null, says: 'the sender went away before its request was complete' },
  memory: { status: 429, says: 'too much is under way; send it again', retryAfterS: 1 },
  journal_full: { status: 503, says: 'the journal is full', retryAfterS: 10 },
  journal_error: { status: 503, says: 'the record could not be stored', retryAfterS: 2 },
  stopping: { status: 503, says: 'the receiver is stopping', retryAfterS: 2 },
} as const satisfies Record<string, RefusalKind>

export type RefusalReason = keyof typeof table

export const refusals: Readonly<Record<RefusalReason, RefusalKind>> = table
export const refusalReasons: readonly RefusalReason[] = Object.keys(table).filter(
  (key): key is RefusalReason => key in table,
)

/** A record that holds the same value for each reason. */
export function byReason<Value>(value: Value): Record<RefusalReason, Value> {
  // Object.fromEntries forgets which keys it was given.
  return Object.fromEntries(refusalReasons.map((reason) => [reason, value])) as Record<RefusalReason, Value>
}

/** What is told about one refusal to whoever logs. */
export interface Refusal {
  readonly reason: RefusalReason
  readonly status: number | null
  /** One line; of the sender's bytes at most a kind, 24 printable characters. */
  readonly message: string
  readonly peer: string
  /** Known once the path was read. */
  readonly cluster?: string
  /** Refusals for the same reason that were not told since the last one, at most one a second is. */
  readonly untold: number
}
