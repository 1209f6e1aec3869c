import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Store } from './contract.ts'
import { openDuckDbStore } from './duckdb-store.ts'
import { type Feed, startFeed } from './feed.ts'
import { sampleDocument } from './store-suite.ts'

let folder: string
let store: Store
let feed: Feed | null = null

const day1 = Date.parse('2026-11-22T12:00:00Z')
const day2 = Date.parse('2026-11-23T12:00:00Z')
const lines = (from: number, to: number, timeMs: number) =>
  Array.from({ length: to - from }, (_, n) => `${sampleDocument(from + n, timeMs).text}\n`).join('')

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dogwatch-feed-'))
  mkdirSync(join(folder, 'alerts/2026/Nov'), { recursive: true })
  store = await openDuckDbStore({ folder: join(folder, 'store'), memoryMax: 128e6, threads: 1, searchMsMax: 10_000 })
})
afterEach(async () => {
  await feed?.stop()
  feed = null
  await store.close()
  rmSync(folder, { recursive: true })
})

const current = () => join(folder, 'alerts/alerts.json')
const history = (name: string) => join(folder, 'alerts/2026/Nov', name)

function start(): void {
  feed = startFeed({
    store,
    index: 'alerts',
    files: { folder: join(folder, 'alerts'), current: 'alerts.json', history: 'ossec-alerts' },
    report: (error) => {
      throw error
    },
  })
}

async function stored(count: number): Promise<void> {
  for (let n = 0; n < 300; n += 1) {
    const { partitions } = await store.figures()
    const documents = partitions.reduce((sum, partition) => sum + partition.documents, 0)
    expect(documents).toBeLessThanOrEqual(count)
    if (documents === count && feed?.figures().isCaughtUp === true) return
    await sleep(20)
  }
  expect((await store.figures()).partitions).toBe(count)
}

test('what is in the file and what comes is in the store', async () => {
  writeFileSync(current(), lines(0, 5000, day2))
  start()
  await stored(5000)
  appendFileSync(current(), lines(5000, 5001, day2))
  await stored(5001)
  expect(feed?.figures()).toMatchObject({ stored: 5001, duplicates: 0, skipped: 0, lagBytes: 0 })
})

test('a half-written line waits for its end; a torn one is passed over and counted', async () => {
  const [whole, line] = [lines(0, 1, day2), lines(1, 2, day2)]
  writeFileSync(current(), whole + line.slice(0, 50))
  start()
  await stored(1)
  appendFileSync(current(), line.slice(50))
  await stored(2)
  appendFileSync(current(), `{"id": "1.5", "tor\n\n${lines(2, 3, day2)}`)
  await stored(3)
  expect(feed?.figures().skipped).toBe(1)
})

test('a new day loses nothing, watched or not', async () => {
  writeFileSync(current(), lines(0, 10, day1))
  start()
  await stored(10)
  appendFileSync(current(), lines(10, 20, day1))
  renameSync(current(), history('ossec-alerts-22.json'))
  writeFileSync(current(), lines(20, 30, day2))
  await stored(30)
  await feed?.stop()
  // While nobody looks, another day ends and is compressed.
  appendFileSync(current(), lines(30, 40, day2))
  const bytes = lines(20, 40, day2)
  rmSync(current())
  writeFileSync(history('ossec-alerts-23.json.gz'), gzipSync(bytes))
  writeFileSync(history('ossec-alerts-23.json.sum'), 'x')
  writeFileSync(current(), lines(40, 50, day2 + 86_400_000))
  start()
  await stored(50)
  expect(feed?.figures()).toMatchObject({ duplicates: 0, stored: 20 })
})

test('a store without a place takes the whole history, once', async () => {
  writeFileSync(history('ossec-alerts-22.json.gz'), gzipSync(lines(0, 10, day1)))
  writeFileSync(history('ossec-alerts-23.json'), lines(10, 20, day2))
  await store.append('alerts', [sampleDocument(3, day1)])
  start()
  await stored(20)
  expect(feed?.figures().duplicates).toBe(1)
})

test('a place in a file that is gone begins anew', async () => {
  writeFileSync(current(), lines(0, 10, day1))
  start()
  await stored(10)
  await feed?.stop()
  writeFileSync(current(), lines(20, 25, day2))
  start()
  await stored(15)
})
