/**
 * HTTP/1.1 over one kept TLS connection, by hand: one request at a time, answers with a Content-Length or chunked and
 * short. Costs a fraction of node:https, which at one event a POST would be what is measured.
 */
import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'

export interface PlainAnswer {
  readonly status: number
  /** Seconds that the receiver asks to wait, null when it does not say. */
  readonly retryAfterSeconds: number | null
}

/** Bodies up to this size go into one write with their head, in bytes: one TLS record. */
const joinedMax = 16 * 1024
/** Longest wait for an answer, as an API server waits. */
const answerMsMax = 30_000

interface Waiting {
  readonly resolve: (answer: PlainAnswer) => void
  readonly reject: (error: Error) => void
}

/** One connection; opened at the first request and again after it broke. */
export class PlainClient {
  readonly #port: number
  readonly #ca: Buffer
  readonly #headStart: string
  #socket: TLSSocket | null = null
  #waiting: Waiting | null = null
  #received = ''

  constructor(port: number, ca: Buffer, token: string) {
    this.#port = port
    this.#ca = ca
    this.#headStart =
      `POST /?timeout=30s HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: Go-http-client/1.1\r\n` +
      `Authorization: Bearer ${token}\r\nAccept: application/json, */*\r\nContent-Type: application/json\r\nContent-Length: `
  }

  /** Posts a body and waits for the answer; rejects when the connection breaks or nothing comes. */
  async post(body: Buffer): Promise<PlainAnswer> {
    const socket = this.#socket ?? (await this.#open())
    const answer = new Promise<PlainAnswer>((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
    const head = Buffer.from(`${this.#headStart}${body.length}\r\n\r\n`, 'latin1')
    if (body.length <= joinedMax) socket.write(Buffer.concat([head, body]))
    else {
      socket.write(head)
      socket.write(body)
    }
    return answer
  }

  close(): void {
    this.#socket?.destroy()
  }

  async #open(): Promise<TLSSocket> {
    const socket = connect({ host: '127.0.0.1', port: this.#port, ca: this.#ca, ALPNProtocols: ['http/1.1'] })
    await once(socket, 'secureConnect')
    this.#received = ''
    socket.setNoDelay(true)
    socket.setTimeout(answerMsMax, () => socket.destroy(new Error('no answer in time')))
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => this.#take(text))
    socket.on('error', (error) => this.#broken(error))
    socket.on('close', () => this.#broken(new Error('the connection was closed')))
    this.#socket = socket
    return socket
  }

  #take(text: string): void {
    this.#received += text
    const headEnd = this.#received.indexOf('\r\n\r\n')
    if (headEnd === -1) return
    const head = this.#received.slice(0, headEnd)
    const length = /^content-length: *(\d+)/im.exec(head)?.[1]
    const isWhole =
      length === undefined
        ? this.#received.endsWith('0\r\n\r\n')
        : this.#received.length >= headEnd + 4 + Number(length)
    if (!isWhole) return
    this.#received = ''
    const retryAfter = /^retry-after: *(\d+)/im.exec(head)?.[1]
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.resolve({
      status: Number(head.slice(9, 12)),
      retryAfterSeconds: retryAfter === undefined ? null : Number(retryAfter),
    })
    if (/^connection: *close/im.test(head)) this.#socket?.destroy()
  }

  #broken(error: Error): void {
    this.#socket = null
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.reject(error)
  }
}
