import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileRuleset, type Ruleset } from '@dogwatch/engine'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LogtestProtocol, requestLengthMax, sessionIdleMs, sessionsMax } from './logtest-protocol.ts'
import { serveLogtest } from './logtest-server.ts'

const { ruleset } = compileRuleset({
  decoders: [
    {
      path: 'd.xml',
      text: '<decoder name="json"><prematch>^{\\s*"</prematch><plugin_decoder>JSON_Decoder</plugin_decoder></decoder>',
    },
  ],
  rules: [
    {
      path: 'r.xml',
      text: '<group name="g,"><rule id="1" level="0" noalert="1"><category>syslog</category><description>root</description></rule><rule id="100" level="5"><match>hello</match><description>says hello</description></rule><rule id="101" level="0"><match>quiet</match><description>quiet</description></rule></group>',
    },
  ],
  lists: [],
})

function protocol(more: { warnings?: string[]; ruleset?: Ruleset | null } = {}) {
  const clock = { ms: 1_000_000 }
  let token = 0
  const logtest = new LogtestProtocol({
    load: () => ({
      ruleset: more.ruleset === undefined ? ruleset : more.ruleset,
      errors: ['r.xml:1:1: wrong'],
      warnings: more.warnings ?? [],
    }),
    now: () => clock.ms,
    newToken: () => (token++).toString(16).padStart(8, '0'),
  })
  const raw = (text: string) => JSON.parse(logtest.handle(Buffer.from(text)))
  const ask = (parameters: object, command = 'log_processing') =>
    raw(JSON.stringify({ version: 1, origin: { name: 'n', module: 'm' }, command, parameters }))
  const log = (more: object = {}) => ask({ location: 'stdin', log_format: 'syslog', event: 'hello', ...more })
  return { logtest, clock, raw, ask, log }
}

test('a first answer names the token, in the order of the members', () => {
  const { log } = protocol()
  const { error, data } = log()
  expect(error).toBe(0)
  expect(Object.keys(data)).toEqual(['messages', 'token', 'output', 'alert', 'codemsg'])
  expect(data.messages).toEqual([expect.stringMatching(/^INFO: \(7202\): .*00000000/)])
  expect([data.output.rule.id, data.alert, data.codemsg, data.token]).toEqual(['100', true, 0, '00000000'])
})

test('a session goes on by its token, without a message', () => {
  const { log } = protocol()
  log()
  const { data } = log({ token: '00000000' })
  expect([data.messages, data.output.rule.firedtimes]).toEqual([undefined, 2])
})

test('rules_debug comes when asked for', () => {
  const { data } = protocol().log({ options: { rules_debug: true } })
  expect(data.rules_debug).toContain('*Rule 100 matched')
  expect(Object.keys(data).indexOf('rules_debug')).toBe(Object.keys(data).indexOf('output') + 1)
})

test('an event may be an object, and level 0 is shown last', () => {
  const { data } = protocol().log({ event: { a: 'quiet é' } })
  expect([data.output.full_log, data.output.data]).toEqual(['{"a":"quiet é"}', { a: 'quiet é' }])
  expect([Object.keys(data.output.rule).at(-1), data.output.rule.level, data.alert]).toEqual(['level', 0, false])
})

const printed: [says: string, event: string, log: string][] = [
  ['keys keep their order', '{"b": 1, "2": [1.50, {"a": null}], "1": true}', '{"b":1,"2":[1.5,{"a":null}],"1":true}'],
  ['equal keys stay', '{"a":1,"a":2}', '{"a":1,"a":2}'],
  ['large numbers are printed as the reference does', '{"a":12345678901234567890}', '{"a":1.2345678901234567e+19}'],
  ['a text keeps its bytes', '"caf\\u00e9 \\"x\\""', 'café "x"'],
]
for (const [says, event, log] of printed)
  test(`an event that is JSON: ${says}`, () => {
    const { data } = protocol().raw(
      `{"version":1,"origin":{"name":"n","module":"m"},"command":"log_processing","parameters":{"location":"a","log_format":"b","event":${event}}}`,
    )
    expect(data.output.full_log).toBe(log)
  })

test('an event that is no UTF-8 keeps its bytes', () => {
  const { logtest } = protocol()
  const request =
    '{"version":1,"origin":{"name":"n","module":"m"},"command":"log_processing","parameters":{"location":"a","log_format":"b","event":"hello \xe9"}}'
  expect(logtest.handle(Buffer.from(request, 'latin1'))).toContain('"id":"100"')
})

const tokens: [says: string, token: unknown, code: string][] = [
  ['an unknown token', 'deadbeef', '7003'],
  ['a token in capitals', 'DEADBEEF', '7309'],
  ['a short token', 'dead', '7309'],
  ['a token that is no text', 7, '7309'],
]
for (const [says, token, code] of tokens)
  test(`${says} begins a new session, with warning ${code}`, () => {
    const { data } = protocol().log({ token })
    expect(data.messages[0]).toMatch(new RegExp(`^WARNING: \\(${code}\\)`))
    expect(data.messages[1]).toMatch(/^INFO: \(7202\)/)
    expect([data.codemsg, data.token]).toEqual([1, '00000000'])
  })

test('removal tells what it did', () => {
  const { ask, log } = protocol()
  log()
  const remove = (token: unknown) => ask({ token }, 'remove_session')
  expect(remove('00000000').data).toEqual({ messages: [expect.stringMatching(/^INFO: \(7206\)/)], codemsg: 0 })
  expect(remove('00000000').data).toEqual({ messages: [expect.stringMatching(/^ERROR: \(7004\)/)], codemsg: -1 })
  expect(remove('x').error).toBe(4)
})

const refused: [says: string, text: string, error: number][] = [
  ['no JSON', '{', 1],
  ['nothing', '', 1],
  ['an array', '[]', 2],
  ['another version', '{"version":2}', 2],
  ['no origin', '{"version":1,"command":"log_processing","parameters":{}}', 2],
  ['an unknown command', '{"version":1,"origin":{"name":"","module":""},"command":"reboot","parameters":{}}', 3],
  ['no parameters', '{"version":1,"origin":{"name":"","module":""},"command":"log_processing"}', 2],
  [
    'an empty event',
    '{"version":1,"origin":{"name":"","module":""},"command":"log_processing","parameters":{"location":"a","log_format":"b","event":""}}',
    2,
  ],
  [
    'an empty object as event',
    '{"version":1,"origin":{"name":"","module":""},"command":"log_processing","parameters":{"location":"a","log_format":"b","event":{}}}',
    2,
  ],
  [
    'no location',
    '{"version":1,"origin":{"name":"","module":""},"command":"log_processing","parameters":{"log_format":"b","event":"x"}}',
    2,
  ],
  ['more than fits', ' '.repeat(requestLengthMax + 1), 5],
]
for (const [says, text, error] of refused)
  test(`${says} is error ${error}, message first`, () => {
    const answer = protocol().raw(text)
    expect([answer.error, Object.keys(answer)[0], answer.data.codemsg]).toEqual([error, 'message', -2])
  })

test('a ruleset that does not load is told, and no session begun', () => {
  const { log, logtest } = protocol({ ruleset: null })
  expect(log().data).toEqual({ messages: ['ERROR: r.xml:1:1: wrong'], codemsg: -1 })
  expect(logtest.sessionCount).toBe(0)
})

test('warnings of the ruleset come with the first answer', () => {
  const { data } = protocol({ warnings: ['r.xml:2:1: odd'] }).log()
  expect([data.messages[0], data.codemsg]).toEqual(['WARNING: r.xml:2:1: odd', 1])
})

test('a malformed location is an error of the event, not of the session', () => {
  const { log } = protocol()
  expect(log({ location: '[001 x' }).data).toMatchObject({ token: '00000000', codemsg: -1 })
  expect(log({ token: '00000000' }).data.codemsg).toBe(0)
})

test('the session used least recently goes when there are too many', () => {
  const { log, logtest } = protocol()
  for (let n = 0; n < sessionsMax; n++) log()
  log({ token: '00000000' })
  log()
  expect(logtest.sessionCount).toBe(sessionsMax)
  expect(log({ token: '00000000' }).data.messages).toBeUndefined()
  expect(log({ token: '00000001' }).data.messages[0]).toMatch(/7003/)
})

test('a session is gone when nobody used it for long', () => {
  const { log, clock } = protocol()
  log()
  clock.ms += sessionIdleMs
  expect(log({ token: '00000000' }).data.messages).toBeUndefined()
  clock.ms += sessionIdleMs + 1
  expect(log({ token: '00000000' }).data.messages[0]).toMatch(/7003/)
})

test('whatever is sent, the answer is JSON with a known error, and sessions stay bounded', () => {
  const { logtest } = protocol()
  const member = fc.oneof(fc.string(), fc.constantFrom('00000000', '__proto__', 'stdin', '[', ''), fc.jsonValue())
  const request = fc.record(
    {
      version: fc.oneof(fc.constant(1), member),
      origin: fc.oneof(fc.constant({ name: 'a', module: 'b' }), member),
      command: fc.oneof(fc.constantFrom('log_processing', 'remove_session'), member),
      parameters: fc.oneof(
        fc.record(
          { location: member, log_format: member, event: member, token: member, options: member },
          { requiredKeys: [] },
        ),
        fc.record({
          location: fc.string({ minLength: 1 }),
          log_format: fc.constant('x'),
          event: fc.string({ unit: 'binary', minLength: 1 }),
        }),
        member,
      ),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(
      fc.oneof(
        request.map((value) => Buffer.from(JSON.stringify(value))),
        fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      ),
      (bytes) => {
        const answer = JSON.parse(logtest.handle(bytes))
        expect([0, 1, 2, 3, 4, 5]).toContain(answer.error)
        expect([0, 1, -1, -2]).toContain(answer.data.codemsg)
        expect(logtest.sessionCount).toBeLessThanOrEqual(sessionsMax)
        expect(Object.hasOwn(Object.prototype, 'location')).toBe(false)
      },
    ),
    { numRuns: 500 },
  )
})

/** Sends pieces over a connection of its own; gives the answer's text, or what stood there when the server closed. */
function talk(path: string, pieces: readonly Uint8Array[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const got: Buffer[] = []
    socket.on('data', (chunk) => got.push(Buffer.from(chunk)))
    socket.on('error', reject)
    socket.on('close', () => {
      const all = Buffer.concat(got)
      if (all.length < 4) return reject(new Error('closed without an answer'))
      expect(all.readUInt32LE(0)).toBe(all.length - 4)
      resolve(all.toString('utf8', 4))
    })
    for (const piece of pieces) socket.write(piece)
  })
}

function framed(text: string): Buffer {
  const body = Buffer.from(text)
  return Buffer.concat([lengthOf(body.length), body])
}

function lengthOf(length: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(length)
  return bytes
}

const request =
  '{"version":1,"origin":{"name":"a","module":"b"},"command":"log_processing","parameters":{"location":"x","log_format":"y","event":"hello"}}'

describe('over a socket', () => {
  let folder = ''
  let path = ''
  let server: Server
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'logtest-'))
    path = join(folder, 's')
    server = await serveLogtest(path, protocol().logtest)
  })
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve))
    rmSync(folder, { recursive: true })
  })

  test('the length is in front both ways, in whatever pieces it comes', async () => {
    const bytes = framed(request)
    const answer = await talk(path, [bytes.subarray(0, 3), bytes.subarray(3, 50), bytes.subarray(50)])
    expect(JSON.parse(answer).data.output.rule.id).toBe('100')
  })

  const filled = (length: number): Buffer =>
    framed(request.replace('hello', `hello${'x'.repeat(length - request.length)}`))
  test.each([
    ['one byte beyond the bound', [filled(requestLengthMax + 1)]],
    ['a message far beyond it, sent whole', [filled(8 << 20)]],
    ['the largest length there is, and no more', [lengthOf(0xffffffff)]],
    ['a second message behind one that is too long', [filled(requestLengthMax + 1), framed(request)]],
  ])('%s is answered with an error, and the next client is served', async (_says, pieces) => {
    expect(JSON.parse(await talk(path, pieces)).error).toBe(5)
    expect(JSON.parse(await talk(path, [framed(request)])).error).toBe(0)
  })

  test('a message of exactly the bound is answered', async () => {
    expect(JSON.parse(await talk(path, [filled(requestLengthMax)])).error).toBe(0)
  })

  test.each([
    ['before its length', lengthOf(9).subarray(0, 2)],
    ['in its message', framed(request).subarray(0, 40)],
    ['in a message that is too long', filled(8 << 20).subarray(0, 100_000)],
  ])('a client that goes away %s leaves the server well', async (_says, piece) => {
    await new Promise<void>((resolve) => {
      const socket = connect(path)
      socket.on('error', () => {})
      socket.on('close', () => resolve())
      socket.write(piece, () => socket.destroy())
    })
    expect(JSON.parse(await talk(path, [framed(request)])).error).toBe(0)
  })

  test('clients beyond the connections that are served are closed, and those within answered later', async () => {
    const idle = await Promise.all(
      Array.from(
        { length: 64 },
        () =>
          new Promise<Socket>((resolve) => {
            const socket = connect(path, () => resolve(socket))
          }),
      ),
    )
    await expect(talk(path, [framed(request)])).rejects.toThrow()
    for (const socket of idle) socket.destroy()
    await vi.waitFor(async () => expect(JSON.parse(await talk(path, [framed(request)])).error).toBe(0))
  })
})
