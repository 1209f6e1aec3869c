/** The commands about agents, asked of a manager that stands in for the real one. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { commands } from './commands/index.ts'
import { runProgram } from './program.ts'

let home = ''
let server: Server
let asked: unknown[] = []
let answer: object = {}

const agent = {
  id: '001',
  name: 'web',
  registerIp: 'any',
  ip: '10.0.0.15',
  version: 'Wazuh v4.14.7',
  system: { uname: 'Linux', name: 'Debian\u001b[31m', version: '12' },
  labels: [
    { key: 'env', value: 'prod', isHidden: false },
    { key: 'pin', value: '1234', isHidden: true },
  ],
  groups: ['default'],
  status: 'active',
  isSynced: true,
  nodeUid: null,
  addedMs: 0,
  keepAliveMs: 1000,
  disconnectedMs: null,
}

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'agents-cli-'))
  mkdirSync(join(home, 'queue'))
  asked = []
  answer = { problem: null, agents: [agent], groups: [{ name: 'default', agents: 1, sum: 'x' }] }
  server = createServer((socket) =>
    socket.on('data', (line) => {
      asked.push(JSON.parse(String(line)))
      socket.end(`${JSON.stringify(answer)}\n`)
    }),
  )
  await new Promise<void>((resolve) => server.listen(join(home, 'queue/control.sock'), resolve))
})
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve))
  rmSync(home, { recursive: true })
})

async function run(...words: readonly string[]): Promise<{ status: number; out: string; err: string }> {
  const said: string[] = []
  const errors: string[] = []
  const context = { say: (line: string) => void said.push(line), note: () => {}, isTerminal: false, home: () => home }
  const output = { out: (text: string) => void said.push(text), err: (text: string) => void errors.push(text) }
  const status = await runProgram(commands, ['agents', ...words], context, output, false)
  return { status, out: said.join('\n'), err: errors.join('') }
}

const cases: readonly [says: string, words: readonly string[], request: object, out: RegExp][] = [
  [
    'lists',
    ['list'],
    { verb: 'list' },
    /^ID +NAME.*\n001 +web +10\.0\.0\.15 +active +Wazuh v4\.14\.7 +Debian\?\[31m 12/,
  ],
  ['lists of one status', ['list', '--status', 'pending', '--json'], { verb: 'list' }, /^\[\]$/],
  [
    'shows, hidden labels without their value',
    ['show', '1'],
    { verb: 'show', id: '001' },
    /labels +env=prod pin=\(hidden\)/,
  ],
  ['removes', ['remove', '001', '--purge'], { verb: 'remove', id: '001', purge: true }, /is removed/],
  ['names groups', ['groups'], { verb: 'groups' }, /default +1 +x/],
  ['makes a group', ['groups', '--create', 'web'], { verb: 'create-group', group: 'web' }, /is there/],
  [
    'sets groups',
    ['groups', '--agent', '1', '--set', 'a,b'],
    { verb: 'set-groups', id: '001', groups: ['a', 'b'] },
    /in a, b/,
  ],
  ['restarts', ['restart', '001'], { verb: 'restart', id: '001' }, /restarting/],
]
test.each(cases)('%s', async (_says, words, agents, out) => {
  const ran = await run(...words)
  expect(ran).toMatchObject({ status: 0, err: '' })
  expect(ran.out).toMatch(out)
  expect(asked).toEqual([{ command: 'agents', agents }])
})

const failures: readonly [says: string, words: readonly string[], status: number, err: RegExp][] = [
  ['a problem that the manager names', ['show', '009'], 1, /there is no agent 009/],
  ['an id that is none', ['show', 'web'], 2, /web is no agent id/],
  ['half of two options', ['groups', '--set', 'a'], 2, /belong together/],
]
test.each(failures)('%s', async (_says, words, status, err) => {
  answer = { problem: 'there is no agent 009', agents: [], groups: [] }
  const ran = await run(...words)
  expect(ran.status).toBe(status)
  expect(ran.err).toMatch(err)
})
