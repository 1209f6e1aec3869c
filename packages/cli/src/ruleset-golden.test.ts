/**
 * The product's own rules: every golden case, every condition shown to be needed, ids and levels as sites know them.
 * Kubernetes detections (names with `k8s`) have tests of their own and are left out, except where the whole set-up is meant.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  Correlator,
  compileRuleset,
  LogtestSession,
  Matcher,
  MatchWriter,
  type Ruleset,
  type RulesetSource,
} from '@dogwatch/engine'
import { splitBody } from '@dogwatch/k8s'
import { expect, test } from 'vitest'
import { productSources } from './k8s-ruleset.ts'

interface Case {
  readonly rule: number
  readonly level: number
  readonly says: string
  readonly format: 'log'
  /** One line, or several in order; the last one is judged. */
  readonly log: readonly string[]
  /** Queue byte of the messages; `1` unless told. */
  readonly queue?: string
  readonly location?: string
  /** Between two lines; 1 unless told. */
  readonly seconds?: number
  readonly expect: { readonly rule: string } | { readonly not: string }
}

const repository = fileURLToPath(new URL('../../../', import.meta.url))
const shared = process.env.DOGWATCH_SHARED ?? join(repository, '../shared')
const testsDir = join(repository, 'ruleset/tests')

const whole = productSources()
const ownRules = whole.rules.filter(({ path }) => !path.includes('k8s'))
const ruleset = compiled(ownRules)

const cases = readdirSync(testsDir)
  .filter((folder) => !folder.includes('k8s'))
  .flatMap((folder) =>
    readdirSync(join(testsDir, folder)).flatMap((file): Case[] =>
      JSON.parse(readFileSync(join(testsDir, folder, file), 'utf8')),
    ),
  )

/** What a rule asks for that cannot be left out by itself, with the reason. */
const structural: Readonly<Record<string, string>> = {
  category: 'says at which root the rule stands; a rule elsewhere never sees the events',
  if_matched_sid: 'a rule that counts must say what it counts; the ruleset does not load without it',
  if_matched_group: 'a rule that counts must say what it counts; the ruleset does not load without it',
}
const conditionNames = new Set([
  ...Object.keys(structural),
  ...['decoded_as', 'if_sid', 'if_group', 'if_fts', 'check_diff', 'match', 'regex', 'field', 'program_name'],
  ...['location', 'user', 'same_srcip'],
])
const plainNames = new Set(['description', 'mitre', 'group', 'options'])

interface Mutant {
  readonly rule: number
  readonly what: string
  readonly name: string
  /** The rule's file with the condition left out. */
  readonly source: RulesetSource
}

function compiled(rules: readonly RulesetSource[]): Ruleset {
  const { ruleset, problems } = compileRuleset({ ...whole, rules })
  expect(problems).toEqual([])
  if (ruleset === null) throw new Error('the ruleset does not load')
  return ruleset
}

/** The id of the rule in which the last line of a case ends, 0 when there is none. */
function judge(rules: Ruleset, { log, queue = '1', location, seconds = 1 }: Case): number {
  let id = 0
  let timeMs = Date.UTC(2026, 0, 5, 10)
  if (queue === '1') {
    const session = new LogtestSession(rules)
    for (const line of log) {
      const event = Buffer.from(line, 'utf8').toString('latin1')
      const answer = session.process({ event, timeMs, ...(location === undefined ? {} : { location }) })
      id = answer === null ? 0 : Number(JSON.parse(answer.output).rule?.id ?? 0)
      timeMs += seconds * 1000
    }
    return id
  }
  const options = {
    managerName: 'manager',
    outputs: { alertsJson: true, alertsText: false, archivesJson: true, archivesText: false },
    isLogtest: true,
  }
  const correlator = new Correlator(rules, options)
  const matcher = new Matcher(rules, options, correlator.decodeState)
  const writer = new MatchWriter()
  for (const [number, line] of log.entries()) {
    const body = Buffer.from(line, 'utf8').toString('latin1')
    writer.clear()
    matcher.match({ queue: queue.charCodeAt(0), location: location ?? 'rootcheck', body, timeMs }, writer)
    id = correlator.logtest(writer.view(), number)?.rule?.id ?? 0
    timeMs += seconds * 1000
  }
  return id
}

const named = ({ rule, says, log }: Case, got: number): string => `${rule} ${says}: got ${got} for ${log.at(-1)}`

/** Every rule's block with its file and place. */
const blocks = ownRules.flatMap(({ path, text }) =>
  [...text.matchAll(/<rule id="(\d+)"([^>]*)>(.*?)<\/rule>/gs)].map((found) => ({
    id: Number(found[1]),
    attributes: found[2] ?? '',
    body: found[3] ?? '',
    bodyAt: (found.index ?? 0) + found[0].indexOf('>') + 1,
    path,
    text,
  })),
)

function mutantsOf({ id, attributes, body, bodyAt, path, text }: (typeof blocks)[number]): Mutant[] {
  const made: Mutant[] = []
  const add = (what: string, name: string, at: number, length: number, by = ''): void => {
    made.push({ rule: id, what, name, source: { path, text: text.slice(0, at) + by + text.slice(at + length) } })
  }
  for (const found of body.matchAll(/<([a-z_]+)(?: [^>]*?)?(?: \/>|>.*?<\/\1>)/gs)) {
    const name = found[1] ?? ''
    if (plainNames.has(name)) continue
    expect(conditionNames, `rule ${id}`).toContain(name)
    add(found[0], name, bodyAt + (found.index ?? 0), found[0].length)
  }
  for (const [name, loose] of [
    ['frequency', '2'],
    ['timeframe', '99999'],
  ] as const) {
    const found = new RegExp(` ${name}="(\\d+)"`).exec(attributes)
    if (found === null || found[1] === loose) continue
    const at = bodyAt - 1 - attributes.length + found.index
    add(`${found[0].trim()} instead ${loose}`, name, at, found[0].length, ` ${name}="${loose}"`)
  }
  return made
}

/** A rule that raises no alert itself is judged by the rules below it. */
function witnesses(rule: number, from: Ruleset): Set<number> {
  const found = new Set([rule])
  if (from.byId.get(rule)?.noalert !== true) return found
  for (let size = 0; size !== found.size; ) {
    size = found.size
    for (const { id, body } of blocks) {
      const parents = /<if_sid>([^<]*)</.exec(body)?.[1]?.split(/[ ,]+/) ?? []
      if (parents.some((parent) => found.has(Number(parent)))) found.add(id)
    }
  }
  return found
}

test('the whole ruleset loads without a warning', () => {
  expect(compileRuleset(whole).problems).toEqual([])
  expect(compileRuleset(productSources({ withActivity: true })).problems).toEqual([])
})

test('every golden case is judged as it says', () => {
  const wrong = cases.flatMap((one) => {
    const got = judge(ruleset, one)
    const holds = 'rule' in one.expect ? got === Number(one.expect.rule) : got !== Number(one.expect.not)
    return holds ? [] : [named(one, got)]
  })
  expect(wrong).toEqual([])
})

const sshd = 'Nov 24 09:15:02 bastion sshd[7]: '

test.each<[string, string, string, Record<string, string>]>([
  [
    'a login',
    `${sshd}Accepted publickey for bob from 2001:db8::7 port 40022 ssh2: ED25519 SHA256:abc`,
    'sshd',
    { dstuser: 'bob', srcip: '2001:db8::7', srcport: '40022' },
  ],
  [
    'a name that holds an address of its own',
    `${sshd}Failed password for invalid user x from 6.6.6.6 port 1 from 10.9.8.7 port 40022 ssh2`,
    'sshd',
    { srcuser: 'x from 6.6.6.6 port 1', srcip: '10.9.8.7', srcport: '40022' },
  ],
  ['an empty name', `${sshd}Invalid user  from 10.9.8.7 port 40022`, 'sshd', { srcip: '10.9.8.7', srcport: '40022' }],
  [
    'a name as long as a line may be',
    `${sshd}Invalid user ${' from 6.6.6.6'.repeat(4000)} from 10.9.8.7 port 40022`,
    'sshd',
    { srcip: '10.9.8.7', srcport: '40022' },
  ],
  [
    'a name that looks like members of PAM',
    'Nov 24 09:15:02 bastion ftpd[7]: pam_unix(ftpd:auth): authentication failure; logname= uid=0 euid=0 tty=ftp ruser= rhost=10.9.8.7  user=x rhost=6.6.6.6  user=root',
    'pam',
    { uid: '0', euid: '0', tty: 'ftp', srcip: '10.9.8.7', dstuser: 'x rhost=6.6.6.6  user=root' },
  ],
  [
    'a session of PAM, as written today',
    'Nov 24 09:15:02 bastion su[7]: pam_unix(su:session): session opened for user root(uid=0) by bob(uid=1000)',
    'pam',
    { dstuser: 'root', srcuser: 'bob', uid: '1000' },
  ],
  [
    'a command that looks like members of sudo',
    'Nov 24 09:15:02 bastion sudo:      bob : TTY=pts/0 ; PWD=/home/bob ; USER=alice ; COMMAND=/bin/echo ; USER=root ; COMMAND=/bin/id',
    'sudo',
    {
      srcuser: 'bob',
      tty: 'pts/0',
      pwd: '/home/bob',
      dstuser: 'alice',
      command: '/bin/echo ; USER=root ; COMMAND=/bin/id',
    },
  ],
  [
    'a new account',
    'Nov 24 09:15:02 bastion useradd[7]: new user: name=eve, UID=1005, GID=1005, home=/home/eve, shell=/bin/bash, from=/dev/pts/1',
    'useradd',
    { dstuser: 'eve', uid: '1005', gid: '1005', home: '/home/eve', shell: '/bin/bash' },
  ],
])('%s is read into its fields', (_says, event, decoder, data) => {
  const answer = new LogtestSession(ruleset).process({ event, timeMs: 0 })
  const seen = JSON.parse(answer?.output ?? '{}')
  expect(seen.decoder.name).toBe(decoder)
  expect(seen.data).toMatchObject(data)
})

test('golden cases are of rules that are there, at their level', () => {
  for (const { rule, level, says } of cases) expect(ruleset.byId.get(rule)?.level, `${rule} ${says}`).toBe(level)
})

test('every rule has a log that fires it and a near miss', () => {
  const lacking = blocks.flatMap(({ id }) => {
    const those = witnesses(id, ruleset)
    const own = cases.filter(({ rule }) => those.has(rule))
    const isRoot = id < 10
    const fires = isRoot || own.some((one) => 'rule' in one.expect)
    const misses = isRoot || own.some((one) => 'not' in one.expect)
    return fires && misses ? [] : [id]
  })
  expect(lacking).toEqual([])
})

test('every condition is needed: without it a near miss fires', () => {
  const idle: string[] = []
  let tried = 0
  for (const block of blocks) {
    const misses = cases.filter((one) => witnesses(block.id, ruleset).has(one.rule) && 'not' in one.expect)
    for (const { what, name, source } of mutantsOf(block)) {
      if (Object.hasOwn(structural, name)) continue
      const rules = ownRules.map((file) => (file.path === source.path ? source : file))
      const mutated = compileRuleset({ ...whole, rules }).ruleset
      if (mutated === null) {
        idle.push(`${block.id} ${what}: does not load`)
        continue
      }
      tried += 1
      if (!misses.some((one) => judge(mutated, one) === one.rule)) idle.push(`${block.id} ${what}`)
    }
  }
  expect(idle).toEqual([])
  expect(tried).toBeGreaterThan(300)
})

const factsPath = join(shared, 'spec/stock-rule-facts.tsv')

test.skipIf(!existsSync(factsPath))('ids, levels, groups and techniques are those that sites know', () => {
  const facts = new Map(
    readFileSync(factsPath, 'utf8')
      .split('\n')
      .map((line) => line.split('\t'))
      .map(([id, , level, , , groups, attack]) => [Number(id), { level: Number(level), groups, attack: attack ?? '' }]),
  )
  for (const { id, level, groupText, mitre } of ruleset.rules) {
    if (id >= 200_000 && id <= 299_999) continue
    const fact = facts.get(id)
    expect(fact, `rule ${id}`).toBeDefined()
    expect({
      id,
      level,
      groups: groupText.split(',').filter(Boolean).join(','),
      attack: (mitre?.ids ?? []).join(','),
    }).toEqual({ id, level: fact?.level, groups: fact?.groups, attack: fact?.attack })
  }
})

interface RecordedCase {
  readonly name: string
  readonly log: readonly string[]
  readonly assert: string
  readonly requires?: readonly string[]
  readonly expect: { readonly rule: string; readonly alert: string; readonly decoder: string }
  readonly observed?: readonly { readonly data?: Readonly<Record<string, unknown>> }[]
}

const recordedDir = join(shared, 'conformance/logtest')

test.skipIf(!existsSync(recordedDir))(
  'recorded logs of a rule that we have too end in it, with the same fields',
  () => {
    const cases = readdirSync(recordedDir).flatMap((name): RecordedCase[] =>
      JSON.parse(readFileSync(join(recordedDir, name), 'utf8')),
    )
    const ours = cases.filter(
      ({ assert, requires, expect: wanted }) =>
        assert === 'equal' && requires === undefined && ruleset.byId.has(Number(wanted.rule)),
    )
    for (const { name, log, expect: wanted, observed } of ours) {
      const session = new LogtestSession(ruleset)
      const answer = log
        .map((line) => session.process({ event: Buffer.from(line).toString('latin1'), timeMs: 1_790_000_000_000 }))
        .at(-1)
      const { rule, decoder, data = {} } = JSON.parse(Buffer.from(answer?.output ?? '{}', 'latin1').toString('utf8'))
      expect([name, rule?.id, String(rule?.level), decoder?.name]).toEqual([
        name,
        wanted.rule,
        wanted.alert,
        wanted.decoder,
      ])
      // Ours may find more.
      expect(data).toMatchObject(observed?.at(-1)?.data ?? {})
    }
    expect(ours.length).toBeGreaterThan(50)
  },
)

const acceptancePath = join(shared, 'acceptance/k8s-create-deployment.json')

test.skipIf(!existsSync(acceptancePath))("with the recipe's rules the recipe's event is one alert of level 5", () => {
  const recipe = {
    path: 'etc/rules/local_rules.xml',
    text: readFileSync(join(shared, 'acceptance/local_rules.xml'), 'latin1'),
  }
  const { ruleset: full, problems } = compileRuleset({ ...whole, rules: [...whole.rules, recipe] })
  expect(problems).toEqual([])
  if (full === null) throw new Error('the ruleset does not load')
  const { events } = splitBody(readFileSync(acceptancePath), { cluster: 'default' })
  expect(events).toHaveLength(1)
  const session = new LogtestSession(full)
  const answers = events.map(({ text }) => session.process({ event: text, location: 'k8s', timeMs: 1_700_000_000_000 }))
  expect(answers.map((answer) => answer?.alert)).toEqual([true])
  const { rule } = JSON.parse(answers[0]?.output ?? '{}')
  expect({ id: rule.id, level: rule.level }).toEqual({ id: '110003', level: 5 })
})

const stockDir = join(shared, 'conformance/ruleset/rules')

test.skipIf(!existsSync(stockDir))('no text of ours is one of another ruleset', () => {
  const texts = (source: string): string[] =>
    [...source.matchAll(/<(?:description|regex|match|field|prematch)[^>]*>([^<]{40,})</g)].map((found) =>
      (found[1] ?? '').trim(),
    )
  const folders = [stockDir, join(shared, 'conformance/ruleset/decoders')].filter(existsSync)
  const theirs = new Set(
    folders.flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.xml'))
        .flatMap((name) => texts(readFileSync(join(folder, name), 'latin1'))),
    ),
  )
  expect(theirs.size).toBeGreaterThan(100)
  const ours = [...ownRules, ...whole.decoders].flatMap(({ text }) => texts(text))
  expect(ours.filter((text) => theirs.has(text))).toEqual([])
})
