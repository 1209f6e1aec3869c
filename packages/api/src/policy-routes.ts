/** What can be allowed, on what, what whoever asks may, and what is set about tokens and the mode (spec: api, part 2). Roles and policies themselves are in role-routes.ts. */
import type { State } from '@dogwatch/store'
import { Type } from 'typebox'
import type { Access } from './access.ts'
import { answerSchema, commonQuery, itemsAnswer } from './envelope.ts'
import { actions, kindsOf, resourceKinds } from './permissions.ts'
import { everything } from './rights.ts'
import { administratorOf } from './role-parts.ts'
import {
  changeSecuritySettings,
  readSecuritySettings,
  type SecuritySettings,
  tokenSecondsMax,
  tokenSecondsMin,
} from './security-settings.ts'
import type { ApiServer } from './server.ts'

const tags = ['security']
const security = [{ jwt: [] }]
const response = { 200: answerSchema }
const querystring = Type.Object(commonQuery)

export function policyRoutes(server: ApiServer, state: State, access: Access): void {
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
      const { rights } = request
      const policies = actions.flatMap((action) => {
        const grants = rights.grants(action).map(({ resource, effect }) => [resource, effect] as const)
        return grants.length === 0 ? [] : [[action, Object.fromEntries(grants)] as const]
      })
      return {
        data: { ...Object.fromEntries(policies), rbac_mode: rights.mode },
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
            resources: [...kindsOf(action), everything],
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
    () => ({
      data: Object.fromEntries([
        ['*:*', { description: 'Everything, and what is not one of several things' }],
        ...Object.entries(resourceKinds).map(([kind, description]) => [kind, { description }]),
      ]),
      error: 0,
    }),
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
      config: { permission: 'security:read_config' },
    },
    () => configAnswer(readSecuritySettings(state), 'Security configuration was returned'),
  )

  const change = { tags, security, response, querystring }
  server.put(
    '/security/config',
    {
      schema: {
        ...change,
        summary: 'Set how long a token is good, and what is allowed where no policy says anything; all tokens end',
        body: Type.Object(
          {
            auth_token_exp_timeout: Type.Optional(
              Type.Integer({ minimum: tokenSecondsMin, maximum: tokenSecondsMax, description: 'Seconds' }),
            ),
            rbac_mode: Type.Optional(
              Type.Union([Type.Literal('white'), Type.Literal('black')], {
                description: '`white` denies what no policy allows, `black` allows what none denies',
              }),
            ),
          },
          { additionalProperties: false, minProperties: 1 },
        ),
      },
      config: { permission: 'security:update_config' },
    },
    (request) => {
      administratorOf(request)
      const { auth_token_exp_timeout: tokenSeconds, rbac_mode: mode } = request.body
      request.auditNote = JSON.stringify(request.body)
      const settings = changeSecuritySettings(state, {
        ...(tokenSeconds === undefined ? {} : { tokenSeconds }),
        ...(mode === undefined ? {} : { mode }),
      })
      return configAnswer(settings, 'Configuration was successfully updated; all tokens have ended')
    },
  )
  server.delete(
    '/security/config',
    {
      schema: { ...change, summary: 'Set everything as it was at first; all tokens end' },
      config: { permission: 'security:update_config' },
    },
    (request) => {
      administratorOf(request)
      const settings = changeSecuritySettings(state, null)
      return configAnswer(settings, 'Configuration was successfully restored; all tokens have ended')
    },
  )
}

function configAnswer({ tokenSeconds, mode }: SecuritySettings, message: string) {
  return itemsAnswer([{ auth_token_exp_timeout: tokenSeconds, rbac_mode: mode }], message)
}
