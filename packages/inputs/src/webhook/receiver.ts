/**
 * The webhook receiver: one HTTPS port for the audit events of many clusters, HTTP/1.1 and HTTP/2. It is handed a sink for records and
 * answers 200 when the sink says that one is durable. What it refuses, and why, is in refusal.ts; its bounds are in limits.ts.
 */
import { createServer as createNetServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import type { RecordSink } from '../record-sink.ts'
import { createAccessTable, type WebhookCluster } from './access.ts'
import { newCounters, type WebhookCounters } from './counters.ts'
import { createHttp1 } from './http1.ts'
import { createHttp2 } from './http2.ts'
import { type Exchange, Intake, type IntakeShared } from './intake.ts'
import { type WebhookLimits, webhookLimits } from './limits.ts'
import { createMemoryBudget } from './memory-budget.ts'
import { type Refusal, type RefusalReason, refusals } from './refusal.ts'
import { createTurns } from './turns.ts'

/** PEM texts. */
export interface WebhookTls {
  readonly cert: string
  readonly key: string
  /** Authorities that sign clients' certificates; wanted when a cluster accepts certificates. */
  readonly clientCa?: string
}

export interface WebhookOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly tls: WebhookTls
  readonly clusters: readonly WebhookCluster[]
  /** Whose events come to `/`. */
  readonly defaultCluster: string
  readonly sink: RecordSink
  readonly limits?: Partial<WebhookLimits>
  /** Told at most one refusal a second for each reason; what was left out is counted in it. */
  readonly onRefused?: (refusal: Refusal) => void
  /** Milliseconds since the epoch. */
  readonly nowMs?: () => number
}

export interface WebhookReceiver {
  /** Rejects with the system's error (EADDRINUSE, EACCES) when the port cannot be had. */
  listen(): Promise<{ readonly port: number }>
  /** Accepts nothing new, waits so long for what is under way, then ends every connection. */
  close(drainMs: number): Promise<void>
  /** New certificates for new connections. */
  setTls(tls: WebhookTls): void
  readonly counters: WebhookCounters
}

/** TLS records that begin a connection have this type (RFC 8446, 5.1). */
const handshakeRecord = 0x16
/** Time for the last answers to leave when the receiver stops. */
const lastAnswersMs = 50

/** RangeError for limits or cluster names that cannot work. */
export function createWebhookReceiver(options: WebhookOptions): WebhookReceiver {
  const { host, port, sink, onRefused, nowMs = Date.now } = options
  const limits: WebhookLimits = { ...webhookLimits, ...options.limits }
  if (!sink.begin && limits.bodyBytesMax > limits.memoryBytesMax)
    throw new RangeError('memoryBytesMax must be at least bodyBytesMax')
  if (sink.begin && limits.partBytes * 3 > limits.memoryBytesMax)
    throw new RangeError('memoryBytesMax must be at least three times partBytes')
  const access = createAccessTable(options.clusters, options.defaultCluster)
  const counters = newCounters()
  const budget = createMemoryBudget(limits.memoryBytesMax, limits.partBytes)
  Object.defineProperty(counters, 'reservedBytes', { enumerable: true, get: () => budget.reservedBytes })
  const sockets = new Set<Socket>()
  const open = new Map<Intake, TLSSocket>()
  const tell = createTeller(onRefused)
  let isStopping = false
  let onDrained: (() => void) | null = null

  const shared: IntakeShared = {
    access,
    sink,
    limits,
    budget,
    turns: createTurns(limits.turnMs),
    counters,
    nowMs,
    isStopping: () => isStopping,
    tell,
    onEnd(intake) {
      open.delete(intake)
      if (open.size === 0) onDrained?.()
    },
  }

  const refuseConnection = (reason: RefusalReason, detail: string, peer: string): void => {
    counters.refused[reason]++
    tell(
      reason,
      refusals[reason].status,
      detail === '' ? refusals[reason].says : `${refusals[reason].says}: ${detail}`,
      peer,
    )
  }
  const begin = (exchange: Exchange, socket: TLSSocket): boolean => {
    const intake = new Intake(shared, exchange)
    open.set(intake, socket)
    intake.begin()
    return !intake.isOver
  }
  const peerNames = new WeakMap<TLSSocket, readonly string[]>()
  const certificateNames = (socket: TLSSocket): readonly string[] => {
    const known = peerNames.get(socket) ?? namesInCertificate(socket)
    peerNames.set(socket, known)
    return known
  }
  const http1 = createHttp1({
    limits,
    certificateNames,
    onExchange: begin,
    isStopping: () => isStopping,
    onBroken(reason, detail, socket) {
      const under = [...open].filter(([, on]) => on === socket).map(([intake]) => intake)
      for (const intake of under) intake.refuse(reason, detail)
      // A keep-alive connection that its client closes is no event.
      if (under.length === 0 && reason !== 'sender_gone') refuseConnection(reason, detail, socket.remoteAddress ?? '')
      return under.length > 0 && reason !== 'sender_gone'
    },
  })
  const http2 = createHttp2({
    limits,
    certificateNames,
    onExchange: begin,
    onBroken: (reason, detail, socket) => {
      if (reason !== 'sender_gone') refuseConnection(reason, detail, socket.remoteAddress ?? '')
    },
  })

  const tlsServer = createTlsServer(
    {
      ...secureContext(options.tls),
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: limits.handshakeTimeoutMs,
      requestCert: access.wantsCertificates,
      // Whether a certificate is good enough is decided per cluster, with an HTTP answer instead of an alert.
      rejectUnauthorized: false,
    },
    (socket) => {
      socket.on('error', () => undefined)
      if (socket.alpnProtocol === 'h2') http2.accept(socket)
      else http1.accept(socket)
    },
  )
  tlsServer.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    refuseConnection('tls_failed', error.code ?? '', socket.remoteAddress ?? '')
    socket.destroy()
  })

  const netServer: Server = createNetServer({ noDelay: true, keepAlive: true }, (socket) => {
    counters.connectionsOpened++
    counters.connectionsOpen++
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => {
      counters.connectionsOpen--
      sockets.delete(socket)
    })
    socket.setTimeout(limits.handshakeTimeoutMs, () => socket.destroy())
    socket.once('data', (first: Buffer) => {
      socket.pause()
      socket.setTimeout(0)
      if (first[0] === handshakeRecord) {
        socket.unshift(first)
        tlsServer.emit('connection', socket)
      } else answerPlain(socket, first)
    })
  })
  netServer.maxConnections = limits.connectionsMax
  netServer.on('drop', (data) =>
    refuseConnection('connection_limit', `${limits.connectionsMax} are open`, data?.remoteAddress ?? ''),
  )

  /** Plain HTTP on the TLS port gets an answer that a person can read; anything else gets nothing. */
  const answerPlain = (socket: Socket, first: Buffer): void => {
    const isHttp = /^[A-Z]{3,10} /.test(first.subarray(0, 16).toString('latin1'))
    refuseConnection(isHttp ? 'plain_http' : 'not_tls', '', socket.remoteAddress ?? '')
    if (!isHttp) return void socket.destroy()
    const text = '400 Bad Request: this port speaks HTTPS\n'
    countPlain(counters)
    socket.end(
      `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
    )
    socket.resume()
    socket.setTimeout(limits.lingerMs, () => socket.destroy())
    setTimeout(() => socket.destroy(), limits.lingerMs).unref()
  }

  return {
    counters,
    setTls: (tls) => tlsServer.setSecureContext(secureContext(tls)),
    listen: () =>
      new Promise((resolve, reject) => {
        netServer.once('error', reject)
        netServer.listen({ host, port }, () => {
          netServer.off('error', reject)
          const address = netServer.address()
          resolve({ port: typeof address === 'object' && address ? address.port : port })
        })
      }),
    async close(drainMs) {
      isStopping = true
      const closed = new Promise<void>((resolve) => netServer.close(() => resolve()))
      http1.stop()
      http2.stop()
      if (open.size > 0) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, drainMs)
          onDrained = () => {
            clearTimeout(timer)
            setTimeout(resolve, lastAnswersMs)
          }
        })
      }
      const left = [...open.keys()]
      for (const intake of left) intake.refuse('stopping')
      // What was just answered leaves first; what is idle or has sent no request yet is ended at once.
      const force = setTimeout(
        () => sockets.forEach((socket) => void socket.destroy()),
        left.length > 0 ? lastAnswersMs : 0,
      )
      await closed
      clearTimeout(force)
      // The server counts a connection as closed a moment before the connection says so itself.
      for (let turn = 0; turn < 100 && sockets.size > 0; turn++) await new Promise(setImmediate)
    },
  }
}

function secureContext({ cert, key, clientCa }: WebhookTls): {
  cert: string
  key: string
  ca?: string
  minVersion: 'TLSv1.2'
} {
  const pair = { cert, key, minVersion: 'TLSv1.2' } as const
  return clientCa === undefined ? pair : { ...pair, ca: clientCa }
}

function countPlain({ answered }: WebhookCounters): void {
  answered.set(400, (answered.get(400) ?? 0) + 1)
}

/** CN and DNS names of a certificate that the client authority signed; nothing otherwise. */
function namesInCertificate(socket: TLSSocket): string[] {
  if (!socket.authorized) return []
  const certificate = socket.getPeerX509Certificate()
  if (!certificate) return []
  const commonName = /^CN=(.+)$/m.exec(certificate.subject ?? '')?.[1]
  const altNames = (certificate.subjectAltName ?? '')
    .split(', ')
    .flatMap((entry) => (entry.startsWith('DNS:') ? [entry.slice(4)] : []))
  return commonName === undefined ? altNames : [commonName, ...altNames]
}

/** One refusal a second for each reason; the next one told says how many were not. */
function createTeller(onRefused: WebhookOptions['onRefused']): IntakeShared['tell'] {
  const told = new Map<RefusalReason, { atMs: number; untold: number }>()
  return (reason, status, message, peer, cluster) => {
    if (!onRefused) return
    const last = told.get(reason)
    const nowMs = performance.now()
    if (last && nowMs - last.atMs < 1000) {
      last.untold++
      return
    }
    told.set(reason, { atMs: nowMs, untold: 0 })
    const refusal = { reason, status, message, peer, untold: last?.untold ?? 0 }
    onRefused(cluster === undefined || cluster === '' ? refusal : { ...refusal, cluster })
  }
}
