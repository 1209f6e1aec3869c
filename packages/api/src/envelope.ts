/** The envelope of answers (spec: api, part 3), paging, and the schemas that all routes share. */
import { Type } from 'typebox'
import { type ListQuery, listPage } from './list-filter.ts'

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
  q: Type.Optional(
    Type.String({ maxLength: 2000, description: '`field=value`; = != < > ~; `;` and, `,` or, parentheses' }),
  ),
  select: Type.Optional(Type.String({ maxLength: 1000, description: 'Fields, with commas' })),
  distinct: Type.Optional(Type.Boolean({ description: 'What is the same once only' })),
}

/** A page of items as a whole answer. */
export function listAnswer(items: readonly object[], query: ListQuery, message: string, nowMs = Date.now()) {
  const { page, total } = listPage(items, query, nowMs)
  return itemsAnswer(page, message, total)
}

/** `2026-11-24T08:00:00+00:00` */
export function apiTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}+00:00`
}
