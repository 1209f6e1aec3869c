/**
 * Matching under a watchdog: no event, however hostile, holds up the ones behind it (issue: engine, Safety).
 *
 * In: events. Out: all of them in the writer, in order, each exactly once. Work runs in chunks under one deadline, since a deadline costs as much as
 * matching a few events. When it strikes, the events that were done stay; the one at work has run away if most of the time was its own, and is tried once
 * more, alone, if not. The pattern at work then is left out for this event, which is matched again without it: only the rules and decoders that hold the
 * pattern miss it, and a `Runaway` names them. An event on which no pattern is known to run, or too many do, is kept as one that nothing matched. A
 * thread that was merely not given the processor is told apart by its own CPU time and tries again.
 */
import type { EventInput, Matcher, MatchWriter, Ruleset } from '@dogwatch/engine'
import { type Guarded, type Pattern, withDeadline, withoutPatterns } from '@dogwatch/pattern'
import { type AgentTable, type EngineSettings, emptyRuleset, newMatcher } from './engine-parts.ts'

/** A pattern that did not come to an end. */
export interface Runaway {
  /** Index of the event in its chunk. */
  readonly index: number
  readonly location: string
  readonly length: number
  readonly timeMs: number
  /** The pattern at work, where it is known. */
  readonly pattern: string | null
  /** Rules and decoders that hold the pattern and so did not see the event. */
  readonly rules: readonly number[]
  readonly decoders: readonly string[]
}

/** So many patterns are left out for one event; with one more the event is kept without asking the ruleset. */
const leftOutMax = 8

/** A chunk, or one event alone, may take this long; the issue asks for 250. */
const deadlineMs = 240
/** An event ran away if it alone took this much of it, ms. */
const ownMsMin = 160
/** CPU time below which a thread counts as starved, of the time that went by. */
const starvedShare = 0.5
/** How often a starved event is tried again. */
const starvedTriesMax = 6
/** Events under one deadline: few while the code is cold or the machine is busy, so that an innocent chunk is not struck. */
const chunkMin = 8
const chunkMax = 2048

export type Deadline = <T>(ms: number, work: () => T) => Guarded<T>

export class GuardedMatcher {
  readonly #ruleset: Ruleset
  readonly #settings: EngineSettings
  readonly #agents: () => AgentTable
  readonly #deadline: Deadline
  #matcher: Matcher
  #bare: Matcher | null = null
  #chunk = chunkMin * 4
  /** Chunks that were cut off, for whatever reason. */
  strikes = 0

  /** `deadline` is replaced by tests. */
  constructor(ruleset: Ruleset, settings: EngineSettings, agents: () => AgentTable, deadline: Deadline = withDeadline) {
    this.#ruleset = ruleset
    this.#settings = settings
    this.#agents = agents
    this.#deadline = deadline
    this.#matcher = newMatcher(ruleset, settings, agents)
  }

  /** Matches all of `inputs` into `writer`; answers what ran away. */
  match(inputs: readonly EventInput[], writer: MatchWriter): readonly Runaway[] {
    const runaways: Runaway[] = []
    const at = { index: 0, end: 0 }
    // Where the event at work began; `of` is written last, so it tells whether the rest belongs to it.
    const mark = { count: 0, wordCount: 0, byteLength: 0, startedMs: 0, of: -1 }
    let tries = 0
    /** Patterns that ran away on the event at work. */
    const leftOut = new Set<Pattern>()
    const work = (): void => {
      while (at.index < at.end) {
        mark.count = writer.count
        mark.wordCount = writer.wordCount
        mark.byteLength = writer.byteLength
        mark.startedMs = performance.now()
        mark.of = at.index
        this.#matcher.match(inputs[at.index] as EventInput, writer)
        at.index += 1
      }
    }
    while (at.index < inputs.length) {
      const first = at.index
      at.end = Math.min(inputs.length, first + (tries > 0 ? 1 : this.#chunk))
      const cpu = process.threadCpuUsage()
      const startedMs = performance.now()
      const outcome = this.#deadline(deadlineMs, leftOut.size === 0 ? work : () => withoutPatterns(leftOut, work))
      if (outcome.done) {
        leftOut.clear()
        if (tries === 0 && at.index - first === this.#chunk) this.#chunk = Math.min(chunkMax, this.#chunk * 2)
        tries = 0
        continue
      }
      const nowMs = performance.now()
      this.strikes += 1
      this.#chunk = Math.max(chunkMin, this.#chunk >> 2)
      // Struck between two events: the last one is whole and the next one has not begun.
      if (mark.of !== at.index) continue
      Object.assign(writer, { count: mark.count, wordCount: mark.wordCount, byteLength: mark.byteLength })
      const { user, system } = process.threadCpuUsage(cpu)
      const isStarved = (user + system) / 1000 < (nowMs - startedMs) * starvedShare
      const isOwn = nowMs - mark.startedMs >= ownMsMin
      tries += 1
      // What an event leaves in a matcher is set anew by the next one, so an innocent event costs no new matcher.
      if (!isOwn || (isStarved && tries < starvedTriesMax)) continue
      this.#renew()
      const input = inputs[at.index] as EventInput
      const { location, body, timeMs } = input
      const { running } = outcome
      runaways.push({
        index: at.index,
        location,
        length: body.length,
        timeMs,
        pattern: running?.source ?? null,
        ...this.#holders(running),
      })
      if (running !== null && !leftOut.has(running) && leftOut.size < leftOutMax) {
        leftOut.add(running)
        continue
      }
      this.#matchBare(input, writer)
      leftOut.clear()
      at.index += 1
      tries = 0
    }
    return runaways
  }

  #holders(pattern: Pattern | null): Pick<Runaway, 'rules' | 'decoders'> {
    if (pattern === null) return { rules: [], decoders: [] }
    const { rules, decoders } = this.#ruleset
    const holds = (other: Pattern | null): boolean => other === pattern
    const tops = [...decoders.withProgram, ...decoders.withoutProgram]
    return {
      rules: rules
        .filter(({ conditions }) => conditions.some((condition) => holds(condition.pattern)))
        .map(({ id }) => id),
      decoders: [
        ...new Set(
          tops
            .flatMap((top) => [top, ...top.children.map(({ decoder }) => decoder)])
            .filter(({ prematch, regex, programName }) => holds(prematch) || holds(regex) || holds(programName))
            .map(({ ownName }) => ownName),
        ),
      ],
    }
  }

  /** Keeps an event without asking the ruleset. */
  #matchBare(input: EventInput, writer: MatchWriter): void {
    this.#bare ??= newMatcher(emptyRuleset(this.#settings), this.#settings, this.#agents)
    this.#bare.match(input, writer)
  }

  /** A matcher that was cut off inside a pattern begins anew, with nothing learnt from a hostile text. */
  #renew(): void {
    this.#matcher = newMatcher(this.#ruleset, this.#settings, this.#agents)
  }
}
