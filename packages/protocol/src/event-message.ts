/**
 * Event messages, `<queue>:<location>:<message>`, and the origin that a manager puts into them (spec: agent-protocol, part 5).
 *
 * In and out: bytes; what an agent sends is never decoded as text here. Wrong: a payload without queue or location gives null.
 */

/** Queues by what they carry (part 5). */
export const queues = {
  log: '1',
  syslog: '2',
  hostInfo: '3',
  sync: '5',
  syscheck: '8',
  rootcheck: '9',
  syscollector: 'd',
  ciscat: 'e',
  windows: 'f',
  policy: 'p',
  upgrade: 'u',
} as const
export type Queue = (typeof queues)[keyof typeof queues]

/** Whose message it is. */
export interface Origin {
  readonly id: string
  readonly name: string
  /** The registered address, `any` included. */
  readonly ip: string
}

const colon = 0x3a
const bar = 0x7c

/** A message of an agent; `location` and `message` are latin1 or bytes. */
export function eventPayload(queue: Queue, location: string, message: Uint8Array | string): Buffer {
  const head = Buffer.from(`${queue}:${escapeLocation(location)}:`, 'utf8')
  return Buffer.concat([head, typeof message === 'string' ? Buffer.from(message, 'utf8') : message])
}

/** A colon as `|:` and a bar as `||`. */
export function escapeLocation(location: string): string {
  return location.replace(/[|:]/g, '|$&')
}

/** What an event message holds; null when it has no queue or no location. */
export interface EventMessage {
  readonly queue: string
  /** Unescaped. */
  readonly location: Buffer
  readonly message: Buffer
}

/** Splits an event message. */
export function parseEvent(payload: Buffer): EventMessage | null {
  if (payload.length < 4 || payload[1] !== colon) return null
  const location: number[] = []
  for (let at = 2; at < payload.length; at++) {
    const byte = payload[at] ?? 0
    if (byte === colon) {
      return {
        queue: payload.toString('latin1', 0, 1),
        location: Buffer.from(location),
        message: payload.subarray(at + 1),
      }
    }
    const next = payload[at + 1]
    if (byte === bar && (next === bar || next === colon)) {
      location.push(next)
      at++
    } else location.push(byte)
  }
  return null
}

/** Whether a payload has the form of an event; its location may be anything. */
export function isEvent(payload: Buffer): boolean {
  return payload.length >= 4 && payload[1] === colon && payload[0] !== colon && payload.indexOf(colon, 2) !== -1
}

/** The noise that some agents send on an event queue to keep a line open; dropped without a word (part 5). */
export function isNoise(payload: Buffer): boolean {
  return payload.toString('latin1', 2, 11) === 'keepalive'
}

/** The message with its origin in front of the location: `<q>:[<id>] (<name>) <ip>-><location>:<message>`. Colons of an IPv6 address are escaped. */
export function withOrigin(payload: Buffer, { id, name, ip }: Origin): Buffer {
  const origin = Buffer.from(escapeLocation(`[${id}] (${name}) ${ip}->`), 'utf8')
  return Buffer.concat([payload.subarray(0, 2), origin, payload.subarray(2)])
}
