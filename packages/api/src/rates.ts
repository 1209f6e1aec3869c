/** How often one address, or one user at it, may ask (spec: api, part 1), and what counts as one address. */
import { isIPv6 } from 'node:net'

/** Requests of one address in a minute. */
export const requestsPerMinute = 300
/** And of one logged-in user at one address: a page with a dozen charts, refreshed every few seconds. */
export const userRequestsPerMinute = 1200
/** Files of the page of one address: a first load takes some forty, and many people may sit behind one address. */
export const pageFilesPerMinute = 3000

/**
 * The address as it is counted: of IPv6 its network of 64 bits, since who has one address there has all of them. A mapped IPv4 address is the address itself.
 */
export function countedAddress(ip: string): string {
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(ip)?.[1]
  if (mapped !== undefined) return mapped
  if (!isIPv6(ip)) return ip
  const [head = '', tail] = (ip.split('%', 1)[0] ?? '').split('::')
  const front = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const back = tail === '' ? [] : tail.split(':')
    // An address in dots at the end stands for two groups.
    const groups = back.length + (back.at(-1)?.includes('.') === true ? 1 : 0)
    while (front.length + groups < 8) front.push('0')
    front.push(...back)
  }
  return `${front
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
