/** Counters that only grow, looked at again and again, as rates. */
import { useEffect, useState } from 'react'

export type Sample = Readonly<Record<string, unknown>>

interface Seen {
  readonly atMs: number
  readonly counters: Sample
  /** Per second since the look before. */
  readonly rates: Sample
}

/** Looks that are kept: five minutes of one every three seconds. */
const kept = 100

/** Rates between two looks; a counter that fell (the manager was started anew) counts from zero. */
export function ratesOf(before: Sample, after: Sample, seconds: number): Sample {
  return Object.fromEntries(
    Object.entries(after).flatMap(([name, value]) => {
      const old = before[name]
      if (typeof value !== 'number' || typeof old !== 'number' || seconds <= 0) return []
      return [[name, Math.round((10 * Math.max(0, value >= old ? value - old : value)) / seconds) / 10]]
    }),
  )
}

export function useSamples(counters: Sample | undefined, atMs: number): readonly Seen[] {
  const [samples, setSamples] = useState<readonly Seen[]>([])
  useEffect(() => {
    if (counters === undefined) return
    setSamples((old) => {
      const last = old.at(-1)
      if (last?.atMs === atMs) return old
      const rates = last === undefined ? {} : ratesOf(last.counters, counters, (atMs - last.atMs) / 1000)
      return [...old, { atMs, counters, rates }].slice(-kept)
    })
  }, [counters, atMs])
  return samples.filter(({ rates }) => Object.keys(rates).length > 0)
}
