/**
 * How full the spool is, said to the manager in the words of Wazuh's agent (spec: agent-protocol, part 11): rules 201 to
 * 205 know them. In go the filling and the time, out come notices. Pure; a full spool loses nothing here, it makes
 * collectors wait.
 */

export type BufferLevel = 'normal' | '90%' | 'full' | 'flooded'

const warnAt = 0.9
const normalAt = 0.7
/** Full for so long is flooded, in milliseconds. */
const floodedMs = 15_000

export class BufferState {
  level: BufferLevel = 'normal'
  #fullSinceMs: number | null = null

  /** Takes a look: `share` of the space that is used, and whether messages wait for space. Gives the text to send, or null. */
  look(share: number, isFull: boolean, nowMs: number): string | null {
    const level = this.#next(share, isFull, nowMs)
    if (level === this.level) return null
    this.level = level
    return `wazuh: Agent buffer: '${level}'.`
  }

  #next(share: number, isFull: boolean, nowMs: number): BufferLevel {
    if (isFull) {
      this.#fullSinceMs ??= nowMs
      if (this.level === 'flooded') return 'flooded'
      return nowMs - this.#fullSinceMs >= floodedMs ? 'flooded' : 'full'
    }
    this.#fullSinceMs = null
    if (share <= normalAt) return 'normal'
    // Between the two bounds nothing is said anew: a level holds until the space is really free again.
    if (this.level !== 'normal') return this.level
    return share >= warnAt ? '90%' : 'normal'
  }
}
