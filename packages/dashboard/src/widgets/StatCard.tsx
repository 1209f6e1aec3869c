/** A number with its name. With `onClick` it is a button, that narrows the page to what was counted. */
import { Paper, Skeleton, UnstyledButton } from '@mantine/core'
import { countText, shortCount } from './number-text.ts'

export interface StatCardProps {
  readonly label: string
  /** Undefined while it is asked for; a text is shown as it is. */
  readonly value: number | string | undefined
  readonly tone?: 'plain' | 'low' | 'medium' | 'high' | 'critical' | 'good'
  /** A few words below the number. */
  readonly hint?: string
  readonly onClick?: () => void
}

export function StatCard({ label, value, tone = 'plain', hint, onClick }: StatCardProps) {
  const body = (
    <>
      <span className="stat-label">{label}</span>
      {value === undefined ? (
        <Skeleton height={26} width={70} />
      ) : (
        <span className="stat-value" title={typeof value === 'number' ? countText(value) : undefined}>
          {typeof value === 'number' ? shortCount(value) : value}
        </span>
      )}
      {hint !== undefined && <span className="stat-hint">{hint}</span>}
    </>
  )
  return (
    <Paper withBorder className="stat" data-tone={tone}>
      {onClick === undefined ? (
        <div className="stat-body">{body}</div>
      ) : (
        <UnstyledButton className="stat-body" onClick={onClick}>
          {body}
        </UnstyledButton>
      )}
    </Paper>
  )
}
