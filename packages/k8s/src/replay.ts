/**
 * Replaying recorded audit events the way an API server sends them (kubernetes.md 2): batches in parallel, each tried five times with waits that
 * grow by half and vary by a fifth, then dropped and counted. A file of bodies, events or cloud entries goes in, one a line.
 */
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { connections, isAccepted, type PostTarget, post } from './post.ts'
import { bodyShape } from './shape.ts'
import { splitBody } from './split.ts'

export interface ReplayOptions extends PostTarget {
  readonly file: string
  /** Events a second; as fast as they are taken when absent. */
  readonly rate?: number
  /** Batches under way at once. Default 4. */
  readonly parallel?: number
  /** First wait after a failure. Default 10,000 ms, as an API server's. */
  readonly backoffMs?: number
  /** Time for one answer. Default 30,000 ms. */
  readonly timeoutMs?: number
  /** Ends the replay early. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: ReplayProgress) => void
  /** Between 0 and 1; varies the waits. Default Math.random. */
  readonly random?: () => number
}

export interface ReplayProgress {
  readonly bodies: number
  readonly events: number
  readonly delivered: number
  readonly dropped: number
  readonly retries: number
}

export interface ReplaySummary extends ReplayProgress {
  /** Answers by status; `error` counts posts without one. */
  readonly statuses: Readonly<Record<string, number>>
  /** Lines that are no audit events. */
  readonly skipped: number
  readonly seconds: number
  /** Delivered a second. */
  readonly eventsPerSecond: number
  /** What went wrong last, for people. */
  readonly lastError: string | undefined
}

/** Events of one batch (--audit-webhook-batch-max-size). */
const batchMax = 400
const triesMax = 5
const growth = 1.5
const jitter = 0.2
/** Repeats inside one try while the receiver answers 429 or 5xx with Retry-After. */
const retryAfterMax = 10
/** Most bytes of one batch that is put together here. */
const batchLengthMax = 10_485_760

interface Batch {
  readonly body: Uint8Array
  readonly events: number
}

/** Posts the whole file; resolves when every batch was delivered or dropped. Throws when the file cannot be read. */
export async function runReplay(options: ReplayOptions): Promise<ReplaySummary> {
  const parallel = Math.max(1, options.parallel ?? 4)
  const agent = connections(options, parallel)
  const run = new Run(options, agent)
  const underWay = new Set<Promise<void>>()
  const started = performance.now()
  let due = started
  try {
    for await (const batch of batchesOf(options.file, () => run.skipped++)) {
      if (options.signal?.aborted === true) break
      if (options.rate !== undefined && options.rate > 0) {
        await sleep(due - performance.now(), options.signal)
        due = Math.max(due, performance.now() - 1000) + (batch.events * 1000) / options.rate
      }
      while (underWay.size >= parallel) await Promise.race(underWay)
      const sending: Promise<void> = run.deliver(batch).finally(() => underWay.delete(sending))
      underWay.add(sending)
    }
    await Promise.all(underWay)
  } finally {
    agent.destroy()
  }
  return run.summary((performance.now() - started) / 1000)
}

class Run {
  readonly #options: ReplayOptions
  readonly #agent: ReturnType<typeof connections>
  readonly #statuses = new Map<string, number>()
  #bodies = 0
  #events = 0
  #delivered = 0
  #dropped = 0
  #retries = 0
  #lastError: string | undefined
  skipped = 0

  constructor(options: ReplayOptions, agent: ReturnType<typeof connections>) {
    this.#options = options
    this.#agent = agent
  }

  /** Five tries, then the batch is given up, as an API server does. */
  async deliver({ body, events }: Batch): Promise<void> {
    this.#bodies++
    this.#events += events
    let wait = this.#options.backoffMs ?? 10_000
    for (let tries = 1; ; tries++) {
      if (await this.#try(body)) {
        this.#delivered += events
        break
      }
      if (tries === triesMax || this.#options.signal?.aborted === true) {
        this.#dropped += events
        break
      }
      this.#retries++
      await sleep(wait * (1 + jitter * (this.#options.random ?? Math.random)()), this.#options.signal)
      wait *= growth
    }
    this.#options.onProgress?.(this.#progress())
  }

  async #try(body: Uint8Array): Promise<boolean> {
    for (let repeats = 0; ; repeats++) {
      const answer = await post(this.#options, this.#agent, body, this.#options.timeoutMs ?? 30_000)
      const name = answer.status === 0 ? 'error' : String(answer.status)
      this.#statuses.set(name, (this.#statuses.get(name) ?? 0) + 1)
      if (isAccepted(answer.status)) return true
      this.#lastError =
        'error' in answer ? answer.error : `status ${answer.status}: ${answer.body.trim().slice(0, 200)}`
      const wait = 'error' in answer ? undefined : answer.retryAfterSeconds
      const mayRepeat = (answer.status === 429 || answer.status >= 500) && wait !== undefined && repeats < retryAfterMax
      if (!mayRepeat || this.#options.signal?.aborted === true) return false
      this.#retries++
      await sleep((wait ?? 0) * 1000, this.#options.signal)
    }
  }

  #progress(): ReplayProgress {
    return {
      bodies: this.#bodies,
      events: this.#events,
      delivered: this.#delivered,
      dropped: this.#dropped,
      retries: this.#retries,
    }
  }

  summary(seconds: number): ReplaySummary {
    return {
      ...this.#progress(),
      statuses: Object.fromEntries(this.#statuses),
      skipped: this.skipped,
      seconds,
      eventsPerSecond: seconds > 0 ? this.#delivered / seconds : 0,
      lastError: this.#lastError,
    }
  }
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (ms <= 0 || signal?.aborted === true) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done, { once: true })
  })
}

/** Bodies as they stand in the file; single events joined to lists of up to 400. */
async function* batchesOf(file: string, skip: () => void): AsyncGenerator<Batch> {
  const lines = createInterface({ input: createReadStream(file, 'latin1'), crlfDelay: Number.POSITIVE_INFINITY })
  let events: string[] = []
  let length = 0
  const joined = (): Batch => {
    const body = Buffer.from(
      `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${events.join(',')}]}\n`,
      'latin1',
    )
    const batch = { body, events: events.length }
    events = []
    length = 0
    return batch
  }
  for await (const line of lines) {
    if (line.trim() === '') continue
    const bytes = Buffer.from(line, 'latin1')
    if (bodyShape(bytes) === 'event') {
      if (events.length === batchMax || length + line.length > batchLengthMax) yield joined()
      events.push(line)
      length += line.length
      continue
    }
    const count = splitBody(bytes, { cluster: 'replay', hash: false }).events.length
    if (count === 0) skip()
    else yield { body: Buffer.from(`${line}\n`, 'latin1'), events: count }
  }
  if (events.length > 0) yield joined()
}
