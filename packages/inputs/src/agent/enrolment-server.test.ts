import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect as connectPlain } from 'node:net'
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
    onClosed: () => {},
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
