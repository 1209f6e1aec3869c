/** Searching: ours beside Wazuh's API. Every question has a time range, and every number a bound. */
import { completionAt, parseQuery, queryLengthMax, quoted } from '@dogwatch/query'
import { type Found, pageCountMax, type Store, sortFields, termsCountMax } from '@dogwatch/store'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { answerSchema, apiTime, commonQuery, itemsAnswer } from './envelope.ts'
import { ApiError } from './error.ts'
import { openTails } from './live-tail.ts'
import { isSearched, narrowedQuery, searchNarrowing } from './narrow.ts'
import type { ApiParts } from './parts.ts'
import type { RulesetDesk } from './ruleset-desk.ts'
import { readSecuritySettings } from './security-settings.ts'
import { fieldSchema, indexSchema, queryOf, selectionOf, selectionSchema, stepOf, storeOf } from './selection.ts'
import { type ApiServer, askerOf } from './server.ts'

const tags = ['search']
const security = [{ jwt: [] }]
const response = { 200: answerSchema }
const querystring = Type.Object(commonQuery)
const config = { permission: 'search:read', isQuiet: true, isNarrowed: true } as const

const index = indexSchema
const field = fieldSchema
const selection = selectionSchema

export function searchRoutes(
  server: ApiServer,
  { parts, desk }: { readonly parts: ApiParts; readonly desk: RulesetDesk },
): void {
  const { state, now } = parts

  server.post(
    '/dogwatch/search',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'Documents that match, a page of them',
        body: Type.Object(
          {
            ...selection,
            limit: Type.Optional(Type.Integer({ minimum: 0, maximum: pageCountMax, default: 100 })),
            offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000, default: 0 })),
            order: Type.Optional(Type.Union([Type.Literal('newest'), Type.Literal('oldest')], { default: 'newest' })),
            sort: Type.Optional(
              Type.Union(
                sortFields.map((name) => Type.Literal(name)),
                { description: 'In the place of time; `order` is for those that are the same. Turn pages by `offset`' },
              ),
            ),
            descending: Type.Optional(Type.Boolean({ default: true })),
            after: Type.Optional(
              Type.String({ pattern: '^\\d{1,16}\\.\\d{1,16}$', description: '`next` of the page before' }),
            ),
          },
          { additionalProperties: false },
        ),
      },
      config,
    },
    async (request) => {
      const { body } = request
      const { limit = 100, offset = 0, order = 'newest', after, sort, descending = true } = body
      if (sort !== undefined && after !== undefined)
        throw new ApiError(400, 'what is sorted has no place in time to go on from: turn its pages by offset')
      const [timeMs, sequence] = (after ?? '').split('.').map(Number)
      const { total, documents } = await theStore().search({
        ...selectionOf(request, parts, body),
        limit,
        offset,
        order,
        ...(sort === undefined ? {} : { sort: { field: sort, isDescending: descending } }),
        ...(timeMs === undefined || sequence === undefined ? {} : { after: { timeMs, sequence } }),
      })
      const last = documents.at(-1)
      const isEnd = last === undefined || documents.length < limit || sort !== undefined
      const next = isEnd ? null : `${last.timeMs}.${last.sequence}`
      return { data: { total, documents: documents.map(presented), next }, error: 0 }
    },
  )

  server.post(
    '/dogwatch/histogram',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'Counts over time, split by a field where asked',
        body: Type.Object(
          {
            ...selection,
            step_ms: Type.Optional(Type.Integer({ minimum: 1000, maximum: 31 * 86_400_000 })),
            offset_ms: Type.Optional(
              Type.Integer({
                minimum: -86_400_000,
                maximum: 86_400_000,
                default: 0,
                description: 'Of the viewer’s zone',
              }),
            ),
            by: Type.Optional(field),
            by_limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 50, default: 10 })),
          },
          { additionalProperties: false },
        ),
      },
      config,
    },
    async (request) => {
      const { body } = request
      const selected = selectionOf(request, parts, body)
      const { fromMs, toMs } = selected.range
      const stepMs = body.step_ms ?? stepOf(selected)
      const buckets = await theStore().histogram({
        ...selected,
        stepMs,
        offsetMs: body.offset_ms ?? 0,
        ...(body.by === undefined ? {} : { by: { field: body.by, limit: body.by_limit ?? 10 } }),
      })
      return {
        data: {
          from_ms: fromMs,
          to_ms: toMs,
          step_ms: stepMs,
          buckets: buckets.map((bucket) => ({ from_ms: bucket.fromMs, count: bucket.count, by: bucket.by })),
        },
        error: 0,
      }
    },
  )

  server.post(
    '/dogwatch/terms',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'The most frequent values of a field',
        body: Type.Object(
          {
            ...selection,
            field,
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: termsCountMax, default: 10 })),
            prefix: Type.Optional(Type.String({ maxLength: 256 })),
          },
          { additionalProperties: false },
        ),
      },
      config,
    },
    async (request) => {
      const { body } = request
      const { limit = 10, prefix } = body
      const answer = await theStore().terms({
        ...selectionOf(request, parts, body),
        field: body.field,
        limit,
        ...(prefix === undefined ? {} : { prefix }),
      })
      return { data: answer, error: 0 }
    },
  )

  server.post(
    '/dogwatch/fields',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'Fields of the newest documents',
        body: Type.Object(selection, { additionalProperties: false }),
      },
      config,
    },
    async (request) => ({
      data: { fields: await theStore().fields(selectionOf(request, parts, request.body)) },
      error: 0,
    }),
  )

  server.post(
    '/dogwatch/complete',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'What could stand at the cursor of the search bar, and what is wrong in it',
        body: Type.Object(
          { ...selection, cursor: Type.Integer({ minimum: 0, maximum: queryLengthMax }) },
          { additionalProperties: false },
        ),
      },
      config,
    },
    async (request) => {
      const { body } = request
      const text = body.query ?? ''
      const { kind, field: of, prefix, from, to } = completionAt(text, body.cursor)
      const everything = { ...selectionOf(request, parts, { ...body, query: '' }) }
      const wanted = prefix.toLowerCase()
      const suggestions =
        of === null
          ? (await theStore().fields(everything))
              .map(({ name }) => name)
              .filter((name) => name.toLowerCase().includes(wanted))
          : (await theStore().terms({ ...everything, field: of, limit: 20, prefix })).terms.map(({ value }) =>
              quoted(value),
            )
      return {
        data: { kind, from, to, suggestions: suggestions.slice(0, 50), problems: parseQuery(text).problems },
        error: 0,
      }
    },
  )

  const eventParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 256 }) })
  server.get(
    '/dogwatch/event/:id',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'A document with what came right before and after it',
        params: eventParams,
        querystring: Type.Object({
          ...commonQuery,
          index,
          neighbours: Type.Optional(Type.Integer({ minimum: 0, maximum: 100, default: 5 })),
        }),
      },
      config: { permission: 'search:read', isNarrowed: true },
    },
    async (request) => {
      const { index: of = 'alerts', neighbours = 5 } = request.query
      const isSeen = isSearched(request, parts)
      const { id } = request.params
      const found = await theStore().event(of, id, neighbours)
      const [document, before, after] = [found?.document, found?.before ?? [], found?.after ?? []].map((part) =>
        part === undefined
          ? []
          : [part]
              .flat()
              .map(presented)
              .filter(({ source }) => isSeen(agentIdOf(source))),
      )
      if (document?.[0] === undefined) throw new ApiError(404, `there is no document ${id} in ${of}`)
      return { data: { document: document[0], before, after }, error: 0 }
    },
  )

  server.post(
    '/dogwatch/explain',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'Why an event ended as it did: what was tried, and the first condition that failed',
        body: Type.Object(
          {
            id: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
            index,
            event: Type.Optional(Type.String({ minLength: 1, maxLength: 1 << 20 })),
            location: Type.Optional(Type.String({ maxLength: 1024 })),
          },
          { additionalProperties: false },
        ),
      },
      config: { permission: 'logtest:run', isQuiet: true },
    },
    async (request) => {
      const { event, location } = await eventToExplain(request)
      const { output, isAlert, explanation } = await desk.tryEvent({
        token: '',
        isNew: true,
        event,
        location,
        timeMs: now(),
        isExplained: true,
        isDebugged: false,
      })
      return { data: { output, alert: isAlert, explanation }, error: 0 }
    },
  )

  const tails = openTails({
    store: () => parts.store(),
    now,
    msMax: () => readSecuritySettings(state).tokenSeconds * 1000,
  })
  server.addHook('preClose', async () => tails.close())
  server.get(
    '/dogwatch/tail',
    {
      schema: {
        tags,
        security,
        summary: 'New documents as they come: server-sent events',
        querystring: Type.Object({ index, query: selection.query }),
      },
      config: { permission: 'search:read', isNarrowed: true },
    },
    (request, reply) => {
      const query = narrowedQuery(queryOf(request.query.query ?? ''), searchNarrowing(request, parts))
      tails.follow({ index: request.query.index ?? 'alerts', query }, reply, presented)
    },
  )

  server.get(
    '/dogwatch/searches',
    { schema: { tags, security, response, querystring, summary: 'Saved searches' }, config },
    () => itemsAnswer(state.searches().map(searchItem), 'Saved searches were returned'),
  )
  server.put(
    '/dogwatch/searches',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'Save a search, or replace one’s own of that name',
        body: Type.Object(
          { name: Type.String({ minLength: 1, maxLength: 200 }), content: Type.String({ maxLength: 65_536 }) },
          { additionalProperties: false },
        ),
      },
      config: { permission: 'search:save' },
    },
    (request) => {
      const saved = state.saveSearch({ ...request.body, owner: askerOf(request).name, changedMs: now() })
      return itemsAnswer([searchItem(saved)], 'The search was saved')
    },
  )
  server.delete(
    '/dogwatch/searches/:id',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'Remove one’s own saved search',
        params: Type.Object({ id: Type.Integer({ minimum: 1, maximum: 1e12 }) }),
      },
      config: { permission: 'search:save' },
    },
    (request) => {
      const found = state.searches().find(({ id }) => id === request.params.id)
      if (found === undefined) throw new ApiError(404, `there is no saved search ${request.params.id}`)
      if (found.owner !== askerOf(request).name)
        throw new ApiError(403, 'Permission denied: the search is another user’s', 4000)
      state.removeSearch(found.id)
      return itemsAnswer([searchItem(found)], 'The search was removed')
    },
  )

  function theStore(): Omit<Store, 'close'> {
    return storeOf(parts)
  }

  async function eventToExplain(
    request: FastifyRequest<{ Body: ExplainBody }>,
  ): Promise<{ readonly event: string; readonly location: string }> {
    const { body } = request
    if (body.event !== undefined) return { event: body.event, location: body.location ?? 'stdin' }
    if (body.id === undefined) throw new ApiError(400, 'say which event: its id, or its text as event')
    const found = await theStore().event(body.index ?? 'alerts', body.id, 0)
    const value: unknown = found === null ? null : JSON.parse(found.document.text)
    // Who may try events may not for that see everybody's.
    if (value === null || !isSearched(request, parts)(agentIdOf(value)))
      throw new ApiError(404, `there is no document ${body.id}`)
    const fullLog = typeof value === 'object' && value !== null && 'full_log' in value ? value.full_log : null
    const location = typeof value === 'object' && value !== null && 'location' in value ? value.location : null
    if (typeof fullLog !== 'string') throw new ApiError(400, 'this document does not hold its event’s text')
    return { event: fullLog, location: typeof location === 'string' ? location : 'stdin' }
  }
}

interface ExplainBody {
  readonly id?: string
  readonly index?: 'alerts' | 'archives'
  readonly event?: string
  readonly location?: string
}

/** Empty for a document that tells of none. */
function agentIdOf(source: unknown): string {
  const agent = typeof source === 'object' && source !== null && 'agent' in source ? source.agent : null
  const id = typeof agent === 'object' && agent !== null && 'id' in agent ? agent.id : null
  return typeof id === 'string' ? id : ''
}

/** The shape in which a document leaves: the object as it was stored, and where it stands. */
function presented({ id, timeMs, sequence, text }: Found) {
  const source: unknown = JSON.parse(text)
  return { id, time_ms: timeMs, place: `${timeMs}.${sequence}`, source }
}

function searchItem({
  id,
  name,
  owner,
  content,
  changedMs,
}: {
  readonly id: number
  readonly name: string
  readonly owner: string
  readonly content: string
  readonly changedMs: number
}) {
  return { id, name, owner, content, changed: apiTime(changedMs) }
}
