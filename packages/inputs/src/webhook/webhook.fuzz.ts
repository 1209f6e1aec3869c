/**
 * Fuzzing the webhook receiver: made-up and mutated bodies against the body check (JSON.parse is the oracle), the same as requests without
 * sockets against the intake, and arbitrary bytes against a real port. Throws with seed and round at the first thing that must not be.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { connect } from 'node:tls'
import { gunzipSync, gzipSync } from 'node:zlib'
import { createAccessTable } from './access.ts'
import { BodyCheck, type BodyVerdict } from './body-check.ts'
import { newCounters } from './counters.ts'
import { Intake } from './intake.ts'
import { type WebhookLimits, webhookLimits } from './limits.ts'
import { createMemoryBudget } from './memory-budget.ts'
import { startReceiver, testCertificates, testSink } from './receiver-fixture.ts'
import { createTurns } from './turns.ts'

/** Runs for so long; the same seed makes the same inputs. Returns how many were tried. */
export async function fuzz(seconds: number, seed: number): Promise<{ readonly rounds: number }> {
  const random = randomOf(seed)
  const endMs = performance.now() + seconds * 1000
  const checkEndMs = performance.now() + seconds * 500
  let rounds = 0
  const guard = async (work: () => void | Promise<void>): Promise<void> => {
    try {
      await work()
      rounds++
    } catch (error) {
      throw new Error(
        `webhook fuzz, seed ${seed}, round ${rounds}: ${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      )
    }
  }
  while (performance.now() < checkEndMs) await guard(() => fuzzCheck(random))
  const requestEndMs = performance.now() + (endMs - performance.now()) * 0.6
  while (performance.now() < requestEndMs) await guard(() => fuzzIntake(random))
  await fuzzSockets(random, endMs, guard)
  return { rounds }
}

type Random = (below: number) => number

/** Mulberry32: small, and the same everywhere. */
function randomOf(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const seeds: readonly string[] = [
  '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[{"level":"Metadata","a":[1,-2.5e+7,true,false,null,"x\\"\\\\"]},{}]}',
  '{"kind": "Event", "level": "Metadata"}\n{"kind": "Event"}\n',
  '[ {"protoPayload": {}} , {} ]',
  '{"records":[{"properties":{"log":"{\\"kind\\":\\"Event\\"}"}}]}',
  '{"kind":"Pod","items":[[[[[[]]]]]],"0":0}',
  '-0.0e-0',
  '"text"',
]
const alphabet = '{}[]",:\\0123456789.eE+-truefalsnkindEvtLs \t\n\r\0\x7f\x80\xff'

function body(random: Random): Buffer {
  const kind = random(10)
  if (kind === 0) return Buffer.from(Array.from({ length: random(200) }, () => random(256)))
  if (kind === 1)
    return Buffer.from(Array.from({ length: random(60) }, () => alphabet.charCodeAt(random(alphabet.length))))
  if (kind === 2) return Buffer.from('[{"a":'.repeat(random(3000)))
  let bytes = [...Buffer.from(seeds[random(seeds.length)] ?? '', 'latin1')]
  if (kind > 4) {
    for (let n = random(4); n >= 0; n--) {
      const at = random(bytes.length + 1)
      const code = alphabet.charCodeAt(random(alphabet.length))
      if (random(3) === 0) bytes.splice(at, random(8))
      else if (random(2) === 0) bytes.splice(at, 0, code)
      else bytes = [...bytes.slice(0, at), ...bytes.slice(random(bytes.length + 1))]
    }
  }
  return Buffer.from(bytes)
}

function pieces(random: Random, bytes: Buffer): Buffer[] {
  const cut: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random(random(4) === 0 ? 3 : 80)
    cut.push(bytes.subarray(at, end))
    at = end
  }
  return cut
}

function verdictOf(chunks: readonly Uint8Array[]): BodyVerdict {
  const check = new BodyCheck()
  for (const chunk of chunks) if (!check.push(chunk)) break
  return check.end()
}

/** JSON.parse's verdict, strings taken as the check takes them. */
function parses(text: string): boolean {
  try {
    JSON.parse(text.replace(/"(?:[^"\\]|\\[\s\S])*"/g, '""'))
    return true
  } catch (error) {
    // Deeper than JSON.parse goes: no verdict against it.
    return error instanceof RangeError
  }
}

function fuzzCheck(random: Random): void {
  const bytes = body(random)
  const whole = verdictOf([bytes])
  assert.deepEqual(
    verdictOf(pieces(random, bytes)),
    whole,
    `cut and whole differ for ${JSON.stringify(bytes.toString('latin1'))}`,
  )
  const isJson = whole.ok || whole.reason === 'wrong_kind'
  const text = bytes.toString('latin1')
  if (!text.includes('\n')) assert.equal(isJson, parses(text), `not what JSON.parse says of ${JSON.stringify(text)}`)
  else if (parses(text)) assert.ok(isJson, `refused though JSON: ${JSON.stringify(text)}`)
}

const limits: WebhookLimits = {
  ...webhookLimits,
  bodyBytesMax: 16_384,
  memoryBytesMax: 2 << 20,
  partBytes: 512,
  bombFloorBytes: 4096,
  requestTimeoutMs: 2000,
}

async function fuzzIntake(random: Random): Promise<void> {
  const sink = testSink({ inParts: random(2) === 0 })
  const counters = newCounters()
  const budget = createMemoryBudget(limits.memoryBytesMax, limits.partBytes)
  const access = createAccessTable([{ name: 'a', auth: [{ kind: 'none' }] }], 'a')
  const plain = body(random)
  const isPacked = random(3) === 0
  const packed = isPacked ? gzipSync(plain) : plain
  if (isPacked && random(2) === 0) packed[random(packed.length)] = random(256)
  const isCut = random(4) === 0
  const sent = isCut ? packed.subarray(0, random(packed.length + 1)) : packed
  const goesAway = random(8) === 0
  if (random(10) === 0) sink.failure = { code: random(2) === 0 ? 'JOURNAL_FULL' : 'EIO' }
  const stream = new PassThrough()
  const answers: number[] = []
  let ends = 0
  await new Promise<void>((resolve) => {
    const onEnd = (): void => {
      ends++
      resolve()
    }
    const shared = {
      access,
      sink,
      limits,
      budget,
      turns: createTurns(4),
      counters,
      nowMs: () => 0,
      isStopping: () => false,
      tell: () => undefined,
      onEnd,
    }
    new Intake(shared, {
      method: 'POST',
      path: '/',
      contentEncoding: isPacked ? 'gzip' : undefined,
      contentLength: random(2) === 0 ? `${sent.length}` : undefined,
      authorization: undefined,
      certificateNames: () => [],
      peer: '',
      body: stream,
      isWhole: () => !goesAway,
      proceed: () => undefined,
      answer: (status) => void answers.push(status),
    }).begin()
    for (const chunk of pieces(random, sent)) stream.write(chunk)
    if (goesAway) stream.destroy()
    else stream.end()
  })
  await new Promise(setImmediate)
  const what = JSON.stringify({ body: sent.toString('latin1'), isPacked, goesAway, answers, refused: counters.refused })
  assert.equal(ends, 1, `ended ${ends} times: ${what}`)
  assert.ok(answers.length <= 1, `answered twice: ${what}`)
  assert.equal(
    sink.records.length,
    answers[0] === 200 ? 1 : 0,
    `a record without 200, or 200 without a record: ${what}`,
  )
  assert.deepEqual([counters.requestsOpen, budget.reservedBytes], [0, 0], `something is left: ${what}`)
  const [record] = sink.records
  if (record) assert.ok(record.body.equals(isPacked ? gunzipSync(sent) : sent), `the record is not the body: ${what}`)
}

async function fuzzSockets(
  random: Random,
  endMs: number,
  guard: (work: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const { tls, ca } = await testCertificates()
  const quick = { headersTimeoutMs: 300, requestTimeoutMs: 300, lingerMs: 50 }
  const { receiver, port } = await startReceiver(tls, { sink: testSink({ inParts: true }), limits: quick })
  const good = 'POST /audit/open HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 16\r\n\r\n{"kind":"Event"}'
  const talk = async (bytes: Buffer, alpn: string): Promise<string> => {
    const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: [alpn] })
    socket.on('error', () => undefined)
    await once(socket, 'secureConnect')
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.end(bytes)
    if (!socket.closed) await once(socket, 'close')
    return text
  }
  try {
    do {
      await guard(async () => {
        const isHttp2 = random(2) === 0
        const start = Buffer.from(
          isHttp2 ? 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' : good.slice(0, random(good.length)),
          'latin1',
        )
        await talk(Buffer.concat([start, body(random)]), isHttp2 ? 'h2' : 'http/1.1')
        assert.match(
          await talk(Buffer.from(good), 'http/1.1'),
          /^HTTP\/1\.1 200 /,
          'a good request after it was not taken',
        )
      })
    } while (performance.now() < endMs)
  } finally {
    await receiver.close(0)
  }
  assert.deepEqual(
    [receiver.counters.requestsOpen, receiver.counters.reservedBytes, receiver.counters.connectionsOpen],
    [0, 0, 0],
    'something is left',
  )
}
