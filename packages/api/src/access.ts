/**
 * Who may do what, of the roles and policies that come with the product and of those that somebody made. In: the state. Out: roles, policies, and the actions
 * that roles allow together: policies count in their order, a later one over an earlier one, so `deny` takes back what was allowed before it.
 */
import type { State } from '@dogwatch/store'
import { type Action, actions, roles as ownRoles } from './permissions.ts'

export interface PolicyContent {
  readonly actions: readonly Action[]
  readonly resources: readonly string[]
  readonly effect: 'allow' | 'deny'
}

export interface Policy {
  readonly id: number
  readonly name: string
  readonly policy: PolicyContent
}

export interface RoleFacts {
  readonly id: number
  readonly name: string
  readonly policies: readonly number[]
  readonly actions: readonly Action[]
}

/** Ids from here on are of roles and policies that somebody made. */
export const customIdMin = 100
/** Everything: permissions are not given for parts of a kind. */
export const everything = '*:*:*'

export interface Access {
  roles(): readonly RoleFacts[]
  role(id: number): RoleFacts | null
  /** One for each role of the product, with the role's id, and those that were made. */
  policies(): readonly Policy[]
  actionsOf(roleIds: readonly number[]): ReadonlySet<Action>
}

export function openAccess(state: State): Access {
  const ownPolicies = ownRoles.map(({ id, name, actions: allowed }): Policy => {
    return { id, name, policy: { actions: allowed, resources: [everything], effect: 'allow' } }
  })
  const policies = (): readonly Policy[] => [
    ...ownPolicies,
    ...state.policies().map(({ id, name, content }) => ({ id, name, policy: contentOf(content) })),
  ]
  const roles = (): readonly RoleFacts[] => {
    const known = new Map(policies().map((policy) => [policy.id, policy]))
    const made = state.roles().map(({ id, name, policies: linked }) => {
      const allowed = new Set<Action>()
      for (const policyId of linked) apply(known.get(policyId)?.policy, allowed)
      return { id, name, policies: linked, actions: [...allowed] }
    })
    return [...ownRoles.map((role) => ({ ...role, policies: [role.id] })), ...made]
  }
  return {
    policies,
    roles,
    role: (id) => roles().find((role) => role.id === id) ?? null,
    actionsOf(roleIds) {
      // What is asked on every request needs no look into the state for the roles of the product.
      const made = roleIds.some((id) => id >= customIdMin) ? state.roles() : []
      const known = new Map((made.length === 0 ? ownPolicies : policies()).map((policy) => [policy.id, policy]))
      const allowed = new Set<Action>()
      for (const id of roleIds) {
        const linked = id < customIdMin ? [id] : (made.find((role) => role.id === id)?.policies ?? [])
        for (const policyId of linked) apply(known.get(policyId)?.policy, allowed)
      }
      return allowed
    },
  }
}

function apply(policy: PolicyContent | undefined, allowed: Set<Action>): void {
  for (const action of policy?.actions ?? []) {
    if (policy?.effect === 'allow') allowed.add(action)
    else allowed.delete(action)
  }
}

/** What the state keeps of a policy; actions that there no longer are do not count. */
function contentOf(text: string): PolicyContent {
  const value: unknown = JSON.parse(text)
  const named = typeof value === 'object' && value !== null && 'actions' in value ? value.actions : null
  const effect = typeof value === 'object' && value !== null && 'effect' in value ? value.effect : null
  const given = typeof value === 'object' && value !== null && 'resources' in value ? value.resources : null
  const kinds: readonly unknown[] = Array.isArray(given) ? given : []
  const wanted = new Set(Array.isArray(named) ? named : [])
  return {
    actions: actions.filter((action) => wanted.has(action)),
    resources: kinds.filter((kind) => typeof kind === 'string'),
    effect: effect === 'allow' ? 'allow' : 'deny',
  }
}
