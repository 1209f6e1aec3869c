/**
 * `npm run -s detections -- --data DIR`: replays labelled audit events (`expectations.json` in DIR) through the engine with our ruleset, without the recipe's
 * rules. Says for each scenario whether it was flagged and by which rule, for each benign set its alerts above information level, then
 * `recall X/Y, false alerts Z` and `N passed, N failed`; exit 1 when anything failed. The labelled sets stay outside of the repository.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Ruleset } from '@dogwatch/engine'
import { splitBody } from '@dogwatch/k8s'
import { Bench, compiled, type Judged, productSources } from './k8s-ruleset.ts'

/** Lowest level that flags an attack; 3 is information. */
const flagLevel = 5
const informationLevel = 3

interface Scenario {
  readonly scenario: string
  readonly attack: string | readonly string[] | null
  readonly benign?: boolean
  readonly optional?: boolean
  readonly mustFlagAuditIDs?: readonly string[]
  readonly scenarioAuditIDs?: readonly string[]
}

interface Expectation {
  readonly file: string
  readonly attack?: readonly string[]
  readonly maxAlerts?: number
  readonly must?: readonly string[]
  readonly cases?: Readonly<Record<string, { readonly attack: readonly string[] }>>
  readonly lines?: readonly { readonly line: number; readonly case: string; readonly fires: boolean }[]
  readonly scenarios?: readonly Scenario[]
}

interface Seen {
  readonly line: number
  readonly auditID: string
  readonly judged: Judged | null
}

/** Why a labelled case of the visible sets cannot be flagged, by case and line; told beside the miss and counted apart. */
const reasons: ReadonlyMap<string, string> = new Map([
  ['k8s_ioc_activity', 'needs a list of bad addresses, which is empty until it is filled (k8s-bad-addresses)'],
  [
    'k8s_serviceaccount_token_created 194',
    'the controller manager asks for a token of an account: that is its task for every pod, so control-plane identities are silent',
  ],
])

interface Tally {
  readonly say: (line: string) => void
  flagged: number
  wanted: number
  falseAlerts: number
  passed: number
  failed: number
  explained: number
}

/** Whether an alert's techniques hold one that was asked for; a parent counts on either side. */
export function namesTechnique(techniques: readonly string[], wanted: readonly string[]): boolean {
  const isBelow = (one: string, other: string): boolean => one === other || one.startsWith(`${other}.`)
  return wanted.length === 0 || techniques.some((one) => wanted.some((two) => isBelow(one, two) || isBelow(two, one)))
}

function stampOf(text: string, earliest: number): number {
  const found = /"stageTimestamp": "([^"]{10,40})"/.exec(text)?.[1] ?? ''
  const time = Date.parse(found)
  return Number.isFinite(time) ? Math.max(time, earliest) : earliest
}

function replayLine(bench: Bench, line: string, number: number, clock: { now: number }): Seen[] {
  const body = Buffer.from(line, 'utf8')
  const { events, rejected } = splitBody(body, { cluster: 'labelled' })
  const texts = events.map(({ text }) => text)
  // What is no audit event is still a line of a log.
  if (texts.length === 0 && rejected.length > 0) texts.push(body.toString('latin1'))
  return texts.map((text) => {
    clock.now = stampOf(text, clock.now)
    const auditID = /"auditID": "([^"]*)"/.exec(text)?.[1] ?? ''
    return { line: number, auditID, judged: bench.judge(text, clock.now) }
  })
}

function linesOf(path: string): [number, string][] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line, n): [number, string] => [n + 1, line])
    .filter(([, line]) => line.trim() !== '')
}

function replay(ruleset: Ruleset, path: string, isAlone: boolean): Seen[] {
  let bench = new Bench(ruleset)
  let clock = { now: 0 }
  return linesOf(path).flatMap(([number, line]) => {
    if (isAlone) {
      bench = new Bench(ruleset)
      clock = { now: 0 }
    }
    return replayLine(bench, line, number, clock)
  })
}

const asList = (attack: Scenario['attack'] | undefined): readonly string[] =>
  attack === null || attack === undefined ? [] : typeof attack === 'string' ? [attack] : attack

function flags(seen: readonly Seen[], attack: readonly string[]): Judged | undefined {
  return seen
    .map(({ judged }) => judged)
    .find((judged) => judged !== null && judged.level >= flagLevel && namesTechnique(judged.techniques, attack)) as
    | Judged
    | undefined
}

function tellAttack(
  name: string,
  seen: readonly Seen[],
  attack: readonly string[],
  tally: Tally,
  reason?: string,
): void {
  const by = flags(seen, attack)
  tally.wanted++
  if (by !== undefined) {
    tally.flagged++
    tally.passed++
    tally.say(`flagged  ${name}  by ${by.rule} (level ${by.level})`)
  } else if (reason !== undefined) {
    tally.explained++
    tally.say(`missed   ${name}  on purpose: ${reason}`)
  } else {
    tally.failed++
    const others = [...new Set(seen.flatMap(({ judged }) => (judged === null ? [] : [judged.rule])))]
    tally.say(`MISSED   ${name}  wanted ${attack.join(', ')}${others.length > 0 ? `, only ${others.join(', ')}` : ''}`)
  }
}

function tellBenign(name: string, seen: readonly Seen[], most: number, tally: Tally): void {
  const alerts = seen.flatMap(({ judged, line }) =>
    judged !== null && judged.level > informationLevel ? [{ judged, line }] : [],
  )
  if (alerts.length <= most) tally.passed++
  else {
    tally.failed++
    tally.falseAlerts += alerts.length
  }
  tally.say(
    `${alerts.length <= most ? 'quiet   ' : 'ALARMED '} ${name}  ${alerts.length} alerts above information level, ${seen.length} events`,
  )
  for (const { judged, line } of alerts.slice(0, 20))
    tally.say(`           line ${line}: ${judged.rule} (level ${judged.level}) ${judged.description}`)
}

function tellFile(ruleset: Ruleset, data: string, expectation: Expectation, tally: Tally): void {
  const { file, lines, scenarios, must, attack = [], maxAlerts } = expectation
  const path = join(data, file)
  if (!existsSync(path)) {
    tally.failed++
    tally.say(`MISSING  ${file}  named in expectations.json, not there`)
    return
  }
  const seen = replay(ruleset, path, lines !== undefined)
  tally.say(`${file}: ${seen.length} events, ${seen.filter(({ judged }) => judged !== null).length} alerts`)
  if (maxAlerts !== undefined) tellBenign(file, seen, maxAlerts, tally)
  for (const [n, name] of (must ?? []).entries()) {
    const wanted = must?.length === attack.length ? [attack[n] ?? ''] : attack
    tellAttack(`${file} ${name}`, seen, wanted, tally)
  }
  for (const { line, case: name, fires } of lines ?? []) {
    if (!fires) continue
    const reason = reasons.get(name) ?? reasons.get(`${name} ${line}`)
    const here = seen.filter((one) => one.line === line)
    tellAttack(`${name} line ${line}`, here, expectation.cases?.[name]?.attack ?? [], tally, reason)
  }
  for (const scenario of scenarios ?? []) {
    const ids = new Set(scenario.benign === true ? scenario.scenarioAuditIDs : scenario.mustFlagAuditIDs)
    const here = seen.filter(({ auditID }) => ids.has(auditID))
    if (scenario.benign === true) tellBenign(scenario.scenario, here, 0, tally)
    else if (scenario.optional !== true) tellAttack(scenario.scenario, here, asList(scenario.attack), tally)
    else
      tally.say(
        `optional ${scenario.scenario}  ${flags(seen, asList(scenario.attack)) === undefined ? 'silent' : 'may stay silent'}`,
      )
  }
}

/** Replays DIR; true when nothing failed. */
export function runDetections(data: string, say: (line: string) => void): boolean {
  const expectations: readonly Expectation[] = JSON.parse(readFileSync(join(data, 'expectations.json'), 'utf8'))
  const ruleset = compiled(productSources())
  const tally: Tally = { say, flagged: 0, wanted: 0, falseAlerts: 0, passed: 0, failed: 0, explained: 0 }
  for (const expectation of expectations) tellFile(ruleset, data, expectation, tally)
  if (tally.explained > 0) tally.say(`missed on purpose, with the reason above: ${tally.explained}`)
  tally.say(`recall ${tally.flagged}/${tally.wanted}, false alerts ${tally.falseAlerts}`)
  tally.say(`${tally.passed} passed, ${tally.failed} failed`)
  return tally.failed === 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { data: { type: 'string' } } })
  if (values.data === undefined) {
    console.error('detections: --data DIR is missing; DIR holds expectations.json and the files that it names')
    process.exitCode = 2
  } else process.exitCode = runDetections(values.data, (line) => console.log(line)) ? 0 : 1
}
