/** A logtest session: one event at a time against a ruleset, with state that lasts as long as the session (spec: engine, part 15). */
import { MatchWriter } from './batch.ts'
import { Correlator, type StateCondition } from './correlator.ts'
import {
  categoryName,
  type DecoderStep,
  debugLines,
  type Explanation,
  explainRules,
  type RuleStep,
  traceDecoders,
} from './explain.ts'
import { type DecodeState, Matcher } from './matcher.ts'
import type { Correlation, Rule } from './rule.ts'
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
  /** What was tried and why it failed; only when asked. */
  readonly explanation?: Explanation
}

/** What to tell beside the answer. */
export interface LogtestWishes {
  readonly rulesDebug?: boolean
  readonly explain?: boolean
}

/** Where an event comes from when nobody says. */
export const logtestLocation = 'stdin'

/**
 * A matcher for all sessions of a ruleset: making one takes longer than judging hundreds of events, and what it learns is of no event. What decoding needs
 * of a session's state is lent to it for each event.
 */
class SharedMatcher {
  readonly matcher: Matcher
  state: DecodeState | null = null
  /** Set while an event is judged; still set afterwards when that was cut off, which leaves the matcher in no good order. */
  isBusy = false

  constructor(ruleset: Ruleset, managerName: string) {
    const state = (): DecodeState => {
      if (this.state === null) throw new Error('no session is judging')
      return this.state
    }
    this.matcher = new Matcher(ruleset, optionsOf(managerName), {
      accumulate: (event) => state().accumulate(event),
      get builtins() {
        return state().builtins
      },
    })
  }
}

/** By manager name, which nearly always is one. */
const sharedMatchers = new WeakMap<Ruleset, Map<string, SharedMatcher>>()

function sharedMatcher(ruleset: Ruleset, managerName: string): SharedMatcher {
  let byName = sharedMatchers.get(ruleset)
  if (byName === undefined) sharedMatchers.set(ruleset, (byName = new Map()))
  let shared = byName.get(managerName)
  if (shared === undefined || shared.isBusy) byName.set(managerName, (shared = new SharedMatcher(ruleset, managerName)))
  return shared
}

const optionsOf = (managerName: string) => ({
  managerName,
  outputs: { alertsJson: true, alertsText: false, archivesJson: true, archivesText: false },
  dropIncompleteFirewall: false,
  isLogtest: true,
})

export class LogtestSession {
  readonly #managerName: string
  readonly #ruleset: Ruleset
  readonly #correlator: Correlator
  readonly #writer = new MatchWriter()
  #count = 0

  constructor(ruleset: Ruleset, managerName = 'manager') {
    this.#managerName = managerName
    this.#ruleset = ruleset
    this.#correlator = new Correlator(ruleset, optionsOf(managerName))
  }

  /** Judges one event. Null when its location is malformed. */
  process(input: LogtestInput, wishes: LogtestWishes = {}): LogtestAnswer | null {
    const shared = sharedMatcher(this.#ruleset, this.#managerName)
    shared.isBusy = true
    shared.state = this.#correlator.decodeState
    const answer = this.#judge(shared.matcher, input, wishes)
    shared.state = null
    shared.isBusy = false
    return answer
  }

  #judge(
    matcher: Matcher,
    { event, location = logtestLocation, timeMs }: LogtestInput,
    wishes: LogtestWishes,
  ): LogtestAnswer | null {
    const input = { queue: 49, location, body: event, timeMs }
    const seen = new Map<Rule, { held: boolean; says: string }>()
    const isTraced = wishes.explain === true || wishes.rulesDebug === true
    if (isTraced) {
      this.#correlator.stateSeen = (rule, failed, counted) =>
        seen.set(rule, { held: failed === null, says: stateSays(rule, failed, counted) })
    }
    this.#writer.clear()
    let decoders: DecoderStep[] = []
    if (isTraced) decoders = traceDecoders(matcher.decoder, () => matcher.match(input, this.#writer))
    else matcher.match(input, this.#writer)
    const answer = this.#correlator.logtest(this.#writer.view(), this.#count++)
    this.#correlator.stateSeen = null
    if (answer === null) return null
    const base = { output: answer.json.trimEnd(), alert: answer.isAlert }
    if (!isTraced) return base
    const explain = (listsAll: boolean): RuleStep[] =>
      explainRules(
        this.#ruleset,
        matcher.event,
        { of: ({ home }) => seen.get(this.#ruleset.rules[home] as Rule) },
        listsAll,
      )
    return {
      ...base,
      ...(wishes.rulesDebug === true ? { rulesDebug: debugLines(explain(true)) } : {}),
      ...(wishes.explain === true
        ? {
            explanation: {
              decoder: matcher.event.decoder?.name ?? null,
              decoders,
              category: categoryName(matcher.event),
              rules: explain(false),
              result: answer.rule?.id ?? null,
              alert: answer.isAlert,
            },
          }
        : {}),
    }
  }
}

/** Every condition that was asked, in order; what fails is the last. */
function stateSays(rule: Rule, failed: StateCondition | null, counted: number): string {
  const says: string[] = []
  if (rule.checkDiff)
    says.push(
      failed === 'difference' ? 'first log of its kind, or the same as before' : 'the log differs from the one before',
    )
  if (rule.firstTimeSeen && failed !== 'difference')
    says.push(failed === 'first-time' ? 'seen before' : 'seen for the first time')
  if (rule.correlation !== null && (failed === null || failed === 'correlation'))
    says.push(correlationSays(rule, rule.correlation, counted))
  return says.join('; ')
}

function correlationSays(rule: Rule, correlation: Correlation, counted: number): string {
  const source =
    correlation.source === 'sid'
      ? `rule ${correlation.sid}`
      : correlation.source === 'group'
        ? `group '${correlation.groupText}'`
        : `'${correlation.regex?.source}'`
  const needs = rule.frequency + 1
  const names = (refs: Correlation['same']): string => refs.map(({ name }) => name).join(', ')
  const wanted = [
    ...(correlation.same.length === 0 ? [] : [`the same ${names(correlation.same)}`]),
    ...(correlation.different.length === 0 ? [] : [`different ${names(correlation.different)}`]),
  ]
  const compared = wanted.length === 0 ? '' : ` with ${wanted.join(' and ')}`
  return `needs ${needs} earlier event${needs === 1 ? '' : 's'} of ${source} within ${rule.timeframe} s${compared}; ${counted} counted`
}
