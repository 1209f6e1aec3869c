/** A logtest session: one event at a time against a ruleset, with state that lasts as long as the session (spec: engine, part 15). */
import { MatchWriter } from './batch.ts'
import { Correlator } from './correlator.ts'
import { Matcher } from './matcher.ts'
import type { Ruleset } from './ruleset.ts'

export interface LogtestInput {
  /** latin1. */
  readonly event: string
  /** `stdin` unless told. */
  readonly location?: string
  readonly timeMs: number
}

export interface LogtestAnswer {
  /** The object that an alert would be, as JSON text, latin1; `rule.level` is always there. */
  readonly output: string
  /** Whether an alert would be written. */
  readonly alert: boolean
  /** Lines that say which rules were tried; only when asked. */
  readonly rulesDebug?: readonly string[]
}

/** Where an event comes from when nobody says. */
export const logtestLocation = 'stdin'

export class LogtestSession {
  readonly #matcher: Matcher
  readonly #correlator: Correlator
  readonly #writer = new MatchWriter()
  #count = 0

  constructor(ruleset: Ruleset, managerName = 'manager') {
    const options = {
      managerName,
      outputs: { alertsJson: true, alertsText: false, archivesJson: true, archivesText: false },
      dropIncompleteFirewall: false,
      isLogtest: true,
    }
    this.#correlator = new Correlator(ruleset, options)
    this.#matcher = new Matcher(ruleset, options, this.#correlator.decodeState)
  }

  /** Judges one event. Null when its location is malformed. */
  process({ event, location = logtestLocation, timeMs }: LogtestInput): LogtestAnswer | null {
    this.#writer.clear()
    this.#matcher.match({ queue: 49, location, body: event, timeMs }, this.#writer)
    const answer = this.#correlator.logtest(this.#writer.view(), this.#count++)
    return answer === null ? null : { output: answer.json.trimEnd(), alert: answer.isAlert }
  }
}
