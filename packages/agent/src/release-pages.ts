/**
 * Giving back what only the start needed: most of Node's program, 50 MB of it, is touched once and then stays mapped. The
 * pages are the file's own, unchanged; the kernel brings back those that are used again from its cache. Nothing is lost,
 * and where it cannot be done everything stays as it was.
 */
import { readFileSync } from 'node:fs'
import koffi from 'koffi'

/** madvise(2). */
const dontNeed = 4
/** Smaller pieces are not worth the call, in kB. */
const sizeMin = 512

/** One mapping of a file. */
export interface Mapping {
  readonly start: bigint
  readonly length: number
}

/**
 * Mappings of files that nobody can have written to, out of the text of /proc/self/smaps: private, without the right to
 * write, and without a page that differs from the file.
 */
export function cleanMappings(smaps: string): Mapping[] {
  const found: Mapping[] = []
  for (const [, start = '', end = '', body = ''] of smaps.matchAll(
    /^([0-9a-f]+)-([0-9a-f]+) r-[x-]p [0-9a-f]+ [0-9a-f]+:[0-9a-f]+ [1-9]\d* +\/.*\n((?:[A-Z].*\n?)*)/gm,
  )) {
    const size = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(body)?.[1] ?? Number.NaN)
    if (size('Anonymous') !== 0 || size('Private_Dirty') !== 0 || size('Swap') !== 0 || !(size('Rss') >= sizeMin))
      continue
    const from = BigInt(`0x${start}`)
    found.push({ start: from, length: Number(BigInt(`0x${end}`) - from) })
  }
  return found
}

/** Gives the pages back; the number of mappings, 0 where it cannot be done. */
export function releasePages(): number {
  try {
    const madvise = koffi.load('libc.so.6').func('int madvise(uintptr_t, size_t, int)')
    let count = 0
    for (const { start, length } of cleanMappings(readFileSync('/proc/self/smaps', 'latin1'))) {
      const status: unknown = madvise(start, length, dontNeed)
      if (status === 0) count++
    }
    return count
  } catch {
    return 0
  }
}
