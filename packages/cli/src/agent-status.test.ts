import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentStatus } from '@dogwatch/agent'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { commands } from './commands/index.ts'
import { runProgram } from './program.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'dogwatch-agent-status-'))
  mkdirSync(join(home, 'queue'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const status: AgentStatus = {
  at: new Date().toISOString(),
  pid: process.pid,
  startedAt: '2026-11-24T08:00:00.000Z',
  id: '001',
  name: 'web-1',
  connection: {
    state: 'connected',
    manager: '10.0.0.5:1514',
    lastAck: '2026-11-24T08:01:00.000Z',
    isInTls: true,
    reason: null,
  },
  spool: { waiting: 3, bytes: 1_048_576, bytesMax: 536_870_912, state: 'normal' },
  counts: { sent: 7, acknowledged: 4, cut: 0 },
  drops: { tooLong: 2, binary: 0 },
  fim: { ways: ['fanotify', 'audit'], lastScan: '2026-11-24T08:00:01.000Z' },
  logs: { files: ['/var/log/auth.log'] },
  memoryBytes: 73_400_320,
}

async function ask(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const context = {
    say: (line: string) => void (out += `${line}\n`),
    note: () => {},
    isTerminal: false,
    home: () => '',
  }
  const output = { out: (text: string) => void (out += text), err: (text: string) => void (err += text) }
  const code = await runProgram(commands, ['agent', 'status', '--home', home, ...argv], context, output, false)
  return { code, out, err }
}
const write = (more: Partial<AgentStatus>): void =>
  writeFileSync(join(home, 'queue/agent-status.json'), JSON.stringify({ ...status, ...more }))

const cases: [says: string, more: Partial<AgentStatus>, code: number, line: RegExp][] = [
  ['connected, in TLS', {}, 0, /^connection {2}connected, in TLS$/m],
  ['connected', { connection: { ...status.connection, isInTls: false } }, 0, /^connection {2}connected$/m],
  ['what waits', {}, 0, /^spool {7}3 messages waiting, 1\.0 MB of 512\.0 MB, normal$/m],
  ['drops by reason, none that are zero', {}, 0, /^drops {7}tooLong 2$/m],
  ['ended in order', { pid: null }, 1, /^connection {2}not running: it ended in order$/m],
  ['killed', { pid: 2 ** 22 + 1 }, 1, /^connection {2}not running: it did not end in order$/m],
  ['the number of a dead agent, used by another', { at: '2020-01-01T00:00:00Z' }, 1, /not running/],
  [
    'not let in, and why',
    { id: null, connection: { ...status.connection, state: 'enrolling', reason: 'Invalid password' } },
    1,
    /not enrolled[\s\S]*^connection {2}enrolling: Invalid password$/m,
  ],
]
test.each(cases)('the status of an agent: %s', async (_says, more, code, line) => {
  write(more)
  const answer = await ask()
  expect(answer.out).toMatch(line)
  expect(answer.code).toBe(code)
})

test('for scripts it is one object', async () => {
  write({})
  const { code, out } = await ask('--json')
  expect(JSON.parse(out)).toMatchObject({ id: '001', running: true, spool: { waiting: 3 } })
  expect(code).toBe(0)
})

test('a home without an agent is said, and what to do', async () => {
  expect(await ask()).toMatchObject({ code: 3, err: expect.stringMatching(/dogwatch agent --manager ADDRESS/) })
})
