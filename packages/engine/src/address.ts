/** Address lists of `srcip` and `dstip` conditions (spec: engine, part 6.7). */
import { isIP } from 'node:net'

/** An address as numbers: one for IPv4 (unsigned 32 bits), eight 16-bit groups for IPv6. */
type Address = { readonly v4: number } | { readonly v6: readonly number[] }

interface Network {
  readonly address: Address
  /** IPv4: mask bits as an unsigned number; IPv6: prefix length. */
  readonly mask: number
}

/** Networks of a list; `any` is null. */
export type AddressList = readonly Network[] | null

/** Reads `addr`, `addr/prefix`, IPv4 `addr/netmask` or `any`; undefined when it is none of these. A leading `!` has no effect, as in the reference. */
export function parseNetwork(text: string): Network | 'any' | undefined {
  const bare = text.trim().replace(/^!/, '')
  if (bare === 'any') return 'any'
  const slash = bare.indexOf('/')
  const address = parseAddress(slash === -1 ? bare : bare.slice(0, slash))
  if (address === null) return undefined
  if (slash === -1) return { address, mask: 'v4' in address ? 0xffffffff : 128 }
  const suffix = bare.slice(slash + 1)
  if ('v4' in address && suffix.includes('.')) {
    const mask = parseAddress(suffix)
    return mask !== null && 'v4' in mask ? { address, mask: mask.v4 } : undefined
  }
  if (!/^\d{1,3}$/.test(suffix)) return undefined
  const bits = Number(suffix)
  if ('v4' in address)
    return bits > 32 ? undefined : { address, mask: bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0 }
  return bits > 128 ? undefined : { address, mask: bits }
}

/** Whether the text is an address inside any network of the list; false for text that is no address. */
export function addressInList(list: AddressList, text: string): boolean {
  const address = parseAddress(text)
  if (address === null) return false
  if (list === null) return true
  return list.some((network) => inside(address, network))
}

function inside(address: Address, network: Network): boolean {
  if ('v4' in address) {
    return 'v4' in network.address && ((address.v4 ^ network.address.v4) & network.mask) === 0
  }
  if ('v4' in network.address) return false
  for (let bit = 0, group = 0; bit < network.mask; bit += 16, group++) {
    const width = Math.min(16, network.mask - bit)
    const mask = (0xffff << (16 - width)) & 0xffff
    if ((((address.v6[group] as number) ^ (network.address.v6[group] as number)) & mask) !== 0) return false
  }
  return true
}

export function parseAddress(text: string): Address | null {
  const kind = isIP(text)
  if (kind === 4) {
    let value = 0
    for (const part of text.split('.')) value = value * 256 + Number(part)
    return { v4: value }
  }
  if (kind !== 6 || text.includes('%')) return null
  let source = text
  const tail = /(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text)
  if (tail !== null) {
    const [, head, a, b, c, d] = tail
    source = `${head}${((Number(a) << 8) | Number(b)).toString(16)}:${((Number(c) << 8) | Number(d)).toString(16)}`
  }
  const [left = '', right] = source.split('::')
  const groups = (half: string): number[] =>
    half === '' ? [] : half.split(':').map((group) => Number.parseInt(group, 16))
  const head = groups(left)
  const end = right === undefined ? [] : groups(right)
  const zeros = right === undefined ? 0 : 8 - head.length - end.length
  return { v6: [...head, ...Array<number>(zeros).fill(0), ...end] }
}
