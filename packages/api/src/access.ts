/**
 * Who may do what, of the roles and policies that come with the product and of those that somebody made. In: the state. Out: roles, policies, and the rights
 * that roles give together: policies count in their order, a later one over an earlier one, so `deny` takes back what was allowed before it.
 */
import type { State } from '@dogwatch/store'
import { type Action, actions, roles as ownRoles } from './permissions.ts'
import { everything, type PolicyContent, type Rights, rightsOf } from './rights.ts'
import { readSecuritySettings } from './security-settings.ts'

export interface Policy {
  readonly id: number
  readonly name: string
  readonly policy: PolicyContent
}

export interface RoleFacts {
  readonly id: number
  readonly name: string
  readonly policies: readonly number[]
  /** What the role allows, on something at least, where it is the only one. */
  readonly actions: readonly Action[]
}

/** Ids from here on are of roles, policies and security rules that somebody made. */
export const customIdMin = 100
/** Sets of roles whose rights are remembered. */
const rememberedMax = 500

export interface Access {
  roles(): readonly RoleFacts[]
  role(id: number): RoleFacts | null
  /** One for each role of the product, with the role's id, and those that were made. */
  policies(): readonly Policy[]
  /** Of whoever has these roles. */
  rights(roleIds: readonly number[]): Rights
  /** What a role gives by itself, whatever the mode. */
  rightsOfRole(id: number): Rights
}

export function openAccess(state: State): Access {
  const ownPolicies = ownRoles.map(({ id, name, actions: allowed }): Policy => {
    return { id, name, policy: { actions: allowed, resources: [everything], effect: 'allow' } }
  })
  // Asked on every request, so made once for each set of roles until something changes.
  let remembered = { version: '', rights: new Map<string, Rights>() }
  const policies = (): readonly Policy[] => [
    ...ownPolicies,
    ...state.policies().map(({ id, name, content }) => ({ id, name, policy: contentOf(content) })),
  ]
  const linked = (roleIds: readonly number[]): readonly PolicyContent[] => {
    const made = roleIds.some((id) => id >= customIdMin) ? state.roles() : []
    const known = new Map((made.length === 0 ? ownPolicies : policies()).map((policy) => [policy.id, policy.policy]))
    return roleIds
      .flatMap((id) => (id < customIdMin ? [id] : (made.find((role) => role.id === id)?.policies ?? [])))
      .flatMap((id) => known.get(id) ?? [])
  }
  const rightsOfRole = (id: number): Rights => rightsOf(linked([id]), 'white')
  const roles = (): readonly RoleFacts[] => {
    const known = new Map(policies().map((policy) => [policy.id, policy.policy]))
    const made = state.roles().map(({ id, name, policies: of }) => {
      const { some } = rightsOf(
        of.flatMap((policyId) => known.get(policyId) ?? []),
        'white',
      )
      return { id, name, policies: of, actions: actions.filter(some) }
    })
    return [...ownRoles.map((role) => ({ ...role, policies: [role.id] })), ...made]
  }
  return {
    policies,
    roles,
    role: (id) => roles().find((role) => role.id === id) ?? null,
    rightsOfRole,
    rights(roleIds) {
      const version = state.version()
      if (version !== remembered.version || remembered.rights.size >= rememberedMax)
        remembered = { version, rights: new Map() }
      const key = roleIds.join()
      const rights = remembered.rights.get(key) ?? rightsOf(linked(roleIds), readSecuritySettings(state).mode)
      remembered.rights.set(key, rights)
      return rights
    },
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
