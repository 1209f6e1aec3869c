import { CompliancePage } from './CompliancePage.tsx'

export default function NistPage() {
  return <CompliancePage regulation="nist_800_53" />
}
