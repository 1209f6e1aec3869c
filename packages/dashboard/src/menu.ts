/** The menu: every page, in the order of the column at the left. To add one: a line here, and one in page-files.ts. */

export interface MenuEntry {
  readonly id: string
  /** Below `/app`. */
  readonly path: string
  readonly label: string
  readonly category: string
  /** The action that a user needs to see it (packages/api/src/permissions.ts); null for everybody. */
  readonly needs: string | null
  /** Whether the page is about a time range and a query: it gets the bar with both. */
  readonly hasQuery: boolean
}

export const menu = [
  entry('overview', '/', 'Overview', 'Security', 'search:read', true),
  entry('kubernetes', '/kubernetes', 'Kubernetes', 'Security', 'search:read', true),
  entry('discover', '/discover', 'Threat hunting', 'Security', 'search:read', true),
  entry('mitre', '/mitre', 'MITRE ATT&CK', 'Security', 'search:read', true),
  entry('fim', '/fim', 'File integrity', 'Security', 'search:read', true),
  entry('pci-dss', '/pci-dss', 'PCI DSS', 'Compliance', 'search:read', true),
  entry('gdpr', '/gdpr', 'GDPR', 'Compliance', 'search:read', true),
  entry('hipaa', '/hipaa', 'HIPAA', 'Compliance', 'search:read', true),
  entry('nist', '/nist-800-53', 'NIST 800-53', 'Compliance', 'search:read', true),
  entry('tsc', '/tsc', 'TSC', 'Compliance', 'search:read', true),
  entry('agents', '/agents', 'Agents', 'Agents', 'agent:read', false),
  entry('groups', '/groups', 'Groups', 'Agents', 'group:read', false),
  entry('deploy', '/deploy', 'Deploy an agent', 'Agents', 'agent:read', false),
  entry('rules', '/rules', 'Rules', 'Ruleset', 'rules:read', false),
  entry('decoders', '/decoders', 'Decoders', 'Ruleset', 'decoders:read', false),
  entry('lists', '/lists', 'Lists', 'Ruleset', 'lists:read', false),
  entry('ruleset-test', '/ruleset-test', 'Ruleset test', 'Ruleset', 'logtest:run', false),
  entry('status', '/status', 'Status', 'Server', 'manager:read', false),
  entry('logs', '/logs', 'Logs', 'Server', 'manager:read', false),
  entry('settings', '/settings', 'Settings', 'Server', 'manager:read', false),
  entry('dev-tools', '/dev-tools', 'Dev tools', 'Server', null, false),
  entry('users', '/users', 'Users and roles', 'Server', 'security:read', false),
  entry('first-run', '/first-event', 'First event', 'Server', 'manager:read', false),
] as const satisfies readonly MenuEntry[]

/** Written so that a line of the table stays a line. */
function entry<Id extends string>(
  id: Id,
  path: string,
  label: string,
  category: string,
  needs: string | null,
  hasQuery: boolean,
): MenuEntry & { readonly id: Id } {
  return { id, path, label, category, needs, hasQuery }
}
