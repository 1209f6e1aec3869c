import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compilePcre2 } from '@dogwatch/pattern'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { makeAssembler, noDrops } from './assemble.ts'
import { LogCollector, pathsOf } from './collector.ts'
import { commandMessages, runCommand } from './command.ts'
import { eventLengthMax, type FileSource, type LogFormat, type LogSource } from './config.ts'
import { journalMessage } from './journal.ts'
import { compactJson, mergeLabels } from './json-line.ts'
import { fillTemplate, unknownTokens } from './out-format.ts'
import { strftime } from './strftime.ts'
import { Tail, type TailOptions } from './tail.ts'

const pattern = (text: string) => {
  const compiled = compilePcre2(text)
  if (compiled.pattern === undefined) throw new Error(compiled.error.message)
  return compiled.pattern
}
let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'dogwatch-logs-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const line: LogFormat = { kind: 'line' }
const pod = { pod: 'web', namespace: 'shop', container: 'nginx', containerId: 'c1' }

const regex = (match: 'start' | 'all' | 'end', text: string): LogFormat => ({
  kind: 'regex',
  pattern: pattern(text),
  match,
  joint: '\n',
  timeoutMs: 5000,
})
const assembling: [
  says: string,
  format: LogFormat,
  lines: readonly string[],
  events: readonly string[],
  flushed: readonly string[],
][] = [
  ['a line is an event', line, ['a', '', 'b'], ['a', 'b'], []],
  [
    'JSON is made compact and its numbers stay',
    { kind: 'json' },
    ['{ "a" : 12345678901234567890, "b c": "d  e" }'],
    ['{"a":12345678901234567890,"b c":"d  e"}'],
    [],
  ],
  ['what is no JSON object is dropped', { kind: 'json' }, ['{"a":', '[1]', 'text', '{"a":1} x'], [], []],
  [
    'audit records of one event are joined',
    { kind: 'audit' },
    ['type=A msg=audit(1.0:1): x', 'type=B msg=audit(1.0:1): y', 'type=A msg=audit(1.0:2): z'],
    ['type=A msg=audit(1.0:1): x type=B msg=audit(1.0:1): y'],
    ['type=A msg=audit(1.0:2): z'],
  ],
  ['so many lines are joined', { kind: 'lines', count: 3 }, ['1', '2', '3', '4'], ['1 2 3'], []],
  ['a pattern begins events', regex('start', '^\\['), ['[a', 'b', '[c'], ['[a\nb'], ['[c']],
  ['a pattern ends events', regex('end', ';$'), ['a', 'b;', 'c'], ['a\nb;'], ['c']],
  ['a pattern fits the whole', regex('all', '^<.*>$'), ['<a>', '<b>'], ['<a>', '<b>'], []],
  [
    'a container’s line says where it comes from',
    { kind: 'cri' },
    ['2026-01-02T03:04:05.6Z stdout F hello'],
    [
      '{"log":"hello","kubernetes":{"namespace":"shop","pod":{"name":"web"},"container":{"name":"nginx","id":"c1"},"stream":"stdout","time":"2026-01-02T03:04:05.6Z"}}',
    ],
    [],
  ],
  [
    'partial lines of two streams are joined',
    { kind: 'cri' },
    ['t stdout P a', 't stderr F b', 't stdout F c'],
    ['{"log":"b",', '{"log":"ac",'],
    [],
  ],
  [
    'a container’s JSON keeps its members',
    { kind: 'cri' },
    ['t stdout F {"level":"warn"}'],
    ['{"level":"warn","kubernetes":{'],
    [],
  ],
  [
    'a container does not say where it runs',
    { kind: 'cri' },
    ['t stdout F {"\\u006bubernetes":{"namespace":"kube-system"}}'],
    ['{"log":"{\\"\\\\u006bubernetes\\"'],
    [],
  ],
  ['what is not in the runtime’s format is dropped', { kind: 'cri' }, ['hello', '{"log":"docker"}'], [], []],
]
test.each(assembling)('%s', (_says, format, lines, events, flushed) => {
  const assembler = makeAssembler(format, [], noDrops(), pod)
  const made = lines.flatMap((text, at) => assembler.push(text, at))
  expect(made.map((event, at) => (format.kind === 'cri' ? event.slice(0, events[at]?.length) : event))).toEqual(events)
  expect(assembler.flush()).toEqual(flushed)
})

describe('labels', () => {
  const cases: [says: string, json: string, labels: readonly [string, string][], result: string][] = [
    ['are added at the end', '{"a":1.0}', [['b', 'c']], '{"a":1.0,"b":"c"}'],
    [
      'nest by dots',
      '{}',
      [
        ['a.b', 'c'],
        ['a.d', 'e'],
      ],
      '{"a":{"b":"c","d":"e"}}',
    ],
    ['merge into what is there', '{"a":{"x":1}}', [['a.b', 'c']], '{"a":{"x":1,"b":"c"}}'],
    ['are left out when they begin with _', '{"a":1}', [['_b', 'c']], '{"a":1}'],
    [
      'touch no prototype',
      '{"a":1}',
      [
        ['__proto__.x', 'c'],
        ['constructor.x', 'd'],
      ],
      '{"a":1,"constructor":{"x":"d"}}',
    ],
  ]
  test.each(cases)('%s', (_says, json, labels, result) =>
    expect(
      mergeLabels(
        json,
        labels.map(([key, value]) => ({ key, value })),
      ),
    ).toBe(result),
  )
})

test('a compact object means what the long one means', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 2, '\t'), (value, indent) => {
      const compact = compactJson(JSON.stringify(value, null, indent).replace(/\n/g, ' '))
      expect(compact).toBe(JSON.stringify(value))
    }),
  )
})

class Reading {
  readonly events: string[] = []
  readonly notices: string[] = []
  readonly drops = noDrops()
  readonly path = join(dir, 'x.log')
  clock = 0
  failure: Error | null = null
  make(format: LogFormat = line, over: Partial<TailOptions> = {}): Tail {
    return new Tail({
      path: this.path,
      assembler: makeAssembler(format, [], this.drops, null),
      drops: this.drops,
      emit: async (event) => {
        if (this.failure !== null) throw this.failure
        this.events.push(event)
      },
      notice: async (kind) => {
        this.notices.push(kind)
      },
      start: 'beginning',
      backMax: 0,
      now: () => this.clock,
      ...over,
    })
  }
}
async function drain(tail: Tail): Promise<void> {
  while (await tail.poll(3)) {
    // Until there is nothing more.
  }
}

describe('a followed file', () => {
  test('gives each line once, however the writer cuts them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'é', ' ', '\r'), maxLength: 20 }), { maxLength: 20 }),
        fc.array(fc.nat(400), { maxLength: 10 }),
        async (lines, cuts) => {
          const reading = new Reading()
          const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''))
          writeFileSync(reading.path, '')
          const tail = reading.make()
          let start = 0
          for (const cut of [...cuts.filter((at) => at < bytes.length), bytes.length].sort((a, b) => a - b)) {
            appendFileSync(reading.path, bytes.subarray(start, cut))
            start = cut
            await drain(tail)
          }
          tail.close()
          const wanted = lines
            .map((text) => Buffer.from(text.replace(/\r$/, '')).toString('latin1'))
            .filter((text) => text !== '')
          expect(reading.events).toEqual(wanted)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('goes on where it was kept, at any byte of its file', async () => {
    const reading = new Reading()
    const text = 'one\ntwo\nthree\n\nfive and more\n'
    for (let cut = 0; cut <= text.length; cut++) {
      reading.events.length = 0
      writeFileSync(reading.path, text.slice(0, cut))
      const first = reading.make()
      await drain(first)
      const position = first.position
      first.close()
      appendFileSync(reading.path, text.slice(cut))
      const second = reading.make(line, { start: position ?? 'beginning' })
      await drain(second)
      second.close()
      expect(reading.events).toEqual(['one', 'two', 'three', 'five and more'])
    }
  })

  const rotations: [says: string, rotate: (path: string) => void, notice: string][] = [
    [
      'renamed',
      (path) => {
        renameSync(path, `${path}.1`)
        appendFileSync(`${path}.1`, 'late\nunended')
        writeFileSync(path, 'new\n')
      },
      'rotated',
    ],
    [
      'copied and truncated',
      (path) => {
        appendFileSync(path, '')
        copyFileSync(path, `${path}.1`)
        truncateSync(path)
        appendFileSync(path, 'new\n')
      },
      'truncated',
    ],
    [
      'copied, truncated, and longer again than it was',
      (path) => {
        truncateSync(path)
        appendFileSync(path, `new\n${'x'.repeat(100)}\n`)
      },
      'truncated',
    ],
  ]
  test.each(rotations)('loses nothing when it is %s', async (says, rotate, notice) => {
    const reading = new Reading()
    writeFileSync(reading.path, 'old 1\nold 2\n')
    const tail = reading.make()
    await drain(tail)
    rotate(reading.path)
    await drain(tail)
    await drain(tail)
    expect(reading.events.slice(0, 2)).toEqual(['old 1', 'old 2'])
    expect(reading.events).toContain('new')
    if (says === 'renamed') expect(reading.events).toEqual(['old 1', 'old 2', 'late', 'unended', 'new'])
    expect(reading.notices).toEqual([notice])
    tail.close()
  })

  test('finds what it had not read in a file that was renamed while nobody watched', async () => {
    const reading = new Reading()
    writeFileSync(reading.path, 'one\n')
    const first = reading.make()
    await drain(first)
    const position = first.position
    first.close()
    appendFileSync(reading.path, 'two\n')
    renameSync(reading.path, `${reading.path}.1`)
    writeFileSync(reading.path, 'three\n')
    const second = reading.make(line, { start: position ?? 'beginning' })
    await drain(second)
    second.close()
    expect(reading.events).toEqual(['one', 'two', 'three'])
  })

  test('is read again from the last event that was kept', async () => {
    const reading = new Reading()
    writeFileSync(reading.path, 'a\nb\n')
    const tail = reading.make()
    reading.failure = new Error('the disk is full')
    await expect(drain(tail)).rejects.toThrow('disk is full')
    expect(tail.position?.offset).toBe(0)
    reading.failure = null
    await drain(tail)
    expect(reading.events).toEqual(['a', 'b'])
    tail.close()
  })

  test('holds its position at the first line of an event that is not complete', async () => {
    const reading = new Reading()
    writeFileSync(reading.path, 'x\nt stdout F a\nt stdout P b\nt stderr F c\n')
    const tail = reading.make({ kind: 'cri' })
    await drain(tail)
    expect(tail.position?.offset).toBe('x\nt stdout F a\n'.length)
    appendFileSync(reading.path, 't stdout F d\n')
    await drain(tail)
    expect(reading.events.map((event) => event.slice(0, 11))).toEqual(['{"log":"a",', '{"log":"c",', '{"log":"bd"'])
    tail.close()
  })

  test('lets a group go after its silence', async () => {
    const reading = new Reading()
    writeFileSync(reading.path, '[a\nb\n')
    const tail = reading.make(regex('start', '^\\['))
    await drain(tail)
    reading.clock = 4999
    await drain(tail)
    expect(reading.events).toEqual([])
    reading.clock = 5000
    await drain(tail)
    expect(reading.events).toEqual(['[a\nb'])
    tail.close()
  })

  test.each([-1, 0, 1, 70_000, 200_000])(
    'cuts a line at the bound and goes on behind it: %i bytes more',
    async (more) => {
      const reading = new Reading()
      writeFileSync(reading.path, `${'x'.repeat(eventLengthMax + more)}\nnext\n`)
      const tail = reading.make()
      await drain(tail)
      expect(reading.events.map(({ length }) => length)).toEqual([Math.min(eventLengthMax, eventLengthMax + more), 4])
      expect(reading.drops.tooLong).toBe(more > 0 ? 1 : 0)
      tail.close()
    },
  )

  test('drops lines with NUL bytes, counted', async () => {
    const reading = new Reading()
    writeFileSync(reading.path, 'a\0b\nc\n')
    const tail = reading.make()
    await drain(tail)
    expect([reading.events, reading.drops.binary]).toEqual([['c'], 1])
    tail.close()
  })

  test('begins at its end, or so many bytes before it, when that is wished', async () => {
    const reading = new Reading()
    writeFileSync(reading.path, 'first\nsecond\nthird\n')
    const end = reading.make(line, { start: 'end' })
    await drain(end)
    expect(reading.events).toEqual([])
    end.close()
    const back = reading.make(line, { backMax: 8 })
    await drain(back)
    expect(reading.events).toEqual(['third'])
    back.close()
  })
})

const source = (over: Partial<FileSource> = {}): FileSource => ({
  kind: 'file',
  location: join(dir, '*.log'),
  format: line,
  onlyFuture: false,
  backMax: 0,
  ageMaxS: null,
  exclude: [],
  ignoresBinaries: false,
  labels: [],
  outFormat: null,
  ignore: [],
  restrict: [],
  ...over,
})

test('paths follow wildcards, dates, and what is left out', () => {
  const time = new Date(2026, 0, 2)
  for (const name of ['a.log', 'b.log', 'b-2026-01-02.log', 'b-2026-01-01.log']) writeFileSync(join(dir, name), 'x')
  writeFileSync(join(dir, 'bin.log'), 'x\0')
  mkdirSync(join(dir, 'folder.log'))
  const names = (over: Partial<FileSource>) => pathsOf(source(over), time).map((path) => path.slice(dir.length + 1))
  expect(names({})).toEqual(['a.log', 'b-2026-01-01.log', 'b-2026-01-02.log', 'b.log', 'bin.log'])
  expect(names({ location: join(dir, 'b-%Y-%m-%d.log') })).toEqual(['b-2026-01-02.log'])
  expect(names({ exclude: [join(dir, 'b*')], ignoresBinaries: true })).toEqual(['a.log'])
  expect(names({ ageMaxS: 1, location: join(dir, '[ab].log') })).toEqual(['a.log', 'b.log'])
})

describe('the collector', () => {
  const sent: string[] = []
  let collector: LogCollector
  let failure: Error | null = null
  const start = (...sources: LogSource[]) => {
    collector = new LogCollector({
      sources,
      dir: join(dir, 'state'),
      pollMs: 5,
      globMs: 5,
      send: async (queue, location, message) => {
        if (failure !== null) throw failure
        sent.push(`${queue} ${location.replace(dir, '')} ${message.toString()}`)
      },
      tell: () => {},
    })
    collector.start()
  }
  const until = (text: string) => vi.waitFor(() => expect(sent).toContain(text), { timeout: 10_000, interval: 5 })
  beforeEach(() => {
    sent.length = 0
    failure = null
  })
  afterEach(() => collector.stop())

  test('goes on after a restart, with what was written meanwhile', async () => {
    writeFileSync(join(dir, 'a.log'), 'one\n')
    start(source())
    await until('1 /a.log one')
    await collector.stop()
    appendFileSync(join(dir, 'a.log'), 'twö\n')
    start(source())
    await until('1 /a.log twö')
    expect(sent).toEqual(['1 /a.log one', '1 /a.log twö'])
  })

  test('reads a file that appears later from its beginning, and of two names of one file only one', async () => {
    writeFileSync(join(dir, 'a.log'), 'old\n')
    start(source({ onlyFuture: true }), source({ location: join(dir, 'a*'), onlyFuture: true }))
    await vi.waitFor(() => expect(collector.files.length).toBe(1), { timeout: 5000 })
    await new Promise((resolve) => setTimeout(resolve, 30))
    writeFileSync(join(dir, 'b.log'), 'new\n')
    appendFileSync(join(dir, 'a.log'), 'more\n')
    await until('1 /b.log new')
    await until('1 /a.log more')
    expect(sent.length).toBe(2)
  })

  test('keeps what could not be sent for later', async () => {
    failure = new Error('full')
    writeFileSync(join(dir, 'a.log'), 'one\n')
    start(source())
    await new Promise((resolve) => setTimeout(resolve, 30))
    failure = null
    await until('1 /a.log one')
  })

  test('leaves lines out, and gives the rest another form', async () => {
    writeFileSync(join(dir, 'a.log'), 'keep "1"\nkeep not\nother\n')
    start(source({ ignore: [pattern('not')], restrict: [pattern('^keep')], outFormat: 'X $(json_escaped_log)$(none)' }))
    await until('1 /a.log X keep \\"1\\"')
    expect(sent.length).toBe(1)
    expect(collector.ignored).toBe(2)
  })

  test('names the pod of a container’s log', async () => {
    const name = `web_shop_nginx-${'0a'.repeat(32)}.log`
    writeFileSync(join(dir, name), 't stdout F hi\n')
    start(source({ format: { kind: 'cri' } }))
    await vi.waitFor(() => expect(sent.length).toBe(1), { timeout: 5000 })
    expect(JSON.parse(sent[0]?.replace(/^\S+ \S+ /, '') ?? '')).toMatchObject({
      log: 'hi',
      kubernetes: { namespace: 'shop', pod: { name: 'web' }, container: { name: 'nginx' } },
    })
  })

  test('runs commands', async () => {
    start({
      kind: 'command',
      command: 'echo a; echo b',
      alias: 'two',
      frequencyS: 60,
      isFull: false,
      labels: [],
      outFormat: null,
      ignore: [],
      restrict: [],
    })
    await until("1 two ossec: output: 'two': b")
  })
})

test('a command’s output is an event a line, or one', () => {
  expect(commandMessages('df', 'a\n\nb\n', false)).toEqual(["ossec: output: 'df': a", "ossec: output: 'df': b"])
  expect(commandMessages('df', 'a\n\nb\n', true)).toEqual(["ossec: output: 'df':\na\nb"])
})
test('a command whose output has no end is ended', async () => {
  const endless = {
    kind: 'command',
    command: 'yes',
    alias: 'yes',
    frequencyS: 1,
    isFull: true,
    labels: [],
    outFormat: null,
    ignore: [],
    restrict: [],
  } as const
  const { messages, wrong } = await runCommand(endless)
  expect([messages[0]?.length, wrong]).toEqual([eventLengthMax, 'its output is too long'])
})

test('a journal entry is a syslog line', () => {
  const entry = {
    __REALTIME_TIMESTAMP: String(new Date(2026, 4, 6, 7, 8, 9).getTime() * 1000),
    _HOSTNAME: 'node',
    SYSLOG_IDENTIFIER: 'sshd',
    _PID: '7',
    MESSAGE: [104, 105],
  }
  expect(journalMessage(entry, [])).toBe('May 06 07:08:09 node sshd[7]: hi')
  expect(journalMessage({ ...entry, MESSAGE: null }, [])).toBeNull()
  const filter = { field: 'SYSLOG_IDENTIFIER', pattern: pattern('^cron$'), ignoresMissing: false }
  expect(journalMessage(entry, [[filter]])).toBeNull()
  expect(journalMessage(entry, [[filter], [{ ...filter, pattern: pattern('ssh') }]])).not.toBeNull()
})

test('templates', () => {
  const parts = { log: 'a"b', location: '/l', hostname: 'h', hostIp: '192.0.2.1', time: new Date(2026, 4, 6, 7, 8, 9) }
  expect(
    fillTemplate('$(timestamp) $(hostname) $(host_ip) $(location): $(log) $(base64_log) $(timestamp %F)$(x)', parts),
  ).toBe('May  6 07:08:09 h 192.0.2.1 /l: a"b YSJi 2026-05-06')
  expect(unknownTokens('$(log) $(nope) $(timestamp %F)')).toEqual(['nope'])
})
test.each([
  ['%Y-%m-%d %H:%M:%S', '2026-01-02 03:04:05'],
  ['%j %e %y %b %A %I%p %%', '002  2 26 Jan Friday 03AM %'],
  ['%Q %', '%Q %'],
])('strftime of %s', (template, text) => expect(strftime(template, new Date(2026, 0, 2, 3, 4, 5))).toBe(text))
