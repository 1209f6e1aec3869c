import { CompliancePage } from './CompliancePage.tsx'

export default function TscPage() {
  return <CompliancePage regulation="tsc" />
}
