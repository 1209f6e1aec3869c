/**
 * Posts audit events the way a kube-apiserver's webhook backend does: JSON bodies over TLS with kept connections, five
 * attempts with growing waits, success is a status from 200 to 206 and nothing else.
 */
import { Agent, request } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from './checks.ts'

export interface Target {
  readonly port: number
  readonly ca: Buffer
  readonly token: string | null
}

export interface Answer {
  readonly status: number
  readonly text: string
  readonly retryAfter: string | undefined
}

/** Attempts of an API server for one batch, the first included. */
const attemptsMax = 5
/** Growth of the wait from attempt to attempt, and the largest share that chance adds. */
const backoffGrowth = 1.5
const backoffJitter = 0.2
/** An API server waits this long for an answer. */
const answerMsMax = 30_000

/** Posts to one receiver over kept connections. */
export class AuditSender {
  readonly #target: Target
  readonly #agent: Agent

  constructor(target: Target, connectionsMax: number) {
    this.#target = target
    this.#agent = new Agent({ keepAlive: true, maxSockets: connectionsMax, ca: target.ca })
  }

  /** One request. Rejects when there is no answer: refused, reset, too slow. */
  post(body: Buffer): Promise<Answer> {
    const { port, token } = this.#target
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: '/?timeout=30s',
        agent: this.#agent,
        timeout: answerMsMax,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, */*',
          'user-agent': 'Go-http-client/1.1',
          'content-length': body.length,
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        },
      }
      const posted = request(options, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(chunks).toString(),
            retryAfter: response.headers['retry-after'],
          }),
        )
      })
      posted.on('timeout', () => posted.destroy(new Error('no answer in time')))
      posted.on('error', reject)
      posted.end(body)
    })
  }

  /**
   * One batch, as often as an API server tries it. `random` is a number from 0 to 1 at each call. Returns the number of
   * attempts it took, or null when the batch is dropped as an API server would.
   */
  async deliver(body: Buffer, firstWaitMs: number, random: () => number): Promise<number | null> {
    let waitMs = firstWaitMs
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const answer = await this.post(body).catch((error: unknown) => ({ status: 0, text: messageOf(error) }))
      if (answer.status >= 200 && answer.status <= 206) return attempt
      if (attempt === attemptsMax) break
      await sleep(waitMs * (1 + backoffJitter * random()))
      waitMs *= backoffGrowth
    }
    return null
  }

  close(): void {
    this.#agent.destroy()
  }
}
