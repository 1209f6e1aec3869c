/** File integrity: what changed, where and by whom; the events with their difference and who-data in the detail of each. */
import { SegmentedControl } from '@mantine/core'
import { useCount } from '../data/hooks.ts'
import { usePageParam } from '../url/url-state.ts'
import { Donut } from '../widgets/Donut.tsx'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { EventGrid } from '../widgets/EventGrid.tsx'
import { Histogram } from '../widgets/Histogram.tsx'
import { PageHead } from '../widgets/PageHead.tsx'
import { PageLink } from '../widgets/PageLink.tsx'
import { Panel } from '../widgets/Panel.tsx'
import { StatCard } from '../widgets/StatCard.tsx'
import { TopTerms } from '../widgets/TopTerms.tsx'
import { Inventory } from './Inventory.tsx'

const changes = 'rule.groups:syscheck and syscheck.path: exists'

export default function FimPage() {
  const [view, setView] = usePageParam('view', 'dashboard')
  return (
    <>
      <PageHead title="File integrity">
        <SegmentedControl
          aria-label="View"
          value={view}
          data={[
            { value: 'dashboard', label: 'Dashboard' },
            { value: 'inventory', label: 'Inventory' },
            { value: 'events', label: 'Events' },
          ]}
          onChange={setView}
        />
      </PageHead>
      {view === 'inventory' ? (
        <Inventory />
      ) : view === 'events' ? (
        <EventGrid
          where={changes}
          columns={[
            'agent.name',
            'syscheck.path',
            'syscheck.event',
            'syscheck.audit.login_user.name',
            'syscheck.audit.process.name',
            'rule.level',
          ]}
        />
      ) : (
        <Dashboard />
      )}
    </>
  )
}

function Dashboard() {
  const all = useCount(changes)
  const added = useCount(`${changes} and syscheck.event:added`)
  const modified = useCount(`${changes} and syscheck.event:modified`)
  const deleted = useCount(`${changes} and syscheck.event:deleted`)
  if (all.data === 0) {
    return (
      <EmptyState title="No file changed in this range" icon="check">
        Agents watch the folders of their <code>&lt;syscheck&gt;</code> block.{' '}
        <PageLink to="/deploy">Deploy an agent</PageLink>, or look at a longer time.
      </EmptyState>
    )
  }
  return (
    <>
      <div className="panels" data-columns="4">
        <StatCard label="Changes" value={all.data} />
        <StatCard label="Added" value={added.data} tone="good" />
        <StatCard label="Modified" value={modified.data} tone="medium" />
        <StatCard label="Deleted" value={deleted.data} tone="high" />
      </div>
      <div className="panels" data-columns="1">
        <Panel title="Changes over time">
          <Histogram by="syscheck.event" where={changes} kind="area" height={180} />
        </Panel>
      </div>
      <div className="panels">
        <Panel title="Agents">
          <Donut field="agent.name" where={changes} label="Agents" limit={5} />
        </Panel>
        <Panel title="Files">
          <TopTerms field="syscheck.path" where={changes} limit={10} />
        </Panel>
        <Panel title="Who changed them">
          <TopTerms
            field="syscheck.audit.login_user.name"
            where={changes}
            limit={10}
            empty="No change of this range names its user: whodata must be on for the folder"
          />
        </Panel>
        <Panel title="With what">
          <TopTerms
            field="syscheck.audit.process.name"
            where={changes}
            limit={10}
            empty="No change names its program"
          />
        </Panel>
        <Panel title="Owners of changed files">
          <TopTerms field="syscheck.uname_after" where={changes} limit={10} />
        </Panel>
        <Panel title="Pods">
          <TopTerms field="data.kubernetes.pod" where={changes} limit={10} empty="No change was made in a container" />
        </Panel>
      </div>
    </>
  )
}
