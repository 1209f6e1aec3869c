/** Addresses of senders: normalised, and whether they lie in what was registered or allowed. In: text. Out: text and answers. Nothing throws on input. */
import { BlockList, isIP } from 'node:net'

/** An IPv4 address that came over an IPv6 socket, in its own form; no zone behind it. */
export function plainAddress(address: string | undefined): string {
  const text = (address ?? '').replace(/%.*$/, '')
  return /^::ffff:\d{1,3}(?:\.\d{1,3}){3}$/i.test(text) ? text.slice(7) : text
}

/** A set of addresses and networks; what cannot be read is left out. */
export class AddressSet {
  readonly #list = new BlockList()
  #takesAll = false

  constructor(networks: readonly string[]) {
    for (const network of networks) this.#add(network)
  }

  has(address: string): boolean {
    if (this.#takesAll) return true
    const family = isIP(address)
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }

  #add(network: string): void {
    if (network === 'any') {
      this.#takesAll = true
      return
    }
    const [address = '', bits] = network.split('/')
    const family = isIP(address)
    if (family === 0) return
    const type = family === 6 ? 'ipv6' : 'ipv4'
    const max = family === 6 ? 128 : 32
    const length = bits === undefined ? max : prefixLength(bits, max)
    if (length !== null) this.#list.addSubnet(address, length, type)
  }
}

/** A prefix length: a number, or an IPv4 mask such as 255.255.0.0. */
function prefixLength(text: string, max: number): number | null {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= max ? Number(text) : null
  if (isIP(text) !== 4) return null
  const bits = text
    .split('.')
    .map((part) => Number(part).toString(2).padStart(8, '0'))
    .join('')
  return /^1*0*$/.test(bits) ? bits.replace(/0/g, '').length : null
}
