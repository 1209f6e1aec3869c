/**
 * Security rules: which roles a login by `run_as` gets for its context (spec: api, endpoint 65). Made, changed, linked to roles and removed by administrators
 * only, since a rule can give any role. In: the state. Wrong: Wazuh's codes 4002, 4003, 4005, 4022 to 4024. A change ends the tokens that rules have given.
 */
import type { State } from '@dogwatch/store'
import { Type } from 'typebox'
import { type Access, customIdMin } from './access.ts'
import { doneAnswer } from './agent-items.ts'
import { ruleProblem } from './context-rules.ts'
import { answerSchema, commonQuery, itemsAnswer, pagingQuery } from './envelope.ts'
import { ApiError } from './error.ts'
import type { ApiParts } from './parts.ts'
import { administratorOf, chosenAnswer, idSchema, listSchema, nameSchema } from './role-parts.ts'
import { mappingChanged } from './security-settings.ts'
import type { ApiServer } from './server.ts'

const schema = {
  tags: ['security'],
  security: [{ jwt: [] }],
  response: { 200: answerSchema },
  querystring: Type.Object(commonQuery),
}
/** Rules that may be made. */
const madeMax = 200
const ruleSchema = Type.Object(
  {},
  { additionalProperties: true, description: 'One of AND, OR, NOT, MATCH, MATCH$, FIND, FIND$' },
)
const messages = {
  all: 'All security rules were linked as asked',
  some: 'Some security rules were not linked as asked',
  none: 'No security rule was linked as asked',
}

interface Rule {
  readonly id: number
  readonly name: string
  readonly rule: unknown
}

/** The rules that there are, with their content read. */
export function securityRules(state: State): readonly Rule[] {
  return state.securityRules().map(({ id, name, content }) => ({ id, name, rule: JSON.parse(content) }))
}

export function securityRuleRoutes(server: ApiServer, { state }: ApiParts, access: Access): void {
  server.get(
    '/security/rules',
    {
      schema: {
        ...schema,
        summary: 'Security rules, and which roles they give',
        querystring: Type.Object({ ...pagingQuery, rule_ids: Type.Optional(listSchema) }),
      },
      config: { permission: 'security:read', isNarrowed: true },
    },
    (request) => {
      return chosenAnswer(request, {
        kind: 'rule',
        all: securityRules(state),
        list: request.query.rule_ids,
        present: ruleItem,
        query: request.query,
        message: 'All specified security rules were returned',
      })
    },
  )

  server.post(
    '/security/rules',
    {
      schema: {
        ...schema,
        summary: 'Make a security rule, which gives no role yet',
        body: Type.Object({ name: nameSchema, rule: ruleSchema }, { additionalProperties: false }),
      },
      config: { permission: 'security:create' },
    },
    (request) => {
      administratorOf(request)
      request.auditNote = request.body.name
      return put(request.body.name, request.body.rule)
    },
  )
  server.put(
    '/security/rules/:rule_id',
    {
      schema: {
        ...schema,
        summary: 'Change a security rule; tokens that rules have given end',
        params: Type.Object({ rule_id: idSchema }),
        body: Type.Object(
          { name: Type.Optional(nameSchema), rule: Type.Optional(ruleSchema) },
          { additionalProperties: false, minProperties: 1 },
        ),
      },
      config: { permission: 'security:update', isNarrowed: true },
    },
    (request) => {
      administratorOf(request)
      const before = securityRules(state).find(({ id }) => id === request.params.rule_id)
      if (before === undefined) throw new ApiError(404, `there is no security rule ${request.params.rule_id}`, 4022)
      request.auditNote = before.name
      return put(request.body.name ?? before.name, request.body.rule ?? before.rule, before.id)
    },
  )
  server.delete(
    '/security/rules',
    {
      schema: {
        ...schema,
        summary: 'Remove security rules, also from their roles',
        querystring: Type.Object({ ...commonQuery, rule_ids: listSchema }),
      },
      config: { permission: 'security:delete', isNarrowed: true },
    },
    (request) => {
      administratorOf(request)
      const known = new Map(securityRules(state).map((rule) => [rule.id, ruleItem(rule)]))
      const { rule_ids: list } = request.query
      const done: object[] = []
      const failed: Failed[] = []
      for (const id of list === 'all' ? known.keys() : new Set(list.split(',').map(Number))) {
        const item = known.get(id)
        if (item !== undefined && state.removeSecurityRule(id)) done.push(item)
        else failed.push(missing(id))
      }
      mappingChanged(state)
      return doneAnswer(done, failed, {
        all: 'All specified security rules were deleted',
        some: 'Some security rules were not deleted',
        none: 'No security rule was deleted',
      })
    },
  )

  const links = {
    params: Type.Object({ role_id: idSchema }),
    querystring: Type.Object({ ...commonQuery, rule_ids: listSchema }),
  }
  for (const isAdded of [true, false]) {
    server.route({
      method: isAdded ? 'POST' : 'DELETE',
      url: '/security/roles/:role_id/rules',
      schema: {
        ...schema,
        ...links,
        summary: isAdded ? 'Have security rules give a role' : 'Have security rules give a role no longer',
      },
      config: { permission: 'security:update', isNarrowed: true },
      handler: (request) => {
        administratorOf(request)
        const role = access.role(request.params.role_id)
        if (role === null) throw new ApiError(404, `there is no role ${request.params.role_id}`, 4002)
        request.auditNote = role.name
        const known = new Set(securityRules(state).map(({ id }) => id))
        const linked = state.roleRules().flatMap((each) => (each.role === role.id ? [each.rule] : []))
        const { rule_ids: list } = request.query
        const done: number[] = []
        const failed: Failed[] = []
        for (const id of list === 'all' ? (isAdded ? known : linked) : new Set(list.split(',').map(Number))) {
          if (!known.has(id)) failed.push(missing(id))
          else if (isAdded ? state.linkRule(role.id, id) : state.unlinkRule(role.id, id)) done.push(id)
          else if (isAdded)
            failed.push({ id: String(id), code: 4023, message: 'The specified role-rule relation already exists' })
          else failed.push({ id: String(id), code: 4024, message: 'The specified role-rule relation does not exist' })
        }
        mappingChanged(state)
        const rules = state.roleRules().flatMap((each) => (each.role === role.id ? [each.rule] : []))
        const item = { id: role.id, name: role.name, policies: role.policies, rules }
        const answer = doneAnswer(done, failed, messages)
        const items = done.length === 0 ? [] : [item]
        return { ...answer, data: { ...answer.data, affected_items: items } }
      },
    })
  }

  function ruleItem({ id, name, rule }: Rule) {
    const roles = state.roleRules().flatMap((each) => (each.rule === id ? [each.role] : []))
    return { id, name, rule, roles }
  }

  function put(name: string, rule: unknown, id?: number) {
    const problem = ruleProblem(rule)
    if (problem !== null) throw new ApiError(400, problem, 4003)
    if (id === undefined && state.securityRules().length >= madeMax)
      throw new ApiError(400, `there are ${madeMax} security rules already; remove some first`, 4008)
    const kept = state.putSecurityRule({ name, content: JSON.stringify(rule) }, id)
    if (kept === null) throw new ApiError(400, `there is a security rule ${name} already`, 4005)
    mappingChanged(state)
    const item = ruleItem({ id: kept.id, name, rule })
    return itemsAnswer([item], `Security rule was successfully ${id === undefined ? 'created' : 'updated'}`)
  }
}

interface Failed {
  readonly id: string
  readonly code: number
  readonly message: string
}

function missing(id: number): Failed {
  return id > 0 && id < customIdMin
    ? { id: String(id), code: 4022, message: 'No security rule comes with the product: ids begin at 100' }
    : { id: String(id), code: 4022, message: 'The specified security rule does not exist' }
}
