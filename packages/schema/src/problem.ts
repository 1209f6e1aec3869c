/** What is wrong with a file that a person wrote: collected, never thrown one by one, so that all of a ruleset's mistakes come in one report. */

/** A place in a file; line and column count from 1, the column in bytes. */
export interface SourceSpan {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** `error` refuses the whole; `warning` is said and passed over, as the reference does. */
export type Severity = 'error' | 'warning'

export interface Problem {
  readonly severity: Severity
  /** Stable, upper case, from the table in `codes.ts` or the room's own table. */
  readonly code: string
  readonly at: SourceSpan
  /** What is wrong and what to do, without the place. */
  readonly message: string
  /** The line in question, where it is known. */
  readonly lineText?: string
  /** What is amiss, such as a list's name, where many problems may have the same cause. */
  readonly about?: string
}

/** So many warnings of one code are told one by one; of more, the first stands for all. */
const alikeMax = 3
/** Causes that the stand-in names. */
const causesMax = 10

/**
 * Problems for a log, which is read while other things happen: errors as they are, warnings of one code gathered into one as soon as there are more than a
 * few. A report on the ruleset itself shows them all.
 */
export function gatherProblems(problems: readonly Problem[]): Problem[] {
  const alike = new Map<string, Problem[]>()
  for (const problem of problems) {
    if (problem.severity === 'error') continue
    const others = alike.get(problem.code)
    if (others === undefined) alike.set(problem.code, [problem])
    else others.push(problem)
  }
  return problems.flatMap((problem) => {
    const group = problem.severity === 'error' ? [] : (alike.get(problem.code) ?? [])
    if (group.length <= alikeMax) return [problem]
    return group[0] === problem ? [standIn(problem, group)] : []
  })
}

function standIn(first: Problem, group: readonly Problem[]): Problem {
  const causes = [...new Set(group.flatMap(({ about }) => (about === undefined ? [] : [about])))]
  const named = causes.slice(0, causesMax).join(', ')
  const more = causes.length > causesMax ? ` and ${causes.length - causesMax} more` : ''
  const because = causes.length === 0 ? '' : `, about ${named}${more}`
  const message = `${first.message} (${group.length} warnings of this kind${because}; dogwatch ruleset check shows them all)`
  return { ...first, message }
}

/** `file:line:column: message`, the line itself beneath when it is known. */
export function formatProblem({ severity, at, message, lineText }: Problem): string {
  const head = `${at.file}:${at.line}:${at.column}: ${severity}: ${message}`
  return lineText === undefined ? head : `${head}\n    ${lineText.trimEnd().slice(0, 200)}`
}
