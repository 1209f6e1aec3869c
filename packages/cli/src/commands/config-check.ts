/**
 * `dogwatch config check`: each element of ossec.conf, and of the agent.conf of each group, is understood, ignored on purpose, or unknown; mistakes with their place.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Configuration, examineAgentConf, type Finding, isAgentConf, readConfiguration } from '@dogwatch/config'
import { formatProblem, type Problem } from '@dogwatch/schema'
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
    command.argument(
      '[file]',
      'file to check (default: etc/ossec.conf of the home folder, and agent.conf of each group in etc/shared)',
    )
    addHome(command)
    command
      .option('--json', 'print one JSON object')
      .option('--quiet', 'print mistakes and the summary only')
      .action((given: string | undefined, options: Options) => {
        const folder = home(options.home)
        const path = given ?? join(folder, 'etc/ossec.conf')
        const main = check(path)
        const groups = given === undefined ? agentConfs(folder).map(check) : []
        if (options.json)
          say(JSON.stringify({ ...shown(main), ...(given === undefined ? { groups: groups.map(shown) } : {}) }))
        else for (const one of [main, ...groups]) print(one, options.quiet === true, say)
        const isSound = [main, ...groups].every(({ counts }) => counts.errors === 0 && counts.unknown === 0)
        if (!isSound) finish(exitCodes.negative)
      })
    addExamples(command, [
      ['the file of this installation', 'dogwatch config check'],
      ['a file that comes from a Wazuh manager', 'dogwatch config check /var/ossec/etc/ossec.conf'],
      ['what a group shares with its agents', 'dogwatch config check var/etc/shared/web/agent.conf'],
      ['only what needs attention', 'dogwatch config check --quiet'],
    ])
    command.addHelpText(
      'after',
      '\nExit status 1: there is an error or an unknown element. Reference: docs/configuration.md',
    )
  },
}

/** What was found in one file. */
interface Checked {
  readonly path: string
  readonly findings: readonly Finding[]
  readonly problems: readonly Problem[]
  /** Absent for an agent.conf. */
  readonly configuration?: Configuration | null
  readonly counts: Readonly<Record<'understood' | 'ignored' | 'unknown' | 'errors' | 'warnings', number>>
}

function check(path: string): Checked {
  const text = readConfig(path)
  const { configuration, findings, problems } = isAgentConf(text)
    ? { configuration: undefined, ...examineAgentConf(path, text) }
    : readConfiguration(path, text)
  const counts = {
    understood: count(findings, 'understood'),
    ignored: count(findings, 'ignored'),
    unknown: count(findings, 'unknown'),
    errors: problems.filter(({ severity }) => severity === 'error').length,
    warnings: problems.filter(({ severity }) => severity === 'warning').length,
  }
  return { path, findings, problems, counts, ...(configuration === undefined ? {} : { configuration }) }
}

/** agent.conf of each group that has one, by name. */
function agentConfs(home: string): string[] {
  const shared = join(home, 'etc/shared')
  if (!existsSync(shared)) return []
  const paths = readdirSync(shared, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(shared, name, 'agent.conf'))
  return paths.filter((path) => existsSync(path)).sort()
}

function shown({ path, counts, findings, problems, configuration }: Checked): object {
  return {
    file: path,
    ...counts,
    elements: findings,
    problems,
    ...(configuration === undefined ? {} : { configuration }),
  }
}

function print({ path, counts, findings, problems }: Checked, isQuiet: boolean, say: (line: string) => void): void {
  if (!isQuiet) for (const finding of findings) say(line(finding))
  if (!isQuiet && problems.length > 0) say('')
  for (const problem of problems) say(formatProblem(problem))
  const elements = `${counts.understood} understood, ${counts.ignored} ignored on purpose, ${counts.unknown} unknown`
  say(`${path}: ${elements}; ${counted(counts.errors, 'error')}, ${counted(counts.warnings, 'warning')}`)
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
