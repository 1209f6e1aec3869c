/**
 * A deadline for work that may run hostile subjects through backtracking patterns (stack.md part 2). V8's own timeout
 * interrupts a regular expression in the middle; it costs 90 to 270 microseconds a call, so guard batches, not events.
 */
import { Script } from 'node:vm'
import type { Pattern } from './contract.ts'

/** The outcome of guarded work. `running` is the pattern that was at work when time ran out, if it was one. */
export type Guarded<T> =
  | { readonly done: true; readonly value: T }
  | { readonly done: false; readonly running: Pattern | null }

let running: Pattern | null = null

/** Notes the backtracking pattern that is at work now; null when it is through. */
export function noteRunning(pattern: Pattern | null): void {
  running = pattern
}

let left: ReadonlySet<Pattern> | null = null

/** Whether a backtracking pattern may run; when not, it answers that it does not match. */
export function mayRun(pattern: Pattern): boolean {
  return left === null || !left.has(pattern)
}

/** Runs `work` with some backtracking patterns left out: they match nothing meanwhile. For the retry of an event on which they ran away. */
export function withoutPatterns<T>(patterns: ReadonlySet<Pattern>, work: () => T): T {
  const before = left
  left = patterns
  try {
    return work()
  } finally {
    left = before
  }
}

const slot = Symbol('dogwatch.pattern.guarded')
const script = new Script(`globalThis[Symbol.for('dogwatch.pattern.guarded')]()`)
const key = Symbol.for(slot.description ?? '')

/** Runs `work`, at most for `ms` milliseconds. Its own exceptions pass through. Do not nest. */
export function withDeadline<T>(ms: number, work: () => T): Guarded<T> {
  let outcome: { readonly value: T } | null = null
  const held = Reflect.get(globalThis, key)
  Reflect.set(globalThis, key, () => {
    outcome = { value: work() }
  })
  running = null
  try {
    script.runInThisContext({ timeout: ms })
  } catch (thrown) {
    if (isTimeout(thrown)) return { done: false, running }
    throw thrown
  } finally {
    running = null
    Reflect.set(globalThis, key, held)
  }
  if (outcome === null) throw new Error('guarded work ended without an outcome')
  return { done: true, value: (outcome as { readonly value: T }).value }
}

function isTimeout(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
}
