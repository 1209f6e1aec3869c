/** A link to another page, which takes the time range along. `parts` are what the address holds besides: `q`, `f` (eventParts), what that page adds. */
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useKeptParts } from '../url/url-state.ts'

export interface PageLinkProps {
  /** Of the menu: `/discover`. */
  readonly to: string
  readonly parts?: Readonly<Record<string, unknown>>
  readonly className?: string
  readonly 'aria-label'?: string
  readonly 'aria-current'?: 'page'
  readonly onClick?: () => void
  readonly children: ReactNode
}

export function PageLink({ to, parts = {}, children, ...rest }: PageLinkProps) {
  const kept = useKeptParts()
  // The router knows the parts of no page by their types: each reads its own (url/url-state.ts).
  return (
    <Link to={to} search={{ ...kept, ...parts } as never} {...rest}>
      {children}
    </Link>
  )
}
