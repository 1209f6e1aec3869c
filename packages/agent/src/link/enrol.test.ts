import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { certPaths, certsInit } from '@dogwatch/certs'
import { keyHash, keyLine } from '@dogwatch/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type Agent, startAgent } from '../agent.ts'
import { enrol } from './enrol.ts'
import { readIdentity } from './identity.ts'
import { TestManager, testEntry } from './test-manager.ts'

let certs: string
let home: string
let server: Server
let port = 0
/** What the server is asked, and what it answers. */
const asked: string[] = []
let answers: readonly string[] = []
let agent: Agent | null = null
const manager = new TestManager()

beforeAll(async () => {
  certs = mkdtempSync(join(tmpdir(), 'dogwatch-enrol-certs-'))
  await certsInit({ home: certs, names: ['127.0.0.1'] })
  const paths = certPaths(certs)
  server = createServer({ cert: readFileSync(paths.server), key: readFileSync(paths.serverKey) }, (socket) => {
    socket.on('error', () => {})
    socket.once('data', (chunk) => {
      asked.push(chunk.toString())
      socket.end(answers[0] ?? '')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  port = typeof address === 'object' && address !== null ? address.port : 0
  await manager.listen()
})
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'dogwatch-enrol-'))
  mkdirSync(join(home, 'etc'))
  asked.length = 0
  answers = [`OSSEC K:'${keyLine(testEntry)}'`]
  manager.entry = testEntry
})
afterEach(async () => {
  await agent?.stop()
  agent = null
  rmSync(home, { recursive: true, force: true })
})
afterAll(async () => {
  server.close()
  await manager.close()
  rmSync(certs, { recursive: true, force: true })
})

const once = (more: Partial<Parameters<typeof enrol>[0]> = {}) =>
  enrol({ address: '127.0.0.1', port, asks: { name: 'node' }, ca: null, ...more })

test.each([
  ['a refusal, in the manager’s words', 'ERROR: Invalid password. Unable to add agent', /refused: Invalid password/],
  ['no answer', '', /refused/],
  ['an answer that is cut', "OSSEC K:'001 node any abc", /refused/],
  ['a key that is none', "OSSEC K:'001 node any a b c'", /no sound key/],
  ['a name that is a path', "OSSEC K:'001 ../../x any abc'", /no sound key/],
  ['an endless answer', 'x'.repeat(80_000), /too long|refused/],
])('%s is an error', async (_says, answer, error) => {
  answers = [answer]
  await expect(once()).rejects.toThrow(error)
})

test('a manager is believed as it is, or checked where an authority is named', async () => {
  expect(await once()).toEqual(testEntry)
  expect(await once({ ca: readFileSync(certPaths(certs).ca, 'utf8') })).toEqual(testEntry)
  const other = mkdtempSync(join(tmpdir(), 'dogwatch-enrol-other-'))
  await certsInit({ home: other, names: ['127.0.0.1'] })
  const ca = readFileSync(certPaths(other).ca, 'utf8')
  rmSync(other, { recursive: true })
  await expect(once({ ca })).rejects.toThrow(/certificate|signature/)
})

test('what is no TLS at the other end is an error', async () => {
  const plain = createPlain((socket) => {
    socket.on('error', () => {})
    socket.end('hello\n')
  })
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
  const address = plain.address()
  const other = typeof address === 'object' && address !== null ? address.port : 0
  await expect(once({ port: other })).rejects.toThrow()
  plain.close()
})

async function start(enrollment: string): Promise<void> {
  writeFileSync(
    join(home, 'etc/ossec.conf'),
    `<ossec_config><client>
      <server><address>127.0.0.1</address><port>${manager.port}</port><max_retries>1</max_retries></server>
      <enrollment><port>${port}</port><agent_name>node</agent_name>${enrollment}</enrollment>
    </client></ossec_config>`,
  )
  agent = await startAgent({ home, tell: () => {} })
}
const connected = (): Promise<void> =>
  vi.waitFor(() => expect(agent?.status.connection.state).toBe('connected'), { timeout: 20_000, interval: 20 })

test('a home without a key asks with all that its configuration says, and keeps the answer', async () => {
  writeFileSync(join(home, 'etc/authd.pass'), 's3cret\nsecond line\n')
  await start('<groups>web, db</groups>')
  await connected()
  expect(asked).toEqual(["OSSEC PASS: s3cret OSSEC A:'node' V:'v4.14.7' G:'web,db'\n"])
  expect(readIdentity(join(home, 'etc/client.keys'))).toEqual(testEntry)
})

test('on Kubernetes the request ends with the node and its proof', async () => {
  const claims = { 'kubernetes.io': { node: { name: 'a', uid: 'uid-1' } } }
  const token = ['{}', JSON.stringify(claims), 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.')
  writeFileSync(join(home, 'token'), `${token}\n`)
  await start('<kubernetes_token_path>token</kubernetes_token_path>')
  await connected()
  expect(asked).toEqual([`OSSEC A:'node' V:'v4.14.7' U:'uid-1' T:'${token}'\n`])
})

test('a node whose key was lost is proved by the hash of the old key too; without a node the hash is not told', async () => {
  const claims = { 'kubernetes.io': { node: { name: 'a', uid: 'uid-1' } } }
  const token = ['{}', JSON.stringify(claims), 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.')
  writeFileSync(join(home, 'token'), token)
  await start('')
  await connected()
  await agent?.stop()
  rmSync(join(home, 'etc/client.keys'))
  await start('')
  await connected()
  await agent?.stop()
  rmSync(join(home, 'etc/client.keys'))
  await start('<kubernetes_token_path>token</kubernetes_token_path>')
  await connected()
  const plain = "OSSEC A:'node' V:'v4.14.7'"
  expect(asked).toEqual([`${plain}\n`, `${plain}\n`, `${plain} K:'${keyHash(testEntry)}' U:'uid-1' T:'${token}'\n`])
})

test('a key that the manager does not know is replaced, with its hash as the proof', async () => {
  const old = { ...testEntry, key: 'cd'.repeat(32) }
  writeFileSync(join(home, 'etc/client.keys'), `${keyLine(old)}\n`)
  await start('')
  await connected()
  expect(asked).toEqual([`OSSEC A:'node' V:'v4.14.7' K:'${keyHash(old)}'\n`])
  expect(readIdentity(join(home, 'etc/client.keys'))).toEqual(testEntry)
})

test('a key that is refused for another reason stays when the manager gives no other', async () => {
  const old = { ...testEntry, key: 'cd'.repeat(32) }
  writeFileSync(join(home, 'etc/client.keys'), `${keyLine(old)}\n`)
  answers = ['ERROR: Duplicate agent name: node. Unable to add agent']
  await start('')
  await vi.waitFor(() => expect(asked.length).toBe(1), { timeout: 20_000, interval: 20 })
  expect(readIdentity(join(home, 'etc/client.keys'))).toEqual(old)
  manager.entry = old
  await connected()
})
