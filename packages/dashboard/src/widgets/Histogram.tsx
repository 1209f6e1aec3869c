/** Events over time, split by a field where asked. Drawing over bars narrows the time range of the page; a click takes one bar's. */
import { Skeleton } from '@mantine/core'
import { useMemo } from 'react'
import { useHistogram } from '../data/hooks.ts'
import { fullTime, shortTime } from '../url/time-range.ts'
import { useChangeUrlState } from '../url/url-state.ts'
import { visibleText } from '../url/visible-text.ts'
import { Chart } from './Chart.tsx'
import { colorOf } from './chart-colors.ts'
import { EmptyState } from './EmptyState.tsx'
import { countText } from './number-text.ts'
import { Trouble } from './Trouble.tsx'

export interface HistogramProps {
  readonly by?: string
  readonly byLimit?: number
  /** A condition beside query and filters. */
  readonly where?: string
  /** In pixels. */
  readonly height?: number
  readonly kind?: 'bar' | 'line' | 'area'
}

export function Histogram({ by, byLimit = 8, where = '', height = 140, kind = 'bar' }: HistogramProps) {
  const { data, error, refetch } = useHistogram({ where, byLimit, ...(by === undefined ? {} : { by }) })
  const change = useChangeUrlState()
  const made = useMemo(() => {
    if (data === undefined) return null
    const starts = bucketStarts(data.from_ms, data.to_ms, data.step_ms, data.buckets[0]?.from_ms)
    const buckets = new Map(data.buckets.map((bucket) => [bucket.from_ms, bucket]))
    const values =
      by === undefined
        ? []
        : valuesOf(
            data.buckets.map((bucket) => bucket.by),
            by,
          )
    const total = data.buckets.reduce((sum, { count }) => sum + count, 0)
    const type = kind === 'bar' ? 'bar' : 'line'
    const shape = {
      type,
      stack: kind === 'line' ? undefined : 'all',
      barCategoryGap: '12%',
      showSymbol: false,
      ...(kind === 'area' ? { areaStyle: { opacity: 0.35 } } : {}),
    }
    const series =
      by === undefined
        ? [
            {
              ...shape,
              name: 'Events',
              itemStyle: { color: colorOf(undefined, '', 0) },
              data: starts.map((ms) => buckets.get(ms)?.count ?? 0),
            },
          ]
        : values.map((value, n) => ({
            ...shape,
            name: visibleText(value),
            itemStyle: { color: colorOf(by, value, n) },
            data: starts.map((ms) => buckets.get(ms)?.by[value] ?? 0),
          }))
    const option = {
      tooltip: {
        trigger: 'axis' as const,
        renderMode: 'richText' as const,
        confine: true,
        axisPointer: { type: 'shadow' as const },
      },
      ...(by === undefined || values.length === 0
        ? {}
        : {
            legend: {
              type: 'scroll' as const,
              bottom: 0,
              itemWidth: 10,
              itemHeight: 10,
              icon: 'roundRect',
            },
          }),
      grid: { left: 4, right: 8, top: 8, bottom: by === undefined ? 2 : 26, containLabel: true },
      xAxis: {
        type: 'category' as const,
        data: starts.map((ms) => fullTime(ms)),
        axisTick: { show: false },
        axisLabel: { hideOverlap: true, formatter: (_: string, at: number) => axisTime(starts[at] ?? 0, data.step_ms) },
      },
      yAxis: {
        type: 'value' as const,
        minInterval: 1,
        splitNumber: 3,
        axisLabel: { formatter: (n: number) => countText(n) },
      },
      series,
    }
    return { option, starts, total, stepMs: data.step_ms, toMs: data.to_ms }
  }, [data, by, kind])
  if (error !== null) return <Trouble error={error} onRetry={() => void refetch()} />
  if (made === null) return <Skeleton height={height} />
  if (made.total === 0) return <EmptyState title="No events in this range" icon="chart" />
  const narrow = (from: number, to: number) => {
    const [fromMs, toMs] = [made.starts[Math.max(0, from)], made.starts[Math.min(to, made.starts.length - 1)]]
    if (fromMs === undefined || toMs === undefined) return
    const range = { from: new Date(fromMs).toISOString(), to: new Date(toMs + made.stepMs).toISOString() }
    change({ range })
  }
  return (
    <Chart
      option={made.option}
      height={height}
      label={`${countText(made.total)} events over time${by === undefined ? '' : `, by ${by}`}`}
      onBrush={narrow}
    />
  )
}

/** Starts of all buckets, those without events too. */
function bucketStarts(fromMs: number, toMs: number, stepMs: number, known: number | undefined): readonly number[] {
  const anchor = known ?? fromMs
  const first = anchor - Math.ceil((anchor - fromMs) / stepMs) * stepMs
  const count = Math.min(2000, Math.ceil((toMs - first) / stepMs))
  return Array.from({ length: Math.max(1, count) }, (_, n) => first + n * stepMs)
}

/** The values that buckets are split by; levels in their order, others by count. */
function valuesOf(counts: readonly Readonly<Record<string, number>>[], field: string): readonly string[] {
  const totals = new Map<string, number>()
  for (const each of counts)
    for (const [value, n] of Object.entries(each)) totals.set(value, (totals.get(value) ?? 0) + n)
  const values = [...totals.keys()]
  return field === 'rule.level'
    ? values.sort((a, b) => Number(a) - Number(b))
    : values.sort((a, b) => (totals.get(b) ?? 0) - (totals.get(a) ?? 0))
}

function axisTime(ms: number, stepMs: number): string {
  const text = shortTime(ms)
  if (stepMs >= 86_400_000) return text.split(',', 1)[0] ?? text
  return stepMs < 3_600_000 ? (text.split(', ')[1] ?? text) : text
}
