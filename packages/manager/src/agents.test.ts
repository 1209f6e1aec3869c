/** The whole way with real sockets: an agent enrols, connects, sends, is acknowledged, is active; and what a thief may not. */
import { spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { type Configuration, readConfiguration } from '@dogwatch/config'
import {
  aesOnly,
  type Counter,
  cipherKeys,
  enrolmentLine,
  eventPayload,
  FrameReader,
  frame,
  type KeyEntry,
  nextCounter,
  openMessage,
  parseEnrolmentAnswer,
  readEnvelope,
  sealMessage,
} from '@dogwatch/protocol'
import pino from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Agents, startAgents } from './agents.ts'
import type { SpoolJournal } from './agents-spools.ts'
import { layOutHome } from './home-layout.ts'

let home = ''
let agents: Agents
/** Nothing is in it: agents that number their events have tests of their own. */
const journal: SpoolJournal = { end: 1, oldest: 1, read: async () => null, async *replay() {} }
const records: string[] = []
const facts = new Map<string, unknown>()
const ack = '#!-agent ack '

function configuration(more = ''): Configuration {
  const text = `<ossec_config><remote><local_ip>127.0.0.1</local_ip><protocol>tcp,udp</protocol></remote>
    <remote><connection>syslog</connection><port>1</port><local_ip>127.0.0.1</local_ip><allowed-ips>10.0.0.0/8</allowed-ips></remote>
    <auth><use_password>yes</use_password></auth>${more}</ossec_config>`
  const { configuration: read, problems } = readConfiguration('ossec.conf', text)
  if (read === null) throw new Error(JSON.stringify(problems))
  // The port of syslog cannot be left to the system in the file, where 0 is none.
  return {
    ...read,
    remote: read.remote.map((remote) => (remote.connection === 'syslog' ? { ...remote, port: 0 } : remote)),
  }
}

async function start(): Promise<void> {
  agents = await startAgents({
    home,
    config: configuration(),
    ports: { agents: 0, enrol: 0 },
    sink: {
      put: async (meta, body) => void records.push(`${meta.input} ${meta.source} ${Buffer.concat(body).toString()}`),
    },
    journal,
    log: pino({ level: 'silent' }),
    hostname: 'manager',
    onFacts: (now) => {
      for (const [id, fact] of now) facts.set(id, fact)
    },
  })
}

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'agents-home-'))
  layOutHome(home)
  mkdirSync(join(home, 'etc/shared/linux'))
  writeFileSync(join(home, 'etc/shared/linux/agent.conf'), '<agent_config></agent_config>\n')
  records.length = 0
  facts.clear()
  await start()
})
afterEach(async () => {
  await agents.close(1000)
  rmSync(home, { recursive: true })
})

function enrol(line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connectTls({ host: '127.0.0.1', port: agents.ports.enrol ?? 0, rejectUnauthorized: false })
    socket.once('secureConnect', () => socket.write(line))
    socket.on('data', (chunk) => (answer += String(chunk)))
    socket.once('error', reject)
    socket.once('close', () => resolve(answer))
  })
}

async function enrolledAgent(): Promise<KeyEntry> {
  const password = readFileSync(join(home, 'etc/authd.pass'), 'utf8').trim()
  const reading = parseEnrolmentAnswer(
    await enrol(enrolmentLine({ name: 'web-1', version: 'v4.14.7', groups: ['linux'], password })),
  )
  if ('error' in reading) throw new Error(reading.error)
  return reading.entry
}

/** A connection of an agent: seals what it says, and keeps what it hears. */
async function wire(entry: KeyEntry, from: Counter = { global: 0, local: 0 }) {
  const keys = cipherKeys(entry)
  const socket = connect(agents.ports.agents ?? 0, '127.0.0.1')
  const reader = new FrameReader()
  const heard: string[] = []
  let counter = from
  let closed = false
  socket.on('error', () => {})
  socket.on('close', () => (closed = true))
  socket.on('data', (chunk) => {
    for (const message of reader.push(chunk)) {
      const envelope = readEnvelope(message)
      const opening = envelope === null ? null : openMessage(envelope, keys, aesOnly)
      heard.push(opening !== null && 'payload' in opening ? opening.payload.toString('latin1') : '?')
    }
  })
  await new Promise((resolve) => socket.once('connect', resolve))
  return {
    heard,
    isClosed: () => closed,
    counter: () => counter,
    say(payload: string | Uint8Array): Buffer {
      counter = nextCounter(counter)
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
      const sealed = frame(sealMessage(bytes, counter, keys, aesOnly, { id: entry.id, random: 1 }))
      socket.write(sealed)
      return sealed
    },
    send: (bytes: Uint8Array) => void socket.write(bytes),
    close: () => socket.destroy(),
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10))
}

async function statusOf(id: string): Promise<string | undefined> {
  return (await agents.answer({ verb: 'show', id })).agents[0]?.status
}

const startup = '#!-agent startup {"version":"v4.14.7"}'
const keepAlive =
  '#!-Linux |web-1 |6.1 |#1 |x86_64 [Debian GNU/Linux|debian: 12 (bookworm)] - Wazuh v4.14.7\n"env":prod\n!"token":x\nx merged.mg\n#"_agent_ip":10.0.0.15\n'

test('an agent enrols, connects, sends a log and a change of a file, is acknowledged and active', async () => {
  expect(await enrol("OSSEC A:'web-1'\n")).toBe('ERROR: Invalid password. Unable to add agent')
  const entry = await enrolledAgent()
  expect(await statusOf('001')).toBe('never_connected')
  const agent = await wire(entry)
  const recorded = [agent.say(startup)]
  await until(() => agent.heard.includes(ack))
  expect(await statusOf('001')).toBe('pending')
  recorded.push(
    agent.say(eventPayload('1', '/var/log/auth.log', 'Nov 22 10:00:00 web1 sshd[812]: Failed password for root')),
  )
  recorded.push(agent.say(eventPayload('8', 'syscheck', '{"type":"event","data":{"path":"/etc/passwd"}}')))
  recorded.push(agent.say(keepAlive))
  await until(() => agent.heard.filter((text) => text === ack).length === 2)
  expect(records).toEqual([
    'agent 001 1:[001] (web-1) any->/var/log/auth.log:Nov 22 10:00:00 web1 sshd[812]: Failed password for root',
    'agent 001 8:[001] (web-1) any->syscheck:{"type":"event","data":{"path":"/etc/passwd"}}',
  ])
  expect(await statusOf('001')).toBe('active')

  // Its shared files come by themselves, since it has none.
  await until(() => agent.heard.includes('#!-close file '))
  expect(agent.heard.join('')).toContain('!30 agent.conf\n<agent_config></agent_config>\n')
  expect(agents.figures()).toMatchObject({
    byStatus: { active: 1 },
    channel: { events: 2, connected: 1 },
    enrolment: { accepted: 1, refused: 1 },
  })
  // What alerts show of it; hidden labels are not among it.
  await until(() => JSON.stringify(facts.get('001') ?? '').includes('prod'))
  expect(facts.get('001')).toEqual({ ip: '10.0.0.15', labels: { env: 'prod' } })

  // The manager ends and starts: counters are kept, so a recording is worth nothing, and the agent goes on.
  agent.close()
  await agents.close(1000)
  await start()
  expect(records.at(-1)).toBe('internal manager 1:wazuh-monitord:ossec: Manager started.')
  const before = records.length
  const thief = await wire(entry)
  for (const bytes of recorded) thief.send(bytes)
  await until(() => (agents.figures().channel?.refused.replayed ?? 0) === recorded.length)
  expect(records.length).toBe(before)
  expect(await statusOf('001')).toBe('disconnected')
  const again = await wire(entry, agent.counter())
  again.say(startup)
  again.say(eventPayload('1', 'a', 'after the restart'))
  again.say(keepAlive)
  await until(async () => (await statusOf('001')) === 'active')
  await until(() => records.at(-1)?.endsWith('after the restart') === true)
  thief.close()
  again.close()
})

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
test.skipIf(!hasOpenssl)('a self-signed RSA certificate in etc/sslmanager.cert is that of both ports', async () => {
  await agents.close(0)
  const subject = ['-subj', '/CN=manager', '-days', '30', '-nodes']
  const files = ['-keyout', join(home, 'etc/sslmanager.key'), '-out', join(home, 'etc/sslmanager.cert')]
  const { status } = spawnSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-sha256', ...subject, ...files])
  expect(status).toBe(0)
  await start()
  const { fingerprint256 } = new X509Certificate(readFileSync(join(home, 'etc/sslmanager.cert')))
  for (const port of [agents.ports.enrol, agents.ports.agents]) {
    // As an agent of Wazuh with its own list of ciphers and no authority, and as one that has no elliptic curves.
    for (const ciphers of ['HIGH:!ADH:!EXP:!MD5:!RC4:!3DES:!CAMELLIA:@STRENGTH', 'AES256-SHA']) {
      const socket = connectTls({
        host: '127.0.0.1',
        port: port ?? 0,
        rejectUnauthorized: false,
        maxVersion: 'TLSv1.2',
        ciphers,
      })
      await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
      expect(socket.getPeerCertificate().fingerprint256).toBe(fingerprint256)
      socket.destroy()
    }
  }
  const entry = await enrolledAgent()
  expect(entry.id).toBe('001')
})

test('requests about agents are answered', async () => {
  const entry = await enrolledAgent()
  const agent = await wire(entry)
  agent.say(startup)
  await until(() => agent.heard.includes(ack))
  expect((await agents.answer({ verb: 'list' })).agents.map(({ id, groups }) => [id, groups])).toEqual([
    ['001', ['linux']],
  ])
  expect((await agents.answer({ verb: 'groups' })).groups.map(({ name, agents: count }) => [name, count])).toEqual([
    ['default', 0],
    ['linux', 1],
  ])
  const restart = agents.answer({ verb: 'restart', id: '001' })
  await until(() => agent.heard.some((text) => text.endsWith(' com restart')))
  const id = agent.heard.at(-1)?.split(' ')[1]
  agent.say(`#!-req ${id} ok `)
  expect((await restart).problem).toBeNull()
  const problems: readonly (readonly [Parameters<Agents['answer']>[0], RegExp])[] = [
    [{ verb: 'show', id: '009' }, /no agent 009/],
    [{ verb: 'restart', id: '009' }, /not connected/],
    [{ verb: 'set-groups', id: '001', groups: ['nowhere'] }, /no group nowhere/],
    [{ verb: 'create-group', group: '../x' }, /no name for a group/],
    [{ verb: 'remove-group', group: 'default' }, /stays/],
  ]
  for (const [request, problem] of problems) expect((await agents.answer(request)).problem).toMatch(problem)
  expect((await agents.answer({ verb: 'remove-group', group: 'linux' })).problem).toBeNull()
  expect((await agents.answer({ verb: 'show', id: '001' })).agents[0]?.groups).toEqual(['default'])
  expect((await agents.answer({ verb: 'remove', id: '001', purge: true })).problem).toBeNull()
  await until(() => agent.isClosed())
  expect((await agents.answer({ verb: 'list' })).agents).toEqual([])
})

test('syslog listens, and without <remote> nothing does', async () => {
  expect(agents.listening.map(({ name }) => name)).toEqual(['agents', 'agents', 'enrolment', 'syslog'])
  await agents.close(0)
  const quiet = await startAgents({
    home,
    config: { ...configuration(), remote: [] },
    ports: { agents: 0, enrol: 0 },
    sink: { put: async () => {} },
    journal,
    log: pino({ level: 'silent' }),
    hostname: 'manager',
    onFacts: () => {},
  })
  expect(quiet.listening).toEqual([])
  expect((await quiet.answer({ verb: 'list' })).problem).toMatch(/takes no agents/)
  await quiet.close(0)
  await start()
})
