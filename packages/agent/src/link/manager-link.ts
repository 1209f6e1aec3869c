/**
 * The line to the manager: what the spool holds is sent in order, and given up only when the manager has it. A keep-alive
 * is a barrier: its acknowledgement says that all before it is durable (contracts, part 3). Without an answer the line is
 * cut, the next server tried, with growing, jittered pauses, and everything not yet acknowledged sent again.
 *
 * With an authority to check the manager by, the line is wrapped in TLS. A manager that knows no TLS here, as Wazuh's, closes at once; the next attempt then goes without it,
 * since the messages are encrypted with the agent's key anyway. So would somebody on the line who wants the TLS away: therefore a manager that was spoken to in TLS once is
 * never spoken to without it, and `required` has none without. A certificate that does not fit is never passed over.
 */
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
  type KeyEntry,
  keepAlivePayload,
  type ManagerControl,
  numberedPayload,
  openMessage,
  parseManagerControl,
  payloadLengthMax,
  type Queue,
  queues,
  readEnvelope,
  responsePayload,
  sealMessage,
  shutdownPayload,
  startupPayload,
} from '@dogwatch/protocol'
import { Pace } from '../pace.ts'
import type { Tell } from '../send.ts'
import type { Spool, SpoolEntry } from '../spool.ts'
import { isTlsUnknown } from './tls-unknown.ts'

export interface LinkOptions {
  /** Tried in this order, from the first again after each loss. */
  readonly servers: readonly { readonly address: string; readonly port: number }[]
  /** Certificate authority of the managers, PEM; without one there is no TLS. */
  readonly ca?: string
  /** Whether TLS is a must, is used where the manager knows it, or never; absent: where the manager knows it. */
  readonly tls?: TlsUse
  /** Managers that have been spoken to in TLS; absent: none is remembered. */
  readonly tlsManagers?: { has(name: string): boolean; add(name: string): void }
  readonly entry: KeyEntry
  readonly spool: Spool
  /** Counters that never repeat, over restarts too. */
  readonly counter: { next(): Counter }
  /** Text of a keep-alive, from its own address on this line. */
  readonly keepAlive: (address: string) => string
  readonly version: string
  readonly notifyTimeS: number
  /** Seconds without an answer before the line is given up. */
  readonly reconnectTimeS: number
  /** Messages a second; 0: no limit. */
  readonly epsMax: number
  readonly tell: Tell
  /** What the manager says besides acknowledgements. */
  readonly onControl: (control: ManagerControl) => Promise<string | null>
  /** Five random digits. */
  readonly random: () => number
  /** Milliseconds to wait for the manager's word of how far it has come. */
  readonly graceMs?: number
  /** Lines in a row that were closed before they were answered, after which `onRefused` is asked. */
  readonly retriesMax?: number
  /** The manager has answered on a new line. */
  readonly onReady?: () => void
  /** The manager does not seem to know our key: gives another identity, or null to go on with this one. */
  readonly onRefused?: () => Promise<KeyEntry | null>
  /** Milliseconds before the first new attempt; doubles up to `retryMsMax`, a minute unless told. */
  readonly retryMs?: number
  readonly retryMsMax?: number
}

/** `auto`: a manager that knows no TLS is spoken to without, unless it has known it before. */
export type TlsUse = 'auto' | 'required' | 'no'

/** Most messages that are sent and not yet acknowledged: what is sent again at worst. */
export const unacknowledgedMax = 1000
/** Messages after which a barrier is sent though its time has not come. */
const barrierEvery = 250
/** How long what was sent waits for its barrier, in milliseconds. */
const barrierMs = 1000
const retryMsPreset = 1000
const retriesPreset = 5
/** How often in a row the same failure is told. */
const tellMax = 3
const refusedText = 'the manager closed the connection without an answer; does it know this agent’s key?'
const retryMsMaxPreset = 60_000
const connectMs = 10_000
/**
 * A manager of ours that takes our counters for old ones lets us in, but drops what comes before we have answered its
 * question. So without its word of how far it has come nothing is sent for so long, in milliseconds; a manager of another
 * maker never gives it.
 */
const graceMsPreset = 1000
const overdueLookMs = 500
const noBytes = new Uint8Array()
const knownQueues: ReadonlySet<string> = new Set(Object.values(queues))

export class ManagerLink {
  readonly #options: LinkOptions
  #entry: KeyEntry
  #keys: CipherKeys
  #refusals = 0
  /** Whether the next line is tried with TLS; only with an authority. */
  #isWrapped = true
  /** What the manager has said against this agent on the last line; null when nothing. */
  #refusal: string | null = null
  readonly #pace: Pace
  #line: Line | null = null
  #isStopped = false
  readonly #ending = new AbortController()
  #wake: (() => void) | null = null
  #work: Promise<void> = Promise.resolve()
  /** Messages that were longer than the protocol carries, and were cut. */
  cut = 0
  /** Messages that were sent, each time counted. */
  sent = 0
  /** Messages that the manager has confirmed since the start. */
  confirmed = 0
  /** The manager that is, was, or is tried to be at the other end. */
  server: string | null = null
  lastAck: Date | null = null
  /** Why there is no connection; null while there is one. */
  reason: string | null = null

  constructor(options: LinkOptions) {
    this.#options = options
    this.#entry = options.entry
    this.#keys = cipherKeys(options.entry)
    this.#pace = new Pace(options.epsMax)
  }

  start(): void {
    this.#options.spool.onAppend(() => this.#wake?.())
    this.#work = this.#run()
  }

  /** Has the manager answered on the line that stands now? */
  get isConnected(): boolean {
    return this.#line?.isReady ?? false
  }

  /** Is that line in TLS? */
  get isInTls(): boolean {
    return this.isConnected && (this.#line?.isWrapped ?? false)
  }

  /** Says goodbye; what was not acknowledged stays in the spool. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#ending.abort()
    if (this.#line?.isReady === true) this.#send(this.#line, shutdownPayload)
    this.#line?.socket.end()
    this.#wake?.()
    await this.#work
  }

  /** Ends the line; it is made anew. */
  reconnect(): void {
    this.#line?.socket.destroy()
  }

  async #run(): Promise<void> {
    const { servers, tell, retryMs = retryMsPreset, retryMsMax = retryMsMaxPreset } = this.#options
    let failures = 0
    let at = 0
    while (!this.#isStopped) {
      const server = servers[at % servers.length]
      if (server === undefined) return
      const name = `${server.address}:${server.port}`
      this.server = name
      try {
        const wasReady = await this.#serve(server, () => {
          tell('info', `connected to ${name}`)
          this.#options.onReady?.()
          failures = 0
          this.#refusals = 0
          this.reason = null
        })
        this.reason = wasReady ? 'the connection was lost' : (this.#refusal ?? refusedText)
        if (!this.#isStopped && (wasReady || failures < tellMax)) {
          tell('warn', `${name}: ${this.reason}; ${this.#options.spool.count} messages wait`)
        }
        at = wasReady ? 0 : at + 1
        // One that says why knows the key.
        if (!wasReady && this.#refusal === null) await this.#onRefusal()
      } catch (error) {
        this.reason = error instanceof Error ? error.message : String(error)
        if (isTlsUnknown(error)) {
          const why = this.#whyWrapped(name)
          if (why === null) this.#isWrapped = false
          this.reason = `the manager takes no TLS on this port; ${why ?? 'going on without'}`
        }
        if (failures < tellMax) tell('warn', `${name}: ${this.reason}`)
        at++
      }
      if (this.#isStopped) return
      failures++
      // Thousands of agents that lost the same manager must not come back in the same moment.
      const pause = Math.min(retryMsMax, retryMs * 2 ** Math.min(failures - 1, 10))
      await this.#rest(pause / 2 + (this.#options.random() / 65_536) * (pause / 2))
    }
  }

  /** A manager that was set up anew does not know us, and says so by closing. */
  async #onRefusal(): Promise<void> {
    const { retriesMax = retriesPreset, onRefused } = this.#options
    this.#refusals++
    if (onRefused === undefined || this.#refusals < retriesMax || this.#isStopped) return
    this.#refusals = 0
    const entry = await onRefused()
    if (entry === null) return
    this.#entry = entry
    this.#keys = cipherKeys(entry)
  }

  /** One line, from its beginning to its end. Gives whether the manager ever answered. */
  async #serve(server: { readonly address: string; readonly port: number }, onReady: () => void): Promise<boolean> {
    const { graceMs = graceMsPreset } = this.#options
    const name = `${server.address}:${server.port}`
    const why = this.#whyWrapped(name)
    const ca = this.#isWrapped && this.#options.tls !== 'no' ? this.#options.ca : undefined
    this.#isWrapped = true
    this.#refusal = null
    if (ca === undefined && why !== null) throw new Error(`there is no authority to check the manager by; ${why}`)
    const socket = await (ca === undefined ? open(server) : openWrapped(server, ca))
    if (ca !== undefined) this.#remember(name)
    const line = new Line(socket, this.#options.spool.acknowledged, ca !== undefined)
    this.#line = line
    const reader = new FrameReader()
    socket.on('data', (chunk) => {
      for (const message of reader.push(chunk)) this.#hear(line, message)
    })
    socket.on('error', () => {})
    socket.once('close', () => {
      line.isOpen = false
      this.#wake?.()
    })
    this.#send(line, startupPayload(this.#options.version, this.#options.spool.id))
    line.barriers.push({ upTo: null, atMs: performance.now() })
    // Beside the loop, which may itself wait for a socket that takes nothing any more.
    const watch = setInterval(() => {
      if (this.#isOverdue(line)) socket.destroy()
    }, overdueLookMs)
    watch.unref()
    socket.once('close', () => clearInterval(watch))
    let isTold = false
    let hasBegun = false
    while (line.isOpen && !this.#isStopped) {
      if (line.isReady && !isTold) {
        isTold = true
        onReady()
      }
      const maySend = line.isReady && (line.isNumbered || performance.now() - line.readyMs >= graceMs)
      if (maySend && !hasBegun) {
        hasBegun = true
        this.#sendBarrier(line)
      }
      const isIdle = !maySend || !(await this.#sendSome(line))
      if (isIdle && line.isOpen) await this.#pause(maySend ? this.#idleMs(line) : 100)
    }
    if (!this.#isStopped) socket.destroy()
    this.#line = null
    return line.isReady
  }

  /** Why this manager is not spoken to without TLS; null when it may be. */
  #whyWrapped(name: string): string | null {
    const { tls = 'auto', tlsManagers } = this.#options
    if (tls === 'required') return 'nothing is sent without it (<tls>required</tls>)'
    if (tls === 'no' || tlsManagers?.has(name) !== true) return null
    return 'it took it before, so somebody may be on the line: nothing is sent without it (docs/agents.md, TLS on 1514)'
  }

  #remember(name: string): void {
    try {
      this.#options.tlsManagers?.add(name)
    } catch (error) {
      this.#options.tell('warn', `that ${name} takes TLS is not kept: ${String(error)}`)
    }
  }

  /** Sends what is in the spool and may go; false when there is nothing. */
  async #sendSome(line: Line): Promise<boolean> {
    const { spool } = this.#options
    const room = unacknowledgedMax - (line.sent - spool.acknowledged)
    const entries = room > 0 ? spool.read(line.sent + 1, Math.min(room, barrierEvery)) : []
    for (const entry of entries) {
      await this.#pace.turn()
      if (!line.isOpen || this.#isStopped) return false
      this.#send(line, this.#payloadOf(entry, line.isNumbered))
      this.sent++
      line.sent = entry.number
      if (line.socket.writableNeedDrain) await drained(line.socket)
    }
    const isFull = line.sent - line.barrierAt >= barrierEvery
    const isLate = line.sent > line.barrierAt && performance.now() - line.barrierMs >= barrierMs
    const isDue = performance.now() - line.barrierMs >= this.#options.notifyTimeS * 1000
    if (isFull || isLate || isDue) this.#sendBarrier(line)
    return entries.length > 0
  }

  #sendBarrier(line: Line): void {
    this.#send(line, keepAlivePayload(this.#options.keepAlive(line.socket.localAddress ?? '')))
    line.barrierAt = line.sent
    line.barrierMs = performance.now()
    line.barriers.push({ upTo: line.sent, atMs: line.barrierMs })
  }

  #payloadOf({ number, queue, location, message }: SpoolEntry, isNumbered: boolean): Buffer {
    const known = isQueue(queue) ? queue : queues.log
    const payload = eventPayload(known, Buffer.from(location).toString('latin1'), message)
    const lengthMax = payloadLengthMax - (isNumbered ? numberedPayload(number, noBytes).length : 0)
    if (payload.length > lengthMax) this.cut++
    const event = payload.subarray(0, lengthMax)
    return isNumbered ? numberedPayload(number, event) : event
  }

  #send(line: Line, payload: Buffer): void {
    const { counter, random } = this.#options
    const entry = this.#entry
    if (!line.socket.writable) return
    // Level 1: nearly as small, and a quarter of the time.
    const options = { id: entry.id, random: random(), level: 1 }
    line.socket.write(frame(sealMessage(payload, counter.next(), this.#keys, aesOnly, options)))
  }

  #hear(line: Line, message: Buffer): void {
    const envelope = readEnvelope(message)
    const opening = envelope === null ? null : openMessage(envelope, this.#keys, aesOnly)
    if (opening === null || !('payload' in opening)) return
    line.heardMs = performance.now()
    const control = parseManagerControl(opening.payload)
    if (control.kind === 'ack') {
      if (!line.isReady) line.readyMs = performance.now()
      line.isReady = true
      this.lastAck = new Date()
      const upTo = line.barriers.shift()?.upTo ?? null
      if (upTo !== null) this.#confirm(upTo)
      this.#wake?.()
    } else if (control.kind === 'durable') this.#hearDurable(line, control)
    else if (control.kind === 'reconnect') line.socket.destroy()
    else {
      if (control.kind === 'error') {
        this.#refusal = `the manager says: ${control.message}`
        this.#options.tell('error', this.#refusal)
      }
      void this.#answer(line, control)
    }
  }

  /** A manager of ours says how far it has come: from there on, and with numbers, each event is taken once. */
  #hearDurable(line: Line, { spool, sequence }: ManagerControl & { kind: 'durable' }): void {
    const own = this.#options.spool
    if (spool !== own.id) return
    if (sequence > own.last) {
      this.#options.tell(
        'error',
        'the manager knows more of the spool than is here; the spool goes on under a new name',
      )
      own.renew()
      line.socket.destroy()
      return
    }
    this.#confirm(sequence)
    line.isNumbered = true
    line.sent = Math.max(line.sent, sequence)
    line.barrierAt = Math.max(line.barrierAt, sequence)
  }

  #confirm(number: number): void {
    const { spool } = this.#options
    const before = spool.acknowledged
    spool.acknowledge(number)
    this.confirmed += spool.acknowledged - before
  }

  async #answer(line: Line, control: ManagerControl): Promise<void> {
    let answer: string | null
    try {
      answer = await this.#options.onControl(control)
    } catch (error) {
      answer = `err ${error instanceof Error ? error.message : String(error)}`
    }
    if (control.kind === 'request' && answer !== null && line.isOpen) {
      this.#send(line, responsePayload(control.request, Buffer.from(answer)))
    }
  }

  /** A barrier that nobody answers: the line is dead, though nothing has said so. */
  #isOverdue(line: Line): boolean {
    const [oldest] = line.barriers
    return (
      oldest !== undefined &&
      performance.now() - Math.max(line.heardMs, oldest.atMs) > this.#options.reconnectTimeS * 1000
    )
  }

  #idleMs(line: Line): number {
    return line.isReady && line.sent === line.barrierAt ? Math.min(1000, this.#options.notifyTimeS * 1000) : 100
  }

  /** Until the next attempt: only the end cuts it short, not a message that comes meanwhile. */
  async #rest(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#ending.signal }).catch(() => {})
  }

  async #pause(ms: number): Promise<void> {
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await sleep(ms, undefined, { signal: woken.signal }).catch(() => {})
    this.#wake = null
  }
}

/** What is known of one connection. */
class Line {
  readonly socket: Socket
  readonly isWrapped: boolean
  /** Number sent last. */
  sent: number
  /** Number at the last barrier, and when that was sent. */
  barrierAt: number
  barrierMs = performance.now()
  heardMs = performance.now()
  /** Barriers without an answer: the number that each confirms (null: the start-up message), and when it was sent. */
  readonly barriers: { readonly upTo: number | null; readonly atMs: number }[] = []
  isReady = false
  readyMs = 0
  /** The manager counts our messages. */
  isNumbered = false
  isOpen = true

  constructor(socket: Socket, acknowledged: number, isWrapped: boolean) {
    this.socket = socket
    this.isWrapped = isWrapped
    this.sent = acknowledged
    this.barrierAt = acknowledged
  }
}

function isQueue(queue: string): queue is Queue {
  return knownQueues.has(queue)
}

function open({ address, port }: { readonly address: string; readonly port: number }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port })
    socket.setNoDelay(true)
    const timer = setTimeout(() => socket.destroy(new Error(`no connection within ${connectMs / 1000} s`)), connectMs)
    socket.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}

/** TLS is loaded when it is needed: a quiet agent would hold a good part of its memory for it. */
async function openWrapped(server: { readonly address: string; readonly port: number }, ca: string): Promise<Socket> {
  const { openTls } = await import('./tls-line.ts')
  return openTls(server, ca, connectMs)
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.once('drain', done)
    socket.once('close', done)
  })
}
