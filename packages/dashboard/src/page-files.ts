/** The file of each page, loaded when somebody goes there. A page is the default export of its file, a component without properties. */
import type { ComponentType } from 'react'
import type { menu } from './menu.ts'

type PageId = (typeof menu)[number]['id']
type PageFile = () => Promise<{ readonly default: ComponentType }>

export const pageFiles: Readonly<Record<PageId, PageFile>> = {
  overview: () => import('./overview/OverviewPage.tsx'),
  kubernetes: () => import('./kubernetes/KubernetesPage.tsx'),
  discover: () => import('./discover/DiscoverPage.tsx'),
  mitre: () => import('./mitre/MitrePage.tsx'),
  fim: () => import('./fim/FimPage.tsx'),
  'pci-dss': () => import('./compliance/PciDssPage.tsx'),
  gdpr: () => import('./compliance/GdprPage.tsx'),
  hipaa: () => import('./compliance/HipaaPage.tsx'),
  nist: () => import('./compliance/NistPage.tsx'),
  tsc: () => import('./compliance/TscPage.tsx'),
  agents: () => import('./agents/AgentsPage.tsx'),
  groups: () => import('./agents/GroupsPage.tsx'),
  deploy: () => import('./agents/DeployPage.tsx'),
  rules: () => import('./ruleset/RulesPage.tsx'),
  decoders: () => import('./ruleset/DecodersPage.tsx'),
  lists: () => import('./ruleset/ListsPage.tsx'),
  'ruleset-test': () => import('./ruleset-test/RulesetTestPage.tsx'),
  status: () => import('./server/StatusPage.tsx'),
  logs: () => import('./server/LogsPage.tsx'),
  settings: () => import('./server/SettingsPage.tsx'),
  'dev-tools': () => import('./server/DevToolsPage.tsx'),
  users: () => import('./users/UsersPage.tsx'),
  'first-run': () => import('./first-run/FirstRunPage.tsx'),
}
