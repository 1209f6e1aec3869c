/**
 * The match workers of one ruleset: jobs in, parts out, and a new worker for one that died or hangs.
 *
 * In: jobs in order, each given to the worker with the least to do. Out: `onPart`, parts of a job in order, jobs in any order; the owner calls
 * `taken` when it is done with one, which is the workers' back-pressure. Wrong: a ruleset with errors rejects `start` (`RulesetRefused`); a worker that dies takes its
 * jobs with it to the next one, which leaves out what was delivered and does the job record by record; a record that kills three workers is passed over and
 * reported by `onSkipped`, its neighbours are done; a pool that cannot make workers any more calls `onFailure`.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { AgentFacts, RulesetSources } from '@dogwatch/engine'
import type { Redaction } from '@dogwatch/k8s'
import { formatProblem, type Problem } from '@dogwatch/schema'
import type { EngineSettings } from './engine-parts.ts'
import { workerLimits } from './heap.ts'
import { type FromMatchWorker, type MatchWorkerData, partKib, shared, type ToMatchWorker } from './match-protocol.ts'
import type { MatchJob, MatchPart } from './match-stage.ts'

export interface MatchPoolOptions {
  readonly threads: number
  readonly sources: RulesetSources
  readonly settings: EngineSettings
  readonly split: { readonly redact: Redaction; readonly hash: boolean }
  readonly eventLengthMax: number
  readonly journalFolder: string | null
  readonly agents?: readonly (readonly [string, AgentFacts])[]
}

/** The ruleset has errors; all of them are in `problems`. */
export class RulesetRefused extends Error {
  readonly code = 'RULESET_REFUSED'
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[]) {
    super(
      ['the ruleset has errors', ...problems.filter(({ severity }) => severity === 'error').map(formatProblem)].join(
        '\n',
      ),
    )
    this.problems = problems
  }
}

interface OpenJob {
  readonly job: MatchJob
  /** Events delivered so far. */
  events: number
  /** Records delivered whole so far. */
  recordsDone: number
  /** Workers that died over it since then. */
  deaths: number
  /** A worker died over it, so it is done record by record. */
  isStepwise: boolean
}

interface Seat {
  worker: Worker
  readonly words: Int32Array
  /** Buffers of parts that are done with go back here. */
  readonly buffers: MessagePort
  /** Oldest first; the first is the one at work. */
  jobs: OpenJob[]
  isReady: boolean
  /** `progress` when last looked at, and since when it stands still. */
  progress: number
  stillSinceMs: number
}

/** A worker without progress for so long, ms, while it has work and need not wait, hangs. */
const hangMs = 20_000
const watchEveryMs = 1_000
/** A record is passed over when so many workers died over it. */
const deathsMax = 3
/** Workers replaced without a single job done in between, before the pool gives up. */
const barrenRestartsMax = 10

export class MatchPool {
  onPart: (part: MatchPart) => void = () => {}
  onFailure: (error: Error) => void = () => {}
  /** A record was passed over, by its sequence; of a file, a whole piece (`null`). */
  onSkipped: (record: number | null, reason: string) => void = () => {}
  restarts = 0
  problems: readonly Problem[] = []
  readonly #options: MatchPoolOptions
  readonly #seats: Seat[] = []
  readonly #watch: NodeJS.Timeout
  #agents: readonly (readonly [string, AgentFacts])[]
  #isClosing = false
  #barrenRestarts = 0

  private constructor(options: MatchPoolOptions) {
    this.#options = options
    this.#agents = options.agents ?? []
    this.#watch = setInterval(() => this.#findHung(), watchEveryMs)
    this.#watch.unref()
  }

  /** A pool whose workers have compiled the ruleset. Rejects with RulesetRefused. */
  static async start(options: MatchPoolOptions): Promise<MatchPool> {
    const pool = new MatchPool(options)
    try {
      const answers = await Promise.all(Array.from({ length: options.threads }, () => pool.#firstSeat()))
      pool.problems = answers[0] ?? []
      return pool
    } catch (error) {
      await pool.close()
      throw error
    }
  }

  get threads(): number {
    return this.#seats.length
  }

  /** Jobs handed out and not done. */
  get openJobs(): number {
    return this.#seats.reduce((sum, { jobs }) => sum + jobs.length, 0)
  }

  dispatch(job: MatchJob): void {
    this.#give(fresh(job))
  }

  /** The owner is done with a part: its batch goes back to the worker and must not be looked at any more. */
  taken(part: MatchPart): void {
    const seat = this.#seatOf.get(part)
    if (!seat) return
    this.#seatOf.delete(part)
    Atomics.sub(seat.words, shared.outstandingKib, partKib(part))
    Atomics.notify(seat.words, shared.outstandingKib)
    if (part.batch === null) return
    const { words, bytes } = part.batch
    seat.buffers.postMessage({ words, bytes }, [words, bytes])
  }

  setAgents(agents: readonly (readonly [string, AgentFacts])[]): void {
    this.#agents = agents
    for (const seat of this.#seats) post(seat, { kind: 'agents', agents })
  }

  /** Ends the workers; open jobs are given up. */
  async close(): Promise<void> {
    this.#isClosing = true
    clearInterval(this.#watch)
    await Promise.all(this.#seats.map(({ worker }) => worker.terminate()))
  }

  readonly #seatOf = new WeakMap<MatchPart, Seat>()

  #firstSeat(): Promise<readonly Problem[]> {
    return new Promise((resolve, reject) => {
      const seat = this.#seat(
        (problems, isUsable) => (isUsable ? resolve(problems) : reject(new RulesetRefused(problems))),
        reject,
      )
      this.#seats.push(seat)
    })
  }

  #seat(
    onReady: (problems: readonly Problem[], isUsable: boolean) => void,
    onEarlyDeath: (error: Error) => void,
  ): Seat {
    const { sources, settings, split, eventLengthMax, journalFolder } = this.#options
    const memory = new SharedArrayBuffer(shared.length * 4)
    const words = new Int32Array(memory)
    const agents = this.#agents
    const { port1, port2 } = new MessageChannel()
    port1.unref()
    const workerData: MatchWorkerData = {
      sources,
      settings,
      split,
      eventLengthMax,
      journalFolder,
      agents,
      shared: memory,
      buffers: port2,
    }
    const worker = new Worker(new URL('./match-worker.ts', import.meta.url), {
      workerData,
      transferList: [port2],
      resourceLimits: workerLimits,
    })
    const seat: Seat = {
      worker,
      words,
      buffers: port1,
      jobs: [],
      isReady: false,
      progress: 0,
      stillSinceMs: Date.now(),
    }
    let death: Error | null = null
    worker.on('message', (message: FromMatchWorker) => {
      if (message.kind === 'ready') {
        seat.isReady = true
        seat.stillSinceMs = Date.now()
        onReady(message.problems, message.isUsable)
      } else this.#part(seat, message.part)
    })
    worker.on('error', (error) => {
      death = error instanceof Error ? error : new Error(String(error))
    })
    worker.on('exit', (code) => {
      port1.close()
      const error = death ?? new Error(`a match worker ended with code ${code}`)
      if (!seat.isReady) onEarlyDeath(error)
      if (!this.#isClosing) this.#replace(seat, error)
    })
    return seat
  }

  #part(seat: Seat, part: MatchPart): void {
    const [open] = seat.jobs
    if (!open || open.job.job !== part.job) return
    open.events += part.count
    if (part.recordsDone > open.recordsDone) {
      open.recordsDone = part.recordsDone
      open.deaths = 0
      if (open.isStepwise) this.#barrenRestarts = 0
    }
    if (part.isLast) {
      seat.jobs.shift()
      this.#barrenRestarts = 0
    }
    this.#seatOf.set(part, seat)
    this.onPart(part)
  }

  #give(open: OpenJob): void {
    const seat = this.#seats.reduce((least, each) => (each.jobs.length < least.jobs.length ? each : least))
    if (seat.jobs.length === 0) seat.stillSinceMs = Date.now()
    hand(seat, open)
  }

  #findHung(): void {
    const nowMs = Date.now()
    for (const seat of this.#seats) {
      const progress = Atomics.load(seat.words, shared.progress)
      const isIdle = seat.jobs.length === 0 || !seat.isReady || Atomics.load(seat.words, shared.isWaiting) === 1
      if (isIdle || progress !== seat.progress) {
        seat.progress = progress
        seat.stillSinceMs = nowMs
      } else if (nowMs - seat.stillSinceMs > hangMs) {
        seat.stillSinceMs = nowMs
        // Its exit does the rest.
        seat.worker.terminate().catch(() => {})
      }
    }
  }

  /** A worker is gone: a new one takes its seat and its jobs. */
  #replace(seat: Seat, error: Error): void {
    const place = this.#seats.indexOf(seat)
    if (place < 0) return
    this.restarts += 1
    this.#barrenRestarts += 1
    if (this.#barrenRestarts > barrenRestartsMax) {
      this.onFailure(new Error(`match workers die again and again: ${error.message}`, { cause: error }))
      return
    }
    const jobs = seat.jobs
    const [atWork] = jobs
    // One that never got ready died of something else than its job.
    if (atWork && seat.isReady) {
      atWork.deaths += 1
      atWork.isStepwise = true
    }
    seat.jobs = []
    const next = this.#seat(
      () => {},
      () => {},
    )
    this.#seats[place] = next
    const fatal = jobs.filter(({ deaths }) => deaths >= deathsMax)
    for (const open of jobs) {
      const todo = fatal.includes(open) ? behindRecord(open) : open
      if (todo !== null) hand(next, todo)
    }
    for (const open of fatal) this.#skip(open, error)
  }

  /** Passes over the record at which a job stands: what was delivered of it stays, and it counts as done. */
  #skip(open: OpenJob, error: Error): void {
    const { job, recordsDone } = open
    const record = job.kind === 'records' ? (job.refs[recordsDone]?.sequence ?? 0) : null
    this.onSkipped(record, error.message)
    this.onPart({
      job: job.job,
      isLast: behindRecord(open) === null,
      batch: null,
      count: 0,
      timeMs: 0,
      keys: null,
      endsRecord: record ?? 0,
      recordsDone: 0,
      quarantined: [],
      runaways: [],
      lostRecords: job.kind === 'records' ? 1 : 0,
      oversizeEvents: 0,
    })
  }
}

function fresh(job: MatchJob): OpenJob {
  return { job, events: 0, recordsDone: 0, deaths: 0, isStepwise: false }
}

/** What is left of a job behind the record at which it stands; null when that was its last. */
function behindRecord({ job, recordsDone }: OpenJob): OpenJob | null {
  if (job.kind !== 'records' || recordsDone + 1 >= job.refs.length) return null
  return fresh({ ...job, refs: job.refs.slice(recordsDone + 1), fromEvent: 0 })
}

/** Puts a job behind those that a worker has. */
function hand(seat: Seat, open: OpenJob): void {
  seat.jobs.push(open)
  const { job, events: fromEvent, isStepwise } = open
  post(seat, { kind: 'job', job: job.kind === 'records' ? { ...job, fromEvent, isStepwise } : { ...job, fromEvent } })
}

function post({ worker }: Seat, message: ToMatchWorker): void {
  worker.postMessage(message)
}
