/**
 * How much each log has brought, since the start and in the last minute (spec: agent-protocol, part 7.1). In go events with the time, out come counts. Pure; what is no
 * longer read is forgotten.
 */

/** Counts of one place that is read. */
export interface LogCount {
  readonly events: number
  /** Bytes of those events. */
  readonly bytes: number
}

/** Counts of a time, milliseconds since the epoch. */
export interface LogPeriod {
  readonly startMs: number
  readonly endMs: number
  readonly files: ReadonlyMap<string, LogCount>
}

/** The original's logcollector.state_interval, milliseconds. */
const intervalMs = 60_000

export class LogCounts {
  readonly #startMs: number
  readonly #all = new Map<string, LogCount>()
  #now = new Map<string, LogCount>()
  #nowStartMs: number
  /** The last whole interval; null before there was one. */
  #last: LogPeriod | null = null

  constructor(nowMs: number) {
    this.#startMs = nowMs
    this.#nowStartMs = nowMs
  }

  add(place: string, bytes: number, nowMs: number): void {
    this.#turn(nowMs)
    for (const counts of [this.#all, this.#now]) {
      const { events, bytes: before } = counts.get(place) ?? none
      counts.set(place, { events: events + 1, bytes: before + bytes })
    }
  }

  /** Forgets a place that is no longer read. */
  forget(place: string): void {
    this.#all.delete(place)
    this.#now.delete(place)
  }

  /** `places` are read now; those that brought nothing count as nothing. */
  state(places: readonly string[], nowMs: number): { readonly global: LogPeriod; readonly interval: LogPeriod } {
    this.#turn(nowMs)
    const filled = (counts: ReadonlyMap<string, LogCount>): Map<string, LogCount> =>
      new Map([...places.map((place) => [place, none] as const), ...counts])
    const last = this.#last ?? { startMs: this.#nowStartMs, endMs: nowMs, files: this.#now }
    return {
      global: { startMs: this.#startMs, endMs: nowMs, files: filled(this.#all) },
      interval: { ...last, files: filled(last.files) },
    }
  }

  #turn(nowMs: number): void {
    if (nowMs - this.#nowStartMs < intervalMs) return
    this.#last = { startMs: this.#nowStartMs, endMs: nowMs, files: this.#now }
    this.#now = new Map()
    this.#nowStartMs = nowMs
  }
}

const none: LogCount = { events: 0, bytes: 0 }
