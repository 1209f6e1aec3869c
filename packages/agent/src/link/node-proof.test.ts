import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nodeUidOf, readNodeProof } from './node-proof.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'dogwatch-token-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const tokenOf = (claims: unknown): string =>
  ['{"alg":"RS256"}', JSON.stringify(claims), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.')
const named = tokenOf({ 'kubernetes.io': { node: { name: 'a', uid: 'uid-1' }, pod: { uid: 'p' } } })
const unnamed = tokenOf({ 'kubernetes.io': { pod: { uid: 'p' } } })
const refuse = async (): Promise<unknown> => {
  throw new Error('403')
}

const cases: [says: string, token: string | null, node: string | undefined, answer: unknown, expected: object][] = [
  ['a token that names its node', named, undefined, null, { proof: { nodeUid: 'uid-1', token: named } }],
  ['an older token and the API server', unnamed, 'a', { metadata: { uid: 'uid-2' } }, { proof: { nodeUid: 'uid-2' } }],
  ['an older token, and nobody knows the node', unnamed, undefined, null, { proof: null, why: /NODE_NAME/ }],
  ['the API server refuses', unnamed, 'a', refuse, { proof: null, why: /looked up: 403/ }],
  ['the API server says nonsense', unnamed, 'a', { metadata: { uid: "x' y" } }, { proof: null, why: /no uid/ }],
  ['no file', null, 'a', null, { proof: null, why: /cannot be read/ }],
  ['no token in the file', "x'y", 'a', null, { proof: null, why: /is no token/ }],
  ['a huge token', `a.${'b'.repeat(20_000)}.c`, 'a', null, { proof: null, why: /is no token/ }],
]
test.each(cases)('%s', async (_says, token, node, answer, expected) => {
  const file = join(dir, 'token')
  if (token !== null) writeFileSync(file, `${token}\n`)
  const read = await readNodeProof(file, node, async () => (answer === refuse ? refuse() : answer))
  const wanted = { ...expected, ...('why' in expected ? { why: expect.stringMatching(expected.why as RegExp) } : {}) }
  expect(read).toMatchObject(wanted)
})

test('whatever a token holds, it names a node or it does not', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json().map((text) => `a.${Buffer.from(text).toString('base64url')}.c`),
      ),
      (token) => {
        const uid = nodeUidOf(token)
        expect(uid === null || /^[0-9A-Za-z-]{1,64}$/.test(uid)).toBe(true)
      },
    ),
  )
  expect(nodeUidOf(tokenOf({ 'kubernetes.io': { node: { uid: "a'b" } } }))).toBeNull()
})
