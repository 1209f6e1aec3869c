import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FimMonitor } from './monitor.ts'
import { nextScanMs, parseDay, parseTime } from './schedule.ts'
import { alertOf } from './test-engine.ts'
import { type FimEvent, TestHome } from './test-home.ts'

const isRoot = process.getuid?.() === 0
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

async function start(mode: 'realtime' | 'whodata', auditSocket = join(home.state, 'no.sock')): Promise<void> {
  monitor = new FimMonitor({
    config: home.config({
      directories: [home.watched({ mode })],
      whodata: { keys: [], restartsAudit: false, healthcheck: true, queueSize: 16_384, rulesMax: 256 },
    }),
    dir: home.state,
    auditSocket,
    send: async (queue, location, message) => {
      home.sent.push({ queue, location, message: message.toString() })
    },
    tell: (_level, message) => home.told.push(message),
  })
  await monitor.start()
  await vi.waitFor(() => expect(home.sent.some(({ message }) => message.includes('scan_end'))).toBe(true), {
    timeout: 10_000,
  })
}
const sh = (script: string): void => {
  spawnSync('sh', ['-c', script], { cwd: home.dir, timeout: 10_000 })
}
async function event(path: string): Promise<FimEvent> {
  const events: FimEvent[] = []
  return vi.waitFor(
    () => {
      events.push(...home.peekEvents())
      const found = events.find((one) => one.path === join(home.dir, path))
      if (found === undefined) throw new Error(`nothing told of ${path}`)
      return found
    },
    { timeout: 10_000, interval: 20 },
  )
}

test('a change in real time is told, and is in the baseline of the next run', async () => {
  await start('realtime')
  sh('echo x > new')
  expect(await event('new')).toMatchObject({ type: 'added', mode: 'realtime' })
  await monitor?.stop()
  home.sent.length = 0
  await start('realtime')
  expect(home.takeEvents()).toEqual([])
})

test.skipIf(!isRoot)('who-data without the audit names the process that fanotify names', async () => {
  await start('whodata')
  if (monitor?.ways.includes('fanotify') !== true) return
  // Not waited for in a way that would keep us from listening.
  const shell = spawn('sh', ['-c', 'exec 3> new; echo x >&3; sleep 2'], { cwd: home.dir, stdio: 'ignore' })
  const told = await event('new')
  shell.kill()
  expect(told).toMatchObject({ mode: 'whodata', audit: { user_id: '0', user_name: 'root' } })
  expect(told.audit?.process_name).toMatch(/sh$/)
})

/** Can an auditd of our own be run here, with nobody else's in the way? */
function auditReason(): string | null {
  if (!isRoot) return 'not root'
  if (!existsSync('/usr/sbin/auditd')) return 'auditd is not installed'
  const state = spawnSync('auditctl', ['-s'], { timeout: 5000 })
  if (state.status !== 0) return 'the kernel’s audit cannot be reached'
  return /^pid 0$/m.test(state.stdout.toString()) ? null : 'another auditd runs'
}
const reason = auditReason()

describe.skipIf(reason !== null)(`who-data from the kernel’s audit${reason === null ? '' : ` (${reason})`}`, () => {
  let auditd: ChildProcess
  let socket: string
  beforeEach(async () => {
    const dir = join(home.root, 'audit')
    socket = join(dir, 'audit.sock')
    for (const folder of [dir, join(dir, 'plugins.d')]) {
      mkdirSync(folder)
      chmodSync(folder, 0o750)
    }
    const write = (path: string, text: string): void => {
      writeFileSync(path, text, { mode: 0o640 })
      chownSync(path, 0, 0)
    }
    write(
      join(dir, 'auditd.conf'),
      `local_events = yes
write_logs = no
log_file = ${dir}/audit.log
log_group = root
log_format = RAW
flush = NONE
freq = 0
max_log_file = 8
num_logs = 5
max_log_file_action = IGNORE
space_left = 75
space_left_action = IGNORE
admin_space_left = 50
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
plugin_dir = ${dir}/plugins.d
q_depth = 2000
`,
    )
    write(
      join(dir, 'plugins.d', 'af_unix.conf'),
      `active = yes\ndirection = out\npath = builtin_af_unix\ntype = builtin\nargs = 0640 ${socket}\nformat = string\n`,
    )
    auditd = spawn('/usr/sbin/auditd', ['-n', '-c', dir], { stdio: 'ignore' })
    await vi.waitFor(() => expect(existsSync(socket)).toBe(true), { timeout: 10_000 })
  })
  afterEach(async () => {
    await monitor?.stop()
    monitor = null
    auditd.kill('SIGTERM')
    await vi.waitFor(() => expect(auditd.exitCode ?? auditd.signalCode).not.toBeNull(), { timeout: 5000 })
    spawnSync('auditctl', ['-e', '0'], { timeout: 5000 })
  })

  test('a change carries user, login user, program and parent, up to the alert', async () => {
    await start('whodata', socket)
    expect(home.told.filter((text) => text.includes('without the audit'))).toEqual([])
    expect(monitor?.ways).toContain('audit')
    expect(execFileSync('auditctl', ['-l'], { timeout: 5000 }).toString()).toContain(
      `-w ${home.dir} -p wa -k wazuh_fim`,
    )
    chmodSync(home.root, 0o755)
    chmodSync(home.dir, 0o777)
    // Daemon is not root; the program is gone before anybody could look at it.
    spawnSync('/bin/sh', ['-c', 'echo x > byuser'], { cwd: home.dir, uid: 1, gid: 1, timeout: 5000 })
    const told = await event('byuser')
    expect(told).toMatchObject({
      mode: 'whodata',
      audit: {
        user_id: '1',
        user_name: 'daemon',
        group_id: '1',
        effective_uid: '1',
        effective_name: 'daemon',
        cwd: home.dir,
      },
    })
    const message = home.sent.find(({ message: text }) => text.includes('byuser'))?.message ?? ''
    expect(alertOf(message)).toMatchObject({
      rule: { id: '554' },
      syscheck: { audit: { user: { id: '1', name: 'daemon' }, process: { name: expect.stringMatching(/sh$/) } } },
    })
  })

  test('a tree removed relative to an open folder is told file by file, with who did it', async () => {
    sh('mkdir -p d/e; echo x > d/e/f; echo y > d/g')
    await start('whodata', socket)
    spawnSync('rm', ['-r', 'd'], { cwd: home.dir, timeout: 5000 })
    for (const path of ['d/e/f', 'd/g']) {
      expect(await event(path)).toMatchObject({
        type: 'deleted',
        mode: 'whodata',
        audit: { process_name: '/usr/bin/rm' },
      })
    }
  })

  test('a rule that somebody removes is put back and told, and ours go when we do', async () => {
    await start('whodata', socket)
    execFileSync('auditctl', ['-W', home.dir, '-p', 'wa', '-k', 'wazuh_fim'], { timeout: 5000 })
    const list = (): string => execFileSync('auditctl', ['-l'], { timeout: 5000 }).toString()
    await vi.waitFor(
      () => {
        expect(home.sent.map(({ message }) => message)).toContain(
          'ossec: Audit: Detected rules manipulation: Audit rules removed',
        )
        expect(list()).toContain(home.dir)
      },
      { timeout: 10_000, interval: 100 },
    )
    await monitor?.stop()
    monitor = null
    expect(list()).not.toContain(home.dir)
  })
})

const day = (text: string): Date => new Date(`2026-03-0${text}`)
test.each([
  ['by frequency', { frequencyS: 60, scanMinute: null, scanDay: null }, day('2T10:00:30'), day('2T10:00:00'), 30_000],
  ['overdue', { frequencyS: 60, scanMinute: null, scanDay: null }, day('2T12:00:00'), day('2T10:00:00'), 0],
  ['later today', { frequencyS: 60, scanMinute: 630, scanDay: null }, day('2T10:00:00'), day('2T09:00:00'), 1_800_000],
  ['tomorrow', { frequencyS: 60, scanMinute: 600, scanDay: null }, day('2T10:00:00'), day('2T10:00:00'), 86_400_000],
  ['on its day', { frequencyS: 60, scanMinute: 0, scanDay: 3 }, day('2T00:00:00'), day('2T00:00:00'), 2 * 86_400_000],
])('the next scan is %s', (_says, times, now, last, ms) => expect(nextScanMs(times, now, last)).toBe(ms))
test.each([
  ['9pm', 1260],
  ['12am', 0],
  ['12 pm', 720],
  ['8:30', 510],
  ['23:59', 1439],
  ['24:00', null],
  ['9', null],
  ['13pm', null],
])('%s is minute %s of the day', (text, minute) => expect(parseTime(text)).toBe(minute))
test.each([
  ['sunday', 0],
  ['Wed', 3],
  ['someday', null],
])('%s is day %s', (text, number) => expect(parseDay(text)).toBe(number))
