/** A bound on how many things happen a second. In goes a limit; `turn` resolves when one more may happen. */
import { setTimeout as sleep } from 'node:timers/promises'

/** What a pace needs of time. Milliseconds, of a clock that never goes back. */
export interface Clock {
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<unknown>
}

export const monotonicClock: Clock = { now: () => performance.now(), sleep: (ms) => sleep(ms) }

/** Lets `perSecond` things happen in each second, the rest waits for the next; 0 is no limit. */
export class Pace {
  readonly #perSecond: number
  readonly #clock: Clock
  #since = Number.NEGATIVE_INFINITY
  #done = 0

  constructor(perSecond: number, clock: Clock = monotonicClock) {
    this.#perSecond = perSecond
    this.#clock = clock
  }

  async turn(): Promise<void> {
    if (this.#perSecond === 0) return
    for (;;) {
      const now = this.#clock.now()
      if (now - this.#since >= 1000) {
        this.#since = now
        this.#done = 0
      }
      if (this.#done < this.#perSecond) {
        this.#done++
        return
      }
      await this.#clock.sleep(Math.max(1, 1000 - (now - this.#since)))
    }
  }
}
