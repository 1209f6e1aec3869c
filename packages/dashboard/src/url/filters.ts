/** Filters beside the query: what their chips say, and the query that both make together. */
import { quoted } from '@dogwatch/query'

export interface Filter {
  readonly field: string
  /** Null asks only that the field is there. */
  readonly value: string | null
  readonly isNegated: boolean
  readonly isDisabled: boolean
}

/** Most filters that an address may hold. */
export const filterCountMax = 50
const textLengthMax = 2048

/** The filter as a condition of the query language. */
export function conditionOf({ field, value, isNegated }: Filter): string {
  const condition = value === null ? `${field}: exists` : `${field}:${quotedValue(value)}`
  return isNegated ? `not ${condition}` : condition
}

/** An empty value needs its quotes, and a star in a value means itself. */
function quotedValue(value: string): string {
  return value === '' ? '""' : quoted(value)
}

/** Query, filters and what the page itself adds, joined by AND; empty when there is none. */
export function wholeQuery(query: string, filters: readonly Filter[], ...more: readonly string[]): string {
  const conditions = [query, ...more].filter((text) => text.trim() !== '').map((text) => text.trim())
  const enabled = filters.filter(({ isDisabled }) => !isDisabled).map(conditionOf)
  const all = [...conditions, ...enabled]
  return all.length === 1 ? (all[0] ?? '') : all.map((condition) => `(${condition})`).join(' and ')
}

/** Filters out of the address; what is none is left out. */
export function filtersOf(value: unknown): readonly Filter[] {
  if (!Array.isArray(value)) return []
  return value.slice(0, filterCountMax).flatMap((each: unknown) => {
    if (!Array.isArray(each)) return []
    const [field, wanted, marks = '']: unknown[] = each
    if (typeof field !== 'string' || field === '' || field.length > textLengthMax) return []
    if (wanted !== null && (typeof wanted !== 'string' || wanted.length > textLengthMax)) return []
    const text = typeof marks === 'string' ? marks : ''
    return [{ field, value: wanted, isNegated: text.includes('n'), isDisabled: text.includes('d') }]
  })
}

/** The short form that the address holds. */
export function filtersInAddress(filters: readonly Filter[]): readonly (readonly [string, string | null, string])[] {
  return filters.map(({ field, value, isNegated, isDisabled }) => [
    field,
    value,
    `${isNegated ? 'n' : ''}${isDisabled ? 'd' : ''}`,
  ])
}

/** The filters with one more; one that says the opposite gives way. */
export function withFilter(filters: readonly Filter[], added: Filter): readonly Filter[] {
  const others = filters.filter(({ field, value }) => field !== added.field || value !== added.value)
  return [...others, added].slice(-filterCountMax)
}
