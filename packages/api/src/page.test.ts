import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, brotliDecompressSync, gzipSync } from 'node:zlib'
import { openState } from '@dogwatch/store'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ApiParts } from './parts.ts'
import { hashPassword } from './password.ts'
import { administrator } from './permissions.ts'
import { pageFilesPerMinute, requestsPerMinute } from './rates.ts'
import { type Api, createApi } from './server.ts'

const folder = mkdtempSync(join(tmpdir(), 'dogwatch-page-'))
const dist = join(folder, 'dist')
const state = openState(join(folder, 'state.db'))
const start = Date.parse('2026-11-24T12:00:00Z')
const password = 'Correct-horse-9'
const script = `export const text = '${'a'.repeat(3000)}'`
let nowMs = start
let api: Api

const parts: ApiParts = {
  state,
  store: () => null,
  storeTrouble: () => null,
  storeFigures: () => null,
  agents: () => null,
  manager: { home: folder, version: '0.1.0', uuid: 'u', status: () => ({}), counters: () => ({}) },
  rulesetFiles: () => ({ decoders: [], rules: [], lists: [] }),
  reload: async () => ({ accepted: true, problems: [] }),
  now: () => nowMs,
  log: () => {},
  logAlertLevel: 3,
  managerName: 'm',
  sampleCommand: () => null,
}

beforeAll(async () => {
  mkdirSync(join(dist, 'assets'), { recursive: true })
  writeFileSync(join(folder, 'secret.txt'), 'not for you')
  writeFileSync(
    join(dist, 'index.html'),
    '<!doctype html><meta name="csp-nonce" content="__NONCE__"><title>Page</title>',
  )
  writeFileSync(join(dist, 'assets/main-abc.js'), script)
  writeFileSync(join(dist, 'assets/main-abc.js.gz'), gzipSync(script))
  writeFileSync(join(dist, 'assets/main-abc.js.br'), brotliCompressSync(script))
  writeFileSync(join(dist, 'favicon.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>')
  api = await createApi({ tls: null, pageFolder: dist, parts })
  state.addUser({ name: 'jane', passwordHash: await hashPassword(password), roles: [administrator], createdMs: 0 })
})
afterAll(async () => {
  await api.close()
  state.close()
  rmSync(folder, { recursive: true })
})

let address = 1
function ask(method: 'GET' | 'POST' | 'DELETE' | 'HEAD', url: string, headers: Record<string, string> = {}) {
  address += 1
  const remoteAddress = `192.0.2.${address % 250}`
  return api.server.inject({ method, url, remoteAddress, headers: { host: 'watch.example:55000', ...headers } })
}

describe('the page’s files', () => {
  test('the page is what every path of its own gives, with a policy that lets no foreign script in', async () => {
    for (const path of ['/app/', '/app/rules', '/app/rules/deep?q=1', '/app/index.html']) {
      const { statusCode, body, headers } = await ask('GET', path)
      expect([path, statusCode]).toEqual([path, 200])
      const nonce = /content="([^"]{20,})"/.exec(body)?.[1] ?? ''
      const policy = String(headers['content-security-policy'])
      expect(policy).toContain(`'nonce-${nonce}'`)
      expect(policy).toContain("script-src 'self';")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toContain('unsafe')
      expect(headers['x-content-type-options']).toBe('nosniff')
      expect(headers['cache-control']).toBe('no-store')
    }
  })
  test('every answer has a number of its own', async () => {
    const [one, other] = await Promise.all([ask('GET', '/app/'), ask('GET', '/app/')])
    expect(one.body).not.toBe(other.body)
  })
  const codings: [says: string, accept: string, coding: string | undefined][] = [
    ['as brotli to who takes it', 'gzip, deflate, br', 'br'],
    ['as gzip to who takes that only', 'gzip', 'gzip'],
    ['as it is to who takes nothing', '', undefined],
    ['as gzip to who refuses brotli', 'br;q=0, gzip;q=0.5', 'gzip'],
    ['as it is to who asks for something else', 'zstd, brat', undefined],
  ]
  test.each(codings)('a script is sent %s, and kept for ever', async (_says, accept, coding) => {
    const { headers, rawPayload } = await ask('GET', '/app/assets/main-abc.js', { 'accept-encoding': accept })
    expect(headers['content-encoding']).toBe(coding)
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable')
    expect(headers['content-type']).toBe('text/javascript; charset=utf-8')
    expect(headers.vary).toContain('accept-encoding')
    if (coding === 'br') expect(brotliDecompressSync(rawPayload).toString()).toBe(script)
    if (coding === undefined) expect(rawPayload.toString()).toBe(script)
  })
  test('a part that is not there is no page', async () => {
    expect((await ask('GET', '/app/assets/main-old.js')).statusCode).toBe(404)
  })
  test('an address that asks for files without an end is refused, and others are not', async () => {
    const statusFor = async (remoteAddress: string, url: string): Promise<number> =>
      (await api.server.inject({ method: 'GET', url, remoteAddress })).statusCode
    for (let asked = 0; asked < pageFilesPerMinute; asked += 100) {
      const answers = await Promise.all(Array.from({ length: 100 }, () => statusFor('2001:db8::1', '/app/favicon.svg')))
      expect(new Set(answers)).toEqual(new Set([200]))
    }
    expect([await statusFor('2001:db8::2', '/app/favicon.svg'), await statusFor('2001:db8::1', '/app/')]).toEqual([
      429, 429,
    ])
    expect([await statusFor('2001:db8:0:1::1', '/app/favicon.svg'), await statusFor('2001:db8::1', '/')]).toEqual([
      200, 200,
    ])
  })
  test('what is not there is counted too', async () => {
    const answers = new Set<number>()
    for (let asked = 0; asked <= requestsPerMinute; asked += 1) {
      const { statusCode } = await api.server.inject({ method: 'GET', url: '/none', remoteAddress: '192.0.2.251' })
      answers.add(statusCode)
    }
    expect([...answers]).toEqual([404, 429])
  })
  test('/app leads to /app/, and HEAD is answered', async () => {
    expect((await ask('GET', '/app')).headers.location).toBe('/app/')
    expect((await ask('HEAD', '/app/favicon.svg')).headers['content-type']).toContain('image/svg+xml')
  })
  const tricks: [says: string, path: string][] = [
    ['dots', '/app/../secret.txt'],
    ['dots behind a folder', '/app/assets/../../secret.txt'],
    ['encoded dots', '/app/%2e%2e/secret.txt'],
    ['encoded slashes', '/app/..%2fsecret.txt'],
    ['dots encoded twice', '/app/%252e%252e%252fsecret.txt'],
    ['backslashes', '/app/..%5csecret.txt'],
    ['a NUL', '/app/index.html%00.js'],
    ['an absolute path', '/app//etc/passwd'],
    ['a broken escape', '/app/%zz'],
  ]
  test.each(tricks)('a path with %s leads nowhere', async (_says, path) => {
    const { statusCode, body } = await ask('GET', path)
    expect(body).not.toContain('not for you')
    expect(body).not.toContain('root:')
    expect([200, 400, 404]).toContain(statusCode)
    if (statusCode === 200) expect(body).toContain('<title>Page</title>')
  })
  test('no path whatever gives anything but the built files and the page', async () => {
    const piece = fc.constantFrom(
      '..',
      '.',
      '%2e',
      '%2f',
      '%5c',
      '/',
      'assets',
      'secret.txt',
      'index.html',
      '%00',
      '~',
      'a',
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        const { body } = await ask('GET', `/app/${pieces.join('')}`)
        expect(body).not.toContain('not for you')
      }),
      { numRuns: 300 },
    )
  })
  test('files do not count against the bound of requests in a minute', async () => {
    for (let n = 0; n < 320; n += 1) {
      const { statusCode } = await api.server.inject({ url: '/app/favicon.svg', remoteAddress: '198.51.100.1' })
      expect(statusCode).toBe(200)
    }
    expect((await api.server.inject({ url: '/', remoteAddress: '198.51.100.1' })).statusCode).toBe(200)
  })
  test('where nothing was built, the page says what to do', async () => {
    const bare = await createApi({ tls: null, pageFolder: join(folder, 'nowhere'), parts })
    const { statusCode, body } = await bare.server.inject({ url: '/app/' })
    expect(statusCode).toBe(503)
    expect(body).toContain('node packages/dashboard/src/build.ts')
    await bare.close()
  })
})

describe('the page’s session', () => {
  const own = { origin: 'https://watch.example:55000', 'sec-fetch-site': 'same-origin' }
  const basic = { authorization: `Basic ${Buffer.from(`jane:${password}`).toString('base64')}` }
  const login = async () => {
    const answer = await ask('POST', '/dogwatch/session', { ...own, ...basic })
    expect(answer.statusCode).toBe(200)
    const cookie = String(answer.headers['set-cookie'])
    return { cookie, pair: cookie.split(';', 1)[0] ?? '', token: String(answer.json().data.token) }
  }
  const next = (headers: Record<string, string>) => ask('POST', '/dogwatch/session/token', headers)
  const tokenIn = (answer: Awaited<ReturnType<typeof next>>) => answer.json().data?.token

  test('a login gives a token, and a cookie that no script, no other site and no plain connection gets', async () => {
    const { cookie, token } = await login()
    expect(cookie).toMatch(
      /^__Host-dogwatch=[\w-]+\.[\w-]+\.[\w-]+; Path=\/; HttpOnly; Secure; SameSite=Strict; Max-Age=43200$/,
    )
    expect((await ask('GET', '/security/users/me', { authorization: `Bearer ${token}` })).statusCode).toBe(200)
  })
  test('the cookie gives the next token', async () => {
    const { pair } = await login()
    expect(tokenIn(await next({ ...own, cookie: `a=b; ${pair}` }))).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
  })
  test('without a cookie there is no token, and that is no error', async () => {
    const answer = await next(own)
    expect([answer.statusCode, tokenIn(answer)]).toEqual([200, null])
  })
  test('the cookie opens nothing but that', async () => {
    const { pair } = await login()
    expect((await ask('GET', '/security/users/me', { ...own, cookie: pair })).statusCode).toBe(401)
    const stolen = pair.slice('__Host-dogwatch='.length)
    expect((await ask('GET', '/security/users/me', { authorization: `Bearer ${stolen}` })).statusCode).toBe(401)
  })
  test('a token in the cookie’s place is none', async () => {
    const { token } = await login()
    expect(tokenIn(await next({ ...own, cookie: `__Host-dogwatch=${token}` }))).toBe(null)
  })
  const foreign: [says: string, headers: Record<string, string>][] = [
    ['of another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['of another port of the host', { origin: 'https://watch.example:8443', 'sec-fetch-site': 'same-site' }],
    ['of another site, by a browser without Sec-Fetch-Site', { origin: 'https://evil.example' }],
    ['of a frame without an origin', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
    ['typed into the address bar', { 'sec-fetch-site': 'none' }],
    ['that does not say where it comes from', {}],
    ['whose origin only begins like ours', { origin: 'https://watch.example:55000.evil.example' }],
  ]
  test.each(foreign)('a request %s gets no token, no login, and logs nobody out', async (_says, headers) => {
    const { pair, token } = await login()
    expect((await next({ ...headers, cookie: pair })).statusCode).toBe(403)
    expect((await ask('POST', '/dogwatch/session', { ...headers, ...basic })).statusCode).toBe(403)
    const bearer = { authorization: `Bearer ${token}` }
    expect((await ask('DELETE', '/dogwatch/session', { ...headers, ...bearer })).statusCode).toBe(403)
    expect((await ask('GET', '/security/users/me', bearer)).statusCode).toBe(200)
  })
  test('a wrong password gets no cookie', async () => {
    const wrong = { authorization: `Basic ${Buffer.from('jane:Wrong-horse-9').toString('base64')}` }
    const answer = await ask('POST', '/dogwatch/session', { ...own, ...wrong })
    expect([answer.statusCode, answer.headers['set-cookie']]).toEqual([401, undefined])
  })
  test('a session ends by itself after half a day, a token after a quarter of an hour', async () => {
    const { pair, token } = await login()
    nowMs = start + 16 * 60_000
    expect((await ask('GET', '/security/users/me', { authorization: `Bearer ${token}` })).statusCode).toBe(401)
    expect(tokenIn(await next({ ...own, cookie: pair }))).not.toBe(null)
    nowMs = start + 12 * 3_600_000 + 1000
    const answer = await next({ ...own, cookie: pair })
    expect(tokenIn(answer)).toBe(null)
    expect(answer.headers['set-cookie']).toContain('Max-Age=0')
    nowMs = start
  })
  test('logging out ends the tokens and sessions that were stolen before, too', async () => {
    const one = await login()
    const other = await login()
    const answer = await ask('DELETE', '/dogwatch/session', { ...own, authorization: `Bearer ${one.token}` })
    expect([answer.statusCode, answer.headers['set-cookie']]).toEqual([200, expect.stringContaining('Max-Age=0')])
    expect(tokenIn(await next({ ...own, cookie: other.pair }))).toBe(null)
    expect((await ask('GET', '/security/users/me', { authorization: `Bearer ${other.token}` })).statusCode).toBe(401)
  })
  test('somebody logged in may ask more often than a stranger, and each has a bound', async () => {
    const { token } = await login()
    const statusOf = async (authorization: string, remoteAddress: string) => {
      const headers = { authorization: `Bearer ${authorization}` }
      return (await api.server.inject({ url: '/security/users/me', remoteAddress, headers })).statusCode
    }
    const guesses: number[] = []
    for (let n = 0; n < 302; n += 1) guesses.push(await statusOf('a.b.c', '198.51.100.2'))
    expect(guesses.indexOf(429)).toBe(300)
    for (let n = 0; n < 400; n += 50) {
      const answers = await Promise.all(Array.from({ length: 50 }, () => statusOf(token, '198.51.100.3')))
      expect(answers.filter((status) => status !== 200)).toEqual([])
    }
  })
})
