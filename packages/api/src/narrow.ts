/**
 * Routes on things of which somebody may have some only: they demand the one they touch, or leave out what is not for whoever asks. In: the request with
 * its rights, and what a thing is called in policies. Wrong: 403 with Wazuh's code 4000, as though the thing were there; lists are cut without a word.
 */
import type { Query } from '@dogwatch/query'
import type { FastifyRequest } from 'fastify'
import { deskOf } from './agent-items.ts'
import { ApiError } from './error.ts'
import type { AgentFacts, AgentsDesk, ApiParts, GroupFacts } from './parts.ts'
import type { Action } from './permissions.ts'

/** Agents that a search can be narrowed to one by one, so that a question stays a short one. */
export const searchedAgentsMax = 2000
export const managerId = '000'

/** Everything by which policies may mean an agent. */
export function agentNames({ id, groups }: Pick<AgentFacts, 'id' | 'groups'>): readonly string[] {
  return [`agent:id:${id}`, ...groups.map((group) => `agent:group:${group}`)]
}

/** The action that the request's route needs. */
function actionOf({ routeOptions }: FastifyRequest): Action {
  const { permission } = routeOptions.config
  if (permission === undefined || permission === 'public' || permission === 'user')
    throw new Error(`${routeOptions.url} needs no action, and cannot be narrowed`)
  return permission
}

/** Throws unless whoever asks may do that, by the route's action where none is given, to the thing of these names. */
export function demand(request: FastifyRequest, names: readonly string[], action = actionOf(request)): void {
  if (!request.rights.may(action, names)) throw denied(action, names[0] ?? 'everything')
}

function denied(action: Action, name: string): ApiError {
  return new ApiError(403, `Permission denied: this needs ${action} on ${name}`, 4000)
}

/** Keeps what whoever asks may have by the route's action. */
export function visible<T>(
  request: FastifyRequest,
  items: readonly T[],
  namesOf: (item: T) => readonly string[],
): readonly T[] {
  const action = actionOf(request)
  const { rights } = request
  return rights.all(action) ? items : items.filter((item) => rights.may(action, namesOf(item)))
}

/** The agents as they are there for whoever asks. */
export interface AgentsView {
  /** For deeds; whom they may be done to, the other members say. */
  readonly desk: AgentsDesk
  agents(): readonly AgentFacts[]
  byId(): ReadonlyMap<string, AgentFacts>
  /** Throws 404, and 403 for one that is not to be touched. */
  agent(id: string): AgentFacts
  /** Why an agent is none of those that may be touched: it is not there, or not for whoever asks. */
  missing(id: string): { readonly id: string; readonly code: number; readonly message: string }
  mayManager(): boolean
}

export function agentsFor(request: FastifyRequest, parts: ApiParts): AgentsView {
  const desk = deskOf(parts)
  const action = actionOf(request)
  const agents = () => visible(request, desk.agents(), agentNames)
  const isHidden = (id: string): boolean =>
    id === managerId ? !mayManager() : desk.agents().some((agent) => agent.id === id)
  const mayManager = (): boolean => request.rights.may(action, agentNames({ id: managerId, groups: [] }))
  return {
    desk,
    agents,
    mayManager,
    byId: () => new Map(agents().map((agent) => [agent.id, agent])),
    agent(id) {
      const found = agents().find((agent) => agent.id === id)
      if (found !== undefined) return found
      if (isHidden(id)) throw denied(action, `agent:id:${id}`)
      throw new ApiError(404, 'Agent does not exist', 1701)
    },
    missing: (id) =>
      isHidden(id)
        ? { id, code: 4000, message: `Permission denied: this needs ${action} on agent:id:${id}` }
        : { id, code: 1701, message: 'Agent does not exist' },
  }
}

/** Groups with the number of their agents, of those agents only that are there for whoever asks. */
export function groupsSeen(request: FastifyRequest, { desk, agents }: AgentsView): readonly GroupFacts[] {
  if (request.rights.all(actionOf(request))) return desk.groups()
  const seen = agents().flatMap(({ groups }) => groups)
  return desk
    .groups()
    .map((group) => ({ ...group, count: seen.filter((name) => name === group.name).length }))
    .filter(({ count }) => count > 0)
}

/** Whether documents of an agent, by its id, may be seen by whoever may search. */
export function isSearched(request: FastifyRequest, parts: ApiParts): (agentId: string) => boolean {
  const { rights } = request
  if (rights.all('search:read')) return () => true
  const known = new Map(
    deskOf(parts)
      .agents()
      .map((agent) => [agent.id, agent]),
  )
  return (id) => rights.may('search:read', agentNames({ id, groups: known.get(id)?.groups ?? [] }))
}

/**
 * What a search is narrowed to for whoever asks; null for nothing. Of agents that are gone no group is known any more, so that only their ids count.
 * Throws 403 where more than `searchedAgentsMax` agents would have to be named.
 */
export function searchNarrowing(request: FastifyRequest, parts: ApiParts): Query | null {
  const { rights } = request
  if (rights.all('search:read')) return null
  const isSeen = isSearched(request, parts)
  const named = rights.grants('search:read').flatMap(({ resource }) => /^agent:id:(\d{3,8})$/.exec(resource)?.[1] ?? [])
  const ids = [
    ...new Set([
      managerId,
      ...deskOf(parts)
        .agents()
        .map(({ id }) => id),
      ...named,
    ]),
  ]
  const isOpen = isSeen('')
  const meant = ids.filter((id) => isSeen(id) !== isOpen)
  if (meant.length > searchedAgentsMax)
    throw new ApiError(
      403,
      `search:read is given on ${meant.length} agents one by one, ${searchedAgentsMax} can be; give it on agent:id:*`,
      4000,
    )
  const ofMeant: Query = { kind: 'or', parts: meant.map((id) => ({ kind: 'equals', field: 'agent.id', value: id })) }
  if (isOpen) return meant.length === 0 ? null : { kind: 'not', part: ofMeant }
  return meant.length === 0 ? { kind: 'not', part: { kind: 'all' } } : ofMeant
}

export function narrowedQuery(query: Query, narrowing: Query | null): Query {
  if (narrowing === null) return query
  return query.kind === 'all' ? narrowing : { kind: 'and', parts: [query, narrowing] }
}
