/** A page's title with what can be done there at its right; below it, where the page is about events, the query bar. One on each page. */
import { Title } from '@mantine/core'
import { createContext, type ReactNode, useContext } from 'react'

/** What the frame puts below the title: the query bar, or nothing. */
export const BelowTitle = createContext<ReactNode>(null)

export function PageHead({ title, children }: { readonly title: string; readonly children?: ReactNode }) {
  const below = useContext(BelowTitle)
  return (
    <>
      <div className="page-head">
        <Title order={1}>{title}</Title>
        {children !== undefined && <div className="page-actions">{children}</div>}
      </div>
      {below}
    </>
  )
}
