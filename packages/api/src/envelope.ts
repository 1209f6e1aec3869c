/** The envelope of answers (spec: api, part 3), paging, and the schemas that all routes share. */
import { Type } from 'typebox'

/** `data` with items: all of them, or a page with the count of all. */
export function itemsAnswer<T>(items: readonly T[], message: string, total = items.length) {
  return {
    data: {
      affected_items: items,
      total_affected_items: total,
      total_failed_items: 0,
      failed_items: [],
    },
    message,
    error: 0,
  }
}

export const answerSchema = Type.Object({
  data: Type.Optional(Type.Unknown()),
  message: Type.Optional(Type.String()),
  error: Type.Optional(Type.Integer()),
  problems: Type.Optional(Type.Unknown()),
})

/** Parameters that every operation takes. */
export const commonQuery = {
  pretty: Type.Optional(Type.Boolean({ description: 'Indent the JSON' })),
  wait_for_complete: Type.Optional(Type.Boolean({ description: 'Taken and without effect: answers are complete' })),
}

export const pagingQuery = {
  ...commonQuery,
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, default: 0 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000, default: 500 })),
  search: Type.Optional(
    Type.String({ maxLength: 200, description: 'Text in whatever field; a leading - for items without it' }),
  ),
  sort: Type.Optional(Type.String({ maxLength: 200, description: 'Fields, with + or - before each' })),
}

export interface Paging {
  readonly offset?: number
  readonly limit?: number
  readonly search?: string
  readonly sort?: string
}

/** The page that was asked for, with the count before paging. */
export function pageOf<T extends object>(
  items: readonly T[],
  { offset = 0, limit = 500, search, sort }: Paging,
): { readonly page: readonly T[]; readonly total: number } {
  const found = sorted(search === undefined || search === '' ? items : items.filter(searchTest(search)), sort)
  return { page: found.slice(offset, offset + limit), total: found.length }
}

function searchTest(search: string): (item: object) => boolean {
  const isNegated = search.startsWith('-')
  const text = (isNegated ? search.slice(1) : search).toLowerCase()
  return (item) => JSON.stringify(Object.values(item)).toLowerCase().includes(text) !== isNegated
}

function sorted<T extends object>(items: readonly T[], sort: string | undefined): readonly T[] {
  if (sort === undefined || sort === '') return items
  const keys = sort.split(',').map((key) => ({ name: key.replace(/^[-+ ]/, ''), sign: key.startsWith('-') ? -1 : 1 }))
  return items.toSorted((a, b) => {
    for (const { name, sign } of keys) {
      const [x, y] = [memberOf(a, name), memberOf(b, name)]
      if (x === y) continue
      const isLess = typeof x === 'number' && typeof y === 'number' ? x < y : String(x) < String(y)
      return isLess ? -sign : sign
    }
    return 0
  })
}

function memberOf(item: object, name: string): unknown {
  return Object.entries(item).find(([key]) => key === name)?.[1]
}

/** `2026-11-24T08:00:00+00:00` */
export function apiTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}+00:00`
}
