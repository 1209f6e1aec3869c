/**
 * An agent of ours without collectors, for scenarios: numbers its events, keeps what it does not know to be on disk, and sends that again after each reconnection (spec:
 * contracts, part 3). In go a key and how many events; out come connections until all are confirmed.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  aesOnly,
  type CipherKeys,
  type Counter,
  cipherKeys,
  eventPayload,
  FrameReader,
  frame,
  isControl,
  type KeyEntry,
  keepAlivePayload,
  nextCounter,
  numberedPayload,
  openMessage,
  parseManagerControl,
  readEnvelope,
  responsePayload,
  sealMessage,
  startupPayload,
} from '@dogwatch/protocol'

/** Events between two keep-alives, and how many may be unconfirmed. */
const keepAliveEvery = 200
const windowMax = 2000
const keepAlive = keepAlivePayload(
  'Linux |sim |6.1 |#1 |x86_64 [Debian GNU/Linux|debian: 12 (bookworm)] - Wazuh v4.14.7\nx merged.mg\n',
)

export class SimulatedAgent {
  /** The highest number known to be on disk. */
  confirmed = 0
  connections = 0
  readonly #entry: KeyEntry
  readonly #keys: CipherKeys
  readonly #port: number
  readonly #count: number
  readonly #spool = randomBytes(8).toString('hex')
  #counter: Counter = { global: 0, local: 0 }
  #socket: Socket | null = null

  constructor(entry: KeyEntry, port: number, count: number) {
    this.#entry = entry
    this.#keys = cipherKeys(entry)
    this.#port = port
    this.#count = count
  }

  /** The text of an event; the same for the same agent and number. */
  textOf(number: number): string {
    return `Nov 22 10:00:00 sim faults[1]: agent=${this.#entry.id} number=${number}`
  }

  /** Connects again and again until everything is confirmed. */
  async deliverAll(pauseMs: () => number): Promise<void> {
    while (this.confirmed < this.#count) {
      await this.#session()
      if (this.confirmed < this.#count) await sleep(pauseMs())
    }
  }

  /** The connection breaks. */
  cut(): void {
    this.#socket?.destroy()
  }

  async #session(): Promise<void> {
    const socket = connect(this.#port, '127.0.0.1')
    this.#socket = socket
    const reader = new FrameReader()
    let isOver = false
    let isLetIn = false
    let wake = (): void => {}
    const change = (): Promise<void> =>
      new Promise((resolve) => {
        wake = resolve
      })
    socket.on('error', () => {}) // `close` follows
    socket.on('close', () => {
      isOver = true
      wake()
    })
    socket.on('data', (chunk: Buffer) => {
      for (const message of reader.push(chunk)) {
        const envelope = readEnvelope(message)
        const opening = envelope === null ? null : openMessage(envelope, this.#keys, aesOnly)
        if (opening === null || 'problem' in opening || !isControl(opening.payload)) continue
        const control = parseManagerControl(opening.payload)
        if (control.kind === 'durable' && control.spool === this.#spool) this.confirmed = control.sequence
        if (control.kind === 'ack') isLetIn = true
        if (control.kind === 'request') this.#say(socket, responsePayload(control.request, Buffer.from('ok ')))
      }
      wake()
    })
    await Promise.race([once(socket, 'connect').catch(() => {}), change()])
    if (isOver || socket.destroyed) return
    this.connections++
    this.#say(socket, startupPayload('v4.14.7', this.#spool))
    while (!isLetIn && !isOver) await change()
    let sent = this.confirmed
    while (!isOver && this.confirmed < this.#count) {
      const until = Math.min(this.#count, sent + keepAliveEvery, this.confirmed + windowMax)
      if (until === sent) {
        await change()
        continue
      }
      while (sent < until) {
        sent++
        this.#say(socket, numberedPayload(sent, eventPayload('1', '/var/log/sim', this.textOf(sent))))
      }
      this.#say(socket, keepAlive)
      await sleep(5)
    }
    socket.destroy()
  }

  #say(socket: Socket, payload: Uint8Array): void {
    this.#counter = nextCounter(this.#counter)
    const { id } = this.#entry
    socket.write(frame(sealMessage(payload, this.#counter, this.#keys, aesOnly, { id, random: 1, level: 1 })))
  }
}
