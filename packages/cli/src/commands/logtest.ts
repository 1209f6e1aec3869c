/** `dogwatch logtest`: what becomes of a log line, and why. */
import { randomBytes } from 'node:crypto'
import { gatherProblems, type Problem } from '@dogwatch/schema'
import { InvalidArgumentError } from 'commander'
import { addExamples, addHome, type CommandModule } from '../command.ts'
import { CliFailure } from '../failure.ts'
import { LogtestProtocol } from '../logtest-protocol.ts'
import { runLogtest } from '../logtest-run.ts'
import { serveLogtest } from '../logtest-server.ts'
import { version } from '../program.ts'
import { findRuleset, loadRuleset, rulesetOrFailure } from '../ruleset-sources.ts'
import { latin1Lines } from '../text-lines.ts'

interface Options {
  readonly ruleset?: readonly string[]
  readonly home?: string
  readonly location?: string
  readonly verbose?: boolean
  readonly quiet?: boolean
  readonly unitTest?: readonly [string, string, string]
  readonly json?: boolean
  readonly explain?: boolean
  readonly debug?: boolean
  readonly serve?: string
  readonly version?: boolean
}

export const command: CommandModule = {
  define(command, { say, note, home, finish }) {
    command.option(
      '--ruleset <dirs...>',
      'folders with decoders/, rules/ and lists/, or such folders or files themselves (default: what ossec.conf names)',
    )
    addHome(command)
    command
      .option('-l, --location <text>', 'where the events come from (default: stdin)')
      .option('-v, --verbose', 'show every rule that was tried')
      .option('-q, --quiet', 'print no answers; for -U')
      .option(
        '-U, --unit-test <rule:level:decoder>',
        'compare the last answer; see the exit status below',
        readExpected,
      )
      .option('--json', 'one JSON answer a line; a line {"event":…,"location":…} may bring its own location')
      .option('--explain', 'show what was tried, and the first condition that failed in each candidate')
      .option('-d, --debug', 'show warnings of the ruleset with their lines')
      .option('--serve <socket>', 'answer on a unix socket instead, by the logtest protocol')
      .option('-V, --version', 'show the version')
      .action(async (options: Options) => {
        if (options.version) {
          say(version())
          return
        }
        const homeOf = (): string => home(options.home)
        if (options.serve !== undefined) {
          await serve(options.serve, options, homeOf, note)
          return
        }
        const { ruleset, warnings } = rulesetOrFailure(options.ruleset, homeOf, note)
        if (options.debug) for (const { lineText } of warnings) if (lineText !== undefined) note(lineText.trim())
        const status = await runLogtest({
          ruleset,
          warnings: gatherProblems(warnings).map(oneLine),
          lines: latin1Lines(process.stdin),
          version: version(),
          now: Date.now,
          say,
          location: options.location,
          json: options.json,
          rulesDebug: options.verbose,
          explain: options.explain,
          quiet: options.quiet,
          expected: options.unitTest,
        })
        finish(status)
      })
    addExamples(command, [
      ['lines as you type them, with the ruleset of this installation', 'dogwatch logtest'],
      [
        'one line, and why it ended as it did',
        "echo 'Failed password for root' | dogwatch logtest --ruleset ./ruleset --explain",
      ],
      ['a check in a script: rule, level, decoder', 'dogwatch logtest -q -U 5716:5:sshd < failed.log'],
    ])
    command.addHelpText(
      'after',
      '\nExit status with -U: 0 when the last answer is as expected; 1 when it differs; when all agree but some of the three\nexpected values are empty, the number of empty ones.',
    )
  },
}

function readExpected(text: string): [string, string, string] {
  const [rule, level, ...decoder] = text.split(':')
  if (rule === undefined || level === undefined || decoder.length === 0)
    throw new InvalidArgumentError('It must be rule:level:decoder, such as 5716:5:sshd; each may be empty.')
  return [rule, level, decoder.join(':')]
}

function oneLine({ at, message }: Problem): string {
  return `${at.file}:${at.line}:${at.column}: ${message}`
}

/** Runs until it is told to stop. Sessions begun later see a ruleset that was changed meanwhile. */
async function serve(path: string, options: Options, home: () => string, note: (line: string) => void): Promise<void> {
  const first = rulesetOrFailure(options.ruleset, home, note)
  let known = { key: '', ruleset: first.ruleset }
  const protocol = new LogtestProtocol({
    now: Date.now,
    newToken: () => randomBytes(4).toString('hex'),
    load: () => {
      let loaded: ReturnType<typeof loadRuleset>
      try {
        loaded = loadRuleset(findRuleset(options.ruleset, home))
      } catch (error) {
        if (!(error instanceof CliFailure)) throw error
        return { ruleset: null, errors: [error.message], warnings: [] }
      }
      // Sessions of one ruleset share it: it does not change once it is compiled.
      if (loaded.ruleset !== null && loaded.ruleset.fingerprint !== known.key)
        known = { key: loaded.ruleset.fingerprint, ruleset: loaded.ruleset }
      const of = (severity: Problem['severity']): string[] =>
        gatherProblems(loaded.problems.filter((problem) => problem.severity === severity)).map(oneLine)
      return { ruleset: loaded.ruleset === null ? null : known.ruleset, errors: of('error'), warnings: of('warning') }
    },
  })
  const server = await serveLogtest(path, protocol)
  note(`logtest answers on ${path}`)
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  await new Promise<void>((resolve) => server.close(() => resolve()))
}
