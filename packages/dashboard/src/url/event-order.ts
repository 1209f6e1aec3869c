/** The order of events as the address holds it: `newest`, `oldest`, or a field, with `-` before it for the highest first. Out: what the API is asked. */
import { type SortField, sortFields } from '@dogwatch/client'

export interface EventOrder {
  readonly order: 'newest' | 'oldest'
  /** Null: by time. */
  readonly sort: SortField | null
  readonly descending: boolean
}

/** Events of another order than that of time that can be turned to, and that an export holds. */
export const sortedMax = 10_000

export function isSortField(name: string): name is SortField {
  return sortFields.some((field) => field === name)
}

/** What the address says; `newest` where it says nothing that is known. */
export function readOrder(text: string): EventOrder {
  const descending = text.startsWith('-')
  const name = descending ? text.slice(1) : text
  if (isSortField(name)) return { order: 'newest', sort: name, descending }
  return { order: text === 'oldest' ? 'oldest' : 'newest', sort: null, descending: true }
}

/** The order behind a click on a column: one way, the other way, and back to the newest. Of levels the highest are looked for, of names the first. */
export function nextOrder(now: string, field: SortField): string {
  const [first, second] = field === 'rule.level' ? [`-${field}`, field] : [field, `-${field}`]
  if (now === first) return second
  return now === second ? 'newest' : first
}

/** Parameters of a search. */
export function searchOrder({ order, sort, descending }: EventOrder) {
  return sort === null ? { order } : { order, sort, descending }
}
