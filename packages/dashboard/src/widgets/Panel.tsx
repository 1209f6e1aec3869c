/** A box with a title: a chart, a list, a table. `actions` stand at the right of its title. */
import { Paper } from '@mantine/core'
import { type ReactNode, useId } from 'react'

export interface PanelProps {
  readonly title: string
  readonly actions?: ReactNode
  readonly children: ReactNode
}

export function Panel({ title, actions, children }: PanelProps) {
  const id = useId()
  return (
    <Paper withBorder component="section" className="panel" aria-labelledby={id}>
      <div className="panel-head">
        <h2 id={id}>{title}</h2>
        {actions !== undefined && <div className="panel-actions">{actions}</div>}
      </div>
      {children}
    </Paper>
  )
}
