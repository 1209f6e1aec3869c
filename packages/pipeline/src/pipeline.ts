/**
 * The pipeline of a manager: journal → match → reorder → correlate → files, on threads of its own (design.md 2).
 *
 * In: the journal, the configuration, the ruleset's files. Out: the files below `logs`, figures for the metrics, and the journal's consumer position, committed behind
 * each checkpoint. This thread only passes references on. Wrong: `startPipeline` rejects with `RulesetRefused` or a PipelineError; later trouble goes to
 * `onStatus` (null: well again), while records wait in the journal.
 */

import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Consumer, Journal } from '@dogwatch/bus'
import { type Configuration, type RulesetFiles, readRulesetFiles } from '@dogwatch/config'
import type { AgentFacts } from '@dogwatch/engine'
import type { FileKind } from '@dogwatch/outputs'
import type { Problem } from '@dogwatch/schema'
import { geoipOf } from './engine-parts.ts'
import { workerLimits } from './heap.ts'
import { RulesetRefused } from './match-pool.ts'
import {
  type ConductorOptions,
  type FromConductor,
  type PipelineStats,
  refsMax,
  type ToConductor,
} from './pipeline-protocol.ts'

export interface PipelineOptions {
  readonly home: string
  readonly config: Configuration
  readonly rulesetFiles: RulesetFiles
  readonly journal: Journal
  /** Match threads; 0: one less than the machine has processors, at least one. */
  readonly threads: number
  readonly managerName: string
  /** What is wrong, for people; null when it is over. */
  readonly onStatus: (trouble: string | null) => void
}

/** Figures for the metrics; all but the depths only grow. */
export interface PipelineFigures extends Omit<PipelineStats, 'alertsByLevel'> {
  readonly alertsByLevel: ReadonlyMap<number, number>
  readonly lagRecords: number
  readonly lagBytes: number
}

export interface Pipeline {
  /** Warnings of the ruleset that it was started with. */
  readonly problems: readonly Problem[]
  /** As of the last half second. */
  figures(): PipelineFigures
  /** Goes over to other ruleset files at one place in the journal; with an error among the problems the old ones go on. */
  reload(files: RulesetFiles): Promise<readonly Problem[]>
  setAgents(agents: ReadonlyMap<string, AgentFacts>): void
  /** Finishes what has been read, makes a checkpoint. After `ms` the threads are ended as they are: the next start repeats what was under way. */
  stop(ms: number): Promise<void>
}

/** The pipeline's threads cannot go on. */
export class PipelineError extends Error {
  readonly code = 'PIPELINE_FAILED'
}

const consumerName = 'pipeline'
/** References handed over in one message. */
const refsPerMessage = 512
/** The pipeline thread is started anew after it died: at first after so long, at most after so long, ms. */
const restartFirstMs = 500
const restartLastMs = 30_000

export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const consumer = await options.journal.consumer(consumerName, 'oldest')
  const host = new Host(options, consumer)
  try {
    await host.start(options.rulesetFiles)
  } catch (error) {
    consumer.close()
    throw error
  }
  return host
}

class Host implements Pipeline {
  problems: readonly Problem[] = []
  readonly #options: PipelineOptions
  readonly #consumer: Consumer
  #conductorOptions: ConductorOptions | null = null
  #worker: Worker | null = null
  #reading = new AbortController()
  #stats: PipelineStats | null = null
  #outstanding = 0
  #wake: () => void = () => {}
  #reloaded: ((problems: readonly Problem[]) => void) | null = null
  #reloadFailed: ((error: Error) => void) | null = null
  #lastReload: Promise<unknown> = Promise.resolve()
  #agents: readonly (readonly [string, AgentFacts])[] = []
  #isStopping = false
  #restartMs = restartFirstMs

  constructor(options: PipelineOptions, consumer: Consumer) {
    this.#options = options
    this.#consumer = consumer
  }

  async start(files: RulesetFiles): Promise<void> {
    const { texts, problems } = readRulesetFiles(files)
    if (problems.some(({ severity }) => severity === 'error')) throw new RulesetRefused(problems)
    this.#conductorOptions = conductorOptions(this.#options, texts)
    await this.#run()
  }

  figures(): PipelineFigures {
    const stats = this.#stats ?? noStats
    const { records, bytes } = this.#consumer.lag()
    const alertsByLevel = new Map(
      stats.alertsByLevel.map((count, level) => [level, count] as const).filter(([, count]) => count > 0),
    )
    return { ...stats, alertsByLevel, lagRecords: records, lagBytes: bytes }
  }

  reload(files: RulesetFiles): Promise<readonly Problem[]> {
    const next = this.#lastReload.then(() => this.#reloadNow(files))
    this.#lastReload = next.catch(() => {})
    return next
  }

  setAgents(agents: ReadonlyMap<string, AgentFacts>): void {
    this.#agents = [...agents]
    this.#post({ kind: 'agents', agents: this.#agents })
  }

  async stop(ms: number): Promise<void> {
    this.#isStopping = true
    this.#reading.abort()
    const worker = this.#worker
    if (worker) {
      const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
      this.#post({ kind: 'stop' })
      const timer = setTimeout(() => {
        worker.terminate().catch(() => {})
      }, ms)
      await gone
      clearTimeout(timer)
    }
    this.#consumer.close()
  }

  async #reloadNow(files: RulesetFiles): Promise<readonly Problem[]> {
    const { texts, problems } = readRulesetFiles(files)
    if (problems.some(({ severity }) => severity === 'error')) return problems
    const compiled = await new Promise<readonly Problem[]>((resolve, reject) => {
      this.#reloaded = resolve
      this.#reloadFailed = reject
      this.#post({ kind: 'reload', sources: texts })
    })
    const isGood = !compiled.some(({ severity }) => severity === 'error')
    if (isGood && this.#conductorOptions) this.#conductorOptions = { ...this.#conductorOptions, sources: texts }
    return [...problems, ...compiled]
  }

  /** Starts the thread; resolves when it is ready, rejects when it never gets there. */
  #run(): Promise<void> {
    return new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./pipeline-worker.ts', import.meta.url), {
        workerData: this.#conductorOptions,
        resourceLimits: workerLimits,
      })
      this.#worker = worker
      let isReady = false
      let failure: Error | null = null
      worker.on('message', (message: FromConductor) => {
        if (message.kind === 'ready') {
          isReady = true
          this.problems = message.problems
          this.#restartMs = restartFirstMs
          this.#begin(message.position)
          resolve()
        } else if (message.kind === 'refused') {
          failure = new RulesetRefused(message.problems)
          reject(failure)
        } else if (message.kind === 'failed') {
          failure = new PipelineError(message.message)
          reject(failure)
          worker.terminate().catch(() => {})
        } else this.#hear(message)
      })
      worker.on('error', (error) => {
        failure = new PipelineError(error instanceof Error ? error.message : String(error), { cause: error })
      })
      worker.on('exit', () => {
        this.#worker = null
        this.#reading.abort()
        const error = failure ?? new PipelineError('the pipeline thread ended')
        this.#reloadFailed?.(error)
        reject(error)
        if (isReady && !this.#isStopping) this.#restart(error)
      })
    })
  }

  #restart(error: Error): void {
    this.#options.onStatus(`${error.message}; it is started anew`)
    const wait = this.#restartMs
    this.#restartMs = Math.min(restartLastMs, wait * 2)
    setTimeout(() => {
      if (this.#isStopping) return
      this.#run().then(
        () => this.#options.onStatus(null),
        (again: Error) => this.#restart(again),
      )
    }, wait)
  }

  /** Reads on from the checkpoint, which may be ahead of the committed position. */
  #begin(position: number | null): void {
    if (position !== null) this.#consumer.seek(position)
    else this.#consumer.seek(this.#consumer.position)
    this.#outstanding = 0
    this.#reading = new AbortController()
    if (this.#agents.length > 0) this.#post({ kind: 'agents', agents: this.#agents })
    this.#feed(this.#reading.signal).catch((error: unknown) => {
      if (!this.#isStopping)
        this.#options.onStatus(`the journal cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    })
  }

  async #feed(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const room = refsMax - this.#outstanding
      if (room <= 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
        continue
      }
      const refs = await this.#consumer.next(Math.min(room, refsPerMessage), signal)
      if (signal.aborted) return
      if (refs.length === 0) return
      this.#outstanding += refs.length
      this.#post({ kind: 'refs', refs })
    }
  }

  #hear(message: FromConductor): void {
    switch (message.kind) {
      case 'done':
        this.#outstanding -= message.records
        this.#wake()
        break
      case 'checkpoint':
        this.#consumer.commit(message.position).catch((error: unknown) => {
          if (!this.#isStopping) this.#options.onStatus(`the position cannot be committed: ${String(error)}`)
        })
        break
      case 'stats':
        this.#stats = message.stats
        break
      case 'own':
        this.#appendOwn(message.message)
        break
      case 'reloaded':
        this.#reloaded?.(message.problems)
        this.#reloaded = null
        this.#reloadFailed = null
        break
      case 'trouble':
        this.#options.onStatus(message.message)
        break
      default:
        break
    }
  }

  /** An event of ours goes through the journal, so that it has its number and its place. */
  #appendOwn(message: string): void {
    const meta = { input: 'internal', source: 'dogwatch', peer: '', arrivalUs: Date.now() * 1000 } as const
    this.#options.journal.append(meta, [Buffer.from(message, 'latin1')]).catch((error: unknown) => {
      if (!this.#isStopping) this.#options.onStatus(`an event of ours is lost: ${String(error)}`)
    })
  }

  #post(message: ToConductor): void {
    this.#worker?.postMessage(message)
  }
}

const noStats: PipelineStats = {
  events: 0,
  matched: 0,
  archived: 0,
  alertsByLevel: [],
  duplicates: 0,
  drops: {},
  depths: {},
  incidents: {},
}

function conductorOptions(
  { home, config, journal, threads, managerName }: PipelineOptions,
  sources: ConductorOptions['sources'],
): ConductorOptions {
  const { jsonoutOutput, alertsLog, logall, logallJson } = config.global
  const geoipDb = config.global.geoipDb === null ? null : resolve(home, config.global.geoipDb)
  // A database that cannot be used stops the start here, by name, and not each worker.
  if (geoipDb !== null) geoipOf(geoipDb)
  const outputs = { alertsJson: jsonoutOutput, alertsText: alertsLog, archivesJson: logallJson, archivesText: logall }
  const kinds = (Object.keys(outputs) as FileKind[]).filter((kind) => outputs[kind])
  const { logAlertLevel, emailAlertLevel } = config.alerts
  const { enabled, configmaps } = config.redact
  return {
    sources,
    settings: { managerName, outputs, logAlertLevel, mailAlertLevel: emailAlertLevel, geoipDb },
    redact: { secrets: enabled, tokens: enabled, configMaps: enabled && configmaps },
    eventLengthMax: config.match.eventMax,
    threads: threads > 0 ? threads : Math.max(1, availableParallelism() - 1),
    journalFolder: journal.folder,
    stateFolder: join(home, 'queue/pipeline'),
    logsFolder: join(home, 'logs'),
    kinds,
  }
}
