/** `dogwatch analyze`: a file of events through the manager's own stages, offline. Its last line of output is one JSON object. */
import { runAnalyze } from '@dogwatch/pipeline'
import { Option } from 'commander'
import { addExamples, type CommandModule, wholeNumber } from '../command.ts'
import { CliFailure, exitCodes } from '../failure.ts'
import { startProgress } from '../progress.ts'

interface Options {
  readonly ruleset: readonly string[]
  readonly in: string
  readonly format: 'queue' | 'lines' | 'k8s'
  readonly location?: string
  readonly out: string
  readonly archives?: boolean
  readonly threads: number
  readonly logAlertLevel: number
  readonly managerName?: string
  readonly timeFrom?: string
}

export const command: CommandModule = {
  define(command, { say, note, isTerminal }) {
    command
      .requiredOption(
        '--ruleset <dirs...>',
        'folders with decoders/, rules/ and lists/, or such folders or files themselves',
      )
      .requiredOption('--in <file>', 'file to read; - is standard input')
      .addOption(
        new Option(
          '--format <format>',
          'a line is: queue = `1:location:log`, lines = a plain log, k8s = an audit Event, list or cloud entry',
        )
          .choices(['queue', 'lines', 'k8s'])
          .makeOptionMandatory(),
      )
      .option('--location <text>', 'location of plain logs (default: the file)')
      .requiredOption('--out <dir>', 'folder for alerts.json and archives.json; written anew')
      .option('--archives', 'write archives.json too')
      .option('--threads <n>', 'threads that match', wholeNumber(1, 64), 1)
      .option('--log-alert-level <n>', 'lowest level that is an alert', wholeNumber(1, 16), 3)
      .option('--manager-name <name>', 'name of the manager in alerts (default: this host)')
      .option('--time-from <iso>', 'arrival of all events, for a result that can be repeated (default: now)')
      .action(async (options: Options) => {
        const timeFromMs = options.timeFrom === undefined ? undefined : Date.parse(options.timeFrom)
        if (Number.isNaN(timeFromMs)) {
          throw new CliFailure(
            `--time-from: '${options.timeFrom}' is no time; write it as 2026-11-24T06:00:00Z`,
            exitCodes.usage,
          )
        }
        const progress = startProgress(isTerminal)
        progress.update('loading the ruleset …')
        try {
          const figures = await runAnalyze({
            ruleset: options.ruleset,
            in: options.in,
            format: options.format,
            out: options.out,
            archives: options.archives === true,
            threads: options.threads,
            logAlertLevel: options.logAlertLevel,
            ...(options.location === undefined ? {} : { location: options.location }),
            ...(timeFromMs === undefined ? {} : { timeFromMs }),
            ...(options.managerName === undefined ? {} : { managerName: options.managerName }),
            onProgress: ({ events, bytesRead, size }) => {
              const share = size === null || size === 0 ? '' : ` (${Math.floor((bytesRead * 100) / size)} %)`
              progress.update(`${events} events${share}`)
            },
          }).finally(() => progress.end())
          if (figures.quarantined > 0)
            note(`${figures.quarantined} lines or items are no events; see quarantine in ${options.out}`)
          say(JSON.stringify(figures))
        } catch (error) {
          throw explained(error, note)
        }
      })
    addExamples(command, [
      [
        'messages of a queue, with the ruleset of a folder',
        'dogwatch analyze --ruleset ./ruleset --in events.txt --format queue --out ./result',
      ],
      [
        'a system log, with one rule file of your own on top',
        'dogwatch analyze --ruleset ./ruleset my_rules.xml --in /var/log/auth.log --format lines --out ./result',
      ],
      [
        'audit events of a cluster, all of them kept',
        'dogwatch analyze --ruleset ./ruleset --in audit.log --format k8s --out ./result --archives --threads 2',
      ],
    ])
    command.addHelpText(
      'after',
      '\nThe last line is one JSON object: events, alerts, wall_s, cpu_s, eps, eps_cpu, rss_mb, load_s and more; times are\nwithout loading, which is load_s. Exit status 3: the ruleset has errors, or a file cannot be read or written.',
    )
  },
}

/** All of a ruleset's problems are shown before the one line of the failure; errors of the system say which file. */
function explained(error: unknown, note: (line: string) => void): unknown {
  if (!(error instanceof Error)) return error
  if ('problems' in error) {
    for (const line of error.message.split('\n').slice(1)) note(line)
    return new CliFailure('the ruleset has errors; correct those above', exitCodes.impossible, { cause: error })
  }
  if (!('code' in error) || error.code !== 'ENOENT' || !('path' in error)) return error
  return new CliFailure(`${String(error.path)} is not there`, exitCodes.impossible, { cause: error })
}
