/**
 * The parameters that every list takes (spec: api, part 4): `q` filters, `select` chooses fields, `distinct` leaves out what is the same, and then search,
 * sort and paging. In: items, the parameters. Out: a page and the count before paging. Wrong: ApiError with Wazuh's code.
 */
import { ApiError } from './error.ts'

export interface ListQuery {
  readonly offset?: number
  readonly limit?: number
  readonly search?: string
  readonly sort?: string
  readonly q?: string
  readonly select?: string
  readonly distinct?: boolean
}

/** Conditions in one `q`. */
const conditionsMax = 100

export interface Page {
  readonly page: readonly object[]
  readonly total: number
}

export function listPage(items: readonly object[], query: ListQuery, nowMs: number): Page {
  const { offset = 0, limit = 500, search = '', sort = '', q = '', select = '', distinct = false } = query
  let found = items
  if (q !== '') found = found.filter(filterOf(q, items, nowMs))
  if (search !== '') found = found.filter(searchTest(search))
  if (sort !== '') found = sortedBy(found, sort)
  if (select !== '') found = selected(found, select, items)
  if (distinct) found = distinctOf(found)
  return { page: found.slice(offset, offset + limit), total: found.length }
}

/** The member at a dotted name; undefined when there is none. */
export function memberAt(item: unknown, name: string): unknown {
  return readerOf(name)(item)
}

/** The same for many items: the name is taken apart once. */
function readerOf(name: string): (item: unknown) => unknown {
  const parts = name.split('.')
  return (item) => {
    let value = item
    for (const part of parts) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
      value = Reflect.get(value, part)
    }
    return value
  }
}

function searchTest(search: string): (item: object) => boolean {
  const isNegated = search.startsWith('-')
  const text = (isNegated ? search.slice(1) : search).toLowerCase()
  return (item) => JSON.stringify(Object.values(item)).toLowerCase().includes(text) !== isNegated
}

function sortedBy(items: readonly object[], sort: string): readonly object[] {
  const keys = new Map<string, number>()
  for (const key of sort.split(',')) {
    const name = key.replace(/^[-+ ]/, '')
    // A second time, a field has nothing left to say.
    if (!keys.has(name)) keys.set(name, key.startsWith('-') ? -1 : 1)
  }
  const unknown = [...keys.keys()].find((name) => items.length > 0 && !isField(items, name))
  if (unknown !== undefined) throw new ApiError(400, `there is no field ${unknown} to sort by`, 1403)
  const signs = [...keys.values()]
  const readers = [...keys.keys()].map(readerOf)
  // Each item is read once and not at every comparison.
  const rows = items.map((item) => ({ item, values: readers.map((read) => read(item)) }))
  rows.sort((a, b) => {
    for (let n = 0; n < signs.length; n++) {
      const order = compare(a.values[n], b.values[n])
      if (order !== 0) return order * (signs[n] ?? 1)
    }
    return 0
  })
  return rows.map(({ item }) => item)
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const [x, y] = [textOf(a), textOf(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

function textOf(value: unknown): string {
  return value === undefined || value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function isField(items: readonly object[], name: string): boolean {
  const read = readerOf(name)
  return items.some((item) => read(item) !== undefined)
}

function selected(found: readonly object[], select: string, items: readonly object[]): readonly object[] {
  const names = [...new Set(select.split(',').map((name) => name.trim()))]
  const unknown = names.find((name) => items.length > 0 && !isField(items, name))
  if (unknown !== undefined) throw new ApiError(400, `there is no field ${unknown} to select`, 1724)
  const readers = names.map((name) => ({ parts: name.split('.'), read: readerOf(name) }))
  return found.map((item) => {
    const out: Record<string, unknown> = Object.create(null)
    for (const { parts, read } of readers) {
      const value = read(item)
      if (value !== undefined) putAt(out, parts, value)
    }
    return out
  })
}

function putAt(out: Record<string, unknown>, [first = '', ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0) {
    out[first] = value
    return
  }
  const known = out[first]
  const inner: Record<string, unknown> =
    typeof known === 'object' && known !== null ? { ...known } : Object.create(null)
  putAt(inner, rest, value)
  out[first] = inner
}

function distinctOf(items: readonly object[]): readonly object[] {
  const seen = new Set<string>()
  return items.filter((item) => {
    const text = JSON.stringify(item)
    if (seen.has(text)) return false
    seen.add(text)
    return true
  })
}

type Test = (item: object) => boolean

/** `q`: `;` is and, `,` is or, parentheses nest; and binds closer. */
function filterOf(q: string, items: readonly object[], nowMs: number): Test {
  let at = 0
  let count = 0
  const fields = new Set<string>()
  const wrong = (): ApiError =>
    new ApiError(400, `q is not understood at its character ${at + 1}: ${q.slice(at, at + 20)}`, 1407)

  function either(): Test {
    const tests = [all()]
    while (q[at] === ',') {
      at++
      tests.push(all())
    }
    return tests.length === 1 ? (tests[0] as Test) : (item) => tests.some((test) => test(item))
  }

  function all(): Test {
    const tests = [one()]
    while (q[at] === ';') {
      at++
      tests.push(one())
    }
    return tests.length === 1 ? (tests[0] as Test) : (item) => tests.every((test) => test(item))
  }

  function one(): Test {
    if (++count > conditionsMax) throw new ApiError(400, `q has more than ${conditionsMax} conditions`, 1407)
    if (q[at] === '(') {
      at++
      const inner = either()
      if (q[at] !== ')') throw wrong()
      at++
      return inner
    }
    const field = /^[\w.-]+/.exec(q.slice(at))?.[0]
    if (field === undefined) throw wrong()
    at += field.length
    const operator = /^(?:!=|=|<|>|~)/.exec(q.slice(at))?.[0]
    if (operator === undefined) throw new ApiError(400, `q has no operator (= != < > ~) behind ${field}`, 1409)
    at += operator.length
    const value = /^[^;,()]*/.exec(q.slice(at))?.[0] ?? ''
    if (value === '') throw wrong()
    at += value.length
    if (items.length > 0 && !fields.has(field) && !isField(items, field))
      throw new ApiError(400, `q asks for ${field}, which no item has`, 1408)
    fields.add(field)
    return testOf(field, operator, value, nowMs)
  }

  const test = either()
  if (at < q.length) throw wrong()
  return test
}

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

function testOf(field: string, operator: string, wanted: string, nowMs: number): Test {
  const lower = wanted.toLowerCase()
  const age = /^(\d{1,9})([smhdw])$/.exec(wanted)
  const ageMs = age === null ? null : Number(age[1]) * (units[age[2] ?? ''] ?? 0)
  const meets = (value: unknown): boolean => {
    if (Array.isArray(value)) return operator === '!=' ? value.every(meets) : value.some(meets)
    const text = textOf(value)
    switch (operator) {
      case '=':
        return text === wanted
      case '!=':
        return text !== wanted
      case '~':
        return text.toLowerCase().includes(lower)
      default: {
        // Of a time, `>1h` is one longer ago.
        const timeMs = ageMs === null ? Number.NaN : Date.parse(text)
        const order = !Number.isNaN(timeMs) ? nowMs - timeMs - (ageMs ?? 0) : orderOf(text, wanted)
        return operator === '<' ? order < 0 : order > 0
      }
    }
  }
  const read = readerOf(field)
  return (item) => {
    const value = read(item)
    return value === undefined ? operator === '!=' : meets(value)
  }
}

function orderOf(text: string, wanted: string): number {
  const [a, b] = [Number(text), Number(wanted)]
  if (text !== '' && !Number.isNaN(a) && !Number.isNaN(b)) return a - b
  return text < wanted ? -1 : text > wanted ? 1 : 0
}
