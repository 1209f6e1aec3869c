import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect as connectPlain, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'node:tls'
import { certPaths, certsInit, certsIssue } from '@dogwatch/certs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { EnrolmentServer, type EnrolmentTls } from './enrolment-server.ts'

let home = ''
let tls: EnrolmentTls
let server: EnrolmentServer
let client: { readonly cert: Buffer; readonly key: Buffer }
const lines: string[] = []
const told: string[] = []

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'enrolment-'))
  await certsInit({ home, names: ['127.0.0.1'] })
  const { written } = await certsIssue({ home, kind: 'client', name: 'web' })
  const paths = certPaths(home)
  const fileOf = (end: string): Buffer => readFileSync(written.find((path) => path.endsWith(end)) ?? '')
  client = { cert: fileOf('.pem'), key: fileOf('.key') }
  tls = {
    cert: readFileSync(paths.server),
    key: readFileSync(paths.serverKey),
    ciphers: 'HIGH:!ADH:!EXP:!MD5:!RC4:!3DES:!CAMELLIA:@STRENGTH',
    acceptsOld: false,
    clientCa: null,
    verifiesHost: false,
  }
})
afterAll(() => rmSync(home, { recursive: true }))
afterEach(async () => {
  lines.length = 0
  told.length = 0
  await server.close()
})

async function open(over: Partial<EnrolmentTls> = {}): Promise<number> {
  server = new EnrolmentServer({
    host: '127.0.0.1',
    port: 0,
    tls: { ...tls, ...over },
    answer: async (line, peer) => {
      lines.push(`${peer} ${line}`)
      return { text: `you said ${line}`, isAccepted: line !== 'bad' }
    },
    onClosed: (reason, peer) => void told.push(`${reason} ${peer}`),
  })
  return server.listen()
}

/** Writes each piece in a packet of its own; gives the answer, or the code of the error. */
function say(port: number, pieces: readonly string[], options: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
    socket.on('data', (chunk) => (answer += String(chunk)))
    socket.once('error', (error) => resolve('code' in error ? String(error.code) : error.message))
    socket.once('close', () => resolve(answer))
    socket.once('secureConnect', async () => {
      for (const piece of pieces) {
        socket.write(piece)
        await new Promise((done) => setTimeout(done, 5))
      }
    })
  })
}

test('one line, one answer, end; however the line comes', async () => {
  const port = await open()
  expect(await say(port, ['OSSEC ', "A:'web'", '\n'])).toBe("you said OSSEC A:'web'")
  expect(await say(port, ['two\nlines\n'])).toBe('you said two')
  expect(lines).toEqual(["127.0.0.1 OSSEC A:'web'", '127.0.0.1 two'])
  expect(server.counters.accepted).toBe(2)
})

test('a request beyond the bound is cut off', async () => {
  const port = await open()
  await say(port, ['x'.repeat(40_000), 'x'.repeat(40_000)])
  expect([lines, server.counters.closed.too_long]).toEqual([[], 1])
})

test('what is no TLS is closed, and so is TLS before 1.2', async () => {
  const port = await open()
  await new Promise<void>((resolve) => {
    const socket = connectPlain(port, '127.0.0.1', () => socket.write("OSSEC A:'web'\n"))
    socket.on('error', () => {})
    socket.once('close', () => resolve())
  })
  await say(port, ['x\n'], { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' })
  expect([lines, server.counters.closed.handshake]).toEqual([[], 2])
})

test('TLS 1.1 is taken where that is wanted', async () => {
  const port = await open({ acceptsOld: true })
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const
  expect(await say(port, ['x\n'], old)).toBe('you said x')
})

const list = 'HIGH:!ADH:!EXP:!MD5:!RC4:!3DES:!CAMELLIA:@STRENGTH'
const suites: readonly [says: string, offered: string, isTaken: boolean, own?: string][] = [
  ['AES-256', 'ECDHE-ECDSA-AES256-GCM-SHA384', true],
  ['AES-128', 'ECDHE-ECDSA-AES128-SHA256', true],
  ['Camellia', 'ECDHE-ECDSA-CAMELLIA256-SHA384', false],
  ['without a certificate', 'AECDH-AES256-SHA:@SECLEVEL=0', false],
  ['without encryption', 'ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0', false],
  ['that a shorter list leaves out', 'ECDHE-ECDSA-AES128-SHA256', false, 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['that a shorter list has', 'ECDHE-ECDSA-AES256-GCM-SHA384', true, 'ECDHE-ECDSA-AES256-GCM-SHA384'],
]
test.each(suites)('TLS 1.2, a cipher %s', async (_says, ciphers, isTaken, own = list) => {
  const port = await open({ ciphers: own })
  const answer = await say(port, ['x\n'], { maxVersion: 'TLSv1.2', ciphers })
  expect(answer).toBe(isTaken ? 'you said x' : 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE')
})

test('TLS 1.3 is taken, whatever the list of older ciphers', async () => {
  expect(await say(await open({ ciphers: list }), ['x\n'], { minVersion: 'TLSv1.3' })).toBe('you said x')
})

test('a request of many groups comes in several records, and none of it is lost', async () => {
  const port = await open()
  const groups = Array.from({ length: 128 }, (_, n) => `${n}`.padStart(255, 'g')).join(',')
  const line = `OSSEC A:'web' G:'${groups}'`
  expect(line.length).toBeGreaterThan(2 * 16_384)
  const records = [line.slice(0, 16_384), line.slice(16_384, 32_768), `${line.slice(32_768)}\n`]
  expect(await say(port, records)).toBe(`you said ${line}`)
})

test.skipIf(process.platform !== 'linux')(
  'a thousand connections at a time; those beyond are closed, and whoever leaves makes room',
  async () => {
    const port = await open()
    const from = (localAddress: string): Socket => connectPlain({ port, host: '127.0.0.1', localAddress })
    const held: Socket[] = []
    // An address may come two hundred times in a row, so they come from six of them.
    for (let n = 0; n < 1000; n++) held.push(from(`127.0.1.${n % 6}`))
    try {
      for (const socket of held) socket.on('error', () => {})
      await Promise.all(held.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
      // The system takes connections before the server does, and some again when many come at once: until all are in, there is room.
      for (let answer = 'you said x'; answer === 'you said x'; )
        answer = await say(port, ['x\n'], { socket: from('127.0.2.1') })
      expect(told).toContain('too_many 127.0.2.1')
      expect(server.counters.closed.too_many).toBe(told.length)
      held[0]?.destroy()
      for (let answer = ''; answer !== 'you said x'; ) answer = await say(port, ['x\n'], { socket: from('127.0.2.2') })
    } finally {
      for (const socket of held) socket.destroy()
    }
  },
)

test('a client certificate is asked for, of the right authority', async () => {
  const port = await open({ clientCa: readFileSync(certPaths(home).ca) })
  expect(await say(port, ['x\n'])).not.toContain('you said')
  expect(await say(port, ['x\n'], client)).toBe('you said x')
  expect(lines).toHaveLength(1)
})

test('the certificate must be for the address of the sender', async () => {
  const port = await open({ clientCa: readFileSync(certPaths(home).ca), verifiesHost: true })
  expect(await say(port, ['x\n'], client)).not.toContain('you said')
  expect(server.counters.closed.wrong_host).toBe(1)
  expect(lines).toEqual([])
})

test('who fails often is not listened to', async () => {
  const port = await open()
  for (let n = 0; n < 19; n++) await say(port, ['bad\n'])
  expect(server.counters.refused).toBeLessThan(20)
  expect(await say(port, ['good\n'])).not.toContain('you said')
  expect(server.counters.closed.too_often).toBeGreaterThan(0)
})
