/** Names of a server: what a certificate's SAN holds. In go names as typed or the machine's own, out come checked DNS names and addresses. */
import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { CertsError } from './error.ts'

/** One entry of a subject alternative name. */
export interface AltName {
  readonly type: 'dns' | 'ip'
  readonly value: string
}

/** Most entries of one certificate; a machine with hundreds of bridges would otherwise make handshakes fat. */
export const altNamesMax = 100

const dnsName =
  /^(?=.{1,253}$)(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i

/** Checks names as a person gives them (DNS name, wildcard, IPv4, IPv6 with or without brackets); CertsError NAME_INVALID otherwise. */
export function altNamesOf(names: readonly string[]): AltName[] {
  return names.map((name) => {
    const bare = name.trim().replace(/^\[(.*)\]$/, '$1')
    const alt = altNameOf(bare)
    if (alt) return alt
    throw new CertsError(
      'NAME_INVALID',
      `"${name}" is neither a DNS name nor an IP address; give a name without scheme and port`,
    )
  })
}

/** Names under which this machine is reached: localhost, the host's name, and its addresses except link-local ones. */
export function foundAltNames(): AltName[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .filter(({ address, internal }) => !internal && !/^fe80:/i.test(address))
    .map(({ address }) => address)
  const host = hostname()
  const names = ['localhost', '127.0.0.1', '::1', host, ...addresses]
  return uniqueAltNames(names.map(altNameOf).filter((alt) => alt !== null))
}

/** Each name once, first come first, at most `altNamesMax`. */
export function uniqueAltNames(names: readonly AltName[]): AltName[] {
  const seen = new Map(names.map((alt) => [keyOf(alt), alt] as const))
  return [...seen.values()].slice(0, altNamesMax)
}

/** Those of `wanted` that `present` lacks; a wildcard covers one label. */
export function missingAltNames(wanted: readonly AltName[], present: readonly AltName[]): AltName[] {
  const keys = new Set(present.map(keyOf))
  return wanted.filter(
    (alt) => !keys.has(keyOf(alt)) && !(alt.type === 'dns' && keys.has(`dns:${wildcardOf(alt.value)}`)),
  )
}

/** Reads Node's `subjectAltName` text (`DNS:a, IP Address:192.0.2.1`); other kinds of entries are left out. */
export function parseAltNames(text: string | undefined): AltName[] {
  if (text === undefined) return []
  return text.split(', ').flatMap((entry): AltName[] => {
    const [, kind, value] = /^(DNS|IP Address):(.+)$/.exec(entry) ?? []
    if (value === undefined) return []
    return [kind === 'DNS' ? { type: 'dns', value: value.replace(/^"(.*)"$/, '$1') } : { type: 'ip', value }]
  })
}

function altNameOf(name: string): AltName | null {
  if (isIP(name) !== 0) return name.includes('%') ? null : { type: 'ip', value: name }
  return dnsName.test(name) && !/^[\d.]+$/.test(name) ? { type: 'dns', value: name.toLowerCase() } : null
}

function keyOf({ type, value }: AltName): string {
  return `${type}:${type === 'ip' ? canonicalAddress(value) : value.toLowerCase()}`
}

/** IPv6 has many spellings and OpenSSL prints one of its own (`0:0:0:0:0:0:0:1`); the URL parser knows the canonical one. */
function canonicalAddress(address: string): string {
  return isIP(address) === 6 ? new URL(`http://[${address}]/`).hostname : address
}

function wildcardOf(name: string): string {
  return `*.${name.split('.').slice(1).join('.')}`
}
