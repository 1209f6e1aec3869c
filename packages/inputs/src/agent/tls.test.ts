/** The channel wrapped in TLS, beside the plain one on the same port. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { certPaths, certsInit } from '@dogwatch/certs'
import { aesOnly, cipherKeys, FrameReader, frame, openMessage, readEnvelope, sealMessage } from '@dogwatch/protocol'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
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

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'channel-tls-'))
  await certsInit({ home, names: ['127.0.0.1'] })
  const paths = certPaths(home)
  ca = readFileSync(paths.ca)
  tls = { cert: readFileSync(paths.server), key: readFileSync(paths.serverKey) }
})
afterAll(() => rmSync(home, { recursive: true }))

async function open(isWrapped: boolean): Promise<void> {
  let local = 0
  channel = new AgentChannel({
    listen: [{ host: '127.0.0.1', port: 0, protocol: 'tcp' }],
    directory: { byId: (id) => (id === entry.id ? { ...entry, keys } : null), byAddress: () => null },
    handlers: { startup: () => null, keepAlive: () => {}, shutdown: () => {}, refused: () => {} },
    sink: { put: async () => {} },
    received: { read: () => null, write: () => {} },
    nextCounter: () => ({ global: 1, local: ++local }),
    ciphers: aesOnly,
    ...(isWrapped ? { tls } : {}),
    overtakeMs: 60_000,
    idleMs: 900_000,
  })
  port = (await channel.listen())[0]?.port ?? 0
}

beforeEach(() => open(true))
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
