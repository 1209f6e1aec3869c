/**
 * The agents of the benchmark, in a process of their own: each on a connection of its own, keep-alives of all of them at the same moment, events spread evenly. In goes an
 * order as JSON, out comes a report as JSON.
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
  isControl,
  type KeyEntry,
  keepAlivePayload,
  nextCounter,
  openMessage,
  parseManagerControl,
  readEnvelope,
  sealMessage,
  startupPayload,
} from '@dogwatch/protocol'
import { numberOf, objectOf, textOf } from '../scripts/json-file.ts'

export interface AgentsReport {
  readonly sent: number
  readonly connected: number
  /** Agents whose last keep-alive was acknowledged: all that they sent is on disk. */
  readonly confirmed: number
  readonly closed: number
  readonly startedMs: number
  readonly endedMs: number
  readonly connectS: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly cpuSeconds: number
}

/** Connections that are opened in one go, and the pause behind them, milliseconds. */
const connectAtOnce = 100
const connectPauseMs = 20
const tickMs = 20
const answerMsMax = 60_000

class SentAgent {
  readonly acks: number[] = []
  closed = 0
  readonly #entry: KeyEntry
  readonly #keys: CipherKeys
  readonly #socket: Socket
  #counter: Counter = { global: 0, local: 0 }
  #waiting: number[] = []
  isConnected = false

  constructor(entry: KeyEntry, port: number) {
    this.#entry = entry
    this.#keys = cipherKeys(entry)
    this.#socket = connect(port, '127.0.0.1')
    const reader = new FrameReader()
    this.#socket.setNoDelay(true)
    this.#socket.on('connect', () => this.#say(startupPayload('v4.14.7')))
    this.#socket.on('error', () => {}) // `close` follows
    this.#socket.on('close', () => {
      this.closed++
    })
    this.#socket.on('data', (chunk) => {
      for (const message of reader.push(chunk)) {
        const envelope = readEnvelope(message)
        const opening = envelope === null ? null : openMessage(envelope, this.#keys, aesOnly)
        if (opening === null || 'problem' in opening || !isControl(opening.payload)) continue
        if (parseManagerControl(opening.payload).kind !== 'ack') continue
        const sentMs = this.#waiting.shift()
        if (sentMs !== undefined) this.acks.push(performance.now() - sentMs)
        this.isConnected = true
      }
    })
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0
  }

  keepAlive(): void {
    this.#waiting.push(performance.now())
    const { id, name } = this.#entry
    const system = `Linux |${name} |6.1.0 |#1 SMP |x86_64 [Debian GNU/Linux|debian: 12 (bookworm)]`
    this.#say(keepAlivePayload(`${system} - Wazuh v4.14.7\n"bench":${id}\nx merged.mg\n#"_agent_ip":127.0.0.1\n`))
  }

  event(number: number): void {
    const text = `Nov 22 10:00:00 ${this.#entry.name} bench[1]: number=${number} Accepted publickey for nobody from 192.0.2.9`
    this.#say(eventPayload('1', '/var/log/auth.log', text))
  }

  end(): void {
    this.#socket.destroy()
  }

  #say(payload: Uint8Array): void {
    this.#counter = nextCounter(this.#counter)
    const options = { id: this.#entry.id, random: 7, level: 1 }
    this.#socket.write(frame(sealMessage(payload, this.#counter, this.#keys, aesOnly, options)))
  }
}

const order = objectOf(JSON.parse(process.argv[2] ?? '{}'))
const [port, count, eventsPerSecond, seconds, keepAliveS] = [
  order.port,
  order.agents,
  order.eventsPerSecond,
  order.seconds,
  order.keepAliveS,
].map(numberOf)
const key = textOf(order.key)

async function run(): Promise<AgentsReport> {
  const cpuBefore = process.cpuUsage()
  const connectMs = performance.now()
  const agents: SentAgent[] = []
  for (let n = 1; n <= (count ?? 0); n++) {
    const id = String(n).padStart(3, '0')
    agents.push(new SentAgent({ id, name: `bench-${id}`, ip: 'any', key }, port ?? 0))
    if (n % connectAtOnce === 0) await sleep(connectPauseMs)
  }
  await until(() => agents.every(({ isConnected }) => isConnected))
  const connectS = (performance.now() - connectMs) / 1000
  // Once as new agents with much to be written, the times of which are not counted apart.
  const startedMs = Date.now()
  const startMs = performance.now()
  let sent = 0
  let at = 0
  let keepAlives = 0
  for (;;) {
    const goneS = (performance.now() - startMs) / 1000
    if (goneS >= (seconds ?? 0)) break
    if (goneS >= keepAlives * (keepAliveS ?? 10)) {
      keepAlives++
      for (const agent of agents) agent.keepAlive()
    }
    for (const due = Math.floor(goneS * (eventsPerSecond ?? 0)); sent < due; sent++) {
      agents[at]?.event(sent)
      at = (at + 1) % agents.length
    }
    await sleep(tickMs)
  }
  for (const agent of agents) agent.keepAlive()
  await until(() => agents.every(({ isWaiting }) => !isWaiting))
  const endedMs = Date.now()
  const times = agents.flatMap(({ acks }) => acks).sort((a, b) => a - b)
  const rank = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
  const { user, system } = process.cpuUsage(cpuBefore)
  const report: AgentsReport = {
    sent,
    connected: agents.filter(({ isConnected }) => isConnected).length,
    confirmed: agents.filter(({ isWaiting }) => !isWaiting).length,
    closed: agents.reduce((sum, { closed }) => sum + closed, 0),
    startedMs,
    endedMs,
    connectS,
    p50Ms: rank(0.5),
    p99Ms: rank(0.99),
    maxMs: rank(1),
    cpuSeconds: (user + system) / 1e6,
  }
  for (const agent of agents) agent.end()
  return report
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + answerMsMax
  while (!holds() && performance.now() < end) await sleep(tickMs)
}

process.stdout.write(JSON.stringify(await run()))
