/**
 * The thread where everything comes together: hands jobs to the match workers, puts their parts in order, correlates, writes the files and makes
 * checkpoints (design.md 2; contracts.md 3).
 *
 * In: references in journal order, orders to reload or stop. Out: files, and what `FromConductor` lists. Bounds: `refsMax` references, a few jobs for each
 * worker, 16 MiB of parts for each worker, about 2 MiB of lines. When the disk takes no lines nothing is consumed, so the workers wait, so no more
 * references are asked for, so the journal grows: nothing is lost and memory stays.
 *
 * Exactly once in the files: a checkpoint is made between two records, with all lines of the events before it flushed and synced. After a kill the
 * records behind it come again, get the same numbers, and the files leave out what they hold.
 */
import type { RecordRef } from '@dogwatch/bus'
import type { Ruleset, RulesetSources, TakenOutput } from '@dogwatch/engine'
import { AlertFiles, type FlushFailure, sealInBackground } from '@dogwatch/outputs'
import type { Problem } from '@dogwatch/schema'
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts'
import { CorrelateStage } from './correlate-stage.ts'
import { DuplicateLog } from './duplicate-log.ts'
import { DuplicateWindow, windowSecondsDefault } from './duplicates.ts'
import { compile } from './engine-parts.ts'
import { collectGarbage } from './heap.ts'
import { MatchPool, RulesetRefused } from './match-pool.ts'
import type { MatchJob, MatchPart } from './match-stage.ts'
import { ownEventBody } from './own-event.ts'
import type { AgentEntries, ConductorOptions, FromConductor, PipelineStats } from './pipeline-protocol.ts'
import { Quarantine } from './quarantine.ts'
import { Reorder } from './reorder.ts'

/** A job is at most so many records, and about so many bytes. */
const jobRecordsMax = 64
const jobBytesMax = 768 << 10
/** Jobs in the hands of one worker: the one at work and the next. */
const jobsPerWorker = 2
/** Jobs out or waiting for their turn, for each worker. */
const jobsAheadPerWorker = 6
/** Lines are written when so many bytes wait, or after so many ms. */
const writeBytes = 1 << 20
const writeAfterMs = 100
const checkpointEveryMs = 1_000
/** A checkpoint may take one part in so many of the time. */
const checkpointShare = 30
const statsEveryMs = 500
const retryFirstMs = 100
const retryLastMs = 5_000
/** Days that could not be put away are tried again after this long. */
const sealRetryMs = 600_000

interface NextRuleset {
  readonly fromJob: number
  readonly ruleset: Ruleset
  readonly pool: MatchPool
  readonly done: (problems: readonly Problem[]) => void
  readonly problems: readonly Problem[]
}

export class Conductor {
  readonly #options: ConductorOptions
  readonly #tell: (message: FromConductor) => void
  readonly #files: AlertFiles
  readonly #stage: CorrelateStage
  readonly #window = new DuplicateWindow({ keepsLog: true })
  readonly #windowLog: DuplicateLog
  readonly #quarantine: Quarantine
  readonly #reorder: Reorder<MatchPart>
  readonly #timers: NodeJS.Timeout[] = []
  #unlogged: Uint32Array<ArrayBufferLike> = new Uint32Array(0)
  #pool: MatchPool
  #next: NextRuleset | null = null
  #agents: AgentEntries = []
  #refs: RecordRef[] = []
  #refsAt = 0
  #nextJob = 0
  /** Records of each job that is not done, by job. */
  readonly #jobRecords = new Map<number, number>()
  /** Position behind the last record that is consumed whole, while `isBetween`. */
  #position: number | null
  #checkpointed: number | null
  #isBetween = true
  #isCheckpointDue = false
  #checkpointAfterMs = 0
  #writeTimer: NodeJS.Timeout | null = null
  #failure: FlushFailure | null = null
  #retryMs = retryFirstMs
  #isSealing = false
  #sealAfterMs = 0
  #isStopping = false
  #isClosed = false
  readonly #incidents = {
    writeFailures: 0,
    checkpoints: 0,
    checkpointFailures: 0,
    tornLines: 0,
    sealedDays: 0,
    skippedRecords: 0,
    restarts: 0,
  }

  private constructor(
    options: ConductorOptions,
    ruleset: Ruleset,
    pool: MatchPool,
    tell: (message: FromConductor) => void,
  ) {
    this.#options = options
    this.#tell = tell
    this.#pool = pool
    const found = readCheckpoint(options.stateFolder)
    const { logsFolder, kinds } = options
    this.#files = new AlertFiles({ logsFolder, kinds, state: found?.checkpoint.files ?? null })
    this.#incidents.tornLines = this.#files.tornLines
    this.#windowLog = new DuplicateLog(options.stateFolder, windowSecondsDefault, found?.checkpoint.duplicates ?? [])
    const newestSeconds = Math.floor((found?.checkpoint.timeMs ?? 0) / 1000)
    for (const entries of this.#windowLog.entries()) this.#window.remember(entries, newestSeconds)
    this.#window.newEntries()
    this.#quarantine = new Quarantine(`${logsFolder}/quarantine`)
    this.#position = found?.checkpoint.position ?? null
    this.#checkpointed = this.#position
    this.#stage = new CorrelateStage(ruleset, options.settings, (timeMs, lines) => this.#write(timeMs, lines), {
      duplicates: this.#window,
      nextNumber: found?.checkpoint.nextNumber ?? 1,
    })
    if (found?.state) this.#stage.restore(found.state)
    this.#reorder = new Reorder(this.#jobsAhead)
    this.#adopt(pool)
    this.#timers.push(
      setInterval(() => this.#tick(), checkpointEveryMs),
      setInterval(() => this.#tellStats(), statsEveryMs),
    )
  }

  /** Compiles, opens files and workers, goes back to the last checkpoint. Rejects with RulesetRefused, CheckpointError or the system's error. */
  static async start(options: ConductorOptions, tell: (message: FromConductor) => void): Promise<Conductor> {
    const { pool, ruleset } = await startPool(options, options.sources, [])
    try {
      const conductor = new Conductor(options, ruleset, pool, tell)
      tell({ kind: 'ready', position: conductor.#position, problems: pool.problems })
      return conductor
    } catch (error) {
      await pool.close()
      throw error
    }
  }

  /** More references, in order. */
  take(refs: readonly RecordRef[]): void {
    if (this.#position === null) this.#begin(refs)
    if (this.#refsAt > 0) {
      this.#refs = this.#refs.slice(this.#refsAt)
      this.#refsAt = 0
    }
    this.#refs.push(...refs)
    this.#dispatch()
  }

  setAgents(agents: AgentEntries): void {
    this.#agents = agents
    const table = new Map(agents)
    this.#stage.setAgents(table)
    this.#pool.setAgents(agents)
    this.#next?.pool.setAgents(agents)
  }

  /** Goes over to a new ruleset between two jobs; the old one serves until all threads have the new one. Answers its problems. */
  async reload(sources: RulesetSources): Promise<readonly Problem[]> {
    try {
      const { pool, ruleset } = await startPool(this.#options, sources, this.#agents)
      const problems = await new Promise<readonly Problem[]>((done) => {
        this.#adopt(pool)
        this.#next = { fromJob: this.#nextJob, ruleset, pool, done, problems: pool.problems }
        this.#switchIfDue()
      })
      return problems
    } catch (error) {
      if (error instanceof RulesetRefused) return error.problems
      throw error
    }
  }

  /** Finishes what is under way, writes, makes a checkpoint, ends the workers. */
  async stop(): Promise<void> {
    this.#isStopping = true
    while (this.#nextJob > this.#reorder.head && !this.#isClosed) await new Promise((resolve) => setTimeout(resolve, 5))
    this.#checkpoint()
    for (const timer of this.#timers) clearInterval(timer)
    if (this.#writeTimer) clearTimeout(this.#writeTimer)
    this.#isClosed = true
    this.#tellStats()
    await this.#pool.close()
    this.#files.close()
  }

  get #jobsAhead(): number {
    return this.#options.threads * jobsAheadPerWorker
  }

  /** Before the very first record: a checkpoint that says so, so that a kill before the next one is told apart from a lost state. */
  #begin(refs: readonly RecordRef[]): void {
    const [first] = refs
    if (!first) return
    this.#position = first.sequence
    this.#checkpoint()
  }

  #adopt(pool: MatchPool): void {
    pool.onPart = (part) => {
      this.#reorder.put(part)
      this.#consume()
      this.#dispatch()
    }
    pool.onFailure = (error) => this.#tell({ kind: 'failed', message: error.message })
    pool.onSkipped = (record, reason) => {
      this.#incidents.skippedRecords += 1
      this.#own(ownEventBody({ event: 'record_skipped', record: record ?? 0, reason: reason.slice(0, 500) }))
    }
  }

  #dispatch(): void {
    const pool = this.#next?.pool ?? this.#pool
    while (!this.#isStopping && this.#refsAt < this.#refs.length) {
      if (pool.openJobs >= pool.threads * jobsPerWorker || this.#nextJob >= this.#reorder.head + this.#jobsAhead) return
      let bytes = 0
      const from = this.#refsAt
      while (this.#refsAt < this.#refs.length && this.#refsAt - from < jobRecordsMax) {
        const { length } = this.#refs[this.#refsAt] as RecordRef
        if (bytes > 0 && bytes + length > jobBytesMax) break
        bytes += length
        this.#refsAt += 1
      }
      const refs = this.#refs.slice(from, this.#refsAt)
      const job: MatchJob = { kind: 'records', job: this.#nextJob, refs, fromEvent: 0 }
      this.#jobRecords.set(job.job, refs.length)
      this.#nextJob += 1
      pool.dispatch(job)
    }
  }

  /** Consumes the parts whose turn it is, until one is missing or the disk says no. */
  #consume(): void {
    if (this.#failure) return
    for (let part = this.#reorder.peek(); part !== null; part = this.#reorder.peek()) {
      if (part.batch !== null) this.#files.beginDay(part.timeMs)
      if (part.batch !== null && this.#files.needsRotation(part.timeMs) && !this.#rotate(part.timeMs)) return
      this.#reorder.take()
      this.#stage.consume(part)
      this.#pool.taken(part)
      this.#next?.pool.taken(part)
      this.#beside(part)
      if (part.endsRecord > 0) this.#position = part.endsRecord + 1
      this.#isBetween = part.endsRecord > 0
      if (part.isLast) this.#jobDone(part.job)
      if (this.#isCheckpointDue && this.#isBetween) this.#checkpoint()
      if (this.#stage.waitingBytes >= writeBytes && !this.#flush()) return
    }
    this.#flushSoon()
  }

  /** What a part carries beside its events. */
  #beside({ quarantined, runaways }: MatchPart): void {
    this.#quarantine.put(quarantined)
    for (const { pattern, rules, decoders, location, length } of runaways) {
      this.#own(ownEventBody({ event: 'pattern_runaway', pattern, rules, decoders, location, length }))
    }
  }

  #own(body: string): void {
    this.#tell({ kind: 'own', message: `1:dogwatch:${body}` })
  }

  #jobDone(job: number): void {
    this.#tell({ kind: 'done', records: this.#jobRecords.get(job) ?? 0 })
    this.#jobRecords.delete(job)
    this.#switchIfDue()
  }

  #switchIfDue(): void {
    const next = this.#next
    if (!next || this.#reorder.head < next.fromJob) return
    this.#stage.switchTo(next.ruleset)
    const old = this.#pool
    this.#incidents.restarts += old.restarts
    this.#pool = next.pool
    this.#next = null
    old.close().catch(() => {})
    next.done(next.problems)
  }

  #write(timeMs: number, lines: TakenOutput): void {
    this.#files.write(timeMs, lines)
  }

  #flushSoon(): void {
    if (this.#writeTimer || this.#failure || this.#stage.waitingBytes + this.#files.pendingBytes === 0) return
    this.#writeTimer = setTimeout(() => {
      this.#writeTimer = null
      this.#flush()
    }, writeAfterMs)
  }

  /** Everything that waits into the files; false when the disk says no: then it is tried again later, and nothing is consumed until it works. */
  #flush(): boolean {
    this.#stage.drain()
    const failure = this.#files.flush()
    if (!failure) {
      if (this.#failure) this.#tell({ kind: 'trouble', message: null })
      this.#failure = null
      this.#retryMs = retryFirstMs
      return true
    }
    this.#fail(failure)
    return false
  }

  #fail(failure: FlushFailure): void {
    this.#failure = failure
    this.#incidents.writeFailures += 1
    this.#tell({ kind: 'trouble', message: `${failure.path}: ${failure.message}; events wait in the journal` })
    setTimeout(() => {
      if (this.#isClosed || !this.#flush()) return
      this.#consume()
      this.#dispatch()
    }, this.#retryMs)
    this.#retryMs = Math.min(retryLastMs, this.#retryMs * 2)
  }

  /** A new day: all lines of the old one are in its files, a checkpoint stands on both sides of the renaming. */
  #rotate(timeMs: number): boolean {
    if (!this.#checkpoint()) return false
    try {
      this.#files.rotate(timeMs)
    } catch (error) {
      this.#fail({ path: this.#options.logsFolder, code: 'ROTATE', message: messageOf(error) })
      return false
    }
    return this.#checkpoint()
  }

  /** False when it did not work; the reason is told and it is tried again. Only between two records. */
  #checkpoint(): boolean {
    if (this.#position === null || !this.#isBetween) {
      this.#isCheckpointDue = true
      return true
    }
    if (this.#failure || !this.#flush()) return false
    const startedMs = performance.now()
    try {
      this.#files.sync()
      this.#unlogged = joined(this.#unlogged, this.#window.newEntries())
      const timeMs = Math.floor(this.#stage.newestMs)
      const duplicates = this.#windowLog.append(this.#unlogged, Math.floor(timeMs / 1000))
      this.#unlogged = new Uint32Array(0)
      const { nextNumber } = this.#stage
      const files = this.#files.state()
      writeCheckpoint(
        this.#options.stateFolder,
        { position: this.#position, nextNumber, files, duplicates, timeMs },
        this.#stage.snapshot(),
      )
      this.#windowLog.sweep()
    } catch (error) {
      this.#incidents.checkpointFailures += 1
      this.#fail({ path: this.#options.stateFolder, code: 'CHECKPOINT', message: messageOf(error) })
      return false
    }
    this.#incidents.checkpoints += 1
    this.#isCheckpointDue = false
    this.#checkpointed = this.#position
    const nowMs = performance.now()
    this.#checkpointAfterMs = nowMs + (nowMs - startedMs) * checkpointShare
    this.#tell({ kind: 'checkpoint', position: this.#position })
    this.#sealSoon()
    return true
  }

  #tick(): void {
    const isIdle = this.#nextJob === this.#reorder.head && this.#refsAt === this.#refs.length
    // The clock may turn the day only when nothing waits: whatever comes next comes later.
    if (isIdle && !this.#failure && this.#isBetween && this.#files.needsRotation(Date.now())) this.#rotate(Date.now())
    if (performance.now() < this.#checkpointAfterMs || this.#position === this.#checkpointed) return
    this.#checkpoint()
  }

  #sealSoon(): void {
    if (this.#isSealing || performance.now() < this.#sealAfterMs) return
    const days = this.#files.finishedDays()
    if (days.length === 0) return
    this.#isSealing = true
    sealInBackground(this.#options.logsFolder, days)
      .then(({ sealed, failed }) => {
        this.#incidents.sealedDays += sealed.length
        if (failed.length > 0) this.#sealAfterMs = performance.now() + sealRetryMs
      })
      .catch(() => {
        this.#sealAfterMs = performance.now() + sealRetryMs
      })
      .finally(() => {
        this.#isSealing = false
      })
  }

  #tellStats(): void {
    this.#tell({ kind: 'stats', stats: this.#stats() })
  }

  #stats(): PipelineStats {
    const { counters, dropped, alertsByLevel } = this.#stage
    const droppedEvents = Object.values(dropped).reduce((sum, count) => sum + count, 0)
    const judged = counters.events - counters.duplicates - droppedEvents
    const keepsAll = this.#options.kinds.some((kind) => kind.startsWith('archives'))
    return {
      events: counters.events,
      matched: judged,
      archived: keepsAll ? judged : 0,
      alertsByLevel,
      duplicates: counters.duplicates,
      drops: {
        ...dropped,
        ...Object.fromEntries([...this.#quarantine.counts].map(([reason, count]) => [`quarantined_${reason}`, count])),
        lost_record: counters.lostRecords,
        oversize: counters.oversizeEvents,
      },
      depths: {
        references: this.#refs.length - this.#refsAt,
        jobs: this.#nextJob - this.#reorder.head,
        parts: this.#reorder.waitingParts,
        line_bytes: this.#stage.waitingBytes + this.#files.pendingBytes,
        duplicate_window: this.#window.size.entries,
      },
      incidents: {
        ...this.#incidents,
        restarts: this.#incidents.restarts + this.#pool.restarts,
        runaways: counters.runaways,
        unwrittenQuarantine: this.#quarantine.unwritten,
        duplicatesForgotten: this.#window.counters.forgottenEarly,
      },
    }
  }
}

async function startPool(
  { settings, redact, eventLengthMax, threads, journalFolder }: ConductorOptions,
  sources: RulesetSources,
  agents: AgentEntries,
): Promise<{ readonly pool: MatchPool; readonly ruleset: Ruleset }> {
  const starting = MatchPool.start({
    threads,
    sources,
    settings,
    split: { redact, hash: true },
    eventLengthMax,
    journalFolder,
    agents,
  })
  // While the workers compile, so does this thread.
  const { ruleset, problems } = compile(sources, settings)
  collectGarbage()
  const pool = await starting
  if (ruleset === null) {
    await pool.close()
    throw new RulesetRefused(problems)
  }
  return { pool, ruleset }
}

function joined(a: Uint32Array, b: Uint32Array): Uint32Array {
  if (a.length === 0) return b
  const both = new Uint32Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
