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
}

/** `file:line:column: message`, the line itself beneath when it is known. */
export function formatProblem({ severity, at, message, lineText }: Problem): string {
  const head = `${at.file}:${at.line}:${at.column}: ${severity}: ${message}`
  return lineText === undefined ? head : `${head}\n    ${lineText.trimEnd().slice(0, 200)}`
}
