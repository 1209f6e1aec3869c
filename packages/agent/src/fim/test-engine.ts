/** For tests: what the manager's engine makes of a file integrity message, with rules that stand where the stock ones do. */
import { Correlator, compileRuleset, Matcher, MatchWriter } from '@dogwatch/engine'

const rules = `<group name="ossec,">
<rule id="7" level="0" noalert="1"><category>ossec</category><description>root</description></rule>
<rule id="550" level="7"><if_sid>7</if_sid><decoded_as>syscheck_integrity_changed</decoded_as><description>changed</description></rule>
<rule id="553" level="7"><if_sid>7</if_sid><decoded_as>syscheck_deleted</decoded_as><description>deleted</description></rule>
<rule id="554" level="5"><if_sid>7</if_sid><decoded_as>syscheck_new_entry</decoded_as><description>added</description></rule>
</group>`

const options = {
  managerName: 'manager',
  outputs: { alertsJson: true, alertsText: false, archivesJson: true, archivesText: false },
  dropIncompleteFirewall: false,
  isLogtest: true,
}

/** The alert as an object; null when there is none. */
export function alertOf(message: string): Record<string, unknown> | null {
  const compiled = compileRuleset({ decoders: [], rules: [{ path: 'rules.xml', text: rules }], lists: [] })
  if (compiled.ruleset === null) throw new Error(JSON.stringify(compiled.problems))
  const correlator = new Correlator(compiled.ruleset, options)
  const matcher = new Matcher(compiled.ruleset, options, correlator.decodeState)
  const writer = new MatchWriter()
  const body = Buffer.from(message).toString('latin1')
  matcher.match({ queue: 56, location: '[001] (node) any->syscheck', body, timeMs: 0 }, writer)
  const answer = correlator.logtest(writer.view(), 0)
  return answer === null ? null : JSON.parse(Buffer.from(answer.json, 'latin1').toString('utf8'))
}
