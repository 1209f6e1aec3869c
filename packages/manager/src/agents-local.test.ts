/** The socket by which programs of this machine have agents taken in: a real one, with the manager's own parts behind it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfiguration } from '@dogwatch/config'
import { isAgentName, keyHash } from '@dogwatch/protocol'
import fc from 'fast-check'
import pino from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Agents, startAgents } from './agents.ts'
import { answerLocal, type LocalAgents, localSocketPath } from './agents-local.ts'
import { layOutHome } from './home-layout.ts'

let home = ''
let agents: Agents | null = null
const sockets: Socket[] = []
const key = 'ab'.repeat(32)

async function start(auth = ''): Promise<void> {
  const text = `<ossec_config><remote><local_ip>127.0.0.1</local_ip></remote><auth>${auth}</auth></ossec_config>`
  const { configuration, problems } = readConfiguration('ossec.conf', text)
  if (configuration === null) throw new Error(JSON.stringify(problems))
  agents = await startAgents({
    home,
    config: configuration,
    ports: { agents: 0, enrol: 0 },
    sink: { put: async () => {} },
    journal: { end: 1, oldest: 1, read: async () => null, async *replay() {} },
    log: pino({ level: 'silent' }),
    hostname: 'manager',
    onFacts: () => {},
  })
}

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'agents-local-'))
  layOutHome(home)
  mkdirSync(join(home, 'etc/shared/web'))
})
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await agents?.close(0)
  agents = null
  rmSync(home, { recursive: true })
})

function framed(text: string): Buffer {
  const bytes = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** Writes the pieces one by one; gives the answers, or null when the connection was ended instead. */
async function ask(...pieces: readonly Buffer[]): Promise<unknown[] | null> {
  const socket = connect(localSocketPath(home))
  sockets.push(socket)
  socket.on('error', () => {})
  let bytes = Buffer.alloc(0)
  let isClosed = false
  socket.on('data', (chunk) => (bytes = Buffer.concat([bytes, chunk])))
  socket.on('close', () => (isClosed = true))
  for (const piece of pieces) {
    socket.write(piece)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  const answers: unknown[] = []
  while (!isClosed) {
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32LE(0)) {
      const end = 4 + bytes.readUInt32LE(0)
      answers.push(JSON.parse(bytes.toString('utf8', 4, end)))
      bytes = bytes.subarray(end)
    }
    if (answers.length > 0 && bytes.length === 0) return answers
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return null
}

async function call(name: string, args: unknown): Promise<unknown> {
  return (await ask(framed(JSON.stringify({ function: name, arguments: args }))))?.[0]
}

const keysFile = (): string => readFileSync(join(home, 'etc/client.keys'), 'utf8')
const rowOf = async (id: string) => (await agents?.answer({ verb: 'show', id }))?.agents[0]

test('an agent is taken in, looked up and removed; it is in client.keys at once', async () => {
  await start('<remote_enrollment>no</remote_enrollment>')
  expect([agents?.ports.enrol, agents?.listening.map(({ name }) => name)]).toEqual([null, ['agents']])
  const added = await call('add', { name: 'web-1', ip: 'any', groups: ['web'] })
  expect(added).toEqual({
    error: 0,
    data: { id: '001', name: 'web-1', ip: 'any', key: expect.stringMatching(/^[0-9a-f]{64}$/) },
  })
  expect(await call('get', { id: '001' })).toEqual(added)
  expect((await rowOf('001'))?.groups).toEqual(['web'])
  expect(keysFile()).toMatch(/^001 web-1 any [0-9a-f]{64}\n$/)
  expect(await call('remove', { id: '001', purge: false })).toEqual({ error: 0, data: 'removed' })
  expect(keysFile()).toContain('001 !web-1 any ')
  expect(await call('get', { id: '001' })).toMatchObject({ error: 9011 })
})

const purges: readonly [says: string, auth: string, purge: object, isKept: boolean][] = [
  ['stays in client.keys, marked', '', {}, true],
  ['leaves it where <purge> says so', '<purge>yes</purge>', {}, false],
  ['leaves it where the request says so', '', { purge: true }, false],
  ['stays where the request says so', '<purge>yes</purge>', { purge: false }, true],
]
test.each(purges)('an agent that is removed %s', async (_says, auth, purge, isKept) => {
  writeFileSync(join(home, 'etc/client.keys'), `007 web any ${key}\n`)
  await start(auth)
  expect(await call('remove', { id: '007', ...purge })).toMatchObject({ error: 0 })
  expect(keysFile()).toBe(isKept ? `007 !web any ${key}\n` : '')
  // Its id is not given to another one, kept or not.
  expect(await call('add', { name: 'next', ip: 'any' })).toMatchObject({ data: { id: '008' } })
})

test('an agent from elsewhere keeps its id and key', async () => {
  await start()
  const wanted = { name: 'moved', ip: '10.0.0.7', id: '120', key }
  expect(await call('add', wanted)).toEqual({ error: 0, data: wanted })
  expect(await call('add', { name: 'next', ip: 'any' })).toMatchObject({ data: { id: '121' } })
})

test('several requests of one connection are answered in their order, however they are cut', async () => {
  await start()
  const both = Buffer.concat(
    ['aa', 'bb'].map((name) => framed(JSON.stringify({ function: 'add', arguments: { name, ip: 'any' } }))),
  )
  const answers = await ask(both.subarray(0, 3), both.subarray(3, 40), both.subarray(40))
  expect(answers).toMatchObject([{ data: { id: '001', name: 'aa' } }, { data: { id: '002', name: 'bb' } }])
})

describe('what cannot be done has its code', () => {
  const cases: readonly [says: string, request: unknown, code: number][] = [
    ['a list', [], 9002],
    ['no function', { arguments: {} }, 9003],
    ['a function that there is not', { function: 'list', arguments: {} }, 9003],
    ['no arguments', { function: 'add' }, 9004],
    ['arguments that are a list', { function: 'add', arguments: [] }, 9004],
    ['no name', { function: 'add', arguments: { ip: 'any' } }, 9005],
    ['a name that is none', { function: 'add', arguments: { name: 'a b', ip: 'any' } }, 9005],
    ['no ip', { function: 'add', arguments: { name: 'web' } }, 9006],
    ['an ip that is none', { function: 'add', arguments: { name: 'web', ip: '10.0.0.256' } }, 9006],
    ['an ip that another one has', { function: 'add', arguments: { name: 'web', ip: '10.0.0.1' } }, 9007],
    ['a name that another one has', { function: 'add', arguments: { name: 'taken', ip: 'any' } }, 9008],
    ['a key that is none', { function: 'add', arguments: { name: 'web', ip: 'any', key: 'a b' } }, 9009],
    ['an id that is none', { function: 'add', arguments: { name: 'web', ip: 'any', id: 'x' } }, 9010],
    ['the id of the manager', { function: 'add', arguments: { name: 'web', ip: 'any', id: '000' } }, 9010],
    ['an id that another one has', { function: 'add', arguments: { name: 'web', ip: 'any', id: '7' } }, 9012],
    ['a group that does not exist', { function: 'add', arguments: { name: 'web', ip: 'any', groups: ['x'] } }, 9014],
    ['groups that are none', { function: 'add', arguments: { name: 'web', ip: 'any', groups: [1] } }, 9014],
    ['no id', { function: 'get', arguments: {} }, 9010],
    ['nobody to look up', { function: 'get', arguments: { id: '099' } }, 9011],
    ['nobody to remove', { function: 'remove', arguments: { id: '099' } }, 9011],
  ]
  test.each(cases)('%s', async (_says, request, code) => {
    writeFileSync(join(home, 'etc/client.keys'), `007 taken 10.0.0.1 ${key}\n`)
    await start()
    expect(await ask(framed(JSON.stringify(request)))).toEqual([{ error: code, message: expect.any(String) }])
    expect(keysFile()).toBe(`007 taken 10.0.0.1 ${key}\n`)
  })

  test('no JSON', async () => {
    await start()
    expect(await ask(framed('{'))).toMatchObject([{ error: 9002 }])
  })
})

test('any request has an answer, and only whole ones reach the agents', () => {
  const taken: string[] = []
  const entry = { id: '001', name: 'web', ip: 'any', key }
  const registry: LocalAgents = {
    addLocal: ({ name }) => {
      taken.push(name)
      return { entry }
    },
    keyOf: () => entry,
    remove: (ids) => ids,
  }
  const word = fc.constantFrom('add', 'get', 'remove', 'web', 'any', '001', '__proto__', '10.0.0.1', '1h', '')
  const name = fc.constantFrom(
    'function',
    'arguments',
    'name',
    'ip',
    'id',
    'key',
    'groups',
    'force',
    'enabled',
    'disconnected_time',
    'value',
    'after_registration_time',
    '__proto__',
  )
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      word,
      fc.jsonValue({ maxDepth: 1 }),
      fc.dictionary(name, tie('tree'), { maxKeys: 8 }),
    ),
  }))
  fc.assert(
    fc.property(
      fc.oneof(
        tree.map((value) => JSON.stringify(value)),
        fc.string(),
      ),
      fc.boolean(),
      (text, purges) => {
        const answer = answerLocal(registry, purges, text, 0)
        expect('data' in answer ? answer.error : answer.error >= 9001 && answer.error <= 9015).toBe(
          'data' in answer ? 0 : true,
        )
      },
    ),
    { numRuns: 500 },
  )
  expect(taken.every((one) => isAgentName(one))).toBe(true)
})

test('by force it takes the place of one that never came, but not of one whose key is still good', async () => {
  writeFileSync(join(home, 'etc/client.keys'), `007 web any ${key}\n`)
  await start()
  const force = { enabled: true, after_registration_time: 0 }
  const wanted = { name: 'web', ip: 'any', force }
  const good = keyHash({ id: '007', name: 'web', key })
  expect(await call('add', { ...wanted, key_hash: good })).toMatchObject({ error: 9008 })
  expect(await call('add', { ...wanted, force: { ...force, after_registration_time: '1h' } })).toMatchObject({
    error: 9008,
  })
  expect(await call('add', wanted)).toMatchObject({ error: 0, data: { id: '008' } })
  expect(await rowOf('007')).toBeUndefined()
})

test('a length beyond the bound ends the connection, and nobody else may open the socket', async () => {
  await start()
  const beyond = Buffer.alloc(4)
  beyond.writeUInt32LE(65_537)
  expect(await ask(beyond)).toBeNull()
  expect(statSync(localSocketPath(home)).mode & 0o777).toBe(0o660)
  await agents?.close(0)
  agents = null
  expect(statSync(localSocketPath(home), { throwIfNoEntry: false })).toBeUndefined()
})

test('without enrolment there is no socket', async () => {
  await start('<disabled>yes</disabled>')
  expect(statSync(localSocketPath(home), { throwIfNoEntry: false })).toBeUndefined()
})

test('ciphers that there are not are named with their element', async () => {
  await expect(start('<ciphers>NO-SUCH-CIPHER</ciphers>')).rejects.toThrow(/<auth><ciphers> `NO-SUCH-CIPHER`/)
})
