/** One POST of audit events, with the headers of an API server (kubernetes.md 2). */
import { Agent, request } from 'node:https'

export interface PostTarget {
  /** URL with path; `?timeout=30s` is added as an API server does. */
  readonly url: string
  readonly token?: string
  /** PEM texts of a client certificate. */
  readonly cert?: string
  readonly key?: string
  /** PEM of the CA; without it the system's. */
  readonly ca?: string
  readonly insecure?: boolean
}

/** An answer, or why there is none. */
export type Posted =
  | { readonly status: number; readonly retryAfterSeconds: number | undefined; readonly body: string }
  | { readonly status: 0; readonly error: string; readonly code: string }

/** Most bytes of an answer that are kept. */
const answerLengthMax = 1000

/** Connections that are kept open between posts. Close it with `destroy()`. */
export function connections({ cert, key, ca, insecure }: PostTarget, sockets: number): Agent {
  return new Agent({
    keepAlive: true,
    maxSockets: sockets,
    rejectUnauthorized: insecure !== true,
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
  })
}

/** Posts the body; never throws. */
export function post(target: PostTarget, agent: Agent, body: Uint8Array, timeoutMs: number): Promise<Posted> {
  const url = new URL(target.url)
  url.searchParams.set('timeout', '30s')
  return new Promise((resolve) => {
    const fail = (error: Error & { code?: string }) =>
      resolve({ status: 0, error: error.message, code: error.code ?? '' })
    const sent = request(
      url,
      {
        method: 'POST',
        agent,
        timeout: timeoutMs,
        headers: {
          'User-Agent': 'Go-http-client/1.1',
          'Content-Length': body.length,
          Accept: 'application/json, */*',
          'Content-Type': 'application/json',
          'Accept-Encoding': 'gzip',
          ...(target.token === undefined ? {} : { Authorization: `Bearer ${target.token}` }),
        },
      },
      (response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => {
          if (text.length < answerLengthMax) text += chunk.toString('latin1')
        })
        response.on('error', fail)
        response.on('end', () => {
          const wait = Number(response.headers['retry-after'] ?? Number.NaN)
          const retryAfterSeconds = Number.isFinite(wait) && wait >= 0 ? wait : undefined
          resolve({ status: response.statusCode ?? 0, retryAfterSeconds, body: text.slice(0, answerLengthMax) })
        })
      },
    )
    sent.on('timeout', () =>
      sent.destroy(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' })),
    )
    sent.on('error', fail)
    sent.end(body)
  })
}

/** The statuses that an API server takes for success: 200 to 206 (measured, kubernetes.md 2). */
export function isAccepted(status: number): boolean {
  return status >= 200 && status <= 206
}
