/**
 * The load of the webhook benchmark, in a process of its own: posts bodies with fresh events over TLS until the time is
 * up, and prints what it saw as one JSON object. Started by webhook.ts, which says what by one JSON argument.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { objectOf } from '../scripts/json-file.ts'
import { type FreshBody, freshBody, recordedItems } from './audit-load.ts'
import { PlainClient } from './plain-client.ts'

/** What to send. */
export interface SenderOrder {
  readonly port: number
  readonly caFile: string
  readonly token: string
  readonly corpus: string
  readonly seconds: number
  /** Tells this sender's events from those of others. */
  readonly sender: number
  readonly connections: number
  /** recorded: bodies as an API server sent them; single: an event a body; large: bodies of 31 MiB. */
  readonly bodies: 'recorded' | 'single' | 'large'
  /** Posts per second of all connections together; 0 is as fast as answers come. */
  readonly postsPerSecond: number
}

/** What was seen. Times are milliseconds from sending to the answer's end. */
export interface SenderReport {
  readonly acknowledged: number
  readonly posts: number
  readonly refused: number
  readonly failed: number
  readonly startedMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly bytes: number
  readonly cpuSeconds: number
}

/** Size of the bodies of a sender that floods, in bytes: just under the limit. */
const largeBytes = 31 * 1024 * 1024
/** Wait after a refusal without Retry-After. */
const refusedWaitMs = 100

if (process.argv[2] !== undefined && import.meta.filename === process.argv[1]) {
  const report = await send(orderOf(JSON.parse(process.argv[2])))
  process.stdout.write(`${JSON.stringify(report)}\n`)
}

function orderOf(value: unknown): SenderOrder {
  const given = objectOf(value)
  const number = (name: string) => Number(given[name])
  const text = (name: string) => String(given[name])
  const bodies = text('bodies')
  return {
    port: number('port'),
    caFile: text('caFile'),
    token: text('token'),
    corpus: text('corpus'),
    seconds: number('seconds'),
    sender: number('sender'),
    connections: number('connections'),
    bodies: bodies === 'single' || bodies === 'large' ? bodies : 'recorded',
    postsPerSecond: number('postsPerSecond'),
  }
}

async function send(order: SenderOrder): Promise<SenderReport> {
  const { port, caFile, token, connections, postsPerSecond } = order
  const ca = readFileSync(caFile)
  // Each connection has bodies of its own: a body must not change while it is sent.
  const bodiesOfConnections = Array.from({ length: connections }, () => bodiesOf(order))
  const cpuBefore = process.cpuUsage()
  const startedMs = Date.now()
  const end = performance.now() + order.seconds * 1000
  const times: number[] = []
  let nextEvent = 0
  let nextPost = performance.now()
  let acknowledged = 0
  let refused = 0
  let failed = 0
  let bytes = 0

  const one = async (client: PlainClient, body: FreshBody): Promise<void> => {
    body.refresh(nextEvent, order.sender, new Date())
    nextEvent += body.events
    const sent = performance.now()
    for (;;) {
      const answer = await client.post(body.bytes).catch(() => null)
      if (answer !== null && answer.status >= 200 && answer.status <= 206) break
      if (answer === null) failed += 1
      else refused += 1
      // Given up only when the time is long over: a body that may have been taken is sent until it is known to be.
      if (performance.now() > end + 30_000) return
      await sleep(answer?.retryAfterSeconds == null ? refusedWaitMs : answer.retryAfterSeconds * 1000)
    }
    times.push(performance.now() - sent)
    acknowledged += body.events
    bytes += body.bytes.length
  }
  const connection = async (bodies: readonly FreshBody[], first: number): Promise<void> => {
    const client = new PlainClient(port, ca, token)
    for (let n = first; performance.now() < end; n++) {
      const body = bodies[n % bodies.length]
      if (body === undefined) break
      if (postsPerSecond > 0) {
        const at = Math.max(nextPost, performance.now())
        nextPost = at + 1000 / postsPerSecond
        await sleep(Math.max(0, at - performance.now()))
      }
      await one(client, body)
    }
    client.close()
  }
  await Promise.all(bodiesOfConnections.map(connection))
  times.sort((a, b) => a - b)
  const rank = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
  const { user, system } = process.cpuUsage(cpuBefore)
  return {
    acknowledged,
    posts: times.length,
    refused,
    failed,
    startedMs,
    p50Ms: rank(0.5),
    p99Ms: rank(0.99),
    maxMs: rank(1),
    bytes,
    cpuSeconds: (user + system) / 1e6,
  }
}

function bodiesOf({ corpus, bodies }: SenderOrder): FreshBody[] {
  const lines = readFileSync(corpus, 'utf8').split('\n')
  const recorded = recordedItems(lines.filter((line) => line !== '')).filter((items) => items.length > 0)
  if (bodies === 'recorded') return recorded.map(freshBody)
  const items = recorded.flat()
  if (bodies === 'single') return items.map((item) => freshBody([item]))
  const large: string[] = []
  let size = 0
  for (let n = 0; ; n++) {
    const item = items[n % items.length] ?? ''
    size += Buffer.byteLength(item) + 1
    if (size > largeBytes) return [freshBody(large)]
    large.push(item)
  }
}
