import { randomBytes } from 'node:crypto'
import { deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { aesOnly, type Ciphers, type CryptoMethod, withBlowfish } from './cipher.ts'
import { FrameReader, frame } from './frame.ts'
import { cipherKeys, keyHash } from './keys.ts'
import {
  isPing,
  messageLengthMax,
  type Opening,
  openMessage,
  payloadLengthMax,
  readEnvelope,
  sealMessage,
} from './message.ts'
import { storedStartup, vectorEntry, vectors } from './vectors-fixture.ts'

const keys = cipherKeys(vectorEntry)
const both = await withBlowfish()
const methods: readonly CryptoMethod[] = ['aes', 'blowfish']

function open(message: Buffer, ciphers: Ciphers = both, with_ = keys): Opening {
  const envelope = readEnvelope(message)
  return envelope === null ? { problem: 'envelope' } : openMessage(envelope, with_, ciphers)
}

function problem(opening: Opening): string {
  return 'problem' in opening ? opening.problem : 'none'
}

test('keys are derived as the vectors say', () => {
  expect(keys.blowfish.toString()).toBe('b8bb8684acad1783ea4f7c01ac8302ca05d44afe1bab0d2')
  expect(keys.aes.toString()).toBe('b8bb8684acad1783ea4f7c01ac8302ca')
  expect(keyHash(vectorEntry)).toBe('0b79f5d23e55b03fff60a5084a6e0c06333c89d2')
})

describe.each(vectors)('$says', ({ payload, counter, ...framed }) => {
  test.each(methods)('is opened from %s', (method) => {
    const [message, ...more] = new FrameReader().push(Buffer.from(framed[method], 'hex'))
    expect(more).toEqual([])
    expect(readEnvelope(message ?? Buffer.alloc(0))).toMatchObject({ method })
    expect(open(message ?? Buffer.alloc(0))).toEqual({ payload: Buffer.from(payload), counter })
  })
})

test.each(methods)('a stored start-up message is sealed with %s byte for byte', (method) => {
  const counter = { global: 0, local: 1 }
  const sealed = sealMessage(Buffer.from(vectors[0].payload), counter, keys, both, {
    method,
    random: 12_345,
    level: 0,
    id: '001',
  })
  expect(sealed.toString('latin1')).toBe(
    `!001!${method === 'aes' ? '#AES:' : ':'}${Buffer.from(storedStartup[method], 'hex').toString('latin1')}`,
  )
})

test('Blowfish is refused where it was not asked for', () => {
  const [message] = new FrameReader().push(Buffer.from(vectors[0].blowfish, 'hex'))
  expect(open(message ?? Buffer.alloc(0), aesOnly)).toEqual({ problem: 'method' })
})

test('what is sealed opens to the same, for any payload and counter', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 3000 }),
      fc.record({ global: fc.nat({ max: 0xffff_ffff }), local: fc.integer({ min: 1, max: 9997 }) }),
      fc.constantFrom(...methods),
      fc.nat({ max: 65_535 }),
      fc.constantFrom(0, 1, 9),
      (payload, counter, method, random, level) => {
        const sealed = sealMessage(payload, counter, keys, both, { method, random, level })
        expect(open(sealed)).toEqual({ payload: Buffer.from(payload), counter })
      },
    ),
    { numRuns: 200 },
  )
})

test.each(methods)('a %s message with one bit turned opens to nothing else', (method) => {
  const payload = Buffer.from('1:/var/log/a:hello')
  const sealed = sealMessage(payload, { global: 1, local: 1 }, keys, both, { method, random: 1, id: '001' })
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const bad = Buffer.from(sealed)
    bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    const opening = open(bad)
    // Turned bits of the id leave the text as it is: who sends is judged by the key that the id leads to.
    if ('payload' in opening) expect([opening.payload, bit < 5 * 8]).toEqual([payload, true])
  }
})

test('a message that is cut at any place is refused', () => {
  const sealed = sealMessage(Buffer.from('1:a:b'), { global: 1, local: 1 }, keys, both, { random: 1 })
  for (let length = 0; length < sealed.length; length++)
    expect(open(sealed.subarray(0, length))).toHaveProperty('problem')
})

const cases: readonly [says: string, message: Buffer, expected: string][] = [
  ['nothing', Buffer.alloc(0), 'envelope'],
  ['another method', Buffer.from('#DES:aaaa'), 'envelope'],
  ['an id that is no number', Buffer.from('!00a!#AES:aaaa'), 'envelope'],
  ['an id of nine digits', Buffer.from('!123456789!#AES:aaaa'), 'envelope'],
  ['an id without end', Buffer.from('!001'), 'envelope'],
  ['an empty text', Buffer.from('#AES:'), 'key'],
  ['a text of half a block', Buffer.from('#AES:12345678'), 'key'],
  ['the form before version 2', wrapped(Buffer.from(':old:form')), 'key'],
  ['only the padding', wrapped(Buffer.from('!!!!!!!!')), 'inflate'],
  ['what is not packed', wrapped(Buffer.from('!no zlib')), 'inflate'],
  ['less than a head', wrapped(packed(Buffer.from('short'))), 'inflate'],
  ['a wrong sum', wrapped(packed(Buffer.from('0'.repeat(80)))), 'checksum'],
  ['a bomb', wrapped(packed(Buffer.alloc(50_000_000))), 'inflate'],
  [
    'another key',
    sealMessage(
      Buffer.from('x'),
      { global: 0, local: 1 },
      cipherKeys({ ...vectorEntry, id: '002', key: 'other-key' }),
      both,
      { random: 1 },
    ),
    'key',
  ],
]
test.each(cases)('refuses %s', (_says, message, expected) => {
  expect(problem(open(message))).toBe(expected)
})

function wrapped(clear: Buffer): Buffer {
  return Buffer.concat([Buffer.from('#AES:'), aesOnly.aes.encrypt(clear, keys)])
}

function packed(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from('!'), deflateSync(bytes)])
}

test('bytes behind the packed part are tolerated', () => {
  const payload = Buffer.from('1:a:b')
  const sealed = sealMessage(payload, { global: 1, local: 1 }, keys, both, { random: 1 })
  const envelope = readEnvelope(sealed)
  const clear = envelope && aesOnly.aes.decrypt(envelope.ciphertext, keys)
  expect(open(wrapped(Buffer.concat([clear ?? Buffer.alloc(0), Buffer.from('behind')])))).toMatchObject({ payload })
})

test('the longest payload fits, one byte more does not', () => {
  const seal = (length: number) =>
    sealMessage(Buffer.alloc(length, 65), { global: 1, local: 1 }, keys, both, { random: 1, level: 0 })
  expect(open(seal(payloadLengthMax))).toHaveProperty('payload.length', payloadLengthMax)
  expect(() => seal(payloadLengthMax + 1)).toThrow(RangeError)
})

test.each([0, 1, 9])('what cannot be made smaller fits into a message at its longest, at level %i', (level) => {
  for (const method of methods)
    for (const length of [1000, 20_000, 32_768, 40_000, payloadLengthMax]) {
      const payload = randomBytes(length)
      const sealed = sealMessage(payload, { global: 1, local: 1 }, keys, both, {
        method,
        random: 1,
        level,
        id: '12345678',
      })
      expect(sealed.length).toBeLessThanOrEqual(messageLengthMax)
      expect(open(sealed)).toHaveProperty('payload.length', length)
    }
})

test('a ping is told from a message', () => {
  expect(isPing(Buffer.from('#ping'))).toBe(true)
  expect(isPing(Buffer.from('#AES:'))).toBe(false)
})

describe('frames', () => {
  test('come out whole however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (messages, cuts) => {
          const stream = Buffer.concat(messages.map(frame))
          const reader = new FrameReader()
          const found: Buffer[] = []
          for (let at = 0, n = 0; at < stream.length; n++) {
            const length = cuts[n % cuts.length] ?? 1
            found.push(...reader.push(stream.subarray(at, at + length)))
            at += length
          }
          expect(found).toEqual(messages.map((message) => Buffer.from(message)))
          expect([reader.held, reader.isBroken]).toEqual([0, false])
        },
      ),
    )
  })

  const lengths: readonly [says: string, length: number, isBroken: boolean][] = [
    ['the longest', messageLengthMax, false],
    ['one more', messageLengthMax + 1, true],
    ['as if signed', 0xffff_ffff, true],
  ]
  test.each(lengths)('a length: %s', (_says, length, isBroken) => {
    const reader = new FrameReader()
    const head = Buffer.alloc(4)
    head.writeUInt32LE(length)
    expect(reader.push(head)).toEqual([])
    expect(reader.isBroken).toBe(isBroken)
    expect(reader.push(Buffer.alloc(messageLengthMax))).toHaveLength(isBroken ? 0 : 1)
  })

  test('an empty frame is passed over', () => {
    expect(new FrameReader().push(Buffer.concat([frame(Buffer.alloc(0)), frame(Buffer.from('a'))]))).toEqual([
      Buffer.from('a'),
    ])
  })
})
