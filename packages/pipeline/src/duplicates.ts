/**
 * The duplicate window: has an item of the same bytes come within the last ten minutes? (contracts.md 3)
 *
 * In: the first 96 bits of an item's SHA-256 (cluster included) and its arrival in seconds, in event order. Out: yes or no; a no is remembered.
 * Open addressing in typed arrays, 14 bytes a slot, grown and shrunk as needed up to `slotsMax`; when even that is full the oldest entries are
 * forgotten early and counted, so memory stays bounded and a repeated event is at worst reported twice. Time is the event's own, so a replay
 * gives the same answers.
 *
 * `newEntries` and `remember` carry the window over a restart: what was added since the last checkpoint is appended to a small log (see
 * `duplicate-log.ts`), since reading and splitting ten minutes of bodies again would take as long as they took to arrive.
 */

/** How long a repetition counts as one, seconds (contracts.md 3). */
export const windowSecondsDefault = 600
/** 4 Mi slots, 59 MB, hold three million items. */
export const slotsMaxDefault = 1 << 22
const slotsMin = 1 << 12
/** Words of a hash. */
export const hashWords = 3
/** Words of a log entry: the hash and the arrival in seconds. */
export const entryWords = 4

export interface DuplicateCounters {
  duplicates: number
  /** Entries forgotten before their ten minutes were over. */
  forgottenEarly: number
}

export class DuplicateWindow {
  readonly counters: DuplicateCounters = { duplicates: 0, forgottenEarly: 0 }
  readonly #windowSeconds: number
  readonly #slotsMax: number
  #mask: number
  /** Three words a slot. */
  #hashes: Uint32Array
  /** Arrival in seconds since `#base` plus one; 0 marks a slot that was never used. */
  #stamps: Uint16Array
  #used = 0
  #base = 0
  #newest = 0
  #log: Uint32Array | null = null
  #logWords = 0

  constructor(
    options: { readonly windowSeconds?: number; readonly slotsMax?: number; readonly keepsLog?: boolean } = {},
  ) {
    this.#windowSeconds = options.windowSeconds ?? windowSecondsDefault
    this.#slotsMax = options.slotsMax ?? slotsMaxDefault
    this.#mask = Math.min(slotsMin, this.#slotsMax) - 1
    this.#hashes = new Uint32Array((this.#mask + 1) * hashWords)
    this.#stamps = new Uint16Array(this.#mask + 1)
    if (options.keepsLog === true) this.#log = new Uint32Array(1024)
  }

  /** Slots in use, expired ones included; and bytes of the table. */
  get size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#used, bytes: this.#hashes.byteLength + this.#stamps.byteLength }
  }

  /** Was this seen within the window? If not it is remembered as of now. The first sighting counts: repetitions do not prolong it. */
  seen(a: number, b: number, c: number, seconds: number): boolean {
    if (this.#find(a, b, c, seconds)) {
      this.counters.duplicates += 1
      return true
    }
    if (this.#log) this.#note(a, b, c, seconds)
    return false
  }

  /** Puts entries back, as `newEntries` gave them; those that are over at `nowSeconds` are passed over. */
  remember(entries: Uint32Array, nowSeconds: number): void {
    for (let at = 0; at + entryWords <= entries.length; at += entryWords) {
      const seconds = entries[at + 3] as number
      if (seconds + this.#windowSeconds < nowSeconds) continue
      this.#find(entries[at] as number, entries[at + 1] as number, entries[at + 2] as number, seconds)
    }
  }

  /** Entries added since the last call, four words each. */
  newEntries(): Uint32Array {
    const entries = this.#log?.slice(0, this.#logWords) ?? new Uint32Array(0)
    this.#logWords = 0
    return entries
  }

  /** True when it is there; else puts it in. */
  #find(a: number, b: number, c: number, seconds: number): boolean {
    this.#advance(seconds)
    const now = Math.max(1, seconds - this.#base + 1)
    const oldest = this.#newest - this.#base + 1 - this.#windowSeconds
    const hashes = this.#hashes
    const stamps = this.#stamps
    const mask = this.#mask
    let free = -1
    let slot = (a ^ (a >>> 15)) & mask
    for (;;) {
      const stamp = stamps[slot] as number
      if (stamp === 0) break
      const at = slot * hashWords
      const isLive = stamp >= oldest
      if (isLive && hashes[at] === a && hashes[at + 1] === b && hashes[at + 2] === c) return true
      if (!isLive && free < 0) free = slot
      slot = (slot + 1) & mask
    }
    if (free >= 0) slot = free
    else this.#used += 1
    hashes[slot * hashWords] = a
    hashes[slot * hashWords + 1] = b
    hashes[slot * hashWords + 2] = c
    stamps[slot] = now
    if (this.#used * 4 > (mask + 1) * 3) this.#rebuild()
    return false
  }

  /** Moves the window on. Arrival times that go back a little count as the newest seen; a clock set back by more than a window begins anew. */
  #advance(seconds: number): void {
    const isFirst = this.#newest === 0
    const isFarAhead = seconds - this.#newest > this.#windowSeconds
    const isFarBack = this.#newest - seconds > this.#windowSeconds
    if (isFirst || isFarAhead || isFarBack) {
      if (!isFirst) this.#clear()
      this.#base = seconds - this.#windowSeconds
      this.#newest = seconds
      return
    }
    if (seconds <= this.#newest) return
    this.#newest = seconds
    if (seconds - this.#base + 1 > 0xffff) this.#rebuild()
  }

  #clear(): void {
    this.#mask = Math.min(slotsMin, this.#slotsMax) - 1
    this.#hashes = new Uint32Array((this.#mask + 1) * hashWords)
    this.#stamps = new Uint16Array(this.#mask + 1)
    this.#used = 0
  }

  /** Drops what is over and chooses a table for what is left; also moves the base of the stamps. */
  #rebuild(): void {
    const { hashes, stamps } = { hashes: this.#hashes, stamps: this.#stamps }
    const newest = this.#newest - this.#base + 1
    let oldest = Math.max(1, newest - this.#windowSeconds)
    let live = countFrom(stamps, oldest)
    const roomMax = this.#slotsMax >> 1
    if (live > roomMax) {
      const before = live
      oldest = stampKeeping(stamps, oldest, newest, roomMax)
      live = countFrom(stamps, oldest)
      this.counters.forgottenEarly += before - live
    }
    let slots = Math.min(slotsMin, this.#slotsMax)
    while (slots < this.#slotsMax && live * 2 > slots) slots *= 2
    const shift = oldest - 1
    this.#mask = slots - 1
    this.#hashes = new Uint32Array(slots * hashWords)
    this.#stamps = new Uint16Array(slots)
    this.#used = live
    for (let slot = 0; slot < stamps.length; slot += 1) {
      const stamp = stamps[slot] as number
      if (stamp >= oldest) this.#place(hashes, slot * hashWords, stamp - shift)
    }
    this.#base += shift
  }

  #place(from: Uint32Array, at: number, stamp: number): void {
    const a = from[at] as number
    let slot = (a ^ (a >>> 15)) & this.#mask
    while (this.#stamps[slot] !== 0) slot = (slot + 1) & this.#mask
    this.#hashes.set(from.subarray(at, at + hashWords), slot * hashWords)
    this.#stamps[slot] = stamp
  }

  #note(a: number, b: number, c: number, seconds: number): void {
    let log = this.#log as Uint32Array
    if (this.#logWords + entryWords > log.length) {
      const larger = new Uint32Array(log.length * 2)
      larger.set(log)
      this.#log = log = larger
    }
    log[this.#logWords] = a
    log[this.#logWords + 1] = b
    log[this.#logWords + 2] = c
    log[this.#logWords + 3] = seconds
    this.#logWords += entryWords
  }
}

function countFrom(stamps: Uint16Array, oldest: number): number {
  let count = 0
  for (const stamp of stamps) if (stamp >= oldest) count += 1
  return count
}

/** The lowest stamp from which on at most `room` entries are left; a single second with more than that is forgotten whole. */
function stampKeeping(stamps: Uint16Array, oldest: number, newest: number, room: number): number {
  const counts = new Uint32Array(0x10000)
  for (const stamp of stamps) counts[stamp] = (counts[stamp] as number) + 1
  let kept = 0
  for (let stamp = newest; stamp >= oldest; stamp -= 1) {
    kept += counts[stamp] as number
    if (kept > room) return stamp + 1
  }
  return oldest
}
