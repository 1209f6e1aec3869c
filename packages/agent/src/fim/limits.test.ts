/** Options that bound what is watched, how fast, and what is kept: one case each. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Pace } from '../pace.ts'
import { FimMonitor } from './monitor.ts'
import { parseMounts, skippedPaths } from './mounts.ts'
import type { FimConfig } from './options.ts'
import { TestHome } from './test-home.ts'
import { expandVariables } from './watch-list.ts'

let home: TestHome
let monitor: FimMonitor | null = null
beforeEach(() => {
  home = new TestHome()
})
afterEach(async () => {
  await monitor?.stop()
  monitor = null
  home.remove()
})
const at = (...parts: string[]): string => join(home.dir, ...parts)

const mounts = parseMounts(
  [
    '22 1 8:1 / / rw - ext4 /dev/sda1 rw',
    '23 22 0:5 / /dev rw - devtmpfs udev rw',
    '24 22 0:21 / /proc rw - proc proc rw',
    '25 22 0:22 / /sys rw - sysfs sysfs rw',
    '26 22 0:50 / /srv/with\\040blank rw shared:1 - nfs4 host:/x rw',
    '27 22 0:51 / /mnt/win rw - cifs //host/x rw',
    '28 22 0:52 / /chroot/proc rw - proc proc rw',
    'cut',
  ].join('\n'),
)
const none = { skipsNfs: false, skipsDev: false, skipsProc: false, skipsSys: false }
test.each([
  ['nothing where nothing is wished', none, []],
  ['network file systems', { ...none, skipsNfs: true }, ['/srv/with blank', '/mnt/win']],
  ['/dev', { ...none, skipsDev: true }, ['/dev']],
  ['/proc wherever it is mounted', { ...none, skipsProc: true }, ['/proc', '/chroot/proc']],
  ['/sys', { ...none, skipsSys: true }, ['/sys']],
])('a scan does not enter %s', (_says, wishes, paths) => expect([...skippedPaths(wishes, mounts)]).toEqual(paths))

test('variables of the environment are put in, and what is not set stays', () => {
  expect(expandVariables('$HOME/%DIR%/$NONE/%NONE%', { HOME: '/root', DIR: 'ä' })).toBe('/root/\xc3\xa4/$NONE/%NONE%')
})

test.each([
  ['no limit', 0, 0],
  ['ten a second', 10, 2000],
])('a pace of %s', async (_says, perSecond, tookMs) => {
  let now = 0
  const slept = async (ms: number): Promise<void> => {
    now += ms
  }
  const pace = new Pace(perSecond, { now: () => now, sleep: slept })
  for (let n = 0; n < 30; n++) await pace.turn()
  expect(now).toBe(tookMs)
})

test('how full the baseline is, is told at each level, and when it is well again', async () => {
  const fim = home.open({ fileLimit: 10 })
  await fim.scan()
  const levels: string[] = []
  for (const count of [7, 8, 9, 10, 5]) {
    for (let n = 0; n < 10; n++) {
      if (n < count) writeFileSync(at(`f${n}`), '')
      else rmSync(at(`f${n}`), { force: true })
    }
    await fim.scan()
    levels.push(...home.sent.filter(({ queue }) => queue === '1').map(({ message }) => message))
    home.sent.length = 0
  }
  const notice = (count: number, level: string): string =>
    `wazuh: FIM DB: {"fim_db_table":"file_entry","file_limit":10,"file_count":${count},"alert_type":"${level}"}`
  expect(levels).toEqual([
    notice(8, '80_percentage'),
    notice(9, '90_percentage'),
    notice(10, 'full'),
    notice(5, 'normal'),
  ])
  await fim.close()
})

async function start(over: Partial<FimConfig>, isScanned = true): Promise<void> {
  home.sent.length = 0
  monitor = new FimMonitor({
    config: home.config(over),
    dir: home.state,
    auditSocket: join(home.root, 'no.sock'),
    send: async (queue, location, message) => {
      home.sent.push({ queue, location, message: message.toString() })
    },
    tell: () => {},
  })
  await monitor.start()
  if (isScanned) await isTold('scan_end')
}
const isTold = (text: string): Promise<void> =>
  vi.waitFor(() => expect(home.sent.some(({ message }) => message.includes(text))).toBe(true), { timeout: 10_000 })

test.each([
  ['is told', {}, ['added']],
  ['is not told where the original’s way is wished', { alertsAfterRestart: false }, []],
  ['is not told by a baseline in memory', { isInMemory: true }, []],
])('what changed while the agent was down %s', async (_says, over, types) => {
  writeFileSync(at('old'), '')
  await start(over)
  await monitor?.stop()
  writeFileSync(at('new'), '')
  await start(over)
  expect(home.peekEvents().map(({ type }) => type)).toEqual(types)
  expect(existsSync(join(home.state, 'baseline.db'))).toBe(!('isInMemory' in over))
})

test('without a scan at the start, a known folder is watched at once and scanned when it is due', async () => {
  await start({})
  await monitor?.stop()
  writeFileSync(at('while-down'), '')
  await start({ scansOnStart: false, directories: [home.watched({ mode: 'realtime' })] }, false)
  expect(home.sent).toEqual([])
  monitor?.scanSoon()
  await isTold('scan_end')
  expect(home.peekEvents().map(({ path }) => path)).toEqual([at('while-down')])
})

test('a folder of its own decides for what is in it, and hides it from the outer one', async () => {
  mkdirSync(at('inner'))
  const fim = home.open({
    directories: [home.watched(), home.watched({ path: at('inner'), recursionLevel: 0, tags: 'inner' })],
  })
  await fim.scan()
  mkdirSync(at('inner', 'deep'))
  writeFileSync(at('inner', 'x'), '')
  writeFileSync(at('inner', 'deep', 'x'), '')
  await fim.scan()
  expect(home.takeEvents().map(({ path, tags }) => [path, tags])).toEqual([[at('inner', 'x'), 'inner']])
  await fim.close()
})
