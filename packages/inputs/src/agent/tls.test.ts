/** The channel wrapped in TLS, beside the plain one on the same port. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { certPaths, certsInit } from '@dogwatch/certs'
import { aesOnly, cipherKeys, FrameReader, frame, openMessage, readEnvelope, sealMessage } from '@dogwatch/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AgentChannel } from './channel.ts'
import { fakeAgent } from './fake-agent-fixture.ts'

const entry = { id: '001', name: 'web', ip: 'any', key: 'aa'.repeat(32) }
const keys = cipherKeys(entry)
const startup = Buffer.from('#!-agent startup {"version":"v4.14.7"}')
let home = ''
let ca: Buffer
let tls: { readonly cert: Buffer; readonly key: Buffer }
let channel: AgentChannel
let port = 0
const records: string[] = []
const started: (string | null)[] = []

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'channel-tls-'))
  await certsInit({ home, names: ['127.0.0.1'] })
  const paths = certPaths(home)
  ca = readFileSync(paths.ca)
  tls = { cert: readFileSync(paths.server), key: readFileSync(paths.serverKey) }
})
afterAll(() => rmSync(home, { recursive: true }))

async function open(isWrapped: boolean, requiresTls: 'no' | 'own' | 'all' = 'no'): Promise<void> {
  let local = 0
  channel = new AgentChannel({
    listen: [{ host: '127.0.0.1', port: 0, protocol: 'tcp' }],
    directory: { byId: (id) => (id === entry.id ? { ...entry, keys } : null), byAddress: () => null },
    handlers: {
      startup: (_agent, version) => {
        started.push(version)
        return null
      },
      keepAlive: () => {},
      shutdown: () => {},
      refused: () => {},
    },
    sink: { put: async (_meta, body) => void records.push(Buffer.concat(body).toString()) },
    requiresTls,
    received: { read: () => null, write: () => {} },
    nextCounter: () => ({ global: 1, local: ++local }),
    ciphers: aesOnly,
    ...(isWrapped ? { tls } : {}),
    overtakeMs: 60_000,
    idleMs: 900_000,
  })
  port = (await channel.listen())[0]?.port ?? 0
}

beforeEach(() => {
  records.length = 0
  started.length = 0
  return open(true)
})
afterEach(() => channel.close(0))

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('an agent in TLS is checked, heard and acknowledged; a plain one on the same port too', async () => {
  const socket = connect({ host: '127.0.0.1', port, ca })
  const sealed = sealMessage(startup, { global: 0, local: 1 }, keys, aesOnly, { id: '001', random: 7 })
  const heard = new Promise<string>((resolve, reject) => {
    const reader = new FrameReader()
    socket.once('error', reject)
    socket.on('data', (chunk) => {
      for (const message of reader.push(chunk)) {
        const envelope = readEnvelope(message)
        const opening = envelope === null ? null : openMessage(envelope, keys, aesOnly)
        resolve(opening !== null && 'payload' in opening ? opening.payload.toString() : 'not opened')
      }
    })
  })
  socket.once('secureConnect', () => socket.write(frame(sealed)))
  expect(await heard).toBe('#!-agent ack ')
  expect(channel.counters).toMatchObject({ connected: 1, tlsOpened: 1, connectionsOpened: 1 })
  socket.destroy()
  await until(() => channel.counters.connected === 0)

  const plain = await fakeAgent(entry, { port, counter: { global: 1, local: 1 } })
  plain.say(startup)
  await plain.hears('#!-agent ack ')
  expect(channel.counters.tlsOpened).toBe(1)
  plain.close()
})

test('a frame that comes byte by byte, and begins as TLS does, is a frame', async () => {
  const socket = connectPlain(port, '127.0.0.1')
  socket.setNoDelay(true)
  const answer = new Promise<string>((resolve) => socket.once('data', (chunk) => resolve(chunk.toString('latin1', 4))))
  const message = Buffer.alloc(0x0316, '#ping')
  for (const byte of frame(message).subarray(0, 6)) {
    socket.write(Buffer.from([byte]))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  socket.write(frame(message).subarray(6))
  expect(await answer).toBe('#pong')
  socket.destroy()
})

describe('where TLS is required', () => {
  const ours = '#!-agent startup {"version":"v4.14.7","spool":"0123456789abcdef"}'
  const refusal =
    '#!-err {"message":"this manager takes you in TLS only; name its authority in <enrollment><server_ca_path>"}'
  const cases: readonly [says: string, of: 'own' | 'all', startup: string, isTaken: boolean][] = [
    ['of agents of ours, one of them is refused without it, and told why', 'own', ours, false],
    ['of agents of ours, another one is taken without it', 'own', startup.toString(), true],
    ['of all, an agent of ours is refused without it', 'all', ours, false],
    ['of all, another one is refused without it', 'all', startup.toString(), false],
  ]
  test.each(cases)('%s', async (_says, of, says, isTaken) => {
    await channel.close(0)
    await open(true, of)
    const agent = await fakeAgent(entry, { port })
    agent.say(says)
    agent.say('1:a:one')
    if (isTaken) {
      await agent.hears('#!-agent ack ')
      await until(() => records.length === 1)
      agent.close()
    } else {
      expect(await agent.hears(/^#!-/)).toBe(refusal)
      await agent.closed()
      expect(channel.counters.refused.no_tls).toBeGreaterThan(0)
    }
    expect([records.length, started.length, channel.counters.refused.no_tls === 0]).toEqual(
      isTaken ? [1, 1, true] : [0, 0, false],
    )
  })

  test('an agent of ours is taken in TLS, a health check without it', async () => {
    await channel.close(0)
    await open(true, 'all')
    const anybody = await fakeAgent(entry, { port })
    anybody.send(Buffer.from('#ping'))
    await anybody.hears('#pong')
    anybody.close()
    const socket = connect({ host: '127.0.0.1', port, ca })
    const sealed = sealMessage(Buffer.from(ours), { global: 0, local: 1 }, keys, aesOnly, { id: '001', random: 7 })
    socket.once('secureConnect', () => socket.write(frame(sealed)))
    await until(() => started.length === 1)
    socket.destroy()
  })

  test('events with numbers are not taken without it, whatever was said before', async () => {
    await channel.close(0)
    await open(true, 'own')
    const agent = await fakeAgent(entry, { port })
    agent.say('#!-seq 1 1:a:one')
    await agent.closed()
    expect([records, channel.counters.refused.no_tls]).toEqual([[], 1])
  })
})

const broken: readonly [says: string, hex: string][] = [
  ['a record that is none', '1603010005ffffffffff'],
  ['a hello that is cut', '16030100c8010000c4'],
]
test.each(broken)('%s ends the connection alone', async (_says, hex) => {
  const socket = connectPlain(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.end(Buffer.from(hex, 'hex'))
  await until(() => channel.counters.refused.tls === 1)
  socket.destroy()
})

test('without a certificate TLS is refused', async () => {
  await channel.close(0)
  await open(false)
  const socket = connect({ host: '127.0.0.1', port, ca })
  await new Promise((resolve) => socket.once('error', resolve))
  expect(channel.counters.refused.tls).toBe(1)
})
