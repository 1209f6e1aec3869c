import { CompliancePage } from './CompliancePage.tsx'

export default function HipaaPage() {
  return <CompliancePage regulation="hipaa" />
}
