/** `dogwatch k8s tune`: entries for the lists that silence Kubernetes alerts, from what was archived, and what each would have silenced. */
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { archiveFiles, readPast } from '../archived-events.ts'
import { addExamples, addHome, type CommandModule, counted, wholeNumber } from '../command.ts'
import { CliFailure } from '../failure.ts'
import { compiled, productSources } from '../k8s-ruleset.ts'
import { listLine, Tuner } from '../k8s-tune.ts'

interface Options {
  readonly home?: string
  readonly in?: readonly string[]
  readonly days: number
  readonly least: number
  readonly cluster?: string
}

export const command: CommandModule = {
  define(command, { say, note, home }) {
    addHome(command)
    command
      .option('--in <files...>', 'archives or audit events to look at (default: archives of the home)')
      .option('--days <n>', 'how far back to look in the archives', wholeNumber(1, 3650), 7)
      .option('--least <n>', 'fewest alerts that an entry must silence to be proposed', wholeNumber(1, 1_000_000), 3)
      .option('--cluster <name>', 'only events of this cluster')
      .action(async (options: Options) => {
        const folder = home(options.home)
        const files = options.in ?? archiveFiles(folder, options.days, Date.now())
        if (files.length === 0) throw new CliFailure(`no archives below ${folder}; switch logall_json on, or give --in`)
        const tuner = new Tuner(compiled(productSources({ lists: ownLists(folder) })))
        const wanted =
          options.cluster === undefined ? '' : `"kubernetes": {"cluster": ${JSON.stringify(options.cluster)}`
        let others = 0
        for (const file of files)
          others += await readPast(file, (event) => {
            if (event.text.includes(wanted)) tuner.take(event)
          })
        if (others > 0) note(`${counted(others, 'line')} without a Kubernetes event passed over`)
        for (const { list, key, silences, count, levelMax } of tuner.proposals(options.least)) {
          const line = listLine(key)
          if (line === null) continue
          say(`${list}: ${line}`)
          say(`  would have silenced ${counted(count, 'alert')}, the highest of level ${levelMax}:`)
          for (const [rule, { level, count: of, example }] of silences)
            say(`    ${of} of ${rule} (level ${level}), such as: ${example}`)
        }
        say(`${counted(tuner.events, 'event')}, ${counted(tuner.alerts, 'alert')} above information level`)
      })
    addExamples(command, [
      ['the last week of this home', 'dogwatch k8s tune'],
      ['a file of audit events, one cluster', 'dogwatch k8s tune --in audit.log --cluster file'],
    ])
    command.addHelpText(
      'after',
      '\nNothing is written: put the lines that you agree with into etc/lists/<list> of the home, then `dogwatch ruleset reload`.',
    )
  },
}

/** Lists of the home in place of the product's empty ones. */
function ownLists(folder: string): Map<string, string> {
  const names = productSources().lists.map(({ path }) => basename(path))
  return new Map(
    names
      .map((name): [string, string] => [name, join(folder, 'etc/lists', name)])
      .filter(([, path]) => existsSync(path))
      .map(([name, path]): [string, string] => [name, readFileSync(path, 'latin1')]),
  )
}
