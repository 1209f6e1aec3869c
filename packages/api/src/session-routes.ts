/** Logging in and out (spec: api, part 2), also with the roles that security rules give (`run_as`), the page's session, and `GET /`. */
import { hostname } from 'node:os'
import type { User } from '@dogwatch/store'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Access } from './access.ts'
import { contextDepthMax, contextLengthMax, depthOf, rulesThatHold } from './context-rules.ts'
import { answerSchema, apiTime, commonQuery } from './envelope.ts'
import { ApiError } from './error.ts'
import type { Guesses } from './guesses.ts'
import type { ApiParts } from './parts.ts'
import { hashPassword, isPassword, passwordLengthMax, TooManyChecks } from './password.ts'
import { countedAddress } from './rates.ts'
import { securityRules } from './security-rule-routes.ts'
import { readSecuritySettings } from './security-settings.ts'
import { type ApiServer, askerOf } from './server.ts'
import { sessionHours, type Tokens } from './tokens.ts'

export interface SessionParts {
  readonly parts: ApiParts
  readonly tokens: Tokens
  readonly guesses: Guesses
  readonly access: Access
}

/**
 * The browser's session: a cookie that scripts cannot read, that no other site's request carries, and that is good for one thing: fetching a token for
 * the page to hold in its memory. `__Host-` binds it to this host, TLS and the whole site.
 */
const cookieName = '__Host-dogwatch'
const cookieAttributes = 'Path=/; HttpOnly; Secure; SameSite=Strict'

export function sessionRoutes(server: ApiServer, { parts, tokens, guesses, access }: SessionParts): void {
  // Checked in the place of an unknown user's, so that both take as long.
  const nobody = hashPassword('nobody')

  server.get(
    '/',
    {
      schema: { tags: ['root'], summary: 'What this is; a page for browsers', querystring: Type.Object(commonQuery) },
      config: { permission: 'public' },
    },
    (request, reply) => {
      if (/\btext\/html\b/.test(request.headers.accept ?? '')) return reply.redirect('/app/', 302)
      return reply.send({
        data: {
          title: 'Dogwatch API',
          api_version: parts.manager.version,
          revision: 1,
          license_name: 'Apache-2.0',
          license_url: 'https://www.apache.org/licenses/LICENSE-2.0',
          hostname: hostname(),
          timestamp: apiTime(parts.now()),
        },
        error: 0,
      })
    },
  )

  for (const method of ['POST', 'GET'] as const) {
    server.route({
      method,
      url: '/security/user/authenticate',
      schema: {
        tags: ['security'],
        summary: 'A token for a user name and password (HTTP Basic)',
        security: [{ basic: [] }],
        querystring: Type.Object({
          ...commonQuery,
          raw: Type.Optional(Type.Boolean({ description: 'The token alone, as text' })),
        }),
      },
      config: { permission: 'public' },
      async handler(request, reply) {
        const user = await userWithPassword(request)
        const token = await tokens.issue(user)
        if (request.query.raw === true) return reply.type('text/plain; charset=utf-8').send(token)
        return reply.send({ data: { token }, error: 0 })
      },
    })
  }

  server.post(
    '/security/user/authenticate/run_as',
    {
      schema: {
        tags: ['security'],
        summary: 'A token with the roles that security rules give for the context in the body (HTTP Basic)',
        security: [{ basic: [] }],
        querystring: Type.Object({ ...commonQuery, raw: Type.Optional(Type.Boolean()) }),
        body: Type.Object({}, { additionalProperties: true, description: 'Who logs in, as another system knows them' }),
      },
      bodyLimit: contextLengthMax,
      config: { permission: 'public' },
    },
    async (request, reply) => {
      const user = await userWithPassword(request)
      if (!user.mayRunAs)
        throw new ApiError(403, `${user.name} may not log in by run_as: an administrator allows it`, 6004)
      if (depthOf(request.body, contextDepthMax + 1) > contextDepthMax)
        throw new ApiError(400, `the context has more than ${contextDepthMax} levels`)
      const roles = rolesOf(request.body)
      request.auditNote = `login of ${user.name} by run_as, roles ${roles.join() || 'none'}`
      const token = await tokens.issue(user, roles)
      if (request.query.raw === true) return reply.type('text/plain; charset=utf-8').send(token)
      return reply.send({ data: { token }, error: 0 })
    },
  )

  /** The roles whose rules hold for a context, in the order of roles. */
  function rolesOf(context: unknown): readonly number[] {
    const rules = securityRules(parts.state)
    const held = rulesThatHold(
      rules.map(({ rule }) => rule),
      context,
    )
    if (held === null) throw new ApiError(400, 'the security rules took too long with this context', 4003)
    const ids = new Set(held.map((index) => rules[index]?.id))
    const linked = parts.state.roleRules().filter(({ rule }) => ids.has(rule))
    return [...new Set(linked.map(({ role }) => role))].filter((role) => access.role(role) !== null)
  }

  const pageAnswer = { 200: answerSchema }
  server.post(
    '/dogwatch/session',
    {
      schema: {
        tags: ['session'],
        summary: 'Log the page in (HTTP Basic): a token, and a cookie that fetches the next ones',
        security: [{ basic: [] }],
        querystring: Type.Object(commonQuery),
        response: pageAnswer,
      },
      config: { permission: 'public' },
    },
    async (request, reply) => {
      refuseCrossSite(request)
      const user = await userWithPassword(request)
      const session = await tokens.issueSession(user)
      reply.header('set-cookie', `${cookieName}=${session}; ${cookieAttributes}; Max-Age=${sessionHours * 3600}`)
      return {
        data: { token: await tokens.issue(user), seconds: readSecuritySettings(parts.state).tokenSeconds },
        error: 0,
      }
    },
  )

  server.post(
    '/dogwatch/session/token',
    {
      schema: {
        tags: ['session'],
        summary: 'The next token of a page that is logged in (its cookie); null when it is not',
        querystring: Type.Object(commonQuery),
        response: pageAnswer,
      },
      config: { permission: 'public', isQuiet: true },
    },
    async (request, reply) => {
      refuseCrossSite(request)
      const session = cookieOf(request.headers.cookie)
      const user = session === null ? null : await tokens.checkSession(session)
      if (user === null) {
        // Asked at every first load, so that nobody being logged in is an ordinary answer.
        if (session !== null) reply.header('set-cookie', `${cookieName}=; ${cookieAttributes}; Max-Age=0`)
        return { data: { token: null, seconds: 0 }, error: 0 }
      }
      return {
        data: { token: await tokens.issue(user), seconds: readSecuritySettings(parts.state).tokenSeconds },
        error: 0,
      }
    },
  )

  server.delete(
    '/dogwatch/session',
    {
      schema: {
        tags: ['session'],
        summary: 'Log the page out: the cookie goes, and all tokens and sessions of the user end',
        security: [{ jwt: [] }],
        querystring: Type.Object(commonQuery),
        response: pageAnswer,
      },
      config: { permission: 'user' },
    },
    (request, reply) => {
      refuseCrossSite(request)
      const { id, name } = askerOf(request)
      parts.state.endTokens(id)
      reply.header('set-cookie', `${cookieName}=; ${cookieAttributes}; Max-Age=0`)
      return { message: `User ${name} was successfully logged out`, error: 0 }
    },
  )

  server.delete(
    '/security/user/authenticate',
    {
      schema: {
        tags: ['security'],
        summary: 'Log out: all tokens of the user end',
        security: [{ jwt: [] }],
        querystring: Type.Object(commonQuery),
        response: { 200: answerSchema },
      },
      config: { permission: 'user' },
    },
    (request) => {
      const { id, name } = askerOf(request)
      parts.state.endTokens(id)
      return { message: `User ${name} was successfully logged out`, error: 0 }
    },
  )

  server.put(
    '/security/user/revoke',
    {
      schema: {
        tags: ['security'],
        summary: 'End the tokens of all users',
        security: [{ jwt: [] }],
        querystring: Type.Object(commonQuery),
        response: { 200: answerSchema },
      },
      config: { permission: 'security:revoke' },
    },
    async () => {
      await tokens.endAll()
      return { message: 'Tokens were successfully revoked', error: 0 }
    },
  )

  /** Who logs in by HTTP Basic; a refusal that tells nothing about which of the two was wrong. */
  async function userWithPassword(request: FastifyRequest): Promise<User> {
    const given = credentialsOf(request.headers.authorization)
    if (given === null) throw new ApiError(401, 'Invalid credentials')
    const { name, password } = given
    request.auditNote = `login of ${name.slice(0, 64)}`
    const address = countedAddress(request.ip)
    if (guesses.isLocked(name, address)) {
      throw new ApiError(429, 'too many failed logins; try again in five minutes', 6000)
    }
    const user = parts.state.userNamed(name)
    const isRight = await isPassword(password, user?.passwordHash ?? (await nobody)).catch((error: unknown) => {
      if (error instanceof TooManyChecks) throw new ApiError(429, error.message, 6000)
      throw error
    })
    if (user === null || !isRight || user.isDisabled) {
      guesses.failed(name, address)
      throw new ApiError(401, 'Invalid credentials')
    }
    guesses.succeeded(name, address)
    request.asker = user
    return user
  }
}

/**
 * A request that another site made a browser send is refused. Browsers say where a request comes from in Origin, and newer ones in Sec-Fetch-Site, and
 * no script can change either; a request that says nothing does not come from the page.
 */
function refuseCrossSite({ headers, host }: FastifyRequest): void {
  const { origin, 'sec-fetch-site': site } = headers
  const isOwnOrigin = origin === undefined ? site !== undefined : origin.replace(/^https?:\/\//, '') === host
  if (!isOwnOrigin || (site !== undefined && site !== 'same-origin')) {
    throw new ApiError(403, 'this is for the page of this server only; clients use /security/user/authenticate', 4000)
  }
}

/** The session's cookie among those of a request. */
function cookieOf(header: string | undefined): string | null {
  const pair = (header ?? '')
    .slice(0, 16_384)
    .split(/;\s*/)
    .find((each) => each.startsWith(`${cookieName}=`))
  return pair?.slice(cookieName.length + 1) || null
}

/** Name and password of HTTP Basic (RFC 7617); null when there are none, or they are too long to be right. */
function credentialsOf(header: string | undefined): { readonly name: string; readonly password: string } | null {
  const encoded = /^Basic ([A-Za-z0-9+/=]{1,1024})$/i.exec(header ?? '')?.[1]
  if (encoded === undefined) return null
  const text = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  const [name, password] = [text.slice(0, colon), text.slice(colon + 1)]
  return colon < 1 || name.length > 64 || password.length > passwordLengthMax ? null : { name, password }
}
