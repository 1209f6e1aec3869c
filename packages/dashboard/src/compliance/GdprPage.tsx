import { CompliancePage } from './CompliancePage.tsx'

export default function GdprPage() {
  return <CompliancePage regulation="gdpr" />
}
