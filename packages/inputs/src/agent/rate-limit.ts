/** A token bucket for each sender, so that one address cannot enrol without end or try passwords. Time is an argument; memory is bounded. */
import { isIP } from 'node:net'

/** Addresses remembered; the one seen longest ago is forgotten, which gives it a full bucket. */
const addressesMax = 10_000

export class RateLimit {
  readonly #burst: number
  readonly #perSecond: number
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>()

  /** `burst` tokens at first, and so many more each second. */
  constructor(burst: number, perSecond: number) {
    this.#burst = burst
    this.#perSecond = perSecond
  }

  /** Takes tokens; false when there are not enough, and then takes none. */
  take(address: string, tokens: number, nowMs: number): boolean {
    const bucket = this.#bucket(address, nowMs)
    if (bucket.tokens < tokens) return false
    bucket.tokens -= tokens
    return true
  }

  /** Takes tokens that were earned by a failure, also where there are too few. */
  punish(address: string, tokens: number, nowMs: number): void {
    this.#bucket(address, nowMs).tokens -= tokens
  }

  #bucket(address: string, nowMs: number): { tokens: number; atMs: number } {
    const key = networkOf(address)
    const known = this.#buckets.get(key)
    this.#buckets.delete(key)
    const earned = known === undefined ? 0 : (Math.max(0, nowMs - known.atMs) / 1000) * this.#perSecond
    const tokens = known === undefined ? this.#burst : Math.min(this.#burst, known.tokens + earned)
    const bucket = { tokens, atMs: nowMs }
    this.#buckets.set(key, bucket)
    const [oldest] = this.#buckets.keys()
    if (this.#buckets.size > addressesMax && oldest !== undefined) this.#buckets.delete(oldest)
    return bucket
  }
}

/** An IPv6 sender has a whole /64 of addresses, so the first half counts. */
function networkOf(address: string): string {
  if (isIP(address) !== 6) return address
  const [head = '', tail = ''] = address.split('::')
  const before = head.split(':').filter((part) => part !== '')
  const after = tail.split(':').filter((part) => part !== '')
  const zeros = address.includes('::') ? new Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0') : []
  return [...before, ...zeros, ...after].slice(0, 4).join(':')
}
