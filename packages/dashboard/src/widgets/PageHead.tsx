/** A page's title with what can be done there at its right. One on each page. */
import { Title } from '@mantine/core'
import type { ReactNode } from 'react'

export function PageHead({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  return (
    <div className="page-head">
      <Title order={1}>{title}</Title>
      {children !== undefined && <div className="page-actions">{children}</div>}
    </div>
  )
}
