/** What routes on users, roles, policies and security rules have in common. */
import type { User } from '@dogwatch/store'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { doneAnswer } from './agent-items.ts'
import { listAnswer } from './envelope.ts'
import { ApiError } from './error.ts'
import type { ListQuery } from './list-filter.ts'
import { visible } from './narrow.ts'
import { administrator } from './permissions.ts'
import { askerOf } from './server.ts'

export const idSchema = Type.Integer({ minimum: 1, maximum: 1e9 })
export const nameSchema = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' })
export const listSchema = Type.String({
  pattern: '^(all|[0-9]{1,9}(,[0-9]{1,9}){0,99})$',
  description: 'Ids, with commas',
})

/** Roles, policies, security rules and their settings change what everybody may, so no less than an administrator changes them. */
export function administratorOf(request: Parameters<typeof askerOf>[0]): User {
  const asker = askerOf(request)
  if (asker.roles.includes(administrator)) return asker
  throw new ApiError(403, 'Permission denied: only an administrator changes what everybody may', 4000)
}

/** Things of which some may be named: those that are for whoever asks, and of the named ones why the others are not told. */
export function chosenAnswer<T extends { readonly id: number }>(
  request: FastifyRequest,
  wanted: {
    readonly kind: 'user' | 'role' | 'policy' | 'rule'
    readonly all: readonly T[]
    /** Ids with commas; without it, all. */
    readonly list: string | undefined
    readonly present: (item: T) => object
    readonly query: ListQuery
    readonly message: string
  },
) {
  const { kind, all, list, present, query, message } = wanted
  const seen = visible(request, all, ({ id }) => [`${kind}:id:${id}`])
  if (list === undefined || list === 'all') return listAnswer(seen.map(present), query, message)
  const ids = new Set(list.split(',').map(Number))
  const found = seen.filter(({ id }) => ids.has(id))
  const failed = [...ids]
    .filter((id) => !found.some((item) => item.id === id))
    .map((id) =>
      all.some((item) => item.id === id)
        ? { id: String(id), code: 4000, message: `Permission denied: this needs security:read on ${kind}:id:${id}` }
        : { id: String(id), code: missingCodes[kind], message: `The specified ${kind} does not exist` },
    )
  const { affected_items: items, total_affected_items: total } = listAnswer(found.map(present), query, message).data
  const answer = doneAnswer(items, failed, { all: message, some: message, none: message })
  return { ...answer, data: { ...answer.data, total_affected_items: total } }
}

const missingCodes = { user: 5001, role: 4002, policy: 4007, rule: 4022 } as const
