import { EmptyState } from '../widgets/EmptyState.tsx'
import { PageHead } from '../widgets/PageHead.tsx'

export default function DeployPage() {
  return (
    <>
      <PageHead title="Deploy" />
      <EmptyState title="Nothing here yet">This page comes with a later version.</EmptyState>
    </>
  )
}
