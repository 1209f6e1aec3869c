/**
 * Queries as SQL for DuckDB. What a user typed, names of fields included, becomes a parameter; the text of the statement is made of our own words only.
 */
import type { Query, WildcardPart } from '@dogwatch/query'
import { BIGINT, DOUBLE, type DuckDBType, VARCHAR } from '@duckdb/node-api'
import { columnOf, isTimeField } from './columns.ts'

/** Values of a statement, by the name that stands for each in its text. Types are told, so that times are compared as the column holds them. */
export class Parameters {
  readonly values: Record<string, string | number | bigint> = {}
  readonly types: Record<string, DuckDBType> = {}
  #count = 0

  /** The placeholder of a value. */
  add(value: string | number): string {
    return this.#put(value, typeof value === 'string' ? VARCHAR : DOUBLE)
  }

  /** The placeholder of a whole number: a time, a count. */
  addWhole(value: number): string {
    return this.#put(BigInt(Math.trunc(value)), BIGINT)
  }

  #put(value: string | number | bigint, type: DuckDBType): string {
    this.#count += 1
    const name = `p${this.#count}`
    this.values[name] = value
    this.types[name] = type
    return `$${name}`
  }
}

/** A condition that is true or false, never NULL, for the columns of a partition. */
export function conditionOf(query: Query, parameters: Parameters): string {
  switch (query.kind) {
    case 'all':
      return 'TRUE'
    case 'and':
    case 'or':
      return `(${query.parts.map((part) => conditionOf(part, parameters)).join(query.kind === 'and' ? ' AND ' : ' OR ')})`
    case 'not':
      return `(NOT ${conditionOf(query.part, parameters)})`
    case 'text':
      return textCondition(query.pattern, parameters)
    case 'exists':
      return existsCondition(query.field, parameters)
    case 'equals':
      return `coalesce(${equalsCondition(query.field, query.value, parameters)}, FALSE)`
    case 'wildcard':
      return `coalesce(${anyValue(query.field, parameters, wildcardTest(query.pattern, parameters))}, FALSE)`
    case 'range':
      return `coalesce(${rangeCondition(query, parameters)}, FALSE)`
  }
}

/** The values of a field as an expression that gives one text, or as one that gives a list of texts. */
export function valuesOf(field: string, parameters: Parameters): { readonly sql: string; readonly isList: boolean } {
  const column = columnOf(field)
  if (isTimeField(field)) return { sql: 'CAST(time AS VARCHAR)', isList: false }
  if (field === 'id' || field === '_id') return { sql: 'id', isList: false }
  if (column === null) return { sql: jsonTexts(field, parameters), isList: true }
  if (column.type === 'number') return { sql: `CAST(${identifier(field)} AS VARCHAR)`, isList: false }
  return { sql: identifier(field), isList: column.type === 'list' }
}

/** A name of our own in a statement. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text of our own, a path, where no parameter may stand. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function equalsCondition(field: string, value: string, parameters: Parameters): string {
  if (isTimeField(field)) {
    const [from, to] = momentOf(value)
    return from === null || to === null
      ? 'FALSE'
      : `(time >= ${parameters.addWhole(from)} AND time < ${parameters.addWhole(to)})`
  }
  const column = columnOf(field)
  if (column?.type === 'number') {
    const number = numberOf(value)
    return number === null ? 'FALSE' : `${identifier(field)} = ${parameters.add(number)}`
  }
  const wanted = parameters.add(value)
  if (field === 'id' || field === '_id') return `id = ${wanted}`
  if (column === null) {
    const found = `list_contains(${jsonTexts(field, parameters)}, ${wanted})`
    return standsAsWritten.test(value) ? whereTextHas(value, found, 'FALSE', parameters) : found
  }
  if (column.type === 'list') return `list_contains(${identifier(field)}, ${wanted})`
  const name = identifier(field)
  return `(${name} = ${wanted} OR (starts_with(${name}, '[') AND list_contains(${jsonTexts(field, parameters)}, ${wanted})))`
}

function existsCondition(field: string, parameters: Parameters): string {
  if (isTimeField(field) || field === 'id' || field === '_id') return 'TRUE'
  if (columnOf(field) !== null) return `(${identifier(field)} IS NOT NULL)`
  const exists = `coalesce(json_type(json, ${parameters.add(pointerOf(field))}) <> 'NULL', FALSE)`
  const name = nameIn(field)
  return name === null ? exists : whereTextHas(name, exists, 'FALSE', parameters)
}

type RangeQuery = Extract<Query, { kind: 'range' }>

function rangeCondition({ field, from, to }: RangeQuery, parameters: Parameters): string {
  const ends = [
    ...(from === null ? [] : [{ ...from, sign: from.isInclusive ? '>=' : '>' }]),
    ...(to === null ? [] : [{ ...to, sign: to.isInclusive ? '<=' : '<' }]),
  ]
  if (ends.length === 0) return existsCondition(field, parameters)
  if (isTimeField(field)) {
    const tests = ends.map(({ value, sign }) => {
      // `<= 2026-11-24` holds the whole day, `> 2026-11-24` begins behind it.
      const [start, end] = momentOf(value)
      const isBehind = sign === '>' || sign === '<='
      const bound = isBehind ? end : start
      return bound === null
        ? 'FALSE'
        : `time ${isBehind ? (sign === '>' ? '>=' : '<') : sign} ${parameters.addWhole(bound)}`
    })
    return `(${tests.join(' AND ')})`
  }
  const numbers = ends.map(({ value }) => numberOf(value))
  const isNumeric = numbers.every((number) => number !== null)
  const column = columnOf(field)
  if (column?.type === 'number') {
    if (!isNumeric) return 'FALSE'
    return `(${ends.map(({ sign }, n) => `${identifier(field)} ${sign} ${parameters.add(numbers[n] ?? 0)}`).join(' AND ')})`
  }
  const test = (value: string) =>
    ends
      .map(({ value: bound, sign }, n) =>
        isNumeric
          ? `TRY_CAST(${value} AS DOUBLE) ${sign} ${parameters.add(numbers[n] ?? 0)}`
          : `${value} ${sign} ${parameters.add(bound)}`,
      )
      .join(' AND ')
  return anyValue(field, parameters, test)
}

/** Whether any value of a field passes a test. */
function anyValue(field: string, parameters: Parameters, test: (value: string) => string): string {
  const { sql, isList } = valuesOf(field, parameters)
  const ofList = (list: string) => `len(list_filter(${list}, lambda x: ${test('x')})) > 0`
  if (isList) return `(${ofList(sql)})`
  if (columnOf(field)?.type !== 'text') return `(${test(sql)})`
  return `((${test(sql)}) OR (starts_with(${sql}, '[') AND ${ofList(jsonTexts(field, parameters))}))`
}

function textCondition(pattern: readonly WildcardPart[], parameters: Parameters): string {
  const [only] = pattern
  if (pattern.length === 1 && only !== undefined && 'text' in only) {
    return `contains(search_text, ${parameters.add(only.text.toLowerCase())})`
  }
  const lower = pattern.map((part) => ('text' in part ? { text: part.text.toLowerCase() } : part))
  return `(search_text LIKE ${parameters.add(`%${likePattern(lower)}%`)} ESCAPE '\\')`
}

function wildcardTest(pattern: readonly WildcardPart[], parameters: Parameters): (value: string) => string {
  const wanted = parameters.add(likePattern(pattern))
  return (value) => `${value} LIKE ${wanted} ESCAPE '\\'`
}

function likePattern(pattern: readonly WildcardPart[]): string {
  return pattern
    .map((part) => ('text' in part ? part.text.replace(/[\\%_]/g, '\\$&') : part.any === 'text' ? '%' : '_'))
    .join('')
}

function jsonTexts(field: string, parameters: Parameters): string {
  const texts = `field_texts(json, ${parameters.add(pointerOf(field))})`
  const name = nameIn(field)
  return name === null ? texts : whereTextHas(name, texts, 'CAST([] AS VARCHAR[])', parameters)
}

/**
 * An expression that reads JSON, of documents alone whose text has something without which it finds nothing: reading takes four times a document's length of
 * memory, for two thousand documents at once. What may be written in escapes is read too.
 */
function whereTextHas(text: string, expression: string, otherwise: string, parameters: Parameters): string {
  const isThere = `contains(json, ${parameters.add(text)}) OR contains(json, '\\u')`
  return `(CASE WHEN ${isThere} THEN ${expression} ELSE ${otherwise} END)`
}

/** Values that stand in a document as they are told: no escapes, and no numbers but whole ones. */
const standsAsWritten = /^(?![-+.\d][-+.\deE]*$)[\w .:@=,+-]+$|^(?:0|-?[1-9]\d{0,14})$/

/** The innermost name of a field as it stands in a document; null where it may be written otherwise. Numbers are places in lists. */
function nameIn(field: string): string | null {
  const name = field.split('.').findLast((part) => !/^\d+$/.test(part))
  return name !== undefined && /^[\w -]+$/.test(name) ? `"${name}"` : null
}

/** JSON pointer (RFC 6901) of a field: every dot leads one level down. */
export function pointerOf(field: string): string {
  return `/${field.replaceAll('~', '~0').replaceAll('/', '~1').replaceAll('.', '/')}`
}

function numberOf(text: string): number | null {
  const number = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(text) ? Number(text) : NaN
  return Number.isFinite(number) ? number : null
}

/** First millisecond of a typed time, and the first one behind it: a day, a minute, a second or a millisecond, UTC unless it says otherwise. */
function momentOf(text: string): readonly [from: number | null, to: number | null] {
  const parts = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(\.\d{1,3})?\d*)?(Z|[+-]\d\d:?\d\d)?$/.exec(text)
  if (parts === null) {
    const ms = /^\d{12,14}$/.test(text) ? Number(text) : null
    return [ms, ms === null ? null : ms + 1]
  }
  const [, day, minute, second, fraction, zone = 'Z'] = parts
  const from = Date.parse(
    `${day}T${minute ?? '00:00'}${second ?? ':00'}${(fraction ?? '.0').padEnd(4, '0')}${zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2')}`,
  )
  if (Number.isNaN(from)) return [null, null]
  const length = minute === undefined ? 86_400_000 : second === undefined ? 60_000 : fraction === undefined ? 1000 : 1
  return [from, from + length]
}
