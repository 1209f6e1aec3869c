import { describe, expect, test } from 'vitest'
import { readAgentConf } from './conf/agent-conf.ts'
import { firstConf } from './conf/first-conf.ts'
import { type AgentFlags, readFlags } from './flags.ts'

const none: AgentFlags = {
  home: undefined,
  config: undefined,
  hostRoot: undefined,
  manager: undefined,
  port: undefined,
  portEnrol: undefined,
  passwordFile: undefined,
  tokenFile: undefined,
  groups: [],
  name: undefined,
}

const cases: [says: string, argv: string[], expected: object][] = [
  ['nothing is everything by default', [], { flags: none }],
  ['groups add up, also with commas', ['--group', 'a,b', '--group', 'c'], { flags: { groups: ['a', 'b', 'c'] } }],
  ['files are meant from here', ['--password-file', 'p'], { flags: { passwordFile: `${process.cwd()}/p` } }],
  ['ports are numbers', ['--port', '1', '--port-enrol', '65535'], { flags: { port: 1, portEnrol: 65_535 } }],
  ['a port of 0 is none', ['--port', '0'], { wrong: expect.stringMatching(/--port 0: a port is a number/) }],
  ['a word that is no flag', ['start'], { wrong: expect.stringMatching(/start/) }],
  ['a flag that is not known', ['--hom', 'x'], { wrong: expect.stringMatching(/--hom/) }],
  ['a flag without its value', ['--name='], { wrong: '--name needs a value' }],
  ['help goes first', ['--help', '--port', '0'], { help: true }],
]
test.each(cases)('%s', (_says, argv, expected) => {
  expect(readFlags(argv)).toMatchObject(expected)
})

describe('the first configuration', () => {
  const conf = (flags: Partial<AgentFlags>) => {
    const text = Buffer.from(firstConf({ ...none, ...flags })).toString('latin1')
    return readAgentConf([{ path: 'etc/ossec.conf', text, isLocal: true }])
  }
  test('can be read, and watches and reads something', () => {
    const { conf: read, problems } = conf({ manager: 'manager.example' })
    expect(problems).toEqual([])
    expect(read?.servers).toEqual([{ address: 'manager.example', port: 1514 }])
    expect(read?.syscheck.directories.map(({ path }) => path)).toContain('/etc')
    expect(read?.sources.length).toBeGreaterThan(0)
  })
  test('keeps what the flags said, whatever characters it has', () => {
    const told = { manager: 'm', port: 11, portEnrol: 12, groups: ['a', 'b'], name: 'n', passwordFile: '/ä&b>"d' }
    const { conf: read, problems } = conf(told)
    expect(problems).toEqual([])
    expect(read?.servers).toEqual([{ address: 'm', port: 11 }])
    expect(read?.enrollment).toMatchObject({ port: 12, groups: ['a', 'b'], agentName: 'n', passwordPath: '/ä&b>"d' })
  })
  test('leaves out what the dialect of the file cannot say', () => {
    expect(conf({ manager: 'm', passwordFile: '/a</b>' }).problems).toEqual([])
  })
})
