/**
 * Rule tests as files: `.ini` suites in the form that rulesets for Wazuh bring, and our golden JSON files. In goes a file's text, out come cases; a case is
 * judged in a session of its own. What a file states wrongly is a failing case, never an exception.
 */
import { Correlator, LogtestSession, logtestLocation, Matcher, MatchWriter, type Ruleset } from '@dogwatch/engine'
import { parseLine, type SplitContext } from '@dogwatch/k8s'
import { latin1 } from './logtest-protocol.ts'
import { expectationStatus, parsed, resultOf } from './logtest-run.ts'
import { isObject } from './logtest-text.ts'

/** One case; `judge` gives null when it passes, else what was expected and what came. */
export interface SuiteCase {
  /** Says where: file, section or number, key. */
  readonly name: string
  readonly judge: (ruleset: Ruleset) => string | null
}

/** Time of a case's first event, epoch ms; the next ones come a second later each. */
const firstMs = Date.UTC(2026, 0, 5, 10)

interface Section {
  readonly title: string
  /** Lines of each key in file order; a repeated key goes on where the first stopped. */
  readonly keys: Map<string, string[]>
}

/**
 * Sections of an `.ini` file as Python's reader sees them, with repeated keys joined: keys in lower case, `=` or `:` behind them, deeper lines go on with
 * the value, sections of one title are one. Null when a line is none of these.
 */
export function readIni(text: string): Section[] | { readonly line: number } {
  const sections = new Map<string, Section>()
  let section: Section | null = null
  let value: string[] | null = null
  let indent = 0
  for (const [n, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim()
    if (trimmed.startsWith('#') || trimmed.startsWith(';')) continue
    if (trimmed === '') {
      value?.push('')
      continue
    }
    const depth = line.length - line.trimStart().length
    if (value !== null && depth > indent) {
      value.push(trimmed)
      continue
    }
    indent = depth
    const title = /^\[(.+)\]/.exec(trimmed)?.[1]
    if (title !== undefined) {
      section = sections.get(title) ?? { title, keys: new Map() }
      sections.set(title, section)
      value = null
      continue
    }
    const pair = /^(.*?)\s*[=:]\s*(.*)$/.exec(trimmed)
    if (section === null || pair === null || pair[1] === '') return { line: n + 1 }
    const key = (pair[1] ?? '').toLowerCase()
    value = section.keys.get(key) ?? []
    value.push(pair[2] ?? '')
    section.keys.set(key, value)
  }
  return [...sections.values()]
}

/** Cases of an `.ini` suite, text in UTF-8: every key `log … pass` or `log … fail` of every section. */
export function iniCases(file: string, text: string): SuiteCase[] {
  const sections = readIni(text)
  if (!Array.isArray(sections))
    return [broken(`${file}:${sections.line}`, 'this line is no [section], no key = value and no continuation')]
  return sections.flatMap(({ title, keys }) => {
    const logs = [...keys].filter(([key]) => key.startsWith('log '))
    const lacking = ['rule', 'alert', 'decoder'].filter((key) => !keys.has(key))
    if (lacking.length > 0) return [broken(`${file} [${title}]`, `the section lacks ${lacking.join(', ')}`)]
    const of = (key: string): string => joined(keys.get(key) ?? [])
    const expected = [of('rule'), of('alert'), of('decoder')] as const
    return logs.map(([key, lines]): SuiteCase => {
      const mustDiffer = key.endsWith('fail')
      return {
        name: `${file} [${title}] ${key}`,
        judge: (ruleset) => {
          const session = new LogtestSession(ruleset)
          let got: readonly [string, string, string] = ['', '', '']
          for (const [n, line] of joined(lines).split('\n').entries()) {
            if (line === '') continue
            const answer = session.process({ event: latin1(line), timeMs: firstMs + n * 1000 })
            got = answer === null ? ['', '', ''] : resultOf(parsed(answer))
          }
          const isEqual = expectationStatus(got, expected) === 0
          if (isEqual !== mustDiffer) return null
          return `expected ${mustDiffer ? 'anything but ' : ''}${shown(expected)}, got ${shown(got)}`
        },
      }
    })
  })
}

/** The value of a key: its lines, less the empty ones at the end. */
function joined(lines: readonly string[]): string {
  return lines.join('\n').trimEnd()
}

const shown = ([rule, level, decoder]: readonly [string, string, string]): string =>
  `rule ${rule === '' ? 'none' : rule}, level ${level === '' ? 'none' : level}, decoder ${decoder === '' ? 'none' : decoder}`

/** Cluster that golden audit events come from; their location is the one that the manager gives them. */
const goldenContext: SplitContext = { cluster: 'golden', hash: false }
const k8sLocation = 'k8s'

/**
 * Cases of a golden file: an array of `{"rule","level","says","log":[…],"format":"log"|"k8s","queue"?,"location"?,"seconds"?,"expect":{"rule":id}|{"not":id}}`.
 * The last event decides: it must, or must not, end in that rule. `queue` is the queue byte of the messages, `seconds` the time between two of them.
 */
export function goldenCases(file: string, text: string): SuiteCase[] {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch (error) {
    return [broken(file, `it is not JSON: ${error instanceof Error ? error.message : String(error)}`)]
  }
  if (!Array.isArray(list)) return [broken(file, 'it is not an array of cases')]
  return list.map((entry: unknown, n) => {
    const says = isObject(entry) && typeof entry.says === 'string' ? entry.says : ''
    const rule = isObject(entry) ? String(entry.rule ?? '') : ''
    const name = `${file}#${n + 1} rule ${rule}: ${says}`
    const golden = readGolden(entry)
    return typeof golden === 'string'
      ? broken(name, golden)
      : { name, judge: (ruleset) => judgeGolden(golden, ruleset) }
  })
}

interface Golden {
  readonly level: number | null
  readonly log: readonly unknown[]
  readonly isK8s: boolean
  readonly queue: number
  readonly location: string
  readonly seconds: number
  readonly rule: string
  readonly mustDiffer: boolean
}

function readGolden(entry: unknown): Golden | string {
  if (!isObject(entry)) return 'a case is an object'
  const { level, log, format = 'log', queue = '1', location, seconds = 1, expect } = entry
  if (!Array.isArray(log) || log.length === 0) return '"log" must be an array of lines or objects'
  if (format !== 'log' && format !== 'k8s') return `"format" must be log or k8s, not ${JSON.stringify(format)}`
  if (typeof queue !== 'string' || queue.length !== 1) return '"queue" must be one character'
  if (typeof seconds !== 'number' || !(seconds >= 0)) return '"seconds" must be a number from 0'
  const ids = isObject(expect) ? [expect.rule, expect.not].filter((id) => id !== undefined) : []
  const [rule] = ids
  if (!isObject(expect) || ids.length !== 1 || (typeof rule !== 'string' && typeof rule !== 'number'))
    return '"expect" must be {"rule":"…"} or {"not":"…"}'
  const usual = format === 'k8s' ? k8sLocation : queue === '1' ? logtestLocation : 'rootcheck'
  return {
    level: typeof level === 'number' ? level : null,
    log,
    isK8s: format === 'k8s',
    queue: queue.charCodeAt(0),
    location: typeof location === 'string' ? location : usual,
    seconds,
    rule: String(rule),
    mustDiffer: expect.not !== undefined,
  }
}

function judgeGolden(golden: Golden, ruleset: Ruleset): string | null {
  const { level, log, isK8s, queue, location, seconds, rule, mustDiffer } = golden
  const options = {
    managerName: 'manager',
    outputs: { alertsJson: true, alertsText: false, archivesJson: true, archivesText: false },
    dropIncompleteFirewall: false,
    isLogtest: true,
  }
  const correlator = new Correlator(ruleset, options)
  const matcher = new Matcher(ruleset, options, correlator.decodeState)
  const writer = new MatchWriter()
  let timeMs = firstMs
  let number = 0
  let got: readonly [rule: string, level: string, decoder: string] = ['', '', '']
  for (const entry of log) {
    const text = latin1(typeof entry === 'string' ? entry : JSON.stringify(entry))
    const { events, rejected } = isK8s ? parseLine(text, goldenContext) : { events: [{ text }], rejected: [] }
    const refused = rejected[0]
    if (refused !== undefined) return `an entry is no audit event: ${refused.detail}`
    for (const event of events) {
      writer.clear()
      matcher.match({ queue, location: latin1(location), body: event.text, timeMs }, writer)
      const answer = correlator.logtest(writer.view(), number++)
      got = [String(answer?.rule?.id ?? ''), String(answer?.rule?.level ?? ''), matcher.event.decoder?.name ?? '']
      timeMs += seconds * 1000
    }
  }
  if (mustDiffer) return got[0] === rule ? `expected anything but rule ${rule}, got ${shown(got)}` : null
  if (got[0] === rule && (level === null || String(level) === got[1])) return null
  return `expected rule ${rule}${level === null ? '' : `, level ${level}`}, got ${shown(got)}`
}

function broken(name: string, reason: string): SuiteCase {
  return { name, judge: () => reason }
}
