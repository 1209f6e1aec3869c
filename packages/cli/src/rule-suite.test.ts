import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { profileRuleset } from '@dogwatch/api'
import { compileRuleset, type Ruleset } from '@dogwatch/engine'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commands } from './commands/index.ts'
import { runProgram } from './program.ts'
import { goldenCases, iniCases, readIni } from './rule-suite.ts'

const rules = `<group name="g,"><rule id="1" level="0" noalert="1"><category>syslog</category><description>root</description></rule>
<rule id="100" level="5"><match>hello</match><description>one</description></rule>
<rule id="101" level="10" frequency="3" timeframe="60"><if_matched_sid>100</if_matched_sid><description>three</description></rule>
<rule id="102" level="7"><decoded_as>json</decoded_as><field name="verb">^create$</field><description>k8s</description></rule></group>`
const decoders =
  '<decoder name="json"><prematch>^{\\s*"</prematch><plugin_decoder>JSON_Decoder</plugin_decoder></decoder>'
function load(): Ruleset {
  const { ruleset } = compileRuleset({
    decoders: [{ path: 'd.xml', text: decoders }],
    rules: [{ path: 'r.xml', text: rules }],
    lists: [],
  })
  if (ruleset === null) throw new Error('no ruleset')
  return ruleset
}
const ruleset = load()

describe('.ini suites', () => {
  const judged = (text: string) =>
    iniCases('f', text).map(({ name, judge }) => `${name}: ${judge(ruleset) ?? 'passed'}`)
  const cases: [says: string, text: string, results: string[]][] = [
    [
      'pass wants all three',
      '[a]\nlog 1 pass = {"x":"hello"}\nrule = 100\nalert = 5\ndecoder = json\n',
      ['f [a] log 1 pass: passed'],
    ],
    [
      'an empty expectation is never met',
      '[a]\nlog 1 pass = hello\nlog 1 fail = hello\nrule = 100\nalert = 5\ndecoder =\n',
      [
        'f [a] log 1 pass: expected rule 100, level 5, decoder none, got rule 100, level 5, decoder none',
        'f [a] log 1 fail: passed',
      ],
    ],
    [
      'fail wants another answer',
      '[a]\nlog 1 fail = {"x":"hello"}\nlog 2 fail = other\nrule = 100\nalert = 5\ndecoder = json',
      [
        'f [a] log 1 fail: expected anything but rule 100, level 5, decoder json, got rule 100, level 5, decoder json',
        'f [a] log 2 fail: passed',
      ],
    ],
    [
      'repeated keys are lines of one session',
      '[a]\nlog 1 pass = {"x":"hello"}\nlog 1 pass = {"x":"hello"}\nlog 1 pass = {"x":"hello"}\nrule = 101\nalert = 10\ndecoder = json',
      ['f [a] log 1 pass: passed'],
    ],
    [
      'wrapped lines too',
      '[a]\nlog 1 pass = other\n  {"x":"hello"}\nrule = 100\nalert = 5\ndecoder = json',
      ['f [a] log 1 pass: passed'],
    ],
    [
      'sections of one title are one, their expectations doubled',
      '[a]\nlog 1 fail = {"x":"hello"}\nrule = 100\nalert = 5\ndecoder = json\n[a]\nrule = 100\nalert = 5\ndecoder = json',
      ['f [a] log 1 fail: passed'],
    ],
    [
      'comments are left out, keys ignore case, a colon does',
      '# c\n; d\n[a]\nLOG 1 Pass: {"x":"hello"}\nRule = 100\nalert = 5\ndecoder = json',
      ['f [a] log 1 pass: passed'],
    ],
    [
      'a section that lacks something fails',
      '[a]\nlog 1 pass = x\nrule = 1',
      ['f [a]: the section lacks alert, decoder'],
    ],
    [
      'a line that is nothing fails, with its number',
      '[a]\nwhat',
      ['f:2: this line is no [section], no key = value and no continuation'],
    ],
  ]
  for (const [says, text, results] of cases) test(says, () => expect(judged(text)).toEqual(results))
  test('names of the language are ordinary keys', () =>
    expect(Array.isArray(readIni('[__proto__]\n__proto__ = x\nconstructor = y'))).toBe(true))
})

describe('golden files', () => {
  const judged = (...list: object[]) => goldenCases('f', JSON.stringify(list)).map(({ judge }) => judge(ruleset))
  const one = (more: object) => ({ rule: 100, level: 5, says: 's', log: ['hello'], expect: { rule: '100' }, ...more })
  const audit = {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: 'a',
    stage: 'ResponseComplete',
    requestURI: '/',
    verb: 'create',
    user: { username: 'u' },
  }
  const cases: [says: string, golden: object, result: string | null][] = [
    ['the rule of the last event', one({}), null],
    [
      'another rule',
      one({ expect: { rule: '101' } }),
      'expected rule 101, level 5, got rule 100, level 5, decoder none',
    ],
    ['another level', one({ level: 6 }), 'expected rule 100, level 6, got rule 100, level 5, decoder none'],
    [
      'a rule that must not be',
      one({ expect: { not: '100' } }),
      'expected anything but rule 100, got rule 100, level 5, decoder none',
    ],
    ['a near miss', one({ log: ['hell'], expect: { not: '100' } }), null],
    ['several events', one({ log: ['hello', 'hello', 'hello'], level: 10, expect: { rule: '101' } }), null],
    ['events too far apart', one({ log: ['hello', 'hello', 'hello'], seconds: 40, expect: { not: '101' } }), null],
    ['audit events', one({ format: 'k8s', log: [audit], level: 7, expect: { rule: '102' } }), null],
    [
      'what is no audit event',
      one({ format: 'k8s', log: ['hello'] }),
      expect.stringMatching(/^an entry is no audit event/),
    ],
    ['no log', one({ log: [] }), '"log" must be an array of lines or objects'],
    ['an unknown format', one({ format: 'x' }), '"format" must be log or k8s, not "x"'],
    ['no expectation', one({ expect: {} }), '"expect" must be {"rule":"…"} or {"not":"…"}'],
  ]
  for (const [says, golden, result] of cases) test(says, () => expect(judged(golden)).toEqual([result]))
  test('a file that is no JSON fails', () =>
    expect(goldenCases('f', '{')[0]?.judge(ruleset)).toMatch(/^it is not JSON/))
  test('a file that is no array fails', () =>
    expect(goldenCases('f', '{}')[0]?.judge(ruleset)).toBe('it is not an array of cases'))
})

describe('commands', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'suite-'))
    for (const name of ['rules', 'decoders', 'tests']) mkdirSync(join(folder, name))
    writeFileSync(join(folder, 'rules/r.xml'), rules)
    writeFileSync(join(folder, 'decoders/d.xml'), decoders)
    writeFileSync(
      join(folder, 'tests/a.ini'),
      '[a]\nlog 1 pass = {"x":"hello"}\nlog 2 pass = no\nrule = 100\nalert = 5\ndecoder = json\n',
    )
    writeFileSync(join(folder, 'tests/my_geoip.ini'), '[a]\nlog 1 pass = x\nrule = 1\nalert = 1\ndecoder = x\n')
    writeFileSync(
      join(folder, 'tests/b.json'),
      JSON.stringify([{ rule: 100, level: 5, says: 's', log: ['hello'], expect: { rule: '100' } }]),
    )
    writeFileSync(join(folder, 'events'), `1:x:hello\n${'1:x:{"x":"hello"}\n'.repeat(40)}broken\n`)
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  async function run(...argv: string[]) {
    const out: string[] = []
    const err: string[] = []
    const context = {
      say: (line: string) => void out.push(line),
      note: (line: string) => void err.push(line),
      isTerminal: false,
      home: () => folder,
    }
    const status = await runProgram(
      commands,
      argv,
      context,
      { out: () => {}, err: (text) => void err.push(text) },
      false,
    )
    return { status, out, err: err.join('') }
  }

  test('ruleset test names failures and skipped files, then counts', async () => {
    const { status, out } = await run('ruleset', 'test', '--ruleset', folder, '--suite', join(folder, 'tests'))
    expect(status).toBe(1)
    expect(out).toEqual([
      `${join(folder, 'tests/a.ini')} [a] log 2 pass: expected rule 100, level 5, decoder json, got rule none, level none, decoder none`,
      `skipped: ${join(folder, 'tests/my_geoip.ini')} (needs a GeoIP database)`,
      '2 passed, 1 failed',
    ])
  })
  test('ruleset test passes with status 0', async () => {
    const { status, out } = await run('ruleset', 'test', '--ruleset', folder, '--suite', join(folder, 'tests/b.json'))
    expect([status, out]).toEqual([0, ['1 passed, 0 failed']])
  })
  test('a suite that is not there is one line', async () => {
    expect(await run('ruleset', 'test', '--ruleset', folder, '--suite', '/none')).toMatchObject({
      status: 3,
      err: 'dogwatch: /none is not there\n',
    })
  })
  test('a ruleset with errors shows them', async () => {
    writeFileSync(join(folder, 'broken_rules.xml'), '<group name="x"><rule/></group>')
    const { status, err } = await run(
      'ruleset',
      'test',
      '--ruleset',
      join(folder, 'broken_rules.xml'),
      '--suite',
      join(folder, 'tests'),
    )
    expect(status).toBe(3)
    expect(err).toMatch(/a rule needs id=/)
  })
  test('ruleset profile counts runs and hits', async () => {
    const { status, out } = await run(
      'ruleset',
      'profile',
      '--ruleset',
      folder,
      '--in',
      join(folder, 'events'),
      '--format',
      'queue',
      '--json',
    )
    expect(status).toBe(0)
    const { events, rows } = JSON.parse(out[0] ?? '')
    const row = (name: string) => rows.find((one: { name: string }) => one.name === name)
    expect(events).toBe(41)
    expect(row('json')).toMatchObject({ kind: 'decoder', hits: 40 })
    expect(row('100').hits + row('101').hits).toBe(41)
    expect(row('json').runs).toBeGreaterThanOrEqual(40)
  })
  test('ruleset profile prints a table', async () => {
    const { out } = await run(
      'ruleset',
      'profile',
      '--ruleset',
      folder,
      '--in',
      join(folder, 'events'),
      '--format',
      'lines',
      '--top',
      '1',
    )
    expect([out.length, out[0]]).toEqual([4, expect.stringMatching(/^42 events: /)])
  })
})

test('a profile changes no answer', () => {
  const events = ['hello', '{"x":"hello"}', 'no'].map((body) => ({ queue: 49, location: 'x', body, timeMs: 0 }))
  const { rows } = profileRuleset(load(), events)
  expect(rows.filter(({ kind, hits }) => kind === 'rule' && hits > 0).map(({ name, hits }) => [name, hits])).toEqual([
    ['100', 2],
  ])
})
