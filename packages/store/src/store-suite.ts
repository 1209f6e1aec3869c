/** The Store contract as tests; each implementation runs them on itself. */
import { parseQuery, type Query, quoted } from '@dogwatch/query'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { appendCountMax, type Document, type SortField, type Store, type TimeRange } from './contract.ts'
import { dayMs } from './partitions.ts'

/** Somewhere for one store, empty at first; what was opened there before is found again. */
export interface StorePlace {
  open(): Promise<Store>
  remove(): Promise<void>
}

const noon = Date.parse('2026-11-24T12:00:00Z')
const all: TimeRange = { fromMs: 0, toMs: noon + 30 * dayMs }

/** A document of its own for every number; members of `more` are added on top. */
export function sampleDocument(n: number, timeMs: number, more: object = {}): Document {
  const id = `${Math.floor(timeMs / 1000)}.${n}`
  const alert = {
    timestamp: new Date(timeMs).toISOString().replace('Z', '+0000'),
    rule: {
      level: n % 16,
      id: String(100 + (n % 5)),
      description: 'Something happened',
      groups: ['sample', n % 2 ? 'odd' : 'even'],
    },
    agent: { id: '000', name: 'web 1' },
    id,
    full_log: `Line number ${n}: Password accepted`,
    ...more,
  }
  return { id, timeMs, text: JSON.stringify(alert) }
}

function queryOf(text: string): Query {
  const { query, problems } = parseQuery(text)
  if (query === null) throw new Error(`${text}: ${problems[0]?.message}`)
  return query
}

const special = {
  data: {
    apiVersion: 'audit.k8s.io/v1',
    verb: 'create',
    srcip: '192.0.2.10',
    user: { username: 'system:serviceaccount:kube-system:x', groups: ['system:authenticated', 'devs'] },
    count: 17,
    ratio: '2.5',
    isDry: true,
    nothing: null,
    annotations: { 'we/ird~name': 'yes', deep: { er: 'value "quoted"' } },
    list: [1, 'two', { three: 3 }],
    srcuser: ['alice', 'bob'],
  },
}

/** What each query finds of one document with `special` among three ordinary ones. */
const queries: [says: string, query: string, found: number][] = [
  ['everything', '', 4],
  ['a declared field', 'data.verb:create', 1],
  ['a number', 'rule.level:9', 1],
  ['a number written otherwise', 'rule.level:9.0', 1],
  ['no number for a number', 'rule.level:nine', 0],
  ['a range of numbers', 'rule.level:[2 TO 9]', 2],
  ['a range without its ends', 'rule.level:{2 TO 9}', 0],
  ['a comparison', 'rule.level >= 2', 2],
  ['a member of a declared list', 'rule.groups:odd', 2],
  ['a field that was never declared', 'data.apiVersion:"audit.k8s.io/v1"', 1],
  ['that such a field is there', 'data.apiVersion: exists', 1],
  ['that it is not there', 'not data.apiVersion: exists', 3],
  ['that an inner object is there', 'data.annotations: exists', 1],
  ['null is not there', 'data.nothing: exists', 0],
  ['values with colons', 'data.user.username:system:serviceaccount:kube-system:x', 1],
  ['a member of an undeclared list', 'data.user.groups:devs', 1],
  ['a number as a text', 'data.count:17', 1],
  ['a number in a list', 'data.list:1', 1],
  ['an undeclared range', 'data.count:[5 TO 100]', 1],
  ['a range compares numbers as numbers', 'data.count:[2 TO 100]', 1],
  ['numbers in texts are numbers', 'data.ratio < 10', 1],
  ['true', 'data.isDry:true', 1],
  ['a name with a slash', 'data.annotations.we/ird~name:yes', 1],
  ['a name deep down, quotes in the value', 'data.annotations.deep.er:"value \\"quoted\\""', 1],
  ['a list where one value is usual', 'data.srcuser:bob', 1],
  ['a wildcard in such a list', 'data.srcuser:b?b', 1],
  ['a wildcard', 'data.srcip:192.0.2.*', 1],
  ['a wildcard in an undeclared list', 'data.user.groups:dev*', 1],
  ['percent and underscore are themselves', 'data.srcip:"%"', 0],
  ['case matters for values', 'data.verb:CREATE', 0],
  ['negation counts those without the field', 'not data.verb:create', 3],
  ['free text, case ignored', 'pASSword', 4],
  ['a free phrase', '"number 3: password"', 1],
  ['free text with a wildcard', 'number*accepted', 4],
  ['free text that is not there', 'rejected', 0],
  ['what the description says', '"something happened"', 4],
  ['or', 'data.verb:create or rule.level:1', 2],
  ['several values', 'rule.level:(1 or 2 or 9)', 3],
  ['a whole number that stands within others', 'data.count:7', 0],
  ['a number that is written otherwise', 'data.count:17.0', 0],
  ['a place in a list', 'data.list.0:1', 1],
  ['a text that is another field’s', 'data.verb2:create', 0],
  ['a time', 'timestamp >= 2026-11-24T12:00:02Z', 2],
  ['a day', 'timestamp:2026-11-24', 4],
  ['another day', 'timestamp:2026-11-23', 0],
  ['an id', `id:${noon / 1000}.0`, 1],
  ['a name like a prototype’s', '__proto__.constructor:x', 0],
]

export function storeSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${name} keeps the store contract`, () => {
    let place: StorePlace
    let store: Store
    beforeEach(async () => {
      place = await makePlace()
      store = await place.open()
    })
    afterEach(async () => {
      await store.close()
      await place.remove()
    })
    const reopen = async () => {
      await store.close()
      store = await place.open()
    }
    const count = async (query: string, range = all) =>
      (await store.search({ index: 'alerts', query: queryOf(query), range, limit: 0, order: 'newest' })).total
    const ids = async (request: object) => {
      const found = await store.search({
        index: 'alerts',
        query: queryOf(''),
        range: all,
        limit: 100,
        order: 'newest',
        ...request,
      })
      return found.documents.map(({ sequence }) => sequence)
    }
    const everyKind = [0, 1, 2].map((n) => sampleDocument(n, noon + n * 1000))
    const one = sampleDocument(3, noon + 3000, {
      ...special,
      rule: { level: 9, id: '9', description: 'Something happened', groups: ['odd'] },
    })

    test('finds by every kind of condition', async () => {
      await store.append('alerts', [...everyKind, one])
      const found: [string, number][] = []
      for (const [says, query] of queries) found.push([says, await count(query)])
      expect(found).toEqual(queries.map(([says, , expected]) => [says, expected]))
    })

    test('finds the same in a sealed day', async () => {
      await store.append('alerts', [...everyKind, one])
      const { sealed } = await store.retain({
        nowMs: noon + 3 * dayMs,
        hotDays: 1,
        retentionMs: 90 * dayMs,
        bytesMax: null,
      })
      expect(sealed).toHaveLength(1)
      const found: [string, number][] = []
      for (const [says, query] of queries) found.push([says, await count(query)])
      expect(found).toEqual(queries.map(([says, , expected]) => [says, expected]))
      await reopen()
      expect(await count('')).toBe(4)
    })

    test('an empty store answers', async () => {
      expect(await count('a:b')).toBe(0)
      const selection = { index: 'alerts', query: queryOf(''), range: all } as const
      expect(await store.histogram({ ...selection, stepMs: dayMs })).toEqual([])
      expect(await store.terms({ ...selection, field: 'x', limit: 5 })).toEqual({
        terms: [],
        documents: 0,
        distinct: 0,
      })
      expect(await store.event('alerts', '1.1', 1)).toBeNull()
      expect(await store.fields(selection)).toEqual([])
    })

    test('gives documents back as they came, after reopening too', async () => {
      const text = '{"id":"1.1","n":12345678901234567890, "t":"é\\u0041🐕\\u0000"}'
      await store.append('alerts', [{ id: '1.1', timeMs: noon, text }])
      await reopen()
      expect((await store.event('alerts', '1.1', 0))?.document.text).toBe(text)
    })

    test('names and values that are written in escapes are found', async () => {
      const text = '{"id":"1.1","d\\u0061ta":{"w\\u006frd":"pl\\u0061in","n":[{"deep":"x"}]}}'
      await store.append('alerts', [{ id: '1.1', timeMs: noon, text }])
      const found: [string, number][] = []
      for (const query of [
        'data.word:plain',
        'data.word: exists',
        'data.word:pl*',
        'data.word:other',
        'data.n.0.deep:x',
      ])
        found.push([query, await count(query)])
      expect(found.map(([, n]) => n)).toEqual([1, 1, 1, 0, 1])
    })

    test('the same document twice is one', async () => {
      expect(await store.append('alerts', [one, one])).toEqual({ stored: 1, duplicates: 1 })
      expect(await store.append('alerts', [...everyKind, one])).toEqual({ stored: 3, duplicates: 1 })
      await reopen()
      expect(await store.append('alerts', [...everyKind, one])).toEqual({ stored: 0, duplicates: 4 })
      expect(await count('')).toBe(4)
    })

    test('keeps indices apart', async () => {
      await store.append('archives', [one])
      expect(await count('')).toBe(0)
      expect(await store.append('alerts', [one])).toEqual({ stored: 1, duplicates: 0 })
    })

    test('a bad document spoils its batch and nothing else', async () => {
      await store.append('alerts', everyKind)
      const bad: [string, Document][] = [
        ['no JSON', { id: '1.9', timeMs: noon, text: '{' }],
        ['no object', { id: '1.9', timeMs: noon, text: '[1]' }],
        ['no id', { id: '', timeMs: noon, text: '{}' }],
        ['no time', { id: '1.9', timeMs: Number.NaN, text: '{}' }],
      ]
      for (const [says, document] of bad) {
        await expect(store.append('alerts', [one, document]), says).rejects.toMatchObject({
          code: 'STORE_BAD_DOCUMENT',
        })
      }
      expect(await count('')).toBe(3)
      expect(await store.append('alerts', [one])).toEqual({ stored: 1, duplicates: 0 })
    })

    test('a mark is kept with the documents', async () => {
      expect(await store.mark('feed')).toBeNull()
      await store.append('alerts', everyKind, { name: 'feed', value: 'a' })
      await expect(
        store.append('alerts', [{ id: '1', timeMs: 1, text: '' }], { name: 'feed', value: 'b' }),
      ).rejects.toThrow()
      await reopen()
      expect(await store.mark('feed')).toBe('a')
    })

    test('pages go through everything once, in order', async () => {
      await store.append(
        'alerts',
        Array.from({ length: 10 }, (_, n) => sampleDocument(n, noon + Math.floor(n / 4))),
      )
      const newest = [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
      expect(await ids({})).toEqual(newest)
      expect(await ids({ order: 'oldest' })).toEqual(newest.toReversed())
      expect(await ids({ limit: 3, offset: 2 })).toEqual([7, 6, 5])
      expect(await ids({ limit: 4, after: { timeMs: noon + 1, sequence: 6 } })).toEqual([5, 4, 3, 2])
    })

    test('a range holds its beginning and not its end', async () => {
      await store.append(
        'alerts',
        [0, 1, 2].map((n) => sampleDocument(n, noon + n * dayMs)),
      )
      expect(await ids({ range: { fromMs: noon, toMs: noon + dayMs } })).toEqual([0])
      expect(await ids({ range: { fromMs: noon + 1, toMs: noon + 2 * dayMs + 1 } })).toEqual([2, 1])
    })

    test('an event comes with what was before and after it', async () => {
      await store.append(
        'alerts',
        Array.from({ length: 7 }, (_, n) => sampleDocument(n, noon + n * 1000)),
      )
      const found = await store.event('alerts', `${noon / 1000 + 3}.3`, 2)
      expect(found?.document.sequence).toBe(3)
      expect(found?.before.map(({ sequence }) => sequence)).toEqual([1, 2])
      expect(found?.after.map(({ sequence }) => sequence)).toEqual([4, 5])
    })

    test('histograms count by step, from where the viewer’s day begins', async () => {
      await store.append(
        'alerts',
        [0, 1, 2, 3].map((n) => sampleDocument(n, noon + n * 6 * 3_600_000)),
      )
      const selection = { index: 'alerts', query: queryOf(''), range: all, stepMs: dayMs } as const
      const midnight = noon - dayMs / 2
      expect(await store.histogram(selection)).toEqual([
        { fromMs: midnight, count: 2, by: {} },
        { fromMs: midnight + dayMs, count: 2, by: {} },
      ])
      const shifted = await store.histogram({
        ...selection,
        offsetMs: 3 * 3_600_000,
        by: { field: 'rule.groups', limit: 2 },
      })
      expect(shifted.map(({ fromMs, count: total, by }) => [fromMs, total, { ...by }])).toEqual([
        [midnight - 3 * 3_600_000, 2, { sample: 2, even: 1 }],
        [midnight + 21 * 3_600_000, 2, { sample: 2, even: 1 }],
      ])
    })

    test('terms count values of declared, undeclared and many-valued fields', async () => {
      await store.append('alerts', [...everyKind, one])
      const terms = async (field: string, more = {}) => {
        const { terms: found, distinct } = await store.terms({
          index: 'alerts',
          query: queryOf(''),
          range: all,
          field,
          limit: 2,
          ...more,
        })
        return [...found.map(({ value, count: n }) => `${value} ${n}`), distinct]
      }
      expect(await terms('rule.level')).toEqual(['0 1', '1 1', 4])
      expect(await terms('rule.groups')).toEqual(['sample 3', 'even 2', 3])
      expect(await terms('rule.groups', { prefix: 'O' })).toEqual(['odd 2', 1])
      expect(await terms('data.user.groups')).toEqual(['devs 1', 'system:authenticated 1', 2])
      expect(await terms('data.count')).toEqual(['17 1', 1])
      expect(await terms('agent.name')).toEqual(['web 1 4', 1])
      expect(await terms('agent.name', { prefix: 'x' })).toEqual([0])
      expect(await terms('no.such')).toEqual([0])
    })

    test('a value that a document has twice counts once', async () => {
      const twice = { rule: { level: 3, groups: ['same', 'same'], pci_dss: ['1.2', '1.2', '3.4'] } }
      await store.append('alerts', [sampleDocument(0, noon, twice)])
      const selection = { index: 'alerts', query: queryOf(''), range: all } as const
      for (const [field, counts] of [
        ['rule.groups', { same: 1 }],
        ['rule.pci_dss', { '1.2': 1, '3.4': 1 }],
      ] as const) {
        const { terms } = await store.terms({ ...selection, field, limit: 5 })
        expect(Object.fromEntries(terms.map(({ value, count: n }) => [value, n]))).toEqual(counts)
        const [bucket] = await store.histogram({ ...selection, stepMs: dayMs, by: { field, limit: 5 } })
        expect({ ...bucket?.by }).toEqual(counts)
      }
    })

    test('combinations put together documents that agree in several fields', async () => {
      await store.append('alerts', [...everyKind, one])
      const request = {
        index: 'alerts',
        query: queryOf(''),
        range: all,
        fields: ['agent.name', 'data.verb', 'rule.groups', 'data.user.groups'],
        limit: 10,
        order: 'most',
      } as const
      const { combinations, distinct, documents } = await store.combinations({
        ...request,
        apart: queryOf('rule.level:1'),
      })
      expect(combinations.map(({ values, count: n, apart, levelMax }) => [...values, n, apart, levelMax])).toEqual([
        ['web 1', null, 'sample, even', null, 2, 0, 2],
        ['web 1', 'create', 'odd', 'system:authenticated, devs', 1, 0, 9],
        ['web 1', null, 'sample, odd', null, 1, 1, 1],
      ])
      expect([combinations[0]?.firstMs, combinations[0]?.lastMs]).toEqual([noon, noon + 2000])
      expect([distinct, documents]).toEqual([3, 4])
      const newest = await store.combinations({ ...request, order: 'newest', limit: 1 })
      expect(newest.distinct).toBe(3)
      expect(newest.combinations).toHaveLength(1)
      expect(await store.combinations({ ...request, query: queryOf('rule.level:99') })).toEqual({
        combinations: [],
        distinct: 0,
        documents: 0,
      })
    })

    test('fields name what documents hold', async () => {
      await store.append('alerts', [one])
      const fields = await store.fields({ index: 'alerts', query: queryOf(''), range: all })
      const table = Object.fromEntries(fields.map(({ name: field, type }) => [field, type]))
      expect(table).toMatchObject({
        timestamp: 'date',
        'rule.level': 'number',
        'data.user.groups': 'text',
        'data.isDry': 'boolean',
      })
      expect(Object.keys(table)).not.toContain('data.nothing')
    })

    test('days leave by age, and by size the oldest first', async () => {
      await store.append(
        'alerts',
        [0, 1, 2, 3].map((n) => sampleDocument(n, noon + n * dayMs)),
      )
      const nowMs = noon + 3 * dayMs
      const keep = { nowMs, hotDays: 30, retentionMs: 2 * dayMs, bytesMax: null }
      expect((await store.retain(keep)).dropped).toEqual(['alerts_20261124'])
      expect(await ids({})).toEqual([3, 2, 1])
      expect((await store.retain({ ...keep, retentionMs: 90 * dayMs, bytesMax: 1 })).dropped).toHaveLength(2)
      expect(await ids({})).toEqual([3])
    })

    test('a late document opens a sealed day again', async () => {
      await store.append('alerts', everyKind)
      await store.retain({ nowMs: noon + 3 * dayMs, hotDays: 1, retentionMs: 90 * dayMs, bytesMax: null })
      expect(await store.append('alerts', [...everyKind, one])).toEqual({ stored: 1, duplicates: 3 })
      await reopen()
      expect(await ids({})).toEqual([3, 2, 1, 0])
      expect((await store.figures()).partitions).toEqual([
        { index: 'alerts', day: '2026-11-24', isSealed: false, documents: 4 },
      ])
      expect(await store.verify()).toEqual([])
    })

    describe('in another order than that of time', () => {
      const of = (n: number, timeMs: number, rule: object, agent: object = {}) =>
        sampleDocument(n, timeMs, { rule: { level: 3, id: '100', ...rule }, agent: { id: '001', name: 'a', ...agent } })
      const documents = [
        of(0, noon - dayMs, { level: 12, id: '99' }),
        of(1, noon, { level: 3, id: '1000' }, { id: '1000', name: 'B' }),
        of(2, noon + 1, { level: 7, id: '5' }, { id: '002', name: 'b' }),
        of(3, noon + 1, { level: 7, id: 'x' }, { id: '010', name: undefined }),
        of(4, noon + 2, { level: undefined, id: undefined }, { id: undefined, name: 'c' }),
      ]
      const orders: [
        says: string,
        field: SortField,
        isDescending: boolean,
        order: 'newest' | 'oldest',
        ids: number[],
      ][] = [
        ['the highest level, the newest of it', 'rule.level', true, 'newest', [0, 3, 2, 1, 4]],
        ['the lowest level, the oldest of it', 'rule.level', false, 'oldest', [1, 2, 3, 0, 4]],
        ['rules by their number', 'rule.id', false, 'newest', [2, 0, 1, 3, 4]],
        ['agents by their number, down', 'agent.id', true, 'newest', [1, 3, 2, 0, 4]],
        ['agents by their name', 'agent.name', false, 'newest', [1, 0, 2, 4, 3]],
      ]
      for (const isSealed of [false, true]) {
        test.each(orders)(
          `%s, ${isSealed ? 'of sealed days' : 'as they came'}`,
          async (_, field, isDescending, order, wanted) => {
            await store.append('alerts', documents)
            if (isSealed) {
              await store.retain({ nowMs: noon + 9 * dayMs, hotDays: 1, retentionMs: 90 * dayMs, bytesMax: null })
            }
            const search = {
              index: 'alerts',
              query: queryOf(''),
              range: all,
              order,
              sort: { field, isDescending },
            } as const
            const numbers = async (limit: number, offset: number) => {
              const answer = await store.search({ ...search, limit, offset })
              expect(answer.total).toBe(5)
              return answer.documents.map(({ id }) => Number(id.split('.')[1]))
            }
            expect(await numbers(10, 0)).toEqual(wanted)
            // Page by page it is the same.
            expect([...(await numbers(2, 0)), ...(await numbers(2, 2)), ...(await numbers(2, 4))]).toEqual(wanted)
            expect(await numbers(2, 5)).toEqual([])
          },
        )
      }

      test('of what a query finds, and nothing of nothing', async () => {
        const search = { index: 'alerts', range: all, order: 'newest', limit: 9 } as const
        const sort = { field: 'rule.level', isDescending: true } as const
        expect(await store.search({ ...search, query: queryOf(''), sort })).toEqual({ total: 0, documents: [] })
        await store.append('alerts', documents)
        const found = await store.search({ ...search, query: queryOf('"line number 3"'), sort })
        expect([found.total, found.documents.map(({ id }) => id.split('.')[1])]).toEqual([1, ['3']])
        expect((await store.search({ ...search, query: queryOf('a:b'), sort })).documents).toEqual([])
      })

      test('a page is not turned by a place in time', async () => {
        await store.append('alerts', documents)
        const search = { index: 'alerts', query: queryOf(''), range: all, order: 'newest', limit: 1 } as const
        const sort = { field: 'rule.level', isDescending: true } as const
        await expect(store.search({ ...search, sort, after: { timeMs: noon, sequence: 1 } })).rejects.toMatchObject({
          code: 'STORE_BAD_REQUEST',
        })
        await expect(store.search({ ...search, sort, offset: 10_001 })).rejects.toMatchObject({
          code: 'STORE_BAD_REQUEST',
        })
      })
    })

    test('numbers out of bounds are refused', async () => {
      const search = { index: 'alerts', query: queryOf(''), range: all, order: 'newest' } as const
      await store.append('alerts', [one])
      for (const bad of [
        store.search({ ...search, limit: -1 }),
        store.search({ ...search, limit: 1e9 }),
        store.search({ ...search, limit: 1, offset: 1e9 }),
        store.terms({ ...search, field: 'a', limit: 0 }),
        store.combinations({ ...search, fields: [], limit: 1, order: 'most' }),
        store.combinations({ ...search, fields: ['a'], limit: 0, order: 'most' }),
        store.histogram({ ...search, stepMs: 0 }),
        store.histogram({ ...search, stepMs: 1 }),
        store.append('alerts', Array<Document>(appendCountMax + 1).fill(one)),
      ]) {
        await expect(bad).rejects.toMatchObject({ code: 'STORE_BAD_REQUEST' })
      }
    })

    test('hostile values and names find exactly themselves', async () => {
      const hostile = fc.oneof(
        fc.string({ unit: 'grapheme' }),
        fc.constantFrom(
          `'`,
          `'; DROP TABLE alerts_20261124; --`,
          `$p1`,
          `"`,
          '\\',
          '%',
          '_',
          `' OR '1'='1`,
          '?',
          '*',
          '{}',
          '[',
          '["a"]',
        ),
      )
      let n = 10
      await fc.assert(
        fc.asyncProperty(hostile, hostile, async (field, value) => {
          n += 1
          const name = field.replaceAll(/[.\0]/g, '') || 'x'
          const index = n % 2 === 0 ? 'data' : 'other'
          await store.append('alerts', [sampleDocument(n, noon, { [index]: { [name]: value, srcuser: value }, n })])
          const asked = [`${quoted(`${index}.${name}`)}:${quoted(value)}`, `${index}.srcuser:${quoted(value)}`]
          for (const query of asked) {
            if (value.includes('\0')) continue
            const both = {
              kind: 'and',
              parts: [queryOf(query), { kind: 'equals', field: 'n', value: String(n) }],
            } as const
            const { total } = await store.search({
              index: 'alerts',
              query: both,
              range: all,
              limit: 0,
              order: 'newest',
            })
            expect(total, query).toBe(1)
          }
        }),
        { numRuns: 60 },
      )
      expect(await store.verify()).toEqual([])
    })
  })
}
