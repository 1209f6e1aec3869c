/** Logging in and out (spec: api, part 2), and `GET /`. */
import { hostname } from 'node:os'
import { Type } from 'typebox'
import { answerSchema, apiTime, commonQuery } from './envelope.ts'
import { ApiError } from './error.ts'
import type { Guesses } from './guesses.ts'
import type { ApiParts } from './parts.ts'
import { hashPassword, isPassword, passwordLengthMax, TooManyChecks } from './password.ts'
import { type ApiServer, askerOf } from './server.ts'
import type { Tokens } from './tokens.ts'

export interface SessionParts {
  readonly parts: ApiParts
  readonly tokens: Tokens
  readonly guesses: Guesses
}

const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Dogwatch</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem;color-scheme:light dark}code{font-size:.9em}</style>
<h1>Dogwatch</h1>
<p>The manager is running. The page with alerts comes with a later version; until then the API on this port answers searches.</p>
<p>What it offers: <a href="/openapi.json"><code>/openapi.json</code></a></p>
</html>
`

export function sessionRoutes(server: ApiServer, { parts, tokens, guesses }: SessionParts): void {
  // Checked in the place of an unknown user's, so that both take as long.
  const nobody = hashPassword('nobody')

  server.get(
    '/',
    {
      schema: { tags: ['root'], summary: 'What this is; a page for browsers', querystring: Type.Object(commonQuery) },
      config: { permission: 'public' },
    },
    (request, reply) => {
      if (/\btext\/html\b/.test(request.headers.accept ?? '')) return reply.type('text/html; charset=utf-8').send(page)
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
        const given = credentialsOf(request.headers.authorization)
        if (given === null) throw new ApiError(401, 'Invalid credentials')
        const { name, password } = given
        request.auditNote = `login of ${name.slice(0, 64)}`
        if (guesses.isLocked(name, request.ip)) {
          throw new ApiError(429, 'too many failed logins; try again in five minutes', 6000)
        }
        const user = parts.state.userNamed(name)
        const isRight = await isPassword(password, user?.passwordHash ?? (await nobody)).catch((error: unknown) => {
          if (error instanceof TooManyChecks) throw new ApiError(429, error.message, 6000)
          throw error
        })
        if (user === null || !isRight || user.isDisabled) {
          guesses.failed(name, request.ip)
          throw new ApiError(401, 'Invalid credentials')
        }
        guesses.succeeded(name, request.ip)
        request.asker = user
        const token = await tokens.issue(user)
        if (request.query.raw === true) return reply.type('text/plain; charset=utf-8').send(token)
        return reply.send({ data: { token }, error: 0 })
      },
    })
  }

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
