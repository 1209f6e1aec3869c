/**
 * Keeping the threads small: each has the whole ruleset, so what V8 lets lie about counts several times.
 *
 * The main thread gets the same by flags of the launcher (scripts/bootstrap.cjs), for V8 reads them at its start only. Measured on 150,000 mixed events in one
 * thread: 375 MB of peak memory with V8's own young generation (64 MB a semi-space), 275 MB with semi-spaces of 16 or 4 MB, at the same CPU time.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** A young generation is three semi-spaces, of 4 MB each here: events die young. */
const youngGenerationMb = 12

/**
 * Bounds of a worker's heap. The limit of the old generation is far above what a ruleset needs; it is there because V8 lets a heap with a low limit grow
 * by less between collections.
 */
export const workerLimits = { maxYoungGenerationSizeMb: youngGenerationMb, maxOldGenerationSizeMb: 768 }

/** Collects what compiling a ruleset left behind (some 100 MB), before it becomes the size from which the heap grows. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
}
