/**
 * Offline analysis: a file through the manager's own stages (issue: first alert, part 10).
 *
 * In: a ruleset, a file, a folder for the results. Out: `alerts.json` (and `archives.json`) there, written anew, and the figures. With one thread the stages call each
 * other; with more, match runs on worker threads too and correlation on this one; both give the same bytes. Wrong: `AnalyzeError` with the ruleset's problems, or the
 * system's error for files.
 *
 * Arrival time: all events of a run bear the time at which reading began, or `timeFromMs`, which makes a run repeatable to the byte.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { readRulesetFiles, rulesetFromPaths } from '@dogwatch/config'
import type { Ruleset, RulesetSources, TakenOutput } from '@dogwatch/engine'
import { eventLengthDefault, redactionDefault } from '@dogwatch/k8s'
import { BulkFile } from '@dogwatch/outputs'
import { formatProblem, type Problem } from '@dogwatch/schema'
import { CorrelateStage } from './correlate-stage.ts'
import { compile, type EngineSettings } from './engine-parts.ts'
import { type LineReader, openLines } from './file-lines.ts'
import { collectGarbage } from './heap.ts'
import { MatchPool } from './match-pool.ts'
import {
  type BatchBuffers,
  type LineFormat,
  type MatchJob,
  type MatchPart,
  MatchStage,
  type MatchStageOptions,
} from './match-stage.ts'
import { Quarantine } from './quarantine.ts'
import { Reorder } from './reorder.ts'

export interface AnalyzeOptions {
  /** Folders or files, as `--ruleset` takes them. */
  readonly ruleset: readonly string[]
  /** Path, `-` for standard input. */
  readonly in: string
  readonly format: LineFormat
  /** Location of plain lines; `in` when left out. */
  readonly location?: string
  /** Folder for the results, created when missing. */
  readonly out: string
  readonly archives: boolean
  /** Match threads; 1 does everything in this one. */
  readonly threads: number
  readonly managerName?: string
  readonly timeFromMs?: number
  /** Lowest level that is an alert; 3 unless told. */
  readonly logAlertLevel?: number
  readonly onProgress?: (progress: {
    readonly events: number
    readonly bytesRead: number
    readonly size: number | null
  }) => void
}

export interface AnalyzeFigures {
  readonly events: number
  readonly alerts: number
  readonly wall_s: number
  /** CPU of all threads, loading excluded. */
  readonly cpu_s: number
  readonly eps: number
  readonly eps_cpu: number
  /** Peak resident memory of the process, MB. */
  readonly rss_mb: number
  readonly load_s: number
  /** What was no event, too long, or cut off by the watchdog. */
  readonly quarantined: number
  readonly oversize: number
  readonly runaways: number
}

/** The ruleset has errors; `problems` are all of them. */
export class AnalyzeError extends Error {
  readonly code = 'ANALYZE_RULESET'
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[]) {
    super(['the ruleset has errors', ...problems.map(formatProblem)].join('\n'))
    this.problems = problems
  }
}

/** Bytes of a piece that one thread reads at a time, and of a job for a worker. */
const pieceBytes = 1 << 20
const jobBytes = 256 << 10
/** Lines are written when so many bytes wait. */
const writeBytes = 1 << 20
/** Between two calls of `onProgress`, ms. */
const progressMs = 500

/** See the head of this file. */
export async function runAnalyze(options: AnalyzeOptions): Promise<AnalyzeFigures> {
  const started = performance.now()
  const settings: EngineSettings = {
    managerName: options.managerName ?? hostname(),
    outputs: { alertsJson: true, alertsText: false, archivesJson: options.archives, archivesText: false },
    logAlertLevel: options.logAlertLevel ?? 3,
    mailAlertLevel: 12,
  }
  const { sources, ruleset } = load(options.ruleset, settings)
  collectGarbage()
  const output = new AnalyzeOutput(options.out, options.archives)
  const isAlone = options.threads === 1
  const reader = openLines(options.in, isAlone ? pieceBytes : jobBytes, { lent: isAlone ? 1 : jobsMaxOf(options) + 1 })
  const stage = new CorrelateStage(ruleset, settings, (_timeMs, lines) => output.write(lines))
  const quarantine = new Quarantine(join(options.out, 'quarantine'))
  const run =
    options.threads > 1 ? await threaded(options, settings, sources, ruleset) : alone(options, settings, ruleset)
  const loadedCpu = process.cpuUsage()
  const loaded = performance.now()
  let toldAt = loaded
  const take = (part: MatchPart): void => {
    stage.consume(part)
    quarantine.put(part.quarantined)
    if (stage.waitingBytes >= writeBytes) stage.drain()
    const now = performance.now()
    if (options.onProgress && now - toldAt >= progressMs) {
      toldAt = now
      options.onProgress({ events: stage.counters.events, bytesRead: reader.bytesRead, size: reader.size })
    }
  }
  try {
    await run(reader, take)
    stage.drain()
    output.close()
  } finally {
    reader.close()
  }
  const wallS = (performance.now() - loaded) / 1000
  const { user, system } = process.cpuUsage(loadedCpu)
  const { events, quarantined, oversizeEvents, runaways } = stage.counters
  const cpuS = (user + system) / 1e6
  return {
    events,
    alerts: stage.alertsByLevel.reduce((sum, count) => sum + count, 0),
    wall_s: rounded(wallS),
    cpu_s: rounded(cpuS),
    eps: Math.round(events / wallS),
    eps_cpu: Math.round(events / cpuS),
    rss_mb: Math.round(process.resourceUsage().maxRSS / 1024),
    load_s: rounded((loaded - started) / 1000),
    quarantined: quarantined + reader.longLines,
    oversize: oversizeEvents,
    runaways,
  }
}

type Run = (reader: LineReader, take: (part: MatchPart) => void) => Promise<void>

/** Jobs that a thread has before it, and that are handed out in all. */
const jobsPerThread = 3

function jobsMaxOf({ threads }: AnalyzeOptions): number {
  return threads * jobsPerThread
}

/** Everything in this thread: match hands its own buffers to correlate. */
function alone(options: AnalyzeOptions, settings: EngineSettings, ruleset: Ruleset): Run {
  return async (reader, take) => {
    const match = new MatchStage({ ...stageOptions(settings), ruleset, emit: take })
    const { format, location, timeMs } = lineOptions(options)
    for (let job = 0, bytes = reader.next(); bytes !== null; job += 1, bytes = reader.next()) {
      match.run({ kind: 'lines', job, bytes, format, location, timeMs, fromEvent: 0 })
    }
  }
}

/** Match on worker threads and, between two results, on this one too: it costs one engine less. Results are put in order here. */
async function threaded(
  options: AnalyzeOptions,
  settings: EngineSettings,
  sources: RulesetSources,
  ruleset: Ruleset,
): Promise<Run> {
  const jobsMax = jobsMaxOf(options)
  const workers = options.threads - 1
  const pool = await MatchPool.start({ threads: workers, sources, ...stageOptions(settings), journalFolder: null })
  return async (reader, take) => {
    const { format, location, timeMs } = lineOptions(options)
    const reorder = new Reorder<MatchPart>(jobsMax)
    const own = new OwnStage({ ...stageOptions(settings), ruleset, emit: (part) => reorder.put(part) })
    let job = 0
    let isAtEnd = false
    const next = (): MatchJob | null => {
      if (isAtEnd || job >= reorder.head + jobsMax) return null
      const bytes = reader.next()
      if (bytes !== null) return { kind: 'lines', job: job++, bytes, format, location, timeMs, fromEvent: 0 }
      isAtEnd = true
      return null
    }
    try {
      await new Promise<void>((resolve, reject) => {
        let isDue = false
        const turn = (): void => {
          isDue = false
          for (let part = reorder.take(); part !== null; part = reorder.take()) {
            take(part)
            if (!own.taken(part)) pool.taken(part)
          }
          while (pool.openJobs < workers * jobsPerThread) {
            const given = next()
            if (given === null) break
            pool.dispatch(given)
          }
          const mine = next()
          if (mine !== null) {
            own.run(mine)
            soon()
          } else if (isAtEnd && reorder.head === job) resolve()
        }
        // Results of the workers come in between.
        const soon = (): void => {
          if (isDue) return
          isDue = true
          setImmediate(() => {
            try {
              turn()
            } catch (error) {
              reject(error)
            }
          })
        }
        pool.onPart = (part) => {
          reorder.put(part)
          soon()
        }
        pool.onFailure = reject
        pool.onSkipped = (_record, reason) => reject(new Error(`lines that no worker survives: ${reason}`))
        soon()
      })
    } finally {
      await pool.close()
    }
  }
}

/** A match stage on this thread whose parts may wait for their turn: each has buffers of its own, which come back to be filled again. */
class OwnStage {
  readonly #stage: MatchStage
  readonly #spare: BatchBuffers[] = []
  readonly #mine = new Set<MatchPart>()

  constructor(options: MatchStageOptions) {
    const { emit } = options
    this.#stage = new MatchStage({
      ...options,
      emit: (part) => {
        this.#mine.add(part)
        emit(part)
      },
      refill: () => this.#spare.pop() ?? { words: new ArrayBuffer(1 << 16), bytes: new ArrayBuffer(1 << 20) },
    })
  }

  run(job: MatchJob): void {
    this.#stage.run(job)
  }

  /** Takes a part's buffers back; false when it is no part of this stage. */
  taken(part: MatchPart): boolean {
    if (!this.#mine.delete(part)) return false
    if (part.batch !== null) this.#spare.push({ words: part.batch.words, bytes: part.batch.bytes })
    return true
  }
}

function stageOptions(settings: EngineSettings) {
  return {
    settings,
    split: { redact: redactionDefault, hash: false },
    eventLengthMax: eventLengthDefault,
    read: () => null,
  }
}

function lineOptions({ format, location, in: path, timeFromMs }: AnalyzeOptions) {
  return { format, location: location ?? path, timeMs: timeFromMs ?? Date.now() }
}

function load(
  paths: readonly string[],
  settings: EngineSettings,
): { readonly sources: RulesetSources; readonly ruleset: Ruleset } {
  const found = rulesetFromPaths(paths)
  const { texts, problems } = readRulesetFiles(found.files)
  const compiled = compile(texts, settings)
  const errors = [...found.problems, ...problems, ...compiled.problems].filter(({ severity }) => severity === 'error')
  if (compiled.ruleset === null || errors.length > 0) throw new AnalyzeError(errors)
  return { sources: texts, ruleset: compiled.ruleset }
}

/** The two files of a run, written anew. */
class AnalyzeOutput {
  readonly #alerts: BulkFile
  readonly #archives: BulkFile | null

  constructor(folder: string, archives: boolean) {
    mkdirSync(folder, { recursive: true })
    const create = (name: string): BulkFile => {
      rmSync(join(folder, name), { force: true })
      return new BulkFile(join(folder, name))
    }
    this.#alerts = create('alerts.json')
    this.#archives = archives ? create('archives.json') : null
  }

  write({ alertsJson, archivesJson }: TakenOutput): void {
    this.#alerts.append(alertsJson)
    this.#archives?.append(archivesJson)
  }

  close(): void {
    this.#alerts.close()
    this.#archives?.close()
  }
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}
