import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { compileOsmatch } from '@dogwatch/pattern'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Baseline } from './baseline.ts'
import { Contents, sentences } from './contents.ts'
import { permText, readFileState, stateChecksum } from './file-state.ts'
import { Names } from './names.ts'
import { allChecks, checkBit, type WatchedPath } from './options.ts'
import { alertOf } from './test-engine.ts'
import { TestHome } from './test-home.ts'

let home: TestHome
beforeEach(() => {
  home = new TestHome()
})
afterEach(() => home.remove())

const at = (...parts: string[]): string => join(home.dir, ...parts)
const isRoot = process.getuid?.() === 0
const pattern = (text: string) => {
  const compiled = compileOsmatch(text)
  if (compiled.pattern === undefined) throw new Error(compiled.error.message)
  return compiled.pattern
}

test('the checksum is that of the specification', () => {
  const state = {
    size: 0,
    perm: 'rw-r--r--',
    uid: '0',
    gid: '0',
    userName: 'root',
    groupName: 'root',
    mtime: 1732269600,
    inode: '1311',
    md5: 'd41d8cd98f00b204e9800998ecf8427e',
    sha1: 'da39a3ee5e6b4b0d3255bfef95601890afd80709',
    sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  }
  expect(stateChecksum(state)).toBe('51e383019fb3eff89cd577da8eda08524131fb82')
})

test.each([
  ['an ordinary file', 0o100644, 'rw-r--r--'],
  ['setuid with x', 0o104755, 'rwsr-xr-x'],
  ['setuid without x', 0o104644, 'rwsr--r--'],
  ['setgid', 0o102755, 'rwxr-sr-x'],
  ['sticky', 0o101777, 'rwxrwxrwt'],
  ['nothing allowed', 0o100000, '---------'],
])('permissions of %s', (_says, mode, text) => expect(permText(mode)).toBe(text))

// Sizes around the bounds of one read (256 KiB) and of one turn (8 MiB).
const kib = 1024
test.each([0, 1, 256 * kib - 1, 256 * kib, 256 * kib + 1, 512 * kib, 8192 * kib, 8192 * kib + 1])(
  'the hashes of a file of %i bytes are those of the system’s own tools',
  async (size) => {
    const content = Buffer.alloc(size)
    for (let n = 0; n < size; n += 7) content[n] = n % 251
    writeFileSync(at('x'), content)
    const reading = await readFileState(at('x'), { checks: allChecks, names: new Names(), hashSizeMax: 1024 ** 3 })
    const sums = ['md5sum', 'sha1sum', 'sha256sum'].map(
      (tool) =>
        spawnSync(tool, [at('x')], { timeout: 10_000 })
          .stdout.toString()
          .split(' ')[0],
    )
    expect(reading.kind === 'file' && [reading.state.md5, reading.state.sha1, reading.state.sha256]).toEqual(sums)
  },
)

describe('odd files', () => {
  const read = (path: string, hashSizeMax = 1024 ** 3) =>
    readFileState(path, { checks: allChecks, names: new Names(), hashSizeMax })

  test('100 GB of nothing are not read', async () => {
    writeFileSync(at('sparse'), '')
    truncateSync(at('sparse'), 100 * 1024 ** 3)
    const reading = await read(at('sparse'))
    expect(reading).toMatchObject({ kind: 'file', state: { size: 100 * 1024 ** 3, md5: '', sha256: '' } })
  })
  test('a FIFO is no file and is not waited for', async () => {
    spawnSync('mkfifo', [at('pipe')], { timeout: 5000 })
    expect(await read(at('pipe'))).toEqual({ kind: 'gone' })
  })
  test('a link is not followed', async () => {
    writeFileSync(at('target'), 'x')
    symlinkSync('target', at('link'))
    expect(await read(at('link'))).toEqual({ kind: 'gone' })
  })
  test('a file that grows above the bound while it is read has no hashes', async () => {
    writeFileSync(at('x'), Buffer.alloc(300 * kib))
    expect(await read(at('x'), 300 * kib - 1)).toMatchObject({ state: { md5: '' } })
  })
})

describe('scans', () => {
  test('say nothing the first time, then every change once, as the engine’s rules want it', async () => {
    writeFileSync(at('kept'), 'one\n')
    writeFileSync(at('gone'), 'two\n')
    const fim = home.open({ directories: [home.watched({ tags: 'web,config' })] })
    expect(await fim.scan()).toMatchObject({ files: 2, added: 0, silentPaths: 1 })
    expect(home.sent.map(({ message }) => JSON.parse(message).type)).toEqual(['scan_start', 'scan_end'])
    home.takeEvents()

    writeFileSync(at('kept'), 'three\n')
    rmSync(at('gone'))
    mkdirSync(at('sub'))
    writeFileSync(at('sub', 'new'), '')
    expect(await fim.scan()).toMatchObject({ files: 2, added: 1, modified: 1, deleted: 1 })
    const messages = home.sent.map(({ message }) => message)
    const alerts = messages
      .map(alertOf)
      .filter((alert) => alert !== null)
      .filter(({ rule }) => rule !== undefined)
    expect(alerts.map((alert) => (alert.rule as { id: string }).id).sort()).toEqual(['550', '553', '554'])
    const modified = alerts.find((alert) => (alert.rule as { id: string }).id === '550')
    expect(modified).toMatchObject({
      location: 'syscheck',
      decoder: { name: 'syscheck_integrity_changed' },
      syscheck: {
        path: at('kept'),
        mode: 'scheduled',
        size_before: '4',
        size_after: '6',
        md5_after: expect.stringMatching(/^[0-9a-f]{32}$/),
        uname_after: isRoot ? 'root' : expect.any(String),
        tags: ['web', 'config'],
        event: 'modified',
      },
    })
    expect(String(modified?.full_log)).toMatch(/^File '.*kept' modified\nMode: scheduled\nChanged attributes: size,/)
    home.takeEvents()
    expect(await fim.scan()).toMatchObject({ added: 0, modified: 0, deleted: 0 })
    expect(home.takeEvents()).toEqual([])
    await fim.close()
  })

  test('tell after a restart what changed while nobody watched', async () => {
    writeFileSync(at('x'), 'one')
    const first = home.open()
    await first.scan()
    await first.close()
    home.takeEvents()
    writeFileSync(at('x'), 'three')
    writeFileSync(at('y'), '')
    const second = home.open()
    await second.scan()
    expect(home.takeEvents().map(({ path, type }) => [path, type])).toEqual([
      [at('x'), 'modified'],
      [at('y'), 'added'],
    ])
    await second.close()
  })

  test('take in a path silently that the configuration has newly, and forget one that it has no more', async () => {
    mkdirSync(at('a'))
    mkdirSync(at('b'))
    writeFileSync(at('a', 'x'), '')
    writeFileSync(at('b', 'x'), '')
    const first = home.open({ directories: [home.watched({ path: at('a') })] })
    await first.scan()
    await first.close()
    const second = home.open({ directories: [home.watched({ path: at('b') })] })
    await second.scan()
    expect(home.takeEvents()).toEqual([])
    await second.close()
  })

  test('alert on a folder that a wildcard finds later', async () => {
    const fim = home.open({ directories: [home.watched({ path: at('*', 'keys') })] })
    await fim.scan()
    mkdirSync(at('ana', 'keys'), { recursive: true })
    writeFileSync(at('ana', 'keys', 'k'), '')
    await fim.scan()
    expect(home.takeEvents().map(({ type }) => type)).toEqual(['added'])
    await fim.close()
  })

  test('lose no change when it could not be sent', async () => {
    const fim = home.open()
    await fim.scan()
    writeFileSync(at('x'), '')
    home.failure = new Error('the disk is full')
    await expect(fim.scan()).rejects.toThrow('the disk is full')
    await expect(fim.examine(at('x'), 'realtime')).rejects.toThrow('the disk is full')
    home.failure = null
    home.sent.length = 0
    await fim.scan()
    expect(home.takeEvents().map(({ path }) => path)).toEqual([at('x')])
    await fim.close()
  })

  test('put a damaged baseline aside', () => {
    writeFileSync(join(home.state, 'bad.db'), 'this is no database at all, however long it may be'.repeat(100))
    const baseline = new Baseline(join(home.state, 'bad.db'))
    expect(baseline.resetReason).toMatch(/not a database/)
    expect(baseline.count).toBe(0)
    baseline.close()
    expect(readFileSync(join(home.state, 'bad.db.damaged'), 'latin1')).toMatch(/^this is no/)
  })

  test('stop taking files in at the limit, and say so once', async () => {
    const fim = home.open({ fileLimit: 2 })
    await fim.scan()
    for (const name of ['a', 'b', 'c', 'd']) writeFileSync(at(name), '')
    expect(await fim.scan()).toMatchObject({ added: 2, overLimit: 2 })
    await fim.scan()
    expect(home.sent.filter(({ queue }) => queue === '1').map(({ message }) => message)).toEqual([
      'wazuh: FIM DB: {"fim_db_table":"file_entry","file_limit":2,"file_count":2,"alert_type":"full"}',
    ])
    await fim.close()
  })

  test('find names that are not UTF-8, long ones, and ones with every odd letter', async () => {
    const fim = home.open()
    await fim.scan()
    writeFileSync(Buffer.from(`${home.dir}/a\xe9`, 'latin1'), '')
    writeFileSync(at('ä\n"\'$(x)'), '')
    writeFileSync(at('n'.repeat(255)), '')
    await fim.scan()
    expect(new Set(home.takeEvents().map(({ path }) => path))).toEqual(
      new Set([`${home.dir}/a\\xe9`, at('ä\n"\'$(x)'), at('n'.repeat(255))]),
    )
    await fim.close()
  })
})

const changes: [says: string, change: () => void, changed: readonly string[]][] = [
  ['content of the same length', () => writeFileSync(at('x'), 'eno\n'), ['md5', 'sha1', 'sha256']],
  ['permissions', () => chmodSync(at('x'), 0o4755), ['permission']],
  ['time', () => utimesSync(at('x'), 5, 5), ['mtime']],
  [
    'another file in its place',
    () => {
      writeFileSync(at('y'), 'one\n')
      renameSync(at('y'), at('x'))
    },
    ['inode'],
  ],
  ['nothing', () => {}, []],
]
test.each(changes)('a change of %s is told as such', async (_says, change, changed) => {
  writeFileSync(at('x'), 'one\n')
  utimesSync(at('x'), 1000, 1000)
  const fim = home.open()
  await fim.scan()
  change()
  if (!changed.includes('mtime') && changed.length > 0) utimesSync(at('x'), 1000, 1000)
  await fim.scan()
  expect(home.takeEvents().flatMap((event) => event.changed_attributes ?? [])).toEqual(changed)
  await fim.close()
})
test.skipIf(!isRoot)('a change of owner is told with names', async () => {
  writeFileSync(at('x'), '')
  const fim = home.open()
  await fim.scan()
  chownSync(at('x'), 1, 1)
  await fim.scan()
  const [event] = home.takeEvents()
  expect(event?.changed_attributes).toEqual(['uid', 'user_name', 'gid', 'group_name'])
  expect(event).toMatchObject({ attributes: { uid: '1', user_name: 'daemon' }, old_attributes: { user_name: 'root' } })
  await fim.close()
})

const optionCases: [says: string, over: () => Partial<WatchedPath>, paths: readonly string[]][] = [
  ['all files', () => ({}), ['a.log', 'b.conf', 'sub/c.conf', 'sub/deep/d.conf']],
  ['a level of recursion', () => ({ recursionLevel: 1 }), ['a.log', 'b.conf', 'sub/c.conf']],
  ['no recursion', () => ({ recursionLevel: 0 }), ['a.log', 'b.conf']],
  ['a restriction', () => ({ restrict: pattern('.conf$') }), ['b.conf', 'sub/c.conf', 'sub/deep/d.conf']],
  ['one file only', () => ({ path: at('b.conf') }), ['b.conf']],
  ['nothing below a path that is not there', () => ({ path: at('nowhere') }), []],
]
test.each(optionCases)('watch %s', async (_says, over, paths) => {
  const fim = home.open({ directories: [home.watched(over())] })
  await fim.scan()
  mkdirSync(at('sub', 'deep'), { recursive: true })
  for (const path of ['a.log', 'b.conf', 'sub/c.conf', 'sub/deep/d.conf']) writeFileSync(at(path), '')
  await fim.scan()
  expect(
    home
      .takeEvents()
      .map(({ path }) => path.slice(home.dir.length + 1))
      .sort(),
  ).toEqual(paths)
  await fim.close()
})

test('ignored paths and patterns are not watched, and the deepest entry decides', async () => {
  const fim = home.open({
    directories: [
      home.watched({ tags: 'outer' }),
      home.watched({ path: at('sub'), tags: 'inner', checks: checkBit('size') }),
    ],
    ignore: { prefixes: [at('no')], patterns: [pattern('.swp$|.log$')] },
  })
  await fim.scan()
  mkdirSync(at('sub'))
  for (const path of ['a', 'a.swp', 'nothing', 'sub/b', 'sub/b.log']) writeFileSync(at(path), 'x')
  await fim.scan()
  const events = home.takeEvents().sort((a, b) => (a.path < b.path ? -1 : 1))
  expect(events.map(({ path, tags }) => [path, tags])).toEqual([
    [at('a'), 'outer'],
    [at('sub', 'b'), 'inner'],
  ])
  expect(Object.keys(events[1]?.attributes ?? {})).toEqual(['type', 'size', 'checksum'])
  await fim.close()
})

test.each([true, false])(
  'a link is followed where it is the watched path and that is wished: %s',
  async (followsLink) => {
    mkdirSync(at('real'))
    symlinkSync(at('real'), at('link'))
    const fim = home.open({ directories: [home.watched({ path: at('link'), followsLink })] })
    await fim.scan()
    writeFileSync(at('real', 'x'), '')
    await fim.scan()
    const events = home.takeEvents().map(({ path, attributes }) => [path, attributes.symlink_path])
    expect(events).toEqual(followsLink ? [[at('real', 'x'), at('link')]] : [])
    await fim.close()
  },
)

test('hard links are named', async () => {
  writeFileSync(at('a'), '')
  const fim = home.open()
  await fim.scan()
  linkSync(at('a'), at('b'))
  await fim.scan()
  appendFileSync(at('a'), 'x')
  await fim.examine(at('b'), 'realtime')
  expect(home.takeEvents().find(({ type }) => type === 'modified')?.hard_links).toEqual([at('a')])
  await fim.close()
})

describe('what changed in the text', () => {
  const cases: [says: string, before: string, after: string, diff: string][] = [
    ['a changed line', 'a\n', 'b\n', '1c1\n< a\n---\n> b\n'],
    ['an added line', 'a\n', 'a\nb\n', '1a2\n> b\n'],
    ['a removed line', 'a\nb\nc\n', 'a\nc\n', '2d1\n< b\n'],
    ['bytes that are no text', 'a\0b', 'a\0c', sentences.binary],
    ['more than the bound', '', 'word\n'.repeat(20_000), sentences.more],
  ]
  test.each(cases)('%s', async (_says, before, after, diff) => {
    writeFileSync(at('x'), before)
    const fim = home.open({ directories: [home.watched({ reportChanges: true })] })
    await fim.scan()
    writeFileSync(at('x'), after)
    await fim.scan()
    const [event] = home.takeEvents()
    expect(event?.content_changes?.slice(-diff.length)).toBe(diff)
    expect(event?.content_changes?.length).toBeLessThan(60_000)
    await fim.close()
  })

  test('is kept to oneself for nodiff, too large files, and where there is nothing to compare', async () => {
    for (const name of ['secret', 'large', 'same']) writeFileSync(at(name), 'x'.repeat(100))
    const fim = home.open({
      directories: [home.watched({ reportChanges: true, diffSizeMax: 200 })],
      nodiff: { prefixes: [at('secret')], patterns: [] },
    })
    await fim.scan()
    writeFileSync(at('secret'), 'hidden')
    writeFileSync(at('large'), 'x'.repeat(201))
    chmodSync(at('same'), 0o600)
    await fim.scan()
    const told = new Map(home.takeEvents().map((event) => [event.path, event.content_changes]))
    expect(told.get(at('secret'))).toBe(sentences.nodiff)
    expect(told.get(at('large'))).toBe(sentences.fileSize)
    expect(told.get(at('same'))).toBe(sentences.same)
    writeFileSync(at('large'), 'small')
    await fim.scan()
    expect(home.takeEvents()[0]?.content_changes).toBe(sentences.noPrevious)
    await fim.close()
  })

  test('stops at the quota', () => {
    const contents = new Contents({ dir: join(home.state, 'quota'), quota: 10 }, true)
    writeFileSync(at('x'), 'some text')
    expect(contents.keep(at('x'), 0)).toBe(sentences.diskQuota)
  })
})
