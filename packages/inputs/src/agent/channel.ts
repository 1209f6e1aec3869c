/**
 * The agent channel, port 1514 (spec: agent-protocol, parts 3, 6, 7, 8; contracts, part 3): connections and datagrams of agents in, records out in the order of
 * each agent, and a way to speak to agents.
 *
 * The acknowledgement of a keep-alive is sent when every earlier event of the agent is durable. Replayed messages are refused, over restarts too. An agent that
 * lost its counters is asked a question whose answer only the owner of its key can make now; then its counters hold from there. Until then its messages are dropped
 * and counted.
 *
 * Wrong: each refusal has a reason from `channelRefusals`; a TCP connection with a bad message is closed. Nothing throws on input.
 */
import { randomInt } from 'node:crypto'
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import {
  ackPayload,
  type Counter,
  durablePayload,
  errorPayload,
  FrameReader,
  fileBeginPayload,
  fileEndPayload,
  isControl,
  isEvent,
  isNoise,
  isPing,
  md5,
  mergedName,
  messageLengthMax,
  openMessage,
  parseAgentControl,
  piecesOf,
  pong,
  ReplayWindow,
  readEnvelope,
  requestPayload,
  responsePayload,
  sealMessage,
  withOrigin,
} from '@dogwatch/protocol'
import { AddressSet, plainAddress } from './address.ts'
import {
  type AgentChannelOptions,
  type ChannelCounters,
  type ChannelRefusal,
  type KnownAgent,
  newChannelCounters,
  type SpoolPosition,
} from './channel-types.ts'
import { isTls } from './first-bytes.ts'
import { Lane, type LaneBudget } from './lane.ts'
import { type Link, tcpLink, udpLink } from './link.ts'
import { isSignOfLife, newRequestId, PendingRequests, signOfLife } from './requests.ts'
import { spoolPeer } from './spool-peer.ts'

/** Until a new connection must have shown who it is, milliseconds. */
const proveMs = 30_000
const connectionsMaxDefault = 20_000
/** Most connections that have not shown who they are: each may hold one message that is not whole. */
const unprovenMax = 2000
/** UDP senders remembered; the one heard of longest ago is forgotten. */
const udpLinksMax = 20_000
/** Bytes of one agent that may wait when they came by UDP, where nobody can be made to wait. */
const udpHeldMax = 4 * 1024 * 1024
/** Open questions to senders with old counters, per agent. */
const challengesMax = 4
/** How long messages are taken in one go before others may have the event loop, milliseconds. */
const sliceMs = 10
/** Pushes under way at once: after a change of a group all its agents want the file in the same moment. */
const pushesMax = 16
/** UDP: pieces of a file that are sent at once, and the pause behind them (part 8). */
const udpPieces = 30
const udpPauseMs = 1000

const tlsNeeded = 'this manager takes you in TLS only; name its authority in <enrollment><server_ca_path>'

/** What is known of an agent while the manager runs. */
interface Line {
  readonly window: ReplayWindow
  readonly lane: Lane
  link: Link | null
  isPushing: boolean
  /** How far its spool has been taken; null for agents that number nothing. */
  position: SpoolPosition | null
  /** Questions to links whose counters are old, by link: the id of the question and the version that the link named. */
  readonly challenges: Map<
    Link,
    { readonly request: string; readonly version: string | null; readonly spool: string | null }
  >
}

export interface ListenAddress {
  readonly protocol: 'tcp' | 'udp'
  readonly port: number
}

export class AgentChannel {
  readonly counters: ChannelCounters = newChannelCounters()
  readonly #options: AgentChannelOptions
  readonly #lines = new Map<string, Line>()
  readonly #allowed = new Map<string, AddressSet>()
  readonly #servers: Server[] = []
  readonly #udpSockets: UdpSocket[] = []
  /** Open connections: the socket, and what goes on with messages that were left when the agent had to wait. */
  readonly #sockets = new Map<Link, { readonly socket: Socket; readonly goOn: () => void }>()
  /** Connections whose senders have not shown a key yet. */
  readonly #unproven = new Set<Link>()
  /** Connections that have not said enough yet to tell TLS from a frame. */
  readonly #silent = new Set<Socket>()
  readonly #secureContext: SecureContext | null
  readonly #udpLinks = new Map<string, Link>()
  /** Connections with messages that wait for the next slice: each takes messages until the time given, and says whether some are left. */
  readonly #ready = new Map<Link, (untilMs: number) => boolean>()
  #slice: NodeJS.Immediate | null = null
  #pushes = 0
  readonly #pushWaiters: (() => void)[] = []
  readonly #paused = new Set<Link>()
  readonly #budget: LaneBudget = { held: 0 }
  readonly #requests = new PendingRequests()
  #timer: NodeJS.Timeout | null = null
  #isClosed = false

  constructor(options: AgentChannelOptions) {
    this.#options = options
    this.#secureContext =
      options.tls === undefined ? null : createSecureContext({ ...options.tls, minVersion: 'TLSv1.2' })
  }

  /** Listens everywhere; gives the ports. Rejects with the error of the first that fails, with its `port` and `protocol` in it. */
  async listen(): Promise<ListenAddress[]> {
    const addresses: ListenAddress[] = []
    for (const { host, port, protocol } of this.#options.listen)
      addresses.push({
        protocol,
        port: protocol === 'tcp' ? await this.#listenTcp(host, port) : await this.#listenUdp(host, port),
      })
    this.#timer = setInterval(() => this.#closeIdle(), 5000)
    this.#timer.unref()
    return addresses
  }

  isConnected(id: string): boolean {
    return this.#lines.get(id)?.link?.isOpen === true
  }

  /** Sends a control payload; false when the agent is not connected. */
  send(id: string, payload: Uint8Array): boolean {
    const agent = this.#options.directory.byId(id)
    const link = this.#lines.get(id)?.link
    return agent !== null && link != null && this.#isHeard(link) && this.#send(agent, link, payload)
  }

  /** Nothing is sent to an agent that has been silent for so long that it counts as gone (part 10). */
  #isHeard({ lastHeardMs }: Link): boolean {
    return Date.now() - lastHeardMs <= this.#options.idleMs
  }

  /** Asks a component of an agent. Rejects with a RequestFailure. */
  request(id: string, target: string, command: Uint8Array, timeoutMs: number): Promise<Buffer> {
    const isLossy = this.#lines.get(id)?.link?.kind === 'udp'
    return this.#requests.ask(id, timeoutMs, isLossy, (request) =>
      this.send(id, requestPayload(request, target, command)),
    )
  }

  /** Pushes a merged file; false when the agent is not connected, is being pushed to, or goes away meanwhile. */
  async pushMerged(id: string, merged: Buffer): Promise<boolean> {
    const line = this.#lines.get(id)
    const agent = this.#options.directory.byId(id)
    const link = line?.link
    if (line === undefined || link == null || agent === null || line.isPushing || !this.#isHeard(link)) return false
    line.isPushing = true
    if (this.#pushes >= pushesMax) await new Promise<void>((resolve) => this.#pushWaiters.push(resolve))
    this.#pushes++
    try {
      await new Promise((done) => setImmediate(done))
      if (!this.#send(agent, link, fileBeginPayload(md5(merged), mergedName))) return false
      let n = 0
      for (const piece of piecesOf(merged)) {
        n++
        if (!this.#send(agent, link, piece)) return false
        if (link.kind === 'udp' && n % udpPieces === 0) await new Promise((done) => setTimeout(done, udpPauseMs))
        else await link.room()
      }
      return this.#send(agent, link, fileEndPayload)
    } finally {
      line.isPushing = false
      this.#pushes--
      this.#pushWaiters.shift()?.()
    }
  }

  /** The agent is no longer enrolled, or has a new key: its connection is closed, and its counters are forgotten. */
  forget(id: string): void {
    const line = this.#lines.get(id)
    if (line === undefined) return
    if (line.link !== null) this.counters.connected--
    line.link?.close()
    line.lane.close()
    this.#lines.delete(id)
    this.#requests.forget(id)
  }

  /** Closes all connections; events under way become durable within `drainMs`, as far as the journal takes them. */
  async close(drainMs: number): Promise<void> {
    this.#isClosed = true
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#requests.close()
    const closing = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
    for (const socket of this.#udpSockets) socket.close()
    if (this.#slice !== null) clearImmediate(this.#slice)
    this.#ready.clear()
    for (const { socket } of this.#sockets.values()) socket.destroy()
    for (const socket of this.#silent) socket.destroy()
    const settled = Promise.all([...this.#lines.values()].map(({ lane }) => lane.settled()))
    let timer: NodeJS.Timeout | undefined
    await Promise.race([settled, new Promise((done) => (timer = setTimeout(done, drainMs)))])
    clearTimeout(timer)
    for (const { lane } of this.#lines.values()) lane.close()
    await Promise.all(closing)
  }

  #listenTcp(host: string, port: number): Promise<number> {
    const server = createServer((socket) => this.#connected(socket))
    this.#servers.push(server)
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(Object.assign(error, { protocol: 'tcp' })))
      server.listen({ host, port }, () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  #listenUdp(host: string, port: number): Promise<number> {
    const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 4 * 1024 * 1024 })
    this.#udpSockets.push(socket)
    socket.on('message', (message, from) => this.#datagram(socket, message, from))
    return new Promise((resolve, reject) => {
      socket.once('error', (error) => reject(Object.assign(error, { port, protocol: 'udp' })))
      socket.bind(port, host, () => {
        socket.removeAllListeners('error')
        socket.on('error', () => {}) // of a single datagram that could not be delivered
        resolve(socket.address().port)
      })
    })
  }

  #connected(socket: Socket): void {
    const peer = plainAddress(socket.remoteAddress)
    const isFull = this.#sockets.size + this.#silent.size >= (this.#options.connectionsMax ?? connectionsMaxDefault)
    if (isFull || this.#unproven.size + this.#silent.size >= unprovenMax) {
      this.#refuse('too_many', peer, null)
      socket.destroy()
      return
    }
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 30_000)
    this.counters.connectionsOpened++
    this.#silent.add(socket)
    const timer = setTimeout(() => {
      this.#refuse('idle', peer, null)
      socket.destroy()
    }, proveMs)
    timer.unref()
    const leave = (): void => {
      clearTimeout(timer)
      this.#silent.delete(socket)
    }
    socket.on('error', () => {}) // `close` follows
    socket.once('close', leave)
    let head: Buffer = Buffer.alloc(0)
    const look = (chunk: Buffer): void => {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk])
      const kind = isTls(head)
      if (kind === null) return
      socket.off('data', look)
      socket.off('close', leave)
      leave()
      if (!kind) this.#attach(socket, peer, head)
      else this.#secure(socket, peer, head)
    }
    socket.on('data', look)
  }

  /** A connection of an agent of ours that is wrapped in TLS; `head` is what was read of it already. */
  #secure(socket: Socket, peer: string, head: Buffer): void {
    if (this.#secureContext === null) {
      this.#refuse('tls', peer, null)
      socket.destroy()
      return
    }
    socket.pause()
    socket.unshift(head)
    const secure = new TLSSocket(socket, { isServer: true, secureContext: this.#secureContext })
    let isSecure = false
    secure.once('secure', () => {
      isSecure = true
      this.counters.tlsOpened++
    })
    secure.once('close', () => {
      if (!isSecure && !this.#isClosed) this.#refuse('tls', peer, null)
    })
    this.#attach(secure, peer, null)
  }

  /** Frames are read from here on; `head` is what was read already. */
  #attach(socket: Socket, peer: string, head: Buffer | null): void {
    const link = tcpLink(socket, peer, head === null, Date.now())
    const reader = new FrameReader()
    // A chunk may hold hundreds of messages that inflate to far more than they are, so waiting begins between messages.
    let left: Buffer[] = []
    const takeSome = (untilMs: number): boolean => {
      let taken = 0
      for (const message of left) {
        if (socket.destroyed || this.#paused.has(link) || (taken > 0 && performance.now() > untilMs)) break
        this.#message(link, message)
        taken++
      }
      left = left.slice(taken)
      if (reader.isBroken && left.length === 0 && !socket.destroyed) this.#bad(link, 'frame_too_long', link.agentId)
      if (socket.destroyed || this.#paused.has(link)) return false
      if (left.length === 0) link.resume()
      return left.length > 0
    }
    const goOn = (): void => this.#later(link, takeSome)
    this.#sockets.set(link, { socket, goOn })
    this.#unproven.add(link)
    const take = (chunk: Buffer): void => {
      // Nothing more is read while something waits.
      if (left.length > 0) link.pause()
      left.push(...reader.push(chunk))
      goOn()
    }
    socket.on('error', () => {}) // `close` follows
    // The last words of an agent are heard before its connection counts as gone.
    socket.once('end', () => takeSome(Number.POSITIVE_INFINITY))
    socket.once('close', () => this.#disconnected(link))
    socket.on('data', take)
    if (head !== null) take(head)
  }

  /** A thousand agents may speak in the same moment, as after a restart: their messages are taken in slices, each connection in its turn. */
  #later(link: Link, takeSome: (untilMs: number) => boolean): void {
    this.#ready.set(link, takeSome)
    this.#slice ??= setImmediate(() => this.#takeSlice())
  }

  #takeSlice(): void {
    this.#slice = null
    const untilMs = performance.now() + sliceMs
    for (const [link, takeSome] of this.#ready) {
      this.#ready.delete(link)
      if (takeSome(untilMs)) this.#ready.set(link, takeSome)
      if (performance.now() > untilMs) break
    }
    if (this.#ready.size > 0) this.#slice ??= setImmediate(() => this.#takeSlice())
  }

  #disconnected(link: Link): void {
    this.#sockets.delete(link)
    this.#ready.delete(link)
    this.#unproven.delete(link)
    this.#paused.delete(link)
    if (link.agentId === null) return
    const line = this.#lines.get(link.agentId)
    line?.challenges.delete(link)
    if (line?.link !== link) return
    line.link = null
    this.counters.connected--
    this.#requests.forget(link.agentId)
  }

  #datagram(socket: UdpSocket, message: Buffer, from: RemoteInfo): void {
    const peer = plainAddress(from.address)
    if (message.length > messageLengthMax) {
      this.#refuse('frame_too_long', peer, null)
      return
    }
    const key = `${from.address} ${from.port}`
    const known = this.#udpLinks.get(key)
    const link = known ?? udpLink(socket, from.address, from.port, Date.now())
    this.#message(link, message)
    // Only who has shown a key is worth remembering.
    if (known !== undefined || link.agentId === null) return
    this.#udpLinks.set(key, link)
    const [oldest] = this.#udpLinks.keys()
    if (this.#udpLinks.size > udpLinksMax && oldest !== undefined) this.#udpLinks.delete(oldest)
  }

  #message(link: Link, message: Buffer): void {
    this.counters.messages++
    this.counters.bytes += message.length
    if (isPing(message)) {
      link.send(pong)
      return
    }
    const envelope = readEnvelope(message)
    if (envelope === null) {
      this.#bad(link, 'no_message', null)
      return
    }
    const { directory, ciphers } = this.#options
    const agent = envelope.id === null ? directory.byAddress(plainAddress(link.peer)) : directory.byId(envelope.id)
    if (agent === null) {
      this.#bad(link, 'unknown_agent', envelope.id)
      return
    }
    if (!this.#mayComeFrom(agent, plainAddress(link.peer))) {
      this.#bad(link, 'wrong_address', agent.id)
      return
    }
    if (link.kind === 'tcp' && link.agentId !== null && link.agentId !== agent.id) {
      this.#bad(link, 'other_agent', agent.id)
      return
    }
    const opening = openMessage(envelope, agent.keys, ciphers)
    if ('problem' in opening) {
      const reason = opening.problem === 'method' ? 'cipher' : opening.problem === 'key' ? 'wrong_key' : 'bad_content'
      this.#bad(link, reason, agent.id)
      return
    }
    link.agentId = agent.id
    link.method = envelope.method
    if (this.#lacksTls(agent, link, opening.payload)) return
    const line = this.#lineOf(agent.id)
    const { payload, counter } = opening
    if (line.window.isReplay(counter) && !this.#isProven(agent, line, link, payload, counter)) return
    if (!this.#own(agent, line, link)) return
    line.window.accept(counter)
    this.#options.received.write(agent.id, counter)
    link.lastHeardMs = Date.now()
    if (isControl(payload)) this.#control(agent, line, link, payload)
    else this.#event(agent, line, link, payload)
  }

  /** Somebody on the line could have cut TLS off; who must use it is told so, and not heard. */
  #lacksTls(agent: KnownAgent, link: Link, payload: Buffer): boolean {
    const { requiresTls = 'no' } = this.#options
    if (requiresTls === 'no' || link.isWrapped) return false
    const control = isControl(payload) ? parseAgentControl(payload) : null
    const isOwn = (control?.kind === 'startup' && control.spool !== null) || control?.kind === 'numbered'
    if (requiresTls === 'own' && !isOwn) return false
    if (control?.kind === 'startup') this.#send(agent, link, errorPayload(tlsNeeded))
    this.#bad(link, 'no_tls', agent.id)
    return true
  }

  /**
   * An old counter: a replay, or an agent that lost its counters. A start-up message is answered with an acknowledgement, without which an agent hears nothing else, and
   * a question; its answer holds a number that was never sent before, so it cannot be a recording. True when this message is that answer.
   */
  #isProven(agent: KnownAgent, line: Line, link: Link, payload: Buffer, counter: Counter): boolean {
    const control = isControl(payload) ? parseAgentControl(payload) : null
    const challenge = line.challenges.get(link)
    if (control?.kind === 'response' && challenge?.request === control.request) {
      line.challenges.delete(link)
      if (!this.#own(agent, line, link)) return false
      line.window.reset(counter)
      this.#options.received.write(agent.id, counter)
      this.counters.recovered++
      this.#beginSpool(line, link, challenge.spool)
      const refusal = this.#options.handlers.startup(agent, challenge.version, plainAddress(link.peer))
      if (refusal !== null) this.#send(agent, link, errorPayload(refusal))
      return false // the answer itself has nothing more to say
    }
    this.#refuse('replayed', plainAddress(link.peer), agent.id)
    if (line.link === link) return false
    if (control?.kind === 'startup') {
      const request = newRequestId()
      line.challenges.delete(link)
      line.challenges.set(link, { request, version: control.version, spool: control.spool })
      const [oldest] = line.challenges.keys()
      if (line.challenges.size > challengesMax && oldest !== undefined) line.challenges.delete(oldest)
      this.#send(agent, link, ackPayload)
      this.#send(agent, link, requestPayload(request, 'agent', Buffer.from('getstate')))
    } else if (challenge === undefined) link.close()
    return false
  }

  /** Makes the link the agent's; false when another one is (part 3.5). */
  #own(agent: KnownAgent, line: Line, link: Link): boolean {
    const owner = line.link
    if (owner === link) return true
    if (owner?.isOpen && owner.kind === 'tcp') {
      const { overtakeMs } = this.#options
      const isSilent = overtakeMs > 0 && Date.now() - owner.lastHeardMs > overtakeMs
      if (!isSilent) {
        this.#bad(link, 'key_in_use', agent.id)
        return false
      }
      owner.close()
      // What the other connection was asked is not answered on this one.
      this.#requests.forget(agent.id)
    }
    if (owner === null) this.counters.connected++
    line.link = link
    this.#unproven.delete(link)
    return true
  }

  #control(agent: KnownAgent, line: Line, link: Link, payload: Buffer): void {
    const { handlers } = this.#options
    const control = parseAgentControl(payload)
    const peer = plainAddress(link.peer)
    switch (control.kind) {
      case 'startup': {
        this.#beginSpool(line, link, control.spool)
        const refusal = handlers.startup(agent, control.version, peer)
        if (refusal === null) this.#acknowledge(agent, line, link)
        else {
          this.#refuse('version', peer, agent.id)
          this.#send(agent, link, errorPayload(refusal))
        }
        break
      }
      case 'numbered':
        if (line.position === null || control.sequence <= line.position.sequence) this.counters.resent++
        else {
          line.position = { spool: line.position.spool, sequence: control.sequence }
          this.#event(agent, line, link, control.event)
        }
        break
      case 'shutdown':
        handlers.shutdown(agent)
        break
      case 'response':
        // Also when nobody waits any more: what the agent does not know to have come it sends again (part 7).
        if (link.kind === 'udp' && !isSignOfLife(control.data))
          this.#send(agent, link, responsePayload(control.request, signOfLife))
        this.#requests.settle(agent.id, control.request, control.data)
        break
      case 'keep-alive':
        this.counters.keepAlives++
        handlers.keepAlive(agent, control.text, peer)
        this.#acknowledge(agent, line, link)
    }
  }

  /** Acknowledges when everything before is durable; to an agent with a spool it says how far that is. */
  #acknowledge(agent: KnownAgent, line: Line, link: Link): void {
    const { position } = line
    void line.lane.settled().then(() => {
      if (line.link !== link || this.#isClosed) return
      if (position !== null && link.hasSpool) this.#send(agent, link, durablePayload(position.spool, position.sequence))
      this.#send(agent, link, ackPayload)
    })
  }

  /** Another spool than before begins at its first number. */
  #beginSpool(line: Line, link: Link, spool: string | null): void {
    link.hasSpool = spool !== null
    if (spool !== null && line.position?.spool !== spool) line.position = { spool, sequence: 0 }
  }

  /**
   * How far each agent of ours has come, all of it durable when this resolves. What is taken meanwhile is not in it.
   */
  async positions(): Promise<ReadonlyMap<string, SpoolPosition>> {
    const found = new Map<string, SpoolPosition>()
    const waits: Promise<void>[] = []
    for (const [id, { position, lane }] of this.#lines) {
      if (position === null) continue
      found.set(id, position)
      waits.push(lane.settled())
    }
    await Promise.all(waits)
    return found
  }

  #event(agent: KnownAgent, line: Line, link: Link, payload: Buffer): void {
    if (isNoise(payload)) return
    if (link.kind === 'udp' && line.lane.held > udpHeldMax) {
      this.#refuse('queue_full', plainAddress(link.peer), agent.id)
      return
    }
    // What has not the form of an event is kept as a log, at a place that says so: an agent must never choose its own origin.
    const event = isEvent(payload) ? payload : Buffer.concat([Buffer.from('1:unparsed:'), payload])
    const peer = plainAddress(link.peer)
    // The place in the spool goes to disk with the event itself, so that a crash cannot part the two.
    const place = line.position === null || !link.hasSpool ? peer : spoolPeer(peer, line.position)
    const meta = { input: 'agent', source: agent.id, peer: place, arrivalUs: Math.round(Date.now() * 1000) } as const
    line.lane.put(meta, withOrigin(event, agent))
    this.counters.events++
    if (link.kind === 'udp' || !line.lane.isFull) return
    this.#paused.add(link)
    link.pause()
  }

  #resumeAll(): void {
    for (const link of [...this.#paused]) {
      if (link.agentId !== null && this.#lines.get(link.agentId)?.lane.isFull === true) continue
      this.#paused.delete(link)
      this.#sockets.get(link)?.goOn()
    }
  }

  #lineOf(id: string): Line {
    let line = this.#lines.get(id)
    if (line === undefined) {
      const { sink, received } = this.#options
      line = {
        window: new ReplayWindow(received.read(id)),
        lane: new Lane(sink, this.#budget, () => {
          if (this.#paused.size > 0) this.#resumeAll()
        }),
        link: null,
        isPushing: false,
        position: this.#options.spools?.get(id) ?? null,
        challenges: new Map(),
      }
      this.#lines.set(id, line)
    }
    return line
  }

  #mayComeFrom({ ip }: KnownAgent, peer: string): boolean {
    if (ip === 'any' || ip === peer) return true
    let set = this.#allowed.get(ip)
    if (set === undefined) {
      if (this.#allowed.size > 10_000) this.#allowed.clear()
      set = new AddressSet([ip])
      this.#allowed.set(ip, set)
    }
    return set.has(peer)
  }

  #send(agent: KnownAgent, link: Link, payload: Uint8Array): boolean {
    if (!link.isOpen) return false
    const { nextCounter, ciphers } = this.#options
    const random = randomInt(65_536)
    const message = sealMessage(payload, nextCounter(), agent.keys, ciphers, { method: link.method, random })
    if (link.send(message)) return true
    if (link.isOpen) this.#bad(link, 'slow_reader', agent.id)
    return false
  }

  #bad(link: Link, reason: ChannelRefusal, agent: string | null): void {
    this.#refuse(reason, plainAddress(link.peer), agent)
    link.close()
  }

  #refuse(reason: ChannelRefusal, peer: string, agent: string | null): void {
    this.counters.refused[reason]++
    this.#options.handlers.refused(reason, peer, agent)
  }

  #closeIdle(): void {
    const now = Date.now()
    const { idleMs } = this.#options
    for (const link of this.#sockets.keys()) {
      const isOwner = link.agentId !== null && this.#lines.get(link.agentId)?.link === link
      if (now - link.lastHeardMs <= (isOwner ? idleMs : proveMs) || this.#paused.has(link)) continue
      this.#bad(link, 'idle', link.agentId)
    }
    for (const [key, link] of this.#udpLinks) {
      if (now - link.lastHeardMs <= idleMs) continue
      this.#udpLinks.delete(key)
      this.#disconnected(link)
    }
  }
}
