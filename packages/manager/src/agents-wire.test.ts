/** What stock agents send, byte by byte as the specification of the protocol has it, and the bytes that they are answered with. Nothing here seals with code of ours but where it says so. */
import { createHash, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { deflateSync } from 'node:zlib'
import { readConfiguration } from '@dogwatch/config'
import {
  aesOnly,
  cipherKeys,
  frame,
  openMessage,
  payloadLengthMax,
  readEnvelope,
  sealMessage,
  withBlowfish,
} from '@dogwatch/protocol'
import pino from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Agents, startAgents } from './agents.ts'
import { layOutHome } from './home-layout.ts'

const key = '3f2b6c1d9e8a7b5c4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c'
const keys = cipherKeys({ id: '001', name: 'vec-agent', key })
const ciphers = await withBlowfish()
/** Part 4, vectors 1 and 4: a start-up message and a log, framed for TCP. */
const startupAes =
  '6a0000002130303121234145533a1dc9228ec6ded95df45cd6fdaae37dc9c850ff14cbcd9bf26e63747bb146f586c0ca47935e7a91833001155b9a5733961047680a43c073c0c719e50630c5165bad0db459af5a51d8509821b0664fb39ac26baa64091c6bb13d052545e93adf05'
const startupBlowfish =
  '5e00000021303031213abf20e0ef851a8b674629a7f5ee8948b69d5f725e5fc9c5887b2cb16969ad2f796bf117dc421e54d6169bd0c066b5bddcc5c37358cb6beb5c7f10a64614c63538e3e894fbaf6154a6cc0c0546e14a95ae1cc749866b387b3a'
const logAes =
  'aa0000002130303121234145533a49e242d1239d0003dd02ab6058ee13ae4b13b1b9060b777fa06802e4a4614994f467097c5d7592cb2e2e0c4030d228e362822ddeed950768c3e23a78a09ee5c9633999b9d4e19e7eba3d1d75bd7e1b765986474e9151507becd29630e6823cb60585ba1e3e1ea539e9112ddcdd76d7254c3c962358e39523d184fa5439c45e1367739b3baa4909344941f7eeda153e527b5abd966ac2dee499369edf56c58734'
const log =
  '/var/log/auth.log:Nov 22 10:00:00 web1 sshd[812]: Failed password for root from 203.0.113.9 port 52144 ssh2'

let home = ''
let agents: Agents | null = null
const records: string[] = []
const closers: (() => void)[] = []

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'agents-wire-'))
  layOutHome(home)
  records.length = 0
})
afterEach(async () => {
  for (const close of closers.splice(0)) close()
  await agents?.close(1000)
  agents = null
  rmSync(home, { recursive: true })
})

async function start({ ip = 'any', remote = '', more = '' } = {}): Promise<number> {
  writeFileSync(join(home, 'etc/client.keys'), `001 vec-agent ${ip} ${key}\n`)
  const text = `<ossec_config><remote><local_ip>127.0.0.1</local_ip><protocol>tcp,udp</protocol>${remote}</remote>
    <auth><disabled>yes</disabled></auth>${more}</ossec_config>`
  const { configuration, problems } = readConfiguration('ossec.conf', text)
  if (configuration === null) throw new Error(JSON.stringify(problems))
  agents = await startAgents({
    home,
    config: configuration,
    ports: { agents: 0, enrol: 0 },
    sink: {
      put: async (meta, body) => void (meta.input === 'agent' && records.push(Buffer.concat(body).toString('latin1'))),
    },
    journal: { end: 1, oldest: 1, read: async () => null, async *replay() {} },
    log: pino({ level: 'silent' }),
    hostname: 'manager',
    onFacts: () => {},
  })
  return agents.ports.agents ?? 0
}

/** Everything that comes over a TCP connection, cut at the lengths. */
async function tcp(port: number) {
  const socket = connect(port, '127.0.0.1')
  let bytes = Buffer.alloc(0)
  let isClosed = false
  socket.on('error', () => {})
  socket.on('close', () => (isClosed = true))
  socket.on('data', (chunk) => (bytes = Buffer.concat([bytes, chunk])))
  closers.push(() => socket.destroy())
  await new Promise((resolve) => socket.once('connect', resolve))
  const messages = (): Buffer[] => {
    const found: Buffer[] = []
    for (let at = 0; at + 4 <= bytes.length; at += 4 + bytes.readUInt32LE(at))
      found.push(bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at)))
    return found
  }
  return {
    send: (message: string | Buffer) =>
      void socket.write(typeof message === 'string' ? Buffer.from(message, 'hex') : message),
    messages,
    payloads: () => messages().map(payloadOf),
    bytes: () => bytes,
    isClosed: () => isClosed,
    pause: () => void socket.pause(),
  }
}

function payloadOf(message: Buffer): string {
  const envelope = readEnvelope(message)
  const opening = envelope === null ? null : openMessage(envelope, keys, ciphers)
  return opening !== null && 'payload' in opening ? opening.payload.toString('latin1') : 'not opened'
}

/** Sealed with code of ours, which the vectors have shown to be right. */
let local = 100
function sealed(payload: string): Buffer {
  local++
  return frame(
    sealMessage(Buffer.from(payload, 'latin1'), { global: 0, local }, keys, ciphers, { id: '001', random: 7 }),
  )
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('over TCP with AES: little-endian length, method, acknowledgement with its blank; the log has its origin', async () => {
  const agent = await tcp(await start())
  agent.send(startupAes)
  await until(() => agent.payloads().length === 1)
  expect(agent.payloads()).toEqual(['#!-agent ack '])
  const [answer = Buffer.alloc(0)] = agent.messages()
  expect(agent.bytes().subarray(0, 9)).toEqual(Buffer.from([answer.length, 0, 0, 0, ...Buffer.from('#AES:')]))
  agent.send(logAes)
  await until(() => records.length > 0)
  expect(records).toEqual([`1:[001] (vec-agent) any->${log}`])
})

test('over TCP with Blowfish, where it is allowed: answered in kind', async () => {
  const agent = await tcp(await start({ remote: '<crypto_method>blowfish</crypto_method>' }))
  agent.send(startupBlowfish)
  await until(() => agent.payloads().length === 1)
  expect(agent.messages()[0]?.toString('latin1', 0, 1)).toBe(':')
  expect(agent.payloads()).toEqual(['#!-agent ack '])
})

test('two messages in one read, and one over many reads', async () => {
  const agent = await tcp(await start())
  const both = Buffer.from(startupAes + logAes, 'hex')
  agent.send(both.subarray(0, both.length - 100))
  await until(() => agent.payloads().length === 1)
  for (const byte of both.subarray(both.length - 100)) agent.send(Buffer.from([byte]))
  await until(() => records.length > 0)
  expect(records).toHaveLength(1)
})

test('over UDP: a message is a datagram, without length', async () => {
  await start()
  const address = agents?.listening.find(({ address: each }) => each.startsWith('udp'))?.address ?? ''
  const port = Number(address.split(':').at(-1))
  const socket = createSocket('udp4')
  closers.push(() => socket.close())
  const heard: Buffer[] = []
  socket.on('message', (message) => heard.push(message))
  for (const hex of [startupAes, logAes]) socket.send(Buffer.from(hex, 'hex').subarray(4), port, '127.0.0.1')
  await until(() => heard.length > 0 && records.length > 0)
  expect(heard.map((message) => [message.toString('latin1', 0, 5), payloadOf(message)])).toEqual([
    ['#AES:', '#!-agent ack '],
  ])
  expect(records).toEqual([`1:[001] (vec-agent) any->${log}`])
})

test('a health check by UDP is answered without a key, and without length', async () => {
  await start()
  const address = agents?.listening.find(({ address: each }) => each.startsWith('udp'))?.address ?? ''
  const socket = createSocket('udp4')
  closers.push(() => socket.close())
  const answer = new Promise<string>((resolve) => socket.once('message', (message) => resolve(message.toString())))
  socket.send('#ping', Number(address.split(':').at(-1)), '127.0.0.1')
  expect(await answer).toBe('#pong')
})

test('a health check is answered without a key', async () => {
  const anybody = await tcp(await start())
  anybody.send('050000002370696e67')
  await until(() => anybody.bytes().length === 9)
  expect(anybody.bytes().toString('hex')).toBe('0500000023706f6e67')
})

const addresses: readonly [says: string, ip: string, isNamed: boolean, isLetIn: boolean][] = [
  ['its own address, without an id', '127.0.0.1', false, true],
  ['a network of one address, without an id', '127.0.0.1/32', false, true],
  ['its own address, with an id', '127.0.0.1', true, true],
  ['a network that it comes from', '127.0.0.0/8', true, true],
  ['any address, yet no id is sent', 'any', false, false],
  ['another address', '10.1.2.3', true, false],
  ['another network', '10.0.0.0/8', true, false],
]
test.each(addresses)('an agent registered with %s', async (_says, ip, isNamed, isLetIn) => {
  const agent = await tcp(await start({ ip }))
  const message = Buffer.from(startupAes, 'hex').subarray(4)
  agent.send(frame(isNamed ? message : message.subarray('!001!'.length)))
  await until(() => agent.payloads().length > 0 || agent.isClosed())
  expect([agent.payloads(), agent.isClosed()]).toEqual(isLetIn ? [['#!-agent ack '], false] : [[], true])
})

const ours = '#!-agent startup {"version":"v4.14.7","spool":"0123456789abcdef"}'
const stock = '#!-agent startup {"version":"v4.14.7"}'
const needs: readonly [says: string, need: string, startup: string, isTaken: boolean][] = [
  ['no TLS is required of an agent of ours', 'no', ours, true],
  ['TLS is required of agents of ours: one without it', 'own', ours, false],
  ['TLS is required of agents of ours: another one', 'own', stock, true],
  ['TLS is required of all: an unmodified agent', 'all', stock, false],
]
test.each(needs)('%s', async (_says, need, startup, isTaken) => {
  const agent = await tcp(await start({ remote: `<require_tls>${need}</require_tls>` }))
  agent.send(sealed(startup))
  if (isTaken) await until(() => agent.payloads().includes('#!-agent ack '))
  else await until(() => agent.isClosed())
  const [said = ''] = agent.payloads()
  expect(said.startsWith('#!-err {"message":"this manager takes you in TLS only')).toBe(!isTaken)
  expect(agents?.figures().channel?.refused.no_tls).toBe(isTaken ? 0 : 1)
})

const higher = '<agents><allow_higher_versions>yes</allow_higher_versions></agents>'
const refused = (why: string): string => `#!-err {"message":"${why}"}`
const tooNew = refused('Agent version must be lower or equal to manager version')
const versions: readonly [says: string, startup: string, answer: string, remote?: string][] = [
  ['of OSSEC, without a word about itself', '#!-agent startup ', '#!-agent ack '],
  ['that is older', '#!-agent startup {"version":"v4.3.0"}', '#!-agent ack '],
  ['with a newer patch', '#!-agent startup {"version":"v4.14.99"}', '#!-agent ack '],
  ['that is newer', '#!-agent startup {"version":"v4.15.0"}', tooNew],
  ['that is newer, where it may', '#!-agent startup {"version":"v5.0.0"}', '#!-agent ack ', higher],
  ['that leaves its version out', '#!-agent startup {}', refused("Couldn't retrieve version")],
]
test.each(versions)('an agent %s', async (_says, startup, answer, remote = '') => {
  const agent = await tcp(await start({ remote }))
  agent.send(sealed(startup))
  await until(() => agent.payloads().length > 0)
  expect(agent.payloads()).toEqual([answer])
  expect(agent.isClosed()).toBe(false)
})

test('shared files: announced, in chunks of 900 bytes, ended; not again when the sums agree', async () => {
  const conf = `<agent_config>${' '.repeat(2000)}</agent_config>\n`
  writeFileSync(join(home, 'etc/shared/default/agent.conf'), conf)
  const agent = await tcp(await start())
  agent.send(sealed('#!-agent startup {"version":"v4.14.7"}'))
  const system = 'Linux |web1 |6.1.0 |#1 SMP |x86_64 [Debian GNU/Linux|debian: 12 (bookworm)] - Wazuh v4.14.7'
  agent.send(
    sealed(`#!-${system} / ab73af41699f13fdd81903b5f23d8d00\n"env":prod\nx merged.mg\n#"_agent_ip":10.0.0.15\n`),
  )
  await until(() => agent.payloads().includes('#!-close file '))
  const said = agent.payloads().filter((payload) => payload !== '#!-agent ack ')
  const chunks = said.slice(1, -1)
  const merged = chunks.join('')
  const sum = createHash('md5').update(merged, 'latin1').digest('hex')
  expect(merged).toBe(`#default\n!0 ar.conf\n!${conf.length} agent.conf\n${conf}`)
  expect([said[0], said.at(-1)]).toEqual([`#!-up file ${sum} merged.mg\n`, '#!-close file '])
  expect(chunks.map(({ length }) => length)).toEqual([900, 900, merged.length - 1800])

  const before = agent.payloads().length
  agent.send(sealed(`#!-${system}\n${sum} merged.mg\n#"_agent_ip":10.0.0.15\n`))
  agent.send(sealed(`#!-${system}\n${sum} merged.mg\n#"_agent_ip":10.0.0.15\n`))
  await until(() => agent.payloads().length === before + 2)
  expect(agent.payloads().slice(before)).toEqual(['#!-agent ack ', '#!-agent ack '])
  const row = (await agents?.answer({ verb: 'show', id: '001' }))?.agents[0]
  expect(row).toMatchObject({ status: 'active', isSynced: true, mergedSum: sum, ip: '10.0.0.15', labels: [] })
})

test('the commands of active responses are the first of the shared files', async () => {
  const more = `<command><name>firewall-drop</name><executable>firewall-drop</executable><timeout_allowed>yes</timeout_allowed></command>
    <active-response><command>firewall-drop</command><location>local</location><level>10</level><timeout>600</timeout></active-response>`
  const agent = await connected({ more })
  agent.send(sealed(`#!-${linux}\nx merged.mg\n`))
  await until(() => agent.payloads().includes('#!-close file '))
  expect(agent.payloads()).toContain('#default\n!39 ar.conf\nfirewall-drop600 - firewall-drop - 600\n')
})

const events: readonly [says: string, payload: string, record: string | null][] = [
  ['a colon in a location stays escaped', '1:C|:\\logs\\a.txt:text', '1:[001] (vec-agent) any->C|:\\logs\\a.txt:text'],
  ['a bar in a location stays escaped', '1:a||b:text', '1:[001] (vec-agent) any->a||b:text'],
  ...['1', '3', '5', '8', '9', 'd', 'e', 'f', 'p', 'u'].map(
    (queue): [says: string, payload: string, record: string] => [
      `queue ${queue} is passed on`,
      `${queue}:there:text`,
      `${queue}:[001] (vec-agent) any->there:text`,
    ],
  ),
  ['bytes that are no UTF-8 pass through', '1:a:\xff\xfe\x00z', '1:[001] (vec-agent) any->a:\xff\xfe\x00z'],
  ['a line that only keeps alive is dropped', '1:keepalive--MARK--x', null],
]
test.each(events)('%s', async (_says, payload, record) => {
  const agent = await tcp(await start())
  agent.send(sealed('#!-agent startup {"version":"v4.14.7"}'))
  agent.send(sealed(payload))
  agent.send(sealed('1:end:'))
  await until(() => records.at(-1)?.endsWith('->end:') === true)
  expect(records.slice(0, -1)).toEqual(record === null ? [] : [record])
})

test('a clean end is an event at once, and is not acknowledged', async () => {
  const agent = await tcp(await start())
  agent.send(startupAes)
  await until(() => agent.payloads().length === 1)
  agent.send(sealed('#!-agent shutdown '))
  await until(() => records.length > 0)
  expect(records).toEqual(["1:[001] (vec-agent) any->wazuh-remoted:ossec: Agent stopped: 'vec-agent->any'."])
  expect(agent.payloads()).toEqual(['#!-agent ack '])
})

test('a question to a stock agent, and its answer', async () => {
  const agent = await tcp(await start())
  agent.send(startupAes)
  await until(() => agent.payloads().length === 1)
  const answer = agents?.answer({ verb: 'restart', id: '001' })
  await until(() => agent.payloads().length === 2)
  const [, request = ''] = agent.payloads()
  expect(request).toMatch(/^#!-req [0-9a-f]{1,8} com restart$/)
  agent.send(sealed(`#!-req ${request.split(' ')[1]} ok `))
  expect(await answer).toMatchObject({ problem: null })
})

const unknown: readonly string[] = [
  '#!-something new {"a":1}',
  '#!-req',
  'no form at all',
  '5:fim_file:{"component":"fim_file"}',
]
test.each(unknown)('the connection stays for what is not known: %s', async (payload) => {
  const agent = await tcp(await start())
  agent.send(startupAes)
  agent.send(sealed(payload))
  agent.send(sealed('1:end:'))
  await until(() => records.at(-1)?.endsWith('->end:') === true)
  expect(agent.isClosed()).toBe(false)
})

test('where a second may take over after a second of silence, it does', async () => {
  const port = await start({ remote: '<connection_overtake_time>1</connection_overtake_time>' })
  const first = await tcp(port)
  first.send(startupAes)
  await until(() => first.payloads().length === 1)
  // Until then each attempt is closed, as the first one is not silent for long enough.
  let second = await tcp(port)
  for (;;) {
    second.send(sealed('#!-agent startup {"version":"v4.14.7"}'))
    await until(() => second.payloads().length > 0 || second.isClosed())
    if (second.payloads().length > 0) break
    await new Promise((resolve) => setTimeout(resolve, 100))
    second = await tcp(port)
  }
  await until(() => first.isClosed())
  expect(agents?.figures().channel?.refused.key_in_use).toBeGreaterThan(0)
})

test('an agent that is removed while it is connected is cut off, and its key opens nothing any more', async () => {
  const port = await start()
  const agent = await tcp(port)
  agent.send(startupAes)
  await until(() => agent.payloads().length === 1)
  expect((await agents?.answer({ verb: 'remove', id: '001', purge: false }))?.problem).toBeNull()
  await until(() => agent.isClosed())
  const again = await tcp(port)
  again.send(logAes)
  await until(() => again.isClosed())
  expect(records).toEqual([])
  expect(agents?.figures().channel).toMatchObject({ connected: 0, refused: { unknown_agent: 1 } })
})

test('a second connection with the same key is closed, and the first stays', async () => {
  const port = await start()
  const first = await tcp(port)
  first.send(startupAes)
  await until(() => first.payloads().length === 1)
  const second = await tcp(port)
  second.send(sealed('#!-agent startup {"version":"v4.14.7"}'))
  await until(() => second.isClosed())
  first.send(sealed('1:a:still here'))
  await until(() => records.length > 0)
  expect([second.payloads(), records, first.isClosed()]).toEqual([[], ['1:[001] (vec-agent) any->a:still here'], false])
})

/** A connected agent; what it has heard so far is passed over. */
async function connected(options: Parameters<typeof start>[0] = {}) {
  const agent = await tcp(await start(options))
  agent.send(sealed('#!-agent startup {"version":"v4.14.7"}'))
  await until(() => agent.payloads().length === 1)
  let passed = 1
  return {
    ...agent,
    /** Payloads since the last call, as soon as there are so many. */
    async hears(count: number): Promise<string[]> {
      await until(() => agent.payloads().length >= passed + count)
      const heard = agent.payloads().slice(passed)
      passed += heard.length
      return heard
    },
    row: async () => (await agents?.answer({ verb: 'show', id: '001' }))?.agents[0],
  }
}

const ack = '#!-agent ack '
const barrier = '#!-keep-alive of no form'

test('each control message has its own effect on the status, and only some are acknowledged', async () => {
  const agent = await connected()
  expect((await agent.row())?.status).toBe('pending')
  // An answer that nobody waits for is none of a keep-alive.
  agent.send(sealed('#!-req 1f ok {}'))
  agent.send(sealed('1:end:'))
  await until(() => records.length === 1)
  expect([(await agent.row())?.status, agent.payloads().length]).toEqual(['pending', 1])
  agent.send(sealed(barrier))
  expect(await agent.hears(1)).toEqual([ack])
  expect((await agent.row())?.status).toBe('active')
  agent.send(sealed('#!-agent shutdown '))
  await until(() => records.length === 2)
  expect(await agent.row()).toMatchObject({ status: 'disconnected', statusCode: 3 })
  // The next connection begins anew.
  agent.send(sealed('#!-agent startup {"version":"v4.14.7"}'))
  expect(await agent.hears(1)).toEqual([ack])
  expect((await agent.row())?.status).toBe('pending')
})

const linux =
  'Linux |web1 |6.1.0-28-amd64 |#1 SMP PREEMPT_DYNAMIC Debian 6.1.119-1 (2024-11-22) |x86_64 [Debian GNU/Linux|debian: 12 (bookworm)] - Wazuh v4.14.7 / ab73af41699f13fdd81903b5f23d8d00'
const keepAlives: readonly [says: string, text: string, row: object][] = [
  [
    'a Linux agent, as the specification shows it',
    `${linux}\n"env":prod\n4a8724b20dee0124ff9656783c490c4e merged.mg\n#"_agent_ip":10.0.0.15\n`,
    {
      version: 'Wazuh v4.14.7',
      configSum: 'ab73af41699f13fdd81903b5f23d8d00',
      mergedSum: '4a8724b20dee0124ff9656783c490c4e',
      ip: '10.0.0.15',
      labels: [{ key: 'env', value: 'prod', isHidden: false }],
      isSynced: false,
      system: {
        name: 'Debian GNU/Linux',
        platform: 'debian',
        version: '12',
        codename: 'bookworm',
        major: '12',
        architecture: 'x86_64',
        hostname: 'web1',
      },
    },
  ],
  [
    'a Windows agent',
    'Microsoft Windows 11 Pro [Ver: 10.0.22631.4602] - Wazuh v4.14.7\nx merged.mg\n',
    { ip: '127.0.0.1', system: { name: 'Microsoft Windows 11 Pro', platform: 'windows', version: '10.0.22631.4602' } },
  ],
  [
    'labels that are hidden, and the system’s own, which are none',
    `${linux}\n!"token":a:b\n#"_wazuh_version":9\n"a.b":c "d"\n`,
    {
      labels: [
        { key: 'token', value: 'a:b', isHidden: true },
        { key: 'a.b', value: 'c "d"', isHidden: false },
      ],
    },
  ],
  ['what follows the last newline is no part of it', `${linux}\n"env":prod\n"cut":of`, { labels: [{ key: 'env' }] }],
]
test.each(keepAlives)('a keep-alive: %s', async (_says, text, row) => {
  const agent = await connected()
  agent.send(sealed(`#!-${text}`))
  await until(() => agent.payloads().includes(ack) && agent.payloads().length > 1)
  expect(await agent.row()).toMatchObject({ status: 'active', ...row })
})

test('a keep-alive as the one before it changes its time and nothing else; what it leaves out is forgotten', async () => {
  const agent = await connected()
  agent.send(sealed(`#!-${linux}\n"env":prod\n`))
  await agent.hears(1)
  const before = await agent.row()
  await new Promise((resolve) => setTimeout(resolve, 5))
  agent.send(sealed(`#!-${linux}\n"env":prod\n`))
  await agent.hears(1)
  const after = await agent.row()
  expect(after?.keepAliveMs).toBeGreaterThan(before?.keepAliveMs ?? Number.POSITIVE_INFINITY)
  expect(after).toEqual({ ...before, keepAliveMs: after?.keepAliveMs })
  agent.send(sealed(`#!-${linux}\n`))
  await agent.hears(1)
  expect(await agent.row()).toMatchObject({ labels: [], version: 'Wazuh v4.14.7' })
})

test('what the desk says goes to the agent as it stands in the protocol', async () => {
  const agent = await connected()
  expect(agents?.desk?.reconnect('001')).toBe(true)
  expect(await agent.hears(1)).toEqual(['#!-force_reconnect'])
  const answers = ['ok {"localfile":[]}', 'err Could not get requested section', 'ok \x00\xff \n']
  for (const answer of answers) {
    const asked = agents?.desk?.ask('001', 'logcollector', 'getconfig localfile')
    const [request = ''] = await agent.hears(1)
    expect(request).toMatch(/^#!-req [0-9a-f]{1,8} logcollector getconfig localfile$/)
    agent.send(sealed(`#!-req ${request.split(' ')[1]} ${answer}`))
    expect(await asked).toEqual({ text: Buffer.from(answer, 'latin1').toString('utf8') })
  }
})

test('an agent that reads nothing any more is given up, and who has asked it hears of it', async () => {
  const agent = await connected()
  agent.pause()
  // More than the system takes for it, and more than may wait here.
  const asked = Array.from({ length: 400 }, () =>
    agents?.desk?.ask('001', 'agent', randomBytes(40_000).toString('base64')),
  )
  await until(() => agents?.figures().channel?.refused.slow_reader === 1)
  const answers = await Promise.all(asked)
  expect(new Set(answers.map((answer) => JSON.stringify(answer)))).toEqual(
    new Set(['{"problem":"agent 001 went away"}', '{"problem":"agent 001 is not connected"}']),
  )
  expect(agents?.figures().channel).toMatchObject({ connected: 0 })
})

test('several questions at once have numbers of their own, and each its answer, whatever the order', async () => {
  const agent = await connected()
  const parts = ['client', 'buffer', 'labels']
  const asked = parts.map((part) => agents?.desk?.ask('001', 'agent', `getconfig ${part}`))
  const requests = await agent.hears(3)
  expect(new Set(requests.map((request) => request.split(' ')[1])).size).toBe(3)
  for (const request of requests.toReversed())
    agent.send(sealed(`#!-req ${request.split(' ')[1]} ok ${request.split(' ').at(-1)}`))
  expect(await Promise.all(asked)).toEqual(parts.map((part) => ({ text: `ok ${part}` })))
})

test('how an upgrade went is kept as an event, and the agent is told once that it was heard', async () => {
  const agent = await connected()
  const result =
    'u:upgrade_module:{"command":"upgrade_update_status","parameters":{"error":0,"message":"Upgrade was successful","status":"Done"}}'
  // It says so again until it hears of it.
  for (let n = 0; n < 3; n++) agent.send(sealed(result))
  agent.send(sealed('u:upgrade_module:{"command":"other"}'))
  agent.send(sealed(barrier))
  const heard = [...(await agent.hears(2))].sort()
  agent.send(sealed(barrier))
  expect([heard.length, await agent.hears(1)]).toEqual([2, [ack]])
  expect(heard[0]).toBe(ack)
  expect(heard[1]).toMatch(/^#!-req [0-9a-f]{1,8} upgrade \{"command":"clear_upgrade_result","parameters":\{\}\}$/)
  expect(records).toHaveLength(4)
  agent.send(sealed(`#!-req ${heard[1]?.split(' ')[1]} {"error":0,"message":"ok","data":[]}`))
  // After another upgrade it is told anew.
  agent.send(sealed(result))
  expect((await agent.hears(1))[0]).toMatch(/clear_upgrade_result/)
})

test('a comparison of files: every answer of the table, and the end of it', async () => {
  const agent = await connected()
  const sum = (...checksums: string[]): string => createHash('sha1').update(checksums.join('')).digest('hex')
  const [a, b, c] = ['a', 'b', 'c'].map((digit) => digit.repeat(40)) as [string, string, string]
  const say = (type: string, data: object): void =>
    agent.send(sealed(`5:fim_file:${JSON.stringify({ component: 'fim_file', type, data })}`))
  const row = (index: string, checksum: string): void =>
    say('state', { index, timestamp: 1, attributes: { type: 'file', checksum } })
  const compare = (part: string, begin: string, end: string, checksum: string, more: object = {}): void =>
    say(`integrity_check_${part}`, { id: 1_700_000_000, begin, end, checksum, ...more })
  const answer = (word: string, begin: string, end: string): string =>
    `#!-fim_file dbsync ${word} {"id":1700000000,"begin":"${begin}","end":"${end}"}`

  compare('global', '/a', '/c', sum(a, b, c), { tail: '/x' })
  expect(await agent.hears(1)).toEqual([answer('no_data', '/a', '/c')])
  for (const [path, checksum] of [
    ['/a', a],
    ['/b', b],
    ['/c', c],
  ] as const)
    row(path, checksum)
  // Equal is silent; what differs after it is the next that is heard.
  compare('global', '/a', '/c', sum(a, b, c))
  compare('left', '/a', '/b', sum(a, a), { tail: '/c' })
  expect(await agent.hears(1)).toEqual([answer('checksum_fail', '/a', '/b')])
  compare('right', '/c', '/c', sum(a))
  expect(await agent.hears(1)).toEqual([answer('checksum_fail', '/c', '/c')])
  // Between the left part and its tail nothing may be; outside of the whole neither.
  row('/bb', b)
  compare('left', '/a', '/b', sum(a, b), { tail: '/c' })
  compare('right', '/bb', '/bb', sum(b))
  expect(await agent.hears(1)).toEqual([answer('no_data', '/bb', '/bb')])
  compare('global', '/b', '/b', sum(b))
  compare('right', '/a', '/a', sum(a))
  compare('right', '/c', '/c', sum(c))
  expect(await agent.hears(2)).toEqual([answer('no_data', '/a', '/a'), answer('no_data', '/c', '/c')])
  say('integrity_clear', { id: 1_700_000_000 })
  compare('global', '/b', '/b', sum(b))
  expect(await agent.hears(1)).toEqual([answer('no_data', '/b', '/b')])
  // A part of the inventory that is not kept is not answered, and the connection stays.
  agent.send(sealed(`5:syscollector:{"component":"syscollector_ports","type":"integrity_clear","data":{"id":1}}`))
  agent.send(sealed(barrier))
  expect(await agent.hears(1)).toEqual([ack])
  expect(
    (await agents?.desk?.files.find('001', { component: null, key: null, search: '', offset: 0, limit: 9 }))?.total,
  ).toBe(0)
})

const lengths: readonly [says: string, length: number, reason: string][] = [
  ['the longest message is read', 65_536, 'no_message'],
  ['one that is a byte longer is not', 65_537, 'frame_too_long'],
]
test.each(lengths)('%s', async (_says, length, reason) => {
  const anybody = await tcp(await start())
  anybody.send(frame(Buffer.alloc(length, 'x')))
  await until(() => anybody.isClosed())
  expect(agents?.figures().channel?.refused).toMatchObject({ [reason]: 1 })
})

test('the longest event arrives whole, also when nothing of it can be made smaller', async () => {
  const agent = await connected()
  const text = `1:a:${randomBytes(65_404).toString('latin1')}`
  expect(text).toHaveLength(payloadLengthMax)
  agent.send(sealed(text))
  await until(() => records.length === 1 || agent.isClosed())
  expect(records[0]).toBe(`1:[001] (vec-agent) any->${text.slice(2)}`)
})

test('a message that would become a hundred times as long is refused', async () => {
  const agent = await connected()
  const packed = deflateSync(Buffer.alloc(6_000_000, 'x'))
  const padded = Buffer.concat([Buffer.from('!'.repeat(8 - (packed.length % 8))), packed])
  agent.send(frame(Buffer.concat([Buffer.from('!001!#AES:'), aesOnly.aes.encrypt(padded, keys)])))
  await until(() => agent.isClosed())
  expect([records, agents?.figures().channel?.refused.bad_content]).toEqual([[], 1])
})

test('an agent that is away for longer than local_internal_options.conf allows is removed', async () => {
  writeFileSync(join(home, 'etc/local_internal_options.conf'), 'monitord.delete_old_agents=1\n')
  const agent = await connected()
  agent.send(sealed('#!-agent shutdown '))
  await until(() => records.length === 1)
  // Its last word is told to be an hour old, as after an hour.
  await agents?.close(1000)
  const db = new DatabaseSync(join(home, 'queue/agents.db'))
  db.prepare(`UPDATE agent SET row = json_set(row, '$.keepAliveMs', ?)`).run(Date.now() - 3_600_000)
  db.close()
  const keys = join(home, 'etc/client.keys')
  const text = readFileSync(keys, 'utf8')
  await start()
  writeFileSync(keys, text)
  await until(() => readFileSync(keys, 'utf8').includes('001 !vec-agent'))
  expect((await agents?.answer({ verb: 'list' }))?.agents).toEqual([])
})
