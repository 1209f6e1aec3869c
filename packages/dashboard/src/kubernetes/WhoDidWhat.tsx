/** Who did what to which object, put together from the newest events; a click shows the events of a line. */
import { Skeleton } from '@mantine/core'
import { useMemo } from 'react'
import { useSearch } from '../data/hooks.ts'
import { shortTime } from '../url/time-range.ts'
import { useChangeUrlState, useSetParts, useUrlState } from '../url/url-state.ts'
import { DataTable } from '../widgets/DataTable.tsx'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { LevelBadge } from '../widgets/LevelBadge.tsx'
import { countText } from '../widgets/number-text.ts'
import { Trouble } from '../widgets/Trouble.tsx'
import { type Deed, deedsOf } from './who-did-what.ts'

/** As many as the API gives at once. */
const eventsMax = 1000

export function WhoDidWhat({ where }: { readonly where: string }) {
  const { data, error, refetch } = useSearch({ where, limit: eventsMax })
  const deeds = useMemo(() => (data === undefined ? undefined : deedsOf(data.documents)), [data])
  const { filters } = useUrlState()
  const change = useChangeUrlState()
  const setParts = useSetParts()
  if (error !== null) return <Trouble error={error} onRetry={() => void refetch()} />
  if (deeds === undefined || data === undefined) return <Skeleton height={400} />
  const show = (deed: Deed): void => {
    const wanted = (['actor', 'verb', 'resource', 'namespace', 'name'] as const).filter((name) => deed[name] !== '')
    const added = wanted.map((name) => ({
      field: `data.kubernetes.${name}`,
      value: deed[name],
      isNegated: false,
      isDisabled: false,
    }))
    const others = filters.filter(({ field }) => !added.some((each) => each.field === field))
    change({ filters: [...others, ...added] })
    setParts({ view: 'events' })
  }
  return (
    <>
      <p className="grid-count">
        {data.total > eventsMax
          ? `Put together from the newest ${countText(eventsMax)} of ${countText(data.total)} events: narrow the time or the filters to see the rest.`
          : `Put together from ${countText(data.total)} events.`}
      </p>
      <DataTable<Deed>
        label="Who did what"
        source={{ rows: deeds }}
        rowKey={({ key }) => key}
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
            render: ({ level }) => (level === 0 ? '' : <LevelBadge level={level} />),
          },
          { id: 'lastMs', label: 'Last', isSortable: true, width: 130, render: ({ lastMs }) => shortTime(lastMs) },
        ]}
      />
    </>
  )
}
