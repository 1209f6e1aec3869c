import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Store } from './contract.ts'
import { openDuckDbStore } from './duckdb-store.ts'
import { sampleDocument } from './store-suite.ts'
import { exportLines, importFile } from './transfer.ts'

let folder: string
let store: Store
const noon = Date.parse('2026-11-24T12:00:00Z')
const range = { fromMs: 0, toMs: 2e12 }
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dogwatch-transfer-'))
  store = await openDuckDbStore({ folder: join(folder, 'store'), memoryMax: 128e6, threads: 1, searchMsMax: 10_000 })
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

test('what was imported is exported again, byte for byte and in order', async () => {
  const lines = Array.from({ length: 2500 }, (_, n) => sampleDocument(n, noon + n).text)
  const path = join(folder, 'alerts.json.gz')
  writeFileSync(path, gzipSync(`${lines.join('\n')}\nno json\n{"id":"1.1"}\n\n`))
  expect(await importFile(store, 'alerts', path)).toEqual({ stored: 2500, duplicates: 0, skipped: 2 })
  expect(await importFile(store, 'alerts', path)).toEqual({ stored: 0, duplicates: 2500, skipped: 2 })
  const exported: string[] = []
  for await (const line of exportLines(store, { index: 'alerts', query: { kind: 'all' }, range })) exported.push(line)
  expect(exported).toEqual(lines)
})

test('a file that is not there, or ends too early, is named', async () => {
  const torn = join(folder, 'torn.gz')
  writeFileSync(torn, gzipSync('x'.repeat(1000)).subarray(0, 20))
  for (const path of [torn, join(folder, 'none')]) {
    await expect(importFile(store, 'alerts', path)).rejects.toThrow(path)
  }
})
