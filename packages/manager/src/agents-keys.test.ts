import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ClientKeys } from './agents-keys.ts'

const { disk } = vi.hoisted(() => ({ disk: { room: Number.POSITIVE_INFINITY, synced: 0 } }))
/** A disk that takes so many bytes more, and counts what was made durable. */
vi.mock(import('node:fs'), async (importOriginal) => {
  const fs = await importOriginal()
  return {
    ...fs,
    writeSync: (fd: number, bytes: string | NodeJS.ArrayBufferView, at?: unknown, length?: unknown) => {
      if (typeof bytes === 'string') return fs.writeSync(fd, bytes)
      const from = typeof at === 'number' ? at : 0
      const wanted = typeof length === 'number' ? length : bytes.byteLength - from
      if (disk.room <= 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      const taken = Math.min(wanted, disk.room)
      disk.room -= taken
      return fs.writeSync(fd, bytes, from, taken)
    },
    fdatasyncSync: (fd: number) => {
      disk.synced++
      fs.fdatasyncSync(fd)
    },
  }
})

let folder = ''
let path = ''
const key = 'ab'.repeat(32)
const first = `# ours\n001 web any ${key}\n`

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'client-keys-'))
  path = join(folder, 'client.keys')
  writeFileSync(path, first)
  disk.room = Number.POSITIVE_INFINITY
  disk.synced = 0
})
afterEach(() => rmSync(folder, { recursive: true }))

const textNow = (): string => readFileSync(path, 'utf8')
const open = (): ClientKeys => new ClientKeys(path, false)

test('a new agent is a line at the end, durable: the file is not made anew, nor read again', () => {
  const keys = open()
  const { ino } = statSync(path)
  const { reads } = keys
  const entries = ['db', 'mail'].map((name) => keys.add({ name, ip: 'any' }, 1))
  expect(entries.map(({ id }) => id)).toEqual(['002', '003'])
  expect(textNow()).toBe(`${first}002 db any ${entries[0]?.key}\n003 mail any ${entries[1]?.key}\n`)
  expect([statSync(path).ino, keys.reads, disk.synced, keys.refresh()]).toEqual([ino, reads, 2, false])
  expect([...open().entries]).toEqual([...keys.entries])
})

test('the first agent makes the file', () => {
  rmSync(path)
  const { key: made } = open().add({ name: 'web', ip: 'any' }, 7)
  expect(textNow()).toBe(`007 web any ${made}\n`)
  expect(statSync(path).mode & 0o777).toBe(0o640)
})

test('what removes or changes a line replaces the file', () => {
  const keys = open()
  const { ino } = statSync(path)
  const { key: renewed } = keys.renew('001', { name: 'web', ip: '10.0.0.1' })
  expect(textNow()).toBe(`# ours\n001 web 10.0.0.1 ${renewed}\n`)
  const changed = statSync(path).ino
  appendFileSync(path, `002 db any ${key}\n`)
  keys.remove(['001'])
  expect(textNow()).toBe(`# ours\n001 !web 10.0.0.1 ${renewed}\n002 db any ${key}\n`)
  expect([changed === ino, statSync(path).ino === changed]).toEqual([false, false])
  expect(keys.insert({ name: 'back', ip: 'any' }, 1, key).id).toBe('001')
  expect(textNow()).toBe(`# ours\n002 db any ${key}\n001 back any ${key}\n`)
})

const ends: readonly [says: string, tail: string, kept: string, id: string][] = [
  ['a last line without its newline is completed', `002 db any ${key}`, `002 db any ${key}\n`, '003'],
  ['a comment without its newline too', '# by hand', '# by hand\n', '002'],
  ['a key that was cut by a power cut is nobody’s, and its id is not used again', '009 db any abcdef', '', '010'],
]
test.each(ends)('%s', (_says, tail, kept, id) => {
  appendFileSync(path, tail)
  const keys = open()
  expect(keys.entries.has('009')).toBe(false)
  const added = keys.add({ name: 'next', ip: 'any' }, 1)
  expect(added.id).toBe(id)
  expect(textNow()).toBe(`${first}${kept}${id} next any ${added.key}\n`)
})

test('what somebody else writes in the same moment is kept, and its id is not used again', () => {
  const keys = open()
  appendFileSync(path, `005 db any ${key}\n`)
  expect(keys.add({ name: 'next', ip: 'any' }, 1).id).toBe('006')
  expect([...keys.entries.keys()]).toEqual(['001', '005', '006'])
  appendFileSync(path, `007 log any ${key}\n`)
  keys.insert({ name: 'moved', ip: 'any' }, 120, key)
  expect([...open().entries.keys()]).toEqual(['001', '005', '006', '007', '120'])
})

test('a disk that is full leaves the file as it was', () => {
  const keys = open()
  disk.room = 40
  expect(() => keys.add({ name: 'db', ip: 'any' }, 1)).toThrow('no space left')
  expect([textNow(), keys.entries.size]).toEqual([first, 1])
  disk.room = Number.POSITIVE_INFINITY
  expect(keys.add({ name: 'db', ip: 'any' }, 1).id).toBe('002')
  expect([...open().entries.keys()]).toEqual(['001', '002'])
})

test('however a write is cut, nobody has half a key, and no id is given out twice', () => {
  fc.assert(
    fc.property(fc.nat({ max: 90 }), fc.constantFrom('add', 'none'), (cut, then) => {
      writeFileSync(path, first)
      const given = open().add({ name: 'db', ip: 'any' }, 1)
      const whole = readFileSync(path)
      writeFileSync(path, whole.subarray(0, Math.min(whole.length, first.length + cut)))
      const keys = open()
      // The store remembers the highest id beside the file.
      if (then === 'add') expect(keys.add({ name: 'mail', ip: 'any' }, 3).id).toBe('003')
      for (const entry of open().entries.values())
        expect([key, given.key, keys.entries.get('003')?.key]).toContain(entry.key)
    }),
  )
})
