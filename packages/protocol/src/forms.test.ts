/** The forms of payloads: control messages, keep-alives, events, shared files. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  ackPayload,
  durablePayload,
  errorPayload,
  fileBeginPayload,
  isControl,
  isNewerVersion,
  numberedPayload,
  parseAgentControl,
  parseManagerControl,
  requestPayload,
  responsePayload,
  startupPayload,
} from './control.ts'
import { eventPayload, isEvent, isNoise, parseEvent, withOrigin } from './event-message.ts'
import { keepAliveText, parseKeepAlive } from './keep-alive.ts'
import { joinGroups, mergedTitle, mergeFiles, piecesOf, splitMerged } from './merged.ts'

const bytes = (text: string): Buffer => Buffer.from(text, 'utf8')

describe('what an agent says', () => {
  const cases: readonly [says: string, payload: Buffer, expected: object][] = [
    ['a start', startupPayload('v4.14.7'), { kind: 'startup', version: 'v4.14.7', spool: null }],
    ['a start without version', bytes('#!-agent startup {}'), { kind: 'startup', version: null, spool: null }],
    [
      'the start of OSSEC, or of Wazuh before 4.6',
      bytes('#!-agent startup '),
      { kind: 'startup', version: '', spool: null },
    ],
    ['a start that is no JSON', bytes('#!-agent startup {'), { kind: 'startup', version: null, spool: null }],
    ['a start with a number', bytes('#!-agent startup {"version":4}'), { kind: 'startup', version: null, spool: null }],
    [
      'a start of ours',
      startupPayload('v4.14.7', '0123456789abcdef'),
      { kind: 'startup', version: 'v4.14.7', spool: '0123456789abcdef' },
    ],
    ['a spool that is none', startupPayload('v4', '../x'), { kind: 'startup', version: 'v4', spool: null }],
    ['a numbered event', numberedPayload(7, bytes('1:a:b')), { kind: 'numbered', sequence: 7, event: bytes('1:a:b') }],
    ['an end', bytes('#!-agent shutdown '), { kind: 'shutdown' }],
    ['an answer', responsePayload('a1', bytes('ok 1')), { kind: 'response', request: 'a1', data: bytes('ok 1') }],
    ['everything else', bytes('#!-Linux |a - Wazuh v4'), { kind: 'keep-alive', text: bytes('Linux |a - Wazuh v4') }],
    ['an answer without data', bytes('#!-req '), { kind: 'keep-alive', text: bytes('req ') }],
  ]
  test.each(cases)('%s', (_says, payload, expected) => {
    expect(isControl(payload)).toBe(true)
    expect(parseAgentControl(payload)).toEqual(expected)
  })
})

describe('what a manager says', () => {
  const md5 = 'ab73af41699f13fdd81903b5f23d8d00'
  const cases: readonly [says: string, payload: Buffer, expected: object][] = [
    ['an acknowledgement', ackPayload, { kind: 'ack' }],
    ['without the blank it is none', bytes('#!-agent ack'), { kind: 'other', text: bytes('agent ack') }],
    [
      'what is on disk',
      durablePayload('0123456789abcdef', 7),
      { kind: 'durable', spool: '0123456789abcdef', sequence: 7 },
    ],
    ['an error', errorPayload('no "way"'), { kind: 'error', message: 'no "way"' }],
    [
      'a question',
      requestPayload('ff', 'com', bytes('restart')),
      { kind: 'request', request: 'ff', target: 'com', command: bytes('restart') },
    ],
    ['a file', fileBeginPayload(md5, 'merged.mg'), { kind: 'file-begin', md5, name: 'merged.mg' }],
    ['its end', bytes('#!-close file '), { kind: 'file-end' }],
    ['a scan', bytes('#!-syscheck restart'), { kind: 'scan' }],
    ['a response to an attack', bytes('#!-execd {"a":1}'), { kind: 'execute', data: bytes('{"a":1}') }],
    [
      'a synchronisation',
      bytes('#!-fim_file dbsync no_data {"id":1}'),
      { kind: 'sync', component: 'fim_file', command: 'no_data', data: bytes('{"id":1}') },
    ],
  ]
  test.each(cases)('%s', (_says, payload, expected) => expect(parseManagerControl(payload)).toEqual(expected))
})

const versions: readonly [says: string, version: string, isNewer: boolean | null][] = [
  ['the same', 'v4.14.7', false],
  ['a newer patch', 'v4.14.99', false],
  ['a newer minor', 'v4.15.0', true],
  ['an older minor with a greater digit', 'v4.9.9', false],
  ['a newer major', 'Wazuh v5.0', true],
  ['none', 'four', null],
]
test.each(versions)('%s version', (_says, version, isNewer) => expect(isNewerVersion(version, 'v4.14.7')).toBe(isNewer))

describe('keep-alives', () => {
  const text = [
    'Linux |web1 |6.1.0-28-amd64 |#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22) |x86_64 [Debian GNU/Linux|debian: 12 (bookworm)] - Wazuh v4.14.7 / ab73af41699f13fdd81903b5f23d8d00',
    '"env":prod',
    '!"secret":x',
    '4a8724b20dee0124ff9656783c490c4e merged.mg',
    '#"_agent_ip":10.0.0.15',
    '',
  ].join('\n')

  test('the sample of a Linux agent', () => {
    expect(parseKeepAlive(bytes(text))).toMatchObject({
      system: {
        name: 'Debian GNU/Linux',
        platform: 'debian',
        version: '12',
        codename: 'bookworm',
        major: '12',
        minor: null,
        architecture: 'x86_64',
        hostname: 'web1',
      },
      version: 'Wazuh v4.14.7',
      configSum: 'ab73af41699f13fdd81903b5f23d8d00',
      mergedSum: '4a8724b20dee0124ff9656783c490c4e',
      address: '10.0.0.15',
      labels: [
        { key: 'env', value: 'prod', isHidden: false },
        { key: 'secret', value: 'x', isHidden: true },
      ],
    })
  })

  test('a Windows agent, without shared files', () => {
    const windows = 'Microsoft Windows 11 Pro [Ver: 10.0.22631.4602] - Wazuh v4.14.7\nx merged.mg\n'
    expect(parseKeepAlive(bytes(windows))).toMatchObject({
      system: { platform: 'windows', name: 'Microsoft Windows 11 Pro', version: '10.0.22631.4602', major: '10' },
      mergedSum: 'x',
      configSum: null,
      address: null,
    })
  })

  test('ours are read as they are written', () => {
    const read = parseKeepAlive(bytes(text))
    const written = keepAliveText({
      uname: read.system?.uname ?? '',
      version: read.version ?? '',
      configSum: read.configSum,
      labels: read.labels,
      mergedSum: read.mergedSum,
      address: read.address ?? '',
    })
    expect(written).toBe(text)
  })

  const addresses: readonly [says: string, said: string, address: string | null][] = [
    ['IPv4', '10.0.0.15', '10.0.0.15'],
    ['IPv6', 'FE80:0000:0000:0000:0000:0000:0000:0001', 'FE80:0000:0000:0000:0000:0000:0000:0001'],
    ['a name is none', 'web1', null],
    ['nothing is none', '', null],
    ['what would stand in alerts is none', '10.0.0.15", "rule": "', null],
  ]
  test.each(addresses)('an address: %s', (_says, said, address) => {
    expect(parseKeepAlive(bytes(`#"_agent_ip":${said}\n`)).address).toBe(address)
  })

  test('any text has an answer, and what is kept of it is bounded', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (any) => void parseKeepAlive(Buffer.from(any))))
    const long = parseKeepAlive(bytes(`Linux |${'x'.repeat(50_000)} - Wazuh v4.14.7 / ${'a'.repeat(50_000)}\n`))
    expect([long.system?.uname.length, long.configSum, JSON.stringify(long).length < 5000]).toEqual([1024, null, true])
    const labels = '"a":b\n'.repeat(20_000)
    expect(parseKeepAlive(bytes(labels)).labels).toHaveLength(512)
  })
})

describe('events', () => {
  test('a location is read as it is written, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), fc.string(), (location, message) => {
        const wellFormed = location.toWellFormed()
        const read = parseEvent(eventPayload('1', wellFormed, message))
        expect(read?.location.toString('utf8')).toBe(wellFormed)
        expect(read?.message.toString('utf8')).toBe(message.toWellFormed())
      }),
    )
  })

  test('the origin stands in front, an IPv6 address escaped', () => {
    const event = eventPayload('8', 'syscheck', '{}')
    const origin = { id: '001', name: 'web', ip: 'fd00::1' }
    expect(withOrigin(event, origin).toString()).toBe('8:[001] (web) fd00|:|:1->syscheck:{}')
    expect(parseEvent(withOrigin(event, origin))?.location.toString()).toBe('[001] (web) fd00::1->syscheck')
  })

  const forms: readonly [says: string, payload: string, isOne: boolean][] = [
    ['a log', '1:a:b', true],
    ['an empty log', '1:a:', true],
    ['no location', '1:ab', false],
    ['no queue', ':a:b', false],
    ['too short', '1:a', false],
    ['no colon behind the queue', '12a:b', false],
  ]
  test.each(forms)('%s', (_says, payload, isOne) => expect(isEvent(bytes(payload))).toBe(isOne))

  test('noise is known', () => {
    expect([isNoise(bytes('1:keepalive:--MARK--')), isNoise(bytes('1:a:keepalive'))]).toEqual([true, false])
  })
})

describe('merged files', () => {
  const files = [
    { name: 'agent.conf', bytes: bytes('<agent_config/>\n') },
    { name: 'lists/a', bytes: bytes('!5 trap\nabcde') },
  ]

  test('are taken apart as they were put together', () => {
    const merged = mergeFiles('default', bytes(''), files)
    expect(merged.toString().startsWith('#default\n!0 ar.conf\n!16 agent.conf\n<agent_config/>\n!13 lists/a\n')).toBe(
      true,
    )
    expect(splitMerged(merged)).toEqual([{ name: 'ar.conf', bytes: bytes('') }, ...files])
  })

  test('leave out what cannot be shared', () => {
    const odd = ['merged.mg', 'merged.mg.tmp', '.hidden', 'a/.b', '../up', '/root', 'a\nb'].map((name) => ({
      name,
      bytes: bytes('x'),
    }))
    const merged = mergeFiles('g', bytes('x'), [...odd, { name: 'nul', bytes: bytes('a\0b') }])
    expect(splitMerged(merged)).toEqual([{ name: 'ar.conf', bytes: bytes('x') }])
  })

  const bad: readonly [says: string, text: string][] = [
    ['one that is cut', '#g\n!10 a\nshort'],
    ['a path upwards', '#g\n!1 ../a\nx'],
    ['a path from the root', '#g\n!1 /etc/passwd\nx'],
    ['a size that is none', '#g\n!x a\nx'],
    ['a head without end', '#g\n!1 a'],
  ]
  test.each(bad)('%s is refused', (_says, text) => expect(splitMerged(bytes(text))).toBeNull())

  test('are pushed in pieces of at most 900 bytes, none of which looks like a control message', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('#!-', '#', '#!', 'x', 'y'.repeat(895), 'é'), { maxLength: 40 }),
        (parts) => {
          const merged = bytes(parts.join(''))
          const pieces = [...piecesOf(merged)]
          expect(Buffer.concat(pieces).equals(merged)).toBe(true)
          for (const piece of pieces) expect(piece.length).toBeLessThanOrEqual(900)
          expect(pieces.slice(1).filter((piece) => isControl(piece))).toEqual([])
        },
      ),
    )
    const told = [...piecesOf(bytes(`${'x'.repeat(900)}#!-shutdown`))]
    expect(told.map(({ length }) => length)).toEqual([899, 12])
    expect(parseManagerControl(bytes('x#!-'))).toEqual({ kind: 'file-piece', bytes: bytes('x#!-') })
  })

  test('of several groups are joined in order', () => {
    const joined = joinGroups([
      {
        group: 'a',
        files: [
          { name: 'agent.conf', bytes: bytes('A\n') },
          { name: 'x', bytes: bytes('1') },
        ],
      },
      {
        group: 'b',
        files: [
          { name: 'agent.conf', bytes: bytes('B\n') },
          { name: 'x', bytes: bytes('2') },
        ],
      },
    ])
    expect(joined.map(({ name, bytes: content }) => [name, Buffer.from(content).toString()])).toEqual([
      ['agent.conf', '<!-- Source file: a/agent.conf -->\nA\n<!-- Source file: b/agent.conf -->\nB\n'],
      ['x', '2'],
    ])
    expect(mergedTitle(['a'])).toBe('a')
    expect(mergedTitle(['a', 'b'])).toMatch(/^[0-9a-f]{8}$/)
  })
})
