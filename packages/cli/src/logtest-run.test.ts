import { compileRuleset } from '@dogwatch/engine'
import { describe, expect, test } from 'vitest'
import { expectationStatus, type LogtestRun, runLogtest } from './logtest-run.ts'
import { pythonText } from './python-text.ts'
import { latin1Lines } from './text-lines.ts'

const rule = (id: number, level: number, content: string): string =>
  `<rule id="${id}" level="${level}">${content}<description>rule ${id}</description></rule>`
const { ruleset } = compileRuleset({
  decoders: [
    {
      path: 'd.xml',
      text: '<decoder name="sshd"><program_name>^sshd</program_name></decoder><decoder name="c"><parent>sshd</parent><prematch>^Failed</prematch><regex offset="after_prematch">^ for (\\S+) from (\\S+)</regex><order>user,a.b</order></decoder>',
    },
  ],
  rules: [
    {
      path: 'r.xml',
      text: `<group name="g,pci_dss_1,"><rule id="1" level="0" noalert="1"><category>syslog</category><description>root</description></rule>${rule(100, 5, '<decoded_as>sshd</decoded_as><match>Failed</match>')}${Array.from({ length: 20 }, (_, n) => rule(200 + n, 3, `<match>never${n}</match>`)).join('')}</group>`,
    },
  ],
  lists: [],
})

async function run(input: string, more: Partial<LogtestRun> = {}) {
  if (ruleset === null) throw new Error('no ruleset')
  const out: string[] = []
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(input)
  }
  const status = await runLogtest({
    ruleset,
    warnings: [],
    lines: latin1Lines(chunks()),
    version: '1.2.3',
    now: () => 0,
    say: (line) => out.push(line),
    ...more,
  })
  return { out, status }
}
const log = 'Dec 29 10:00:01 web sshd[1]: Failed for bøb from x y'

describe('three phases', () => {
  test('in the known form', async () => {
    expect((await run(`${log}\n`)).out).toEqual([
      'Starting wazuh-logtest v1.2.3',
      'Type one log per line',
      '',
      '',
      '**Phase 1: Completed pre-decoding.',
      `\tfull event: '${log}'`,
      "\ttimestamp: 'Dec 29 10:00:01'",
      "\thostname: 'web'",
      "\tprogram_name: 'sshd'",
      '',
      '**Phase 2: Completed decoding.',
      "\tname: 'sshd'",
      "\tparent: 'sshd'",
      "\ta.b: 'x'",
      "\tdstuser: 'bøb'",
      '',
      '**Phase 3: Completed filtering (rules).',
      "\tid: '100'",
      "\tlevel: '5'",
      "\tdescription: 'rule 100'",
      "\tgroups: '['g']'",
      "\tfiredtimes: '1'",
      "\tmail: 'False'",
      "\tpci_dss: '['1']'",
      '**Alert to be generated.',
      '',
    ])
  })
  test('an undecoded event that no rule knows', async () => {
    expect((await run('x')).out.slice(4)).toEqual([
      '**Phase 1: Completed pre-decoding.',
      "\tfull event: 'x'",
      '',
      '**Phase 2: Completed decoding.',
      '\tNo decoder matched.',
      '',
    ])
  })
  test('-v lists the rules tried', async () => {
    const { out } = await run(log, { rulesDebug: true })
    const at = out.indexOf('**Rule debugging:')
    expect(out.slice(at - 1, at + 4)).toEqual([
      '',
      '**Rule debugging:',
      '\tTrying rule: 1 - root',
      '\t\t*Rule 1 matched',
      '\t\t*Trying child rules',
    ])
  })
  test('warnings of the ruleset stand before the first phases only', async () => {
    const { out } = await run('a\nb\n', { warnings: ['odd'] })
    expect(out.slice(3, 7)).toEqual(['', '** Wazuh-Logtest: WARNING: odd', '', '**Phase 1: Completed pre-decoding.'])
    expect(out.filter((line) => line.includes('odd')).length).toBe(1)
  })
  test('empty lines are passed over, a carriage return is cut off', async () => {
    expect((await run('\n\r\na\r\n')).out.filter((line) => line.includes('full event'))).toEqual(["\tfull event: 'a'"])
  })
  test('-q prints nothing', async () => expect((await run(log, { quiet: true })).out).toEqual([]))
  test('-l is the location', async () => {
    const { out } = await run(log, { location: 'lø', json: true })
    expect(JSON.parse(out[0] ?? '').output.location).toBe('lø')
  })
  test('a malformed location is said', async () => {
    expect((await run('a', { location: '[x' })).out).toContain(
      '** Wazuh-Logtest: ERROR: the location is malformed: a `[` without `]`',
    )
  })
})

describe('--explain', () => {
  test('says what failed first, and counts long runs', async () => {
    const text = (await run('Dec 29 10:00:01 web sshd[1]: nothing', { explain: true })).out.join('\n')
    expect(text).toContain("- rule 100 (level 5): <match> wants 'Failed', looked at 'nothing' (r.xml:1)")
    expect(text).toMatch(/ {2}\.\.\. 17 more failed \(17 at <match>\); --json shows all/)
    expect(text).toContain("- c: prematch '^Failed' not in 'nothing'")
    expect(text).toContain('result: no rule matched')
  })
  test('with --json everything is there', async () => {
    const { out } = await run('Dec 29 10:00:01 web sshd[1]: nø', { explain: true, json: true })
    const { explanation } = JSON.parse(out[0] ?? '')
    expect(explanation.rules[0].children.length).toBe(21)
    expect(explanation.rules[0].children[0].failed).toEqual({ element: 'match', wanted: 'Failed', lookedAt: 'nø' })
  })
})

describe('--json', () => {
  test('is one answer a line, with the members of the protocol', async () => {
    const { out } = await run(
      `${log}\n${JSON.stringify({ event: log, location: 'there', log_format: 'syslog' })}\n{"event":{"a":1}}\n{"event":"x","other":1}\n`,
      { json: true, warnings: ['odd'] },
    )
    const answers = out.map((line) => JSON.parse(line))
    expect(Object.keys(answers[0])).toEqual(['messages', 'output', 'alert', 'codemsg'])
    expect(answers.map(({ output, codemsg }) => [output.full_log, output.location, codemsg])).toEqual([
      [log, 'stdin', 1],
      [log, 'there', 0],
      ['{"a":1}', 'stdin', 0],
      ['{"event":"x","other":1}', 'stdin', 0],
    ])
  })
  test('keeps the keys of an event that is an object, and their order', async () => {
    const { out } = await run('{"event": {"b": 1, "2": 1.0, "b": 2}}\n', { json: true })
    expect(JSON.parse(out[0] ?? '').output.full_log).toBe('{"b":1,"2":1,"b":2}')
  })
})

const statuses: [says: string, input: string, expected: [string, string, string], status: number][] = [
  ['all as expected', log, ['100', '5', 'sshd'], 0],
  ['one differs', log, ['100', '6', 'sshd'], 1],
  ['the last event counts', `${log}\nx`, ['100', '5', 'sshd'], 1],
  ['nothing expected, nothing came: three are empty', 'x', ['', '', ''], 3],
  ['no decoder expected: one is empty, none came', 'x', ['', '', 'sshd'], 1],
]
for (const [says, input, expected, status] of statuses)
  test(`-U: ${says}`, async () => expect((await run(input, { expected, quiet: true })).status).toBe(status))
test('-U: equal with one empty is 1', () => expect(expectationStatus(['1', '2', ''], ['1', '2', ''])).toBe(1))

const forms: [says: string, value: unknown, text: string][] = [
  ['text as it is', "it's", "it's"],
  ['text in a list is quoted', ['a', "it's", `"'`], `['a', "it's", '"\\'']`],
  ['control bytes are escaped', ['a\n\\\x01é'], "['a\\n\\\\\\x01é']"],
  ['words of the language', [true, false, null], '[True, False, None]'],
  ['nested values', { a: [1, { b: 'x' }] }, "{'a': [1, {'b': 'x'}]}"],
]
for (const [says, value, text] of forms) test(`as Python prints: ${says}`, () => expect(pythonText(value)).toBe(text))
