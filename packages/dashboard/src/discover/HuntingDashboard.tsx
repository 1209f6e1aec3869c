/** What happened, in numbers: how many and how serious, logins, who and what, over time. */
import { useCount } from '../data/hooks.ts'
import { Donut } from '../widgets/Donut.tsx'
import { Histogram } from '../widgets/Histogram.tsx'
import { Panel } from '../widgets/Panel.tsx'
import { StatCard } from '../widgets/StatCard.tsx'
import { TopTerms } from '../widgets/TopTerms.tsx'

const failures = 'rule.groups:(authentication_failed or authentication_failures or win_authentication_failed)'
const successes = 'rule.groups:authentication_success'

export function HuntingDashboard() {
  const total = useCount()
  const high = useCount('rule.level >= 12')
  const failed = useCount(failures)
  const succeeded = useCount(successes)
  return (
    <>
      <div className="panels" data-columns="4">
        <StatCard label="Alerts" value={total.data} />
        <StatCard label="Level 12 or above" value={high.data} tone="high" />
        <StatCard label="Authentication failures" value={failed.data} tone="medium" />
        <StatCard label="Authentication successes" value={succeeded.data} tone="good" />
      </div>
      <div className="panels" data-columns="2">
        <Panel title="Levels over time">
          <Histogram by="rule.level" byLimit={10} kind="area" height={220} />
        </Panel>
        <Panel title="Agents over time">
          <Histogram by="agent.name" byLimit={5} height={220} />
        </Panel>
      </div>
      <div className="panels" data-columns="2">
        <Panel title="ATT&CK techniques">
          <Donut field="rule.mitre.technique" limit={10} label="ATT&CK techniques" />
        </Panel>
        <Panel title="Agents">
          <Donut field="agent.name" limit={5} label="Agents" />
        </Panel>
        <Panel title="Rules">
          <TopTerms field="rule.description" />
        </Panel>
        <Panel title="Groups of rules">
          <TopTerms field="rule.groups" />
        </Panel>
      </div>
    </>
  )
}
