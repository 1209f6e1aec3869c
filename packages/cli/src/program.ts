/**
 * The command line: finds the command in the table, loads its file, and runs it. Out comes an exit status; what goes wrong is said in one line on
 * standard error.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import type { CommandContext, CommandEntry } from './command.ts'
import { CliFailure, type ExitCode, exitCodes, failureLine } from './failure.ts'

/** Width of help, so that it is the same everywhere. */
export const helpWidth = 110

const epilogue = `
Exit status:
  0  done, or the check passed
  1  the check failed, or the answer is no
  2  the command line is wrong
  3  it cannot be done (a file is missing, a port is taken, the manager is not there)

Environment:
  DOGWATCH_HOME     home folder, where --home is not given
  DOGWATCH_DEBUG=1  stack traces with errors`

/** What groups of commands are for. */
const groups: Readonly<Record<string, string>> = {
  agents: 'agents on other hosts, and their groups',
  certs: 'certificates of this installation',
  config: 'the configuration file',
  k8s: 'Kubernetes clusters that send their audit events',
  ruleset: 'decoders, rules and lists',
  store: 'the searchable store of alerts',
}

export interface ProgramOutput {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

/** The whole program; only the commands that `argv` may mean are loaded. `all` loads every one, for the reference page. */
export async function makeProgram(
  entries: readonly CommandEntry[],
  argv: readonly string[],
  context: CommandContext,
  { out, err }: ProgramOutput,
  all = false,
): Promise<Command> {
  const program = new Command('dogwatch')
  const settle = (command: Command): Command =>
    command
      .exitOverride()
      // What stands behind a command is that command's: `agent` and `agent status` both have `--home`.
      .enablePositionalOptions()
      .configureOutput({
        writeOut: out,
        writeErr: err,
        getOutHelpWidth: () => helpWidth,
        getErrHelpWidth: () => helpWidth,
      })
      .showHelpAfterError(`(see: ${nameOf(command)} --help)`)
      .helpOption('-h, --help', 'show this help')
      .helpCommand(false)
      // The same whether or not a command's file has been loaded.
      .configureHelp({ subcommandTerm: (below) => below.name() })
  settle(program)
  program
    .description('Security monitoring for Kubernetes clusters and the nodes under them.')
    .version(version(), '-V, --version', 'show the version')
    .usage('<command> [options]')
    .addHelpText('after', epilogue)
  for (const entry of entries) {
    const parent = entry.words.slice(0, -1).reduce((above, word) => {
      const known = above.commands.find((command) => command.name() === word)
      if (known !== undefined) return known
      const group = above.command(word).description(groups[word] ?? '')
      settle(group).usage('<command> [options]')
      return group
    }, program)
    const command = parent.command(entry.words.at(-1) ?? '').description(entry.summary)
    settle(command)
    const isMeant = entry.words.every((word, n) => argv[n] === word)
    if (isMeant || all) (await entry.load()).command.define(command, context)
  }
  return program
}

/** Runs `argv` (without node and script) and gives the exit status; never throws. */
export async function runProgram(
  entries: readonly CommandEntry[],
  argv: readonly string[],
  context: Omit<CommandContext, 'finish'>,
  output: ProgramOutput,
  showsStacks: boolean,
): Promise<ExitCode> {
  let status: ExitCode = exitCodes.ok
  const finish = (code: ExitCode): void => {
    status = code
  }
  try {
    const program = await makeProgram(entries, argv, { ...context, finish }, output)
    await program.parseAsync(argv, { from: 'user' })
    return status
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.code === 'commander.helpDisplayed' || error.code === 'commander.version'
        ? exitCodes.ok
        : exitCodes.usage
    }
    output.err(`dogwatch: ${failureLine(error)}\n`)
    if (showsStacks && error instanceof Error) output.err(`${error.stack}\n`)
    return error instanceof CliFailure ? error.exitCode : exitCodes.impossible
  }
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`
}

/** Version of this package. */
export function version(): string {
  const text = readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')
  return /"version": *"([^"]+)"/.exec(text)?.[1] ?? 'unknown'
}
