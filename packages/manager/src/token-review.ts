/**
 * Has a cluster's API server review the service-account token of an agent (spec: contracts, part 6): is it good, is it meant for us, and on which node does it live.
 *
 * In: a token as an agent sent it. Out: the node's uid; null when the token proves nothing. Wrong: an API server that cannot be asked rejects with the reason, without the token in
 * it. Answers are remembered for a while, so that who asks again and again does not make the API server work.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request as requestPlain } from 'node:http'
import { type RequestOptions, request as requestTls } from 'node:https'

export interface TokenReviewOptions {
  /** Of the API server, such as `https://kubernetes.default.svc`. */
  readonly url: string
  /** Its authority, PEM; read for each question, since the platform replaces it. Null: the system's. */
  readonly caFile: string | null
  /** The manager's own token, which may create token reviews; read for each question, since it is replaced before it ends. */
  readonly tokenFile: string
  /** Who agents' tokens must be meant for. */
  readonly audience: string
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Until the API server is given up, milliseconds. */
  readonly timeoutMs?: number
}

/** Longest token, bytes, as the agent has it too. */
const tokenLengthMax = 16_384
const answerLengthMax = 1024 * 1024
const timeoutMsPreset = 5000
/** How long a good and a bad answer hold, milliseconds; a good one never longer than the token. */
const goodMs = 60_000
const badMs = 10_000
const rememberedMax = 1000
const nodeUid = 'authentication.kubernetes.io/node-uid'

interface Remembered {
  readonly untilMs: number
  readonly answer: Promise<string | null>
}

/** The function that `startAgents` takes as `reviewToken`. */
export function tokenReviewer(options: TokenReviewOptions): (token: string) => Promise<string | null> {
  const remembered = new Map<string, Remembered>()
  return (token) => {
    if (token.length > tokenLengthMax || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return Promise.resolve(null)
    const key = createHash('sha256').update(token).digest('base64')
    const known = remembered.get(key)
    const now = options.now()
    const endMs = expiryMs(token)
    // No question is needed about what has ended; whether it has not is for the API server to say.
    if (endMs !== null && endMs <= now) return Promise.resolve(null)
    if (known !== undefined && now < known.untilMs && known.untilMs - now <= goodMs) return known.answer
    const answer = review(token, options)
    const keep = (untilMs: number): void => {
      remembered.delete(key)
      remembered.set(key, { untilMs, answer })
      const [oldest] = remembered.keys()
      if (remembered.size > rememberedMax && oldest !== undefined) remembered.delete(oldest)
    }
    keep(now + badMs)
    answer.then(
      (node) => keep(node === null ? now + badMs : Math.min(now + goodMs, endMs ?? now)),
      // The API server may be back in a moment.
      () => remembered.delete(key),
    )
    return answer
  }
}

async function review(token: string, options: TokenReviewOptions): Promise<string | null> {
  const { url, caFile, tokenFile, audience, timeoutMs = timeoutMsPreset } = options
  const body = JSON.stringify({
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenReview',
    spec: { token, audiences: [audience] },
  })
  const text = await post(new URL('/apis/authentication.k8s.io/v1/tokenreviews', url), body, timeoutMs, {
    authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`,
    ca: caFile === null ? null : readFileSync(caFile),
  })
  const status = memberOf(JSON.parse(text), 'status')
  if (memberOf(status, 'authenticated') !== true) return null
  // A server that knows no audiences leaves them out; then the token is one for itself, and not for us.
  const audiences = memberOf(status, 'audiences')
  if (!Array.isArray(audiences) || !audiences.includes(audience)) return null
  const uids = memberOf(memberOf(memberOf(status, 'user'), 'extra'), nodeUid)
  const uid: unknown = Array.isArray(uids) && uids.length === 1 ? uids[0] : null
  return typeof uid === 'string' && /^[0-9A-Za-z-]{1,64}$/.test(uid) ? uid : null
}

function post(
  url: URL,
  body: string,
  timeoutMs: number,
  { authorization, ca }: { readonly authorization: string; readonly ca: Buffer | null },
): Promise<string> {
  const request = url.protocol === 'http:' ? requestPlain : requestTls
  const options: RequestOptions = {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    // Of the whole question, an answer that trickles in included.
    signal: AbortSignal.timeout(timeoutMs),
    ...(ca === null ? {} : { ca }),
  }
  return new Promise((resolve, reject) => {
    const asking = request(url, options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
        if (text.length > answerLengthMax) asking.destroy(new Error('the answer of the API server is too long'))
      })
      response.once('error', reject)
      response.once('end', () => {
        if (response.statusCode === 201 || response.statusCode === 200) resolve(text)
        else reject(new Error(`the API server answers ${response.statusCode}; may the manager create tokenreviews?`))
      })
    })
    asking.once('error', (error) =>
      reject(error.name === 'AbortError' ? new Error(`no answer from the API server within ${timeoutMs} ms`) : error),
    )
    asking.end(body)
  })
}

/** When a token ends by its own word, milliseconds since the epoch; null when it does not say. */
function expiryMs(token: string): number | null {
  try {
    const end = memberOf(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')), 'exp')
    return typeof end === 'number' && Number.isFinite(end) ? end * 1000 : null
  } catch {
    return null
  }
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.getOwnPropertyDescriptor(value, name)?.value
}
