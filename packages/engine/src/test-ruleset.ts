/** Small rulesets and what becomes of events under them, for the tests of this room. */
import { staticFields as staticNames } from './fields.ts'
import { LogtestSession } from './logtest.ts'
import { Matcher } from './matcher.ts'
import { compileRuleset, type Ruleset, type RulesetOptions } from './ruleset.ts'

/** Roots as every ruleset has them: number, category. */
const roots = ['syslog', 'firewall', 'ids', 'web-log', 'squid', 'windows', 'ossec']
  .map(
    (category, n) =>
      `<rule id="${n + 1}" level="0" noalert="1"><category>${category}</category><description>root ${category}</description></rule>`,
  )
  .join('\n')

export interface TestSources {
  readonly decoders?: string
  /** Rules only; they are put into `<group name="test,">` unless they bring groups. */
  readonly rules?: string
  /** Lists by name, such as `etc/lists/a`. */
  readonly lists?: Readonly<Record<string, string>>
}

export const utf8Bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

export function compileTest({ decoders = '', rules = '', lists = {} }: TestSources, options: RulesetOptions = {}) {
  const grouped = rules.includes('<group name') ? rules : rules === '' ? '' : `<group name="test,">\n${rules}\n</group>`
  return compileRuleset(
    {
      decoders: [{ path: 'decoders.xml', text: utf8Bytes(decoders) }],
      rules: [
        { path: '0000-roots.xml', text: `<group name="root,">${roots}</group>` },
        { path: 'rules.xml', text: utf8Bytes(grouped) },
      ],
      lists: Object.entries(lists).map(([name, text]) => ({ name, path: name, text: utf8Bytes(text) })),
    },
    options,
  )
}

/** The ruleset; throws with its problems when it has errors. */
export function loadTest(sources: TestSources, options: RulesetOptions = {}): Ruleset {
  const { ruleset, problems } = compileTest(sources, options)
  if (ruleset === null) throw new Error(problems.map(({ code, message }) => `${code}: ${message}`).join('\n'))
  return ruleset
}

/** `code line:column` of each problem, in the order found. */
export function problemPlaces(sources: TestSources): string[] {
  return compileTest(sources).problems.map(({ code, at }) => `${code} ${at.line}:${at.column}`)
}

export interface TestAnswer {
  readonly id: number
  readonly alert: boolean
  // The members of an answer, whatever they hold.
  readonly rule: { readonly [key: string]: unknown } | undefined
  readonly decoder: { readonly [key: string]: unknown } | undefined
  readonly data: { readonly [key: string]: unknown } | undefined
  readonly whole: { readonly [key: string]: unknown }
  readonly text: string
}

/** Time of the first event, a Monday noon in local time: 2026-01-05T12:00. */
export const noonMs = new Date(2026, 0, 5, 12, 0, 0).getTime()

/** Answers of one session; an event is a text, or one with its seconds after noon and its location. */
export function answers(
  ruleset: Ruleset,
  events: readonly (string | { readonly log: string; readonly at?: number; readonly location?: string })[],
): TestAnswer[] {
  const session = new LogtestSession(ruleset)
  return events.map((entry) => {
    const { log, at = 0, location } = typeof entry === 'string' ? { log: entry } : entry
    const answer = session.process({
      event: utf8Bytes(log),
      timeMs: noonMs + at * 1000,
      ...(location === undefined ? {} : { location }),
    })
    if (answer === null) throw new Error('the location is malformed')
    const text = Buffer.from(answer.output, 'latin1').toString('utf8')
    const whole = JSON.parse(text)
    return {
      id: Number(whole.rule?.id ?? 0),
      alert: answer.alert,
      rule: whole.rule,
      decoder: whole.decoder,
      data: whole.data,
      whole,
      text,
    }
  })
}

/** The last answer. */
export function answer(ruleset: Ruleset, ...logs: readonly string[]): TestAnswer {
  return answers(ruleset, logs).at(-1) as TestAnswer
}

/** Ids of the rules in which the events end, 0 for none. */
export function ids(ruleset: Ruleset, events: Parameters<typeof answers>[1]): number[] {
  return answers(ruleset, events).map(({ id }) => id)
}

/** Fields of one decoded log: decoder name, static ones, dynamic ones in order. */
export function fieldsOf(ruleset: Ruleset, log: string): { decoder: string | null; data: Record<string, string> } {
  const matcher = new Matcher(ruleset, {
    managerName: 'manager',
    outputs: { alertsJson: true, alertsText: true, archivesJson: true, archivesText: false },
  })
  matcher.prepare({ queue: 49, location: 'stdin', body: utf8Bytes(log), timeMs: noonMs })
  const { event } = matcher
  const data: Record<string, string> = {}
  for (const [n, name] of staticNames.entries()) {
    const value = event.statics[n]
    if (value != null) data[name] = value
  }
  for (let n = 0; n < event.dynamicCount; n++) data[event.keys[n] as string] ??= event.values[n] as string
  return { decoder: event.decoder?.name ?? null, data }
}
