import { randomBytes } from 'node:crypto'
import { request as plainRequest } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { Agent, request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { WebhookLimits } from './limits.ts'
import type { WebhookOptions } from './receiver.ts'
import {
  type RunningReceiver,
  startReceiver,
  type TestCertificates,
  testCertificates,
  testSink,
} from './receiver-fixture.ts'
import type { RefusalReason } from './refusal.ts'

let certificates: TestCertificates
beforeAll(async () => {
  const own = await testCertificates('east', 'stranger')
  // The right name from the wrong authority.
  const { east } = (await testCertificates('east')).clients
  certificates = { ...own, clients: { ...own.clients, ...(east ? { impostor: east } : {}) } }
})

let running: RunningReceiver | null = null
async function start(
  options: Omit<Partial<WebhookOptions>, 'sink'> & { inParts?: boolean } = {},
): Promise<RunningReceiver> {
  const { inParts = true, ...rest } = options
  running = await startReceiver(certificates.tls, { sink: testSink({ inParts }), ...rest })
  return running
}
afterEach(async () => {
  await running?.receiver.close(0)
  running = null
})

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
}
type Post = (
  port: number,
  body: string | Uint8Array,
  options?: { path?: string; headers?: Record<string, string>; method?: string; client?: string },
) => Promise<Answer>

const token = { authorization: 'Bearer secret-token' }
const credentials = (client: string | undefined): { ca: string; cert?: string; key?: string } => ({
  ca: certificates.ca,
  ...(client === undefined ? {} : certificates.clients[client]),
})

const postHttp1: Post = (port, body, { path = '/', headers = token, method = 'POST', client } = {}) =>
  new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: false })
    const sent = request(
      { host: '127.0.0.1', port, path, method, headers, agent, ...credentials(client) },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString(),
          }),
        )
        response.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })

const postHttp2: Post = (port, body, { path = '/', headers = token, method = 'POST', client } = {}) =>
  new Promise((resolve, reject) => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ...credentials(client), maxSessionMemory: 100 })
    session.on('error', reject)
    const stream = session.request({ ':method': method, ':path': path, ...headers })
    const chunks: Buffer[] = []
    let answer: Readonly<Record<string, unknown>> = {}
    stream.on('response', (got) => {
      answer = got
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', reject)
    stream.on('close', () => {
      session.close()
      resolve({ status: Number(answer[':status'] ?? 0), headers: answer, text: Buffer.concat(chunks).toString() })
    })
    if (body.length > 0) stream.end(body)
    else if (!stream.writableEnded) stream.end()
  })

const versions: [name: string, post: Post][] = [
  ['HTTP/1.1', postHttp1],
  ['HTTP/2', postHttp2],
]

const list = (items: string): string =>
  `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${items}]}`
const event = '{"level":"Metadata","auditID":"1","stage":"ResponseComplete","verb":"create"}'
const good = list(event)

function rawTls(port: number, options: { alpn?: string[] } = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca: certificates.ca,
      ...(options.alpn ? { ALPNProtocols: options.alpn } : {}),
    })
    socket.once('secureConnect', () => resolve(socket)).once('error', reject)
  })
}

/** Everything that comes until the other side closes. */
function allOf(socket: TLSSocket | ReturnType<typeof connectTcp>): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => undefined)
    socket.once('close', () => resolve(text))
  })
}

for (const [name, post] of versions) {
  describe(name, () => {
    test('answers 200 with the recipe body when the record is durable, not before', async () => {
      const { port, sink, receiver } = await start({ nowMs: () => 1_795_502_564_837.25 })
      let open = (): void => undefined
      sink.gate = new Promise((resolve) => {
        open = resolve
      })
      const pending = post(port, good, { path: '/?timeout=30s' })
      await waitUntil(() => receiver.counters.bodyBytes === good.length)
      await new Promise((done) => setTimeout(done, 20))
      expect([receiver.counters.records, sink.records.length]).toEqual([0, 0])
      open()
      const answer = await pending
      expect([answer.status, answer.text, answer.headers['content-type']]).toEqual([
        200,
        'Webhook received!',
        'text/html; charset=utf-8',
      ])
      const meta = { input: 'webhook', source: 'default', peer: '127.0.0.1', arrivalUs: 1_795_502_564_837_250 }
      expect(sink.records).toEqual([{ meta, body: Buffer.from(good) }])
      expect(receiver.counters).toMatchObject({
        requests: 1,
        records: 1,
        requestsOpen: 0,
        reservedBytes: 0,
        ack: { count: 1 },
      })
      expect([...receiver.counters.answered]).toEqual([[200, 1]])
    })

    const deep = '['.repeat(10_000) + ']'.repeat(10_000)
    const taken: [says: string, body: string | Buffer, headers: Record<string, string>][] = [
      ['a gzip body', gzipSync(good), { 'content-encoding': 'gzip' }],
      ['10,000 items', list(new Array(10_000).fill(event).join(',')), {}],
      ['10,000 items in gzip', gzipSync(list(new Array(10_000).fill(event).join(','))), { 'content-encoding': 'gzip' }],
      ['a string of 1 MiB', list(`${event},{"x":"${'y'.repeat(1 << 20)}"}`), {}],
      ['an item that nests 10,000 deep', list(`${event},{"x":${deep}}`), {}],
      ['__proto__ keys', list(`{"__proto__":{"polluted":1}},${event}`), {}],
      ['duplicate keys', list(`{"a":1,"a":2},${event}`), {}],
      ['numbers of 400 digits', list(`{"a":${'7'.repeat(400)}},${event}`), {}],
      ['invalid UTF-8 in a string', Buffer.from(list(`{"a":"\xff\xc0"},${event}`), 'latin1'), {}],
      ['NUL in a string', list(`{"a":"\0"},${event}`), {}],
      ['another Content-Type', good, { 'content-type': 'text/plain' }],
    ]
    for (const [says, body, headers] of taken) {
      test(`takes ${says}, byte for byte`, async () => {
        const { port, sink } = await start()
        const answer = await post(port, body, { headers: { ...token, ...headers } })
        expect([answer.status, answer.text]).toEqual([200, 'Webhook received!'])
        const expected =
          headers['content-encoding'] === 'gzip' && typeof body !== 'string' ? gunzipSync(body) : Buffer.from(body)
        expect(sink.records.map(({ body: kept }) => kept.equals(expected))).toEqual([true])
      })
    }

    const cutGzip = gzipSync(good)
    const zeros = Buffer.alloc(20 << 20)
    const refused: [
      says: string,
      status: number,
      reason: RefusalReason,
      body: string | Buffer,
      headers: Record<string, string>,
      path?: string,
      method?: string,
    ][] = [
      ['text', 400, 'not_json', 'hello', {}],
      ['nothing', 400, 'not_json', '', {}],
      ['JSON that ends too early', 400, 'not_json', good.slice(0, -3), {}],
      ['what follows the JSON', 400, 'not_json', `${good}x`, {}],
      ['NUL outside strings', 400, 'not_json', `${good}\0`, {}],
      ['another kind', 400, 'wrong_kind', '{"kind":"Pod","apiVersion":"v1"}', {}],
      [
        'gzip that ends too early',
        400,
        'gzip',
        cutGzip.subarray(0, cutGzip.length - 12),
        { 'content-encoding': 'gzip' },
      ],
      ['gzip that is none', 400, 'gzip', good, { 'content-encoding': 'gzip' }],
      ['damaged gzip', 400, 'gzip', damaged(cutGzip), { 'content-encoding': 'gzip' }],
      ['a zip bomb of zeros', 400, 'not_json', gzipSync(zeros), { 'content-encoding': 'gzip' }],
      [
        'a zip bomb that is JSON',
        413,
        'gzip_bomb',
        gzipSync(list(`"${'0'.repeat(20 << 20)}"`)),
        { 'content-encoding': 'gzip' },
      ],
      [
        'gzip of too much',
        413,
        'too_big',
        gzipSync(list(`"${randomBytes(3_600_000).toString('base64')}"`)),
        { 'content-encoding': 'gzip' },
      ],
      ['another encoding', 415, 'encoding', deflateSync(good), { 'content-encoding': 'deflate' }],
      ['a body that says it is too big', 413, 'too_big', list(`"${'x'.repeat(5 << 20)}"`), {}],
      ['no token', 401, 'unauthorized', good, { authorization: '' }],
      ['a wrong token', 401, 'unauthorized', good, { authorization: 'Bearer secret-tokem' }],
      ['a wrong scheme', 401, 'unauthorized', good, { authorization: 'Basic c2VjcmV0LXRva2Vu' }],
      ['a cluster that is unknown', 404, 'unknown_cluster', good, {}, '/audit/west'],
      ['a path that is none', 404, 'no_path', good, {}, '/api/v1/pods'],
      ['a path that climbs', 404, 'no_path', good, {}, '/audit/../open'],
      ['PUT', 405, 'method', good, {}, '/', 'PUT'],
      ['DELETE', 405, 'method', '', {}, '/audit/open', 'DELETE'],
    ]
    for (const [says, status, reason, body, headers, path = '/', method = 'POST'] of refused) {
      test(`refuses ${says} with ${status}, counts it, and goes on`, async () => {
        const { port, sink, receiver, refusals } = await start({
          limits: { bodyBytesMax: 4 << 20, bombFloorBytes: 1 << 16, gzipRatioMax: 100 },
        })
        const answer = await post(port, body, { path, method, headers: { ...token, ...headers } })
        expect([answer.status, answer.text]).toEqual([status, expect.stringMatching(new RegExp(`^${status} \\w`))])
        expect(receiver.counters.refused).toMatchObject({ [reason]: 1 })
        expect(refusals).toEqual([
          expect.objectContaining({ reason, status, peer: '127.0.0.1', message: answer.text.slice(4, -1) }),
        ])
        expect((await post(port, good)).status).toBe(200)
        expect(sink.records.map(({ body: kept }) => kept.toString())).toEqual([good])
        expect(receiver.counters).toMatchObject({ requestsOpen: 0, reservedBytes: 0 })
      })
    }

    test('refuses a body that grows too big without saying so', async () => {
      const { port, receiver } = await start({ limits: { bodyBytesMax: 1 << 20 } })
      const answer = await post(
        port,
        gzipSync(list(`"${Buffer.alloc(3 << 20, 'abcdefghijklmnopqrstuvwxyz').toString()}"`)),
        {
          headers: { ...token, 'content-encoding': 'gzip' },
        },
      )
      expect([answer.status, receiver.counters.refused.too_big]).toEqual([413, 1])
    })

    test('explains itself to GET /', async () => {
      const { port } = await start()
      const answer = await post(port, '', { method: 'GET', headers: {} })
      expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('POST audit.k8s.io/v1 EventList')])
    })

    const sinkFailures: [code: string, reason: RefusalReason][] = [
      ['JOURNAL_FULL', 'journal_full'],
      ['EIO', 'journal_error'],
    ]
    for (const [code, reason] of sinkFailures) {
      for (const [size, body] of [
        ['small', good],
        ['big', list(`"${'x'.repeat(3 << 20)}"`)],
      ] as const) {
        test(`asks to come again when the sink says ${code}, ${size} body`, async () => {
          const { port, sink, receiver } = await start()
          sink.failure = { code }
          const answer = await post(port, body)
          expect([answer.status, Number(answer.headers['retry-after'])]).toEqual([503, expect.any(Number)])
          expect([receiver.counters.refused[reason], receiver.counters.records, sink.aborted]).toEqual([
            1,
            0,
            size === 'big' ? 1 : 0,
          ])
          sink.failure = null
          expect((await post(port, body)).status).toBe(200)
        })
      }
    }

    test('asks to come again when the sink throws at once', async () => {
      const { port, sink, receiver } = await start()
      const begin = sink.begin
      sink.begin = () => {
        throw new Error('closed')
      }
      const big = list(`"${'x'.repeat(3 << 20)}"`)
      expect((await post(port, big)).status).toBe(503)
      expect(receiver.counters).toMatchObject({ requestsOpen: 0, reservedBytes: 0 })
      if (begin) sink.begin = begin
      expect((await post(port, big)).status).toBe(200)
    })

    test('writes a big body in parts, and gives it up when it turns out to be broken', async () => {
      const { port, sink } = await start()
      const big = list(new Array(50_000).fill(event).join(','))
      expect((await post(port, big)).status).toBe(200)
      expect(sink.parts.length).toBeGreaterThan(2)
      expect(Math.max(...sink.parts)).toBeLessThan(1.2 * 1024 * 1024)
      expect((await post(port, `${big.slice(0, -2)}}`)).status).toBe(400)
      expect([sink.records.length, sink.aborted]).toEqual([1, 1])
      expect(sink.records[0]?.body.toString() === big).toBe(true)
    })

    test('takes the cluster from path, token or client certificate', async () => {
      const { port, sink } = await start({
        clusters: [
          { name: 'default', auth: [{ kind: 'token', token: 'secret-token' }] },
          { name: 'east', auth: [{ kind: 'certificate' }] },
          {
            name: 'west',
            auth: [
              { kind: 'token', token: 'west-token' },
              { kind: 'certificate', names: ['kube-apiserver-west'] },
            ],
          },
        ],
      })
      const attempts: [
        path: string,
        authorization: string,
        client: string | undefined,
        status: number,
        cluster: string | null,
      ][] = [
        ['/', 'Bearer secret-token', undefined, 200, 'default'],
        ['/', 'bearer  west-token', undefined, 200, 'west'],
        ['/', '', 'east', 200, 'east'],
        ['/', '', 'stranger', 401, null],
        ['/audit/east', '', 'east', 200, 'east'],
        ['/audit/east/', '', 'east', 200, 'east'],
        ['/audit/east', '', 'stranger', 401, null],
        ['/audit/east', '', 'impostor', 401, null],
        ['/', '', 'impostor', 401, null],
        ['/audit/east', 'Bearer secret-token', undefined, 401, null],
        ['/audit/west', 'Bearer west-token', undefined, 200, 'west'],
        ['/audit/west', 'Bearer secret-token', 'east', 401, null],
      ]
      for (const [path, authorization, client, status, cluster] of attempts) {
        const before = sink.records.length
        const answer = await post(port, good, {
          path,
          headers: { authorization },
          ...(client === undefined ? {} : { client }),
        })
        expect([path, client, answer.status, sink.records[before]?.meta.source ?? null]).toEqual([
          path,
          client,
          status,
          cluster,
        ])
      }
    })

    test('keeps a bystander going beside senders of big bodies, within its memory', async () => {
      const { port, sink, receiver } = await start({ limits: { memoryBytesMax: 12 << 20 } })
      const big = list(new Array(200_000).fill(event).join(','))
      let highest = 0
      const watch = setInterval(() => {
        highest = Math.max(highest, receiver.counters.reservedBytes)
      }, 1)
      const giants = [1, 2, 3, 4, 5].map(() => post(port, big))
      const small: number[] = []
      for (let n = 0; n < 20; n++) small.push((await post(port, good, { path: '/audit/open' })).status)
      const statuses = (await Promise.all(giants)).map(({ status }) => status)
      clearInterval(watch)
      expect(small).toEqual(new Array(20).fill(200))
      expect(statuses.every((status) => status === 200 || status === 429)).toBe(true)
      expect(statuses).toContain(200)
      expect(highest).toBeLessThanOrEqual(12 << 20)
      const kept = sink.records.filter(({ meta }) => meta.source === 'default')
      expect(kept.length).toBe(statuses.filter((status) => status === 200).length)
      expect(kept.every(({ body }) => body.toString() === big)).toBe(true)
    })

    test('says 429 with Retry-After when the memory is taken', async () => {
      const { port, sink, receiver } = await start({
        inParts: false,
        limits: { memoryBytesMax: 3 << 20, bodyBytesMax: 3 << 20, partBytes: 1 << 20 },
      })
      let open = (): void => undefined
      sink.gate = new Promise((resolve) => {
        open = resolve
      })
      const body = list(`"${'x'.repeat(2 << 20)}"`)
      const first = post(port, body)
      await waitUntil(() => receiver.counters.bodyBytes === body.length)
      const second = await post(port, body)
      expect([second.status, second.headers['retry-after']]).toEqual([429, '1'])
      open()
      expect((await first).status).toBe(200)
      expect((await post(port, body)).status).toBe(200)
    })

    test('lets what is under way end when it stops, and accepts nothing new', async () => {
      const { port, sink, receiver } = await start()
      let open = (): void => undefined
      sink.gate = new Promise((resolve) => {
        open = resolve
      })
      const pending = post(port, good)
      await waitUntil(() => receiver.counters.bodyBytes === good.length)
      const closed = receiver.close(5000)
      await expect(post(port, good)).rejects.toThrow(/ECONNREFUSED/)
      open()
      expect((await pending).status).toBe(200)
      await closed
      expect(receiver.counters.connectionsOpen).toBe(0)
    })

    test('ends what takes too long when it stops', async () => {
      const { port, sink, receiver } = await start()
      sink.gate = new Promise(() => undefined)
      const pending = post(port, good).catch(() => null)
      await waitUntil(() => receiver.counters.bodyBytes === good.length)
      await receiver.close(50)
      expect((await pending)?.status ?? 503).toBe(503)
      expect(receiver.counters.refused.stopping).toBe(1)
    })
  })
}

function damaged(body: Buffer): Buffer {
  const copy = Buffer.from(body)
  copy[copy.length - 6] = (copy[copy.length - 6] ?? 0) ^ 0xff
  return copy
}

async function waitUntil(holds: () => boolean): Promise<void> {
  for (let n = 0; n < 2000 && !holds(); n++) await new Promise((done) => setTimeout(done, 5))
  expect(holds()).toBe(true)
}

const quick: Partial<WebhookLimits> = {
  headersTimeoutMs: 150,
  requestTimeoutMs: 150,
  handshakeTimeoutMs: 150,
  lingerMs: 100,
  idleTimeoutMs: 300,
}
const head = (length: number): string =>
  `POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret-token\r\nContent-Length: ${length}\r\n\r\n`

describe('slow and broken senders', () => {
  test('one byte at a time: cut off with 408, headers and body alike', async () => {
    const { port, receiver, sink } = await start({ limits: quick })
    for (const [at, text] of [
      ['headers', head(good.length)],
      ['body', good],
    ] as const) {
      const socket = await rawTls(port)
      const answer = allOf(socket)
      if (at === 'body') socket.write(head(good.length))
      let n = 0
      const drip = setInterval(() => socket.writable && socket.write(text[n++ % text.length] ?? ' '), 20)
      expect(await answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/)
      clearInterval(drip)
    }
    expect([receiver.counters.refused.timeout, sink.records.length]).toEqual([2, 0])
  })

  test('200 of them beside a good sender', async () => {
    const { port, receiver } = await start({ limits: { ...quick, requestTimeoutMs: 2000, headersTimeoutMs: 2000 } })
    const slow = await Promise.all(Array.from({ length: 200 }, () => rawTls(port)))
    for (const socket of slow) socket.on('error', () => undefined).write(head(1000))
    for (let n = 0; n < 5; n++) expect((await postHttp1(port, good)).status).toBe(200)
    await waitUntil(() => receiver.counters.refused.timeout === 200)
    for (const socket of slow) socket.destroy()
  })

  test('HTTP/2: a body that stops gets 408, a connection without a request is ended', async () => {
    const { port, receiver } = await start({ limits: quick })
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: certificates.ca })
    session.on('error', () => undefined)
    const stream = session.request({ ':method': 'POST', ':path': '/', ...token, 'content-length': '1000' })
    stream.on('error', () => undefined)
    stream.write('{"kind":')
    const status = await new Promise((resolve) => stream.once('response', (headers) => resolve(headers[':status'])))
    expect(status).toBe(408)
    session.destroy()
    const idle = await rawTls(port, { alpn: ['h2'] })
    await allOf(idle)
    await waitUntil(() => receiver.counters.refused.timeout === 2)
  })

  test('a body that stops in the middle and a sender that goes', async () => {
    const { port, receiver, sink } = await start()
    const socket = await rawTls(port)
    socket.write(`${head(1000)}{"kind":`)
    await waitUntil(() => receiver.counters.requests === 1)
    socket.destroy()
    await waitUntil(() => receiver.counters.refused.sender_gone === 1)
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: certificates.ca })
    session.on('error', () => undefined)
    const stream = session.request({ ':method': 'POST', ':path': '/', ...token })
    stream.on('error', () => undefined)
    stream.write('{"kind":')
    await waitUntil(() => receiver.counters.requests === 2)
    session.destroy()
    await waitUntil(() => receiver.counters.refused.sender_gone === 2)
    expect([sink.records.length, receiver.counters.requestsOpen, receiver.counters.reservedBytes]).toEqual([0, 0, 0])
  })

  test('a big body that stops in the middle leaves nothing behind', async () => {
    const { port, receiver, sink } = await start()
    const socket = await rawTls(port)
    socket.write(`${head(8 << 20)}{"items":["${'x'.repeat(3 << 20)}`)
    await waitUntil(() => sink.parts.length >= 2)
    socket.destroy()
    await waitUntil(() => receiver.counters.refused.sender_gone === 1)
    expect([sink.records.length, sink.aborted]).toEqual([0, 1])
  })

  test('plain HTTP gets a line that a person understands', async () => {
    const { port, receiver } = await start()
    const text = await new Promise((resolve, reject) => {
      const sent = plainRequest({ host: '127.0.0.1', port, method: 'POST', headers: token }, (response) => {
        let all = `${response.statusCode} `
        response.on('data', (chunk: Buffer) => {
          all += chunk.toString()
        })
        response.on('end', () => resolve(all))
      })
      sent.on('error', reject).end(good)
    })
    expect(text).toBe('400 400 Bad Request: this port speaks HTTPS\n')
    expect(receiver.counters.refused.plain_http).toBe(1)
  })

  const noise: [says: string, bytes: string, reason: RefusalReason][] = [
    ['bytes that are neither TLS nor HTTP', '\x00\x01\x02', 'not_tls'],
    ['HTTP/2 without TLS', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'plain_http'],
    ['a TLS record that is broken', `\x16\x03\x01\x00\x05hello${'x'.repeat(100)}`, 'tls_failed'],
    ['a handshake that stops', '\x16\x03\x01\x02\x00\x01', 'tls_failed'],
  ]
  for (const [says, bytes, reason] of noise) {
    test(`${says} end the connection`, async () => {
      const { port, receiver } = await start({ limits: quick })
      const socket = connectTcp(port, '127.0.0.1')
      socket.write(Buffer.from(bytes, 'latin1'))
      await allOf(socket)
      expect(receiver.counters.refused[reason]).toBe(1)
      expect((await postHttp1(port, good)).status).toBe(200)
    })
  }

  const notHttp: [says: string, bytes: string, status: RegExp, reason: RefusalReason][] = [
    ['no HTTP', 'hello\r\n\r\n', /^HTTP\/1\.1 400 /, 'malformed_http'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n',
      /^HTTP\/1\.1 400 /,
      'malformed_http',
    ],
    [
      'a length and chunks',
      `${head(5).trimEnd()}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      /^HTTP\/1\.1 400 /,
      'malformed_http',
    ],
    [
      'a chunk that is none',
      'POST / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret-token\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      /^HTTP\/1\.1 400 /,
      'malformed_http',
    ],
    ['headers without end', `POST / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}`, /^HTTP\/1\.1 431 /, 'headers_too_big'],
  ]
  for (const [says, bytes, status, reason] of notHttp) {
    test(`${says} inside TLS gets its status`, async () => {
      const { port, receiver } = await start({ limits: quick })
      const socket = await rawTls(port)
      const answer = allOf(socket)
      socket.write(bytes)
      expect(await answer).toMatch(status)
      expect(receiver.counters.refused[reason]).toBe(1)
    })
  }

  test('broken HTTP/2 ends its connection only', async () => {
    const { port, receiver } = await start()
    const socket = await rawTls(port, { alpn: ['h2'] })
    socket.write(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\xff'.repeat(100)}`)
    await allOf(socket)
    await waitUntil(() => receiver.counters.refused.malformed_http === 1)
    expect((await postHttp2(port, good)).status).toBe(200)
  })

  test('connections beyond the limit are not taken', async () => {
    const { port, receiver } = await start({ limits: { connectionsMax: 2 } })
    const held = [await rawTls(port), await rawTls(port)]
    await expect(rawTls(port)).rejects.toThrow()
    expect(receiver.counters.refused.connection_limit).toBe(1)
    for (const socket of held) socket.destroy()
    await waitUntil(() => receiver.counters.connectionsOpen === 0)
    expect((await postHttp1(port, good)).status).toBe(200)
  })
})

describe('connections', () => {
  test('carry many requests: HTTP/1.1 one after the other, also after a refusal', async () => {
    const { port, receiver } = await start()
    const socket = await rawTls(port)
    const answer = allOf(socket)
    const one = (body: string, close = ''): string => `${head(body.length).trimEnd()}${close}\r\n\r\n${body}`
    socket.write(one(good) + one('{"kind":"Pod"}') + one(good, '\r\nConnection: close'))
    expect((await answer).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400', 'HTTP/1.1 200'])
    expect([receiver.counters.connectionsOpened, receiver.counters.requests]).toEqual([1, 3])
  })

  test('carry many requests: HTTP/2 at once', async () => {
    const { port, receiver, sink } = await start()
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: certificates.ca })
    const statuses = await Promise.all(
      Array.from({ length: 100 }, (_, n) => {
        const stream = session.request({ ':method': 'POST', ':path': '/', ...token })
        stream.end(n % 10 === 0 ? 'broken' : good)
        return new Promise((resolve) => {
          stream.on('response', (headers) => resolve(headers[':status']))
          stream.resume()
        })
      }),
    )
    session.close()
    expect(statuses.filter((status) => status === 400)).toHaveLength(10)
    expect([sink.records.length, receiver.counters.connectionsOpened]).toEqual([90, 1])
  })

  test('let a sender finish that is refused while it sends, so that it sees the answer', async () => {
    const { port } = await start()
    const socket = await rawTls(port)
    const errors: Error[] = []
    socket.on('error', (error) => errors.push(error))
    const answer = allOf(socket)
    const total = 8 << 20
    socket.write(head(total).replace('secret-token', 'wrong'))
    for (let sent = 0; sent < total; sent += 1 << 20) {
      expect(socket.writable).toBe(true)
      socket.write(Buffer.alloc(1 << 20, ' '))
      await new Promise((done) => setTimeout(done, 5))
    }
    expect(await answer).toMatch(/^HTTP\/1\.1 401 /)
    expect(errors).toEqual([])
  })

  test('wait for 100 Continue only when the body is wanted', async () => {
    const { port } = await start({ limits: quick })
    const expectHead = (token: string): string =>
      head(good.length)
        .replace('secret-token', token)
        .replace('Host: a', 'Host: a\r\nExpect: 100-continue\r\nConnection: close')
    const welcome = await rawTls(port)
    const answer = allOf(welcome)
    welcome.write(expectHead('secret-token'))
    welcome.once('data', () => welcome.write(good))
    expect((await answer).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 100', 'HTTP/1.1 200'])
    const unwelcome = await rawTls(port)
    const refused = allOf(unwelcome)
    unwelcome.write(expectHead('wrong'))
    expect((await refused).match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 401'])
  })

  test('get new certificates without a restart', async () => {
    const { port, receiver } = await start()
    const other = await testCertificates()
    receiver.setTls(other.tls)
    await expect(postHttp1(port, good)).rejects.toThrow(/certificate/)
    const socket = connect({ host: '127.0.0.1', port, ca: other.ca })
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
    socket.destroy()
  })

  test('refuse TLS 1.1', async () => {
    const { port } = await start()
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca: certificates.ca,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    })
    await expect(
      new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject)),
    ).rejects.toThrow()
  })
})

describe('a receiver that cannot work', () => {
  const wrong: [
    says: string,
    options: Omit<Partial<WebhookOptions>, 'sink'> & { inParts?: boolean },
    message: RegExp,
  ][] = [
    [
      'a cluster name that cannot stand in a path',
      { clusters: [{ name: 'a/b', auth: [] }], defaultCluster: 'a/b' },
      /cluster name "a\/b"/,
    ],
    [
      'two clusters of one name',
      {
        clusters: [
          { name: 'a', auth: [] },
          { name: 'a', auth: [] },
        ],
        defaultCluster: 'a',
      },
      /same name/,
    ],
    ['an unknown default', { defaultCluster: 'x' }, /"x" is not configured/],
    ['memory smaller than a body', { inParts: false, limits: { memoryBytesMax: 1000 } }, /memoryBytesMax/],
    ['memory smaller than three parts', { limits: { memoryBytesMax: 1000 } }, /memoryBytesMax/],
  ]
  for (const [says, options, message] of wrong) {
    test(`says so at once: ${says}`, async () => {
      await expect(start(options)).rejects.toThrow(message)
    })
  }

  test('rejects with the code of the system when its port is taken', async () => {
    const { port } = await start()
    await expect(startReceiver(certificates.tls, { port, sink: testSink({ inParts: true }) })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    })
  })
})
