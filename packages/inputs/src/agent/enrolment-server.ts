/**
 * The enrolment port, 1515 (spec: agent-protocol, part 1.1): TLS, one request line, one answer, end.
 *
 * In: connections. Out: each line goes to `answer`, and its text back. Wrong: who is too slow, sends too much, comes too often or has no certificate where one
 * is asked for is closed and counted; nothing throws on input.
 */
import { checkServerIdentity, createServer, type Server, type TLSSocket } from 'node:tls'
import { enrolmentLengthMax } from '@dogwatch/protocol'
import { plainAddress } from './address.ts'
import { RateLimit } from './rate-limit.ts'

export interface EnrolmentTls {
  readonly cert: string | Buffer
  readonly key: string | Buffer
  /** As OpenSSL names them. */
  readonly ciphers: string
  /** TLS before 1.2 is accepted too. */
  readonly acceptsOld: boolean
  /** Who must have signed the agents' certificates; null: none is asked for. */
  readonly clientCa: string | Buffer | null
  /** The certificate must be for the address that the agent comes from. */
  readonly verifiesHost: boolean
}

/** What became of a request. */
export interface EnrolmentAnswer {
  readonly text: string
  readonly isAccepted: boolean
}

/** Why a connection was closed without a word: a closed list. */
export const enrolmentRefusals = {
  too_many: 'too many connections at once',
  too_often: 'too many requests or failures from the address',
  handshake: 'TLS failed, or the certificate is not accepted',
  wrong_host: 'the certificate is not for the address of the sender',
  too_long: 'a request beyond 69632 bytes',
  too_slow: 'no request in time',
} as const
export type EnrolmentRefusal = keyof typeof enrolmentRefusals

export interface EnrolmentCounters {
  accepted: number
  refused: number
  readonly closed: Record<EnrolmentRefusal, number>
}

export interface EnrolmentServerOptions {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  readonly tls: EnrolmentTls
  /** Never rejects. `line` is without its newline. */
  readonly answer: (line: string, peer: string) => Promise<EnrolmentAnswer>
  readonly onClosed: (reason: EnrolmentRefusal, peer: string) => void
}

/** Most connections at once (part 1.1). */
const connectionsMax = 1000
/** For the handshake, the request and the answer together, milliseconds. */
const connectionMs = 30_000
/** Requests of one address: a burst, and so many a second afterwards; a failure costs as much as ten. */
const burst = 200
const perSecond = 10
const failureCost = 10

export class EnrolmentServer {
  readonly counters: EnrolmentCounters = {
    accepted: 0,
    refused: 0,
    closed: { too_many: 0, too_often: 0, handshake: 0, wrong_host: 0, too_long: 0, too_slow: 0 },
  }
  readonly #options: EnrolmentServerOptions
  readonly #server: Server
  readonly #sockets = new Set<{ destroy(): void }>()
  readonly #limit = new RateLimit(burst, perSecond)

  constructor(options: EnrolmentServerOptions) {
    this.#options = options
    const { cert, key, ciphers, acceptsOld, clientCa } = options.tls
    this.#server = createServer({
      cert,
      key,
      // OpenSSL 3 has TLS 1.0 and 1.1 only at its level 0.
      ciphers: acceptsOld ? `${ciphers}:@SECLEVEL=0` : ciphers,
      minVersion: acceptsOld ? 'TLSv1' : 'TLSv1.2',
      handshakeTimeout: connectionMs,
      ...(clientCa === null ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
    })
    this.#server.maxConnections = connectionsMax
    this.#server.on('drop', (from) => this.#close('too_many', plainAddress(from?.remoteAddress)))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
      const peer = plainAddress(socket.remoteAddress)
      if (this.#limit.take(peer, 1, Date.now())) return
      this.#close('too_often', peer)
      socket.destroy()
    })
    this.#server.on('tlsClientError', (_error, socket) => {
      const peer = plainAddress(socket.remoteAddress)
      this.#limit.punish(peer, failureCost, Date.now())
      this.#close('handshake', peer)
    })
    this.#server.on('secureConnection', (socket) => this.#serve(socket))
  }

  listen(): Promise<number> {
    const { host, port } = this.#options
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject)
        const address = this.#server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const socket of this.#sockets) socket.destroy()
    })
  }

  #serve(socket: TLSSocket): void {
    const peer = plainAddress(socket.remoteAddress)
    socket.on('error', () => {}) // the other end went away; `close` follows
    const { tls } = this.#options
    if (tls.clientCa !== null && tls.verifiesHost && checkServerIdentity(peer, socket.getPeerCertificate())) {
      this.#close('wrong_host', peer)
      socket.destroy()
      return
    }
    const timer = setTimeout(() => {
      this.#close('too_slow', peer)
      socket.destroy()
    }, connectionMs)
    socket.once('close', () => clearTimeout(timer))
    const chunks: Buffer[] = []
    let length = 0
    let isDone = false
    socket.on('data', (chunk: Buffer) => {
      if (isDone) return
      chunks.push(chunk)
      length += chunk.length
      if (chunk.includes(10)) {
        isDone = true
        const [line = ''] = Buffer.concat(chunks).toString('utf8').split('\n', 1)
        void this.#answer(socket, line.replace(/\r$/, ''), peer)
      } else if (length > enrolmentLengthMax) {
        isDone = true
        this.#close('too_long', peer)
        socket.destroy()
      }
    })
  }

  async #answer(socket: TLSSocket, line: string, peer: string): Promise<void> {
    const { text, isAccepted } = await this.#options.answer(line, peer)
    if (isAccepted) this.counters.accepted++
    else {
      this.counters.refused++
      this.#limit.punish(peer, failureCost, Date.now())
    }
    socket.end(text)
  }

  #close(reason: EnrolmentRefusal, peer: string): void {
    this.counters.closed[reason]++
    this.#options.onClosed(reason, peer)
  }
}
