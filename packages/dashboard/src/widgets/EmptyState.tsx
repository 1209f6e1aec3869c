/** What stands where there is nothing to show: what this place is for, and what to do to fill it. */
import type { ReactNode } from 'react'
import { Icon, type IconName } from './icons.tsx'

export interface EmptyStateProps {
  readonly title: string
  readonly icon?: IconName
  readonly children?: ReactNode
}

export function EmptyState({ title, icon = 'eye', children }: EmptyStateProps) {
  return (
    <div className="empty-state">
      <Icon name={icon} size={30} />
      <h2>{title}</h2>
      <div>{children}</div>
    </div>
  )
}
