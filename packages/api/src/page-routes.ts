/**
 * The page, under `/app`: files that the build has left in a folder, and the page itself for whatever is no file, since its paths are its own.
 *
 * In: the folder. Out: routes. Files are looked up in a list made of the folder, so that no path leads elsewhere. What the build names by its content is
 * cached for ever; the page is asked for each time. An address may ask for `pageFilesPerMinute`, apart from what it asks of the API.
 * Can go wrong: the folder is not there, or holds no page; then the page says what to do (status 503).
 */
import { randomBytes } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { countedAddress, pageFilesPerMinute } from './rates.ts'
import type { ApiServer } from './server.ts'

const types: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  ico: 'image/x-icon',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json; charset=utf-8',
  png: 'image/png',
  svg: 'image/svg+xml; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
  woff2: 'font/woff2',
}

/** What the build compressed beside a file, by the name of the coding, best first. */
const codings = [
  { name: 'br', ending: '.br' },
  { name: 'gzip', ending: '.gz' },
] as const

/** Stands in the built page where each answer gets a number of its own. */
const nonceMark = '__NONCE__'

const notBuilt = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Dogwatch</title>
<h1>Dogwatch</h1>
<p>The manager runs, but its page has not been built. <code>npm start</code> builds it, or, in the checkout:</p>
<pre>node packages/dashboard/src/build.ts</pre>
<p>The API on this port answers meanwhile: <a href="/openapi.json"><code>/openapi.json</code></a></p>
</html>
`

interface Site {
  readonly page: string
  readonly changedMs: number
  /** Paths below the folder, with forward slashes. */
  readonly files: ReadonlySet<string>
}

export function pageRoutes(server: ApiServer, folder: string): void {
  let known: Site | null = null
  const rateLimit = {
    max: pageFilesPerMinute,
    timeWindow: 60_000,
    keyGenerator: ({ ip }: FastifyRequest) => countedAddress(ip),
  }
  const options = { schema: { hide: true }, config: { permission: 'public' } } as const
  server.get('/app', options, (_request, reply) => reply.redirect('/app/', 302))
  server.get('/app/*', { ...options, config: { ...options.config, rateLimit } }, async (request, reply) => {
    const site = await siteNow()
    const path = pathBelow(request)
    if (path === null) return reply.callNotFound()
    if (site !== null && path !== 'index.html' && site.files.has(path)) return sendFile(site, path, request, reply)
    if (path.startsWith('assets/')) return reply.callNotFound()
    return sendPage(site, reply)
  })

  /** The folder as it is now: read again when its page has changed. */
  async function siteNow(): Promise<Site | null> {
    const page = join(folder, 'index.html')
    try {
      const { mtimeMs } = await stat(page)
      if (known?.changedMs !== mtimeMs) {
        const entries = await readdir(folder, { recursive: true, withFileTypes: true })
        const files = entries
          .filter((entry) => entry.isFile())
          .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
        known = { page: await readFile(page, 'utf8'), changedMs: mtimeMs, files: new Set(files) }
      }
    } catch {
      known = null // not built yet, or being built
    }
    return known
  }

  async function sendFile(
    site: Site,
    path: string,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const accepted = acceptedCodings(request.headers['accept-encoding'])
    const coding = codings.find(({ name, ending }) => accepted.has(name) && site.files.has(path + ending))
    const bytes = await readFile(join(folder, path + (coding?.ending ?? '')))
    if (coding !== undefined) reply.header('content-encoding', coding.name)
    reply.headers({
      vary: 'accept-encoding',
      'cache-control': path.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    })
    return reply.type(types[path.split('.').at(-1) ?? ''] ?? 'application/octet-stream').send(bytes)
  }
}

function sendPage(site: Site | null, reply: FastifyReply): FastifyReply {
  const nonce = randomBytes(16).toString('base64')
  reply.header('content-security-policy', contentSecurityPolicy(nonce)).type('text/html; charset=utf-8')
  if (site === null) return reply.code(503).send(notBuilt)
  return reply.send(site.page.replaceAll(nonceMark, nonce))
}

/** Scripts come from here only; style elements, which the component library makes as it goes, bear the answer's own number. */
function contentSecurityPolicy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "object-src 'none'",
  ].join('; ')
}

/** The path below `/app/`; null for one that only somebody writes who wants to get elsewhere. */
function pathBelow({ url }: FastifyRequest): string | null {
  const raw = url.split(/[?#]/, 1)[0]?.slice('/app/'.length) ?? ''
  try {
    const path = decodeURIComponent(raw)
    const isOdd = /[\\\0]/.test(path) || path.split('/').some((part) => part === '..' || part === '.')
    return isOdd ? null : path
  } catch {
    return null
  }
}

function acceptedCodings(header: string | string[] | undefined): ReadonlySet<string> {
  const words = String(header ?? '').split(',')
  const wanted = words.filter((word) => !/;\s*q=0(?:\.0*)?\s*$/.test(word))
  return new Set(wanted.map((word) => (word.split(';', 1)[0] ?? '').trim().toLowerCase()))
}
