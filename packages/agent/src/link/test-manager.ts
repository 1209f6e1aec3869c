/** For tests: a manager that opens what agents send, keeps it, and acknowledges keep-alives; or does not. */
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTls } from 'node:tls'
import {
  ackPayload,
  aesOnly,
  type Counter,
  cipherKeys,
  durablePayload,
  errorPayload,
  FrameReader,
  frame,
  isControl,
  type KeyEntry,
  nextCounter,
  openMessage,
  parseAgentControl,
  readEnvelope,
  requestPayload,
  sealMessage,
} from '@dogwatch/protocol'

export const testEntry: KeyEntry = { id: '001', name: 'node', ip: 'any', key: 'ab'.repeat(32) }

export class TestManager {
  readonly events: string[] = []
  /** Answers to what was asked. */
  readonly answers: string[] = []
  /** Set to no to stay silent. */
  acknowledges = true
  /** As a manager of ours: takes each number of a spool once, and says how far it is. */
  counts = false
  spool = ''
  sequence = 0
  keepAlives = 0
  /** Lets in, asks a little later, and drops all until the answer has come. */
  asksFirst = false
  lastKeepAlive = ''
  /** What it says against every agent before it closes; null: nothing. */
  refusal: string | null = null
  /** The one agent that it knows. */
  entry: KeyEntry = testEntry
  /** Lines that were closed because a message could not be opened. */
  refused = 0
  readonly #sockets = new Set<Socket>()
  #server: Server | null = null
  #counter: Counter = { global: 0, local: 0 }
  port = 0

  /** With a certificate and its key: in TLS. */
  async listen(port = 0, tls?: { readonly cert: Buffer; readonly key: Buffer }): Promise<void> {
    const serve = (socket: Socket): void => this.#serve(socket)
    const server = tls === undefined ? createServer(serve) : createTls(tls, serve)
    this.#server = server
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    const address = server.address()
    if (typeof address === 'object' && address !== null) this.port = address.port
  }

  /** Cuts every line and listens no more. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    const server = this.#server
    this.#server = null
    if (server !== null) await new Promise((resolve) => server.close(resolve))
  }

  say(payload: Buffer): void {
    this.#counter = nextCounter(this.#counter)
    const message = frame(sealMessage(payload, this.#counter, cipherKeys(this.entry), aesOnly, { random: 1 }))
    for (const socket of this.#sockets) socket.write(message)
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    const reader = new FrameReader()
    socket.on('error', () => {})
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (chunk) => {
      const messages = reader.push(chunk)
      // As a stock manager does with a length that is none, such as the beginning of TLS.
      if (reader.isBroken) socket.destroy()
      for (const message of messages) {
        const envelope = readEnvelope(message)
        const opening = envelope === null ? null : openMessage(envelope, cipherKeys(this.entry), aesOnly)
        if (opening === null || !('payload' in opening)) {
          this.refused++
          socket.destroy()
          return
        }
        if (this.refusal !== null) {
          this.say(errorPayload(this.refusal))
          socket.end()
          return
        }
        this.#take(opening.payload)
      }
    })
  }

  #take(payload: Buffer): void {
    if (!isControl(payload)) {
      if (this.asksFirst) return
      this.events.push(payload.toString())
      return
    }
    const control = parseAgentControl(payload)
    if (control.kind === 'response') this.answers.push(control.data.toString())
    if (this.asksFirst) {
      if (control.kind === 'startup') {
        this.say(ackPayload)
        setTimeout(() => this.say(requestPayload('1', 'agent', Buffer.from('getstate'))), 100)
      }
      if (control.kind === 'response') this.asksFirst = false
      return
    }
    const { kind } = control
    if (kind === 'numbered' && control.sequence > this.sequence) {
      this.sequence = control.sequence
      this.events.push(control.event.toString())
    }
    if (kind === 'startup' && control.spool !== null && control.spool !== this.spool) {
      this.spool = control.spool
      this.sequence = 0
    }
    if (control.kind === 'keep-alive') {
      this.keepAlives++
      this.lastKeepAlive = control.text.toString()
    }
    if (!this.acknowledges || (kind !== 'startup' && kind !== 'keep-alive')) return
    if (this.counts) this.say(durablePayload(this.spool, this.sequence))
    this.say(ackPayload)
  }
}
