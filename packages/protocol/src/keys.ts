/**
 * Who an agent is and which keys it has: lines of `client.keys`, and what the cipher is keyed with (spec: agent-protocol, part 2).
 *
 * In: text of lines, or id, name and key. Out: entries, lines, derived keys. Wrong: a line that is none gives null; nothing throws.
 */
import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import { md5 } from './md5.ts'

/** One line of `client.keys`. */
export interface KeyEntry {
  /** Decimal digits, at least three: `001`. */
  readonly id: string
  readonly name: string
  /** `any`, an address, or a network in CIDR form. */
  readonly ip: string
  /** Hashed as text, never decoded; 64 lower-case hex characters where we made it. */
  readonly key: string
}

/** What a line of `client.keys` says: an agent, one that was removed (its id stays taken), or nothing. */
export type KeyLine =
  | { readonly kind: 'agent'; readonly entry: KeyEntry }
  | { readonly kind: 'removed'; readonly id: string }
  | { readonly kind: 'none' }

/** Keys of both ciphers, derived from id, name and key. */
export interface CipherKeys {
  /** 32 bytes. */
  readonly aes: Buffer
  /** 47 bytes. */
  readonly blowfish: Buffer
}

/** Most digits of an id (part 1.3). */
const idLengthMax = 8

/** Whether a name may be an agent's: 2 to 128 characters (part 1.2). */
export function isAgentName(name: string): boolean {
  return /^[A-Za-z0-9_-][A-Za-z0-9_.-]{1,127}$/.test(name)
}

/** Whether text can be the key of an agent: the characters of a name, and no longer than a line of ours. */
export function isAgentKey(key: string): boolean {
  return /^[A-Za-z0-9_.-]{2,1024}$/.test(key)
}

/** Whether text is an id: one to eight digits. */
export function isAgentId(id: string): boolean {
  return id.length <= idLengthMax && /^\d+$/.test(id)
}

/** Whether text is `any`, an address, or a network in CIDR form. */
export function isAgentAddress(ip: string): boolean {
  if (ip === 'any') return true
  const [address = '', bits, ...more] = ip.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

/** Reads one line of `client.keys`. */
export function parseKeyLine(line: string): KeyLine {
  if (line === '' || line.startsWith('#') || line.startsWith(' ')) return { kind: 'none' }
  const [id = '', name = '', ip = '', key = '', ...more] = line.split(' ')
  if (!isAgentId(id)) return { kind: 'none' }
  if (name.startsWith('!') || name.startsWith('#')) return { kind: 'removed', id }
  if (more.length > 0 || !isAgentName(name) || !isAgentAddress(ip) || !isAgentKey(key)) return { kind: 'none' }
  return { kind: 'agent', entry: { id, name, ip, key } }
}

/** The line of an agent, without its newline. */
export function keyLine({ id, name, ip, key }: KeyEntry): string {
  return `${id} ${name} ${ip} ${key}`
}

/** Derives the keys of both ciphers. Half of a digest is 15 characters here, not 16 (part 2). */
export function cipherKeys({ id, name, key }: Pick<KeyEntry, 'id' | 'name' | 'key'>): CipherKeys {
  const half = md5(md5(name) + md5(id)).slice(0, 15)
  const cipher = Buffer.from(md5(key) + half, 'latin1')
  return { aes: cipher.subarray(0, 32), blowfish: cipher }
}

/** The hash by which an agent shows in an enrolment request which key it holds: SHA-1, 40 hex characters. */
export function keyHash({ id, name, key }: Pick<KeyEntry, 'id' | 'name' | 'key'>): string {
  return createHash('sha1').update(`${id}${name}${key}`).digest('hex')
}

/** An id as it is written: at least three digits. */
export function formatAgentId(id: number): string {
  return String(id).padStart(3, '0')
}
