import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Correlator, type EventInput, MatchWriter, OutputBuffers } from '@dogwatch/engine'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AnalyzeError, type AnalyzeOptions, runAnalyze } from './analyze.ts'
import { CheckpointError, readCheckpoint, writeCheckpoint } from './checkpoint.ts'
import { DuplicateLog } from './duplicate-log.ts'
import { DuplicateWindow } from './duplicates.ts'
import { compile, type EngineSettings } from './engine-parts.ts'
import { openLines } from './file-lines.ts'
import { type Deadline, GuardedMatcher } from './guarded-matcher.ts'
import { ownEventBody } from './own-event.ts'
import { Quarantine } from './quarantine.ts'
import { Reorder } from './reorder.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dogwatch-pipeline-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('the duplicate window', () => {
  test('answers as a map of first sightings does, whatever comes in whatever order of time', () => {
    const step = fc.record({ key: fc.integer({ min: 1, max: 40 }), ahead: fc.integer({ min: 0, max: 400 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const window = new DuplicateWindow()
        const model = new Map<number, number>()
        let seconds = 1_700_000_000
        for (const { key, ahead } of steps) {
          seconds += ahead > 350 ? ahead * 10 : ahead > 300 ? ahead : 1
          const first = model.get(key)
          const expected = first !== undefined && seconds - first <= 600
          if (!expected) model.set(key, seconds)
          expect(window.seen(key, key * 7, 3, seconds)).toBe(expected)
        }
      }),
    )
  })

  test('tells thousands of items apart while it grows, and gives memory back when they are over', () => {
    const window = new DuplicateWindow()
    const word = (n: number): number => Math.imul(n, 2654435761) >>> 0
    for (let n = 1; n <= 50_000; n += 1) expect(window.seen(word(n), n, 0, 1000 + (n >> 10))).toBe(false)
    for (let n = 1; n <= 50_000; n += 997) expect(window.seen(word(n), n, 0, 1100)).toBe(true)
    const full = window.size.bytes
    for (let n = 1; n <= 5_000; n += 1) window.seen(word(n), n, 1, 9000 + n)
    expect(window.size.bytes).toBeLessThan(full / 4)
  })

  test('stays within its bound, forgets the oldest, and counts them', () => {
    const window = new DuplicateWindow({ slotsMax: 1024 })
    for (let n = 1; n <= 5000; n += 1) window.seen(Math.imul(n, 2654435761) >>> 0, n, 0, 1000 + Math.floor(n / 20))
    expect(window.size.bytes).toBe(1024 * 14)
    expect(window.counters.forgottenEarly).toBeGreaterThan(0)
    expect(window.seen(Math.imul(4999, 2654435761) >>> 0, 4999, 0, 1250)).toBe(true)
  })

  test('a day of one item a minute is not mistaken for a repetition when the stamps wrap', () => {
    const window = new DuplicateWindow()
    for (let minute = 0; minute < 3000; minute += 1) {
      expect(window.seen(minute % 700, 5, 5, 1_000_000 + minute * 60)).toBe(false)
    }
  })

  test('comes back from its log as it was at the checkpoint', () => {
    const before = new DuplicateWindow({ keepsLog: true })
    const log = new DuplicateLog(folder, 600, [])
    before.seen(1, 1, 1, 1000)
    log.append(before.newEntries(), 1000)
    before.seen(2, 2, 2, 1001)
    const files = [...log.append(before.newEntries(), 1001)]
    before.seen(3, 3, 3, 1002)
    log.append(before.newEntries(), 1002) // its checkpoint never came to be
    const after = new DuplicateWindow()
    for (const entries of new DuplicateLog(folder, 600, files).entries()) after.remember(entries, 1002)
    expect([1, 2, 3].map((n) => after.seen(n, n, n, 1003))).toEqual([true, true, false])
  })

  test('files whose entries are over are deleted after the checkpoint', () => {
    const window = new DuplicateWindow({ keepsLog: true })
    const log = new DuplicateLog(folder, 600, [])
    for (let n = 0; n < 70_000; n += 1) window.seen(n, n, n, 1000)
    log.append(window.newEntries(), 1000)
    window.seen(1, 2, 3, 5000)
    const files = log.append(window.newEntries(), 5000)
    expect(files.map(({ number }) => number)).toEqual([2])
    log.sweep()
    expect(existsSync(join(folder, 'duplicates-1.bin'))).toBe(false)
  })
})

describe('reordering', () => {
  test('gives parts in job order, however the jobs come', () => {
    const jobs = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(jobs, fc.infiniteStream(fc.nat()), (parts, choices) => {
        const reorder = new Reorder<{ job: number; isLast: boolean; part: number }>(parts.length)
        const left = parts.map((count, job) => ({ job, count, sent: 0 }))
        const taken: string[] = []
        while (left.length > 0) {
          const one = left[(choices.next().value ?? 0) % left.length]
          if (!one) break
          reorder.put({ job: one.job, part: one.sent, isLast: one.sent === one.count - 1 })
          one.sent += 1
          if (one.sent === one.count) left.splice(left.indexOf(one), 1)
          for (let part = reorder.take(); part; part = reorder.take()) taken.push(`${part.job}.${part.part}`)
        }
        expect(taken).toEqual(
          parts.flatMap((count, job) => Array.from({ length: count }, (_, part) => `${job}.${part}`)),
        )
        expect(reorder.waitingParts).toBe(0)
      }),
    )
  })

  test.each([
    ['from behind', -1],
    ['from beyond the bound', 4],
  ])('a part %s is a bug', (_says, job) => {
    expect(() => new Reorder(4).put({ job, isLast: true })).toThrow(/may be out/)
  })
})

describe('the checkpoint', () => {
  const some = {
    position: 7,
    nextNumber: 41,
    files: { alertsJson: { day: '2026-11-22', inode: 5, length: 9 } },
    duplicates: [],
    timeMs: 1,
  }
  test('comes back with the state it names', () => {
    writeCheckpoint(folder, some, Buffer.from('state'))
    writeCheckpoint(folder, { ...some, nextNumber: 50 }, Buffer.from('later'))
    const found = readCheckpoint(folder)
    expect(found?.checkpoint).toMatchObject({ ...some, nextNumber: 50 })
    expect(Buffer.from(found?.state ?? []).toString()).toBe('later')
    expect(existsSync(join(folder, 'correlator-41.state'))).toBe(false)
  })
  test('there is none at first', () => expect(readCheckpoint(join(folder, 'new'))).toBeNull())
  test.each([
    ['is not JSON', 'x'],
    ['is of a later version', '{"version":99}'],
    ['lacks its position', '{"version":1,"nextNumber":1,"timeMs":1,"stateFile":null,"files":{}}'],
    [
      'names a state outside its folder',
      '{"version":1,"position":1,"nextNumber":1,"timeMs":1,"stateFile":"../x","files":{}}',
    ],
    [
      'has a file without length',
      '{"version":1,"position":1,"nextNumber":1,"timeMs":1,"stateFile":null,"files":{"alertsJson":{}}}',
    ],
  ])('that %s is refused, with the place', (_says, text) => {
    writeFileSync(join(folder, 'checkpoint.json'), text)
    expect(() => readCheckpoint(folder)).toThrow(CheckpointError)
    expect(() => readCheckpoint(folder)).toThrow(join(folder, 'checkpoint.json'))
  })
})

describe('quarantine', () => {
  const item = {
    timeMs: 0,
    reason: 'truncated',
    detail: 'd',
    input: 'webhook',
    source: 'c',
    record: 3,
    offset: 1,
    length: 2,
    sample: Buffer.from([255, 0]),
  }
  test('keeps the bytes, for its owner only', () => {
    new Quarantine(join(folder, 'q')).put([item])
    const path = join(folder, 'q/items.jsonl')
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ reason: 'truncated', record: 3, bytes: '/wA=' })
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })
  test('is bounded', () => {
    const quarantine = new Quarantine(folder, 1000)
    for (let n = 0; n < 50; n += 1) quarantine.put([item])
    expect(
      statSync(join(folder, 'items.jsonl')).size + statSync(join(folder, 'items.1.jsonl')).size,
    ).toBeLessThanOrEqual(2000)
    expect(quarantine.counts.get('truncated')).toBe(50)
  })
  test('counts what it could not write and goes on', () => {
    writeFileSync(join(folder, 'file'), '')
    const quarantine = new Quarantine(join(folder, 'file'))
    quarantine.put([item])
    expect(quarantine.unwritten).toBe(1)
  })
})

describe('lines of a file', () => {
  test('come whole and all, at any size of piece', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 30 })),
        fc.boolean(),
        fc.integer({ min: 1, max: 70 }),
        (texts, ends, piece) => {
          const text = texts.map((each) => each.replaceAll('\n', ' ')).join('\n') + (ends ? '\n' : '')
          writeFileSync(join(folder, 'in'), text)
          const reader = openLines(join(folder, 'in'), piece, { lent: piece % 2 })
          const pieces: string[] = []
          for (let bytes = reader.next(); bytes; bytes = reader.next())
            pieces.push(Buffer.from(bytes).toString('latin1'))
          reader.close()
          expect(pieces.join('')).toBe(Buffer.from(text).toString('latin1'))
          expect(pieces.slice(0, -1).every((each) => each.endsWith('\n'))).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })
  test('a line beyond the bound is passed over and counted', () => {
    writeFileSync(join(folder, 'in'), `a\n${'x'.repeat(500)}\nb\n`)
    const reader = openLines(join(folder, 'in'), 16, { lineBytesMax: 100 })
    const pieces: string[] = []
    for (let bytes = reader.next(); bytes; bytes = reader.next()) pieces.push(Buffer.from(bytes).toString())
    expect(pieces.join('')).toBe('a\nb\n')
    expect(reader.longLines).toBe(1)
  })
})

const settings: EngineSettings = {
  managerName: 'manager',
  outputs: { alertsJson: true, alertsText: false, archivesJson: true, archivesText: false },
  logAlertLevel: 3,
  mailAlertLevel: 12,
}
const decoderText =
  '<decoder name="json">\n<prematch>^{</prematch>\n<plugin_decoder>JSON_Decoder</plugin_decoder>\n</decoder>\n'
const rootText = '<rule id="1" level="0" noalert="1"><category>syslog</category><description>root</description></rule>'
const ruleText = (more = ''): string =>
  `<group name="test,">\n${rootText}\n<rule id="200001" level="5"><if_sid>1</if_sid><match>bad</match><description>it is bad</description></rule>
<rule id="200002" level="7" frequency="3" timeframe="60"><if_matched_sid>200001</if_matched_sid><description>often bad</description></rule>\n${more}</group>\n`

describe('matching under a watchdog', () => {
  const sources = {
    decoders: [{ path: 'd.xml', text: decoderText }],
    rules: [{ path: 'r.xml', text: ruleText() }],
    lists: [],
  }
  const inputs: EventInput[] = Array.from({ length: 100 }, (_, n) => ({
    queue: 49,
    location: 'x',
    body: n % 3 ? `good ${n}` : `bad ${n}`,
    timeMs: n,
  }))
  const ruleset = compile(sources, settings).ruleset
  if (!ruleset) throw new Error('the test ruleset does not compile')
  const bytes = (writer: MatchWriter): string => {
    const { words, wordCount, bytes: text, byteLength } = writer
    return `${writer.count}:${words.subarray(0, wordCount)}:${text.latin1Slice(0, byteLength)}`
  }
  const plain = new MatchWriter()
  new GuardedMatcher(ruleset, settings, () => new Map()).match(inputs, plain)

  test.each([
    ['before every other chunk', 0],
    ['never', 1000],
  ])('a deadline that strikes %s changes nothing', (_says, after) => {
    let strikes = 0
    const deadline: Deadline = (_ms, work) => {
      strikes += 1
      if (strikes % 2 === 1 && after === 0) return { done: false, running: null }
      return { done: true, value: work() }
    }
    const writer = new MatchWriter()
    expect(new GuardedMatcher(ruleset, settings, () => new Map(), deadline).match(inputs, writer)).toEqual([])
    expect(bytes(writer)).toBe(bytes(plain))
  })

  test('a pattern that runs away is left out for that event alone: other rules still see it, its neighbours are as ever', () => {
    const slow =
      '<rule id="200009" level="9"><if_sid>1</if_sid><regex type="pcre2">^(a+)+\\1b$</regex><description>slow</description></rule>' +
      '<rule id="200010" level="8"><if_sid>1</if_sid><match>cb</match><description>other</description></rule>'
    const slowRules = compile({ ...sources, rules: [{ path: 'r.xml', text: ruleText(slow) }] }, settings).ruleset
    if (!slowRules) throw new Error('the slow ruleset does not compile')
    const hostile = { queue: 49, location: 'evil', body: `${'a'.repeat(60)}cb`, timeMs: 5 }
    const writer = new MatchWriter()
    const matcher = new GuardedMatcher(slowRules, settings, () => new Map())
    const runaways = matcher.match([...inputs.slice(0, 50), hostile, ...inputs.slice(50)], writer)
    expect(writer.count).toBe(101)
    expect(runaways).toMatchObject([
      { index: 50, location: 'evil', length: 62, pattern: '^(a+)+\\1b$', rules: [200009], decoders: [] },
    ])
    const outputs = new OutputBuffers()
    new Correlator(slowRules, settings).consume(writer.finish(), 0, outputs)
    expect(outputs.take().alerts.filter(({ number }) => number === 50)).toMatchObject([{ ruleId: 200010 }])
    const without = new MatchWriter()
    matcher.match([...inputs.slice(0, 50), ...inputs.slice(50)], without)
    expect(without.count).toBe(100)
  })
})

describe('offline analysis', () => {
  const layOut = (more = ''): string => {
    for (const each of ['decoders', 'rules']) mkdirSync(join(folder, 'ruleset', each), { recursive: true })
    writeFileSync(join(folder, 'ruleset/decoders/d.xml'), decoderText)
    writeFileSync(join(folder, 'ruleset/rules/r.xml'), ruleText(more))
    return join(folder, 'ruleset')
  }
  const analyze = (out: string, more: Partial<AnalyzeOptions> = {}) =>
    runAnalyze({
      ruleset: [layOut()],
      in: join(folder, 'in'),
      format: 'queue',
      out: join(folder, out),
      archives: true,
      threads: 1,
      managerName: 'manager',
      timeFromMs: 1_795_500_000_000,
      ...more,
    })
  const both = (out: string): string[] =>
    ['alerts.json', 'archives.json'].map((name) => readFileSync(join(folder, out, name), 'latin1'))

  test('gives the same bytes on one thread, on three, and again', async () => {
    for (let n = 0; n < 5000; n += 1)
      appendFileSync(join(folder, 'in'), `1:log:${n % 7 ? 'good' : 'bad'} \xff number ${n}\n`, 'latin1')
    const one = await analyze('one')
    await analyze('again')
    const three = await analyze('three', { threads: 3 })
    expect(one).toMatchObject({ events: 5000, alerts: 715, quarantined: 0 })
    expect(three).toMatchObject({ events: 5000, alerts: 715 })
    expect(both('again')).toEqual(both('one'))
    expect(both('three')).toEqual(both('one'))
    expect(both('one')[0]).toContain('"often bad"')
    expect(both('one')[1]).toContain('\xff number 4999')
  })

  test.each([
    ['plain lines, the last without newline', 'lines', 'bad one\n\nfine', 2, 0],
    ['messages, and what is none', 'queue', '1:x:bad\n1:nothing\nab\n', 1, 2],
    [
      'audit events, and what is none',
      'k8s',
      '{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"1","verb":"bad"}\n{"kind":"Pod"}\n[\n',
      1,
      2,
    ],
    ['nothing at all', 'queue', '', 0, 0],
  ] as const)('reads %s', async (_says, format, text, events, quarantined) => {
    writeFileSync(join(folder, 'in'), text)
    expect(await analyze('out', { format })).toMatchObject({ events, quarantined })
    expect(existsSync(join(folder, 'out/quarantine/items.jsonl'))).toBe(quarantined > 0)
  })

  test('an event beyond 1 MiB becomes one of ours that names it', async () => {
    writeFileSync(join(folder, 'in'), `1:x:${'y'.repeat(1_100_000)}\n1:x:bad\n`)
    expect(await analyze('out')).toMatchObject({ events: 2, oversize: 1 })
    expect(both('out')[1]?.split('\n')[0]).toContain('"event":"event_oversize"')
  })

  test('tells all errors of a ruleset and writes nothing', async () => {
    writeFileSync(join(folder, 'in'), '')
    const broken = join(folder, 'broken.xml')
    writeFileSync(broken, '<group name="x"><rule id="200003" level="99">')
    await expect(analyze('none', { ruleset: [broken] })).rejects.toBeInstanceOf(AnalyzeError)
    expect(existsSync(join(folder, 'none'))).toBe(false)
  })
})

test('an event of ours is ASCII, whatever it quotes', () => {
  const body = ownEventBody({
    event: 'pattern_runaway',
    pattern: 'ä\u2028',
    rules: [],
    decoders: [],
    location: 'x',
    length: 1,
  })
  expect(body).toMatch(/^[\x20-\x7e]+$/)
  expect(JSON.parse(body).dogwatch.pattern).toBe('ä\u2028')
})
