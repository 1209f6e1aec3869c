/** An agent as the protocol describes it, for tests: seals what it is told to say, and keeps what it hears. */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import {
  aesOnly,
  type Counter,
  cipherKeys,
  FrameReader,
  frame,
  type KeyEntry,
  nextCounter,
  openMessage,
  readEnvelope,
  sealMessage,
} from '@dogwatch/protocol'

export interface FakeAgent {
  /** Counter of the message sent last. */
  counter: Counter
  /** Payloads heard, oldest first; `#pong` too. */
  readonly heard: string[]
  /** Sends a payload sealed; gives the bytes, to be sent again. */
  say(payload: string | Uint8Array): Buffer
  /** Sends bytes as they are: on TCP framed, by UDP as a datagram. */
  send(message: Uint8Array): void
  /** Waits until something heard fits; the test's own time limit ends what never comes. */
  hears(what: string | RegExp): Promise<string>
  readonly isClosed: boolean
  closed(): Promise<void>
  close(): void
}

export async function fakeAgent(
  entry: KeyEntry,
  {
    port,
    protocol = 'tcp',
    counter = { global: 0, local: 0 },
  }: { port: number; protocol?: 'tcp' | 'udp'; counter?: Counter },
): Promise<FakeAgent> {
  const keys = cipherKeys(entry)
  const heard: string[] = []
  const wakers = new Set<() => void>()
  let isClosed = false
  const hear = (message: Buffer): void => {
    const envelope = readEnvelope(message)
    const opening = envelope === null ? null : openMessage(envelope, keys, aesOnly)
    heard.push(
      opening !== null && 'payload' in opening ? opening.payload.toString('latin1') : message.toString('latin1'),
    )
    for (const wake of wakers) wake()
  }
  const end = (): void => {
    isClosed = true
    for (const wake of wakers) wake()
  }
  const wire = protocol === 'tcp' ? await tcp(port, hear, end) : await udp(port, hear)
  const agent: FakeAgent = {
    counter,
    heard,
    say(payload) {
      agent.counter = nextCounter(agent.counter)
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
      const sealed = sealMessage(bytes, agent.counter, keys, aesOnly, { id: entry.id, random: 7 })
      wire.send(sealed)
      return sealed
    },
    send: wire.send,
    async hears(what) {
      for (;;) {
        const at = heard.findIndex((text) => (typeof what === 'string' ? text === what : what.test(text)))
        if (at !== -1) return heard.splice(0, at + 1).at(-1) ?? ''
        if (isClosed) throw new Error(`closed before it heard ${what}`)
        await new Promise<void>((resolve) => {
          wakers.add(resolve)
        })
        wakers.clear()
      }
    },
    get isClosed() {
      return isClosed
    },
    async closed() {
      while (!isClosed)
        await new Promise<void>((resolve) => {
          wakers.add(resolve)
        })
    },
    close: wire.close,
  }
  return agent
}

interface Wire {
  send(message: Uint8Array): void
  close(): void
}

function tcp(port: number, hear: (message: Buffer) => void, end: () => void): Promise<Wire> {
  const socket = connect(port, '127.0.0.1')
  const reader = new FrameReader()
  socket.on('data', (chunk) => reader.push(chunk).forEach(hear))
  socket.on('close', end)
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.once('connect', () =>
      resolve({ send: (message) => void socket.write(frame(message)), close: () => socket.destroy() }),
    )
  })
}

function udp(port: number, hear: (message: Buffer) => void): Promise<Wire> {
  const socket = createSocket('udp4')
  socket.on('message', hear)
  return new Promise((resolve) => {
    socket.bind(0, '127.0.0.1', () =>
      resolve({ send: (message) => socket.send(message, port, '127.0.0.1'), close: () => socket.close() }),
    )
  })
}
