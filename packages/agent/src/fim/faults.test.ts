/** What goes wrong on a host: each case says what is kept and what is told. */
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Baseline, isDamage } from './baseline.ts'
import { readFileState } from './file-state.ts'
import { FimMonitor } from './monitor.ts'
import { Names } from './names.ts'
import { allChecks } from './options.ts'
import { TestHome } from './test-home.ts'

const isRoot = process.getuid?.() === 0
let home: TestHome
beforeEach(() => {
  home = new TestHome()
})
afterEach(() => home.remove())
const at = (...parts: string[]): string => join(home.dir, ...parts)
const read = (path: string, prefilter: readonly string[] = []) =>
  readFileState(path, { checks: allChecks, names: new Names(), hashSizeMax: 1024 ** 3, prefilter })
const sha256 = (path: string): string | undefined =>
  spawnSync('sha256sum', [path], { timeout: 10_000 }).stdout.toString().split(' ')[0]

describe('while its content is read, a file', () => {
  // Above the size after which others get a turn: there the test does its harm.
  const content = Buffer.alloc(20 * 1024 ** 2, 'x')

  test('that changes is read once more', async () => {
    writeFileSync(at('x'), content)
    const reading = read(at('x'))
    await turn()
    const fd = openSync(at('x'), 'r+')
    writeSync(fd, 'changed', 0)
    closeSync(fd)
    expect(await reading).toMatchObject({ kind: 'file', state: { sha256: sha256(at('x')) } })
  })

  test('that grows is read to its new end', async () => {
    writeFileSync(at('x'), content)
    const reading = read(at('x'))
    await turn()
    writeFileSync(at('x'), 'more', { flag: 'a' })
    expect(await reading).toMatchObject({ state: { size: content.length + 4, sha256: sha256(at('x')) } })
  })

  test('that vanishes is gone', async () => {
    writeFileSync(at('x'), content)
    const reading = read(at('x'))
    await turn()
    rmSync(at('x'))
    expect(await reading).toEqual({ kind: 'gone' })
  })

  test('that never rests is told as it was last seen', async () => {
    writeFileSync(at('x'), content)
    const writer = spawn('sh', ['-c', 'while :; do echo x >> x; done'], { cwd: home.dir, stdio: 'ignore' })
    const reading = await read(at('x'))
    writer.kill('SIGKILL')
    expect(reading.kind).toBe('file')
  })
})

test('100 GB of nothing are told to have no hashes, once, and are compared by the rest', async () => {
  const fim = home.open()
  await fim.scan()
  writeFileSync(at('sparse'), '')
  truncateSync(at('sparse'), 100 * 1024 ** 3)
  await fim.scan()
  await fim.scan()
  expect(home.told.filter((text) => text.includes('no hashes'))).toEqual([
    `${at('sparse')} is larger than 1073741824 bytes: it has no hashes, its other attributes are compared`,
  ])
  expect(home.takeEvents()).toMatchObject([{ type: 'added', attributes: { size: 100 * 1024 ** 3, hash_md5: '' } }])
  chmodSync(at('sparse'), 0o600)
  await fim.scan()
  expect(home.takeEvents().map(({ changed_attributes }) => changed_attributes)).toEqual([['permission']])
  await fim.close()
})

test('FIFOs, sockets, devices, and links in a loop are passed over', async () => {
  const fim = home.open()
  await fim.scan()
  spawnSync('mkfifo', [at('fifo')], { timeout: 5000 })
  if (isRoot) spawnSync('mknod', [at('device'), 'c', '1', '5'], { timeout: 5000 })
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(at('socket'), resolve))
  mkdirSync(at('loop'))
  symlinkSync('..', at('loop', 'up'))
  symlinkSync('self', at('self'))
  symlinkSync('/etc/passwd', at('passwd'))
  writeFileSync(at('file'), '')
  await fim.scan()
  expect(home.takeEvents().map(({ path }) => path)).toEqual([at('file')])
  server.close()
  await fim.close()
})

test('a link that is watched and leads in a circle is nothing, until it leads somewhere', async () => {
  symlinkSync('circle', at('circle'))
  const fim = home.open({ directories: [home.watched({ path: at('circle'), followsLink: true })] })
  expect(await fim.scan()).toMatchObject({ files: 0, unreadable: 0 })
  rmSync(at('circle'))
  mkdirSync(at('real'))
  writeFileSync(at('real', 'x'), '')
  symlinkSync('real', at('circle'))
  expect(await fim.scan()).toMatchObject({ files: 1, added: 1 })
  await fim.close()
})

test('a path that is too long for the kernel is told, and the rest is watched', async () => {
  const fim = home.open()
  await fim.scan()
  const part = 'd'.repeat(250)
  spawnSync('sh', ['-c', `for n in $(seq 20); do mkdir ${part} && cd ${part} && echo x > file; done`], {
    cwd: home.dir,
    timeout: 10_000,
  })
  expect((await fim.scan()).unreadable).toBeGreaterThan(0)
  expect(home.told.some((text) => text.includes('ENAMETOOLONG'))).toBe(true)
  // Every level whose path has at most 4,095 bytes.
  const levels = Math.floor((4095 - home.dir.length - '/file'.length) / (part.length + 1))
  expect(home.takeEvents().length).toBe(levels)
  spawnSync('rm', ['-rf', part], { cwd: home.dir, timeout: 10_000 })
  await fim.close()
})

test('a folder that a file takes the place of: what was in it is deleted, the file is new', async () => {
  mkdirSync(at('d'))
  writeFileSync(at('d', 'x'), '')
  const fim = home.open()
  await fim.scan()
  home.takeEvents()
  rmSync(at('d'), { recursive: true })
  writeFileSync(at('d'), '')
  await fim.scan()
  expect(new Set(home.takeEvents().map(({ type, path }) => `${type} ${path}`))).toEqual(
    new Set([`deleted ${at('d', 'x')}`, `added ${at('d')}`]),
  )
  rmSync(at('d'))
  mkdirSync(at('d'))
  writeFileSync(at('d', 'x'), '')
  await fim.scan()
  expect(new Set(home.takeEvents().map(({ type, path }) => `${type} ${path}`))).toEqual(
    new Set([`added ${at('d', 'x')}`, `deleted ${at('d')}`]),
  )
  await fim.close()
})

/** Scans `watched` twice as a user who is not root, in a program of its own, and gives what it told. */
const asOther = `
import { TestHome } from ${JSON.stringify(join(import.meta.dirname, 'test-home.ts'))}
const home = new TestHome()
const over = { directories: [home.watched({ path: process.argv[1] })] }
const fim = home.open(over)
await fim.scan()
await fim.close()
home.sent.length = 0
process.stdout.write('ready')
await new Promise((resolve) => process.stdin.once('data', resolve))
const again = home.open(over)
const report = await again.scan()
await again.close()
process.stdout.write(JSON.stringify({ report, told: home.told, events: home.takeEvents() }))
home.remove()
process.exit(0)
`
test.skipIf(!isRoot)('what may not be read is left as it is known, and told', async () => {
  mkdirSync(at('closed'))
  writeFileSync(at('closed', 'x'), '1')
  writeFileSync(at('file'), '1')
  for (const path of [home.root, home.dir]) chmodSync(path, 0o755)
  const child = spawn(process.execPath, ['--input-type=module', '-e', asOther, home.dir], {
    uid: 65_534,
    gid: 65_534,
    env: { ...process.env, TMPDIR: '/tmp' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (bytes) => (said += String(bytes)))
  await vi.waitFor(() => expect(said).toBe('ready'), { timeout: 20_000 })
  chmodSync(at('closed'), 0)
  chmodSync(at('file'), 0)
  child.stdin.write('x')
  await vi.waitFor(() => expect(child.exitCode).not.toBeNull(), { timeout: 20_000 })
  const { report, told, events } = JSON.parse(said.slice('ready'.length))
  expect(events).toEqual([])
  expect(report).toMatchObject({ deleted: 0, unreadable: 2 })
  expect(told.join('\n')).toMatch(/cannot read .*closed \(EACCES\)/)
  expect(told.join('\n')).toMatch(/cannot read .*file \(EACCES\)/)
})

const monitorOf = (state: string): FimMonitor =>
  new FimMonitor({
    config: home.config({ directories: [home.watched({ mode: 'realtime' })] }),
    dir: state,
    auditSocket: join(home.root, 'no.sock'),
    send: async (queue, location, message) => {
      home.sent.push({ queue, location, message: message.toString() })
    },
    tell: (_level, message) => home.told.push(message),
  })
const scanned = (times: number): Promise<void> =>
  vi.waitFor(() => expect(home.told.filter((text) => text.includes('files compared')).length).toBe(times), {
    timeout: 20_000,
  })

/** Writes over the pages of rows, and leaves the first page, which is all that opening looks at. */
function damage(file: string): void {
  const size = statSync(file).size
  const fd = openSync(file, 'r+')
  for (let page = 1; page < size / 4096; page++) writeSync(fd, Buffer.alloc(4096, 0xa5), 0, 4096, page * 4096)
  closeSync(fd)
}

test('a baseline whose rows are damaged is put aside, told, and taken anew without a flood', async () => {
  for (let n = 0; n < 200; n++) writeFileSync(at(`f${n}`), '')
  const first = monitorOf(home.state)
  await first.start()
  await scanned(1)
  await first.stop()
  damage(join(home.state, 'baseline.db'))
  home.sent.length = 0
  const second = monitorOf(home.state)
  await second.start()
  await scanned(2)
  expect(home.told.some((text) => text.startsWith('the baseline was damaged'))).toBe(true)
  expect(home.takeEvents()).toEqual([])
  writeFileSync(at('new'), '')
  second.scanSoon()
  await scanned(3)
  expect(home.takeEvents().map(({ path }) => path)).toEqual([at('new')])
  await second.stop()
  expect(readFileSync(join(home.state, 'baseline.db.damaged')).length).toBeGreaterThan(0)
})

test('damage that shows while it runs is known as such, and another baseline is begun', () => {
  const file = join(home.state, 'b.db')
  const baseline = new Baseline(file)
  baseline.setWatched(['/etc'])
  baseline.close()
  damage(file)
  const db = new DatabaseSync(file)
  let error: unknown
  try {
    db.prepare('select * from watched_path').all()
  } catch (thrown) {
    error = thrown
  }
  db.close()
  expect([isDamage(error), isDamage(new Error('x'))]).toEqual([true, false])
  const again = new Baseline(join(home.state, 'c.db'))
  again.setWatched(['/etc'])
  again.begin()
  again.startOver()
  expect([again.hasWatched('/etc'), again.count]).toEqual([false, 0])
  again.close()
  expect(statSync(join(home.state, 'c.db.damaged')).isFile()).toBe(true)
})

const small = (): string => {
  const dir = join(home.root, 'small')
  mkdirSync(dir)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', dir], { timeout: 5000 })
  return mounted.status === 0 ? dir : ''
}
test.skipIf(!isRoot)('a baseline on a full disk loses no change: they are told again when there is room', async () => {
  const dir = small()
  if (dir === '') return
  try {
    const fim = home.open({}, join(dir, 'fim.db'))
    await fim.scan()
    for (let n = 0; n < 2000; n++) writeFileSync(at(`f${n}`), '')
    await expect(fim.scan()).rejects.toThrow(/full/)
    const first = new Set(home.takeEvents().map(({ path }) => path))
    spawnSync('mount', ['-o', 'remount,size=16m', dir], { timeout: 5000 })
    await fim.scan()
    const second = new Set(home.takeEvents().map(({ path }) => path))
    expect(new Set([...first, ...second]).size).toBe(2000)
    expect(await fim.scan()).toMatchObject({ added: 0, modified: 0, deleted: 0, files: 2000 })
    await fim.close()
  } finally {
    spawnSync('umount', ['-l', dir], { timeout: 5000 })
  }
})

test('a link that comes to lead elsewhere, and a watched folder that comes back, are watched again', async () => {
  for (const name of ['one', 'two']) mkdirSync(at(name))
  symlinkSync('one', at('link'))
  const monitor = new FimMonitor({
    config: home.config({
      linkCheckS: 0.02,
      directories: [
        home.watched({ path: at('link'), followsLink: true, mode: 'realtime' }),
        home.watched({ path: at('later'), mode: 'realtime' }),
      ],
    }),
    dir: home.state,
    auditSocket: join(home.root, 'no.sock'),
    send: async (queue, location, message) => {
      home.sent.push({ queue, location, message: message.toString() })
    },
    tell: (_level, message) => home.told.push(message),
  })
  await monitor.start()
  await scanned(1)
  symlinkSync('two', at('new'))
  renameSync(at('new'), at('link'))
  mkdirSync(at('later'))
  await vi.waitFor(() => expect(monitor.lastScan.getTime()).toBeGreaterThan(0))
  const shell = (script: string) => spawnSync('sh', ['-c', script], { cwd: home.dir, timeout: 5000 })
  const isTold = (path: string): Promise<void> =>
    vi.waitFor(
      () => {
        shell(`echo x >> ${path}`)
        expect(home.peekEvents().some((event) => event.path === at(path) && event.mode === 'realtime')).toBe(true)
      },
      { timeout: 20_000, interval: 100 },
    )
  await isTold('two/x')
  await isTold('later/x')
  await monitor.stop()
})

describe('a command before hashing', () => {
  test('has its output hashed in place of the file', async () => {
    writeFileSync(at('x'), 'one\n')
    const reading = await read(at('x'), ['/usr/bin/tr', '-d', '\\n'])
    // tr reads no file that is named: it fails, and the file itself is hashed.
    expect(reading).toMatchObject({ state: { sha256: sha256(at('x')) } })
    writeFileSync(at('y'), 'eno\n')
    expect(await read(at('x'), ['/usr/bin/rev'])).toMatchObject({ state: { size: 4, sha256: sha256(at('y')) } })
  })
  test.each([
    ['is not there', ['/no/such/program']],
    ['ends with a failure', ['/bin/false']],
  ])('that %s is as none', async (_says, prefilter) => {
    writeFileSync(at('x'), 'one\n')
    expect(await read(at('x'), prefilter)).toMatchObject({ state: { sha256: sha256(at('x')) } })
  })
  test('gets the path as one word, whatever is in it', async () => {
    const name = at("a b'; touch pwned; '")
    writeFileSync(name, 'one\n')
    expect(await read(name, ['/bin/cat'])).toMatchObject({ state: { sha256: sha256(name) } })
  })
})
