import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseQuery } from '@dogwatch/query'
import { expect, test } from 'vitest'
import { openDuckDbStore } from './duckdb-store.ts'
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
