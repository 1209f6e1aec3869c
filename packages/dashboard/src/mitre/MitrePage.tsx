/** MITRE ATT&CK: alerts by tactic and technique over time, the matrix with counts, and the events. */

import { quoted } from '@dogwatch/query'
import { Badge, SegmentedControl, Skeleton, Switch, TextInput, UnstyledButton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTerms } from '../data/hooks.ts'
import { client } from '../data/session.ts'
import { NewestAlerts } from '../overview/NewestAlerts.tsx'
import { eventParts, usePageParam } from '../url/url-state.ts'
import { Donut } from '../widgets/Donut.tsx'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { EventGrid } from '../widgets/EventGrid.tsx'
import { Flyout } from '../widgets/Flyout.tsx'
import { Histogram } from '../widgets/Histogram.tsx'
import { countText } from '../widgets/number-text.ts'
import { PageHead } from '../widgets/PageHead.tsx'
import { PageLink } from '../widgets/PageLink.tsx'
import { Panel } from '../widgets/Panel.tsx'
import { TopTerms } from '../widgets/TopTerms.tsx'
import { Trouble } from '../widgets/Trouble.tsx'
import { type Cell, cellsOf, type Tactic } from './matrix.ts'
import './mitre.css'

const named = 'rule.mitre.id: exists'

export default function MitrePage() {
  const [view, setView] = usePageParam('view', 'matrix')
  return (
    <>
      <PageHead title="MITRE ATT&CK">
        <SegmentedControl
          aria-label="View"
          value={view}
          data={[
            { value: 'matrix', label: 'Matrix' },
            { value: 'dashboard', label: 'Dashboard' },
            { value: 'events', label: 'Events' },
          ]}
          onChange={setView}
        />
      </PageHead>
      {view === 'dashboard' ? (
        <Dashboard />
      ) : view === 'events' ? (
        <EventGrid
          where={named}
          columns={['agent.name', 'rule.mitre.id', 'rule.mitre.tactic', 'rule.description', 'rule.level']}
        />
      ) : (
        <Matrix />
      )}
    </>
  )
}

function Dashboard() {
  return (
    <>
      <div className="panels" data-columns="2">
        <Panel title="Techniques over time">
          <Histogram by="rule.mitre.technique" where={named} byLimit={8} kind="line" height={220} />
        </Panel>
        <Panel title="Tactics over time">
          <Histogram by="rule.mitre.tactic" where={named} byLimit={8} height={220} />
        </Panel>
      </div>
      <div className="panels">
        <Panel title="Tactics">
          <Donut field="rule.mitre.tactic" label="Tactics" limit={10} />
        </Panel>
        <Panel title="Techniques">
          <TopTerms field="rule.mitre.technique" limit={10} empty="No alert of this range names a technique" />
        </Panel>
        <Panel title="Agents">
          <TopTerms field="agent.name" where={named} limit={10} />
        </Panel>
        <Panel title="Levels">
          <Donut field="rule.level" where={named} label="Levels" limit={10} />
        </Panel>
      </div>
    </>
  )
}

function Matrix() {
  const table = useQuery({
    queryKey: ['attack'],
    queryFn: async () => {
      const { data } = await client.call<{ data: { tactics: readonly Tactic[] } }>('GET', '/dogwatch/attack')
      return data.tactics
    },
    staleTime: Number.POSITIVE_INFINITY,
  })
  const terms = useTerms('rule.mitre.id', { limit: 1000 })
  const [search, setSearch] = usePageParam('techniqueq')
  const [all, setAll] = usePageParam('all', '0')
  const [open, setOpen] = usePageParam('technique')
  const error = table.error ?? terms.error
  if (error !== null) return <Trouble error={error} onRetry={() => void terms.refetch()} />
  if (table.data === undefined || terms.data === undefined) return <Skeleton height={400} />
  const { terms: counts } = terms.data
  const most = Math.max(1, ...counts.map(({ count }) => count))
  const columns = table.data.map((tactic) => {
    const cells = cellsOf(tactic, counts)
    const shown = cells.filter(
      ({ id, name, count }) =>
        (all === '1' || count > 0) && `${id} ${name}`.toLowerCase().includes(search.toLowerCase()),
    )
    return { tactic, shown, count: cells.reduce((sum, cell) => sum + cell.count, 0) }
  })
  const wanted = columns.filter(({ shown }) => shown.length > 0)
  const chosen = table.data.flatMap((tactic) => cellsOf(tactic, counts)).find(({ id }) => id === open)
  return (
    <>
      <div className="mitre-tools">
        <TextInput
          aria-label="Search techniques"
          placeholder="Search techniques"
          value={search}
          onChange={({ currentTarget }) => setSearch(currentTarget.value)}
        />
        <Switch
          label="Techniques without alerts too"
          checked={all === '1'}
          onChange={({ currentTarget }) => setAll(currentTarget.checked ? '1' : '0')}
        />
      </div>
      {wanted.length === 0 ? (
        <EmptyState title="No technique was seen in this range">
          Detections name the technique they see. Choose a longer time, or show the techniques without alerts.
        </EmptyState>
      ) : (
        <div className="mitre-matrix" tabIndex={0} role="region" aria-label="Tactics and techniques">
          {wanted.map(({ tactic, shown, count }) => (
            <section key={tactic.id} className="mitre-tactic" aria-label={tactic.name}>
              <h2>
                {tactic.name} <span className="mitre-count">{countText(count)}</span>
              </h2>
              <ul>
                {shown.map((cell) => (
                  <Technique key={cell.id} cell={cell} most={most} onOpen={setOpen} />
                ))}
              </ul>
            </section>
          ))}
        </div>
      )}
      <Flyout
        isOpen={open !== ''}
        onClose={() => setOpen('')}
        title={chosen === undefined ? open : `${chosen.id} ${chosen.name}`}
      >
        {chosen !== undefined && <TechniqueDetail cell={chosen} tactics={table.data} />}
      </Flyout>
    </>
  )
}

function Technique({
  cell: { id, name, count },
  most,
  onOpen,
}: {
  readonly cell: Cell
  readonly most: number
  readonly onOpen: (id: string) => void
}) {
  const strength = count === 0 ? 0 : 0.18 + 0.5 * Math.min(1, count / most)
  return (
    <li>
      <UnstyledButton className="mitre-technique" data-seen={count > 0 || undefined} onClick={() => onOpen(id)}>
        <span className="mitre-shade" style={{ opacity: strength }} />
        <span className="mitre-name">
          <small>{id}</small> {name}
        </span>
        {count > 0 && <span className="mitre-count">{countText(count)}</span>}
      </UnstyledButton>
    </li>
  )
}

function TechniqueDetail({
  cell: { id, count, parts },
  tactics,
}: {
  readonly cell: Cell
  readonly tactics: readonly Tactic[]
}) {
  const where = `rule.mitre.id:(${quoted(id)} or ${id.replaceAll('"', '')}.*)`
  const names = tactics.filter(({ techniques }) => techniques.some((each) => each.id === id)).map(({ name }) => name)
  return (
    <>
      <p>
        {names.map((name) => (
          <Badge key={name} variant="light" mr={6}>
            {name}
          </Badge>
        ))}
      </p>
      <p>
        {countText(count)} alerts in this range.{' '}
        <PageLink to="/discover" parts={eventParts({ query: where })}>
          Show them
        </PageLink>{' '}
        ·{' '}
        <PageLink to="/rules" parts={{ tq: id }}>
          Rules that name it
        </PageLink>
      </p>
      {parts.length > 0 && (
        <>
          <h3>Sub-techniques</h3>
          <ul className="mitre-parts">
            {parts.map((part) => (
              <li key={part.id}>
                <span>
                  <small>{part.id}</small> {part.name}
                </span>
                <span className="mitre-count">{countText(part.count)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
      <h3>Newest alerts</h3>
      <NewestAlerts where={where} />
    </>
  )
}
