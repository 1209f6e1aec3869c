/**
 * What can be allowed, and by which policy (spec: api, part 2). Policies are those of the roles: one each, with all that it allows, on everything. They come
 * with the product and cannot be changed.
 */
import { Type } from 'typebox'
import { answerSchema, commonQuery, itemsAnswer, listAnswer, pagingQuery } from './envelope.ts'
import { actions, roleOf, roles } from './permissions.ts'
import { type ApiServer, askerOf } from './server.ts'
import { tokenSeconds } from './tokens.ts'

const tags = ['security']
const security = [{ jwt: [] }]
const response = { 200: answerSchema }
const querystring = Type.Object(commonQuery)

/** Everything: permissions are not given for parts of a kind. */
const everything = '*:*:*'

export function policyRoutes(server: ApiServer): void {
  server.get(
    '/security/policies',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Policies, one for each role',
        querystring: Type.Object(pagingQuery),
      },
      config: { permission: 'security:read' },
    },
    ({ query }) => {
      const items = roles.map(({ id, name, actions: allowed }) => ({
        id,
        name,
        policy: { actions: allowed, resources: [everything], effect: 'allow' },
        roles: [id],
      }))
      return listAnswer(items, query, 'Policies were returned')
    },
  )

  server.get(
    '/security/users/me/policies',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'What whoever asks may do: actions with their resources',
      },
      config: { permission: 'user' },
    },
    (request) => {
      const allowed = new Set(askerOf(request).roles.flatMap((id) => roleOf(id)?.actions ?? []))
      const policies = Object.fromEntries([...allowed].map((action) => [action, { [everything]: 'allow' }]))
      return {
        data: { ...policies, rbac_mode: 'white' },
        message: 'Current user processed policies information was returned',
        error: 0,
      }
    },
  )

  server.get(
    '/security/actions',
    {
      schema: { tags, security, response, querystring, summary: 'Every action, and which roles allow it' },
      config: { permission: 'security:read' },
    },
    () => ({
      data: Object.fromEntries(
        actions.map((action) => [
          action,
          {
            resources: [everything],
            roles: roles.filter(({ actions: allowed }) => allowed.includes(action)).map(({ name }) => name),
          },
        ]),
      ),
      error: 0,
    }),
  )

  server.get(
    '/security/resources',
    {
      schema: { tags, security, response, querystring, summary: 'What actions are allowed on' },
      config: { permission: 'security:read' },
    },
    () => ({ data: { '*:*': { description: 'Everything: an action is allowed on all or on nothing' } }, error: 0 }),
  )

  server.get(
    '/security/config',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'How long a token is good, and what is allowed by default',
      },
      config: { permission: 'security:read' },
    },
    () =>
      itemsAnswer(
        [{ auth_token_exp_timeout: tokenSeconds, rbac_mode: 'white' }],
        'Security configuration was returned',
      ),
  )
}
