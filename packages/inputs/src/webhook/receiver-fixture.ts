/** For tests and fuzzing: a receiver on a free loopback port with certificates of a throw-away home, and a sink that remembers. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { certsIssue, ensureCertificates, loadTls } from '@dogwatch/certs'
import type { RecordMeta } from '@dogwatch/schema'
import type { RecordSink } from '../record-sink.ts'
import { createWebhookReceiver, type WebhookOptions, type WebhookReceiver, type WebhookTls } from './receiver.ts'
import type { Refusal } from './refusal.ts'

/** Certificates for 127.0.0.1 and client certificates for the clusters named. */
export interface TestCertificates {
  readonly tls: WebhookTls
  readonly ca: string
  readonly clients: Readonly<Record<string, { readonly cert: string; readonly key: string }>>
}

export async function testCertificates(...clients: string[]): Promise<TestCertificates> {
  const home = await mkdtemp(join(tmpdir(), 'dogwatch-webhook-'))
  try {
    const { paths } = await ensureCertificates(home)
    const { cert, key, clientCa } = await loadTls({ cert: paths.server, key: paths.serverKey, clientCa: paths.ca })
    const made: Record<string, { cert: string; key: string }> = {}
    for (const name of clients) {
      await certsIssue({ home, kind: 'client', name })
      const text = (end: string): Promise<string> => readFile(join(home, 'certs', `client-${name}.${end}`), 'utf8')
      made[name] = { cert: await text('pem'), key: await text('key') }
    }
    return { tls: { cert, key, ...(clientCa === undefined ? {} : { clientCa }) }, ca: clientCa ?? '', clients: made }
  } finally {
    await rm(home, { recursive: true })
  }
}

/** A sink that keeps records, as a journal would: nothing of an aborted one, nothing before its commit. */
export interface TestSink extends RecordSink {
  readonly records: { readonly meta: RecordMeta; readonly body: Buffer }[]
  readonly parts: number[]
  aborted: number
  /** Set to make the sink fail. */
  failure: { readonly code: string } | null
  /** Awaited before anything is stored. */
  gate: Promise<void>
}

export function testSink(options: { readonly inParts: boolean }): TestSink {
  const check = async (): Promise<void> => {
    await sink.gate
    if (sink.failure) throw Object.assign(new Error('no room'), sink.failure)
  }
  const sink: TestSink = {
    records: [],
    parts: [],
    aborted: 0,
    failure: null,
    gate: Promise.resolve(),
    async put(meta, body) {
      await check()
      sink.records.push({ meta, body: Buffer.concat(body) })
    },
  }
  if (!options.inParts) return sink
  return Object.assign(sink, {
    begin(meta: RecordMeta) {
      const parts: Buffer[] = []
      return {
        async part(chunk: Uint8Array) {
          await check()
          sink.parts.push(chunk.length)
          parts.push(Buffer.from(chunk))
        },
        async commit() {
          await check()
          sink.records.push({ meta, body: Buffer.concat(parts) })
        },
        abort() {
          sink.aborted++
        },
      }
    },
  })
}

export interface RunningReceiver {
  readonly receiver: WebhookReceiver
  readonly port: number
  readonly sink: TestSink
  readonly refusals: Refusal[]
}

/** Starts a receiver; by default with cluster `default` (token `secret-token`), and `open` without authentication. */
export async function startReceiver(
  tls: WebhookTls,
  options: Partial<WebhookOptions> & { readonly sink: TestSink },
): Promise<RunningReceiver> {
  const refusals: Refusal[] = []
  const receiver = createWebhookReceiver({
    host: '127.0.0.1',
    port: 0,
    tls,
    clusters: [
      { name: 'default', auth: [{ kind: 'token', token: 'secret-token' }] },
      { name: 'open', auth: [{ kind: 'none' }] },
    ],
    defaultCluster: 'default',
    onRefused: (refusal) => refusals.push(refusal),
    ...options,
  })
  const { port } = await receiver.listen()
  return { receiver, port, sink: options.sink, refusals }
}
