/**
 * Roles and policies (spec: api, part 2): those of the product are read, those of one's own are made, changed, linked and removed, by administrators only:
 * whoever could change what a role allows could allow themselves everything. In: the state through `Access`. Wrong: Wazuh's codes 4002 to 4017.
 */
import { Type } from 'typebox'
import { type Access, customIdMin, type Policy, type RoleFacts } from './access.ts'
import { doneAnswer } from './agent-items.ts'
import { answerSchema, commonQuery, itemsAnswer, pagingQuery } from './envelope.ts'
import { ApiError } from './error.ts'
import type { ApiParts } from './parts.ts'
import { actions, resourceKinds } from './permissions.ts'
import { policyProblem, resourcePattern } from './rights.ts'
import { administratorOf, chosenAnswer, idSchema, listSchema, nameSchema } from './role-parts.ts'
import { mappingChanged } from './security-settings.ts'
import type { ApiServer } from './server.ts'

const tags = ['security']
const security = [{ jwt: [] }]
const response = { 200: answerSchema }
const querystring = Type.Object(commonQuery)
/** Roles, and policies, that may be made. */
const madeMax = 200
const kinds = Object.keys(resourceKinds)
const policySchema = Type.Object(
  {
    actions: Type.Array(Type.Union(actions.map((action) => Type.Literal(action))), { minItems: 1, maxItems: 200 }),
    resources: Type.Array(Type.String({ pattern: resourcePattern(kinds) }), {
      minItems: 1,
      maxItems: 50,
      description: '`*:*:*`, whole kinds as `agent:id:*`, or single things as `agent:group:web`',
    }),
    effect: Type.Union([Type.Literal('allow'), Type.Literal('deny')]),
  },
  { additionalProperties: false },
)

export function roleRoutes(server: ApiServer, { state }: ApiParts, access: Access): void {
  const read = { tags, security, response }
  const write = { tags, security, response, querystring }
  // Whatever policies name: an administrator, or nobody.
  const config = { permission: 'security:update', isNarrowed: true } as const

  server.get(
    '/security/roles',
    {
      schema: {
        ...read,
        summary: 'Roles, and what each allows',
        querystring: Type.Object({ ...pagingQuery, role_ids: Type.Optional(listSchema) }),
      },
      config: { permission: 'security:read', isNarrowed: true },
    },
    (request) => {
      return chosenAnswer(request, {
        kind: 'role',
        all: access.roles(),
        list: request.query.role_ids,
        present: roleItem,
        query: request.query,
        message: 'Roles were returned',
      })
    },
  )
  server.get(
    '/security/policies',
    {
      schema: {
        ...read,
        summary: 'Policies, and which roles have them',
        querystring: Type.Object({ ...pagingQuery, policy_ids: Type.Optional(listSchema) }),
      },
      config: { permission: 'security:read', isNarrowed: true },
    },
    (request) => {
      return chosenAnswer(request, {
        kind: 'policy',
        all: access.policies(),
        list: request.query.policy_ids,
        present: policyItem,
        query: request.query,
        message: 'Policies were returned',
      })
    },
  )

  server.post(
    '/security/roles',
    {
      schema: {
        ...write,
        summary: 'Make a role, which allows nothing yet',
        body: Type.Object({ name: nameSchema }, { additionalProperties: false }),
      },
      config: { permission: 'security:create' },
    },
    (request) => {
      administratorOf(request)
      request.auditNote = request.body.name
      return putRole(request.body.name, [])
    },
  )
  server.put(
    '/security/roles/:role_id',
    {
      schema: {
        ...write,
        summary: 'Name a role anew',
        params: Type.Object({ role_id: idSchema }),
        body: Type.Object({ name: nameSchema }, { additionalProperties: false }),
      },
      config,
    },
    (request) => {
      administratorOf(request)
      const role = ownRole(request.params.role_id)
      request.auditNote = role.name
      return putRole(request.body.name, role.policies, role.id)
    },
  )
  server.delete(
    '/security/roles',
    {
      schema: {
        ...write,
        summary: 'Remove roles, also from their users; those of the product stay',
        querystring: Type.Object({ ...commonQuery, role_ids: listSchema }),
      },
      config: { permission: 'security:delete', isNarrowed: true },
    },
    (request) => {
      administratorOf(request)
      const answer = removed(request.query.role_ids, state.roles(), (id) => state.removeRole(id), 4002, 'role')
      mappingChanged(state)
      return answer
    },
  )

  server.post(
    '/security/policies',
    {
      schema: {
        ...write,
        summary: 'Make a policy',
        body: Type.Object({ name: nameSchema, policy: policySchema }, { additionalProperties: false }),
      },
      config: { permission: 'security:create' },
    },
    (request) => {
      administratorOf(request)
      request.auditNote = request.body.name
      return putPolicy(request.body.name, request.body.policy)
    },
  )
  server.put(
    '/security/policies/:policy_id',
    {
      schema: {
        ...write,
        summary: 'Change a policy; it counts at once',
        params: Type.Object({ policy_id: idSchema }),
        body: Type.Object(
          { name: Type.Optional(nameSchema), policy: Type.Optional(policySchema) },
          { additionalProperties: false, minProperties: 1 },
        ),
      },
      config,
    },
    (request) => {
      administratorOf(request)
      const before = ownPolicy(request.params.policy_id)
      request.auditNote = before.name
      return putPolicy(request.body.name ?? before.name, request.body.policy ?? before.policy, before.id)
    },
  )
  server.delete(
    '/security/policies',
    {
      schema: {
        ...write,
        summary: 'Remove policies, also from their roles; those of the product stay',
        querystring: Type.Object({ ...commonQuery, policy_ids: listSchema }),
      },
      config: { permission: 'security:delete', isNarrowed: true },
    },
    (request) => {
      administratorOf(request)
      return removed(request.query.policy_ids, state.policies(), (id) => state.removePolicy(id), 4007, 'policy')
    },
  )

  const links = {
    params: Type.Object({ role_id: idSchema }),
    querystring: Type.Object({
      ...commonQuery,
      policy_ids: listSchema,
      position: Type.Optional(
        Type.Integer({ minimum: 0, maximum: 1000, description: 'Later ones count over earlier' }),
      ),
    }),
  }
  server.post(
    '/security/roles/:role_id/policies',
    { schema: { ...write, ...links, summary: 'Give policies to a role' }, config },
    (request) => {
      administratorOf(request)
      const role = ownRole(request.params.role_id)
      request.auditNote = role.name
      const kept = [...role.policies]
      let place = request.query.position ?? kept.length
      return linked(role.name, role.id, request.query.policy_ids, kept, (id) => {
        if (kept.includes(id)) return { code: 4011, message: 'The specified role-policy relation already exists' }
        kept.splice(place++, 0, id)
        return null
      })
    },
  )
  server.delete(
    '/security/roles/:role_id/policies',
    { schema: { ...write, ...links, summary: 'Take policies from a role' }, config },
    (request) => {
      administratorOf(request)
      const role = ownRole(request.params.role_id)
      request.auditNote = role.name
      const kept = [...role.policies]
      return linked(role.name, role.id, request.query.policy_ids, kept, (id) => {
        const at = kept.indexOf(id)
        if (at === -1) return { code: 4010, message: 'The specified role-policy relation does not exist' }
        kept.splice(at, 1)
        return null
      })
    },
  )

  function roleItem({ id, name, policies, actions: allowed }: RoleFacts) {
    const users = state
      .users()
      .filter(({ roles }) => roles.includes(id))
      .map((user) => user.id)
    const rules = state.roleRules().flatMap((each) => (each.role === id ? [each.rule] : []))
    return { id, name, policies, rules, users, actions: allowed }
  }

  function policyItem({ id, name, policy }: Policy) {
    const holders = access.roles().filter(({ policies }) => policies.includes(id))
    return { id, name, policy, roles: holders.map((role) => role.id) }
  }

  function putRole(name: string, policies: readonly number[], id?: number) {
    if (access.roles().some((role) => role.name === name && role.id !== id)) throw named(4005, 'role', name)
    if (id === undefined && state.roles().length >= madeMax) throw tooMany('roles')
    const role = state.putRole({ name, policies }, id)
    const found = role === null ? null : access.role(role.id)
    if (found === null) throw named(4005, 'role', name)
    return itemsAnswer([roleItem(found)], `Role was successfully ${id === undefined ? 'created' : 'updated'}`)
  }

  function putPolicy(name: string, content: Policy['policy'], id?: number) {
    const problem = policyProblem(content)
    if (problem !== null) throw new ApiError(400, problem, 4006)
    if (access.policies().some((policy) => policy.name === name && policy.id !== id)) throw named(4009, 'policy', name)
    if (id === undefined && state.policies().length >= madeMax) throw tooMany('policies')
    const put = state.putPolicy({ name, content: JSON.stringify(content) }, id)
    const found = access.policies().find((policy) => policy.id === put?.id)
    if (found === undefined) throw named(4009, 'policy', name)
    return itemsAnswer([policyItem(found)], `Policy was successfully ${id === undefined ? 'created' : 'updated'}`)
  }

  function ownRole(id: number): RoleFacts {
    const role = access.role(id)
    if (role === null) throw new ApiError(404, `there is no role ${id}`, 4002)
    if (id < customIdMin)
      throw new ApiError(403, `the role ${role.name} comes with the product and stays as it is`, 4008)
    return role
  }

  function ownPolicy(id: number): Policy {
    const policy = access.policies().find((each) => each.id === id)
    if (policy === undefined) throw new ApiError(404, `there is no policy ${id}`, 4007)
    if (id < customIdMin)
      throw new ApiError(403, `the policy ${policy.name} comes with the product and stays as it is`, 4008)
    return policy
  }

  /** Does for each policy what can be done, then keeps the role's list. */
  function linked(
    name: string,
    roleId: number,
    list: string,
    kept: number[],
    change: (id: number) => { readonly code: number; readonly message: string } | null,
  ) {
    const known = new Set(access.policies().map(({ id }) => id))
    const failed: { readonly id: string; readonly code: number; readonly message: string }[] = []
    for (const id of list === 'all' ? [...kept] : list.split(',').map(Number)) {
      const problem = known.has(id) ? change(id) : { code: 4007, message: 'The specified policy does not exist' }
      if (problem !== null) failed.push({ id: String(id), ...problem })
    }
    if (kept.length > madeMax) throw tooMany('policies of a role')
    state.putRole({ name, policies: kept }, roleId)
    const role = access.role(roleId)
    return linkedAnswer(role === null ? [] : [roleItem(role)], list, failed)
  }
}

function removed(
  list: string,
  made: readonly { readonly id: number; readonly name: string }[],
  remove: (id: number) => boolean,
  missing: number,
  kind: string,
) {
  const done: object[] = []
  const failed: { readonly id: string; readonly code: number; readonly message: string }[] = []
  for (const id of list === 'all' ? made.map((each) => each.id) : list.split(',').map(Number)) {
    const found = made.find((each) => each.id === id)
    if (id > 0 && id < customIdMin) {
      failed.push({ id: String(id), code: 4008, message: `what comes with the product stays: ${kind} ${id}` })
    } else if (found !== undefined && remove(id)) done.push({ id, name: found.name })
    else failed.push({ id: String(id), code: missing, message: `The specified ${kind} does not exist` })
  }
  return doneAnswer(done, failed, {
    all: `All selected ${kind === 'role' ? 'roles' : 'policies'} were deleted`,
    some: `Some ${kind === 'role' ? 'roles' : 'policies'} were not deleted`,
    none: `No ${kind} was deleted`,
  })
}

function linkedAnswer(
  items: readonly object[],
  list: string,
  failed: readonly { readonly id: string; readonly code: number; readonly message: string }[],
) {
  const isNone = list !== 'all' && failed.length === list.split(',').length
  return doneAnswer(isNone ? [] : items, failed, {
    all: 'All policies were linked as asked',
    some: 'Some policies were not linked as asked',
    none: 'No policy was linked as asked',
  })
}

function named(code: number, kind: string, name: string): ApiError {
  return new ApiError(400, `there is a ${kind} ${name} already`, code)
}

function tooMany(what: string): ApiError {
  return new ApiError(400, `there are ${madeMax} ${what} already; remove some first`, 4008)
}
