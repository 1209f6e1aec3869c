/** Lock-out against guessing: counts failed logins by address, and by user and address. Bounded: the oldest counts go first. */

/** Failures after which an address, and a user from an address, is locked out (spec: api, part 1 has 50). */
const perAddressMax = 50
const perUserMax = 10
/** How long, in milliseconds, counted from the last failure. */
export const lockMs = 300_000
const countsMax = 10_000

export interface Guesses {
  isLocked(user: string, address: string): boolean
  failed(user: string, address: string): void
  succeeded(user: string, address: string): void
}

export function countGuesses(now: () => number): Guesses {
  const counts = new Map<string, { count: number; lastMs: number }>()
  const keys = (user: string, address: string) =>
    [
      [`a ${address}`, perAddressMax],
      [`u ${address} ${user}`, perUserMax],
    ] as const
  const current = (key: string) => {
    const known = counts.get(key)
    return known !== undefined && now() - known.lastMs < lockMs ? known.count : 0
  }
  return {
    isLocked: (user, address) => keys(user, address).some(([key, max]) => current(key) >= max),
    failed(user, address) {
      for (const [key] of keys(user, address)) {
        const count = current(key) + 1
        counts.delete(key)
        counts.set(key, { count, lastMs: now() })
      }
      for (const key of counts.keys()) {
        if (counts.size <= countsMax) break
        counts.delete(key)
      }
    },
    // Only the user's own count: one good password does not excuse an address that tries many names.
    succeeded: (user, address) => void counts.delete(`u ${address} ${user}`),
  }
}
