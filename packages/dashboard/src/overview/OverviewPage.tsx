/** The start: how many alerts of which severity, over time, by whom and where, the newest of them; and whether the agents are there. */
import { useQuery } from '@tanstack/react-query'
import { useCount } from '../data/hooks.ts'
import { client } from '../data/session.ts'
import { eventParts, useChangeUrlState, useUrlState } from '../url/url-state.ts'
import { bandColors, levelBands } from '../widgets/chart-colors.ts'
import { DonutView } from '../widgets/Donut.tsx'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { Histogram } from '../widgets/Histogram.tsx'
import { PageHead } from '../widgets/PageHead.tsx'
import { PageLink } from '../widgets/PageLink.tsx'
import { Panel } from '../widgets/Panel.tsx'
import { StatCard } from '../widgets/StatCard.tsx'
import { TopTerms } from '../widgets/TopTerms.tsx'
import { NewestAlerts } from './NewestAlerts.tsx'
import './overview.css'

/** The bands of severity, each as a condition of a search and in words. */
const bands = levelBands.map(({ band, from }, n) => {
  const above = levelBands[n - 1]?.from
  const where = [
    ...(from === 0 ? [] : [`rule.level >= ${from}`]),
    ...(above === undefined ? [] : [`rule.level < ${above}`]),
  ].join(' and ')
  const hint = above === undefined ? `level ${from} and above` : `level ${from} to ${above - 1}`
  return { label: `${band.charAt(0).toUpperCase()}${band.slice(1)}`, where, tone: band, hint }
})

export default function OverviewPage() {
  return (
    <>
      <PageHead title="Overview" />
      <div className="panels" data-columns="4">
        {bands.map((band) => (
          <Band key={band.label} {...band} />
        ))}
      </div>
      <div className="panels overview-main">
        <Panel title="Alerts over time">
          <Histogram by="rule.level" byLimit={10} height={210} />
        </Panel>
        <Panel title="Agents" actions={<PageLink to="/agents">All agents</PageLink>}>
          <AgentsByStatus />
        </Panel>
      </div>
      <div className="panels" data-columns="2">
        <Panel
          title="Newest alerts"
          actions={
            <PageLink to="/discover" parts={eventParts({ query: '' })}>
              All alerts
            </PageLink>
          }
        >
          <NewestAlerts />
        </Panel>
        <Panel title="Rules">
          <TopTerms field="rule.description" limit={10} empty="No alerts in this range" />
        </Panel>
      </div>
      <div className="panels">
        <Panel title="Users">
          <TopTerms field="data.user.username" empty="No alert of this range names a Kubernetes user" />
        </Panel>
        <Panel title="Namespaces">
          <TopTerms field="data.kubernetes.namespace" empty="No alert of this range is about a namespace" />
        </Panel>
        <Panel title="Agents with most alerts">
          <TopTerms field="agent.name" />
        </Panel>
        <Panel title="ATT&CK tactics" actions={<PageLink to="/mitre">Matrix</PageLink>}>
          <TopTerms field="rule.mitre.tactic" empty="No alert of this range names a tactic" />
        </Panel>
      </div>
    </>
  )
}

function Band({ label, where, tone, hint }: (typeof bands)[number]) {
  const { data } = useCount(where)
  const { query } = useUrlState()
  const change = useChangeUrlState()
  const narrowed = query === '' ? where : `(${query}) and ${where}`
  return <StatCard label={label} value={data} tone={tone} hint={hint} onClick={() => change({ query: narrowed })} />
}

const statuses = [
  { name: 'active', color: '#2a9d7c' },
  { name: 'disconnected', color: bandColors.critical },
  { name: 'pending', color: bandColors.medium },
  { name: 'never_connected', color: '#7a8b99' },
] as const

function AgentsByStatus() {
  const { data, error } = useQuery({
    queryKey: ['agents', 'status'],
    queryFn: ({ signal }) => client.call<StatusAnswer>('GET', '/agents/summary/status', { signal }),
  })
  const counts = data?.data.connection
  if (error !== null || counts === undefined || counts.total === 0) {
    return (
      <EmptyState title="No agents yet" icon="screen">
        Kubernetes audit events need none. To watch the nodes themselves,{' '}
        <PageLink to="/deploy">deploy an agent</PageLink>.
      </EmptyState>
    )
  }
  const slices = statuses
    .map(({ name, color }) => ({ name: name.replace('_', ' '), value: counts[name], color }))
    .filter(({ value }) => value > 0)
  return <DonutView label="Agents by status" slices={slices} />
}

interface StatusAnswer {
  readonly data: { readonly connection: Readonly<Record<(typeof statuses)[number]['name'] | 'total', number>> }
}
