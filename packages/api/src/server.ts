/**
 * The HTTPS server of the API: who asks, whether they may, and the shape of answers and refusals. Every route says in its configuration which action it
 * needs; one that says nothing is refused when it is added. In: the parts and the address. Out: a listening server.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createPlainServer } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { User } from '@dogwatch/store'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RawServerDefault,
} from 'fastify'
import { openAccess } from './access.ts'
import { agentRoutes } from './agent-routes.ts'
import { agentStateRoutes } from './agent-state-routes.ts'
import { attackRoutes } from './attack-routes.ts'
import { ApiError, apiErrorOf, problemBody } from './error.ts'
import { eventRoutes } from './event-routes.ts'
import { groupRoutes } from './group-routes.ts'
import { countGuesses } from './guesses.ts'
import { kubernetesRoutes } from './kubernetes-routes.ts'
import { managerRoutes } from './manager-routes.ts'
import { nodeRoutes } from './node-routes.ts'
import { pageRoutes } from './page-routes.ts'
import type { ApiParts } from './parts.ts'
import { hashPassword, randomPassword } from './password.ts'
import { type Action, administrator } from './permissions.ts'
import { profileRoutes } from './profile-routes.ts'
import { countedAddress, requestsPerMinute, userRequestsPerMinute } from './rates.ts'
import { type Rights, rightsOf } from './rights.ts'
import { openRulesetDesk } from './ruleset-desk.ts'
import { rulesetRoutes } from './ruleset-routes.ts'
import { searchRoutes } from './search-routes.ts'
import { sessionRoutes } from './session-routes.ts'
import { statsRoutes } from './stats-routes.ts'
import { syscheckRoutes } from './syscheck-routes.ts'
import { openTokens } from './tokens.ts'
import { userRoutes } from './user-routes.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; null on public routes. */
    asker: User | null
    /** Whether the token has the roles that security rules gave, in the place of the user's own. */
    isRunAs: boolean
    /** What whoever asks may; nothing on public routes. */
    rights: Rights
    /** What is told in the audit log beside the request itself. */
    auditNote: string
  }
  interface FastifyContextConfig {
    /** The action that a route needs; `public` for everybody, `user` for whoever is logged in. */
    permission?: Action | 'public' | 'user'
    /** The handler looks at each thing that it touches; without it, who may the action on a part only is refused. */
    isNarrowed?: boolean
    /** Left out of the audit log: asks and changes nothing. */
    isQuiet?: boolean
  }
}

export type ApiServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

export interface Tls {
  readonly cert: string | Buffer
  readonly key: string | Buffer
}

export interface ApiOptions {
  readonly parts: ApiParts
  /** Null serves plain HTTP, for tests that inject requests. */
  readonly tls: Tls | null
  /** Folder of the built page (packages/dashboard/dist); null where there is no page. */
  readonly pageFolder: string | null
}

export interface Api {
  readonly server: ApiServer
  /** The password of the first user, made just now; null when there are users already. */
  readonly firstPassword: { readonly user: string; readonly password: string } | null
  listen(host: string, port: number): Promise<number>
  setTls(tls: Tls): void
  /** The ruleset has changed: what is compiled of it is forgotten. */
  rulesetChanged(): void
  close(): Promise<void>
}

/** Bounds of a request. */
const bodyLengthMax = 2 << 20
const requestMsMax = 30_000
const firstUser = 'admin'
const nothing = rightsOf([], 'white')

export async function createApi({ parts, tls, pageFolder }: ApiOptions): Promise<Api> {
  let secure: Server | null = null
  const server: ApiServer = fastify({
    serverFactory: (handler) => {
      if (tls === null) return createPlainServer(handler)
      secure = createServer({ ...tls, minVersion: 'TLSv1.2' }, handler)
      return secure
    },
    bodyLimit: bodyLengthMax,
    requestTimeout: requestMsMax,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, useDefaults: true, allErrors: false } },
    routerOptions: { maxParamLength: 300 },
    forceCloseConnections: true,
  }).withTypeProvider<TypeBoxTypeProvider>()
  const tokens = await openTokens(parts.state, parts.now)
  const guesses = countGuesses(parts.now)
  const desk = openRulesetDesk(parts)
  const access = openAccess(parts.state)

  // Clients say that they send JSON also where they send nothing; a prototype in it is refused.
  const parseJson = server.getDefaultJsonParser('error', 'error')
  server.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else void parseJson(request, body, done)
  })

  server.decorateRequest('asker', null)
  server.decorateRequest('auditNote', '')
  server.decorateRequest('rights')
  server.decorateRequest('isRunAs', false)
  server.addHook('onRoute', ({ url, config }) => {
    if (config?.permission === undefined) throw new Error(`${url} does not say which permission it needs`)
  })
  server.addHook('onRequest', async (_request, reply) => {
    reply.headers({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-store',
      'content-security-policy':
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
      'cross-origin-resource-policy': 'same-origin',
      ...(tls === null ? {} : { 'strict-transport-security': 'max-age=31536000' }),
    })
  })
  await server.register(rateLimit, {
    // Runs behind the check of the token, which is a hook of the whole server; a token that is not good counts there.
    max: ({ asker }) => (asker === null ? requestsPerMinute : userRequestsPerMinute),
    keyGenerator: ({ ip, asker }) => (asker === null ? countedAddress(ip) : `${countedAddress(ip)} ${asker.id}`),
    timeWindow: 60_000,
    cache: 10_000,
    errorResponseBuilder: (_request, { max }) => tooMany(max),
  })
  const countRefusal = server.createRateLimit({
    max: requestsPerMinute,
    timeWindow: 60_000,
    keyGenerator: ({ ip }) => countedAddress(ip),
  })
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Dogwatch API',
        version: parts.manager.version,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: {
        securitySchemes: {
          basic: { type: 'http', scheme: 'basic' },
          jwt: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        },
      },
    },
  })
  server.addHook('onRequest', async (request) => {
    const { permission } = request.routeOptions.config
    request.rights = nothing
    if (permission === undefined || permission === 'public') return
    const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(request.headers.authorization ?? '')?.[1]
    const found = token === undefined ? null : await tokens.check(token)
    if (found === null) {
      const counted = await countRefusal(request)
      if (!counted.isAllowed && counted.isExceeded) throw tooMany(counted.max)
      throw new ApiError(401, token === undefined ? 'No authorization token provided' : 'Invalid token')
    }
    request.asker = found.user
    request.isRunAs = found.isRunAs
    request.rights = access.rights(found.user.roles)
    if (permission === 'user') return
    if (!request.rights.some(permission)) throw new ApiError(403, `Permission denied: this needs ${permission}`, 4000)
    if (request.routeOptions.config.isNarrowed !== true && !request.rights.all(permission))
      throw new ApiError(403, `Permission denied: this needs ${permission} on everything`, 4000)
  })
  server.addHook('preSerialization', async (request, reply, payload) => {
    if (isPretty(request)) reply.serializer((value) => `${JSON.stringify(value, null, 3)}\n`)
    return payload
  })
  server.addHook('onResponse', async (request, reply) => {
    audit(parts, request, reply)
  })
  server.setErrorHandler((error, request, reply) => {
    const told = apiErrorOf(error)
    if (told.status >= 500) {
      parts.log('error', 'a request to the API failed', { err: error, method: request.method, url: pathOf(request) })
    }
    refuse(reply, told)
  })
  // What is not there is counted too: it is a way to ask without an end.
  server.setNotFoundHandler({ preHandler: server.rateLimit() }, (request, reply) =>
    refuse(reply, new ApiError(404, `there is no ${request.method} ${pathOf(request)}`)),
  )

  sessionRoutes(server, { parts, tokens, guesses, access })
  userRoutes(server, { parts, tokens, access })
  managerRoutes(server, parts)
  statsRoutes(server, parts)
  nodeRoutes(server, parts)
  rulesetRoutes(server, { parts, desk })
  searchRoutes(server, { parts, desk })
  kubernetesRoutes(server, parts)
  profileRoutes(server, parts)
  attackRoutes(server)
  agentRoutes(server, parts)
  agentStateRoutes(server, parts)
  groupRoutes(server, parts)
  syscheckRoutes(server, parts)
  eventRoutes(server, parts)
  if (pageFolder !== null) pageRoutes(server, pageFolder)
  server.get('/openapi.json', { schema: { hide: true }, config: { permission: 'public' } }, () => server.swagger())
  await server.ready()
  return {
    server,
    firstPassword: await makeFirstUser(parts),
    async listen(host, port) {
      const address = await server.listen({ host, port })
      return Number(new URL(address).port || 443)
    },
    setTls: (next) => secure?.setSecureContext({ ...next, minVersion: 'TLSv1.2' }),
    rulesetChanged: () => desk.forget(),
    async close() {
      await server.close()
      await desk.close()
    },
  }
}

/** The first user gets a password that nobody chose, told once. */
async function makeFirstUser({ state, now }: ApiParts): Promise<Api['firstPassword']> {
  if (state.users().length > 0) return null
  const password = randomPassword()
  state.addUser({
    name: firstUser,
    passwordHash: await hashPassword(password),
    roles: [administrator],
    createdMs: now(),
  })
  return { user: firstUser, password }
}

/** The user of a request on a route that is not public. */
export function askerOf({ asker }: FastifyRequest): User {
  if (asker === null) throw new Error('a public route asks for its user')
  return asker
}

function refuse(reply: FastifyReply, error: ApiError): void {
  if (error.status === 401) reply.header('www-authenticate', 'Bearer')
  reply
    .code(error.status)
    .type('application/problem+json; charset=utf-8')
    .serializer((value) => JSON.stringify(value))
    .send(problemBody(error))
}

function tooMany(max: number): ApiError {
  return new ApiError(429, `more than ${max} requests in a minute`, 6001)
}

function pathOf({ url }: FastifyRequest): string {
  return url.split('?', 1)[0] ?? ''
}

function isPretty({ query }: FastifyRequest): boolean {
  return typeof query === 'object' && query !== null && 'pretty' in query && query.pretty === true
}

function audit({ state, now }: ApiParts, request: FastifyRequest, { statusCode }: FastifyReply): void {
  const { isQuiet, permission } = request.routeOptions.config
  const isChange = request.method !== 'GET' && isQuiet !== true
  const isRefused = statusCode === 401 || statusCode === 403 || statusCode === 429
  // Without a route (404) there is nothing that could have been done.
  if (permission === undefined || (!isChange && !isRefused)) return
  state.note({
    timeMs: now(),
    user: (request.asker?.name ?? '').slice(0, 64),
    address: request.ip,
    method: request.method,
    path: pathOf(request).slice(0, 200),
    status: statusCode,
    note: request.auditNote.slice(0, 200),
  })
}
