/** What can be allowed, on what, and what whoever asks may (spec: api, part 2). Roles and policies themselves are in role-routes.ts. */
import { Type } from 'typebox'
import { type Access, everything } from './access.ts'
import { answerSchema, commonQuery, itemsAnswer } from './envelope.ts'
import { actions } from './permissions.ts'
import { type ApiServer, askerOf } from './server.ts'
import { tokenSeconds } from './tokens.ts'

const tags = ['security']
const security = [{ jwt: [] }]
const response = { 200: answerSchema }
const querystring = Type.Object(commonQuery)

export function policyRoutes(server: ApiServer, access: Access): void {
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
      const allowed = access.actionsOf(askerOf(request).roles)
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
            roles: access
              .roles()
              .filter(({ actions: allowed }) => allowed.includes(action))
              .map(({ name }) => name),
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
