/** `dogwatch config check`: each element of ossec.conf is understood, ignored on purpose, or unknown; mistakes with their place. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Finding, readConfiguration } from '@dogwatch/config'
import { formatProblem } from '@dogwatch/schema'
import { addExamples, addHome, type CommandModule, counted } from '../command.ts'
import { CliFailure, exitCodes } from '../failure.ts'

interface Options {
  readonly home?: string
  readonly json?: boolean
  readonly quiet?: boolean
}

const uses = { understood: 'understood', ignored: 'ignored on purpose', unknown: 'unknown' } as const

export const command: CommandModule = {
  define(command, { say, home, finish }) {
    command.argument('[file]', 'file to check (default: etc/ossec.conf of the home folder)')
    addHome(command)
    command
      .option('--json', 'print one JSON object')
      .option('--quiet', 'print mistakes and the summary only')
      .action((given: string | undefined, options: Options) => {
        const path = given ?? join(home(options.home), 'etc/ossec.conf')
        const { configuration, findings, problems } = readConfiguration(path, readConfig(path))
        const counts = {
          understood: count(findings, 'understood'),
          ignored: count(findings, 'ignored'),
          unknown: count(findings, 'unknown'),
          errors: problems.filter(({ severity }) => severity === 'error').length,
          warnings: problems.filter(({ severity }) => severity === 'warning').length,
        }
        if (options.json) say(JSON.stringify({ file: path, ...counts, elements: findings, problems, configuration }))
        else {
          if (!options.quiet) for (const finding of findings) say(line(finding))
          if (!options.quiet && problems.length > 0) say('')
          for (const problem of problems) say(formatProblem(problem))
          const elements = `${counts.understood} understood, ${counts.ignored} ignored on purpose, ${counts.unknown} unknown`
          say(`${path}: ${elements}; ${counted(counts.errors, 'error')}, ${counted(counts.warnings, 'warning')}`)
        }
        if (counts.errors > 0 || counts.unknown > 0) finish(exitCodes.negative)
      })
    addExamples(command, [
      ['the file of this installation', 'dogwatch config check'],
      ['a file that comes from a Wazuh manager', 'dogwatch config check /var/ossec/etc/ossec.conf'],
      ['only what needs attention', 'dogwatch config check --quiet'],
    ])
    command.addHelpText(
      'after',
      '\nExit status 1: there is an error or an unknown element. Reference: docs/configuration.md',
    )
  },
}

function count(findings: readonly Finding[], use: Finding['use']): number {
  return findings.filter((finding) => finding.use === use).length
}

function line({ at, use, path, says }: Finding): string {
  return `${at.file}:${at.line}: ${uses[use]}: ${path} — ${says}`
}

function readConfig(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (cause) {
    const reason =
      cause instanceof Error && 'code' in cause && cause.code === 'ENOENT' ? 'is not there' : 'cannot be read'
    throw new CliFailure(`${path} ${reason}; name a file, or a home folder with --home`, exitCodes.impossible, {
      cause,
    })
  }
}
