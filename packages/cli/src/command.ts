/** What a command is made of, and the few things that commands share. */
import { type Command, InvalidArgumentError } from 'commander'
import type { ExitCode } from './failure.ts'

/** What a command is given: where to speak, and the outside world as `environment.ts` read it. */
export interface CommandContext {
  /** A line for standard output: the answer. */
  readonly say: (line: string) => void
  /** A line for standard error: what is worth knowing beside the answer. */
  readonly note: (line: string) => void
  /** Standard error is a terminal, so progress may be shown. */
  readonly isTerminal: boolean
  /** The home folder for a value of `--home`. */
  readonly home: (flag: string | undefined) => string
  /** Hands over the exit status; without a call it is 0. */
  readonly finish: (code: ExitCode) => void
}

/** A command's own file exports one of these as `command`. */
export interface CommandModule {
  /** Adds arguments, options, examples and the action. */
  define(command: Command, context: CommandContext): void
}

/** One line of the table in `commands/index.ts`. */
export interface CommandEntry {
  /** Words after `dogwatch`: `['config', 'check']`. */
  readonly words: readonly [string, ...string[]]
  readonly summary: string
  /** The code is loaded only when the command is asked for: start-up stays short. */
  readonly load: () => Promise<{ readonly command: CommandModule }>
}

/** Adds examples to the help: what it does, and the line to type. */
export function addExamples(command: Command, examples: readonly (readonly [says: string, line: string])[]): void {
  const lines = examples.map(([says, line]) => `  # ${says}\n  $ ${line}`)
  command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
}

/** `--home`, the same in every command. */
export function addHome(command: Command): void {
  command.option(
    '--home <dir>',
    'home folder (default: $DOGWATCH_HOME, else ./var in a checkout, else /var/lib/dogwatch)',
  )
}

/** Reads a whole number within bounds, for an option. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (number >= min && number <= max) return number
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

/** Collects the values of an option that may be given several times. */
export function collect(value: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), value]
}

/** `1 error`, `2 errors`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
