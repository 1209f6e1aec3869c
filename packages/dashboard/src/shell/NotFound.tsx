import { Button } from '@mantine/core'
import { Link } from '@tanstack/react-router'
import { EmptyState } from '../widgets/EmptyState.tsx'

export function NotFound() {
  return (
    <EmptyState title="There is no such page" icon="search">
      <Button component={Link} to="/">
        To the overview
      </Button>
    </EmptyState>
  )
}
