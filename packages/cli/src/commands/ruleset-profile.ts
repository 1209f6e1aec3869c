/** `dogwatch ruleset profile`: which rules and decoders take the time over a file. */
import { createReadStream } from 'node:fs'
import { type ProfileRow, profileRuleset } from '@dogwatch/api'
import { type EventInput, parseQueueMessage } from '@dogwatch/engine'
import { parseLine, type SplitContext } from '@dogwatch/k8s'
import { Option } from 'commander'
import { addExamples, addHome, type CommandModule, counted, wholeNumber } from '../command.ts'
import { CliFailure, exitCodes } from '../failure.ts'
import { rulesetOrFailure } from '../ruleset-sources.ts'
import { latin1Lines } from '../text-lines.ts'

type Format = 'queue' | 'lines' | 'k8s'

interface Options {
  readonly ruleset?: readonly string[]
  readonly in: string
  readonly format: Format
  readonly home?: string
  readonly max: number
  readonly top: number
  readonly json?: boolean
}

/** Queue byte of a local event, and the location that the manager gives to audit events. */
const localQueue = 49
const k8sContext: SplitContext = { cluster: 'default', hash: false }

export const command: CommandModule = {
  define(command, { say, note, home }) {
    command
      .option(
        '--ruleset <dirs...>',
        'folders with decoders/, rules/ and lists/, or such folders or files themselves (default: what ossec.conf names)',
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
    addHome(command)
    command
      .option('--max <n>', 'events to read at most', wholeNumber(1, 10_000_000), 100_000)
      .option('--top <n>', 'rows to print', wholeNumber(1, 100_000), 40)
      .option('--json', 'print one JSON object, with all rows')
      .action(async (options: Options) => {
        const { ruleset } = rulesetOrFailure(options.ruleset, () => home(options.home), note)
        const events = await readEvents(options)
        if (events.length === 0) throw new CliFailure(`${options.in} holds no event of format ${options.format}`)
        const profile = profileRuleset(ruleset, events)
        if (options.json) {
          say(JSON.stringify(profile))
          return
        }
        const { rows, matchMs, correlateMs } = profile
        const sum = rows.reduce((total, { ms }) => total + ms, 0)
        say(
          `${counted(profile.events, 'event')}: ${matchMs.toFixed(1)} ms to match, ${correlateMs.toFixed(1)} ms to correlate; ` +
            `${sum.toFixed(1)} ms in conditions and patterns`,
        )
        say('       ms       %         runs       hits  what')
        for (const row of rows.slice(0, options.top)) say(rowText(row, sum))
        if (rows.length > options.top) say(`${rows.length - options.top} more; see them with --top or --json`)
      })
    addExamples(command, [
      [
        'a system log against the ruleset of this installation',
        'dogwatch ruleset profile --in /var/log/auth.log --format lines',
      ],
      [
        'audit events of a cluster against a folder',
        'dogwatch ruleset profile --ruleset ./ruleset --in audit.log --format k8s --top 10',
      ],
    ])
  },
}

function rowText({ kind, name, file, line, runs, hits, ms }: ProfileRow, sum: number): string {
  const share = sum === 0 ? 0 : (ms * 100) / sum
  const numbers = [
    ms.toFixed(2).padStart(9),
    share.toFixed(1).padStart(7),
    String(runs).padStart(12),
    String(hits).padStart(10),
  ]
  return `${numbers.join(' ')}  ${kind} ${name} (${file}:${line})`
}

async function readEvents({ in: path, format, max }: Options): Promise<EventInput[]> {
  const stream = path === '-' ? process.stdin : createReadStream(path)
  const timeMs = Date.now()
  const events: EventInput[] = []
  try {
    for await (const line of latin1Lines(stream)) {
      if (events.length >= max) break
      if (line === '') continue
      if (format === 'queue') {
        const message = parseQueueMessage(line)
        if (message !== null) events.push({ ...message, timeMs })
      } else if (format === 'lines') events.push({ queue: localQueue, location: path, body: line, timeMs })
      else
        for (const { text } of parseLine(line, k8sContext).events)
          events.push({ queue: localQueue, location: 'k8s', body: text, timeMs })
    }
  } catch (cause) {
    if (cause instanceof CliFailure) throw cause
    throw new CliFailure(`${path} cannot be read`, exitCodes.impossible, { cause })
  }
  return events
}
