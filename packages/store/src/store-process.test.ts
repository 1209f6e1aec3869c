import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type StoreProcess, startStoreProcess } from './store-process.ts'
import { sampleDocument, storeSuite } from './store-suite.ts'

let folder: string
let running: StoreProcess | null = null

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dogwatch-store-process-'))
  mkdirSync(join(folder, 'alerts'))
})
afterEach(async () => {
  await running?.stop(5000)
  running = null
  rmSync(folder, { recursive: true })
})

const day = 86_400_000

function start(at = folder): StoreProcess {
  const files = { folder: join(at, 'alerts'), current: 'alerts.json', history: 'ossec-alerts' }
  return startStoreProcess({
    settings: {
      folder: join(at, 'store'),
      memoryMax: 128e6,
      threads: 1,
      searchMsMax: 10_000,
      feeds: [{ index: 'alerts', files }],
      retention: { hotDays: 7, retentionMs: 90 * day, bytesMax: null },
    },
    report: () => {},
  })
}

async function until(what: string, look: () => boolean | Promise<boolean>): Promise<void> {
  for (let n = 0; n < 500; n += 1) {
    if (await look()) return
    await sleep(20)
  }
  throw new Error(`waited in vain for ${what}`)
}

const now = Date.now()
const total = async (process: StoreProcess) => {
  const range = { fromMs: now - day, toMs: now + day }
  const asked = process.store.search({ index: 'alerts', query: { kind: 'all' }, range, limit: 0, order: 'newest' })
  return asked.then(({ total: found }) => found).catch(() => -1)
}

test('killed while it takes in, it loses nothing and stores nothing twice', async () => {
  const lines = (from: number) =>
    Array.from({ length: 3000 }, (_, n) => `${sampleDocument(from + n, now + from + n).text}\n`).join('')
  running = start()
  const process = running
  for (let round = 0; round < 4; round += 1) {
    appendFileSync(join(folder, 'alerts/alerts.json'), lines(round * 3000))
    await until('the store to be open', () => process.trouble() === null)
    await sleep([0, 30, 120, 300][round])
    const pid = process.pid()
    if (pid !== null) globalThis.process.kill(pid, 'SIGKILL')
    await until('its end to be seen', () => process.restarts() > round)
  }
  await until('all documents', async () => (await total(process)) >= 12_000)
  expect(await total(process)).toBe(12_000)
  expect(process.restarts()).toBe(4)
  expect(await process.store.verify()).toEqual([])
})

test('questions while it is down say so', async () => {
  running = start()
  await expect(running.store.verify()).rejects.toMatchObject({ code: 'STORE_DOWN' })
})

test('errors keep their code across the processes', async () => {
  running = start()
  const process = running
  await until('the store to be open', () => process.trouble() === null)
  await expect(process.store.append('alerts', [{ id: '1', timeMs: now, text: 'x' }])).rejects.toMatchObject({
    code: 'STORE_BAD_DOCUMENT',
  })
  await until('figures', () => process.figures() !== null)
  expect(process.figures()?.feeds).toMatchObject([{ index: 'alerts' }])
})

test('two processes never have one store open', async () => {
  running = start()
  const first = running
  await until('the store to be open', () => first.trouble() === null)
  const second = start()
  await until('the refusal', () => /lock/i.test(second.trouble() ?? ''))
  await second.stop(5000)
})

storeSuite('the store process', async () => {
  const place = mkdtempSync(join(tmpdir(), 'dogwatch-store-suite-'))
  mkdirSync(join(place, 'alerts'))
  return {
    async open() {
      const process = start(place)
      await until('the store to be open', () => process.trouble() === null)
      return { ...process.store, close: () => process.stop(5000) }
    },
    remove: async () => rmSync(place, { recursive: true }),
  }
})
