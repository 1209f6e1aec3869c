import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writevSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AlertFiles, type FileLines, type FilesState } from './alert-files.ts'
import { dayBefore, dayOfLine, dayParts, localDay, nextDayStartMs } from './day.ts'
import { type FileKind, fileKinds } from './file-kind.ts'
import { LineFile } from './line-file.ts'
import { sealDay } from './seal.ts'
import { sealInBackground } from './seal-in-background.ts'
import { jsonLinesAfter, lastJsonNumber, lastTextNumber, numberOfJsonLine, textAlertsAfter } from './tail.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dogwatch-outputs-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const noonMs = new Date(2026, 10, 22, 12).getTime()
const nextNoonMs = new Date(2026, 10, 23, 12).getTime()

/** What a correlator would write for one event. */
function linesOf(n: number, timeMs: number): Record<FileKind, Buffer> {
  const id = `${Math.floor(timeMs / 1000)}.${n}`
  const json = Buffer.from(
    `{"timestamp":"x","rule":{"id":"5${n}"},"agent":{"id":"000"},"id":"${id}","full_log":"event ${n}"}\n`,
  )
  const text = Buffer.from(
    `** Alert ${id}: - syslog,\n2026 Nov 22 12:00:00 host->k8s\nRule: 5 (level 3) -> 'x'\nevent ${n}\n\n`,
  )
  return {
    alertsJson: json,
    alertsText: text,
    archivesJson: json,
    archivesText: Buffer.from(`2026 Nov 22 host->k8s event ${n}\n`),
  }
}

const paths: Record<FileKind, string> = {
  alertsJson: 'alerts/alerts.json',
  alertsText: 'alerts/alerts.log',
  archivesJson: 'archives/archives.json',
  archivesText: 'archives/archives.log',
}
const read = (kind: FileKind): string => readFileSync(join(folder, paths[kind]), 'latin1')
const open = (state: FilesState | null, kinds: readonly FileKind[] = fileKinds): AlertFiles =>
  new AlertFiles({ logsFolder: folder, kinds, state })

function writeEvents(files: AlertFiles, from: number, to: number, timeMs = noonMs): void {
  for (let n = from; n <= to; n += 1) files.write(timeMs, linesOf(n, timeMs))
  expect(files.flush()).toBeNull()
}

describe('days', () => {
  test.each([
    ['the day of a noon', noonMs, '2026-11-22'],
    ['the last ms of a day', new Date(2026, 10, 23).getTime() - 1, '2026-11-22'],
    ['midnight itself', new Date(2026, 10, 23).getTime(), '2026-11-23'],
  ])('%s', (_says, timeMs, day) => {
    expect(localDay(timeMs)).toBe(day)
    expect(localDay(nextDayStartMs(timeMs) - 1)).toBe(day)
    expect(localDay(nextDayStartMs(timeMs))).not.toBe(day)
  })
  test('a day is filed under year and month', () =>
    expect(dayParts('2026-03-05')).toEqual({ folder: '2026/Mar', dayOfMonth: '05' }))
  test('the day before the first of March', () => expect(dayBefore('2024-03-01')).toBe('2024-02-29'))
  test.each([
    ['a JSON line', '{"timestamp":"2026-11-22T01:02:03.004+0000","rule"', '2026-11-22'],
    ['a text alert, second line', '** Alert 1.2: - x,\n2026 Nov 02 01:02:03 h->k8s\n', '2026-11-02'],
    ['an archive line', '2026 Jan 31 01:02:03 h->k8s text', '2026-01-31'],
    ['something else', 'hello', null],
  ])('of %s', (_says, line, day) => expect(dayOfLine(line)).toBe(day))
})

describe('a line file', () => {
  test('continues a half-written buffer where the disk stopped, in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 40 }), { maxLength: 30 }),
        fc.array(fc.integer({ min: -1, max: 50 }), { maxLength: 40 }),
        (texts, takes) => {
          const path = join(folder, 'lines')
          rmSync(path, { force: true })
          const plan = [...takes]
          const file = new LineFile(path, (fd, buffers) => {
            const take = plan.shift() ?? 1 << 20
            if (take < 0) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
            return writevSync(fd, [Buffer.concat(buffers).subarray(0, take)])
          })
          const whole = texts.map((text) => `${text.replaceAll('\n', ' ')}\n`)
          for (const line of whole) file.append(Buffer.from(line))
          for (let tries = 0; tries < 100 && file.flush(); tries += 1);
          expect(readFileSync(path, 'utf8')).toBe(whole.join(''))
          expect(file.pendingBytes).toBe(0)
          file.close()
        },
      ),
      { numRuns: 60 },
    )
  })

  test('says which file and why, and keeps the bytes', () => {
    const file = new LineFile(join(folder, 'full'), () => {
      throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
    })
    file.append(Buffer.from('a\n'))
    expect(file.flush()).toMatchObject({ code: 'ENOSPC', path: join(folder, 'full') })
    expect(file.pendingBytes).toBe(2)
  })

  test('what a full disk did not take is kept, though the caller uses its buffers again', () => {
    let isFull = true
    const files = new AlertFiles({
      logsFolder: folder,
      kinds: ['alertsJson', 'archivesJson'],
      state: null,
      writev: (fd, buffers) => {
        if (isFull) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
        return writevSync(fd, [...buffers])
      },
    })
    const lent = { alertsJson: Buffer.from('{"id":"1.1"}\n'), archivesJson: Buffer.from('{"id":"1.1","all":1}\n') }
    files.write(noonMs, lent)
    expect(files.flush()?.code).toBe('ENOSPC')
    for (const bytes of Object.values(lent)) bytes.fill(0)
    isFull = false
    expect(files.flush()).toBeNull()
    expect(readFileSync(join(folder, 'alerts/alerts.json'), 'utf8')).toBe('{"id":"1.1"}\n')
    expect(readFileSync(join(folder, 'archives/archives.json'), 'utf8')).toBe('{"id":"1.1","all":1}\n')
    files.close()
  })

  test('writes more buffers than one system call takes', () => {
    const file = new LineFile(join(folder, 'many'))
    for (let n = 0; n < 3000; n += 1) file.append(Buffer.from(`${n}\n`))
    expect(file.flush()).toBeNull()
    expect(readFileSync(join(folder, 'many'), 'utf8').split('\n')).toHaveLength(3001)
  })

  test.each([
    ['nothing of a whole line', 'one\n', '\n', ''],
    ['the half line', 'one\ntw', '\n', 'tw'],
    ['all of a file without a newline', 'tw', '\n', 'tw'],
    ['a half alert behind an empty line', 'a\n\nb\n', '\n\n', 'b\n'],
    ['nothing of an empty file', '', '\n', ''],
  ])('shows %s at its end', (_says, text, separator, torn) => {
    appendFileSync(join(folder, 'torn'), text)
    expect(new LineFile(join(folder, 'torn')).tornEnd(separator).toString()).toBe(torn)
  })
})

describe('the last event number of a file', () => {
  const at = (text: string): string => {
    const path = join(folder, 'tail')
    rmSync(path, { force: true })
    appendFileSync(path, text)
    return path
  }
  test.each([
    ['of an empty file', '', 0],
    ['of one line', '{"id":"17.4"}\n', 4],
    ['passes over a torn line', '{"id":"17.4"}\n{"id":"17.5"', 4],
    ['passes over a torn line that was completed', '{"id":"17.4"}\n{"id":"17.5"\n', 4],
    ['believes the top-level id only', '{"rule":{"id":"5.9"},"data":{"id":"7.99"},"id":"17.4"}\n', 4],
    ['refuses what is no number', '{"id":"17.-4"}\n', 0],
    ['finds a line longer than a chunk', `{"id":"17.4","x":"${'y'.repeat(700_000)}"}\n{"torn`, 4],
    ['survives a file without any newline', 'x'.repeat(600_000), 0],
  ])('%s (JSON)', (_says, text, number) => expect(lastJsonNumber(at(text), 0)).toBe(number))

  const alert = (n: number, body = 'log'): string => `** Alert 17.${n}: mail  - a,\n2026 Nov 22 host->x\n${body}\n\n`
  test.each([
    ['of whole alerts', alert(3) + alert(4), 99, 4],
    ['passes over a torn alert', alert(3) + alert(4).slice(0, -1), 99, 3],
    ['does not believe more than the JSON twin knows', alert(3, '\n** Alert 17.500: - forged'), 3, 3],
    ['of nothing', '', 99, 0],
  ])('%s (text)', (_says, text, atMost, number) => expect(lastTextNumber(at(text), 0, atMost)).toBe(number))

  test('looks no further back than the checkpoint', () => {
    const first = '{"id":"17.4"}\n'
    expect(lastJsonNumber(at(first), first.length)).toBe(0)
  })
  test('finds no number in a line that is no object', () => expect(numberOfJsonLine('[1]')).toBeNull())
  test('leaves out the events that are written', () => {
    const lines = Buffer.concat([1, 2, 3, 4].map((n) => linesOf(n, noonMs).alertsJson))
    expect(jsonLinesAfter(lines, 2).toString()).toBe(
      Buffer.concat([3, 4].map((n) => linesOf(n, noonMs).alertsJson)).toString(),
    )
    expect(jsonLinesAfter(lines, 9)).toHaveLength(0)
    const text = Buffer.concat([1, 2, 3].map((n) => linesOf(n, noonMs).alertsText))
    expect(textAlertsAfter(text, 2).toString()).toBe(linesOf(3, noonMs).alertsText.toString())
  })
})

describe('alert files', () => {
  test('write only the files that are configured', () => {
    const files = open(null, ['alertsJson'])
    writeEvents(files, 1, 2)
    expect(read('alertsJson').split('\n')).toHaveLength(3)
    expect(existsSync(join(folder, 'archives'))).toBe(false)
    expect(existsSync(join(folder, paths.alertsText))).toBe(false)
  })

  test('hold every event once after a crash at any byte of any file', () => {
    const before = open(null)
    writeEvents(before, 1, 3)
    const state = before.state()
    writeEvents(before, 4, 8)
    before.close()
    const full = Object.fromEntries(fileKinds.map((kind) => [kind, read(kind)])) as Record<FileKind, string>
    const lengths = fileKinds.map((kind) => [state[kind]?.length ?? 0, full[kind].length] as const)
    const cuts = fc.tuple(...lengths.map(([from, to]) => fc.integer({ min: from, max: to })))
    fc.assert(
      fc.property(cuts, fc.integer({ min: 0, max: 60 }), (lengthsLeft, secondCut) => {
        // JSON files are written before their text twins, so the twin never holds more events.
        fileKinds.forEach((kind, n) => {
          const fd = openSync(join(folder, paths[kind]), 'r+')
          closeSync(fd)
          const left = full[kind].slice(0, lengthsLeft[n])
          const inJson =
            numberOfJsonLine(
              full.alertsJson.slice(0, lengthsLeft[0]).split('\n').filter(numberOfJsonLine).at(-1) ?? '',
            ) ?? 0
          const end = kind === 'alertsText' ? left.indexOf(`** Alert ${Math.floor(noonMs / 1000)}.${inJson + 1}:`) : -1
          execTruncate(join(folder, paths[kind]), end < 0 ? left : left.slice(0, end))
        })
        let files = open(state)
        writeEvents(files, 4, 5)
        files.close()
        // A second crash, before any checkpoint.
        for (const kind of fileKinds) {
          const now = read(kind)
          execTruncate(
            join(folder, paths[kind]),
            now.slice(0, Math.max(state[kind]?.length ?? 0, now.length - secondCut)),
          )
        }
        files = open(state)
        writeEvents(files, 4, 10)
        files.close()
        const expected = Array.from({ length: 10 }, (_, n) => n + 1)
        for (const kind of ['alertsJson', 'archivesJson'] as const) {
          expect(
            read(kind)
              .split('\n')
              .map(numberOfJsonLine)
              .filter((n) => n !== null),
          ).toEqual(expected)
        }
        for (const n of expected) {
          const whole = linesOf(n, noonMs)
          expect(read('alertsText').split(whole.alertsText.toString('latin1')).length).toBe(2)
          expect(
            read('archivesText')
              .split('\n')
              .filter((line) => `${line}\n` === whole.archivesText.toString()).length,
          ).toBe(1)
        }
      }),
      { numRuns: 150 },
    )
  })

  test('start a new day at local midnight and leave a tailer its file', () => {
    const files = open(null)
    writeEvents(files, 1, 2)
    const tailer = openSync(join(folder, paths.alertsJson), 'r')
    expect(files.needsRotation(new Date(2026, 10, 23).getTime() - 1)).toBe(false)
    expect(files.needsRotation(nextNoonMs)).toBe(true)
    files.rotate(nextNoonMs)
    expect(read('alertsJson')).toBe('')
    writeEvents(files, 3, 3, nextNoonMs)
    const seen = Buffer.alloc(1000)
    expect(seen.latin1Slice(0, readSync(tailer, seen, 0, 1000, 0)).split('\n')).toHaveLength(3)
    closeSync(tailer)
    expect(read('alertsJson')).toContain('.3"')
    expect(files.finishedDays().map(({ path }) => path.slice(folder.length + 1))).toEqual([
      'alerts/2026/Nov/ossec-alerts-22.json',
      'alerts/2026/Nov/ossec-alerts-22.log',
      'archives/2026/Nov/ossec-archive-22.json',
      'archives/2026/Nov/ossec-archive-22.log',
    ])
    expect(files.needsRotation(noonMs)).toBe(false)
  })

  test('go back a day only when the clock was wrong, and then overwrite nothing', () => {
    const files = open(null, ['alertsJson'])
    writeEvents(files, 1, 1, noonMs)
    const farMs = new Date(2038, 0, 5).getTime()
    files.rotate(farMs)
    writeEvents(files, 2, 2, farMs)
    expect(files.needsRotation(noonMs)).toBe(true)
    files.rotate(noonMs)
    writeEvents(files, 3, 3, noonMs)
    files.rotate(nextNoonMs)
    expect(files.finishedDays().map(({ path }) => path.slice(folder.length + 1))).toEqual([
      'alerts/2026/Nov/ossec-alerts-22-001.json',
      'alerts/2026/Nov/ossec-alerts-22.json',
      'alerts/2038/Jan/ossec-alerts-05.json',
    ])
  })

  test.each([
    ['before any file is renamed', 0],
    ['after the first rename', 1],
    ['after all renames', 4],
  ])('a rotation killed %s is finished by the next start', (_says, renamed) => {
    const files = open(null)
    writeEvents(files, 1, 2)
    const state = files.state()
    writeEvents(files, 3, 4)
    files.rotate(nextNoonMs)
    files.close()
    // Undo the renames that the kill prevented.
    const done = files.finishedDays()
    fileKinds.slice(renamed).forEach((kind) => {
      const day = done.find((each) => each.kind === kind)
      if (day) renameSync(day.path, join(folder, paths[kind]))
    })
    const again = open(state)
    // The checkpoint stands before 3: the events come again.
    writeEvents(again, 3, 4)
    if (again.needsRotation(nextNoonMs)) again.rotate(nextNoonMs)
    again.write(nextNoonMs, linesOf(5, nextNoonMs))
    again.flush()
    const history = again.finishedDays()
    expect(history).toHaveLength(4)
    for (const { kind, path } of history) {
      const whole: FileLines[] = [1, 2, 3, 4].map((n) => linesOf(n, noonMs))
      expect(readFileSync(path, 'latin1')).toBe(whole.map((lines) => lines[kind]?.toString('latin1')).join(''))
      expect(read(kind)).toBe(linesOf(5, nextNoonMs)[kind].toString('latin1'))
    }
  })

  test('a current file whose checkpoint is lost tells its day itself', () => {
    const files = open(null, ['archivesText'])
    files.write(noonMs, { archivesText: Buffer.from('2026 Nov 22 12:00:00 host->k8s x\n') })
    files.flush()
    files.close()
    const again = open(null, ['archivesText'])
    expect(again.needsRotation(noonMs)).toBe(false)
    expect(again.needsRotation(nextNoonMs)).toBe(true)
  })

  test('without a checkpoint nothing is taken for written', () => {
    appendFileSync(join(folder, 'x'), '')
    writeEvents(open(null, ['alertsJson']), 1, 5)
    writeEvents(open(null, ['alertsJson']), 1, 1)
    expect(read('alertsJson').trimEnd().split('\n')).toHaveLength(6)
  })
})

/** Replaces the bytes of a file, keeping its inode as a crash does. */
function execTruncate(path: string, text: string): void {
  const fd = openSync(path, 'r+')
  closeSync(fd)
  execFileSync('truncate', ['-s', '0', path])
  appendFileSync(path, text, 'latin1')
}

describe('putting a day away', () => {
  async function aDay(files: AlertFiles, day: number): Promise<void> {
    const timeMs = new Date(2026, 10, day, 12).getTime()
    if (files.needsRotation(timeMs)) files.rotate(timeMs)
    writeEvents(files, day, day, timeMs)
  }

  test('compresses, sums and chains, then removes the plain file', async () => {
    const files = open(null, ['alertsJson'])
    for (const day of [20, 22, 23]) await aDay(files, day)
    const result = await sealInBackground(folder, files.finishedDays())
    expect(result.failed).toEqual([])
    const base = join(folder, 'alerts/2026/Nov/ossec-alerts-22.json')
    const plain = gunzipSync(readFileSync(`${base}.gz`))
    expect(plain.toString()).toContain('"event 22"')
    expect(existsSync(base)).toBe(false)
    const sum = Object.fromEntries(
      readFileSync(`${base}.sum`, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => line.split(' ')),
    )
    const previous = readFileSync(join(folder, 'alerts/2026/Nov/ossec-alerts-20.json.sum'))
    expect(sum).toMatchObject({
      file: 'ossec-alerts-22.json',
      bytes: String(plain.length),
      md5: createHash('md5').update(plain).digest('hex'),
      sha1: createHash('sha1').update(plain).digest('hex'),
      sha256: createHash('sha256').update(plain).digest('hex'),
      previous: '2026/Nov/ossec-alerts-20.json.sum',
      'previous-sha256': createHash('sha256').update(previous).digest('hex'),
    })
    expect(files.finishedDays()).toEqual([])
  })

  test('starts over what a kill left half done', async () => {
    const files = open(null, ['alertsJson'])
    for (const day of [22, 23]) await aDay(files, day)
    const [day] = files.finishedDays()
    if (!day) throw new Error('no finished day')
    appendFileSync(`${day.path}.gz.tmp`, 'half')
    appendFileSync(`${day.path}.gz`, 'half')
    appendFileSync(`${day.path}.sum.tmp`, 'half')
    await sealDay(folder, day)
    expect(gunzipSync(readFileSync(`${day.path}.gz`)).toString()).toContain('"event 22"')
    expect(existsSync(`${day.path}.gz.tmp`)).toBe(false)
    expect(existsSync(`${day.path}.sum.tmp`)).toBe(false)
  })

  test('names the day that could not be put away', async () => {
    const path = join(folder, 'gone.json')
    const result = await sealInBackground(folder, [{ kind: 'alertsJson', day: '2026-11-22', path }])
    expect(result.failed).toMatchObject([{ path }])
  })
})

describe('a half-written line', () => {
  test.each([
    ['is completed by its own rest', '{"timestamp":"x","ru', (whole: string) => whole],
    ['gets a newline when something else comes', '{"other":1', (whole: string) => `{"other":1\n${whole}`],
    [
      'that lacks only its newline is whole',
      linesOf(1, noonMs).alertsJson.toString().trimEnd(),
      (whole: string) => whole,
    ],
  ])('%s', (_says, torn, expected) => {
    const first = open(null, ['alertsJson'])
    const state = first.state()
    first.close()
    appendFileSync(join(folder, paths.alertsJson), torn)
    const files = open(state, ['alertsJson'])
    expect(files.tornLines).toBe(1)
    writeEvents(files, 1, 2)
    expect(read('alertsJson')).toBe(expected(linesOf(1, noonMs).alertsJson.toString()) + linesOf(2, noonMs).alertsJson)
  })
})
