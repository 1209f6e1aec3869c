/**
 * Matching under a watchdog: no event, however hostile, holds up the ones behind it (issue: engine, Safety).
 *
 * In: events. Out: all of them in the writer, in order, each exactly once. Work runs in chunks under one deadline, since a deadline costs as much as
 * matching a few events. When it strikes, the events that were done stay, the one at work is matched alone with what is left of the 250 ms; if it runs away
 * again its rules are given up: it is kept as an event that nothing matched (archived, no alert of the ruleset), and a `Runaway` tells of it.
 * A thread that was merely not given the processor is told apart by its own CPU time and tries again.
 */
import type { EventInput, Matcher, MatchWriter, Ruleset } from '@dogwatch/engine'
import { type Guarded, withDeadline } from '@dogwatch/pattern'
import { type AgentTable, type EngineSettings, emptyRuleset, newMatcher } from './engine-parts.ts'

/** A pattern that did not come to an end. */
export interface Runaway {
  /** Index of the event in its chunk. */
  readonly index: number
  readonly location: string
  readonly length: number
  /** The pattern at work, where it is known. */
  readonly pattern: string | null
}

/** A chunk of events may take this long, and then one event alone: together the 250 ms. */
const chunkMs = 125
const aloneMs = 125
/** How often an event that was starved of CPU is tried again. */
const starvedTriesMax = 5

type Deadline = <T>(ms: number, work: () => T) => Guarded<T>

export class GuardedMatcher {
  readonly #ruleset: Ruleset
  readonly #settings: EngineSettings
  readonly #agents: () => AgentTable
  readonly #deadline: Deadline
  #matcher: Matcher
  #bare: Matcher | null = null

  /** `deadline` and `matcher` are replaced by tests. */
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
    let at = 0
    const mark = { count: 0, wordCount: 0, byteLength: 0 }
    const work = (): void => {
      for (; at < inputs.length; at += 1) {
        mark.count = writer.count
        mark.wordCount = writer.wordCount
        mark.byteLength = writer.byteLength
        this.#matcher.match(inputs[at] as EventInput, writer)
      }
    }
    while (at < inputs.length) {
      if (this.#deadline(chunkMs, work).done) break
      Object.assign(writer, mark)
      this.#renew()
      const runaway = this.#alone(inputs[at] as EventInput, at, writer)
      if (runaway) runaways.push(runaway)
      at += 1
    }
    return runaways
  }

  #alone(input: EventInput, index: number, writer: MatchWriter): Runaway | null {
    const { count, wordCount, byteLength } = writer
    for (let tries = 0; ; tries += 1) {
      const before = process.threadCpuUsage()
      const outcome = this.#deadline(aloneMs, () => this.#matcher.match(input, writer))
      if (outcome.done) return null
      Object.assign(writer, { count, wordCount, byteLength })
      this.#renew()
      const { user, system } = process.threadCpuUsage(before)
      const isStarved = user + system < aloneMs * 500
      if (isStarved && tries < starvedTriesMax) continue
      this.#bare ??= newMatcher(emptyRuleset(this.#settings), this.#settings, this.#agents)
      this.#bare.match(input, writer)
      return { index, location: input.location, length: input.body.length, pattern: outcome.running?.source ?? null }
    }
  }

  /** A matcher that was cut off in the middle may be half-way through anything. */
  #renew(): void {
    this.#matcher = newMatcher(this.#ruleset, this.#settings, this.#agents)
  }
}
