/** The most frequent values of a field as a ring, with their list beside it; a click filters for a value. */
import { Skeleton, UnstyledButton } from '@mantine/core'
import { useMemo } from 'react'
import { useTerms } from '../data/hooks.ts'
import { useAddFilter } from '../url/url-state.ts'
import { visibleText } from '../url/visible-text.ts'
import { Chart } from './Chart.tsx'
import { colorOf } from './chart-colors.ts'
import { EmptyState } from './EmptyState.tsx'
import { countText } from './number-text.ts'
import { SafeText } from './SafeText.tsx'
import { Trouble } from './Trouble.tsx'

export interface Slice {
  readonly name: string
  readonly value: number
  /** Of the palette where left out. */
  readonly color?: string
}

export interface DonutViewProps {
  readonly slices: readonly Slice[]
  readonly label: string
  readonly onPick?: (name: string) => void
  /** In pixels. */
  readonly size?: number
}

/** A ring of whatever is counted. */
export function DonutView({ slices, label, onPick, size = 130 }: DonutViewProps) {
  const total = slices.reduce((sum, { value }) => sum + value, 0)
  const option = useMemo(
    () => ({
      series: [
        {
          type: 'pie' as const,
          radius: ['58%', '92%'],
          label: { show: false },
          itemStyle: { borderWidth: 1, borderColor: 'transparent' },
          data: slices.map(({ name, value, color }, n) => ({
            name: visibleText(name),
            value,
            itemStyle: { color: color ?? colorOf(undefined, name, n) },
          })),
        },
      ],
    }),
    [slices],
  )
  return (
    <div className="donut">
      <div style={{ width: size }}>
        <Chart
          option={option}
          height={size}
          label={`${label}: ${slices.map(({ name, value }) => `${visibleText(name)} ${value}`).join(', ')}`}
          onPick={({ index }) => onPick?.(slices[index]?.name ?? '')}
        />
      </div>
      <ul className="donut-legend">
        {slices.map(({ name, value, color }, n) => {
          const row = (
            <>
              <span className="swatch" style={{ background: color ?? colorOf(undefined, name, n) }} />
              <span className="donut-name">
                <SafeText text={name} max={80} />
              </span>
              <span className="donut-count">{countText(value)}</span>
              <span className="donut-share">{total === 0 ? '' : `${Math.round((100 * value) / total)} %`}</span>
            </>
          )
          return (
            <li key={name}>
              {onPick === undefined ? (
                <span className="donut-row">{row}</span>
              ) : (
                <UnstyledButton className="donut-row" onClick={() => onPick(name)}>
                  {row}
                </UnstyledButton>
              )}
            </li>
          )
        })}
      </ul>
    </div>
  )
}

export interface DonutProps {
  readonly field: string
  readonly limit?: number
  readonly where?: string
  readonly label: string
  readonly size?: number
}

/** A ring of a field's values among the events of the page. */
export function Donut({ field, limit = 5, where = '', label, size = 130 }: DonutProps) {
  const { data, error, refetch } = useTerms(field, { where, limit })
  const add = useAddFilter()
  const slices = useMemo(
    () =>
      (data?.terms ?? []).map(({ value, count }, n) => ({
        name: value,
        value: count,
        color: colorOf(field, value, n),
      })),
    [data, field],
  )
  if (error !== null) return <Trouble error={error} onRetry={() => void refetch()} />
  if (data === undefined) return <Skeleton height={size} />
  if (slices.length === 0) return <EmptyState title="No values in this range" icon="chart" />
  return <DonutView slices={slices} label={label} size={size} onPick={(value) => add(field, value)} />
}
