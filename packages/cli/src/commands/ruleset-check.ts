/** `dogwatch ruleset check`: every mistake of a ruleset in one report. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  productDir,
  type RulesetFilesReading,
  readConfiguration,
  readRulesetFiles,
  resolveRuleset,
  rulesetFromPaths,
} from '@dogwatch/config'
import { compileRuleset } from '@dogwatch/engine'
import { formatProblem } from '@dogwatch/schema'
import { addExamples, addHome, type CommandModule, counted } from '../command.ts'
import { CliFailure, exitCodes } from '../failure.ts'

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
      const found = dirs.length > 0 ? rulesetFromPaths(dirs) : ofHome(home(options.home))
      const { texts, problems: unreadable } = readRulesetFiles(found.files)
      const compiled = compileRuleset(texts)
      const problems = [...found.problems, ...unreadable, ...compiled.problems]
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

function ofHome(home: string): RulesetFilesReading {
  const path = join(home, 'etc/ossec.conf')
  let text: string
  try {
    text = readFileSync(path, 'latin1')
  } catch (cause) {
    const message = `${path} cannot be read; name the folders of the ruleset, or a home folder with --home`
    throw new CliFailure(message, exitCodes.impossible, { cause })
  }
  const { configuration } = readConfiguration(path, text)
  if (configuration === null) throw new CliFailure(`${path} has errors; see them with: dogwatch config check ${path}`)
  return resolveRuleset(configuration, home, { productDir })
}
