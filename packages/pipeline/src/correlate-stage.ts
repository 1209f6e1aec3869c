/**
 * The stage that there is once: parts in job order in, lines out (design.md 2). It numbers the events, leaves out duplicates, correlates, and hands
 * whole lines to the target.
 *
 * In: `MatchPart`s in order. Out: lines for the target, after `drain`. The number of an event is its place since the journal began, duplicates
 * included, so a replay gives every event the same number (contracts.md 3).
 */
import { type AlertInfo, type Correlator, OutputBuffers, type Ruleset, type TakenOutput } from '@dogwatch/engine'
import { type DuplicateWindow, hashWords } from './duplicates.ts'
import { type AgentTable, type EngineSettings, newCorrelator } from './engine-parts.ts'
import type { MatchPart } from './match-stage.ts'

export interface CorrelateCounters {
  /** Events consumed, duplicates included. */
  events: number
  duplicates: number
  lostRecords: number
  oversizeEvents: number
  runaways: number
  quarantined: number
}

/** Takes whole lines, whose bytes are good until the next part is consumed; `timeMs` is the arrival of the first event among them. */
export type LineTarget = (timeMs: number, lines: TakenOutput) => void

export class CorrelateStage {
  readonly counters: CorrelateCounters = {
    events: 0,
    duplicates: 0,
    lostRecords: 0,
    oversizeEvents: 0,
    runaways: 0,
    quarantined: 0,
  }
  readonly #settings: EngineSettings
  readonly #target: LineTarget
  readonly #duplicates: DuplicateWindow | null
  readonly #outputs = new OutputBuffers()
  readonly #alertsByLevel: number[] = []
  readonly #dropped: Record<string, number> = {}
  #agents: AgentTable = new Map()
  #correlator: Correlator
  #nextNumber: number
  #firstTimeMs = 0
  #newestMs = 0

  constructor(
    ruleset: Ruleset,
    settings: EngineSettings,
    target: LineTarget,
    options: { readonly duplicates?: DuplicateWindow; readonly nextNumber?: number } = {},
  ) {
    this.#settings = settings
    this.#target = target
    this.#duplicates = options.duplicates ?? null
    this.#nextNumber = options.nextNumber ?? 1
    this.#correlator = newCorrelator(ruleset, settings, () => this.#agents)
  }

  /** Number that the next event gets. */
  get nextNumber(): number {
    return this.#nextNumber
  }

  /** Bytes of lines that wait for `drain`. */
  get waitingBytes(): number {
    return this.#outputs.byteLength
  }

  /** Newest arrival consumed, epoch ms. */
  get newestMs(): number {
    return this.#newestMs
  }

  get alertsByLevel(): readonly number[] {
    return sumOf(this.#alertsByLevel, this.#correlator.counters.alerts)
  }

  get dropped(): Readonly<Record<string, number>> {
    const sum = { ...this.#dropped }
    for (const [reason, count] of Object.entries(this.#correlator.counters.dropped))
      sum[reason] = (sum[reason] ?? 0) + count
    return sum
  }

  setAgents(agents: AgentTable): void {
    this.#agents = agents
  }

  consume(part: MatchPart): void {
    const { counters } = this
    counters.lostRecords += part.lostRecords
    counters.oversizeEvents += part.oversizeEvents
    counters.runaways += part.runaways.length
    counters.quarantined += part.quarantined.length
    if (part.batch === null) return
    if (this.#outputs.byteLength === 0) this.#firstTimeMs = part.timeMs
    this.#newestMs = Math.max(this.#newestMs, part.timeMs)
    const skip = this.#duplicatesOf(part)
    this.#correlator.consume(part.batch, this.#nextNumber, this.#outputs, skip ? { skip } : {})
    this.#nextNumber += part.count
    counters.events += part.count
  }

  /** Hands all waiting lines to the target; the alerts among them are answered. */
  drain(): readonly AlertInfo[] {
    if (this.#outputs.byteLength === 0) return []
    const taken = this.#outputs.lend()
    this.#target(this.#firstTimeMs, taken)
    return taken.alerts
  }

  snapshot(): Uint8Array {
    return this.#correlator.snapshot()
  }

  /** False when the snapshot cannot be used: the state is empty then. */
  restore(snapshot: Uint8Array): boolean {
    return this.#correlator.restore(snapshot)
  }

  /** Goes on with another ruleset; what is remembered of rules that both have stays. */
  switchTo(ruleset: Ruleset): boolean {
    const snapshot = this.#correlator.snapshot()
    const { alerts, dropped } = this.#correlator.counters
    alerts.forEach((count, level) => {
      this.#alertsByLevel[level] = (this.#alertsByLevel[level] ?? 0) + count
    })
    for (const [reason, count] of Object.entries(dropped)) this.#dropped[reason] = (this.#dropped[reason] ?? 0) + count
    this.#correlator = newCorrelator(ruleset, this.#settings, () => this.#agents)
    return this.#correlator.restore(snapshot)
  }

  #duplicatesOf({ keys, count, timeMs }: MatchPart): Uint8Array | null {
    const window = this.#duplicates
    if (!window || !keys) return null
    let skip: Uint8Array | null = null
    const seconds = Math.floor(timeMs / 1000)
    for (let n = 0; n < count; n += 1) {
      const at = n * hashWords
      const [a, b, c] = [keys[at] as number, keys[at + 1] as number, keys[at + 2] as number]
      if ((a | b | c) === 0 || !window.seen(a, b, c, seconds)) continue
      skip ??= new Uint8Array(count)
      skip[n] = 1
      this.counters.duplicates += 1
    }
    return skip
  }
}

function sumOf(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, n) => (a[n] ?? 0) + (b[n] ?? 0))
}
