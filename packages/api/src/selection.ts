/** What every search takes: index, query and range, read into what the store understands. In: the members of a body. Wrong: ApiError with the place. */
import { parseQuery, type Query, queryLengthMax } from '@dogwatch/query'
import type { Selection, Store } from '@dogwatch/store'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { ApiError } from './error.ts'
import { narrowedQuery, searchNarrowing } from './narrow.ts'
import type { ApiParts } from './parts.ts'
import { timeOf } from './time-range.ts'

export const indexSchema = Type.Optional(
  Type.Union([Type.Literal('alerts'), Type.Literal('archives')], { default: 'alerts' }),
)
const time = Type.String({ maxLength: 40, description: '`now`, `now-24h`, epoch milliseconds, or ISO 8601' })
export const fieldSchema = Type.String({ minLength: 1, maxLength: 256 })
/** Members of a body. */
export const selectionSchema = {
  index: indexSchema,
  query: Type.Optional(Type.String({ maxLength: queryLengthMax, default: '', description: 'As in the search bar' })),
  from: Type.Optional(time),
  to: Type.Optional(time),
}
/** Range where none is given. */
const fromDefault = 'now-24h'
const bucketsDefault = 60
/** Steps that a histogram chooses from, in milliseconds. */
const steps = [1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10_800, 43_200, 86_400, 604_800].map((s) => s * 1000)

export interface Asked {
  readonly index?: 'alerts' | 'archives'
  readonly query?: string
  readonly from?: string
  readonly to?: string
}

export function storeOf({ store: present }: ApiParts): Omit<Store, 'close'> {
  const store = present()
  if (store === null) throw new ApiError(503, 'the store is off: <store><enabled> in ossec.conf')
  return store
}

/** What is asked for, and of it what whoever asks may see. */
export function selectionOf(
  request: FastifyRequest,
  parts: ApiParts,
  { index: of = 'alerts', query = '', from = fromDefault, to = 'now' }: Asked,
): Selection {
  const { now } = parts
  const [fromMs, toMs] = [timeOf(from, now()), timeOf(to, now())]
  if (fromMs === null) throw new ApiError(400, `${from} is no time: write now-24h, epoch milliseconds, or ISO 8601`)
  if (toMs === null) throw new ApiError(400, `${to} is no time: write now, epoch milliseconds, or ISO 8601`)
  if (fromMs >= toMs) throw new ApiError(400, 'the range ends before it begins')
  const seen = narrowedQuery(queryOf(query), searchNarrowing(request, parts))
  return { index: of, query: seen, range: { fromMs, toMs: to === 'now' ? toMs + 1 : toMs } }
}

/** Step of a histogram that nobody chose: about `bucketsDefault` of them. */
export function stepOf({ range: { fromMs, toMs } }: Selection): number {
  const wanted = (toMs - fromMs) / bucketsDefault
  return steps.find((step) => step >= wanted) ?? steps.at(-1) ?? 86_400_000
}

/** A query, or a refusal that bears the places of what is wrong. */
export function queryOf(text: string): Query {
  const { query, problems } = parseQuery(text)
  if (query === null) throw new ApiError(400, problems[0]?.message ?? 'the query cannot be read', 1407, { problems })
  return query
}
