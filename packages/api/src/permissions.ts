/** Who may do what: roles as lists of actions. Names are Wazuh's where Wazuh has them (spec: api, part 2); `search` and `audit` are ours. */

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
  'audit:read',
] as const
export type Action = (typeof actions)[number]

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
    actions: ['security:read', 'security:create_user', 'security:update', 'security:delete', 'security:revoke'],
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
      'group:update_config',
      'syscheck:run',
      'syscheck:clear',
    ],
  },
  { id: 6, name: 'cluster_readonly', actions: ['cluster:read'] },
  { id: 50, name: 'analyst', actions: [...reading, 'logtest:run', 'search:save'] },
]

export const administrator = 1
