/** The most frequent values of a field, each with its count and a bar; a click filters for it. */
import { Skeleton, UnstyledButton } from '@mantine/core'
import { useTerms } from '../data/hooks.ts'
import { useAddFilter } from '../url/url-state.ts'
import { visibleText } from '../url/visible-text.ts'
import { EmptyState } from './EmptyState.tsx'
import { countText } from './number-text.ts'
import { SafeText } from './SafeText.tsx'
import { Trouble } from './Trouble.tsx'

export interface TopTermsProps {
  readonly field: string
  readonly limit?: number
  readonly where?: string
  /** What is said where no event has the field. */
  readonly empty?: string
  /** Instead of filtering. */
  readonly onPick?: (value: string) => void
}

export function TopTerms({ field, limit = 8, where = '', empty = 'No values in this range', onPick }: TopTermsProps) {
  const { data, error, refetch } = useTerms(field, { where, limit })
  const add = useAddFilter()
  if (error !== null) return <Trouble error={error} onRetry={() => void refetch()} />
  if (data === undefined) return <Skeleton height={limit * 24} />
  const most = Math.max(1, ...data.terms.map(({ count }) => count))
  if (data.terms.length === 0) return <EmptyState title={empty} icon="chart" />
  return (
    <ol className="top-terms">
      {data.terms.map(({ value, count }) => (
        <li key={value}>
          <UnstyledButton
            onClick={() => (onPick === undefined ? add(field, value) : onPick(value))}
            title={`Filter for ${field}: ${visibleText(value)}`}
          >
            <span className="top-terms-bar" style={{ width: `${(100 * count) / most}%` }} />
            <span className="top-terms-value">
              <SafeText text={value} max={120} />
            </span>
            <span className="top-terms-count">{countText(count)}</span>
          </UnstyledButton>
        </li>
      ))}
    </ol>
  )
}
