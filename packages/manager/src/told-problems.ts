/**
 * What of a configuration's and a ruleset's problems goes to the log: errors always, warnings gathered by kind and only those that were not told before, so
 * that a reload does not repeat what an operator has read. Pure: what was told goes in and comes out.
 */
import { formatProblem, gatherProblems, type Problem } from '@dogwatch/schema'

export interface Telling {
  readonly errors: readonly string[]
  /** Warnings that are new. */
  readonly warnings: readonly string[]
  /** How many were told before and still hold. */
  readonly againCount: number
  /** All warnings that hold, told now or before. */
  readonly holding: ReadonlySet<string>
}

export function tellOnce(problems: readonly Problem[], told: ReadonlySet<string>): Telling {
  const errors: string[] = []
  const holding = new Set<string>()
  for (const problem of gatherProblems(problems)) {
    const line = formatProblem(problem)
    if (problem.severity === 'error') errors.push(line)
    else holding.add(line)
  }
  const warnings = [...holding].filter((line) => !told.has(line))
  return { errors, warnings, againCount: holding.size - warnings.length, holding }
}
