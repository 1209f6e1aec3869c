import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { certPaths, certsInit } from '@dogwatch/certs'
import { type Counter, nextCounter } from '@dogwatch/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Spool } from '../spool.ts'
import { ManagerLink } from './manager-link.ts'
import { TestManager, testEntry } from './test-manager.ts'

let home = ''
let otherHome = ''
let manager: TestManager
let link: ManagerLink
let spoolFolder = ''
const told: string[] = []

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'line-certs-'))
  otherHome = mkdtempSync(join(tmpdir(), 'line-others-'))
  for (const each of [home, otherHome]) await certsInit({ home: each, names: ['127.0.0.1'] })
})
afterAll(() => {
  for (const each of [home, otherHome]) rmSync(each, { recursive: true })
})
beforeEach(() => {
  manager = new TestManager()
  told.length = 0
  spoolFolder = mkdtempSync(join(tmpdir(), 'line-spool-'))
})
afterEach(async () => {
  await link.stop()
  await manager.close()
  rmSync(spoolFolder, { recursive: true })
})

const pair = () => ({ cert: readFileSync(certPaths(home).server), key: readFileSync(certPaths(home).serverKey) })
const caOf = (folder: string): string => readFileSync(certPaths(folder).ca, 'utf8')

function start(ca: string): void {
  let counter: Counter = { global: 0, local: 0 }
  link = new ManagerLink({
    servers: [{ address: '127.0.0.1', port: manager.port }],
    ca,
    entry: testEntry,
    spool: new Spool({ dir: spoolFolder, bytesMax: 1024 * 1024, tell: () => {} }),
    counter: {
      next: () => {
        counter = nextCounter(counter)
        return counter
      },
    },
    keepAlive: () => 'Linux |node - Wazuh v4.14.7\nx merged.mg\n',
    version: 'v4.14.7',
    notifyTimeS: 10,
    reconnectTimeS: 60,
    epsMax: 0,
    tell: (_level, text) => void told.push(text),
    onControl: async () => null,
    random: () => 7,
    retryMs: 1,
    retryMsMax: 5,
  })
  link.start()
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('with an authority the line is in TLS', async () => {
  await manager.listen(0, pair())
  start(caOf(home))
  await until(() => manager.keepAlives > 0 && link.isConnected)
  expect(told).toEqual([`connected to 127.0.0.1:${manager.port}`])
})

test('a manager that knows no TLS is spoken to without', async () => {
  await manager.listen()
  start(caOf(home))
  await until(() => link.isConnected)
  expect(told[0]).toContain('takes no TLS on this port; going on without')
})

test('a manager of another authority is never spoken to', async () => {
  await manager.listen(0, pair())
  start(caOf(otherHome))
  await until(() => told.length === 3)
  expect(told.every((text) => /certificate/.test(text))).toBe(true)
  expect([manager.keepAlives, manager.refused]).toEqual([0, 0])
})
