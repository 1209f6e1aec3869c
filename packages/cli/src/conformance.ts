/**
 * `npm run -s conformance -- --corpus DIR [--cases DIR]`: the recorded answers of the reference against ours. A count per sub-folder, then
 * `N passed, N failed, N skipped`; exit 1 when anything failed. The corpus stays outside the repository: it is test data under another licence.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  Correlator,
  compileRuleset,
  type ListSource,
  LogtestSession,
  Matcher,
  MatchWriter,
  OutputBuffers,
  parseQueueMessage,
  type Ruleset,
  type RulesetSource,
} from '@dogwatch/engine'
import { runRegexCorpus } from '@dogwatch/pattern'
import { formatProblem, type Problem } from '@dogwatch/schema'

interface Tally {
  passed: number
  failed: number
  readonly skipped: string[]
  readonly failures: string[]
}

const tally = (): Tally => ({ passed: 0, failed: 0, skipped: [], failures: [] })
const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')
const utf8 = (text: string): string => Buffer.from(text, 'latin1').toString('utf8')

function count(into: Tally, failure: string | null): void {
  if (failure === null) into.passed++
  else {
    into.failed++
    into.failures.push(failure)
  }
}

/** Lists that the reference's test set-up loads; rules name them below `etc/lists/`. */
const lists = [
  'audit-keys',
  'amazon/aws-eventnames',
  'security-eventchannel',
  'malicious-ioc/malware-hashes',
  'malicious-ioc/malicious-ip',
  'malicious-ioc/malicious-domains',
]

function sources(folder: string, keep: (name: string) => boolean = () => true): RulesetSource[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.xml') && keep(name))
    .map((name) => ({ path: join(folder, name), text: readFileSync(join(folder, name), 'latin1') }))
}

function listSources(corpus: string): ListSource[] {
  return lists.map((name) => {
    const path = join(corpus, 'ruleset/lists', name)
    return { name: `etc/lists/${name}`, path, text: readFileSync(path, 'latin1') }
  })
}

function compile(
  corpus: string,
  extra: { decoders: RulesetSource[]; rules: RulesetSource[] },
  leaveOut: readonly string[],
): { ruleset: Ruleset; problems: readonly Problem[] } {
  const { ruleset, problems } = compileRuleset({
    decoders: [...sources(join(corpus, 'ruleset/decoders')), ...extra.decoders],
    rules: [...sources(join(corpus, 'ruleset/rules'), (name) => !leaveOut.includes(name)), ...extra.rules],
    lists: listSources(corpus),
  })
  if (ruleset === null)
    throw new Error(
      `the corpus's ruleset does not load:\n${problems
        .filter(({ severity }) => severity === 'error')
        .map(formatProblem)
        .join('\n')}`,
    )
  return { ruleset, problems }
}

/** The stock ruleset with the reference's own test files (the corpus's README says how). */
function testRuleset(corpus: string): { ruleset: Ruleset; problems: readonly Problem[] } {
  const testing = join(corpus, 'ruleset/testing')
  return compile(
    corpus,
    {
      decoders: sources(testing, (name) => name === 'local_decoder.xml' || /^test_.*decoders\.xml$/.test(name)),
      rules: [
        ...sources(join(testing, 'win-json-variant')),
        ...sources(testing, (name) => name === 'local_rules.xml' || /^test_.*rules\.xml$/.test(name)),
      ],
    },
    ['0215-policy_rules.xml', '0575-win-base_rules.xml'],
  )
}

interface Observed {
  readonly [key: string]: unknown
}

interface LogtestCase {
  readonly id: string
  readonly log: readonly string[]
  readonly expect: { readonly rule: string; readonly alert: string; readonly decoder: string }
  readonly assert: 'equal' | 'not_equal' | 'always_passes'
  readonly requires?: readonly string[]
  readonly observed?: readonly Observed[]
}

interface Answer {
  readonly rule?: Record<string, unknown>
  readonly decoder?: { readonly name?: string }
  readonly [key: string]: unknown
}

function feed(session: LogtestSession, line: string, timeMs: number): Answer {
  const answer = session.process({ event: latin1(line), timeMs })
  return answer === null ? {} : { ...(JSON.parse(utf8(answer.output)) as object), alert: answer.alert }
}

function logtest(folder: string, ruleset: Ruleset, expected: Tally, observed: Tally): void {
  for (const name of jsonFiles(folder)) {
    for (const test of readJson(join(folder, name)) as LogtestCase[]) {
      if (test.requires?.includes('geoip') === true) {
        expected.skipped.push(`${test.id} (needs a GeoIP database)`)
        continue
      }
      const session = new LogtestSession(ruleset)
      const answers = test.log.map((line) => feed(session, line, Date.now()))
      const last = answers.at(-1) ?? {}
      const got = [
        last.rule?.id ?? '',
        last.rule === undefined ? '' : String(last.rule.level),
        last.decoder?.name ?? '',
      ]
      const wanted = [test.expect.rule, test.expect.alert, test.expect.decoder]
      const isEqual = got.every((value, n) => value === wanted[n])
      const holds = test.assert === 'equal' ? isEqual : test.assert === 'not_equal' ? !isEqual : true
      count(
        expected,
        holds
          ? null
          : `${test.id}: expected ${test.assert === 'equal' ? '' : 'not '}${wanted.join(' ')}, got ${got.join(' ')}`,
      )
      if (test.observed === undefined) continue
      const differing = test.observed.flatMap((want, n) =>
        differences(answers[n] ?? {}, want, test.log[n] ?? '').map((what) => `line ${n + 1}: ${what}`),
      )
      count(observed, differing.length === 0 ? null : `${test.id}: ${differing.join('; ')}`)
    }
  }
}

/** What differs between our answer and the recorded one, left-out members apart. */
function differences(answer: Answer, want: Observed, line: string): string[] {
  const mine: Record<string, unknown> = { ...answer }
  for (const key of ['timestamp', 'id', 'agent', 'manager']) delete mine[key]
  if (JSON.stringify(mine.decoder) === '{}') delete mine.decoder
  if (answer.rule !== undefined) {
    const { mitre: _, ...rule } = answer.rule
    mine.rule = rule
  }
  const theirs: Record<string, unknown> = { ...want }
  if (!('full_log' in want)) theirs.full_log = line
  else if (want.full_log === null) delete theirs.full_log
  const keys = new Set([...Object.keys(mine), ...Object.keys(theirs)])
  return [...keys]
    .filter((key) => JSON.stringify(mine[key]) !== JSON.stringify(theirs[key]))
    .map((key) => `${key} is ${JSON.stringify(mine[key])}, recorded ${JSON.stringify(theirs[key])}`)
}

interface SequenceCase {
  readonly id: string
  readonly line: string
  readonly repeat: number
  readonly observed: readonly {
    readonly rule: string
    readonly level?: number
    readonly firedtimes?: number
    readonly alert: boolean
    readonly frequency?: number
    readonly previous_lines?: number
  }[]
}

function sequences(folder: string, ruleset: Ruleset, into: Tally): void {
  for (const name of jsonFiles(folder)) {
    for (const test of readJson(join(folder, name)) as SequenceCase[]) {
      const session = new LogtestSession(ruleset)
      const timeMs = Date.now()
      const wrong: string[] = []
      for (let n = 0; n < test.repeat; n++) {
        const { rule, alert, previous_output: previous } = feed(session, test.line, timeMs)
        const want = test.observed[n]
        if (want === undefined) continue
        const got: Record<string, unknown> = { rule: rule?.id ?? '', alert }
        if (want.level !== undefined) got.level = rule?.level
        if (want.firedtimes !== undefined) got.firedtimes = rule?.firedtimes
        if (want.frequency !== undefined) got.frequency = rule?.frequency
        if (want.previous_lines !== undefined)
          got.previous_lines = typeof previous === 'string' ? previous.split('\n').length : 0
        for (const [key, value] of Object.entries(want))
          if (got[key] !== value) wrong.push(`time ${n + 1}: ${key} is ${String(got[key])}, recorded ${String(value)}`)
      }
      count(into, wrong.length === 0 ? null : `${test.id}: ${wrong.slice(0, 4).join('; ')}`)
    }
  }
}

function regexes(folder: string, into: Tally): void {
  for (const name of jsonFiles(folder)) {
    const cases = readJson(join(folder, name))
    if (!Array.isArray(cases)) throw new Error(`${join(folder, name)} is no array of cases`)
    const { passed, failed, failures } = runRegexCorpus(name, cases)
    into.passed += passed
    into.failed += failed
    into.failures.push(...failures.map((failure) => `${name}: ${failure}`))
  }
}

/** The agents that were registered, with an address, when the production files were recorded. */
const registered: Readonly<Record<string, { ip: string }>> = { '001': { ip: '127.0.0.1' } }

function production(corpus: string, folder: string, into: Tally): void {
  if (!existsSync(join(folder, 'events.queue'))) return
  const { ruleset } = compile(
    corpus,
    {
      decoders: [],
      rules: [{ path: 'local_rules.xml', text: readFileSync(join(folder, 'local_rules.xml'), 'latin1') }],
    },
    ['0215-policy_rules.xml'],
  )
  const options = {
    managerName: 'vm',
    outputs: { alertsJson: true, alertsText: true, archivesJson: true, archivesText: false },
    agents: (id: string) => registered[id],
  }
  const matcher = new Matcher(ruleset, options)
  const correlator = new Correlator(ruleset, options)
  const writer = new MatchWriter()
  const outputs = new OutputBuffers()
  const timeMs = Date.UTC(2026, 10, 22, 2, 31, 45, 780)
  for (const line of readFileSync(join(folder, 'events.queue'), 'latin1').split('\n')) {
    const message = parseQueueMessage(line)
    if (message !== null) matcher.match({ ...message, timeMs }, writer)
  }
  correlator.consume(writer.finish(), 0, outputs)
  const taken = outputs.take()
  const jsonLine = (line: string): string =>
    line
      .replace(/"timestamp":"\d{4}-\d\d-\d\dT[^"]*",/, '')
      .replace(/("manager":\{"name":"[^"]*"\},)"id":"[^"]*",/, '$1')
  const entry = (text: string): string =>
    text
      .replace(/^\*\* Alert \d+\.\d+:/, '** Alert:')
      .replace(/^(\*\* Alert:.*\n)\d{4} \w{3} \d\d \d\d:\d\d:\d\d/, '$1')
  compare('alerts.json', lines(taken.alertsJson), lines(readFileSync(join(folder, 'alerts.json'))), jsonLine, into)
  compare(
    'archives.json',
    lines(taken.archivesJson),
    lines(readFileSync(join(folder, 'archives.json'))),
    jsonLine,
    into,
  )
  compare('alerts.log', entries(taken.alertsText), entries(readFileSync(join(folder, 'alerts.log'))), entry, into)
}

const lines = (bytes: Buffer): string[] =>
  bytes
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '')
const entries = (bytes: Buffer): string[] =>
  bytes
    .toString('latin1')
    .split(/\n\n(?=\*\* Alert)/)
    .map((text) => text.trimEnd())

function compare(
  name: string,
  got: readonly string[],
  wanted: readonly string[],
  normal: (text: string) => string,
  into: Tally,
): void {
  for (let n = 0; n < Math.max(got.length, wanted.length); n++) {
    const [mine, theirs] = [normal(got[n] ?? ''), normal(wanted[n] ?? '')]
    let at = 0
    while (at < mine.length && mine[at] === theirs[at]) at++
    count(
      into,
      mine === theirs
        ? null
        : `${name} entry ${n + 1}, at byte ${at}: got …${mine.slice(Math.max(0, at - 30), at + 60)}, recorded …${theirs.slice(Math.max(0, at - 30), at + 60)}`,
    )
  }
}

const jsonFiles = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.json'))
        .sort()
    : []
const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))

/** Failures that are shown of each sub-folder. */
const failuresShown = 20

function main(): number {
  const { values } = parseArgs({
    options: { corpus: { type: 'string' }, cases: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  })
  const corpus = values.corpus ?? join(process.env.DOGWATCH_SHARED ?? '../shared', 'conformance')
  if (values.help === true) {
    console.log(
      'Usage: npm run -s conformance -- [--corpus DIR] [--cases DIR]\n\nRuns the recorded answers below --cases (default: the corpus itself) with the ruleset of --corpus.',
    )
    return 0
  }
  if (!existsSync(join(corpus, 'ruleset'))) {
    console.error(`conformance: there is no corpus at ${corpus}; name its folder with --corpus`)
    return 3
  }
  const cases = values.cases ?? corpus
  const { ruleset, problems } = testRuleset(corpus)
  console.log(`ruleset: ${ruleset.rules.length} rules, ${problems.length} warnings`)
  const parts: Record<string, Tally> = {
    'logtest (expect)': tally(),
    'logtest (observed)': tally(),
    sequences: tally(),
    regex: tally(),
    production: tally(),
  }
  logtest(join(cases, 'logtest'), ruleset, parts['logtest (expect)'] as Tally, parts['logtest (observed)'] as Tally)
  sequences(join(cases, 'sequences'), ruleset, parts.sequences as Tally)
  regexes(join(cases, 'regex'), parts.regex as Tally)
  production(corpus, join(cases, 'production'), parts.production as Tally)
  const sum = tally()
  for (const [name, part] of Object.entries(parts)) {
    for (const failure of part.failures.slice(0, failuresShown)) console.log(`  failed: ${name}: ${failure}`)
    if (part.failures.length > failuresShown)
      console.log(`  and ${part.failures.length - failuresShown} more in ${name}`)
    for (const skipped of part.skipped) console.log(`  skipped: ${skipped}`)
    console.log(
      `${name}: ${part.passed} passed, ${part.failed} failed${part.skipped.length > 0 ? `, ${part.skipped.length} skipped` : ''}`,
    )
    sum.passed += part.passed
    sum.failed += part.failed
    sum.skipped.push(...part.skipped)
  }
  console.log(
    `${sum.passed} passed, ${sum.failed} failed${sum.skipped.length > 0 ? `, ${sum.skipped.length} skipped` : ''}`,
  )
  return sum.failed > 0 ? 1 : 0
}

process.exitCode = main()
