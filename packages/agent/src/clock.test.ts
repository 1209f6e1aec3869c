/** A clock that jumps: what is kept does not depend on it. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { keyLine } from '@dogwatch/protocol'
import { afterEach, expect, test, vi } from 'vitest'
import { startAgent } from './agent.ts'
import { nextScanMs } from './fim/schedule.ts'
import { TestManager, testEntry } from './link/test-manager.ts'

const year = 365 * 86_400_000
afterEach(() => vi.useRealTimers())

test.each([
  ['forwards', year],
  ['back', -year],
])('a clock that jumps a year %s costs no line, no order and no connection', async (_says, jumpMs) => {
  const home = mkdtempSync(join(tmpdir(), 'dogwatch-clock-'))
  const manager = new TestManager()
  await manager.listen()
  mkdirSync(join(home, 'etc'))
  writeFileSync(join(home, 'etc/client.keys'), `${keyLine(testEntry)}\n`)
  const log = join(home, 'a.log')
  writeFileSync(
    join(home, 'etc/ossec.conf'),
    `<ossec_config><client><server><address>127.0.0.1</address><port>${manager.port}</port></server><notify_time>1</notify_time></client>
     <localfile><location>${log}</location><log_format>syslog</log_format><only-future-events>no</only-future-events></localfile></ossec_config>`,
  )
  const told: string[] = []
  const agent = await startAgent({ home, tell: (_level, message) => told.push(message) })
  const lines = (): string[] => manager.events.filter((event) => event.includes('a.log:'))
  const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 20 })
  try {
    appendFileSync(log, 'line 0\n')
    await until(() => expect(lines().length).toBe(1))
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + jumpMs })
    appendFileSync(log, 'line 1\n')
    await until(() => expect(lines().length).toBe(2))
    await until(() => expect(agent.status.spool.waiting).toBe(0))
    expect(lines().map((event) => event.slice(-6))).toEqual(['line 0', 'line 1'])
    expect(agent.status.connection.state).toBe('connected')
    expect(told.filter((message) => /lost|closed/.test(message))).toEqual([])
  } finally {
    await agent.stop()
    await manager.close()
    rmSync(home, { recursive: true, force: true })
  }
})

const hour = { frequencyS: 3600, scanMinute: null, scanDay: null }
const now = new Date('2026-11-24T10:00:00Z')
test.each([
  ['in its time', 1_800_000, 1_800_000],
  ['at once when the clock went far forwards', year, 0],
  ['after its interval at most when the clock went far back', -year, 3_600_000],
])('the next scan is %s', (_says, agoMs, waitMs) => {
  expect(nextScanMs(hour, now, new Date(now.getTime() - agoMs))).toBe(waitMs)
})
