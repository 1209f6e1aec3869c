/**
 * Message counters (spec: agent-protocol, part 3.4): what a sender writes, and what a receiver has seen.
 *
 * The window remembers the newest counter and which of the few hundred before it have come: threads of one agent overtake each other, and UDP
 * reorders; what is older, or has come, is a replay. Whoever lost its counters for good is let in again by answering a question that only the
 * owner of the key can answer (`reset`), never by time.
 */

/** A pair of counters; compare with `counterOrder`. */
export interface Counter {
  /** 0 to 4294967295. */
  readonly global: number
  /** 1 to 9997. */
  readonly local: number
}

/** Last value of the lower counter before it starts at 1 again (part 3.4). */
export const localMax = 9997

/** Counters as one number that grows by one a message; exact, below 2^46. */
export function counterOrder({ global, local }: Counter): number {
  return global * 10_000 + local
}

/** As in the files of `queue/rids`: `7:42:`. */
export function formatCounter({ global, local }: Counter): string {
  return `${global}:${local}:`
}

/** Reads a counter file; null when it holds none. */
export function parseCounter(text: string): Counter | null {
  const match = /^(\d{1,10}):(\d{1,4}):/.exec(text)
  if (match === null) return null
  const counter = { global: Number(match[1]), local: Number(match[2]) }
  return counter.global <= 0xffff_ffff ? counter : null
}

/** The counter after another one. */
export function nextCounter({ global, local }: Counter): Counter {
  return local >= localMax ? { global: global + 1, local: 1 } : { global, local: local + 1 }
}

/** How far behind the newest a message may be, in messages. */
export const reorderMax = 256

/** What a receiver has seen of one sender. */
export class ReplayWindow {
  #newest: number
  readonly #seen = new Set<number>()
  /** Below this everything counts as seen: the window begins at what was remembered over a restart. */
  #floor: number

  /** `last` is what was remembered; everything up to it has been seen. Null: nothing was. */
  constructor(last: Counter | null) {
    this.#newest = last === null ? -1 : counterOrder(last)
    this.#floor = this.#newest
  }

  /** Whether the counter is new; then it is seen from now on. */
  accept(counter: Counter): boolean {
    const order = counterOrder(counter)
    if (this.#isOld(order)) return false
    this.#seen.add(order)
    if (order > this.#newest) {
      this.#newest = order
      if (this.#seen.size > 2 * reorderMax) this.#forget()
    }
    return true
  }

  /** Whether the counter would be refused. */
  isReplay(counter: Counter): boolean {
    return this.#isOld(counterOrder(counter))
  }

  /** The sender has proven that it is itself and counts from here. */
  reset(counter: Counter): void {
    this.#newest = counterOrder(counter)
    this.#floor = this.#newest
    this.#seen.clear()
  }

  #isOld(order: number): boolean {
    return order <= this.#floor || order <= this.#newest - reorderMax || this.#seen.has(order)
  }

  #forget(): void {
    for (const order of this.#seen) if (order <= this.#newest - reorderMax) this.#seen.delete(order)
  }
}
