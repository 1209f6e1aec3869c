/** How the manager is: its parts, what goes through it, what waits and what was dropped, and how far the store is. */
import { Badge, Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useItems, useStoreStatus } from '../data/hooks.ts'
import { client } from '../data/session.ts'
import { fullTime } from '../url/time-range.ts'
import { Chart } from '../widgets/Chart.tsx'
import { seriesColor } from '../widgets/chart-colors.ts'
import { DataTable } from '../widgets/DataTable.tsx'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { bytesText, countText } from '../widgets/number-text.ts'
import { PageHead } from '../widgets/PageHead.tsx'
import { Panel } from '../widgets/Panel.tsx'
import { StatCard } from '../widgets/StatCard.tsx'
import { Trouble } from '../widgets/Trouble.tsx'
import { RuleCosts } from './RuleCosts.tsx'
import { type Sample, useSamples } from './use-samples.ts'
import './server.css'

/** Between two looks, ms. */
const everyMs = 3000

interface Partition {
  readonly index: string
  readonly day: string
  readonly isSealed: boolean
  readonly documents: number
}

export default function StatusPage() {
  const status = useItems<Readonly<Record<string, string>>>('/manager/status', {}, { refetchMs: everyMs })
  const info = useItems<Readonly<Record<string, string>>>('/manager/info')
  const stats = useItems<Sample>('/manager/stats', {}, { refetchMs: everyMs })
  const store = useStoreStatus()
  const samples = useSamples(stats.data?.items[0], stats.dataUpdatedAt)
  const drops = useDrops()
  const dropped = drops.data?.reduce((sum, [, count]) => sum + count, 0)
  const error = status.error ?? stats.error
  if (error !== null) return <Trouble error={error} onRetry={() => void stats.refetch()} />
  const now = stats.data?.items[0]
  const others = Object.entries(now ?? {}).filter(
    ([name, value]) => typeof value === 'number' && !shownAbove.has(name),
  ) as (readonly [string, number])[]
  const number = (name: string): number | undefined => {
    const value = now?.[name]
    return typeof value === 'number' ? value : undefined
  }
  const partitions = (store.data as { readonly partitions?: readonly Partition[] } | undefined)?.partitions ?? []
  return (
    <>
      <PageHead title="Status" />
      <div className="panels" data-columns="4">
        <StatCard label="Records received" value={number('records')} hint="since the start" />
        <StatCard label="Events judged" value={number('events')} hint="since the start" />
        <StatCard label="Alerts" value={number('alerts')} hint="since the start" />
        <StatCard label="Waiting in the journal" value={number('lagRecords')} hint="records, all on disk" />
        <StatCard label="Duplicates left out" value={number('duplicates')} />
        <StatCard
          label="Dropped"
          value={dropped}
          tone={(dropped ?? 0) > 0 ? 'critical' : 'good'}
          hint="each has a reason, below"
        />
      </div>
      <div className="panels" data-columns="2">
        <Panel title="Throughput while this page is open">
          <Throughput samples={samples} />
        </Panel>
        <Panel title="Alerts by hour of the day">
          <Hourly />
        </Panel>
      </div>
      <div className="panels" data-columns="2">
        <Panel title="Dropped, by reason">
          <Drops />
        </Panel>
        <Panel title="Parts">
          <ul className="server-parts">
            {Object.entries(status.data?.items[0] ?? {}).map(([name, state]) => (
              <li key={name}>
                <span>{name.replace('dogwatch-', '')}</span>
                <Badge color={state === 'running' ? 'teal' : state === 'failed' ? 'red' : 'gray'} variant="light">
                  {state}
                </Badge>
              </li>
            ))}
          </ul>
        </Panel>
      </div>
      <div className="panels" data-columns="1">
        <RuleCosts />
      </div>
      <div className="panels" data-columns="2">
        <Panel title="Store">
          <dl className="server-facts">
            <dt>State</dt>
            <dd>{store.data?.says ?? 'unknown'}</dd>
            <dt>Documents</dt>
            <dd>{countText(store.data?.documents ?? 0)}</dd>
            <dt>On disk</dt>
            <dd>{bytesText(store.data?.bytes ?? 0)}</dd>
            <dt>Behind</dt>
            <dd>{bytesText(store.data?.lag_bytes ?? 0)} of lines that are in the files but not searchable yet</dd>
          </dl>
          {partitions.length > 0 && (
            <DataTable<Partition>
              label="Days in the store"
              urlPrefix="d"
              source={{ rows: partitions }}
              rowKey={({ index, day }) => `${index} ${day}`}
              columns={[
                { id: 'index', label: 'Index', isSortable: true },
                { id: 'day', label: 'Day', isSortable: true },
                {
                  id: 'documents',
                  label: 'Documents',
                  isSortable: true,
                  render: ({ documents }) => countText(documents),
                },
                {
                  id: 'isSealed',
                  label: 'Form',
                  isWideOnly: true,
                  render: ({ isSealed }) => (isSealed ? 'sealed' : 'growing'),
                },
              ]}
            />
          )}
        </Panel>
        <Panel title="Manager">
          <dl className="server-facts">
            {Object.entries(info.data?.items[0] ?? {}).map(([name, value]) => (
              <Fact key={name} name={name} value={String(value)} />
            ))}
          </dl>
          <h3>Other counters</h3>
          {others.length === 0 ? (
            <EmptyState title="Nothing else is counted" />
          ) : (
            <dl className="server-facts">
              {others.map(([name, value]) => (
                <Fact key={name} name={name} value={countText(value)} />
              ))}
            </dl>
          )}
        </Panel>
      </div>
    </>
  )
}

const shownAbove = new Set(['records', 'events', 'alerts', 'duplicates', 'drops', 'lagRecords'])

function Fact({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  )
}

/** Why something was dropped, in words; a reason that is not here is told as it is. */
const dropWords: Readonly<Record<string, string>> = {
  format: 'not in the form of its queue',
  'firewall-incomplete': 'firewall lines without what a firewall event needs',
}
/** Counted among the drops, but nothing that is missed: states that agents tell, which no rule is about. */
const notMissed = 'no-event'

function useDrops() {
  return useQuery({
    queryKey: ['drops'],
    queryFn: async ({ signal }) => {
      const { data } = await client.call<DropsAnswer>('GET', '/dogwatch/drops', { signal })
      return Object.entries(data.drops).filter(([reason, count]) => reason !== notMissed && count > 0)
    },
    refetchInterval: everyMs,
  })
}

/** What is not there any more, and why. */
function Drops() {
  const { data, error, refetch } = useDrops()
  if (error !== null) return <Trouble error={error} onRetry={() => void refetch()} />
  if (data === undefined) return <Skeleton height={120} />
  if (data.length === 0) {
    return (
      <EmptyState title="Nothing was dropped" icon="check">
        Whatever came since the start is on disk, or was refused with a word to who sent it.
      </EmptyState>
    )
  }
  return (
    <dl className="server-facts">
      {data.map(([reason, count]) => (
        <Fact key={reason} name={dropWords[reason] ?? reason.replaceAll(/[_-]/g, ' ')} value={countText(count)} />
      ))}
    </dl>
  )
}

interface DropsAnswer {
  readonly data: { readonly drops: Readonly<Record<string, number>> }
}

/** The average day of the last four weeks. */
function Hourly() {
  const { data, error, refetch } = useItems<{ readonly averages: readonly number[]; readonly interactions: number }>(
    '/manager/stats/hourly',
  )
  const averages = data?.items[0]?.averages
  const option = useMemo(
    () => ({
      grid: { left: 50, right: 12, top: 12, bottom: 24 },
      xAxis: { type: 'category' as const, data: (averages ?? []).map((_, hour) => `${hour}`) },
      yAxis: { type: 'value' as const, minInterval: 1 },
      series: [{ name: 'alerts', type: 'bar' as const, color: seriesColor(0), data: [...(averages ?? [])] }],
    }),
    [averages],
  )
  if (error !== null) return <Trouble error={error} onRetry={() => void refetch()} />
  if (averages === undefined) return <Skeleton height={170} />
  if (averages.every((count) => count === 0)) {
    return (
      <EmptyState title="No full hour yet" icon="chart">
        Hours that are over are counted here.
      </EmptyState>
    )
  }
  return (
    <>
      <Chart option={option} height={170} label="Alerts by hour of the day" />
      <p className="grid-count">In UTC, on average of the days of the last four weeks that had alerts.</p>
    </>
  )
}

const series = [
  { name: 'events a second', counter: 'events' },
  { name: 'alerts a second', counter: 'alerts' },
] as const

function Throughput({ samples }: { readonly samples: readonly { readonly atMs: number; readonly rates: Sample }[] }) {
  const option = useMemo(
    () => ({
      grid: { left: 50, right: 12, top: 30, bottom: 24 },
      legend: { top: 0 },
      xAxis: { type: 'category' as const, data: samples.map(({ atMs }) => fullTime(atMs).slice(11)) },
      yAxis: { type: 'value' as const, minInterval: 1 },
      series: series.map(({ name, counter }, n) => ({
        name,
        type: 'line' as const,
        showSymbol: false,
        color: seriesColor(n),
        data: samples.map(({ rates }) => Number(rates[counter] ?? 0)),
      })),
    }),
    [samples],
  )
  if (samples.length < 2)
    return (
      <EmptyState title="Measuring" icon="chart">
        The first points come in a few seconds.
      </EmptyState>
    )
  return <Chart option={option} height={200} label="Events and alerts a second" />
}
