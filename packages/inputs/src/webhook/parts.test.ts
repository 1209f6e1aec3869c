import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Access, createAccessTable } from './access.ts'
import { ChunkList } from './chunk-list.ts'
import { countAck, newCounters } from './counters.ts'
import { createMemoryBudget } from './memory-budget.ts'
import { refusalReasons, refusals } from './refusal.ts'
import { createTurns } from './turns.ts'
import { fuzz } from './webhook.fuzz.ts'

describe('access', () => {
  const table = createAccessTable(
    [
      {
        name: 'main',
        auth: [
          { kind: 'token', token: 'main-token' },
          { kind: 'token', token: 'next-token' },
        ],
      },
      { name: 'lab', auth: [{ kind: 'none' }, { kind: 'token', token: 'lab-token' }] },
      { name: 'closed', auth: [] },
    ],
    'main',
  )
  const cases: [says: string, path: string, authorization: string | undefined, expected: Access][] = [
    ['the default cluster by its token', '/', 'Bearer main-token', { cluster: 'main' }],
    ['a second token while tokens change', '/?timeout=30s', 'Bearer next-token', { cluster: 'main' }],
    ['another cluster by its token', '/', 'Bearer lab-token', { cluster: 'lab' }],
    ['an open cluster, whatever is shown', '/audit/lab?x=/audit/main', 'Bearer nonsense', { cluster: 'lab' }],
    ['nobody without a token', '/', undefined, { refused: 'unauthorized', cluster: 'main' }],
    ['nobody with a part of the token', '/', 'Bearer main-toke', { refused: 'unauthorized', cluster: 'main' }],
    ['nobody with more than the token', '/', 'Bearer main-token2', { refused: 'unauthorized', cluster: 'main' }],
    [
      'nobody with a token of 5,000 characters',
      '/',
      `Bearer ${'x'.repeat(5000)}`,
      { refused: 'unauthorized', cluster: 'main' },
    ],
    [
      'nobody to a cluster without credentials',
      '/audit/closed',
      'Bearer ',
      { refused: 'unauthorized', cluster: 'closed' },
    ],
    ['no inherited name', '/audit/__proto__', 'Bearer main-token', { refused: 'unknown_cluster' }],
    ['no other path', '/audit/main/x', 'Bearer main-token', { refused: 'no_path' }],
  ]
  for (const [says, path, authorization, expected] of cases) {
    test(`lets in ${says}`, () =>
      expect(table.judge(path, { authorization, certificateNames: () => [] })).toEqual(expected))
  }
})

describe('the memory budget', () => {
  test('keeps a quarter for small bodies, and lets one body alone take everything', () => {
    const budget = createMemoryBudget(100, 10)
    const big = budget.reserve(70)
    expect([big?.bytes, budget.reserve(11), budget.reserve(10)?.bytes, budget.reserve(21)]).toEqual([
      70,
      null,
      10,
      null,
    ])
    big?.free()
    big?.free()
    expect(budget.reservedBytes).toBe(10)
    const alone = createMemoryBudget(100, 10)
    expect([alone.reserve(101), alone.reserve(100)?.bytes]).toEqual([null, 100])
  })

  test('never gives more than it has, and everything comes back', () => {
    const step = fc.record({
      verb: fc.constantFrom('reserve', 'grow', 'free'),
      at: fc.nat({ max: 9 }),
      bytes: fc.nat({ max: 120 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const budget = createMemoryBudget(100, 10)
        const held = new Map<number, NonNullable<ReturnType<typeof budget.reserve>>>()
        for (const { verb, at, bytes } of steps) {
          const one = held.get(at)
          if (verb === 'grow') one?.grow(bytes)
          else if (verb === 'free') {
            one?.free()
            held.delete(at)
          } else if (!one) {
            const made = budget.reserve(bytes)
            if (made) held.set(at, made)
          }
          const sum = [...held.values()].reduce((total, { bytes: own }) => total + own, 0)
          expect(budget.reservedBytes).toBe(sum)
          expect(sum).toBeLessThanOrEqual(100)
        }
        for (const one of held.values()) one.free()
        expect(budget.reservedBytes).toBe(0)
      }),
    )
  })
})

test('chunks come back as they came, however small', () => {
  const sizes = fc.array(fc.oneof(fc.nat({ max: 40 }), fc.integer({ min: 1000, max: 3000 }), fc.constant(16_384)), {
    maxLength: 200,
  })
  fc.assert(
    fc.property(sizes, (lengths) => {
      const list = new ChunkList()
      const all = lengths.map((length, n) => Buffer.alloc(length, n))
      for (const chunk of all) list.add(chunk)
      const expected = Buffer.concat(all)
      expect(list.bytes).toBe(expected.length)
      const taken = list.take()
      expect(Buffer.concat(taken).equals(expected)).toBe(true)
      expect(taken.length).toBeLessThanOrEqual(
        2 + 2 * all.filter(({ length }) => length >= 1000).length + expected.length / 8192,
      )
      expect(list.take()).toEqual([])
    }),
  )
})

test('work that finds no time waits in line, in order, and is all done', async () => {
  const turns = createTurns(0)
  const order: number[] = []
  turns.run(() => order.push(0))
  expect(turns.hasTime).toBe(false)
  for (const n of [1, 2, 3]) turns.later(() => order.push(n))
  for (let n = 0; n < 10; n++) await new Promise(setImmediate)
  // Even a slice of no time runs one piece.
  expect(order).toEqual([0, 1, 2, 3])
  const fair = createTurns(1000)
  for (const n of [4, 5]) fair.later(() => order.push(n))
  await new Promise(setImmediate)
  expect([order, fair.hasTime]).toEqual([[0, 1, 2, 3, 4, 5], true])
})

test('acknowledgements fall into their buckets', () => {
  const counters = newCounters()
  for (const ms of [0.5, 1, 1.5, 40_000]) countAck(counters, 'a', ms)
  expect([counters.ack.counts[0], counters.ack.counts[1], counters.ack.counts.at(-1), counters.ack.sumMs]).toEqual([
    2, 1, 1, 40_003,
  ])
  expect(counters.recordsByCluster.get('a')).toBe(4)
})

test('what asks to come again says when, and only that does', () => {
  for (const reason of refusalReasons) {
    const { status, ...more } = refusals[reason]
    expect('retryAfterS' in more).toBe(status === 429 || status === 503)
  }
})

test('fuzzing for two seconds finds nothing', async () => {
  const { rounds } = await fuzz(2, 20_261_124)
  expect(rounds).toBeGreaterThan(50)
})
