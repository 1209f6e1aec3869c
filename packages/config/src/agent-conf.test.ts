import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatProblem } from '@dogwatch/schema'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { examineAgentConf, isAgentConf, kindOf } from './agent-conf.ts'
import { configLengthMax } from './examine.ts'
import { rowOf } from './table.ts'

const examine = (inner: string) => examineAgentConf('agent.conf', `<agent_config>\n${inner}\n</agent_config>\n`)
const log = (inner: string): string => `<localfile>${inner}</localfile>`

const mistakes: readonly [says: string, inner: string, problem: string | null][] = [
  ['nothing', '', null],
  ['what agents read', '<syscheck><directories realtime="yes">/etc</directories></syscheck>', null],
  ['what agents of Wazuh read', '<rootcheck><disabled>no</disabled></rootcheck><wodle name="osquery"></wodle>', null],
  [
    'a section that is misspelt',
    '  <sysheck></sysheck>',
    'agent.conf:2:3: warning: no agent reads a section <sysheck>; did you mean <syscheck>?',
  ],
  ['a section of no kind', '<quux></quux>', 'warning: no agent reads a section <quux>; is it misspelt?'],
  ['a section of the manager', '<ruleset></ruleset>', 'no agent reads a section <ruleset>; it is the manager’s own'],
  [
    'an element that is misspelt',
    '<syscheck>\n<frequenzy>1h</frequenzy></syscheck>',
    'agent.conf:3:1: warning: <frequenzy> is not known in <syscheck>; did you mean <frequency>?',
  ],
  [
    'an element deep inside',
    '<syscheck><diff><file_size><limt>1MB</limt></file_size></diff></syscheck>',
    '<limt> is not known in <syscheck><diff><file_size>; did you mean <limit>?',
  ],
  ['a module of no kind', '<wodle name="quux"></wodle>', '<wodle name="quux"> is not known'],
  [
    'neither yes nor no',
    '<syscheck><disabled>ja</disabled></syscheck>',
    'agent.conf:2:11: error: <disabled>: `ja` is neither yes nor no',
  ],
  ['no length of time', '<syscheck><frequency>soon</frequency></syscheck>', 'error: <frequency>: `soon` is no length'],
  ['no number', '<client_buffer><queue_size>many</queue_size></client_buffer>', '`many` is no whole number'],
  ['less than nothing', '<client_buffer><queue_size>-1</queue_size></client_buffer>', '-1 is less than 0'],
  [
    'a flag of a folder that is none',
    '<syscheck><directories whodata="maybe">/etc</directories></syscheck>',
    'agent.conf:2:24: error: <directories>: whodata="maybe" is neither yes nor no',
  ],
  [
    'an attribute of a folder that is none',
    '<syscheck><directories realtme="yes">/etc</directories></syscheck>',
    'warning: <directories> has no attribute realtme=',
  ],
  ['a label without a key', '<labels><label>x</label></labels>', 'error: <label>: the attribute key= is missing'],
  ['a file without a format', log('<location>/a</location>'), 'error: <localfile>: <log_format> is missing'],
  ['a file without a place', log('<log_format>syslog</log_format>'), 'error: <localfile>: <location> is missing'],
  ['the journal, which needs no place', log('<log_format>journald</log_format>'), null],
  [
    'a command, which agents of ours do not run',
    log('<log_format>command</log_format><command>df</command>'),
    'warning: <localfile>: no agent of Dogwatch runs a command of this file',
  ],
  ['a command without one', log('<log_format>full_command</log_format>'), 'error: <localfile>: <command> is missing'],
]
test.each(mistakes)('examines %s', (_says, inner, problem) => {
  const { problems } = examine(inner)
  if (problem === null) expect(problems).toEqual([])
  else expect(problems.map(formatProblem)).toEqual([expect.stringContaining(problem)])
})

describe('the whole file', () => {
  test('every mistake at once, in the order of the file, each with its line', () => {
    const { problems } = examine(
      '<sysheck/>\n<localfile><log_format>syslog</log_format><foo/></localfile>\n<labels><label/></labels>',
    )
    expect(problems.map(({ at, severity }) => [at.line, severity])).toEqual([
      [2, 'warning'],
      [3, 'error'],
      [3, 'warning'],
      [4, 'error'],
    ])
    expect(problems[3]?.lineText).toBe('<labels><label/></labels>')
  })

  test('a finding for each element, and who reads it', () => {
    const { findings } = examineAgentConf(
      'f',
      '<agent_config os="Linux"><labels><label key="a">b</label></labels><sca><enabled>yes</enabled></sca><quux><x/></quux></agent_config>',
    )
    expect(findings.map(({ path, use }) => [path, use])).toEqual([
      ['agent_config', 'understood'],
      ['labels', 'understood'],
      ['labels/label', 'understood'],
      ['sca', 'understood'],
      ['sca/enabled', 'understood'],
      ['quux', 'unknown'],
      ['quux/x', 'unknown'],
    ])
    expect([findings[0]?.says, findings[1]?.says, findings[3]?.says]).toEqual([
      'Settings for agents of os Linux of the group',
      'Read by agents',
      'Read by agents of Wazuh; Dogwatch’s own pass it over',
    ])
  })

  const files: readonly [says: string, text: string, code: string | undefined, severity: string | undefined][] = [
    ['an empty one', '', undefined, undefined],
    ['two parts', '<agent_config></agent_config><agent_config os="Linux"></agent_config>', undefined, undefined],
    ['one that cannot be read', '<agent_config', 'XML_MALFORMED', 'error'],
    ['another root', '<ossec_config></ossec_config>', 'AGENT_CONF_ROOT', 'error'],
    ['a filter that nobody knows', '<agent_config host="a"></agent_config>', 'AGENT_CONF_FILTER', 'warning'],
    ['too many bytes', ' '.repeat(configLengthMax + 1), 'CONFIG_TOO_LARGE', 'error'],
  ]
  test.each(files)('%s', (_says, text, code, severity) => {
    const [problem] = examineAgentConf('f', text).problems
    expect([problem?.code, problem?.severity]).toEqual([code, severity])
  })

  test('is told from an ossec.conf', () => {
    expect(
      ['<!-- x --><agent_config/>', '<ossec_config/>', '', '<agent_config', '<x/><agent_config/>'].map(isAgentConf),
    ).toEqual([true, false, false, false, true])
  })

  test('any text has an answer, and problems are bounded', () => {
    const piece = fc.constantFrom(
      '<agent_config>',
      '</agent_config>',
      '<localfile>',
      '</localfile>',
      '<syscheck>',
      '</syscheck>',
      '<directories whodata="',
      '">',
      '</directories>',
      '<wodle name="',
      '<constructor/>',
      '<__proto__/>',
      '<!--',
      '\0',
    )
    fc.assert(fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => void examineAgentConf('f', pieces.join(''))))
    expect(examine('<x/>\n'.repeat(20_000)).problems.length).toBeLessThan(1000)
  })
})

test('every element whose value is checked is one that agents know', () => {
  expect([...kindOf.keys()].filter((path) => rowOf(path) === null)).toEqual([])
  expect(kindOf.size).toBeGreaterThan(40)
})

const shared = process.env.DOGWATCH_SHARED ?? join(import.meta.dirname, '../../../../shared')
describe.skipIf(!existsSync(shared))('the settings of the stock agent', () => {
  test('are sound as those of a group', () => {
    const text = readFileSync(join(shared, 'conformance/config/ossec-agent.conf'), 'latin1')
    const { problems, findings } = examineAgentConf('f', text.replaceAll('ossec_config>', 'agent_config>'))
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([])
    expect(findings.filter(({ use }) => use === 'unknown')).toEqual([])
  })
})
