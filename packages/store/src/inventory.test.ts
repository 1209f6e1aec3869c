import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, describe, expect, test } from 'vitest'
import { type InventoryQuery, openInventory } from './inventory.ts'

const folder = mkdtempSync(join(tmpdir(), 'dogwatch-inventory-'))
afterAll(() => rmSync(folder, { recursive: true }))
let n = 0
const fresh = (max?: number) => openInventory(join(folder, `${++n}.db`), max)

const entry = (key: string, digit = '1') => ({
  component: 'fim_file' as const,
  key,
  dateS: 5,
  checksum: digit.repeat(40),
  attributes: { size: 3, hash_md5: 'AbC' },
})
const every: InventoryQuery = { component: null, key: null, search: '', offset: 0, limit: 100 }

describe('inventory', () => {
  test('a range’s checksum goes over its entries in the order of their bytes', () => {
    const inventory = fresh()
    // By UTF-16 units the last two would stand the other way round.
    for (const [key, digit] of [
      ['/\u{1F600}', '3'],
      ['/\uFFEE', '2'],
      ['/a', '1'],
    ] as const)
      inventory.put('001', entry(key, digit), false)
    inventory.put('002', entry('/b'), false)
    const sum = (text: string) => createHash('sha1').update(text).digest('hex')
    expect(inventory.sumOf('001', 'fim_file', '/a', '/\u{1F600}')).toEqual({
      count: 3,
      checksum: sum('1'.repeat(40) + '2'.repeat(40) + '3'.repeat(40)),
    })
    expect(inventory.sumOf('001', 'fim_file', '/b', '/c').count).toBe(0)
    inventory.close()
  })

  test('what is outside of a range, and between two keys, can be removed', () => {
    const inventory = fresh()
    for (const key of ['/a', '/b', '/c', '/d', '/e']) inventory.put('001', entry(key), false)
    inventory.keepOnly('001', 'fim_file', '/b', '/e')
    inventory.removeBetween('001', 'fim_file', '/b', '/d')
    expect(inventory.find('001', every).entries.map(({ key }) => key)).toEqual(['/b', '/d', '/e'])
    inventory.close()
  })

  test('changes are counted, entries without a change are not', () => {
    const inventory = fresh()
    inventory.put('001', entry('/a'), false)
    inventory.put('001', entry('/a'), true)
    inventory.put('001', entry('/a'), false)
    expect(inventory.find('001', every).entries[0]?.changes).toBe(1)
    inventory.close()
  })

  test('an agent has no more entries than it may, and room again when some are gone', () => {
    const inventory = fresh(2)
    expect(['/a', '/b', '/c'].map((key) => inventory.put('001', entry(key), false))).toEqual([true, true, false])
    expect(inventory.put('001', entry('/b'), true)).toBe(true)
    expect(inventory.put('002', entry('/c'), false)).toBe(true)
    inventory.remove('001', 'fim_file', '/a')
    expect(inventory.put('001', entry('/c'), false)).toBe(true)
    inventory.close()
  })

  test.each([
    ['all of an agent', {}, 2],
    ['text of a key, case aside', { search: '/ETC' }, 1],
    ['text of a value', { search: 'abc' }, 2],
    ['not the name of an attribute', { search: 'hash' }, 0],
    ['one key', { key: '/var' }, 1],
    ['one component', { component: 'fim_registry_key' as const }, 0],
    ['a text that would end SQL', { search: "' OR 1=1 --" }, 0],
  ])('finds %s', (_, query, total) => {
    const inventory = fresh()
    for (const key of ['/etc', '/var']) inventory.put('001', entry(key), false)
    inventory.put('002', entry('/etc'), false)
    expect(inventory.find('001', { ...every, ...query }).total).toBe(total)
    inventory.close()
  })

  test('entries and times of scans are there after it was closed; what threw is undone', () => {
    const path = join(folder, 'again.db')
    const before = openInventory(path)
    before.together(() => {
      before.put('001', entry('/a'), false)
      before.putScan('001', 'start', 7)
      before.putScan('001', 'end', 9)
    })
    expect(() =>
      before.together(() => {
        before.put('001', entry('/b'), false)
        throw new Error('no')
      }),
    ).toThrow('no')
    before.close()
    const after = openInventory(path)
    expect(after.find('001', every).entries.map(({ key }) => key)).toEqual(['/a'])
    expect(after.lastScan('001')).toEqual({ startS: 7, endS: 9 })
    after.clear('001', null)
    expect([after.find('001', every).total, after.lastScan('001')]).toEqual([0, { startS: null, endS: null }])
    after.close()
  })

  test('a file of a later version is refused with its name', () => {
    const path = join(folder, 'later.db')
    const later = new DatabaseSync(path)
    later.exec('PRAGMA user_version = 99')
    later.close()
    expect(() => openInventory(path)).toThrow(/later\.db has version 99/)
  })
})
