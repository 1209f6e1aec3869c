import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { certPaths, certsInit } from '@dogwatch/certs'
import { type Counter, nextCounter } from '@dogwatch/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Spool } from '../spool.ts'
import { type LinkOptions, ManagerLink } from './manager-link.ts'
import { TestManager, testEntry } from './test-manager.ts'
import { TlsManagers } from './tls-managers.ts'

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

function start(ca: string | null, more: Partial<LinkOptions> = {}): void {
  let counter: Counter = { global: 0, local: 0 }
  link = new ManagerLink({
    servers: [{ address: '127.0.0.1', port: manager.port }],
    ...(ca === null ? {} : { ca }),
    entry: testEntry,
    spool: new Spool({ dir: spoolFolder, bytesMax: 1024 * 1024, tell: () => {} }),
    ...more,
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
  expect(link.isInTls).toBe(true)
  expect(told).toEqual([`connected to 127.0.0.1:${manager.port}`])
})

const managersFile = (): string => join(spoolFolder, 'tls-managers')
const remembered = (): TlsManagers => new TlsManagers(managersFile())

test('a manager that took TLS once is not spoken to without it, also after a restart; elsewhere it may be', async () => {
  await manager.listen(0, pair())
  start(caOf(home), { tlsManagers: remembered() })
  await until(() => link.isConnected)
  await link.stop()
  expect(readFileSync(managersFile(), 'utf8')).toBe(`127.0.0.1:${manager.port}\n`)
  // The same place, yet TLS is cut off: somebody on the line, or another manager.
  const { port } = manager
  await manager.close()
  await manager.listen(port)
  told.length = 0
  start(caOf(home), { tlsManagers: remembered() })
  await until(() => told.length === 3)
  expect(
    told.every((text) => /takes no TLS on this port; it took it before.*nothing is sent without it/.test(text)),
  ).toBe(true)
  expect([manager.refused, manager.keepAlives, link.isConnected]).toEqual([0, 0, false])
  await link.stop()
  // One that was never spoken to in TLS may know none.
  await manager.close()
  await manager.listen()
  start(caOf(home), { tlsManagers: remembered() })
  await until(() => link.isConnected)
})

test('where it is required, nobody is spoken to without TLS, remembered or not', async () => {
  await manager.listen()
  start(caOf(home), { tls: 'required' })
  await until(() => told.length === 3)
  expect(told.every((text) => /takes no TLS on this port; nothing is sent without it \(<tls>required/.test(text))).toBe(
    true,
  )
  expect([manager.refused, manager.keepAlives]).toEqual([0, 0])
  expect(link.reason).toBe(told[0]?.replace(/^[^ ]+ /, ''))
})

test('where it is required and the authority cannot be read, nothing is sent', async () => {
  await manager.listen()
  start(null, { tls: 'required' })
  await until(() => told.length === 3)
  expect(told[0]).toMatch(/there is no authority to check the manager by; nothing is sent without it/)
  expect([manager.refused, manager.keepAlives]).toEqual([0, 0])
})

test('an authority that can no longer be read gives up no TLS that was there', async () => {
  await manager.listen()
  const tlsManagers = remembered()
  tlsManagers.add(`127.0.0.1:${manager.port}`)
  start(null, { tlsManagers })
  await until(() => told.length === 3)
  expect(told[0]).toMatch(/there is no authority/)
  expect(manager.keepAlives).toBe(0)
})

test('a manager that says why it takes nobody without TLS is told of, and asked for no other key', async () => {
  manager.refusal = 'this manager takes you in TLS only'
  await manager.listen()
  let asked = 0
  const onRefused = async (): Promise<null> => {
    asked++
    return null
  }
  start(null, { retriesMax: 1, onRefused })
  const says = 'the manager says: this manager takes you in TLS only'
  await until(() => told.filter((text) => text.endsWith(`${says}; 0 messages wait`)).length === 3)
  expect([link.reason, link.isConnected, asked]).toEqual([says, false, 0])
  // One that closes without a word may not know the key.
  manager.refusal = null
  manager.entry = { ...testEntry, key: 'cd'.repeat(32) }
  await until(() => asked > 0)
  expect(manager.refused).toBeGreaterThan(0)
})

test('where it is not wanted, it is not tried', async () => {
  await manager.listen()
  start(caOf(home), { tls: 'no' })
  await until(() => link.isConnected)
  expect(told).toEqual([`connected to 127.0.0.1:${manager.port}`])
})

test('managers are remembered over restarts, and no more of them than a hundred', () => {
  for (let n = 0; n < 150; n++) remembered().add(`m${n}:1514`)
  expect([remembered().has('m149:1514'), remembered().has('m0:1514')]).toEqual([true, false])
  expect(readFileSync(managersFile(), 'utf8').split('\n').length).toBeLessThanOrEqual(102)
})

test('a manager that knows no TLS is spoken to without', async () => {
  await manager.listen()
  start(caOf(home))
  await until(() => link.isConnected)
  expect(told[0]).toContain('takes no TLS on this port; going on without')
  expect(link.isInTls).toBe(false)
})

test('a manager of another authority is never spoken to', async () => {
  await manager.listen(0, pair())
  start(caOf(otherHome))
  await until(() => told.length === 3)
  expect(told.every((text) => /certificate/.test(text))).toBe(true)
  expect([manager.keepAlives, manager.refused]).toEqual([0, 0])
})
