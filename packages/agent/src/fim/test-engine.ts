/** For tests: what the manager's engine makes of a file integrity message, with the ruleset that the repository has. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Correlator, compileRuleset, Matcher, MatchWriter } from '@dogwatch/engine'

const ruleset = join(import.meta.dirname, '../../../../ruleset')
const filesOf = (folder: string) =>
  readdirSync(join(ruleset, folder))
    .filter((name) => name.endsWith('.xml'))
    .sort()
    .map((name) => ({ path: `${folder}/${name}`, text: readFileSync(join(ruleset, folder, name), 'latin1') }))
const lists = readdirSync(join(ruleset, 'lists'))
  .filter((name) => !name.endsWith('.cdb'))
  .map((name) => ({
    name: `etc/lists/${name}`,
    path: name,
    text: readFileSync(join(ruleset, 'lists', name), 'latin1'),
  }))

const options = {
  managerName: 'manager',
  outputs: { alertsJson: true, alertsText: false, archivesJson: true, archivesText: false },
  dropIncompleteFirewall: false,
  isLogtest: true,
}

type Compiled = NonNullable<ReturnType<typeof compileRuleset>['ruleset']>
let compiled: Compiled | null = null
function stockRuleset(): Compiled {
  if (compiled !== null) return compiled
  const built = compileRuleset({ decoders: filesOf('decoders'), rules: filesOf('rules'), lists })
  if (built.ruleset === null) throw new Error(JSON.stringify(built.problems))
  compiled = built.ruleset
  return compiled
}

/** The alert as an object; null when there is none. */
export function alertOf(message: string): Record<string, unknown> | null {
  const correlator = new Correlator(stockRuleset(), options)
  const matcher = new Matcher(stockRuleset(), options, correlator.decodeState)
  const writer = new MatchWriter()
  const body = Buffer.from(message).toString('latin1')
  matcher.match({ queue: 56, location: '[001] (node) any->syscheck', body, timeMs: 0 }, writer)
  const answer = correlator.logtest(writer.view(), 0)
  return answer === null ? null : JSON.parse(Buffer.from(answer.json, 'latin1').toString('utf8'))
}
