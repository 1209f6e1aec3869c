import { EmptyState } from '../widgets/EmptyState.tsx'
import { PageHead } from '../widgets/PageHead.tsx'

export default function KubernetesPage() {
  return (
    <>
      <PageHead title="Kubernetes" />
      <EmptyState title="Nothing here yet">This page comes with a later version.</EmptyState>
    </>
  )
}
