/** Who did what to which object, a line for each, counted by the manager over all events of the range; a click shows the events of a line. */
import { Skeleton } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useSelection } from '../data/hooks.ts'
import { client } from '../data/session.ts'
import { shortTime } from '../url/time-range.ts'
import { useChangeUrlState, useSetParts, useUrlState } from '../url/url-state.ts'
import { DataTable } from '../widgets/DataTable.tsx'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { LevelBadge } from '../widgets/LevelBadge.tsx'
import { countText } from '../widgets/number-text.ts'
import { Trouble } from '../widgets/Trouble.tsx'

/** Lines that are asked for at once. */
const deedsMax = 1000

const members = ['cluster', 'actor', 'verb', 'resource', 'namespace', 'name'] as const

/** What one actor did to one object; a member that the events do not have is null. */
type Deed = { readonly [name in (typeof members)[number]]: string | null } & {
  readonly count: number
  readonly refused: number
  readonly last_ms: number
  /** Highest among its alerts. */
  readonly level: number | null
}

interface Deeds {
  readonly data: { readonly deeds: readonly Deed[]; readonly total: number; readonly events: number }
}

export function WhoDidWhat() {
  const selection = useSelection()
  const { data, error, refetch } = useQuery({
    queryKey: ['events', 'deeds', selection],
    queryFn: ({ signal }) =>
      client.call<Deeds>('POST', '/dogwatch/kubernetes/deeds', { body: { ...selection, limit: deedsMax }, signal }),
    placeholderData: keepPreviousData,
  })
  const { filters } = useUrlState()
  const change = useChangeUrlState()
  const setParts = useSetParts()
  if (error !== null) return <Trouble error={error} onRetry={() => void refetch()} />
  if (data === undefined) return <Skeleton height={400} />
  const { deeds, total, events } = data.data
  const show = (deed: Deed): void => {
    const added = members.flatMap((name) => {
      const value = deed[name]
      return value === null || value === ''
        ? []
        : [{ field: `data.kubernetes.${name}`, value, isNegated: false, isDisabled: false }]
    })
    const others = filters.filter(({ field }) => !added.some((each) => each.field === field))
    change({ filters: [...others, ...added] })
    setParts({ view: 'events' })
  }
  return (
    <>
      <p className="grid-count">
        {countText(events)} events{' '}
        {total > deeds.length
          ? `in ${countText(total)} lines; the newest ${countText(deeds.length)} are shown. Narrow the time or the filters to see the rest.`
          : `in ${countText(total)} lines.`}
      </p>
      <DataTable<Deed>
        label="Who did what"
        source={{ rows: deeds }}
        rowKey={(deed) => JSON.stringify(members.map((name) => deed[name]))}
        onRow={show}
        csvName="who-did-what"
        searchPlaceholder="Actor, verb, object"
        empty={
          <EmptyState title="No Kubernetes events in this range">
            Ordinary requests are alerts only where a rule says so. With <code>logall_json</code> in the configuration,
            “All events” has every one.
          </EmptyState>
        }
        columns={[
          { id: 'actor', label: 'Actor', isSortable: true },
          { id: 'verb', label: 'Verb', isSortable: true, width: 90 },
          { id: 'resource', label: 'Resource', isSortable: true },
          { id: 'namespace', label: 'Namespace', isSortable: true, isWideOnly: true },
          { id: 'name', label: 'Name', isSortable: true },
          { id: 'count', label: 'Events', isSortable: true, width: 80, render: ({ count }) => countText(count) },
          { id: 'refused', label: 'Refused', isSortable: true, width: 80, isWideOnly: true },
          {
            id: 'level',
            label: 'Level',
            isSortable: true,
            width: 70,
            isWideOnly: true,
            render: ({ level }) => (level === null || level === 0 ? '' : <LevelBadge level={level} />),
          },
          {
            id: 'last_ms',
            label: 'Last',
            isSortable: true,
            width: 130,
            render: ({ last_ms: last }) => shortTime(last),
          },
        ]}
      />
    </>
  )
}
