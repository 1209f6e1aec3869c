import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { eventPayload, type Queue, withOrigin } from '@dogwatch/protocol'
import { type InventoryQuery, openInventory } from '@dogwatch/store'
import fc from 'fast-check'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { AgentInventories, threadOf } from './agents-inventory.ts'
import { readFileMessage, takeFileMessage } from './agents-inventory-message.ts'

const folder = mkdtempSync(join(tmpdir(), 'dogwatch-inventories-'))
afterAll(() => rmSync(folder, { recursive: true }))
const every: InventoryQuery = { component: null, key: null, search: '', offset: 0, limit: 100 }
const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex')
const read = (queue: string, value: unknown) => readFileMessage(queue, Buffer.from(JSON.stringify(value)))

const attributes = { type: 'file', size: 42, perm: 'rw-r--r--', inode: '1311', mtime: 7, checksum: 'a'.repeat(40) }
const event = (type: string, path = '/etc/app.conf', more: object = {}) => ({
  type: 'event',
  data: { path, mode: 'realtime', type, timestamp: 9, attributes: { ...attributes, ...more } },
})
const check = (part: string, begin: string, end: string, checksum: string, more: object = {}) => ({
  component: 'fim_file',
  type: `integrity_check_${part}`,
  data: { id: 17, begin, end, checksum, ...more },
})

describe('messages about files', () => {
  test.each([
    ['an added file is put', '8', event('added'), { kind: 'put', key: '/etc/app.conf', isChange: false, dateS: 9 }],
    ['a modified one counts as a change', '8', event('modified'), { kind: 'put', isChange: true }],
    ['a deleted one is removed', '8', event('deleted'), { kind: 'remove', key: '/etc/app.conf' }],
    ['a number as inode, as older agents say it', '8', event('added', '/a', { inode: 5 }), { kind: 'put' }],
    ['the start of a scan', '8', { type: 'scan_start', data: { timestamp: 3 } }, { kind: 'scan', mark: 'start' }],
    ['the end of a scan', '8', { type: 'scan_end', data: { timestamp: 3 } }, { kind: 'scan', mark: 'end', timeS: 3 }],
    [
      'a registry value by its index',
      '8',
      {
        type: 'event',
        data: {
          path: 'HKEY_X',
          arch: '[x64]',
          value_name: 'v',
          index: 'abc',
          type: 'added',
          timestamp: 1,
          attributes: { type: 'registry_value', value_type: 'REG_SZ' },
        },
      },
      { kind: 'put', component: 'fim_registry_value', key: 'abc' },
    ],
    [
      'a row of a comparison',
      '5',
      { component: 'fim_file', type: 'state', data: { index: '/a', timestamp: 4, attributes } },
      { kind: 'put', key: '/a', isChange: false, checksum: 'a'.repeat(40) },
    ],
    [
      'that an agent has nothing',
      '5',
      { component: 'fim_file', type: 'integrity_clear', data: { id: 1 } },
      { kind: 'clear' },
    ],
  ])('%s', (_, queue, message, wanted) => {
    expect(read(queue, message)).toMatchObject(wanted)
  })

  test.each([
    ['no JSON', '8', Buffer.from('{')],
    ['a list', '8', Buffer.from('[]')],
    ['no data', '8', Buffer.from('{"type":"event"}')],
    ['another component', '5', Buffer.from('{"component":"syscollector_ports","type":"integrity_clear","data":{}}')],
    ['a type of the prototype', '8', Buffer.from(JSON.stringify(event('added', '/a', { type: '__proto__' })))],
    ['an empty path', '8', Buffer.from(JSON.stringify(event('added', '')))],
    ['a path with NUL', '8', Buffer.from(JSON.stringify(event('added', '/a\0b')))],
    ['a path that is too long', '8', Buffer.from(JSON.stringify(event('added', `/${'a'.repeat(9000)}`)))],
    [
      'half a surrogate pair',
      '8',
      Buffer.from(
        '{"type":"event","data":{"path":"\\ud800","type":"deleted","timestamp":1,"attributes":{"type":"file"}}}',
      ),
    ],
    ['a checksum that is none', '5', Buffer.from(JSON.stringify(check('global', '/a', '/b', 'x')))],
    ['a part that there is not', '5', Buffer.from(JSON.stringify(check('middle', '/a', '/b', 'a'.repeat(40))))],
    ['too many bytes', '8', Buffer.alloc(200_000, 0x20)],
  ])('%s changes nothing', (_, queue, bytes) => {
    expect(readFileMessage(queue, bytes)).toBeNull()
  })

  test('whatever the bytes, reading and taking do not throw, and what was put can be read', () => {
    const inventory = openInventory(':memory:')
    const word = fc.constantFrom(
      'event',
      'state',
      'added',
      'modified',
      'deleted',
      'file',
      'fim_file',
      '/a',
      'integrity_check_left',
      'a'.repeat(40),
    )
    const key = fc.constantFrom(
      'type',
      'data',
      'component',
      'attributes',
      'path',
      'index',
      'timestamp',
      'checksum',
      'begin',
      'end',
      'tail',
      'id',
      '__proto__',
    )
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        word,
        fc.jsonValue({ maxDepth: 1 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 8 }),
      ),
    }))
    fc.assert(
      fc.property(fc.constantFrom('8', '5'), fc.oneof(tree, fc.uint8Array({ maxLength: 60 })), (queue, value) => {
        const bytes = value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(JSON.stringify(value))
        const message = readFileMessage(queue, bytes)
        if (message === null) return
        takeFileMessage(inventory, '001', message, () => {})
        if (message.kind === 'put')
          expect(inventory.find('001', { ...every, key: message.key }).total).toBeGreaterThan(0)
      }),
    )
    inventory.close()
  })
})

/** An agent that halves ranges as the protocol says, and its manager, until nothing is said any more. */
function synchronise(inventory: ReturnType<typeof openInventory>, rows: ReadonlyMap<string, string>): number {
  const keys = [...rows.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const between = (begin: string, end: string): string[] => keys.slice(keys.indexOf(begin), keys.indexOf(end) + 1)
  const sum = (range: readonly string[]): string => sha1(range.map((key) => rows.get(key) ?? '').join(''))
  const [first] = keys
  const last = keys.at(-1)
  const outbox: unknown[] =
    first === undefined || last === undefined
      ? [{ component: 'fim_file', type: 'integrity_clear', data: { id: 1 } }]
      : [check('global', first, last, sum(keys))]
  let said = 0
  for (let message = outbox.shift(); message !== undefined; message = outbox.shift()) {
    said++
    const parsed = read('5', message)
    if (parsed === null) throw new Error('not read')
    const answer = takeFileMessage(inventory, '001', parsed, () => {})
    if (answer === null) continue
    const [, word, json = ''] = /^#!-fim_file dbsync (no_data|checksum_fail) (.*)$/s.exec(answer) ?? []
    const { begin, end } = JSON.parse(json)
    const range = between(begin, end)
    if (word === 'no_data' || range.length === 1)
      for (const key of range)
        outbox.push({
          component: 'fim_file',
          type: 'state',
          data: { index: key, timestamp: 1, attributes: { type: 'file', checksum: rows.get(key) } },
        })
    else {
      const half = Math.floor(range.length / 2)
      const [left, right] = [range.slice(0, half), range.slice(half)]
      const ends = (part: readonly string[]): [string, string, string] => [part[0] ?? '', part.at(-1) ?? '', sum(part)]
      outbox.push(check('left', ...ends(left), { tail: right[0] }), check('right', ...ends(right)))
    }
  }
  return said
}

describe('comparison', () => {
  test('whatever both have, the manager has what the agent has in the end, and then one question is enough', () => {
    const rows = fc.dictionary(
      fc.string({ minLength: 1, maxLength: 4, unit: fc.constantFrom('a', 'b', '/', 'é', '\uFFEE', '\u{1F600}') }),
      fc.constantFrom('a', 'b', 'c'),
      { maxKeys: 30 },
    )
    // A range's checksum does not hold the keys: a file renamed between its neighbours, inode and all, is the protocol's blind spot. Its event tells it.
    const summed = (files: Readonly<Record<string, string>>) =>
      Object.entries(files).map(([key, state]) => [key, sha1(`${key} ${state}`)] as const)
    fc.assert(
      fc.property(rows, rows, (ofManager, ofAgent) => {
        const inventory = openInventory(':memory:')
        for (const [key, checksum] of summed(ofManager))
          inventory.put('001', { component: 'fim_file', key, dateS: 0, checksum, attributes: {} }, false)
        const wanted = new Map(summed(ofAgent))
        synchronise(inventory, wanted)
        const { entries } = inventory.find('001', every)
        expect(new Set(entries.map(({ key }) => key))).toEqual(new Set(wanted.keys()))
        expect(synchronise(inventory, wanted)).toBe(1)
        inventory.close()
      }),
    )
  })
})

describe('inventories of the manager', () => {
  test('events of agents are kept, comparisons are answered, and what was waiting is taken in before the end', async () => {
    const path = join(folder, 'kept.db')
    const sent: string[] = []
    const troubles: string[] = []
    const inventories = new AgentInventories({
      path,
      send: (agent, text) => sent.push(`${agent} ${text}`),
      onTrouble: (problem) => troubles.push(problem),
    })
    const take = (queue: Queue, location: string, value: unknown): void => {
      const text = typeof value === 'string' ? value : JSON.stringify(value)
      inventories.take('001', withOrigin(eventPayload(queue, location, text), { id: '001', name: 'a', ip: 'any' }))
    }
    take('8', 'syscheck', event('added'))
    take('1', 'syscheck', event('added', '/not/a/file/event'))
    take('8', 'elsewhere', event('added', '/from/elsewhere'))
    take('8', 'syscheck', 'broken')
    take('8', 'syscheck', { type: 'scan_end', data: { timestamp: 12 } })
    take('5', 'fim_file', check('global', '/etc/app.conf', '/etc/app.conf', 'a'.repeat(40)))
    take('5', 'fim_file', check('global', '/etc/app.conf', '/x', sha1('a'.repeat(40))))
    expect((await inventories.find('001', every)).total).toBe(1)
    expect(await inventories.lastScan('001')).toEqual({ startS: null, endS: 12 })
    take('8', 'syscheck', event('added', '/late'))
    await inventories.close()
    expect(sent).toEqual([
      '001 #!-fim_file dbsync checksum_fail {"id":17,"begin":"/etc/app.conf","end":"/etc/app.conf"}',
    ])
    expect(inventories.dropped).toEqual({ malformed: 1, full: 0, waiting: 0, failed: 0 })
    expect(troubles).toEqual([])
    const kept = openInventory(path)
    expect(kept.find('001', every).entries.map(({ key }) => key)).toEqual(['/etc/app.conf', '/late'])
    kept.close()
  })

  test('a thread that fails while it is asked to end rejects the closing and nothing else', async () => {
    const path = join(folder, 'missing/y.db')
    const inventories = new AgentInventories({ path, send: () => {}, onTrouble: () => {} })
    await expect(inventories.close()).rejects.toThrow()
  })

  test('a database that cannot be opened is told, and everything else goes on', async () => {
    const troubles: string[] = []
    const inventories = new AgentInventories({
      path: join(folder, 'missing/x.db'),
      send: () => {},
      onTrouble: (problem) => troubles.push(problem),
    })
    await expect(inventories.find('001', every)).rejects.toThrow()
    await vi.waitFor(() => expect(troubles.at(-1)).toMatch(/until the manager starts again$/), { timeout: 20_000 })
    const message = eventPayload('8', 'syscheck', '{}')
    inventories.take('001', withOrigin(message, { id: '001', name: 'a', ip: 'any' }))
    expect(inventories.dropped.waiting).toBe(1)
    // The first start, and five more.
    expect(troubles).toHaveLength(6)
    await inventories.close()
  })

  test('a thread that dies is started again; what it was asked fails, and what it kept is there', async () => {
    const threads: Worker[] = []
    const troubles: string[] = []
    const inventories = new AgentInventories({
      path: join(folder, 'again.db'),
      send: () => {},
      onTrouble: (problem) => troubles.push(problem),
      startThread(path) {
        const thread = threadOf(path)
        threads.push(thread)
        return thread
      },
    })
    const origin = { id: '001', name: 'a', ip: 'any' }
    const added = (path: string) =>
      withOrigin(eventPayload('8', 'syscheck', JSON.stringify(event('added', path))), origin)
    inventories.take('001', added('/before'))
    expect((await inventories.find('001', every)).total).toBe(1)
    const asked = inventories.find('001', every).catch((error: Error) => error.message)
    await threads[0]?.terminate()
    // It was asked just before its end: answered, or refused, but not left waiting.
    const answer = await asked
    expect(typeof answer === 'string' || answer.total === 1).toBe(true)
    inventories.take('001', added('/after'))
    expect((await inventories.find('001', every)).entries.map(({ key }) => key)).toEqual(['/after', '/before'])
    await inventories.close()
    expect(threads).toHaveLength(2)
    expect(troubles).toEqual(['the thread of the inventory has ended; it is started again'])
  })
})
