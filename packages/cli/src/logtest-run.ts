/**
 * `dogwatch logtest` without its terminal: lines in, answers out, in three phases or as JSON (spec: engine, part 15.3). One session for the whole input, so
 * frequency rules count across lines.
 */
import { type LogtestAnswer, LogtestSession, logtestLocation, type Ruleset } from '@dogwatch/engine'
import { processBounded } from './bounded-logtest.ts'
import { explanationLines } from './explanation-text.ts'
import type { ExitCode } from './failure.ts'
import { answerMembers, eventText, latin1, utf8 } from './logtest-protocol.ts'
import { isObject, type JsonObject, phaseLines } from './logtest-text.ts'

export interface LogtestRun {
  readonly ruleset: Ruleset
  /** A line each; shown with the first answer. */
  readonly warnings: readonly string[]
  /** Lines in latin1. */
  readonly lines: AsyncIterable<string>
  readonly version: string
  /** Milliseconds since the epoch, for each event. */
  readonly now: () => number
  readonly say: (line: string) => void
  readonly location?: string | undefined
  readonly json?: boolean | undefined
  readonly rulesDebug?: boolean | undefined
  readonly explain?: boolean | undefined
  readonly quiet?: boolean | undefined
  /** Expected rule id, level and decoder name of the last event, empty for none. */
  readonly expected?: readonly [rule: string, level: string, decoder: string] | undefined
}

/** Judges every line; the status is 0 or, with `expected`, what {@link expectationStatus} says. */
export async function runLogtest(run: LogtestRun): Promise<ExitCode> {
  const { ruleset, lines, json = false, quiet = false, now } = run
  const say = quiet ? () => {} : run.say
  let session = new LogtestSession(ruleset)
  let last: readonly [string, string, string] = ['', '', '']
  let warnings = run.warnings
  const prompt = (): void => {
    if (!json) say('')
  }
  if (!json) {
    say(`Starting wazuh-logtest v${run.version}`)
    say('Type one log per line')
  }
  prompt()
  for await (const line of lines) {
    if (line === '') continue
    const { event, location } = (json ? readRequest(line) : null) ?? { event: line, location: undefined }
    const result = processBounded(
      session,
      { event, location: location ?? latin1(run.location ?? logtestLocation), timeMs: now() },
      { rulesDebug: run.rulesDebug === true, explain: run.explain === true },
    )
    const { answer, failure } = result
    if (result.failure !== undefined && result.isSpoilt) session = new LogtestSession(ruleset)
    const output = answer === null ? {} : parsed(answer)
    last = resultOf(output)
    if (json) say(jsonAnswer(answer, failure, warnings))
    else {
      say('')
      for (const warning of warnings) say(`** Wazuh-Logtest: WARNING: ${warning}`)
      if (warnings.length > 0) say('')
      if (answer === null) say(`** Wazuh-Logtest: ERROR: ${failure}`)
      else {
        for (const text of phaseLines({ output, alert: answer.alert, rulesDebug: answer.rulesDebug?.map(utf8) }))
          say(text)
        if (answer.explanation !== undefined) {
          say('')
          for (const text of explanationLines(answer.explanation)) say(utf8(text))
        }
      }
    }
    warnings = []
    prompt()
  }
  return run.expected === undefined ? 0 : expectationStatus(last, run.expected)
}

/** How many of the three expected texts are empty when all agree; 1 when one differs. So 0 only when nothing is empty (spec: engine, part 15.3). */
export function expectationStatus(got: readonly string[], expected: readonly [string, string, string]): ExitCode {
  if (!expected.every((text, n) => text === got[n])) return 1
  const statuses = [0, 1, 2, 3] as const
  return statuses[expected.filter((text) => text === '').length] ?? 1
}

/** Rule id, level and decoder name of an answer; empty where there is none. */
export function resultOf({ rule, decoder }: JsonObject): [rule: string, level: string, decoder: string] {
  return [
    isObject(rule) ? String(rule.id ?? '') : '',
    isObject(rule) ? String(rule.level ?? '') : '',
    isObject(decoder) ? String(decoder.name ?? '') : '',
  ]
}

/** The alert object of an answer. */
export function parsed({ output }: LogtestAnswer): JsonObject {
  const value: unknown = JSON.parse(utf8(output))
  return isObject(value) ? value : {}
}

/** An input line of `--json`: an object with `event` and, if need be, `location` and `log_format`; any other line is itself the event. */
function readRequest(line: string): { readonly event: string; readonly location: string | undefined } | null {
  if (!line.startsWith('{')) return null
  let value: unknown
  try {
    value = JSON.parse(utf8(line))
  } catch {
    return null
  }
  if (!isObject(value) || !Object.keys(value).every((key) => ['event', 'location', 'log_format'].includes(key)))
    return null
  const { event, location } = value
  if (location !== undefined && typeof location !== 'string') return null
  const text = typeof event === 'string' || isObject(event) ? eventText(line, ['event']) : ''
  return text === '' ? null : { event: text, location: location === undefined ? undefined : latin1(location) }
}

/** One line: the protocol's `data` members, and `explanation` where it was asked for. */
function jsonAnswer(answer: LogtestAnswer | null, failure: string | undefined, warnings: readonly string[]): string {
  const messages = warnings.map((warning) => `WARNING: ${warning}`)
  if (failure !== undefined) messages.push(`ERROR: ${failure}`)
  const code = answer === null ? -1 : warnings.length > 0 ? 1 : 0
  const explanation = answer?.explanation
  return `{${[
    ...(messages.length === 0 ? [] : [`"messages":${JSON.stringify(messages)}`]),
    ...(answer === null ? [] : answerMembers(answer)),
    `"codemsg":${code}`,
    ...(explanation === undefined ? [] : [`"explanation":${utf8(JSON.stringify(explanation))}`]),
  ].join(',')}}`
}
