/** The newest alerts in one line each; a click opens the alert among all of them. */
import { Skeleton } from '@mantine/core'
import { useSearch } from '../data/hooks.ts'
import { shortTime } from '../url/time-range.ts'
import { fieldNumber, fieldText } from '../widgets/document-fields.ts'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { LevelBadge } from '../widgets/LevelBadge.tsx'
import { PageLink } from '../widgets/PageLink.tsx'
import { SafeText } from '../widgets/SafeText.tsx'
import { Trouble } from '../widgets/Trouble.tsx'

export function NewestAlerts({ where = '', limit = 10 }: { readonly where?: string; readonly limit?: number }) {
  const { data, error, refetch } = useSearch({ where, limit })
  if (error !== null) return <Trouble error={error} onRetry={() => void refetch()} />
  if (data === undefined) return <Skeleton height={limit * 26} />
  if (data.documents.length === 0) {
    return (
      <EmptyState title="No alerts in this range" icon="check">
        Choose a longer time, or <PageLink to="/first-event">send a first event</PageLink>.
      </EmptyState>
    )
  }
  return (
    <ul className="newest">
      {data.documents.map(({ id, time_ms, source }) => (
        <li key={id}>
          <PageLink to="/discover" parts={{ open: id }} className="newest-row">
            <span className="newest-time">{shortTime(time_ms)}</span>
            <LevelBadge level={fieldNumber(source, 'rule.level') ?? 0} />
            <span className="newest-text">
              <SafeText text={fieldText(source, 'rule.description')} max={160} />
            </span>
          </PageLink>
        </li>
      ))}
    </ul>
  )
}
