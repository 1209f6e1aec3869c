import {
  aesOnly,
  type Counter,
  cipherKeys,
  eventPayload,
  type KeyEntry,
  md5,
  numberedPayload,
} from '@dogwatch/protocol'
import type { RecordMeta } from '@dogwatch/schema'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AgentChannel } from './channel.ts'
import type { AgentChannelOptions, KnownAgent, SpoolPosition } from './channel-types.ts'
import { type FakeAgent, fakeAgent } from './fake-agent-fixture.ts'
import { spoolPositionOf } from './spool-peer.ts'

const entry: KeyEntry = { id: '001', name: 'web', ip: 'any', key: 'aa'.repeat(32) }
const other: KeyEntry = { id: '002', name: 'db', ip: '10.1.2.3', key: 'bb'.repeat(32) }
const ack = '#!-agent ack '
const startup = '#!-agent startup {"version":"v4.14.7"}'
const keepAlive = '#!-Linux |web |6 |#1 |x86_64 [Debian|debian: 12] - Wazuh v4.14.7\nx merged.mg\n'

const records: { meta: RecordMeta; text: string }[] = []
/** Puts wait here while `isHeld`; each is let go or refused by the test. */
const held: { resolve: () => void; reject: (error: Error) => void }[] = []
let isHeld = false
let counters = new Map<string, Counter>()
const told: string[] = []
const agents: FakeAgent[] = []
let sent: Counter = { global: 1, local: 0 }
let channel: AgentChannel
let spools = new Map<string, SpoolPosition>()
let ports = { tcp: 0, udp: 0 }
let overtakeMs = 60_000
let idleMs = 900_000

function options(): AgentChannelOptions {
  const known: KnownAgent[] = [entry, other].map((one) => ({ ...one, keys: cipherKeys(one) }))
  return {
    listen: [
      { host: '127.0.0.1', port: 0, protocol: 'tcp' },
      { host: '127.0.0.1', port: 0, protocol: 'udp' },
    ],
    directory: { byId: (id) => known.find((agent) => agent.id === id) ?? null, byAddress: () => null },
    handlers: {
      startup: (agent, version) => {
        told.push(`${agent.id} startup ${version}`)
        return version === 'v9.0' ? 'Agent version must be lower or equal to manager version' : null
      },
      keepAlive: (agent) => void told.push(`${agent.id} keep-alive`),
      shutdown: (agent) => void told.push(`${agent.id} shutdown`),
      refused: () => {},
    },
    sink: {
      async put(meta, body) {
        if (isHeld) await new Promise<void>((resolve, reject) => held.push({ resolve, reject }))
        records.push({ meta, text: Buffer.concat(body).toString() })
      },
    },
    received: {
      read: (id) => counters.get(id) ?? null,
      write: (id, counter) => void counters.set(id, counter),
    },
    nextCounter: () => {
      sent = { ...sent, local: sent.local + 1 }
      return sent
    },
    ciphers: aesOnly,
    spools,
    overtakeMs,
    idleMs,
  }
}

async function open(): Promise<void> {
  channel = new AgentChannel(options())
  const listening = await channel.listen()
  const portOf = (protocol: string): number => listening.find((address) => address.protocol === protocol)?.port ?? 0
  ports = { tcp: portOf('tcp'), udp: portOf('udp') }
}

async function agentOf(one: KeyEntry = entry, counter?: Counter, protocol: 'tcp' | 'udp' = 'tcp'): Promise<FakeAgent> {
  const agent = await fakeAgent(one, { port: ports[protocol], protocol, ...(counter ? { counter } : {}) })
  agents.push(agent)
  return agent
}

async function connected(counter?: Counter, protocol: 'tcp' | 'udp' = 'tcp'): Promise<FakeAgent> {
  const agent = await agentOf(entry, counter, protocol)
  agent.say(startup)
  await agent.hears(ack)
  return agent
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

beforeEach(async () => {
  records.length = 0
  held.length = 0
  told.length = 0
  isHeld = false
  counters = new Map()
  spools = new Map()
  overtakeMs = 60_000
  idleMs = 900_000
  await open()
})
afterEach(async () => {
  for (const agent of agents.splice(0)) agent.close()
  await channel.close(0)
})

test.each(['tcp', 'udp'] as const)('over %s: start-up, events in order, keep-alive, shutdown', async (protocol) => {
  const agent = await connected(undefined, protocol)
  agent.say(eventPayload('1', '/var/log/auth.log', 'one'))
  agent.say(eventPayload('8', 'syscheck', '{"type":"event"}'))
  agent.say('1:keepalive:--MARK--')
  agent.say(keepAlive)
  await agent.hears(ack)
  expect(records.map(({ text }) => text)).toEqual([
    '1:[001] (web) any->/var/log/auth.log:one',
    '8:[001] (web) any->syscheck:{"type":"event"}',
  ])
  expect(records[0]?.meta).toMatchObject({ input: 'agent', source: '001', peer: '127.0.0.1' })
  agent.say('#!-agent shutdown ')
  await until(() => told.length === 3)
  expect(told).toEqual(['001 startup v4.14.7', '001 keep-alive', '001 shutdown'])
})

test('a keep-alive is acknowledged only when all before it is durable', async () => {
  const agent = await connected()
  isHeld = true
  agent.say(eventPayload('1', 'a', 'one'))
  agent.say(eventPayload('1', 'a', 'two'))
  agent.say(keepAlive)
  await until(() => held.length === 2 && told.includes('001 keep-alive'))
  held[1]?.resolve()
  await until(() => records.length === 1)
  expect(agent.heard).toEqual([])
  held[0]?.resolve()
  await agent.hears(ack)
  expect(records).toHaveLength(2)
})

test('events that the journal refuses are tried again, in their order', async () => {
  const agent = await connected()
  isHeld = true
  for (const text of ['one', 'two', 'three']) agent.say(eventPayload('1', 'a', text))
  agent.say(keepAlive)
  await until(() => held.length === 3)
  isHeld = false
  for (const { reject } of held) reject(new Error('full'))
  await agent.hears(ack)
  expect(records.map(({ text }) => text.at(-1))).toEqual(['e', 'o', 'e'])
})

test('a sender waits while the journal is behind, and nothing is lost', async () => {
  const agent = await connected()
  isHeld = true
  const long = 'x'.repeat(60_000)
  for (let n = 0; n < 40; n++) agent.say(Buffer.from(`1:a:${n} ${Math.random()}${long}`))
  agent.say(keepAlive)
  await until(() => held.length >= 9)
  expect(held.length).toBeLessThan(40)
  isHeld = false
  for (const { resolve } of held) resolve()
  await agent.hears(ack)
  expect(records.map(({ text }) => /->a:(\d+)/.exec(text)?.[1])).toEqual(
    Array.from({ length: 40 }, (_, n) => String(n)),
  )
})

describe('replays', () => {
  test('of a message are refused on the same connection, and it stays open', async () => {
    const agent = await connected()
    const sealed = agent.say(eventPayload('1', 'a', 'one'))
    agent.send(sealed)
    agent.say(keepAlive)
    await agent.hears(ack)
    expect(records).toHaveLength(1)
    expect(channel.counters.refused.replayed).toBe(1)
  })

  test('of a whole connection are refused after a restart of the manager', async () => {
    const agent = await agentOf()
    const recorded = [startup, '1:a:one', keepAlive].map((payload) => agent.say(payload))
    await agent.hears(ack)
    await agent.hears(ack)
    await channel.close(1000)
    await open()
    const thief = await agentOf()
    for (const message of recorded) thief.send(message)
    await thief.hears(/^#!-req [0-9a-f]+ agent getstate$/)
    for (const message of recorded) thief.send(message)
    thief.send(recorded[1] ?? Buffer.alloc(0))
    await until(() => channel.counters.refused.replayed === 7)
    expect(records).toHaveLength(1)
    expect(channel.isConnected('001')).toBe(false)
    expect(channel.counters.recovered).toBe(0)
  })

  test('do not disturb the agent that is connected', async () => {
    const agent = await agentOf()
    const recorded = agent.say(startup)
    await agent.hears(ack)
    const thief = await agentOf()
    thief.send(recorded)
    await until(() => channel.counters.refused.replayed === 1)
    agent.say(keepAlive)
    await agent.hears(ack)
    expect(channel.isConnected('001')).toBe(true)
  })

  test('an agent that lost its counters comes in again by answering a question', async () => {
    counters.set('001', { global: 77, local: 1 })
    const agent = await agentOf()
    agent.say(startup)
    const question = await agent.hears(/^#!-req /)
    agent.say('1:a:too early')
    agent.say(`#!-req ${question.split(' ')[1]} ok {}`)
    agent.say('1:a:one')
    agent.say(keepAlive)
    await agent.hears(ack)
    expect(records.map(({ text }) => text)).toEqual(['1:[001] (web) any->a:one'])
    expect(told).toEqual(['001 startup v4.14.7', '001 keep-alive'])
    expect(channel.counters.recovered).toBe(1)
    expect(counters.get('001')).toEqual({ global: 0, local: 5 })
  })

  test('a wrong answer lets nobody in', async () => {
    counters.set('001', { global: 77, local: 1 })
    const agent = await agentOf()
    agent.say(startup)
    await agent.hears(/^#!-req /)
    agent.say('#!-req 0 ok {}')
    agent.say('1:a:one')
    await until(() => channel.counters.refused.replayed === 3)
    expect(records).toEqual([])
  })
})

describe('a connection is closed', () => {
  const cases: readonly [
    says: string,
    reason: keyof AgentChannel['counters']['refused'],
    bytes: (agent: FakeAgent) => void,
  ][] = [
    ['for what is no message', 'no_message', (agent) => agent.send(Buffer.from('GET / HTTP/1.1'))],
    ['for an unknown agent', 'unknown_agent', (agent) => agent.send(Buffer.from('!099!#AES:aaaaaaaaaaaaaaaa'))],
    ['for a wrong key', 'wrong_key', (agent) => agent.send(Buffer.from('!001!#AES:aaaaaaaaaaaaaaaa'))],
    ['for a wrong address', 'wrong_address', (agent) => agent.send(Buffer.from('!002!#AES:aaaaaaaaaaaaaaaa'))],
    ['for Blowfish, which is off', 'cipher', (agent) => agent.send(Buffer.from('!001!:aaaaaaaa'))],
  ]
  test.each(cases)('%s', async (_says, reason, act) => {
    const agent = await agentOf()
    act(agent)
    await agent.closed()
    expect(channel.counters.refused[reason]).toBe(1)
  })

  test('for a second one of the same agent', async () => {
    const first = await connected()
    const second = await agentOf(entry, { global: 1, local: 0 })
    second.say(startup)
    await second.closed()
    expect(channel.counters.refused.key_in_use).toBe(1)
    expect(first.isClosed).toBe(false)
  })

  test('for a frame beyond the bound', async () => {
    const agent = await connected()
    agent.send(Buffer.alloc(65_537))
    await agent.closed()
    expect(channel.counters.refused.frame_too_long).toBe(1)
  })
})

/** Until the clock has gone on by so many milliseconds. */
async function passed(ms: number): Promise<void> {
  const since = Date.now()
  await until(() => Date.now() - since > ms)
}

describe('a second connection of an agent', () => {
  async function reopened(options: { overtakeMs?: number; idleMs?: number }): Promise<FakeAgent> {
    await channel.close(0)
    ;({ overtakeMs = overtakeMs, idleMs = idleMs } = options)
    await open()
    return connected()
  }
  const second = (): Promise<FakeAgent> => agentOf(entry, { global: 1, local: 0 })

  test('takes over from one that has been silent for longer than that: the old one is closed', async () => {
    const old = await reopened({ overtakeMs: 20 })
    const asked = channel.request('001', 'com', Buffer.from('restart'), 60_000).catch((error: unknown) => error)
    await old.hears(/^#!-req /)
    await passed(20)
    const next = await second()
    next.say(startup)
    await next.hears(ack)
    await old.closed()
    expect(await asked).toMatchObject({ code: 'AGENT_ABSENT' })
    next.say('1:a:from the second')
    next.say(keepAlive)
    await next.hears(ack)
    expect(records.map(({ text }) => text)).toEqual(['1:[001] (web) any->a:from the second'])
    expect(channel.counters).toMatchObject({ connected: 1, refused: { key_in_use: 0 } })
  })

  test('does not, while the first has said something since', async () => {
    const old = await reopened({ overtakeMs: 3_600_000 })
    await passed(20)
    old.say(keepAlive)
    await old.hears(ack)
    const next = await second()
    next.say(startup)
    await next.closed()
    expect([old.isClosed, channel.counters.refused.key_in_use]).toEqual([false, 1])
  })

  test('never does, where the time is 0', async () => {
    const old = await reopened({ overtakeMs: 0 })
    await passed(20)
    const next = await second()
    next.say(startup)
    await next.closed()
    old.say(keepAlive)
    await old.hears(ack)
    expect(channel.counters.refused.key_in_use).toBe(1)
  })

  test('with a message that came before takes nothing over, however silent the first one is', async () => {
    const old = await reopened({ overtakeMs: 20 })
    const recorded = old.say(keepAlive)
    await old.hears(ack)
    await passed(20)
    const thief = await second()
    thief.send(recorded)
    await thief.closed()
    expect([old.isClosed, channel.counters.refused.replayed]).toEqual([false, 1])
  })

  test.each(['tcp', 'udp'] as const)('nothing is sent over %s to an agent that counts as gone', async (protocol) => {
    await channel.close(0)
    idleMs = 20
    await open()
    const agent = await connected(undefined, protocol)
    await passed(20)
    expect(channel.send('001', Buffer.from('#!-force_reconnect'))).toBe(false)
    expect(await channel.pushMerged('001', Buffer.from('#default\n'))).toBe(false)
    await expect(channel.request('001', 'com', Buffer.from('restart'), 60_000)).rejects.toMatchObject({
      code: 'AGENT_ABSENT',
    })
    do {
      agent.say(keepAlive)
      await agent.hears(ack)
    } while (!channel.send('001', Buffer.from('#!-force_reconnect')))
    await agent.hears('#!-force_reconnect')
  })
})

test('a version that is refused is told so, without acknowledgement', async () => {
  const agent = await agentOf()
  agent.say('#!-agent startup {"version":"v9.0"}')
  expect(await agent.hears(/^#!-/)).toBe('#!-err {"message":"Agent version must be lower or equal to manager version"}')
})

test('a ping is answered to anybody', async () => {
  const agent = await agentOf()
  agent.send(Buffer.from('#ping'))
  await agent.hears('#pong')
})

test('what has not the form of an event is kept, and chooses no origin', async () => {
  const agent = await connected()
  agent.say('1x[002] (db) any->/x:forged')
  agent.say('hello')
  agent.say(keepAlive)
  await agent.hears(ack)
  expect(records.map(({ text }) => text)).toEqual([
    '1:[001] (web) any->unparsed:1x[002] (db) any->/x:forged',
    '1:[001] (web) any->unparsed:hello',
  ])
})

test('a question is answered, binary-safe, or fails', async () => {
  const agent = await connected()
  const answer = channel.request('001', 'com', Buffer.from('restart'), 5000)
  const [, id] = (await agent.hears(/^#!-req [0-9a-f]+ com restart$/)).split(' ')
  agent.say(Buffer.concat([Buffer.from(`#!-req ${id} `), Buffer.from([0, 255, 32, 10])]))
  expect(await answer).toEqual(Buffer.from([0, 255, 32, 10]))
  await expect(channel.request('002', 'com', Buffer.from('restart'), 5000)).rejects.toMatchObject({
    code: 'AGENT_ABSENT',
  })
  const lost = channel.request('001', 'com', Buffer.from('restart'), 5000)
  agent.close()
  await expect(lost).rejects.toMatchObject({ code: 'AGENT_ABSENT' })
})

describe('over UDP', () => {
  test('a question is sent again until there is a sign of life, and its answer is receipted', async () => {
    const agent = await connected(undefined, 'udp')
    const answer = channel.request('001', 'agent', Buffer.from('getstate'), 60_000)
    const first = await agent.hears(/^#!-req [0-9a-f]{1,8} agent getstate$/)
    expect(await agent.hears(/^#!-req /)).toBe(first)
    const id = first.split(' ')[1]
    agent.say(`#!-req ${id} ack`)
    agent.say(`#!-req ${id} ok {}`)
    expect(await agent.hears(/ack$/)).toBe(`#!-req ${id} ack`)
    expect((await answer).toString()).toBe('ok {}')
  })

  test('an answer that comes again is receipted again', async () => {
    const agent = await connected(undefined, 'udp')
    agent.say('#!-req 1f ok')
    await agent.hears('#!-req 1f ack')
    agent.say('#!-req 1f ok')
    await agent.hears('#!-req 1f ack')
  })
})

test('an agent of OSSEC, which says no version, is let in and named', async () => {
  const agent = await agentOf()
  agent.say('#!-agent startup ')
  await agent.hears(ack)
  agent.say('1:/var/log/syslog:hello')
  agent.say('#!-Linux web 6.1.0 #1 SMP x86_64 - OSSEC HIDS v3.7.0 / 00000000000000000000000000000000\nx merged.mg\n')
  await agent.hears(ack)
  expect(records.map(({ text }) => text)).toEqual(['1:[001] (web) any->/var/log/syslog:hello'])
})

test('a merged file arrives whole, in pieces, whatever it looks like where it is cut', async () => {
  const agent = await connected()
  const text = 'x'.repeat(874) + '#!-agent shutdown '.repeat(118)
  const merged = Buffer.from(`#default\n!${text.length} agent.conf\n${text}`)
  expect(merged.toString('latin1', 900, 903)).toBe('#!-')
  expect(await channel.pushMerged('001', merged)).toBe(true)
  await agent.hears(`#!-up file ${md5(merged)} merged.mg\n`)
  await until(() => agent.heard.includes('#!-close file '))
  expect(agent.heard.slice(0, -1).join('')).toBe(merged.toString())
  expect(agent.heard.slice(0, -1).filter((piece) => piece.startsWith('#!-'))).toEqual([])
  expect(await channel.pushMerged('002', merged)).toBe(false)
})

describe('an agent of ours numbers its events', () => {
  const spool = '0123456789abcdef'
  const ours = `#!-agent startup {"version":"v4.14.7","spool":"${spool}"}`

  test('each number is taken once, and it is told what is durable', async () => {
    const agent = await agentOf()
    agent.say(ours)
    await agent.hears(`#!-durable ${spool} 0`)
    await agent.hears(ack)
    for (const n of [1, 2, 2, 1, 3]) agent.say(numberedPayload(n, eventPayload('1', 'a', `${n}`)))
    agent.say(keepAlive)
    await agent.hears(`#!-durable ${spool} 3`)
    await agent.hears(ack)
    expect(records.map(({ text }) => text.at(-1))).toEqual(['1', '2', '3'])
    expect(channel.counters.resent).toBe(2)
    expect(await channel.positions()).toEqual(new Map([['001', { spool, sequence: 3 }]]))
    expect(records.map(({ meta }) => spoolPositionOf(meta.peer)?.sequence)).toEqual([1, 2, 3])
  })

  test('after a restart it goes on where the journal ends, whatever it sends again', async () => {
    await channel.close(0)
    spools.set('001', { spool, sequence: 7 })
    await open()
    const agent = await agentOf()
    agent.say(ours)
    await agent.hears(`#!-durable ${spool} 7`)
    for (const n of [6, 7, 8]) agent.say(numberedPayload(n, eventPayload('1', 'a', `${n}`)))
    agent.say(keepAlive)
    await agent.hears(`#!-durable ${spool} 8`)
    expect(records.map(({ text }) => text.at(-1))).toEqual(['8'])
  })

  test('a new spool begins anew', async () => {
    await channel.close(0)
    spools.set('001', { spool: 'f'.repeat(16), sequence: 7 })
    await open()
    const agent = await agentOf()
    agent.say(ours)
    await agent.hears(`#!-durable ${spool} 0`)
  })

  test('nothing is said of spools to others, and the peer is the bare address', async () => {
    const agent = await connected()
    agent.say(eventPayload('1', 'a', 'x'))
    agent.say(keepAlive)
    await agent.hears(ack)
    expect(agent.heard.filter((text) => text.startsWith('#!-durable'))).toEqual([])
    expect(records[0]?.meta.peer).toBe('127.0.0.1')
  })
})
