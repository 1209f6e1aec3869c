/** What routes on roles, policies and security rules have in common. */
import type { User } from '@dogwatch/store'
import { Type } from 'typebox'
import { ApiError } from './error.ts'
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
