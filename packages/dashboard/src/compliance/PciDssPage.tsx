import { CompliancePage } from './CompliancePage.tsx'

export default function PciDssPage() {
  return <CompliancePage regulation="pci_dss" />
}
