/** Exit codes, and an error that is one line for a person. */

/** What a script can tell from a command's exit status. */
export const exitCodes = {
  /** Done; the check passed. */
  ok: 0,
  /** The check failed, or the answer is no. */
  negative: 1,
  /** The command line is wrong. */
  usage: 2,
  /** It cannot be done: a file is missing, a port taken, the manager not there. */
  impossible: 3,
} as const
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** An expected failure: printed as one line, without a stack. The message says where it went wrong and what to do. */
export class CliFailure extends Error {
  readonly exitCode: ExitCode
  constructor(message: string, exitCode: ExitCode = exitCodes.impossible, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CliFailure'
    this.exitCode = exitCode
  }
}

/** One line for any thrown value; system errors name the file. */
export function failureLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/\s*\n\s*/g, '; ').slice(0, 2000)
}
