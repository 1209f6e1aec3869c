/** Users, roles, and the log of what users did. */
import type { User } from '@dogwatch/store'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { type Access, customIdMin } from './access.ts'
import { doneAnswer } from './agent-items.ts'
import { answerSchema, apiTime, commonQuery, itemsAnswer, pagingQuery } from './envelope.ts'
import { ApiError } from './error.ts'
import { demand } from './narrow.ts'
import type { ApiParts } from './parts.ts'
import { hashPassword, passwordLengthMax, passwordProblem } from './password.ts'
import { actions, administrator } from './permissions.ts'
import { policyRoutes } from './policy-routes.ts'
import { exceeding } from './rights.ts'
import { administratorOf, chosenAnswer, listSchema } from './role-parts.ts'
import { roleRoutes } from './role-routes.ts'
import { securityRuleRoutes } from './security-rule-routes.ts'
import { type ApiServer, askerOf } from './server.ts'
import type { Tokens } from './tokens.ts'

const tags = ['security']
const security = [{ jwt: [] }]
const response = { 200: answerSchema }
const idSchema = Type.Object({ user_id: Type.Integer({ minimum: 1, maximum: 1e9 }) })
const password = Type.String({ minLength: 1, maxLength: passwordLengthMax })
const roleIds = Type.Array(Type.Integer({ minimum: 1, maximum: 1e9 }), { maxItems: 20 })

export function userRoutes(
  server: ApiServer,
  { parts, access }: { readonly parts: ApiParts; readonly tokens: Tokens; readonly access: Access },
): void {
  const { state } = parts

  server.get(
    '/security/users',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Users',
        querystring: Type.Object({ ...pagingQuery, user_ids: Type.Optional(listSchema) }),
      },
      config: { permission: 'security:read', isNarrowed: true },
    },
    (request) => {
      return chosenAnswer(request, {
        kind: 'user',
        all: state.users(),
        list: request.query.user_ids,
        present: userItem,
        query: request.query,
        message: 'Users were returned',
      })
    },
  )

  server.get(
    '/security/users/me',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Who asks, and what they may',
        querystring: Type.Object(commonQuery),
      },
      config: { permission: 'user' },
    },
    (request) => {
      const user = askerOf(request)
      const item = { ...userItem(user), run_as: request.isRunAs, actions: actions.filter(request.rights.some) }
      return itemsAnswer([item], 'Current user information was returned')
    },
  )

  policyRoutes(server, state, access)
  roleRoutes(server, parts, access)
  securityRuleRoutes(server, parts, access)

  server.post(
    '/security/users',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Add a user',
        querystring: Type.Object(commonQuery),
        body: Type.Object(
          {
            username: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._@-]{2,63}$' }),
            password,
            roles: Type.Optional(roleIds),
          },
          { additionalProperties: false },
        ),
      },
      config: { permission: 'security:create_user' },
    },
    async (request) => {
      const { username, password: given, roles: wanted = [] } = request.body
      request.auditNote = username
      checkPassword(given)
      checkKnown(wanted)
      checkWithin(request, wanted)
      const passwordHash = await hashPassword(given)
      const user = state.addUser({ name: username, passwordHash, roles: wanted, createdMs: parts.now() })
      if (user === null) throw new ApiError(400, `the user ${username} is there already`, 5000)
      return itemsAnswer([userItem(user)], 'User was successfully created')
    },
  )

  server.put(
    '/security/users/:user_id',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Change a user’s password or roles, or lock them out; their tokens end',
        querystring: Type.Object(commonQuery),
        params: idSchema,
        body: Type.Object(
          { password: Type.Optional(password), roles: Type.Optional(roleIds), disabled: Type.Optional(Type.Boolean()) },
          { additionalProperties: false },
        ),
      },
      config: { permission: 'security:update', isNarrowed: true },
    },
    async (request) => {
      const before = known(request.params.user_id)
      const asker = askerOf(request)
      const { password: given, roles: asked, disabled } = request.body
      // The roles that the user has already are no change: a page sends them along.
      const wanted = asked?.join() === before.roles.join() ? undefined : asked
      request.auditNote = before.name
      demand(request, nameOf(before))
      // Whoever takes a user over may what the user may; locking out is not taking over, and is for those who may remove.
      if (disabled === true && given === undefined && wanted === undefined) checkRemovable(request, before)
      else checkUser(request, before)
      if (given !== undefined) checkPassword(given)
      if (wanted !== undefined) {
        checkKnown(wanted)
        checkWithin(request, wanted)
        checkOther(asker, before)
      }
      const losesAdministrator = (wanted !== undefined && !wanted.includes(administrator)) || disabled === true
      if (losesAdministrator) keepOneAdministrator(before.id)
      const passwordHash = given === undefined ? null : await hashPassword(given)
      const user = state.changeUser(before.id, {
        ...(passwordHash === null ? {} : { passwordHash }),
        ...(wanted === undefined ? {} : { roles: wanted }),
        ...(disabled === undefined ? {} : { isDisabled: disabled }),
      })
      return itemsAnswer(user === null ? [] : [userItem(user)], 'User was successfully updated')
    },
  )

  server.put(
    '/security/users/me/password',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Change one’s own password; all own tokens end',
        querystring: Type.Object(commonQuery),
        body: Type.Object({ password }, { additionalProperties: false }),
      },
      config: { permission: 'user' },
    },
    async (request) => {
      if (request.isRunAs)
        throw new ApiError(403, 'Permission denied: the password is that of the user behind run_as', 4000)
      checkPassword(request.body.password)
      state.changeUser(askerOf(request).id, { passwordHash: await hashPassword(request.body.password) })
      return { message: 'Password was successfully changed; log in again', error: 0 }
    },
  )

  server.put(
    '/security/users/:user_id/run_as',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Allow a user to log in with the roles that security rules give, or no longer; their tokens end',
        querystring: Type.Object({ ...commonQuery, allow_run_as: Type.Boolean() }),
        params: idSchema,
      },
      config: { permission: 'security:edit_run_as' },
    },
    (request) => {
      // The rules may give any role.
      administratorOf(request)
      const user = known(request.params.user_id)
      request.auditNote = user.name
      const changed = state.changeUser(user.id, { mayRunAs: request.query.allow_run_as })
      const says = request.query.allow_run_as ? 'allowed' : 'no longer allowed'
      return itemsAnswer(changed === null ? [] : [userItem(changed)], `${user.name} is ${says} to log in by run_as`)
    },
  )

  server.delete(
    '/security/users/:user_id',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Remove a user',
        querystring: Type.Object(commonQuery),
        params: idSchema,
      },
      config: { permission: 'security:delete', isNarrowed: true },
    },
    (request) => itemsAnswer([remove(request, request.params.user_id)], 'User was successfully deleted'),
  )
  server.delete(
    '/security/users',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Remove users that are named',
        querystring: Type.Object({
          ...commonQuery,
          user_ids: Type.String({ pattern: '^[0-9]{1,9}(,[0-9]{1,9}){0,99}$', description: 'Ids, with commas' }),
        }),
      },
      config: { permission: 'security:delete', isNarrowed: true },
    },
    (request) => {
      const done: object[] = []
      const failed: { id: string; code: number; message: string }[] = []
      for (const id of new Set(request.query.user_ids.split(',').map(Number))) {
        try {
          done.push(remove(request, id))
        } catch (error) {
          if (!(error instanceof ApiError)) throw error
          failed.push({ id: String(id), code: error.code ?? 5004, message: error.message })
        }
      }
      request.auditNote = request.query.user_ids
      return doneAnswer(done, failed, {
        all: 'Users were successfully deleted',
        some: 'Some users were not deleted',
        none: 'No user was deleted',
      })
    },
  )

  const links = {
    tags,
    security,
    response,
    params: idSchema,
    querystring: Type.Object({
      ...commonQuery,
      role_ids: Type.String({ pattern: '^[0-9]{1,9}(,[0-9]{1,9}){0,19}$', description: 'Ids, with commas' }),
    }),
  }
  server.post(
    '/security/users/:user_id/roles',
    {
      schema: { ...links, summary: 'Give roles to a user, whose tokens end' },
      config: { permission: 'security:update', isNarrowed: true },
    },
    (request) => {
      const user = known(request.params.user_id)
      request.auditNote = user.name
      const wanted = request.query.role_ids.split(',').map(Number)
      const both = wanted.filter((id) => user.roles.includes(id))
      if (both.length > 0) throw new ApiError(400, `${user.name} has the role ${both[0]} already`, 4017)
      demand(request, nameOf(user))
      for (const id of wanted) demand(request, [`role:id:${id}`])
      checkKnown(wanted)
      checkUser(request, user)
      checkWithin(request, [...user.roles, ...wanted])
      checkOther(askerOf(request), user)
      const changed = state.changeUser(user.id, { roles: [...user.roles, ...new Set(wanted)] })
      return itemsAnswer(changed === null ? [] : [userItem(changed)], 'All roles were linked to user')
    },
  )
  server.delete(
    '/security/users/:user_id/roles',
    {
      schema: { ...links, summary: 'Take roles from a user, whose tokens end' },
      config: { permission: 'security:update', isNarrowed: true },
    },
    (request) => {
      const user = known(request.params.user_id)
      request.auditNote = user.name
      const unwanted = request.query.role_ids.split(',').map(Number)
      const missing = unwanted.filter((id) => !user.roles.includes(id))
      if (missing.length > 0) throw new ApiError(400, `${user.name} has no role ${missing[0]}`, 4016)
      demand(request, nameOf(user))
      for (const id of unwanted) demand(request, [`role:id:${id}`])
      checkUser(request, user)
      checkWithin(
        request,
        user.roles.filter((id) => !unwanted.includes(id)),
      )
      checkOther(askerOf(request), user)
      if (unwanted.includes(administrator)) keepOneAdministrator(user.id)
      const changed = state.changeUser(user.id, { roles: user.roles.filter((id) => !unwanted.includes(id)) })
      return itemsAnswer(changed === null ? [] : [userItem(changed)], 'All roles were unlinked from user')
    },
  )

  server.get(
    '/dogwatch/audit',
    {
      schema: {
        tags: ['audit'],
        security,
        response,
        summary: 'What users did, newest first',
        querystring: Type.Object(pagingQuery),
      },
      config: { permission: 'audit:read' },
    },
    ({ query: { limit = 500, offset = 0 } }) => {
      const { total, deeds } = state.deeds(Math.min(limit, 10_000), offset)
      const items = deeds.map(({ timeMs, ...deed }) => ({ time: apiTime(timeMs), ...deed }))
      return itemsAnswer(items, 'What users did was returned', total)
    },
  )

  function remove(request: FastifyRequest, id: number): object {
    const user = known(id)
    request.auditNote = user.name
    if (user.id === askerOf(request).id) throw new ApiError(400, 'nobody removes themselves', 5008)
    demand(request, nameOf(user))
    checkRemovable(request, user)
    keepOneAdministrator(user.id)
    state.removeUser(user.id)
    return userItem(user)
  }

  function known(id: number): User {
    const user = state.user(id)
    if (user === null) throw new ApiError(404, `there is no user ${id}`, 5001)
    return user
  }

  function keepOneAdministrator(besideId: number): void {
    const isLast = !state
      .users()
      .some(({ id, roles: held, isDisabled }) => id !== besideId && !isDisabled && held.includes(administrator))
    if (isLast && state.user(besideId)?.roles.includes(administrator) === true) {
      throw new ApiError(400, 'this is the last administrator; make another one first', 5004)
    }
  }

  function checkKnown(wanted: readonly number[]): void {
    for (const id of wanted) {
      if (access.role(id) === null) throw new ApiError(400, `there is no role ${id}`, 4002)
    }
  }

  /** Nobody gives more than they have: not by one of the roles, and not by all of them together. */
  function checkWithin(request: FastifyRequest, wanted: readonly number[]): void {
    if (askerOf(request).roles.includes(administrator)) return
    if (wanted.includes(administrator))
      throw new ApiError(403, 'Permission denied: only an administrator changes administrators', 4000)
    for (const id of wanted) {
      const action = exceeding(access.rightsOfRole(id), request.rights)
      if (action !== null)
        throw new ApiError(403, `Permission denied: ${access.role(id)?.name} allows more than you may: ${action}`, 4000)
    }
    const action = exceeding(access.rights(wanted), request.rights)
    if (action !== null)
      throw new ApiError(403, `Permission denied: that would allow more than you may: ${action}`, 4000)
  }

  /** A role may also deny; so it is not for those who have it to lay it down, nor to take another one up. */
  function checkOther(asker: User, user: User): void {
    if (asker.id === user.id && !asker.roles.includes(administrator))
      throw new ApiError(403, 'Permission denied: only an administrator changes their own roles', 4000)
  }

  /** Whoever takes a user over may what the user may: so nobody changes those who may more. */
  function checkUser(request: FastifyRequest, user: User): void {
    if (user.mayRunAs && !askerOf(request).roles.includes(administrator))
      throw new ApiError(403, 'Permission denied: only an administrator changes who may log in by run_as', 4000)
    checkWithin(request, user.roles)
  }

  /** Those who have a role of the product, short of administrators, can be removed by whoever may remove users. */
  function checkRemovable(request: FastifyRequest, user: User): void {
    checkWithin(
      request,
      user.roles.filter((id) => id === administrator || (id >= customIdMin && access.role(id) !== null)),
    )
  }
}

function nameOf({ id }: User): readonly string[] {
  return [`user:id:${id}`]
}

function checkPassword(given: string): void {
  const problem = passwordProblem(given)
  if (problem !== null) throw new ApiError(400, problem, 5007)
}

/** The one shape in which a user leaves; the hash never does. */
function userItem({ id, name, roles: held, isDisabled, mayRunAs, createdMs }: User) {
  return { id, username: name, allow_run_as: mayRunAs, roles: held, disabled: isDisabled, created: apiTime(createdMs) }
}
