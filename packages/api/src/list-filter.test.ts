import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ApiError } from './error.ts'
import { listPage } from './list-filter.ts'

const nowMs = Date.parse('2026-11-24T12:00:00Z')
const items = [
  {
    id: '001',
    name: 'web',
    status: 'active',
    group: ['default', 'dmz'],
    os: { platform: 'debian' },
    lastKeepAlive: '2026-11-24T11:59:00+00:00',
    count: 9,
  },
  {
    id: '002',
    name: 'db',
    status: 'disconnected',
    group: ['default'],
    os: { platform: 'ubuntu' },
    lastKeepAlive: '2026-11-23T11:59:00+00:00',
    count: 10,
  },
  { id: '003', name: 'new', status: 'never_connected', group: ['default'], count: 1 },
]
const ids = (query: object): unknown[] => listPage(items, query, nowMs).page.map((item) => Object.values(item)[0])

describe('lists', () => {
  test.each([
    ['equal', 'status=active', ['001']],
    ['and binds closer than or', 'status=active,status=disconnected;name=db', ['001', '002']],
    ['parentheses', '(status=active,status=disconnected);name=db', ['002']],
    ['not equal holds where the field is missing', 'os.platform!=debian', ['002', '003']],
    ['like, in any case', 'name~W', ['001', '003']],
    ['numbers by their value', 'count>9', ['002']],
    ['longer ago', 'lastKeepAlive>1h', ['002']],
    ['not so long ago', 'lastKeepAlive<1h', ['001']],
    ['one of a list', 'group=dmz', ['001']],
    ['none of a list', 'group!=dmz', ['002', '003']],
  ] as const)('q: %s', (_, q, wanted) => {
    expect(ids({ q })).toEqual(wanted)
  })

  test.each([
    ['no operator', 'status', 1409],
    ['no such field', 'nothing=1', 1408],
    ['an open parenthesis', '(status=active', 1407],
    ['something behind the end', 'status=active)', 1407],
    ['no value', 'status=', 1407],
    ['nothing between', 'status=active;;name=db', 1407],
    ['too many conditions', Array(101).fill('name=x').join(','), 1407],
  ] as const)('q with %s is refused', (_, q, code) => {
    expect(() => listPage(items, { q }, nowMs)).toThrow(expect.objectContaining({ code }))
  })

  test('select takes nested fields, distinct leaves out the same', () => {
    expect(listPage(items, { select: 'os.platform' }, nowMs).page).toEqual([
      { os: { platform: 'debian' } },
      { os: { platform: 'ubuntu' } },
      {},
    ])
    const twice = listPage([...items, ...items], { select: 'status', distinct: true, limit: 2 }, nowMs)
    expect(twice).toEqual({ page: [{ status: 'active' }, { status: 'disconnected' }], total: 3 })
    expect(() => listPage(items, { select: 'os.nothing' }, nowMs)).toThrow(expect.objectContaining({ code: 1724 }))
    expect(() => listPage(items, { sort: 'nothing' }, nowMs)).toThrow(expect.objectContaining({ code: 1403 }))
  })

  test('search, sort and paging', () => {
    expect(ids({ search: '-never', sort: '-count' })).toEqual(['002', '001'])
    expect(ids({ sort: 'os.platform,-id', offset: 1, limit: 1 })).toEqual(['001'])
  })

  test.each([
    ['sorting', { sort: 'x,-x,x' }],
    ['choosing the same field again and again', { select: Array(100).fill('x').join(',') }],
    ['a condition', { q: 'x>5' }],
  ] as const)('%s reads each item once', (_, query) => {
    let reads = 0
    const counted = Array.from({ length: 100 }, (_item, n) => ({
      get x() {
        reads++
        return (n * 37) % 100
      },
    }))
    listPage(counted, query, nowMs)
    // One more: whether there is such a field.
    expect(reads).toBe(101)
  })

  test('whatever q says: a page or a refusal', () => {
    const q = fc
      .array(fc.constantFrom('name', '=', '!=', '~', '<', '>', ';', ',', '(', ')', 'web', '1h', '__proto__', '.', ' '))
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.oneof(q, fc.string()), fc.string(), (text, select) => {
        try {
          expect(listPage(items, { q: text, select }, nowMs).page.length).toBeLessThanOrEqual(3)
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
