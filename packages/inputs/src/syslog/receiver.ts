/**
 * Syslog over UDP, TCP or TLS (RFC 3164, 5424, 5425, 5426, 6587; spec: modules, part 10): messages of allowed senders become records, their priority taken off.
 *
 * In: datagrams and connections. Out: records whose peer is the sender's address. A connection is read on only behind the journal; a datagram that comes while too
 * much waits is dropped and counted, and so is what the kernel dropped. Wrong: who is not allowed is passed over and counted.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { readFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { AddressSet, plainAddress } from '../agent/address.ts'
import { Lane, type LaneBudget } from '../agent/lane.ts'
import type { RecordSink } from '../record-sink.ts'
import { SyslogFraming, syslogLengthMax, withoutPriority } from './framing.ts'

/** Why something was dropped or refused: a closed list. */
export type SyslogRefusal = 'not_allowed' | 'queue_full' | 'cut' | 'too_many' | 'idle'

export interface SyslogCounters {
  messages: number
  bytes: number
  connectionsOpened: number
  readonly refused: Record<SyslogRefusal, number>
}

export interface SyslogOptions {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  readonly protocol: 'udp' | 'tcp' | 'tls'
  /** For TLS. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
  /** Addresses and networks; nobody else may send. */
  readonly allowed: readonly string[]
  /** Goes before `allowed`. */
  readonly denied: readonly string[]
  readonly sink: RecordSink
  readonly onRefused: (reason: SyslogRefusal, peer: string) => void
}

/** Bytes of datagrams that may wait. */
const heldMax = 16 * 1024 * 1024
const connectionsMax = 1000
/** Silence after which a connection is closed, milliseconds. */
const idleMs = 3_600_000

export class SyslogReceiver {
  readonly counters: SyslogCounters = {
    messages: 0,
    bytes: 0,
    connectionsOpened: 0,
    refused: { not_allowed: 0, queue_full: 0, cut: 0, too_many: 0, idle: 0 },
  }
  readonly #options: SyslogOptions
  readonly #allowed: AddressSet
  readonly #denied: AddressSet
  readonly #budget: LaneBudget = { held: 0 }
  readonly #lane: Lane
  readonly #sockets = new Set<Socket>()
  readonly #paused = new Set<Socket>()
  #udp: UdpSocket | null = null
  #server: Server | null = null
  #port = 0

  constructor(options: SyslogOptions) {
    this.#options = options
    this.#allowed = new AddressSet(options.allowed)
    this.#denied = new AddressSet(options.denied)
    this.#lane = new Lane(options.sink, this.#budget, () => this.#resume())
  }

  /** Gives the port. */
  async listen(): Promise<number> {
    this.#port = this.#options.protocol === 'udp' ? await this.#listenUdp() : await this.#listenTcp()
    return this.#port
  }

  /** Datagrams that the kernel dropped because they were not taken in time; null where that cannot be seen. */
  async kernelDrops(): Promise<number | null> {
    if (this.#udp === null) return null
    const tables = await Promise.all(
      ['/proc/net/udp', '/proc/net/udp6'].map((path) => readFile(path, 'latin1').catch(() => '')),
    )
    return droppedDatagrams(tables.join('\n'), this.#port)
  }

  /** Ends; what is under way becomes durable within `drainMs`, as far as the journal takes it. */
  async close(drainMs: number): Promise<void> {
    const server = this.#server
    const closed = server === null ? null : new Promise<void>((resolve) => server.close(() => resolve()))
    this.#udp?.close()
    for (const socket of this.#sockets) socket.destroy()
    let timer: NodeJS.Timeout | undefined
    await Promise.race([this.#lane.settled(), new Promise((done) => (timer = setTimeout(done, drainMs)))])
    clearTimeout(timer)
    this.#lane.close()
    await closed
  }

  #listenUdp(): Promise<number> {
    const { host, port } = this.#options
    const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 4 * 1024 * 1024 })
    this.#udp = socket
    socket.on('message', (message, from) => {
      const peer = plainAddress(from.address)
      if (!this.#mayCome(peer)) return
      if (this.#lane.held > heldMax) {
        this.#refuse('queue_full', peer)
        return
      }
      this.#take(trimmed(message), peer)
    })
    return new Promise((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(port, host, () => {
        socket.off('error', reject)
        socket.on('error', () => {}) // of a single datagram
        resolve(socket.address().port)
      })
    })
  }

  #listenTcp(): Promise<number> {
    const { host, port, protocol, tls } = this.#options
    const serve = (socket: Socket): void => this.#connected(socket)
    const server =
      protocol === 'tls'
        ? createTlsServer({ ...tls, minVersion: 'TLSv1.2', handshakeTimeout: 30_000 }, serve)
        : createServer(serve)
    server.maxConnections = connectionsMax
    server.on('drop', () => this.#refuse('too_many', ''))
    this.#server = server
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, () => {
        server.off('error', reject)
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  #connected(socket: Socket): void {
    const peer = plainAddress(socket.remoteAddress)
    socket.on('error', () => {}) // `close` follows
    if (!this.#mayCome(peer)) {
      socket.destroy()
      return
    }
    this.counters.connectionsOpened++
    this.#sockets.add(socket)
    const framing = new SyslogFraming()
    let cut = 0
    const take = (messages: readonly Buffer[]): void => {
      for (const message of messages) this.#take(message, peer)
      for (; cut < framing.cut; cut++) this.#refuse('cut', peer)
    }
    socket.setTimeout(idleMs, () => {
      this.#refuse('idle', peer)
      socket.destroy()
    })
    socket.on('data', (chunk) => {
      take(framing.push(chunk))
      if (!this.#lane.isFull) return
      this.#paused.add(socket)
      socket.pause()
    })
    socket.once('end', () => take(framing.end()))
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#paused.delete(socket)
    })
  }

  #mayCome(peer: string): boolean {
    if (this.#allowed.has(peer) && !this.#denied.has(peer)) return true
    this.#refuse('not_allowed', peer)
    return false
  }

  #take(message: Buffer, peer: string): void {
    const text = withoutPriority(message)
    if (text.length === 0) return
    this.counters.messages++
    this.counters.bytes += message.length
    // A copy: the text may be a small part of a large chunk.
    const body = Buffer.from(text.subarray(0, syslogLengthMax))
    this.#lane.put({ input: 'syslog', source: 'syslog', peer, arrivalUs: Math.round(Date.now() * 1000) }, body)
  }

  #resume(): void {
    if (this.#paused.size === 0 || this.#lane.isFull) return
    for (const socket of this.#paused) socket.resume()
    this.#paused.clear()
  }

  #refuse(reason: SyslogRefusal, peer: string): void {
    this.counters.refused[reason]++
    this.#options.onRefused(reason, peer)
  }
}

/** The datagram without the newline or NUL that some senders put behind it. */
function trimmed(message: Buffer): Buffer {
  let end = message.length
  while (end > 0 && (message[end - 1] === 10 || message[end - 1] === 13 || message[end - 1] === 0)) end--
  return message.subarray(0, end)
}

/** The sum of the column `drops` of the sockets on a port, in the text of /proc/net/udp (proc(5)). */
export function droppedDatagrams(table: string, port: number): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  let drops = 0
  for (const line of table.split('\n')) {
    const columns = line.trim().split(/\s+/)
    if (columns[1]?.endsWith(suffix)) drops += Number(columns.at(-1)) || 0
  }
  return drops
}
