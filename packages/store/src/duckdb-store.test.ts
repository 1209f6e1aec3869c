import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseQuery } from '@dogwatch/query'
import { expect, test } from 'vitest'
import { openDuckDbStore } from './duckdb-store.ts'
import { sealedName } from './partitions.ts'
import { sampleDocument, storeSuite } from './store-suite.ts'

const options = { memoryMax: 128e6, threads: 1, searchMsMax: 10_000 }

function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), 'dogwatch-store-'))
}

storeSuite('DuckDB', async () => {
  const folder = temporaryFolder()
  return {
    open: () => openDuckDbStore({ folder, ...options }),
    remove: async () => rmSync(folder, { recursive: true }),
  }
})

test('a file that is no store is refused by its name', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'dogwatch.duckdb'), 'x'.repeat(5000))
  await expect(openDuckDbStore({ folder, ...options })).rejects.toMatchObject({
    code: 'STORE_CANNOT_OPEN',
    message: expect.stringContaining('dogwatch.duckdb'),
  })
  rmSync(folder, { recursive: true })
})

test('a search that takes too long is broken off and says what to do', async () => {
  const folder = temporaryFolder()
  const store = await openDuckDbStore({ folder, ...options, searchMsMax: 1 })
  for (let n = 0; n < 20; n += 1) {
    const documents = Array.from({ length: 2000 }, (_, k) => sampleDocument(n * 2000 + k, 1_800_000_000_000 + n))
    await store.append('alerts', documents)
  }
  const query = parseQuery('data.a:b* or data.c:d* or data.e:f*').query ?? { kind: 'all' }
  const range = { fromMs: 0, toMs: 2e12 }
  await expect(store.search({ index: 'alerts', query, range, limit: 1, order: 'newest' })).rejects.toMatchObject({
    code: 'STORE_SEARCH_TOO_LONG',
    message: expect.stringContaining('shorter time range'),
  })
  await store.close()
  rmSync(folder, { recursive: true })
})

test('a day of many documents is sealed with little memory, and a day that cannot be keeps no other from leaving', async () => {
  const folder = temporaryFolder()
  const store = await openDuckDbStore({ folder, ...options, memoryMax: 104e6, threads: 2 })
  const dayMs = 86_400_000
  const [old, full] = [20_000 * dayMs, 20_010 * dayMs]
  await store.append('alerts', [sampleDocument(0, old)])
  let seed = 1
  const word = (): string => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
    return seed.toString(36)
  }
  for (let n = 0; n < 12; n += 1) {
    const documents = Array.from({ length: 2000 }, (_, k) =>
      sampleDocument(n * 2000 + k, full + n * 2000 + k, {
        data: { n: k % 5, text: Array.from({ length: 320 }, word).join(' ') },
      }),
    )
    await store.append('alerts', documents)
  }
  const retention = { nowMs: full + 30 * dayMs, hotDays: 1, retentionMs: 35 * dayMs, bytesMax: null }
  const days = async () => (await store.figures()).partitions.map(({ day, isSealed }) => [day, isSealed])
  await store.retain(retention)
  expect(await days()).toEqual([['2024-10-14', true]])
  // Members that have no column of their own are read from the documents themselves.
  const within = { index: 'alerts', range: { fromMs: full, toMs: full + dayMs }, limit: 1, order: 'newest' } as const
  for (const query of ['data.text:* and data.other:x', 'not data.text:2']) {
    const found = await store.search({ ...within, query: parseQuery(query).query ?? { kind: 'all' } })
    expect([query, found.total]).toEqual([query, query.startsWith('not') ? 24_000 : 0])
  }
  // Several at once find too little memory, and then have it one after the other.
  const asked = { index: 'alerts', range: within.range, query: { kind: 'all' }, field: 'data.n', limit: 2 } as const
  const answers = await Promise.all(Array.from({ length: 6 }, () => store.terms(asked)))
  for (const { terms } of answers) expect(terms.map(({ count }) => count)).toEqual([4800, 4800])
  await store.append('alerts', [sampleDocument(1, full + dayMs)])
  mkdirSync(join(folder, 'sealed', sealedName('alerts', '2024-10-15')))
  await expect(store.retain(retention)).rejects.toThrow(/2024.10.15/)
  expect(await days()).toEqual([
    ['2024-10-14', true],
    ['2024-10-15', false],
  ])
  expect(await store.verify()).toEqual([])
  // The disk is full: the oldest day leaves though the other cannot be sealed.
  await expect(store.retain({ ...retention, bytesMax: 1 })).rejects.toThrow(/2024.10.15/)
  expect(await days()).toEqual([['2024-10-15', false]])
  await store.close()
  rmSync(folder, { recursive: true })
})
