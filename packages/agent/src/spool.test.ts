import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Spool, spoolMessageMax } from './spool.ts'

let dir: string
const told: string[] = []
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'dogwatch-spool-'))
  told.length = 0
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const open = (bytesMax = 1024 * 1024, segmentBytes = 200): Spool =>
  new Spool({ dir, bytesMax, segmentBytes, tell: (_level, text) => told.push(text) })
function all(spool: Spool): string[] {
  const texts: string[] = []
  for (let next = spool.acknowledged + 1; ; ) {
    const entries = spool.read(next, 7)
    texts.push(...entries.map(({ queue, location, message }) => `${queue}:${location}:${message}`))
    const last = entries.at(-1)
    if (last === undefined) return texts
    next = last.number + 1
  }
}
const segments = (): string[] =>
  readdirSync(dir)
    .filter((name) => name.endsWith('.spool'))
    .sort()
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20))

test('messages come out in the order they went in, also after being closed', async () => {
  const spool = open()
  const wanted = Array.from({ length: 50 }, (_, n) => `1:/var/log/ä:message ${n}`)
  await Promise.all(wanted.map((_, n) => spool.append('1', '/var/log/ä', `message ${n}`)))
  expect(all(spool)).toEqual(wanted)
  spool.close()
  expect(segments().length).toBeGreaterThan(3)
  const again = open()
  expect(all(again)).toEqual(wanted)
  await again.append('8', 'syscheck', 'last')
  expect(all(again)).toEqual([...wanted, '8:syscheck:last'])
  again.close()
})

test('what was acknowledged is gone, and numbers go on', async () => {
  const spool = open()
  for (let n = 1; n <= 20; n++) await spool.append('1', 'x', `m${n}`)
  const before = spool.bytes
  spool.acknowledge(15)
  expect(spool.bytes).toBeLessThan(before)
  expect(all(spool)[0]).toBe('1:x:m16')
  spool.acknowledge(20)
  expect([spool.count, spool.bytes]).toEqual([0, 0])
  spool.close()
  const again = open()
  await again.append('1', 'x', 'm21')
  expect(again.read(1, 10).map(({ number }) => number)).toEqual([21])
  again.close()
})

test('a full spool lets senders wait, and goes on in order when there is room', async () => {
  const spool = open(300, 100)
  let kept = 0
  const sends = Array.from({ length: 30 }, (_, n) =>
    spool.append('1', 'x', `message ${String(n).padStart(2, '0')}`).then(() => {
      kept++
    }),
  )
  await pause()
  expect(kept).toBeGreaterThan(3)
  expect(kept).toBeLessThan(30)
  expect(spool.bytes).toBeLessThanOrEqual(300)
  const seen: string[] = []
  while (seen.length < 30) {
    for (const { number, message } of spool.read(spool.acknowledged + 1, 5)) {
      seen.push(message.toString())
      spool.acknowledge(number)
    }
    await pause()
  }
  await Promise.all(sends)
  expect(seen).toEqual(Array.from({ length: 30 }, (_, n) => `message ${String(n).padStart(2, '0')}`))
  spool.close()
})

test('a spool cut at any byte keeps every message before the cut, and takes new ones', async () => {
  const spool = open(1024 * 1024, 1024 * 1024)
  for (let n = 1; n <= 4; n++) await spool.append('1', 'x', `m${n}`)
  spool.close()
  const [name = ''] = segments()
  const whole = readFileSync(join(dir, name))
  const recordLength = (whole.length - 8) / 4
  for (let cut = whole.length; cut >= 0; cut--) {
    writeFileSync(join(dir, name), whole)
    truncateSync(join(dir, name), cut)
    const again = open()
    const left = Math.max(0, Math.floor((cut - 8) / recordLength))
    await again.append('1', 'x', 'new')
    expect(all(again)).toEqual([...['m1', 'm2', 'm3', 'm4'].slice(0, left).map((text) => `1:x:${text}`), '1:x:new'])
    again.close()
    for (const other of segments()) if (other !== name) rmSync(join(dir, other))
  }
})

test('a damaged byte in an older segment loses what is behind it there, which is told', async () => {
  const spool = open(1024 * 1024, 60)
  for (let n = 1; n <= 10; n++) await spool.append('1', 'x', `m${n}`)
  spool.close()
  const [name = ''] = segments()
  const bytes = readFileSync(join(dir, name))
  bytes.writeUInt8(bytes.readUInt8(20) ^ 1, 20)
  writeFileSync(join(dir, name), bytes)
  const again = open()
  expect(told.join()).toMatch(/damaged at byte 8/)
  expect(all(again).at(-1)).toBe('1:x:m10')
  again.close()
})

test('a spool keeps its id, and one that begins anew has another', async () => {
  const spool = open()
  const { id } = spool
  expect(id).toMatch(/^[0-9a-f]{16}$/)
  await spool.append('1', 'x', 'y')
  spool.acknowledge(1)
  spool.close()
  const again = open()
  expect(again.id).toBe(id)
  again.close()
  rmSync(join(dir, 'acknowledged'))
  const anew = open()
  expect(anew.id).not.toBe(id)
  anew.close()
})

test('a file of another version is refused', () => {
  writeFileSync(join(dir, '0000000000000001.spool'), 'DWSPOOL\x02........')
  expect(() => open()).toThrow(/no spool of this version/)
})

test('what cannot be kept is refused', async () => {
  const spool = open()
  await expect(spool.append('1', 'x', Buffer.alloc(spoolMessageMax + 1))).rejects.toThrow('too long')
  spool.close()
  await expect(spool.append('1', 'x', 'y')).rejects.toThrow('closed')
})

test('any bytes come out as they went in', async () => {
  const spool = open(10 * 1024 * 1024, 5000)
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 600 }), fc.string(), async (bytes, location) => {
      const number = spool.acknowledged + spool.count + 1
      await spool.append('1', location, Buffer.from(bytes))
      expect(spool.read(number, 1)).toEqual([
        { number, queue: '1', location: Buffer.from(location).toString(), message: Buffer.from(bytes) },
      ])
      if (number % 3 === 0) spool.acknowledge(number - 1)
    }),
    { numRuns: 60 },
  )
  spool.close()
})

test('a word about the spool itself is kept though it is full, before what waits', async () => {
  const spool = open(300, 100)
  const sends = Array.from({ length: 30 }, (_, n) => spool.append('1', 'x', `message ${n}`).catch(() => {}))
  await pause()
  expect(spool.isFull).toBe(true)
  await spool.appendNotice('1', 'wazuh-agent', 'full')
  const texts = all(spool)
  expect(texts.at(-1)).toBe('1:wazuh-agent:full')
  expect(texts.length).toBeLessThan(30)
  spool.acknowledge(spool.last)
  await pause()
  expect(all(spool)[0]).toBe(`1:x:message ${texts.length - 1}`)
  spool.close()
  await Promise.all(sends)
})
