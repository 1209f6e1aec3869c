/** Threat hunting: every event that matches, over time and in rows; saved searches; the alerts, or all events that are kept. */
import { Button, SegmentedControl, Tabs } from '@mantine/core'
import { useLiveTail } from '../data/use-live-tail.ts'
import { useChangeUrlState, usePageParam, useUrlState } from '../url/url-state.ts'
import { EventGrid } from '../widgets/EventGrid.tsx'
import { Histogram } from '../widgets/Histogram.tsx'
import { Icon } from '../widgets/icons.tsx'
import { PageHead } from '../widgets/PageHead.tsx'
import { Panel } from '../widgets/Panel.tsx'
import { HuntingDashboard } from './HuntingDashboard.tsx'
import { SavedSearches } from './SavedSearches.tsx'

export default function DiscoverPage() {
  const { index } = useUrlState()
  const change = useChangeUrlState()
  const [view, setView] = usePageParam('view', 'events')
  const [live, setLive] = usePageParam('live', '')
  const isLive = live === '1'
  const { documents, trouble, skipped } = useLiveTail(isLive)
  return (
    <>
      <PageHead title="Threat hunting">
        <SegmentedControl
          aria-label="What is searched"
          value={index}
          data={[
            { value: 'alerts', label: 'Alerts' },
            { value: 'archives', label: 'All events' },
          ]}
          onChange={(value) => change({ index: value === 'archives' ? 'archives' : 'alerts' })}
        />
        <Button
          variant={isLive ? 'light' : 'default'}
          color={isLive ? 'teal' : undefined}
          leftSection={<Icon name="live" size={14} />}
          aria-pressed={isLive}
          onClick={() => setLive(isLive ? '' : '1')}
        >
          {isLive ? 'Following' : 'Live'}
        </Button>
        <SavedSearches />
      </PageHead>
      {isLive && (trouble !== null || skipped > 0) && (
        <p className="query-says" role="status">
          {trouble ?? `${skipped} events came faster than they could be shown`}
        </p>
      )}
      <Tabs value={view} onChange={(next) => setView(next ?? 'events')} keepMounted={false}>
        <Tabs.List mb="sm">
          <Tabs.Tab value="events">Events</Tabs.Tab>
          <Tabs.Tab value="dashboard">Dashboard</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="events">
          <div className="panels" data-columns="1">
            <Panel title="Events over time">
              <Histogram by={index === 'alerts' ? 'rule.level' : undefined} height={150} />
            </Panel>
          </div>
          <EventGrid
            columns={index === 'alerts' ? undefined : ['decoder.name', 'location', 'full_log']}
            fresh={isLive ? documents : undefined}
          />
        </Tabs.Panel>
        <Tabs.Panel value="dashboard">
          <HuntingDashboard />
        </Tabs.Panel>
      </Tabs>
    </>
  )
}
