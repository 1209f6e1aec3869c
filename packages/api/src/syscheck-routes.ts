/** Files and registry entries that agents have told of, and their scans (spec: api, part 5; fim, part 7). */
import type { InventoryEntry } from '@dogwatch/store'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { agentIdPattern } from './agent-items.ts'
import { answerSchema, apiTime, commonQuery, itemsAnswer, listAnswer, pagingQuery } from './envelope.ts'
import { ApiError } from './error.ts'
import { agentNames, agentsFor, demand, managerId } from './narrow.ts'
import type { ApiParts, FilesDesk } from './parts.ts'
import type { ApiServer } from './server.ts'

const tags = ['syscheck']
const security = [{ jwt: [] }]
const response = { 200: answerSchema }
const querystring = Type.Object(commonQuery)
const params = Type.Object({ agent_id: Type.String({ pattern: agentIdPattern }) })
const short = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 4096, description }))
const hash = (description: string) => Type.Optional(Type.String({ pattern: '^[0-9A-Fa-f]{1,64}$', description }))
/** Entries that are looked through when a filter needs each of them. */
const readMax = 200_000
const timeMaxS = 253_402_300_799
const found = 'FIM findings of the agent were returned'

export function syscheckRoutes(server: ApiServer, parts: ApiParts): void {
  /** The inventories, of an agent that there is; the manager has none of its own. */
  const filesOf = (request: FastifyRequest, id: string): FilesDesk | null => {
    const view = agentsFor(request, parts)
    if (id !== managerId) {
      view.agent(id)
      return view.desk.files
    }
    demand(request, agentNames({ id, groups: [] }))
    return null
  }

  server.get(
    '/syscheck/:agent_id',
    {
      schema: {
        tags,
        security,
        response,
        params,
        summary: 'Files and registry entries as the agent last told of them',
        querystring: Type.Object({
          ...pagingQuery,
          file: short('Whole path'),
          arch: Type.Optional(Type.Union([Type.Literal('[x32]'), Type.Literal('[x64]')])),
          'value.name': short('Of a registry value'),
          'value.type': short('Of a registry value'),
          type: Type.Optional(
            Type.Union([Type.Literal('file'), Type.Literal('registry_key'), Type.Literal('registry_value')]),
          ),
          summary: Type.Optional(Type.Boolean({ description: 'Path, type and times only' })),
          md5: hash('Of the content'),
          sha1: hash('Of the content'),
          sha256: hash('Of the content'),
          hash: hash('Any of the three'),
        }),
      },
      config: { permission: 'syscheck:read', isNarrowed: true },
    },
    async (request) => {
      const { agent_id: id } = request.params
      const { query } = request
      const files = filesOf(request, id)
      if (files === null) return itemsAnswer([], found)
      const { offset = 0, limit = 500, search = '', sort = '' } = query
      const tests = testsOf(query)
      const component = query.type === undefined ? null : componentByType[query.type]
      const key = query.file !== undefined && query.type === 'file' ? query.file : null
      const shown = (entry: InventoryEntry): object => {
        const item = itemOf(entry)
        if (query.summary !== true) return item
        const { date, mtime, file, type } = item
        return { date, ...(mtime === undefined ? {} : { mtime }), file, type }
      }
      // The database itself turns the pages, as long as it can say what belongs to them and in which order.
      const isPaged =
        tests.length === 0 &&
        !search.startsWith('-') &&
        /^(?:[+ ]?file)?$/.test(sort) &&
        query.q === undefined &&
        query.select === undefined &&
        query.distinct !== true
      if (isPaged) {
        const { total, entries } = await files.find(id, { component, key, search, offset, limit })
        return itemsAnswer(entries.map(shown), found, total)
      }
      const { total, entries } = await files.find(id, { component, key, search: '', offset: 0, limit: readMax })
      if (total > readMax)
        throw new ApiError(400, `the agent has ${total} entries, too many for these filters; name a type or file`, 1405)
      const items = entries.filter((entry) => {
        const item = itemOf(entry)
        return tests.every((isMet) => isMet(item))
      })
      return listAnswer(items.map(shown), query, found, parts.now())
    },
  )
  server.get(
    '/syscheck/:agent_id/last_scan',
    {
      schema: { tags, security, response, params, querystring, summary: 'When the last scan began and ended' },
      config: { permission: 'syscheck:read', isNarrowed: true },
    },
    async (request) => {
      const { agent_id: id } = request.params
      const { startS, endS } = (await filesOf(request, id)?.lastScan(id)) ?? { startS: null, endS: null }
      // A scan that began after the last end goes on.
      const isUnderWay = endS !== null && startS !== null && endS < startS
      const item = { start: timeOf(startS), end: isUnderWay ? null : timeOf(endS) }
      return itemsAnswer([item], 'Last syscheck scan of the agent was returned')
    },
  )
  server.delete(
    '/syscheck/:agent_id',
    {
      schema: {
        tags,
        security,
        response,
        params,
        querystring,
        summary: 'Forget what the agent has told; it tells all again when it next compares',
      },
      config: { permission: 'syscheck:clear', isNarrowed: true },
    },
    async (request) => {
      const { agent_id: id } = request.params
      await filesOf(request, id)?.clear(id)
      return itemsAnswer([id], 'Syscheck database was cleared on returned agents')
    },
  )
}

const componentByType = {
  file: 'fim_file',
  registry_key: 'fim_registry_key',
  registry_value: 'fim_registry_value',
} as const

type Item = ReturnType<typeof itemOf>
type Filters = {
  readonly [name in
    | 'file'
    | 'arch'
    | 'value.name'
    | 'value.type'
    | 'type'
    | 'md5'
    | 'sha1'
    | 'sha256'
    | 'hash']?: string
}

/** What the database does not look for itself. */
function testsOf(filters: Filters): ((item: Item) => boolean)[] {
  const { file, arch, type } = filters
  const tests: ((item: Item) => boolean)[] = []
  if (file !== undefined && type !== 'file') tests.push((item) => item.file === file)
  if (arch !== undefined) tests.push((item) => item.arch === arch)
  for (const name of ['name', 'type'] as const) {
    const wanted = filters[`value.${name}`]
    if (wanted !== undefined) tests.push((item) => item.value?.[name] === wanted)
  }
  for (const name of ['md5', 'sha1', 'sha256'] as const) {
    const wanted = filters[name]?.toLowerCase()
    if (wanted !== undefined) tests.push((item) => item[name] === wanted)
  }
  const any = filters.hash?.toLowerCase()
  if (any !== undefined) tests.push(({ md5, sha1, sha256 }) => [md5, sha1, sha256].includes(any))
  return tests
}

/** An entry with the names of the API. What the agent did not say is left out. */
function itemOf({ component, key, dateS, changes, attributes }: InventoryEntry) {
  const said = (name: string): string | undefined => {
    const value = attributes[name]
    return typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : undefined
  }
  const number = (name: string): number | undefined => {
    const text = said(name)
    return text !== undefined && Number.isSafeInteger(Number(text)) ? Number(text) : undefined
  }
  const mtime = number('mtime')
  const value = { ...present('name', said('value_name')), ...present('type', said('value_type')) }
  return {
    file: said('path') ?? key,
    type: component.replace('fim_', ''),
    date: timeOf(dateS),
    changes,
    ...present('mtime', mtime === undefined ? undefined : timeOf(mtime)),
    ...present('size', number('size')),
    ...present('perm', said('perm')),
    ...present('uid', said('uid')),
    ...present('gid', said('gid')),
    ...present('uname', said('user_name')),
    ...present('gname', said('group_name')),
    ...present('inode', number('inode')),
    ...present('md5', said('hash_md5')),
    ...present('sha1', said('hash_sha1')),
    ...present('sha256', said('hash_sha256')),
    ...present('attributes', said('attributes')),
    ...present('arch', said('arch')),
    ...present('value', Object.keys(value).length === 0 ? undefined : value),
  }
}

function present<N extends string, V>(name: N, value: V | undefined): { readonly [name in N]?: V } {
  const out: { [name in N]?: V } = {}
  if (value !== undefined) out[name] = value
  return out
}

/** An agent's clock may say anything; a date stays one that can be written. */
function timeOf(seconds: number): string
function timeOf(seconds: number | null): string | null
function timeOf(seconds: number | null): string | null {
  return seconds === null ? null : apiTime(Math.min(Math.max(seconds, 0), timeMaxS) * 1000)
}
