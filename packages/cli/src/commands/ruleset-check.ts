/** `dogwatch ruleset check`: every mistake of a ruleset in one report. */
import { formatProblem } from '@dogwatch/schema'
import { addExamples, addHome, type CommandModule, counted } from '../command.ts'
import { exitCodes } from '../failure.ts'
import { findRuleset, loadRuleset } from '../ruleset-sources.ts'

interface Options {
  readonly home?: string
  readonly json?: boolean
}

export const command: CommandModule = {
  define(command, { say, home, finish }) {
    command.argument(
      '[dirs...]',
      'folders or files of the ruleset (default: what the <ruleset> block of ossec.conf names)',
    )
    addHome(command)
    command.option('--json', 'print one JSON object').action((dirs: readonly string[], options: Options) => {
      const { texts, problems } = loadRuleset(findRuleset(dirs, () => home(options.home), []))
      const errors = problems.filter(({ severity }) => severity === 'error').length
      const counts = {
        decoderFiles: texts.decoders.length,
        ruleFiles: texts.rules.length,
        lists: texts.lists.length,
        errors,
        warnings: problems.length - errors,
      }
      if (options.json) say(JSON.stringify({ ...counts, problems }))
      else {
        for (const problem of problems) say(formatProblem(problem))
        const files = [
          counted(counts.decoderFiles, 'decoder file'),
          counted(counts.ruleFiles, 'rule file'),
          counted(counts.lists, 'list'),
        ]
        say(`${files.join(', ')}: ${counted(errors, 'error')}, ${counted(counts.warnings, 'warning')}`)
      }
      if (errors > 0) finish(exitCodes.negative)
    })
    addExamples(command, [
      ['the ruleset of this installation', 'dogwatch ruleset check'],
      ['a folder with decoders/, rules/ and lists/', 'dogwatch ruleset check ./my-ruleset'],
      ['one changed file on top of the stock ruleset', 'dogwatch ruleset check ./ruleset etc/rules/local_rules.xml'],
    ])
    command.addHelpText(
      'after',
      '\nExit status 1: there is an error; the manager would refuse this ruleset. Warnings alone give 0.',
    )
  },
}
