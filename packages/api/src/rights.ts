/**
 * What somebody may do, and on what: policies made into one answer (spec: api, part 2).
 *
 * In: policies in the order in which they count, and the mode. Out: `Rights`. A policy names things as `agent:id:001` or `agent:id:*`, everything as `*:*:*`; of
 * all entries for an action that speak of a thing the last one decides, and where none does, the mode: `white` denies, `black` allows. Pure.
 */
import { type Action, actions, kindsOf } from './permissions.ts'

export type Effect = 'allow' | 'deny'
export type Mode = 'white' | 'black'

export interface PolicyContent {
  readonly actions: readonly Action[]
  readonly resources: readonly string[]
  readonly effect: Effect
}

/** Everything. */
export const everything = '*:*:*'

/** An entry: what is named, and whether it is allowed. */
export interface Grant {
  readonly resource: string
  readonly effect: Effect
}

export interface Rights {
  readonly mode: Mode
  /** Whether the thing that has these names may be had; an agent has several (`agent:id:001`, `agent:group:web`), what is no single thing has none. */
  may(action: Action, names: readonly string[]): boolean
  /** Is there anything on which the action is allowed? */
  some(action: Action): boolean
  /** Is there nothing on which it is not? */
  all(action: Action): boolean
  /** Entries that count, earlier ones first. */
  grants(action: Action): readonly Grant[]
}

/** No name of anything that there is: what the rules for whole kinds say of it, they say of whatever is not named. */
const unnamed = '\0'

export function rightsOf(policies: readonly PolicyContent[], mode: Mode): Rights {
  const entries = new Map<Action, Entries>()
  for (const { actions: named, resources, effect } of policies) {
    for (const action of named) {
      const known = entries.get(action) ?? { byName: new Map<string, Entry>(), wild: [], last: 0 }
      entries.set(action, known)
      for (const resource of resourcesFor(action, resources, effect)) add(known, { resource, effect })
    }
  }
  const grants = (action: Action): readonly Grant[] =>
    [...(entries.get(action)?.byName.values() ?? [])].map(({ resource, effect }) => ({ resource, effect }))
  const may = (action: Action, names: readonly string[]): boolean => {
    const { byName, wild } = entries.get(action) ?? none
    // Who may thousands of things one by one is looked up, not gone through.
    const exact = names.flatMap((name) => byName.get(name) ?? [])
    const whole = wild.filter(({ resource }) => resource === everything || names.some((name) => covers(resource, name)))
    const last = [...exact, ...whole].reduce<Entry | null>(
      (latest, entry) => (latest === null || entry.place > latest.place ? entry : latest),
      null,
    )
    return last === null ? mode === 'black' : last.effect === 'allow'
  }
  /** Of things that no policy names. */
  const others = (action: Action): boolean[] => {
    const kinds = kindsOf(action).filter((kind) => kind !== 'agent:group')
    return kinds.length === 0 ? [may(action, [])] : kinds.map((kind) => may(action, [`${kind}:${unnamed}`]))
  }
  return {
    mode,
    grants,
    may,
    some: (action) => grants(action).some(({ effect }) => effect === 'allow') || others(action).includes(true),
    all: (action) => grants(action).every(({ effect }) => effect === 'allow') && !others(action).includes(false),
  }
}

/** An action that `wanted` allows on something on which `held` may not; null when there is none. Where that is not plain to see, it is one. */
export function exceeding(wanted: Rights, held: Rights): Action | null {
  return actions.find((action) => wanted.some(action) && !held.all(action) && !isWithin(action, wanted, held)) ?? null
}

function isWithin(action: Action, wanted: Rights, held: Rights): boolean {
  const [asked, had] = [wanted.grants(action), held.grants(action)]
  if (wanted.mode === held.mode && JSON.stringify(asked) === JSON.stringify(had)) return true
  // Where things that nobody names are allowed, only the same list is known to be no more.
  const isOpen = kindsOf(action).some((kind) => kind !== 'agent:group' && wanted.may(action, [`${kind}:${unnamed}`]))
  if (isOpen || kindsOf(action).length === 0) return false
  return asked
    .filter(({ effect }) => effect === 'allow')
    .every(({ resource }) => {
      const at = had.findLastIndex((grant) => grant.effect === 'allow' && covers(grant.resource, resource))
      return at !== -1 && had.slice(at).every(({ effect }) => effect === 'allow')
    })
}

/** What is wrong with a policy: an action without a thing that it is for, or a thing that no action is for; null when nothing is. */
export function policyProblem({ actions: named, resources }: PolicyContent): string | null {
  for (const resource of resources) {
    if (!named.some((action) => fits(action, resource))) return `no action of the policy is for ${resource}`
  }
  const lone = named.find((action) => !resources.some((resource) => fits(action, resource)))
  if (lone === undefined) return null
  const kinds = kindsOf(lone).map((kind) => `${kind}:*`)
  return `${lone} is for ${[...kinds, everything].join(', ')}, and for nothing that the policy names`
}

/** A wildcard is one of a kind that an action is for. */
function fits(action: Action, resource: string): boolean {
  return whole(resource) === everything || kindsOf(action).some((kind) => kindOf(resource) === kind)
}

/** What of a policy counts for an action. A denial that fits nothing, which an older version kept, denies everything. */
function resourcesFor(action: Action, resources: readonly string[], effect: Effect): readonly string[] {
  const fitting = resources.filter((resource) => fits(action, resource)).map(whole)
  return fitting.length === 0 && effect === 'deny' ? [everything] : fitting
}

interface Entry extends Grant {
  /** Later ones count. */
  readonly place: number
}

/** Of one action, in their order. */
interface Entries {
  readonly byName: Map<string, Entry>
  /** Those of `byName` that speak of more than one thing. */
  wild: readonly Entry[]
  last: number
}

const none: Entries = { byName: new Map(), wild: [], last: 0 }

function add(entries: Entries, { resource, effect }: Grant): void {
  const { byName } = entries
  entries.last += 1
  const entry = { resource, effect, place: entries.last }
  if (resource.endsWith(':*')) {
    // What the new one speaks of as a whole is settled by it.
    const isSettled = (name: string): boolean => covers(resource, name) || isOfAgents(resource, name)
    for (const name of [...byName.keys()].filter(isSettled)) byName.delete(name)
    entries.wild = [...entries.wild.filter((other) => !isSettled(other.resource)), entry]
  }
  // Taken out first, so that it stands at the end.
  byName.delete(resource)
  byName.set(resource, entry)
}

/** Every agent has an id, so that all ids are all agents, also those of a group. */
function isOfAgents(resource: string, other: string): boolean {
  return resource === 'agent:id:*' && other.startsWith('agent:group:')
}

/** Does the one speak of all that the other speaks of? */
function covers(resource: string, other: string): boolean {
  if (resource === everything || resource === other) return true
  return resource.endsWith(':*') && other.startsWith(resource.slice(0, -1))
}

/** `*:*` is short for everything. */
function whole(resource: string): string {
  return resource === '*:*' ? everything : resource
}

function kindOf(resource: string): string {
  return resource.slice(0, resource.indexOf(':', resource.indexOf(':') + 1))
}

/** A resource as policies write it. */
export function resourcePattern(kinds: readonly string[]): string {
  return `^(?:\\*:\\*(?::\\*)?|(?:${kinds.join('|')}):(?:\\*|[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}))$`
}
