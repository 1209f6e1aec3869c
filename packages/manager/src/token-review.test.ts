/** Token reviews against a stand-in: a small server that answers as an API server does. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { certPaths, certsInit } from '@dogwatch/certs'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type TokenReviewOptions, tokenReviewer } from './token-review.ts'

let home = ''
let standIn: Server
let url = ''
let answer: { status: number; body: string } | null
let nowMs = 1_000_000
const asked: { path: string; authorization: string; body: unknown }[] = []
const uid = 'authentication.kubernetes.io/node-uid'

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'token-review-'))
  await certsInit({ home, names: ['127.0.0.1'] })
  const paths = certPaths(home)
  standIn = createServer(
    { cert: readFileSync(paths.server), key: readFileSync(paths.serverKey) },
    (request, response) => {
      let text = ''
      request.on('data', (piece) => (text += String(piece)))
      request.on('end', () => {
        const { authorization = '' } = request.headers
        asked.push({ path: `${request.method} ${request.url}`, authorization, body: JSON.parse(text) })
        if (answer !== null) response.writeHead(answer.status).end(answer.body)
      })
    },
  )
  await new Promise<void>((resolve) => standIn.listen(0, '127.0.0.1', resolve))
  const address = standIn.address()
  url = `https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  writeFileSync(join(home, 'token'), 'own-token\n')
})
afterAll(() => {
  standIn.closeAllConnections()
  standIn.close()
  rmSync(home, { recursive: true })
})
beforeEach(() => {
  asked.length = 0
  nowMs = 1_000_000
  reviewed({})
})

const reviewer = (more: Partial<TokenReviewOptions> = {}) =>
  tokenReviewer({
    url,
    caFile: certPaths(home).ca,
    tokenFile: join(home, 'token'),
    audience: 'dogwatch',
    now: () => nowMs,
    ...more,
  })

function tokenOf(claims: object): string {
  return ['e30', Buffer.from(JSON.stringify(claims)).toString('base64url'), 'c2ln'].join('.')
}

function reviewed(over: object): void {
  const status = { authenticated: true, audiences: ['dogwatch'], user: { extra: { [uid]: ['uid-1'] } }, ...over }
  answer = { status: 201, body: JSON.stringify({ kind: 'TokenReview', status }) }
}

test('a good token names its node; the question is as the API has it', async () => {
  const token = tokenOf({ exp: 5000 })
  expect(await reviewer()(token)).toBe('uid-1')
  expect(asked).toEqual([
    {
      path: 'POST /apis/authentication.k8s.io/v1/tokenreviews',
      authorization: 'Bearer own-token',
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token, audiences: ['dogwatch'] },
      },
    },
  ])
})

const poor: readonly [says: string, status: object][] = [
  ['is not authenticated', { authenticated: false }],
  ['is authenticated in words only', { authenticated: 'true' }],
  ['is meant for somebody else', { audiences: ['other'] }],
  ['is reviewed by a server that knows no audiences', { audiences: undefined }],
  ['names no node', { user: { extra: {} } }],
  ['names two nodes', { user: { extra: { [uid]: ['uid-1', 'uid-2'] } } }],
  ['names what is no uid', { user: { extra: { [uid]: ['a b'] } } }],
]
test.each(poor)('a token that %s proves nothing', async (_says, status) => {
  reviewed(status)
  expect(await reviewer()(tokenOf({}))).toBeNull()
})

test('what is no token, or has ended, is not asked about', async () => {
  const review = reviewer()
  expect([await review('nonsense'), await review('x'.repeat(20_000)), await review(tokenOf({ exp: 1000 }))]).toEqual([
    null,
    null,
    null,
  ])
  expect(asked).toEqual([])
})

test('an answer is remembered, no longer than the token lives, and is not shared', async () => {
  const review = reviewer()
  const token = tokenOf({ exp: 1010 })
  expect(await Promise.all([review(token), review(token)])).toEqual(['uid-1', 'uid-1'])
  nowMs = 1_009_999
  expect(await review(token)).toBe('uid-1')
  expect(asked).toHaveLength(1)
  nowMs = 1_010_000
  expect(await review(token)).toBeNull()
  await review(tokenOf({ exp: 2000 }))
  expect(asked).toHaveLength(2)
})

test('a clock that is set back holds no answer for longer', async () => {
  const review = reviewer()
  const token = tokenOf({ exp: 9_999_999 })
  await review(token)
  nowMs -= 500_000
  await review(token)
  expect(asked).toHaveLength(2)
})

const failures: readonly [says: string, given: { status: number; body: string } | null, error: RegExp][] = [
  ['refuses the manager', { status: 403, body: '{}' }, /answers 403/],
  ['answers what is no JSON', { status: 201, body: '<html>' }, /JSON/],
  ['answers too much', { status: 201, body: ' '.repeat(2_000_000) }, /too long/],
  ['does not answer', null, /no answer/],
]
test.each(failures)('an API server that %s is told about, and asked again', async (_says, given, error) => {
  // On a busy machine an answer takes its time: only who waits for none waits briefly.
  const review = reviewer({ timeoutMs: given === null ? 1500 : 20_000 })
  answer = given
  await expect(review(tokenOf({}))).rejects.toThrow(error)
  reviewed({})
  expect(await review(tokenOf({}))).toBe('uid-1')
})

test('a server of another authority is not asked', async () => {
  await expect(reviewer({ caFile: null })(tokenOf({}))).rejects.toThrow(/certificate/)
  expect(asked).toEqual([])
})
