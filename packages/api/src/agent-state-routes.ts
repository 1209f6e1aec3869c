/** What agents say of themselves when asked, how they are as a whole, and having them connect anew (spec: api, endpoints 22, 25, 31, 33 and 35). */
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { agentIdPattern, deskOf, doneAnswer } from './agent-items.ts'
import { answerSchema, commonQuery, itemsAnswer } from './envelope.ts'
import { ApiError } from './error.ts'
import { agentsFor, demand, groupsSeen, managerId } from './narrow.ts'
import type { AgentFacts, ApiParts } from './parts.ts'
import type { ApiServer } from './server.ts'

const tags = ['agents']
const security = [{ jwt: [] }]
const response = { 200: answerSchema }
const querystring = Type.Object(commonQuery)
const params = Type.Object({ agent_id: Type.String({ pattern: agentIdPattern }) })

export function agentStateRoutes(server: ApiServer, parts: ApiParts): void {
  const agentOf = (request: FastifyRequest, id: string): AgentFacts => {
    if (id === managerId) throw new ApiError(400, 'Action not available for the manager (agent 000)', 1703)
    return agentsFor(request, parts).agent(id)
  }

  server.get(
    '/agents/:agent_id/stats/:component',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'The agent’s own counters',
        params: Type.Object({
          agent_id: Type.String({ pattern: agentIdPattern }),
          component: Type.String({ pattern: '^[a-z]{2,20}$' }),
        }),
      },
      config: { permission: 'agent:read', isNarrowed: true },
    },
    async (request) => {
      const { agent_id: id, component } = request.params
      if (component !== 'agent' && component !== 'logcollector')
        throw new ApiError(400, `there are counters of agent and logcollector, not of ${component}`, 1101)
      if (agentOf(request, id).status !== 'active') throw new ApiError(400, 'Agent is not active', 1740)
      const answer = await deskOf(parts).ask(id, component, 'getstate')
      if ('problem' in answer) throw new ApiError(400, answer.problem, 1117)
      return itemsAnswer([countersIn(answer.text)], 'Statistical information for each agent was successfully read')
    },
  )

  server.get(
    '/agents/summary',
    {
      schema: { tags, security, response, querystring, summary: 'Agents by status, group and platform' },
      config: { permission: 'agent:read', isNarrowed: true },
    },
    (request) => {
      const view = agentsFor(request, parts)
      const agents = view.agents()
      return {
        data: {
          agent_status: countsOf(agents.map(({ status }) => status)),
          agent_groups: groupsSeen(request, view).map(({ name, count }) => ({ name, count })),
          agent_os: countsOf(agents.flatMap(({ system }) => system?.platform ?? [])),
        },
        error: 0,
      }
    },
  )

  server.get(
    '/agents/:agent_id/group/is_sync',
    {
      schema: { tags, security, response, querystring, params, summary: 'Whether it has the files of its groups' },
      config: { permission: 'agent:read', isNarrowed: true },
    },
    (request) => {
      const { agent_id: id } = request.params
      return itemsAnswer(
        [{ id, synced: agentOf(request, id).isSynced }],
        'Sync info was returned for all selected agents',
      )
    },
  )

  server.delete(
    '/agents/:agent_id/group',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        params,
        summary: 'Take an agent out of all its groups; it is in default then',
      },
      config: { permission: 'agent:modify_group', isNarrowed: true },
    },
    (request) => {
      const { agent_id: id } = request.params
      for (const group of agentOf(request, id).groups)
        demand(request, [`group:id:${group}`], 'group:modify_assignments')
      const problem = deskOf(parts).setGroups(id, [])
      if (problem !== null) throw new ApiError(400, problem, 1734)
      return itemsAnswer([id], 'All selected agents were removed from group')
    },
  )

  server.put(
    '/agents/reconnect',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Have agents connect anew; all where none is named',
        querystring: Type.Object({
          ...commonQuery,
          agents_list: Type.Optional(Type.String({ pattern: '^(?:all|\\d{3,8}(?:,\\d{3,8})*)$' })),
        }),
      },
      config: { permission: 'agent:reconnect', isNarrowed: true },
    },
    (request) => {
      const { agents_list: list = 'all' } = request.query
      const { desk, byId, missing } = agentsFor(request, parts)
      const known = new Set(byId().keys())
      const done: string[] = []
      const failed: { id: string; code: number; message: string }[] = []
      for (const id of list === 'all' ? known : new Set(list.split(',')))
        if (id === managerId)
          failed.push({ id, code: 1703, message: 'Action not available for the manager (agent 000)' })
        else if (!known.has(id)) failed.push(missing(id))
        else if (desk.reconnect(id)) done.push(id)
        else failed.push({ id, code: 1707, message: 'Agent is not active' })
      return doneAnswer(done, failed, {
        all: 'Force reconnect command was sent to all agents',
        some: 'Force reconnect command was not sent to some agents',
        none: 'Force reconnect command was not sent to any agent',
      })
    },
  )
}

/** `ok {…}` or `{"error":0,"data":{…}}`. */
function countersIn(text: string): object {
  try {
    const value: unknown = JSON.parse(text.replace(/^ok\s*/, ''))
    if (typeof value === 'object' && value !== null) {
      const { data }: { readonly data?: unknown } = value
      return typeof data === 'object' && data !== null ? data : value
    }
  } catch {
    // Told below, as every other text that is no object.
  }
  throw new ApiError(400, `the agent answers: ${text.slice(0, 200)}`, 1118)
}

function countsOf(values: readonly string[]): { readonly name: string; readonly count: number }[] {
  return [...Map.groupBy(values, (value) => value)].map(([name, all]) => ({ name, count: all.length }))
}
