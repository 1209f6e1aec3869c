/** Who may do what, and on what: actions, the kinds of things that each is for, and the roles of the product. Names are Wazuh's where Wazuh has them (spec: api, part 2); `search` and `audit` are ours. */

export const actions = [
  'manager:read',
  'manager:update_config',
  'manager:restart',
  'cluster:read',
  'agent:read',
  'agent:create',
  'agent:delete',
  'agent:restart',
  'agent:reconnect',
  'agent:modify_group',
  'group:read',
  'group:create',
  'group:delete',
  'group:modify_assignments',
  'group:update_config',
  'syscheck:read',
  'syscheck:run',
  'syscheck:clear',
  'rules:read',
  'rules:update',
  'rules:delete',
  'decoders:read',
  'decoders:update',
  'decoders:delete',
  'lists:read',
  'lists:update',
  'lists:delete',
  'logtest:run',
  'event:ingest',
  'search:read',
  'search:save',
  'security:read',
  'security:create',
  'security:create_user',
  'security:update',
  'security:delete',
  'security:revoke',
  'security:edit_run_as',
  'security:read_config',
  'security:update_config',
  'audit:read',
] as const
export type Action = (typeof actions)[number]

/** Kinds of things that policies name, as `agent:id:001`; what each is called for people. */
export const resourceKinds = {
  'agent:id': 'An agent by its id; 000 is the manager, in whose name events of Kubernetes come',
  'agent:group': 'The agents that are in a group',
  'group:id': 'A group of agents, by its name',
  'node:id': 'A node of a cluster; there is one',
  'rule:file': 'A file of rules, by its name without folders',
  'decoder:file': 'A file of decoders, by its name without folders',
  'list:file': 'A list, by the name of its file without folders',
  'user:id': 'A user, by its number',
  'role:id': 'A role, by its number',
  'policy:id': 'A policy, by its number',
  'rule:id': 'A security rule, by its number',
} as const
export type ResourceKind = keyof typeof resourceKinds

const agentKinds: readonly ResourceKind[] = ['agent:id', 'agent:group']
const securityKinds: readonly ResourceKind[] = ['user:id', 'role:id', 'policy:id', 'rule:id']

/** Kinds on which an action can be allowed one by one; the others are allowed on `*:*:*`, or not. */
const kindsByAction: { readonly [action in Action]?: readonly ResourceKind[] } = {
  'cluster:read': ['node:id'],
  'agent:read': agentKinds,
  'agent:delete': agentKinds,
  'agent:restart': agentKinds,
  'agent:reconnect': agentKinds,
  'agent:modify_group': agentKinds,
  'group:read': ['group:id'],
  'group:delete': ['group:id'],
  'group:modify_assignments': ['group:id'],
  'group:update_config': ['group:id'],
  'syscheck:read': agentKinds,
  'syscheck:run': agentKinds,
  'syscheck:clear': agentKinds,
  'rules:read': ['rule:file'],
  'rules:update': ['rule:file'],
  'rules:delete': ['rule:file'],
  'decoders:read': ['decoder:file'],
  'decoders:update': ['decoder:file'],
  'decoders:delete': ['decoder:file'],
  'lists:read': ['list:file'],
  'lists:update': ['list:file'],
  'lists:delete': ['list:file'],
  'search:read': agentKinds,
  'security:read': securityKinds,
  'security:update': securityKinds,
  'security:delete': securityKinds,
}

export function kindsOf(action: Action): readonly ResourceKind[] {
  return kindsByAction[action] ?? []
}

export interface Role {
  readonly id: number
  readonly name: string
  readonly actions: readonly Action[]
}

const agentReading: readonly Action[] = ['agent:read', 'group:read', 'syscheck:read']

const reading: readonly Action[] = [
  'manager:read',
  'cluster:read',
  ...agentReading,
  'rules:read',
  'decoders:read',
  'lists:read',
  'search:read',
]

/** Ids of Wazuh's default roles; 50 and above are ours. */
export const roles: readonly Role[] = [
  { id: 1, name: 'administrator', actions },
  { id: 2, name: 'readonly', actions: reading },
  {
    id: 3,
    name: 'users_admin',
    actions: [
      'security:read',
      'security:read_config',
      'security:create_user',
      'security:update',
      'security:delete',
      'security:revoke',
    ],
  },
  { id: 4, name: 'agents_readonly', actions: agentReading },
  {
    id: 5,
    name: 'agents_admin',
    actions: [
      ...agentReading,
      'agent:create',
      'agent:delete',
      'agent:restart',
      'agent:reconnect',
      'agent:modify_group',
      'group:create',
      'group:delete',
      'group:modify_assignments',
      'group:update_config',
      'syscheck:run',
      'syscheck:clear',
    ],
  },
  { id: 6, name: 'cluster_readonly', actions: ['cluster:read'] },
  { id: 50, name: 'analyst', actions: [...reading, 'logtest:run', 'search:save'] },
]

export const administrator = 1
