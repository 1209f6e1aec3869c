/** `dogwatch ruleset test`: runs rule tests, Wazuh's own `.ini` suites and our golden JSON files, against a ruleset. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { addExamples, addHome, type CommandModule } from '../command.ts'
import { CliFailure, exitCodes } from '../failure.ts'
import { goldenCases, iniCases, type SuiteCase } from '../rule-suite.ts'
import { rulesetOrFailure } from '../ruleset-sources.ts'

interface Options {
  readonly ruleset?: readonly string[]
  readonly suite: readonly string[]
  readonly home?: string
  readonly json?: boolean
}

/** Largest suite file, in bytes. */
const fileLengthMax = 64 * 1024 * 1024
/** Deepest folder below a suite. */
const depthMax = 16

/** Rules by the hour and the day of the week: the reference's configuration and its tests leave them out. */
const policyRules = '0215-policy_rules.xml'

export const command: CommandModule = {
  define(command, { say, note, home, finish }) {
    command
      .option(
        '--ruleset <dirs...>',
        'folders with decoders/, rules/ and lists/, or such folders or files themselves (default: what ossec.conf names)',
      )
      .requiredOption('--suite <paths...>', '.ini and .json files with tests, or folders of them')
    addHome(command)
    command.option('--json', 'print one JSON object').action((options: Options) => {
      const { ruleset } = rulesetOrFailure(options.ruleset, () => home(options.home), note, [policyRules])
      const skipped: string[] = []
      const failures: { readonly name: string; readonly reason: string }[] = []
      let passed = 0
      for (const path of options.suite.flatMap((suite) => suiteFiles(suite, depthMax))) {
        if (/geoip[^/]*\.ini$/.test(path)) {
          skipped.push(`${path} (needs a GeoIP database)`)
          continue
        }
        for (const { name, judge } of casesOf(path)) {
          const reason = judge(ruleset)
          if (reason === null) passed++
          else failures.push({ name, reason })
        }
      }
      if (passed + failures.length + skipped.length === 0) throw new CliFailure('the suite holds no .ini or .json test')
      if (options.json) say(JSON.stringify({ passed, failed: failures.length, skipped, failures }))
      else {
        for (const { name, reason } of failures) say(`${name}: ${reason}`)
        for (const name of skipped) say(`skipped: ${name}`)
        say(`${passed} passed, ${failures.length} failed`)
      }
      if (failures.length > 0) finish(exitCodes.negative)
    })
    addExamples(command, [
      ['the golden tests of our own ruleset', 'dogwatch ruleset test --ruleset ./ruleset --suite ./ruleset/tests'],
      [
        'one suite of a ruleset for Wazuh',
        'dogwatch ruleset test --ruleset ./decoders ./rules --suite ./tests/sshd.ini',
      ],
    ])
    command.addHelpText('after', '\nExit status 1: a test failed.')
  },
}

function suiteFiles(path: string, depthLeft: number): string[] {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) throw new CliFailure(`${path} is not there`)
  if (!stat.isDirectory()) return [path]
  if (depthLeft === 0) return []
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || /\.(ini|json)$/.test(entry.name))
    .map(({ name }) => name)
    .sort()
    .flatMap((name) => suiteFiles(join(path, name), depthLeft - 1))
}

function casesOf(path: string): SuiteCase[] {
  if (statSync(path).size > fileLengthMax) throw new CliFailure(`${path} has more than ${fileLengthMax} bytes`)
  const text = readFileSync(path, 'utf8')
  return path.endsWith('.json') ? goldenCases(path, text) : iniCases(path, text)
}
