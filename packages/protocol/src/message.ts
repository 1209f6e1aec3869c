/**
 * One message of the agent channel: envelope, encryption, compression, checksum, counters (spec: agent-protocol, parts 3.2 and 3.3).
 *
 * In: a payload, keys and counters, or the bytes of a message. Out: bytes, or what they hold. Wrong: bytes that are no message of this key give a
 * reason from a closed list; nothing throws on input, and nothing is inflated beyond `plainLengthMax`.
 */
import { deflateSync, inflateSync } from 'node:zlib'
import type { Ciphers, CryptoMethod } from './cipher.ts'
import type { Counter } from './counter.ts'
import type { CipherKeys } from './keys.ts'
import { md5 } from './md5.ts'

/** Longest message on the wire, bytes (part 12). */
export const messageLengthMax = 65_536
/** Longest payload, bytes (part 12). */
export const payloadLengthMax = 65_408
/** Longest clear text that is inflated, bytes: a payload and what stands before it, with a little room as the original has. */
const plainLengthMax = 65_536

/** Smallest buffer to inflate into, bytes. */
const chunkSizeMin = 1024

/**
 * zlib's memory level, and from how many bytes the greater one is taken: it would take 256 KiB for every acknowledgement, yet with the lesser one what cannot be made
 * smaller grows by five bytes in each kilobyte, and the longest payload beyond the longest message.
 */
const packMemory = { small: 4, large: 8, largeFrom: 32_768 } as const

const digestLength = 32
/** Five random digits, ten, a colon, four, a colon. */
const headLength = 21
const plainLengthMin = digestLength + headLength
const bang = 0x21
const hash = 0x23
const colon = 0x3a
const aesMark = Buffer.from('#AES:', 'latin1')

/** Why bytes are no message. */
export const messageProblems = {
  envelope: 'no method stands in front',
  method: 'its cipher is not accepted here',
  key: 'it was not made with this key',
  inflate: 'what it holds cannot be inflated, or is too large',
  checksum: 'its checksum is wrong',
  header: 'its counters cannot be read',
} as const
export type MessageProblem = keyof typeof messageProblems

/** What stands in front of the encrypted part. */
export interface Envelope {
  /** The agent's id as sent, or null: the sender is then known by its address. */
  readonly id: string | null
  readonly method: CryptoMethod
  readonly ciphertext: Buffer
}

/** A message that was opened. */
export interface OpenMessage {
  readonly payload: Buffer
  readonly counter: Counter
}

export type Opening = OpenMessage | { readonly problem: MessageProblem }

/** How `sealMessage` writes. */
export interface SealOptions {
  readonly method?: CryptoMethod
  /** Sent by an agent that is not registered with one IPv4 address of its own. */
  readonly id?: string
  /** Five digits that make equal messages differ; 0 to 65535. */
  readonly random: number
  /** zlib level, 0 to 9; the agent uses 9. */
  readonly level?: number
}

/** Reads the envelope; null when there is none. Nothing is copied. */
export function readEnvelope(message: Buffer): Envelope | null {
  let at = 0
  let id: string | null = null
  if (message[0] === bang) {
    const end = message.indexOf(bang, 1)
    // An id has at most eight digits; more is somebody else's protocol.
    if (end < 2 || end > 9) return null
    id = message.toString('latin1', 1, end)
    if (!/^\d+$/.test(id)) return null
    at = end + 1
  }
  if (message[at] === colon) return { id, method: 'blowfish', ciphertext: message.subarray(at + 1) }
  if (message.subarray(at, at + aesMark.length).equals(aesMark))
    return { id, method: 'aes', ciphertext: message.subarray(at + aesMark.length) }
  return null
}

/** Opens the encrypted part with an agent's keys. */
export function openMessage({ method, ciphertext }: Envelope, keys: CipherKeys, ciphers: Ciphers): Opening {
  const cipher = ciphers[method]
  if (cipher === undefined) return { problem: 'method' }
  const padded = cipher.decrypt(ciphertext, keys)
  if (padded === null || padded[0] !== bang) return { problem: 'key' }
  let start = 0
  while (padded[start] === bang) start++
  let plain: Buffer
  try {
    const packed = padded.subarray(start)
    // Node takes 16 KiB for any output, however small; thousands of messages a second make that felt.
    const chunkSize = Math.min(Math.max(packed.length * 4, chunkSizeMin), plainLengthMax)
    plain = inflateSync(packed, { maxOutputLength: plainLengthMax, chunkSize })
  } catch {
    return { problem: 'inflate' }
  }
  if (plain.length < plainLengthMin) return { problem: 'inflate' }
  const body = plain.subarray(digestLength)
  if (plain.toString('latin1', 0, digestLength) !== md5(body)) return { problem: 'checksum' }
  const head = /^.{5}(\d{10}):(\d{4}):$/s.exec(body.toString('latin1', 0, headLength))
  const global = Number(head?.[1])
  if (head === null || global > 0xffff_ffff) return { problem: 'header' }
  return { payload: body.subarray(headLength), counter: { global, local: Number(head[2]) } }
}

/** Makes a message. Throws a RangeError when the payload is longer than `payloadLengthMax` or the cipher is not at hand. */
export function sealMessage(
  payload: Uint8Array,
  { global, local }: Counter,
  keys: CipherKeys,
  ciphers: Ciphers,
  { method = 'aes', id, random, level = 9 }: SealOptions,
): Buffer {
  if (payload.length > payloadLengthMax) throw new RangeError(`a payload has at most ${payloadLengthMax} bytes`)
  const cipher = ciphers[method]
  if (cipher === undefined) throw new RangeError(`the cipher ${method} is not at hand`)
  const head = `${digits(random, 5)}${digits(global, 10)}:${digits(local, 4)}:`
  const body = Buffer.concat([Buffer.from(head, 'latin1'), payload])
  const memLevel = body.length < packMemory.largeFrom ? packMemory.small : packMemory.large
  const packed = deflateSync(Buffer.concat([Buffer.from(md5(body), 'latin1'), body]), { level, memLevel })
  const bangs = 8 - (packed.length % 8)
  const text = cipher.encrypt(Buffer.concat([Buffer.alloc(bangs, bang), packed]), keys)
  const prefix = `${id === undefined ? '' : `!${id}!`}${method === 'aes' ? '#AES:' : ':'}`
  return Buffer.concat([Buffer.from(prefix, 'latin1'), text])
}

/** Whether a message is the clear-text question of a health check; answered with `pong`. */
export function isPing(message: Buffer): boolean {
  return message[0] === hash && message.toString('latin1', 0, 5) === '#ping'
}
export const pong: Buffer = Buffer.from('#pong', 'latin1')

function digits(number: number, width: number): string {
  return String(number).padStart(width, '0')
}
