import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writevSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LogFile } from './log-file.ts'

let home = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'dogwatch-log-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const aside = (name: string): string => join(home, 'logs/dogwatch', name)
const unzipped = (name: string): string => gunzipSync(readFileSync(aside(name))).toString()
const current = (): string => readFileSync(join(home, 'logs/dogwatch.log'), 'utf8')
const asideNames = (): string[] =>
  existsSync(aside(''))
    ? readdirSync(aside(''), { recursive: true })
        .map(String)
        .filter((name) => name.includes('.'))
        .sort()
    : []
const noon = (day: number): number => new Date(2026, 10, day, 12).getTime()

test('lines of each day come to stand in the file of their day, compressed, while the manager runs', async () => {
  let now = noon(22)
  const file = new LogFile(home, { now: () => now })
  file.write('one\n')
  file.write('two\n')
  now = new Date(2026, 10, 22, 23, 59, 59, 999).getTime()
  file.write('last\n')
  now += 1
  file.write('first\n')
  await file.tidied()
  expect(unzipped('2026/Nov/dogwatch-22.log.gz')).toBe('one\ntwo\nlast\n')
  await file.close()
  expect(current()).toBe('first\n')
  expect(asideNames()).toEqual(['2026/Nov/dogwatch-22.log.gz'])
})

test('a file that is full is put aside under the next number of its day, and a day keeps its newest files', async () => {
  const file = new LogFile(home, { now: () => noon(22), lengthMax: 10, filesPerDayMax: 2 })
  for (let n = 1; n <= 4; n += 1) file.write(`line ${n} of 4\n`)
  await file.tidied()
  await file.close()
  expect(asideNames()).toEqual(['2026/Nov/dogwatch-22-001.log.gz', '2026/Nov/dogwatch-22-002.log.gz'])
  expect(unzipped('2026/Nov/dogwatch-22-002.log.gz')).toBe('line 3 of 4\n')
  expect(current()).toBe('line 4 of 4\n')
})

test('days beyond the bound are removed with their empty folders; other files there stay', async () => {
  for (const [folder, name] of [
    ['2025/Dec', 'dogwatch-31.log.gz'],
    ['2026/Nov', 'dogwatch-02.log.gz'],
    ['2026/Nov', 'dogwatch-20.log.gz'],
    ['2026/Nov', 'notes.txt'],
  ] as const) {
    mkdirSync(aside(folder), { recursive: true })
    writeFileSync(aside(join(folder, name)), '')
  }
  const file = new LogFile(home, { now: () => noon(22), daysMax: 10 })
  await file.tidied()
  await file.close()
  expect(asideNames()).toEqual(['2026/Nov/dogwatch-20.log.gz', '2026/Nov/notes.txt'])
  expect(readdirSync(aside(''))).toEqual(['2026'])
})

test('what a killed manager left is finished at the next start: its day is put aside, the half-compressed file done anew', async () => {
  mkdirSync(aside('2026/Nov'), { recursive: true })
  writeFileSync(aside('2026/Nov/dogwatch-20.log'), 'whole\n')
  writeFileSync(aside('2026/Nov/dogwatch-20.log.gz.tmp'), 'half')
  writeFileSync(join(home, 'logs/dogwatch.log'), 'yesterday\n')
  utimesSync(join(home, 'logs/dogwatch.log'), noon(21) / 1000, noon(21) / 1000)
  const file = new LogFile(home, { now: () => noon(22) })
  file.write('today\n')
  await file.tidied()
  await file.close()
  expect(asideNames()).toEqual(['2026/Nov/dogwatch-20.log.gz', '2026/Nov/dogwatch-21.log.gz'])
  expect(unzipped('2026/Nov/dogwatch-20.log.gz')).toBe('whole\n')
  expect(unzipped('2026/Nov/dogwatch-21.log.gz')).toBe('yesterday\n')
  expect(current()).toBe('today\n')
})

test('a full disk holds lines back up to the bound, ends nothing, and the file says what is missing', async () => {
  let isFull = true
  const file = new LogFile(home, {
    now: () => noon(22),
    pendingMax: 20,
    writev(fd, buffers) {
      if (isFull) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
      return writevSync(fd, [...buffers])
    },
  })
  for (let n = 1; n <= 5; n += 1) file.write(`line ${n}..\n`)
  await new Promise((resolve) => setImmediate(resolve))
  expect(current()).toBe('')
  isFull = false
  await new Promise((resolve) => setImmediate(resolve))
  file.write('x\n')
  await new Promise((resolve) => setImmediate(resolve))
  file.write('back\n')
  await file.close()
  const [one, two, missing, ...more] = current().split('\n')
  expect([one, two, ...more]).toEqual(['line 1..', 'line 2..', 'x', 'back', ''])
  expect(JSON.parse(missing ?? '')).toMatchObject({ level: 40, lines: 3 })
})
