/** A way back to an agent: a TCP connection, or the address that its datagrams come from. */
import type { Socket as UdpSocket } from 'node:dgram'
import type { Socket } from 'node:net'
import { type CryptoMethod, frame } from '@dogwatch/protocol'

/** What may wait to be read by an agent, bytes (spec: agent-protocol, part 12); beyond it a connection is given up. */
const sendBytesMax = 131_072 * 4

export interface Link {
  readonly kind: 'tcp' | 'udp'
  /** Address without port. */
  readonly peer: string
  /** The agent that has proven to be at the other end. */
  agentId: string | null
  method: CryptoMethod
  lastHeardMs: number
  /** The connection is wrapped in TLS. */
  readonly isWrapped: boolean
  /** The agent has named its spool on this connection. */
  hasSpool: boolean
  readonly isOpen: boolean
  /** False when it cannot be sent: closed, or the other end does not read. */
  send(message: Buffer): boolean
  /** Resolves when there is room for more, or the link is closed. */
  room(): Promise<void>
  pause(): void
  resume(): void
  close(): void
}

export function tcpLink(socket: Socket, peer: string, isWrapped: boolean, now: number): Link {
  return {
    kind: 'tcp',
    peer,
    agentId: null,
    method: 'aes',
    lastHeardMs: now,
    isWrapped,
    hasSpool: false,
    get isOpen() {
      return !socket.destroyed && socket.writable
    },
    send(message) {
      if (socket.destroyed || !socket.writable || socket.writableLength > sendBytesMax) return false
      socket.write(frame(message))
      return true
    },
    room: () =>
      socket.destroyed || socket.writableLength < sendBytesMax / 4
        ? Promise.resolve()
        : new Promise((resolve) => {
            const done = (): void => {
              socket.off('drain', done)
              socket.off('close', done)
              resolve()
            }
            socket.on('drain', done)
            socket.on('close', done)
          }),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    close: () => void socket.destroy(),
  }
}

/** A datagram's sender. Nothing can be paused, and nothing needs closing. */
export function udpLink(socket: UdpSocket, peer: string, port: number, now: number): Link {
  return {
    kind: 'udp',
    peer,
    agentId: null,
    method: 'aes',
    lastHeardMs: now,
    isWrapped: false,
    hasSpool: false,
    isOpen: true,
    send(message) {
      socket.send(message, port, peer, () => {}) // a datagram that cannot be sent is lost, as datagrams are
      return true
    },
    room: () => Promise.resolve(),
    pause: () => {},
    resume: () => {},
    close: () => {},
  }
}
