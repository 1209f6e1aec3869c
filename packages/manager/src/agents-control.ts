/**
 * What `dogwatch agents …` may ask of the running manager, and what it answers. In: a parsed JSON value of the control socket. Out: a command, or null when it is none.
 */
import type { AgentRow } from './agents-state.ts'

export type AgentsRequest =
  | { readonly verb: 'list' }
  | { readonly verb: 'show'; readonly id: string }
  | { readonly verb: 'remove'; readonly id: string; readonly purge: boolean }
  | { readonly verb: 'groups' }
  | { readonly verb: 'set-groups'; readonly id: string; readonly groups: readonly string[] }
  | { readonly verb: 'create-group' | 'remove-group'; readonly group: string }
  | { readonly verb: 'restart'; readonly id: string }

/** One group, and how many agents are in it. */
export interface GroupSummary {
  readonly name: string
  readonly agents: number
  /** MD5 of its merged file. */
  readonly sum: string
}

export interface AgentsAnswer {
  /** What went wrong, as a sentence; null when all is well. */
  readonly problem: string | null
  readonly agents: readonly AgentRow[]
  readonly groups: readonly GroupSummary[]
}

/** Most groups in one request. */
const groupsMax = 128

/** Checks what came over the socket. */
export function agentsRequestOf(value: unknown): AgentsRequest | null {
  if (typeof value !== 'object' || value === null) return null
  const members: Readonly<Record<string, unknown>> = { ...value }
  const { verb, id, group, groups, purge } = members
  const isId = typeof id === 'string' && /^\d{1,8}$/.test(id)
  switch (verb) {
    case 'list':
    case 'groups':
      return { verb }
    case 'show':
    case 'restart':
      return isId ? { verb, id } : null
    case 'remove':
      return isId ? { verb, id, purge: purge === true } : null
    case 'create-group':
    case 'remove-group':
      return typeof group === 'string' ? { verb, group } : null
    case 'set-groups': {
      if (!isId || !Array.isArray(groups) || groups.length > groupsMax) return null
      const names = groups.filter((name): name is string => typeof name === 'string')
      return names.length === groups.length ? { verb, id, groups: names } : null
    }
    default:
      return null
  }
}

/** Checks an answer, as far as its reader relies on it. */
export function isAgentsAnswer(value: object): value is AgentsAnswer {
  const { problem, agents, groups } = { problem: undefined, agents: null, groups: null, ...value }
  return (problem === null || typeof problem === 'string') && Array.isArray(agents) && Array.isArray(groups)
}
