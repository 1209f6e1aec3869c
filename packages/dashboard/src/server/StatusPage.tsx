import { EmptyState } from '../widgets/EmptyState.tsx'
import { PageHead } from '../widgets/PageHead.tsx'

export default function StatusPage() {
  return (
    <>
      <PageHead title="Status" />
      <EmptyState title="Nothing here yet">This page comes with a later version.</EmptyState>
    </>
  )
}
