/** Alerts by the requirements of a regulation: over time, by agent, a card for each requirement, and the events. */

import { quoted } from '@dogwatch/query'
import { Badge, SegmentedControl, Switch, TextInput, UnstyledButton } from '@mantine/core'
import { useCount, useTerms } from '../data/hooks.ts'
import { NewestAlerts } from '../overview/NewestAlerts.tsx'
import { eventParts, usePageParam } from '../url/url-state.ts'
import { visibleText } from '../url/visible-text.ts'
import { Donut } from '../widgets/Donut.tsx'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { EventGrid } from '../widgets/EventGrid.tsx'
import { Flyout } from '../widgets/Flyout.tsx'
import { Histogram } from '../widgets/Histogram.tsx'
import { countText } from '../widgets/number-text.ts'
import { PageHead } from '../widgets/PageHead.tsx'
import { PageLink } from '../widgets/PageLink.tsx'
import { Panel } from '../widgets/Panel.tsx'
import { SafeText } from '../widgets/SafeText.tsx'
import { StatCard } from '../widgets/StatCard.tsx'
import { TopTerms } from '../widgets/TopTerms.tsx'
import { Trouble } from '../widgets/Trouble.tsx'
import { type Regulation, regulations } from './requirements.ts'
import './compliance.css'

export function CompliancePage({ regulation }: { readonly regulation: Regulation['id'] }) {
  const { title } = regulations[regulation]
  const [view, setView] = usePageParam('view', 'dashboard')
  const field = `rule.${regulation}`
  return (
    <>
      <PageHead title={title}>
        <SegmentedControl
          aria-label="View"
          value={view}
          data={[
            { value: 'dashboard', label: 'Dashboard' },
            { value: 'controls', label: 'Controls' },
            { value: 'events', label: 'Events' },
          ]}
          onChange={setView}
        />
      </PageHead>
      {view === 'controls' ? (
        <Controls regulation={regulations[regulation]} field={field} />
      ) : view === 'events' ? (
        <EventGrid
          where={`${field}: exists`}
          columns={['agent.name', field, 'rule.description', 'rule.level', 'rule.id']}
        />
      ) : (
        <Dashboard regulation={regulations[regulation]} field={field} />
      )}
    </>
  )
}

interface Part {
  readonly regulation: Regulation
  readonly field: string
}

function Dashboard({ regulation, field }: Part) {
  const where = `${field}: exists`
  const total = useCount(where)
  const high = useCount(`${where} and rule.level >= 12`)
  const terms = useTerms(field, { limit: 1 })
  return (
    <>
      <p className="compliance-about">{regulation.about}</p>
      <div className="panels" data-columns="4">
        <StatCard label="Alerts" value={total.data} />
        <StatCard label="Level 12 or above" value={high.data} tone="high" />
        <StatCard label="Requirements concerned" value={terms.data?.distinct} />
      </div>
      <div className="panels" data-columns="2">
        <Panel title="Requirements over time">
          <Histogram by={field} where={where} byLimit={10} kind="line" height={210} />
        </Panel>
        <Panel title="Levels over time">
          <Histogram by="rule.level" where={where} byLimit={10} height={210} />
        </Panel>
      </div>
      <div className="panels">
        <Panel title="Requirements">
          <TopTerms
            field={field}
            limit={10}
            empty={`No alert of this range names a requirement of ${regulation.title}`}
          />
        </Panel>
        <Panel title="Agents">
          <Donut field="agent.name" where={where} label="Agents" limit={10} />
        </Panel>
        <Panel title="Rules">
          <TopTerms field="rule.description" where={where} limit={10} />
        </Panel>
        <Panel title="Groups of rules">
          <TopTerms field="rule.groups" where={where} limit={10} />
        </Panel>
      </div>
    </>
  )
}

function Controls({ regulation, field }: Part) {
  const { data, error, refetch } = useTerms(field, { limit: 200 })
  const [search, setSearch] = usePageParam('controlq')
  const [all, setAll] = usePageParam('all', '1')
  const [open, setOpen] = usePageParam('control')
  if (error !== null) return <Trouble error={error} onRetry={() => void refetch()} />
  const counts = new Map((data?.terms ?? []).map(({ value, count }) => [value, count]))
  const names = [...new Set([...Object.keys(regulation.requirements), ...counts.keys()])].sort((a, b) =>
    a.localeCompare(b, 'en', { numeric: true }),
  )
  const shown = names.filter((name) => {
    const text = `${name} ${regulation.requirements[name] ?? ''}`.toLowerCase()
    return text.includes(search.toLowerCase()) && (all === '1' || counts.has(name))
  })
  return (
    <>
      <div className="compliance-tools">
        <TextInput
          aria-label="Search requirements"
          placeholder="Search requirements"
          value={search}
          onChange={({ currentTarget }) => setSearch(currentTarget.value)}
        />
        <Switch
          label="Only those with alerts"
          checked={all !== '1'}
          onChange={({ currentTarget }) => setAll(currentTarget.checked ? '0' : '1')}
        />
      </div>
      {shown.length === 0 && (
        <EmptyState title="No requirement matches">Search for less, or show those without alerts too.</EmptyState>
      )}
      <ul className="controls">
        {shown.map((name) => (
          <li key={name}>
            <UnstyledButton
              className="control"
              data-quiet={counts.has(name) ? undefined : true}
              onClick={() => setOpen(name)}
            >
              <span className="control-head">
                <b>
                  <SafeText text={name} max={60} />
                </b>
                <Badge variant={counts.has(name) ? 'filled' : 'default'} size="sm">
                  {countText(counts.get(name) ?? 0)}
                </Badge>
              </span>
              <span className="control-text">{regulation.requirements[name] ?? ''}</span>
            </UnstyledButton>
          </li>
        ))}
      </ul>
      <Flyout isOpen={open !== ''} onClose={() => setOpen('')} title={`${regulation.title} ${visibleText(open)}`}>
        <p>{regulation.requirements[open] ?? 'Rules name this requirement; what it says is in the regulation.'}</p>
        <p>
          <PageLink to="/discover" parts={eventParts({ query: `${field}:${quoted(open)}` })}>
            All its alerts
          </PageLink>
        </p>
        <h3>Newest alerts</h3>
        <NewestAlerts where={`${field}:${quoted(open)}`} />
      </Flyout>
    </>
  )
}
