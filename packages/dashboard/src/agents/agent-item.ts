/** An agent as the API tells it. */
export interface AgentItem {
  readonly id: string
  readonly name: string
  readonly ip?: string
  readonly registerIP: string
  readonly status: 'active' | 'disconnected' | 'pending' | 'never_connected'
  readonly status_code: number
  readonly group?: readonly string[]
  readonly os?: Readonly<Record<string, string>>
  readonly version?: string
  readonly dateAdd?: string
  readonly lastKeepAlive?: string
  readonly disconnection_time?: string
  readonly group_config_status: string
  readonly labels?: readonly { readonly key: string; readonly value: string }[]
}

export const statusColors: Readonly<Record<AgentItem['status'], string>> = {
  active: '#2a9d7c',
  disconnected: '#c93545',
  pending: '#d9a514',
  never_connected: '#7a8b99',
}

/** Why an agent is not active, by the number that the manager gives. */
const reasons: Readonly<Record<number, string>> = {
  1: 'its version is not allowed',
  2: 'it does not tell its version',
  3: 'it said that it stops',
  4: 'it has been silent for too long',
  5: 'the manager was started anew and has not heard of it since',
}

export function statusWords({ status, status_code: code }: AgentItem): string {
  return status.replace('_', ' ') + (status === 'active' || reasons[code] === undefined ? '' : `: ${reasons[code]}`)
}

export function systemWords({ os }: AgentItem): string {
  return [os?.name, os?.version].filter((part) => part !== undefined).join(' ')
}
