import { EmptyState } from '../widgets/EmptyState.tsx'
import { PageHead } from '../widgets/PageHead.tsx'

export default function LogsPage() {
  return (
    <>
      <PageHead title="Logs" />
      <EmptyState title="Nothing here yet">This page comes with a later version.</EmptyState>
    </>
  )
}
