/** Groups of agents: their members, the configuration that they share, its files (spec: api, endpoints 37 to 43). */
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { agentItem, deskOf, doneAnswer, groupPattern } from './agent-items.ts'
import { answerSchema, commonQuery, itemsAnswer, listAnswer, pagingQuery } from './envelope.ts'
import { ApiError } from './error.ts'
import { groupConfigurationItems, groupConfigurationProblems } from './group-configuration.ts'
import { agentsFor, demand, visible } from './narrow.ts'
import type { ApiParts } from './parts.ts'
import { withoutSecrets } from './secrets.ts'
import type { ApiServer } from './server.ts'

const tags = ['groups']
const security = [{ jwt: [] }]
const response = { 200: answerSchema }
const querystring = Type.Object(commonQuery)
const params = Type.Object({ group_id: Type.String({ pattern: groupPattern }) })
const configurationLengthMax = 1 << 20
const listPattern = '^(?:all|[A-Za-z0-9_.-]{1,255}(?:,[A-Za-z0-9_.-]{1,255})*)$'

const nameOf = (group: string): readonly string[] => [`group:id:${group}`]

export function groupRoutes(server: ApiServer, parts: ApiParts): void {
  const desk = () => deskOf(parts)
  /** agent.conf as the asker may see it. */
  const shownTo = (request: FastifyRequest, group: string, bytes: Uint8Array): string => {
    const text = Buffer.from(bytes).toString('utf8')
    return request.rights.may('group:update_config', [`group:id:${group}`]) ? text : withoutSecrets(text)
  }
  const known = (request: FastifyRequest, group: string): void => {
    demand(request, nameOf(group))
    if (!desk().hasGroup(group)) throw new ApiError(404, 'The group does not exist', 1710)
  }

  server.get(
    '/groups',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Groups, with the number of their agents',
        querystring: Type.Object({ ...pagingQuery, groups_list: Type.Optional(Type.String({ pattern: listPattern })) }),
      },
      config: { permission: 'group:read', isNarrowed: true },
    },
    (request) => {
      const { query } = request
      const wanted = query.groups_list?.split(',')
      const groups = visible(request, desk().groups(), ({ name }) => nameOf(name)).filter(
        ({ name }) => wanted === undefined || wanted.includes(name) || query.groups_list === 'all',
      )
      return listAnswer(groups, query, 'All selected groups information was returned')
    },
  )

  server.post(
    '/groups',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'Make a group',
        body: Type.Object({ group_id: Type.String({ pattern: groupPattern }) }, { additionalProperties: false }),
      },
      config: { permission: 'group:create' },
    },
    async ({ body: { group_id: group } }) => {
      if (desk().hasGroup(group)) throw new ApiError(400, 'The group already exists', 1711)
      const problem = await desk().createGroup(group)
      if (problem !== null) throw new ApiError(400, problem, 1722)
      return { message: `Group '${group}' created.`, error: 0 }
    },
  )

  server.delete(
    '/groups',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'Remove groups; their agents stay',
        querystring: Type.Object({ ...commonQuery, groups_list: Type.String({ pattern: listPattern }) }),
      },
      config: { permission: 'group:delete', isNarrowed: true },
    },
    async (request) => {
      const { groups_list: list } = request.query
      const names =
        list === 'all'
          ? visible(request, desk().groups(), ({ name }) => nameOf(name)).map(({ name }) => name)
          : list.split(',')
      const failed: { id: string; code: number; message: string }[] = []
      const done: string[] = []
      for (const id of names) {
        if (!request.rights.may('group:delete', nameOf(id)))
          failed.push({ id, code: 4000, message: `Permission denied: this needs group:delete on group:id:${id}` })
        else if (!desk().hasGroup(id)) failed.push({ id, code: 1710, message: 'The group does not exist' })
        else if (id === 'default') {
          if (list !== 'all') failed.push({ id, code: 1712, message: 'Default group is not removable' })
        } else {
          const problem = await desk().removeGroup(id)
          if (problem === null) done.push(id)
          else failed.push({ id, code: 1722, message: problem })
        }
      }
      return doneAnswer(done, failed, {
        all: 'All selected groups were deleted',
        some: 'Some groups were not deleted',
        none: 'No group was deleted',
      })
    },
  )

  server.get(
    '/groups/:group_id/agents',
    {
      schema: { tags, security, response, params, summary: 'Agents of a group', querystring: Type.Object(pagingQuery) },
      config: { permission: 'agent:read', isNarrowed: true },
    },
    (request) => {
      const { group_id: group } = request.params
      const { query } = request
      if (!desk().hasGroup(group)) throw new ApiError(404, 'The group does not exist', 1710)
      const agents = agentsFor(request, parts)
        .agents()
        .filter(({ groups }) => groups.includes(group))
      return listAnswer(agents.map(agentItem), query, 'All selected agents information was returned')
    },
  )

  server.get(
    '/groups/:group_id/files',
    {
      schema: {
        tags,
        security,
        response,
        params,
        summary: 'Files that agents of a group get',
        querystring: Type.Object(pagingQuery),
      },
      config: { permission: 'group:read', isNarrowed: true },
    },
    (request) => {
      const { group_id: group } = request.params
      const { query } = request
      known(request, group)
      return listAnswer(desk().groupFiles(group), query, 'All selected groups files were returned')
    },
  )

  server.get(
    '/groups/:group_id/files/:file_name',
    {
      schema: {
        tags,
        security,
        response: { 200: Type.Unknown() },
        querystring,
        summary: 'A file of a group as it is',
        params: Type.Object({
          group_id: Type.String({ pattern: groupPattern }),
          file_name: Type.String({ pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$' }),
        }),
      },
      config: { permission: 'group:read', isNarrowed: true },
    },
    (request, reply) => {
      const { group_id: group, file_name: name } = request.params
      known(request, group)
      const bytes = desk().groupFile(group, name)
      if (bytes === null) throw new ApiError(404, `${group} has no file ${name}`, 1006)
      return reply
        .type('text/plain; charset=utf-8')
        .send(name === 'agent.conf' ? shownTo(request, group, bytes) : Buffer.from(bytes))
    },
  )

  server.get(
    '/groups/:group_id/configuration',
    {
      schema: {
        tags,
        security,
        response: { 200: Type.Unknown() },
        params,
        summary: 'agent.conf of a group: for each part which agents are meant and what it says, or the file as it is',
        querystring: Type.Object({ ...commonQuery, raw: Type.Optional(Type.Boolean()) }),
      },
      config: { permission: 'group:read', isNarrowed: true },
    },
    (request, reply) => {
      const { group_id: group } = request.params
      const { raw } = request.query
      known(request, group)
      const text = shownTo(request, group, desk().groupFile(group, 'agent.conf') ?? new Uint8Array())
      if (raw === true) return reply.type('application/xml; charset=utf-8').send(text)
      const items = groupConfigurationItems(text)
      if (items === null) {
        throw new ApiError(400, 'agent.conf has errors; ask with raw=true to see it', 1113, {
          problems: groupConfigurationProblems(text),
        })
      }
      return reply.send(itemsAnswer(items, 'The configuration was read'))
    },
  )

  server.put(
    '/groups/:group_id/configuration',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        params,
        summary: 'Write agent.conf of a group; agents get it with their next keep-alive',
        consumes: ['application/xml'],
      },
      bodyLimit: configurationLengthMax,
      config: { permission: 'group:update_config', isNarrowed: true },
    },
    (request) => {
      const { group_id: group } = request.params
      const { body } = request
      known(request, group)
      if (typeof body !== 'string' || body.trim() === '')
        throw new ApiError(406, 'send the text as application/xml', 6002)
      const problems = groupConfigurationProblems(body).slice(0, 100)
      if (problems.some(({ severity }) => severity === 'error'))
        throw new ApiError(400, 'agent.conf has errors; nothing was changed', 1114, { problems })
      desk().putGroupConfiguration(group, Buffer.from(body, 'utf8'))
      return { message: 'Agent configuration was successfully updated', error: 0, problems }
    },
  )
  server.addContentTypeParser(
    'application/xml',
    { parseAs: 'string', bodyLimit: configurationLengthMax },
    (_request, body, done) => done(null, body),
  )
}
