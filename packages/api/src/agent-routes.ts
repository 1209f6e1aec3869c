/** Agents: who there is, in what state, their keys and groups, and what can be done to them (spec: api, endpoints 15 to 35). */
import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { agentIdPattern, agentItem, deskOf, doneAnswer, groupPattern, managerItem, olderThanMs } from './agent-items.ts'
import { answerSchema, commonQuery, itemsAnswer, listAnswer, pagingQuery } from './envelope.ts'
import { ApiError } from './error.ts'
import { memberAt } from './list-filter.ts'
import { agentNames, agentsFor, demand, groupsSeen } from './narrow.ts'
import type { AgentFacts, ApiParts } from './parts.ts'
import type { ApiServer } from './server.ts'

const tags = ['agents']
const security = [{ jwt: [] }]
const response = { 200: answerSchema }
const querystring = Type.Object(commonQuery)
const statuses = ['active', 'pending', 'never_connected', 'disconnected'] as const
const short = (description: string) => Type.Optional(Type.String({ maxLength: 255, description }))
const agentsList = Type.String({
  pattern: '^(?:all|\\d{3,8}(?:,\\d{3,8})*)$',
  description: 'Ids with commas, or `all`',
})
const params = Type.Object({ agent_id: Type.String({ pattern: agentIdPattern }) })
const statusList = Type.String({
  pattern: `^(?:all|(?:${statuses.join('|')})(?:,(?:${statuses.join('|')}))*)$`,
  description: 'With commas, or `all`',
})

const filters = {
  'os.platform': short('A platform'),
  'os.version': short('A version of the system'),
  'os.name': short('A system'),
  manager: short('A manager'),
  version: short('A version of the agent'),
  group: short('A group'),
  node_name: short('A node'),
  name: short('A name'),
  ip: short('An address'),
  registerIP: short('The address it was registered with'),
  group_config_status: Type.Optional(Type.Union([Type.Literal('synced'), Type.Literal('not synced')])),
}

const forceTime = Type.String({ maxLength: 12, default: '1h', description: 'As 1h, 7d or seconds' })
const forceSchema = Type.Object(
  {
    enabled: Type.Boolean(),
    disconnected_time: Type.Optional(
      Type.Object(
        { enabled: Type.Optional(Type.Boolean({ default: true })), value: Type.Optional(forceTime) },
        { additionalProperties: false },
      ),
    ),
    after_registration_time: Type.Optional(forceTime),
  },
  { additionalProperties: false },
)
const takenErrors = { name: ['this name', 1705], ip: ['this address', 1706], id: ['this id', 1708] } as const

export function agentRoutes(server: ApiServer, parts: ApiParts): void {
  const desk = () => deskOf(parts)
  const agentsOf = (request: FastifyRequest) => agentsFor(request, parts).agents()

  server.get(
    '/agents',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Agents, the manager among them as 000',
        querystring: Type.Object({
          ...pagingQuery,
          ...filters,
          agents_list: Type.Optional(agentsList),
          status: Type.Optional(statusList),
          older_than: Type.Optional(Type.String({ maxLength: 12, description: 'Not heard of for so long: 7d' })),
        }),
      },
      config: { permission: 'agent:read', isNarrowed: true },
    },
    (request) => {
      const { query } = request
      const { agents, mayManager, missing: missingOf } = agentsFor(request, parts)
      const items = [...(mayManager() ? [managerItem(parts)] : []), ...agents().map(agentItem)]
      const answer = listAnswer(
        items.filter(agentTest(query, parts.now())),
        query,
        'All selected agents information was returned',
      )
      if (query.agents_list === undefined || query.agents_list === 'all') return answer
      const known = new Set(items.map((item) => memberAt(item, 'id')))
      const missing = [...new Set(query.agents_list.split(','))].filter((id) => !known.has(id))
      if (missing.length === 0) return answer
      const failed = missing.map(missingOf)
      // As for a single thing: who may none of those that were named is refused.
      refuseAll(query.agents_list, failed)
      const { affected_items: found, total_affected_items: total } = answer.data
      const done = doneAnswer(found, failed, {
        all: '',
        some: 'Some agents information was not returned',
        none: 'No agent information was returned',
      })
      return { ...done, data: { ...done.data, total_affected_items: total } }
    },
  )

  server.get(
    '/agents/no_group',
    {
      schema: { tags, security, response, summary: 'Agents without a group', querystring: Type.Object(pagingQuery) },
      config: { permission: 'agent:read', isNarrowed: true },
    },
    (request) => {
      const items = agentsOf(request)
        .filter(({ groups }) => groups.length === 0)
        .map(agentItem)
      return listAnswer(items, request.query, 'All selected agents information was returned')
    },
  )

  server.get(
    '/agents/outdated',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Agents of ours with another version than the manager’s',
        querystring: Type.Object(pagingQuery),
      },
      config: { permission: 'agent:read', isNarrowed: true },
    },
    (request) => {
      const own = `Dogwatch v${parts.manager.version}`
      const items = agentsOf(request)
        .filter(({ version }) => version?.startsWith('Dogwatch v') === true && version !== own)
        .map(agentItem)
      return listAnswer(items, request.query, 'All selected agents information was returned')
    },
  )

  server.get(
    '/agents/summary/status',
    {
      schema: { tags, security, response, querystring, summary: 'How many agents are in which state' },
      config: { permission: 'agent:read', isNarrowed: true },
    },
    (request) => ({ data: statusSummary(agentsOf(request)), error: 0 }),
  )

  server.get(
    '/agents/summary/os',
    {
      schema: { tags, security, response, summary: 'Platforms of the agents', querystring: Type.Object(pagingQuery) },
      config: { permission: 'agent:read', isNarrowed: true },
    },
    (request) => {
      const { offset = 0, limit = 500 } = request.query
      const names = platforms(agentsOf(request))
      return itemsAnswer(
        names.slice(offset, offset + limit),
        'Showing the operative system of all specified agents',
        names.length,
      )
    },
  )

  server.get(
    '/agents/stats/distinct',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Combinations of fields, with their counts',
        querystring: Type.Object({ ...pagingQuery, fields: Type.String({ minLength: 1, maxLength: 500 }) }),
      },
      config: { permission: 'agent:read', isNarrowed: true },
    },
    (request) => {
      const { query } = request
      const names = query.fields.split(',')
      const counts = new Map<string, { readonly item: object; count: number }>()
      for (const agent of agentsOf(request).map(agentItem)) {
        const item = Object.fromEntries(names.map((name) => [name, memberAt(agent, name) ?? 'unknown']))
        const key = JSON.stringify(item)
        const known = counts.get(key)
        if (known === undefined) counts.set(key, { item, count: 1 })
        else known.count++
      }
      const items = [...counts.values()].map(({ item, count }) => ({ ...item, count }))
      const { fields: _, select: __, ...paging } = query
      return listAnswer(items, paging, 'All selected agents information was returned')
    },
  )

  server.get(
    '/overview/agents',
    {
      schema: { tags: ['overview'], security, response, querystring, summary: 'Agents and groups in numbers' },
      config: { permission: 'agent:read', isNarrowed: true },
    },
    (request) => {
      const view = agentsFor(request, parts)
      const agents = view.agents()
      const counted = (values: readonly (string | null)[]) =>
        [...Map.groupBy(values, (value) => value ?? 'unknown')].map(([value, all]) => ({ value, count: all.length }))
      const last = agents.toSorted((a, b) => b.addedMs - a.addedMs)[0]
      return {
        data: {
          nodes: [{ node_name: 'node01', count: agents.length }],
          groups: groupsSeen(request, view),
          agent_os: counted(agents.map(({ system }) => system?.platform ?? null)).map(({ value, count }) => ({
            os: { platform: value },
            count,
          })),
          agent_status: statusSummary(agents),
          agent_version: counted(agents.map(({ version }) => version)).map(({ value, count }) => ({
            version: value,
            count,
          })),
          last_registered_agent: last === undefined ? [] : [agentItem(last)],
        },
        error: 0,
      }
    },
  )

  const newAgent = Type.Object(
    {
      name: Type.String({ pattern: '^[A-Za-z0-9_-][A-Za-z0-9_.-]{1,127}$' }),
      ip: Type.Optional(Type.String({ maxLength: 64 })),
    },
    { additionalProperties: false },
  )
  const add = ({ name, ip = 'any' }: { readonly name: string; readonly ip?: string }) => {
    addressOf(ip)
    const made = desk().add(name, ip)
    if (made === null) throw new ApiError(400, `there is an agent named ${name}`, 1705)
    return { error: 0, data: { id: made.id, key: desk().key(made.id) } }
  }
  server.post(
    '/agents',
    {
      schema: { tags, security, response, querystring, summary: 'Take an agent in; its key', body: newAgent },
      config: { permission: 'agent:create' },
    },
    ({ body }) => add(body),
  )
  server.post(
    '/agents/insert',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'Take an agent in with the id and key that it has; with force, in the place of one that is away',
        body: Type.Object(
          {
            name: newAgent.properties.name,
            ip: Type.String({ maxLength: 64 }),
            id: Type.Optional(Type.String({ pattern: agentIdPattern })),
            key: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9]{64}$' })),
            force: Type.Optional(forceSchema),
          },
          { additionalProperties: false },
        ),
      },
      config: { permission: 'agent:create' },
    },
    (request) => {
      const { name, ip, id: givenId, key = null, force } = request.body
      const id = givenId === undefined ? null : String(Number(givenId)).padStart(3, '0')
      if (id === '000') throw new ApiError(400, 'the id 000 is the manager’s', 1708)
      addressOf(ip)
      request.auditNote = name
      const others = desk()
        .agents()
        .filter((each) => each.id === id || each.name === name || (ip !== 'any' && each.registerIp === ip))
      if (
        force?.enabled === true &&
        others.length > 0 &&
        others.every((each) => mayReplace(each, force, parts.now()))
      ) {
        // What is replaced is removed: that takes the right to remove.
        for (const other of others) demand(request, agentNames(other), 'agent:delete')
        desk().remove(
          others.map((each) => each.id),
          true,
        )
      }
      const made = desk().insert({ name, ip, id, key })
      if ('id' in made) return { error: 0, data: { id: made.id, key: desk().key(made.id) } }
      const [what, code] = takenErrors[made.taken]
      throw new ApiError(400, `another agent has ${what}`, code)
    },
  )
  server.post(
    '/agents/insert/quick',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Take an agent in by its name alone',
        querystring: Type.Object({
          ...commonQuery,
          agent_name: Type.String({ pattern: '^[A-Za-z0-9_-][A-Za-z0-9_.-]{1,127}$' }),
        }),
      },
      config: { permission: 'agent:create' },
    },
    ({ query }) => add({ name: query.agent_name }),
  )

  server.delete(
    '/agents',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Remove agents',
        querystring: Type.Object({
          ...commonQuery,
          ...filters,
          agents_list: agentsList,
          status: statusList,
          older_than: Type.Optional(Type.String({ maxLength: 12, default: '7d' })),
          purge: Type.Optional(Type.Boolean({ default: false, description: 'Forget the key for good' })),
          q: pagingQuery.q,
        }),
      },
      config: { permission: 'agent:delete', isNarrowed: true },
    },
    (request) => {
      const { query } = request
      const { agents_list: list, purge = false, older_than: age = '7d', q } = query
      const view = agentsFor(request, parts)
      const agents = view.agents()
      const wanted = new Set(list === 'all' ? agents.map(({ id }) => id) : list.split(','))
      const { agents_list: _, ...rest } = query
      const isMeant = agentTest({ ...rest, older_than: age }, parts.now())
      const failed: { id: string; code: number; message: string }[] = []
      const meant: string[] = []
      const items = agents.map(agentItem)
      const byId = new Map(items.map((item) => [memberAt(item, 'id'), item]))
      const chosen = new Set(
        listAnswer(items, { ...(q === undefined ? {} : { q }), limit: items.length + 1 }, '').data.affected_items.map(
          (item) => memberAt(item, 'id'),
        ),
      )
      for (const id of wanted) {
        const item = byId.get(id)
        if (id === '000') failed.push({ id, code: 1703, message: 'Action not available for the manager (agent 000)' })
        else if (item === undefined) failed.push(view.missing(id))
        else if (!isMeant(item) || !chosen.has(id)) {
          if (list !== 'all')
            failed.push({ id, code: 1731, message: 'Agent is not eligible for the action to be performed' })
        } else meant.push(id)
      }
      const done = desk().remove(meant, purge)
      const answer = doneAnswer(done, failed, {
        all: 'Agents were deleted',
        some: 'Some agents were not deleted',
        none: 'No agents were deleted',
      })
      return { ...answer, data: { ...answer.data, older_than: age } }
    },
  )

  server.get(
    '/agents/:agent_id/key',
    {
      schema: { tags, security, response, querystring, params, summary: 'The key of an agent' },
      config: { permission: 'agent:create' },
    },
    ({ params: { agent_id: id } }) => {
      if (
        !desk()
          .agents()
          .some((agent) => agent.id === id)
      )
        throw new ApiError(404, 'Agent does not exist', 1701)
      return itemsAnswer([{ id, key: desk().key(id) }], 'Obtained keys for all selected agents')
    },
  )

  async function askAll(
    request: FastifyRequest,
    ids: readonly string[],
    target: string,
    command: string,
    what: string,
  ) {
    const done: string[] = []
    const failed: { id: string; code: number; message: string }[] = []
    const view = agentsFor(request, parts)
    const byId = view.byId()
    await Promise.all(
      [...new Set(ids)].map(async (id) => {
        const agent = byId.get(id)
        if (id === '000') failed.push({ id, code: 1703, message: 'Action not available for the manager (agent 000)' })
        else if (agent === undefined) failed.push(view.missing(id))
        else if (agent.status !== 'active') failed.push({ id, code: 1707, message: 'Agent is not active' })
        else {
          const answer = await desk().ask(id, target, command)
          if ('problem' in answer) failed.push({ id, code: 1757, message: answer.problem })
          else if (!answer.text.startsWith('ok')) failed.push({ id, code: 1757, message: answer.text.slice(0, 200) })
          else done.push(id)
        }
      }),
    )
    return doneAnswer(done.sort(), failed, {
      all: `${what} command was sent to all agents`,
      some: `${what} command was not sent to some agents`,
      none: `${what} command was not sent to any agent`,
    })
  }
  const listed = (request: FastifyRequest, list: string | undefined): readonly string[] =>
    list === undefined || list === 'all'
      ? agentsOf(request)
          .filter(({ status }) => status === 'active')
          .map(({ id }) => id)
      : list.split(',')

  server.put(
    '/agents/restart',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Restart agents; all that are active where none is named',
        querystring: Type.Object({ ...commonQuery, agents_list: Type.Optional(agentsList) }),
      },
      config: { permission: 'agent:restart', isNarrowed: true },
    },
    (request) => askAll(request, listed(request, request.query.agents_list), 'com', 'restart', 'Restart'),
  )
  server.put(
    '/agents/:agent_id/restart',
    {
      schema: { tags, security, response, querystring, params, summary: 'Restart an agent' },
      config: { permission: 'agent:restart', isNarrowed: true },
    },
    (request) => askAll(request, [request.params.agent_id], 'com', 'restart', 'Restart'),
  )
  server.put(
    '/agents/group/:group_id/restart',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'Restart the agents of a group that are active',
        params: Type.Object({ group_id: Type.String({ pattern: groupPattern }) }),
      },
      config: { permission: 'agent:restart', isNarrowed: true },
    },
    (request) => {
      const { group_id: group } = request.params
      if (!desk().hasGroup(group)) throw new ApiError(404, 'The group does not exist', 1710)
      const members = agentsOf(request).filter(({ status, groups }) => status === 'active' && groups.includes(group))
      return askAll(
        request,
        members.map(({ id }) => id),
        'com',
        'restart',
        'Restart',
      )
    },
  )
  server.put(
    '/syscheck',
    {
      schema: {
        tags: ['syscheck'],
        security,
        response,
        summary: 'Scan files now; on all active agents where none is named',
        querystring: Type.Object({ ...commonQuery, agents_list: Type.Optional(agentsList) }),
      },
      config: { permission: 'syscheck:run', isNarrowed: true },
    },
    (request) =>
      askAll(request, listed(request, request.query.agents_list), 'syscheck', 'restart', 'Syscheck scan restart'),
  )

  server.get(
    '/agents/:agent_id/config/:component/:configuration',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'What an agent says that it runs with',
        params: Type.Object({
          agent_id: Type.String({ pattern: agentIdPattern }),
          component: Type.String({ pattern: '^[a-z]{2,20}$' }),
          configuration: Type.String({ pattern: '^[a-z0-9_-]{2,40}$' }),
        }),
      },
      config: { permission: 'agent:read', isNarrowed: true },
    },
    async (request) => {
      const { agent_id: id, component, configuration } = request.params
      if (agentsFor(request, parts).agent(id).status !== 'active') throw new ApiError(400, 'Agent is not active', 1740)
      const answer = await desk().ask(id, component, `getconfig ${configuration}`)
      if ('problem' in answer) throw new ApiError(400, answer.problem, 1117)
      const text = answer.text.replace(/^ok\s*/, '')
      if (!answer.text.startsWith('ok'))
        throw new ApiError(400, `the agent answers: ${answer.text.slice(0, 200)}`, 1116)
      return { data: jsonOf(text), error: 0 }
    },
  )

  server.put(
    '/agents/:agent_id/group/:group_id',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Put an agent into a group',
        params: Type.Object({
          agent_id: Type.String({ pattern: agentIdPattern }),
          group_id: Type.String({ pattern: groupPattern }),
        }),
        querystring: Type.Object({
          ...commonQuery,
          force_single_group: Type.Optional(Type.Boolean({ default: false })),
        }),
      },
      config: { permission: 'agent:modify_group', isNarrowed: true },
    },
    (request) => {
      const { agent_id: id, group_id: group } = request.params
      const { force_single_group: isOnly = false } = request.query
      const { groups } = agentsFor(request, parts).agent(id)
      for (const changed of isOnly ? new Set([...groups, group]) : [group]) demandAssignments(request, changed)
      if (!desk().hasGroup(group)) throw new ApiError(404, 'The group does not exist', 1710)
      if (!isOnly && groups.includes(group)) throw new ApiError(400, 'Agent already belongs to specified group', 1751)
      said(desk().setGroups(id, isOnly ? [group] : [...groups, group]))
      return { message: `Agent ${id} was assigned to ${group}`, error: 0 }
    },
  )
  server.delete(
    '/agents/:agent_id/group/:group_id',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'Take an agent out of a group',
        params: Type.Object({
          agent_id: Type.String({ pattern: agentIdPattern }),
          group_id: Type.String({ pattern: groupPattern }),
        }),
      },
      config: { permission: 'agent:modify_group', isNarrowed: true },
    },
    (request) => {
      const { agent_id: id, group_id: group } = request.params
      const { groups } = agentsFor(request, parts).agent(id)
      demandAssignments(request, group)
      if (!groups.includes(group)) throw new ApiError(400, 'Agent does not belong to the specified group', 1734)
      if (groups.length === 1 && group === 'default')
        throw new ApiError(400, 'Agent only belongs to the default group and cannot be unassigned from it', 1745)
      said(
        desk().setGroups(
          id,
          groups.filter((each) => each !== group),
        ),
      )
      return { message: `Agent '${id}' removed from '${group}'.`, error: 0 }
    },
  )
  const groupChange = (isAdded: boolean) => (request: FastifyRequest<{ Querystring: GroupChange }>) => {
    const { group_id: group, agents_list: list } = request.query
    demandAssignments(request, group)
    if (!desk().hasGroup(group)) throw new ApiError(404, 'The group does not exist', 1710)
    const done: string[] = []
    const failed: { id: string; code: number; message: string }[] = []
    const view = agentsFor(request, parts)
    const byId = view.byId()
    for (const id of new Set(list === 'all' ? byId.keys() : list.split(','))) {
      const agent = byId.get(id)
      if (agent === undefined) failed.push(view.missing(id))
      else if (agent.groups.includes(group) === isAdded)
        failed.push(
          isAdded
            ? { id, code: 1751, message: 'Agent already belongs to specified group' }
            : { id, code: 1734, message: 'Agent does not belong to the specified group' },
        )
      else {
        const next = isAdded ? [...agent.groups, group] : agent.groups.filter((each) => each !== group)
        said(desk().setGroups(id, next))
        done.push(id)
      }
    }
    const did = isAdded ? 'assigned to' : 'removed from'
    return doneAnswer(done, failed, {
      all: `All selected agents were ${did} ${group}`,
      some: `Some agents were not ${did} ${group}`,
      none: `No agents were ${did} ${group}`,
    })
  }
  server.put(
    '/agents/group',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Put agents into a group',
        querystring: Type.Object({
          ...commonQuery,
          group_id: Type.String({ pattern: groupPattern }),
          agents_list: agentsList,
        }),
      },
      config: { permission: 'agent:modify_group', isNarrowed: true },
    },
    (request) => groupChange(true)(request),
  )
  server.delete(
    '/agents/group',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Take agents out of a group',
        querystring: Type.Object({
          ...commonQuery,
          group_id: Type.String({ pattern: groupPattern }),
          agents_list: agentsList,
        }),
      },
      config: { permission: 'agent:modify_group', isNarrowed: true },
    },
    (request) => groupChange(false)(request),
  )
}

interface GroupChange {
  readonly group_id: string
  readonly agents_list: string
}

/** A group's files come with the group: who may change agents may not for that put them into whatever group. */
function demandAssignments(request: FastifyRequest, group: string): void {
  demand(request, [`group:id:${group}`], 'group:modify_assignments')
}

/** 403 where all that were named are not for whoever asks. */
function refuseAll(list: string, failed: readonly { readonly code: number; readonly message: string }[]): void {
  const [first] = failed
  if (first?.code === 4000 && failed.length === new Set(list.split(',')).size)
    throw new ApiError(403, first.message, 4000)
}

function addressOf(ip: string): void {
  const [, address = '', prefix] = /^([0-9a-fA-F:.]{2,45})(?:\/(\d{1,3}))?$/.exec(ip) ?? []
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  if (ip !== 'any' && Number(prefix ?? 0) > bits) throw new ApiError(400, `${ip} is no address`, 1412)
}

/** Whether an agent may leave for another one: not while it is there, and as far as the caller says. */
function mayReplace(agent: AgentFacts, force: Static<typeof forceSchema>, nowMs: number): boolean {
  const { disconnected_time: away, after_registration_time: since = '1h' } = force
  if (nowMs - agent.addedMs < olderThanMs(since)) return false
  if (agent.status === 'never_connected' || away?.enabled === false)
    return ['never_connected', 'disconnected'].includes(agent.status)
  const awayMs = agent.status === 'disconnected' ? nowMs - (agent.disconnectedMs ?? 0) : -1
  return awayMs >= olderThanMs(away?.value ?? '1h')
}

function said(problem: string | null): void {
  if (problem !== null) throw new ApiError(400, problem, 1737)
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function statusSummary(agents: readonly AgentFacts[]) {
  const count = (status: AgentFacts['status']) => agents.filter((agent) => agent.status === status).length
  const synced = agents.filter(({ isSynced }) => isSynced).length
  return {
    connection: {
      active: count('active'),
      disconnected: count('disconnected'),
      never_connected: count('never_connected'),
      pending: count('pending'),
      total: agents.length,
    },
    configuration: { synced, not_synced: agents.length - synced, total: agents.length },
  }
}

function platforms(agents: readonly AgentFacts[]): string[] {
  return [...new Set(agents.flatMap(({ system }) => (system?.platform == null ? [] : [system.platform])))].sort()
}

function agentTest(query: Readonly<Record<string, unknown>>, nowMs: number): (item: object) => boolean {
  const { agents_list: list, status, older_than: age } = query
  const tests: ((item: object) => boolean)[] = []
  if (typeof list === 'string' && list !== 'all') {
    const ids = list.split(',')
    tests.push((item) => ids.includes(String(memberAt(item, 'id'))))
  }
  if (typeof status === 'string' && status !== 'all') {
    const wanted = status.split(',')
    tests.push((item) => wanted.includes(String(memberAt(item, 'status'))))
  }
  if (typeof age === 'string') {
    const ageMs = olderThanMs(age)
    // One that never came counts from when it was taken in.
    tests.push((item) => {
      const seen = memberAt(item, 'lastKeepAlive') ?? memberAt(item, 'dateAdd')
      return typeof seen === 'string' && nowMs - Date.parse(seen) >= ageMs
    })
  }
  for (const name of Object.keys(filters)) {
    const wanted = query[name]
    if (typeof wanted !== 'string') continue
    tests.push((item) => {
      const value = memberAt(item, name)
      return Array.isArray(value) ? value.includes(wanted) : value === wanted
    })
  }
  return (item) => tests.every((test) => test(item))
}
