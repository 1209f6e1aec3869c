/**
 * Kubernetes: how much happened where, and who did what to which object, of all events or of one view (changes of permissions, sessions in containers,
 * touched secrets). What is asked about is the member `data.kubernetes`, which the webhook adds to each audit event. In: a selection as for every search,
 * narrowed by members of that object. Out: counts, and lines of actor, verb and object. Wrong: what is wrong with any search.
 */
import { type Query, quoted } from '@dogwatch/query'
import { type Selection, termsCountMax } from '@dogwatch/store'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { answerSchema, apiTime, commonQuery } from './envelope.ts'
import type { ApiParts } from './parts.ts'
import { type Asked, queryOf, selectionOf, selectionSchema, stepOf, storeOf } from './selection.ts'
import type { ApiServer } from './server.ts'

/**
 * The views as anybody could type them into the search bar. Resource and verb say it of every event, alerts or not; the groups of our detections add what
 * they alone can tell.
 */
const views = {
  all: 'data.kubernetes.verb: exists',
  permissions:
    '(data.kubernetes.resource:(roles or rolebindings or clusterroles or clusterrolebindings or serviceaccounts or certificatesigningrequests or certificatesigningrequests/approval) and data.kubernetes.verb:(create or update or patch or delete or deletecollection or approve)) or rule.groups:k8s_rbac_change',
  sessions:
    'data.kubernetes.resource:(pods/exec or pods/attach or pods/portforward or pods/ephemeralcontainers or nodes/proxy) or rule.groups:k8s_session',
  secrets: 'data.kubernetes.resource:(secrets or serviceaccounts/token) or rule.groups:k8s_secret',
} as const
type View = keyof typeof views
const viewNames = ['all', 'permissions', 'sessions', 'secrets'] as const
const viewQueries = new Map(viewNames.map((name) => [name, queryOf(views[name])]))
const refused = queryOf('data.kubernetes.allowed:false')
/** From this level on an alert is a serious one. */
const serious = queryOf('rule.level >= 12')

/** Members of `data.kubernetes` that make a deed, in the order in which they are told. */
const deedMembers = ['cluster', 'actor', 'verb', 'resource', 'namespace', 'name'] as const
const splitMembers = ['cluster', 'namespace', 'verb', 'resource', 'actor', 'actorKind'] as const

const member = Type.Optional(Type.String({ minLength: 1, maxLength: 512 }))
const narrowing = { cluster: member, actor: member, verb: member, resource: member, namespace: member, name: member }
type Narrowing = { readonly [name in (typeof deedMembers)[number]]?: string }

const route = {
  tags: ['kubernetes'],
  security: [{ jwt: [] }],
  response: { 200: answerSchema },
  querystring: Type.Object(commonQuery),
}
const config = { permission: 'search:read', isQuiet: true, isNarrowed: true } as const

export function kubernetesRoutes(server: ApiServer, parts: ApiParts): void {
  server.post(
    '/dogwatch/kubernetes/overview',
    {
      schema: {
        ...route,
        summary:
          'How much happened in the clusters: in all, by view, by cluster, namespace, verb, resource and actor, over time',
        body: Type.Object(
          {
            ...selectionSchema,
            ...narrowing,
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 10 })),
            step_ms: Type.Optional(Type.Integer({ minimum: 1000, maximum: 31 * 86_400_000 })),
            offset_ms: Type.Optional(Type.Integer({ minimum: -86_400_000, maximum: 86_400_000, default: 0 })),
          },
          { additionalProperties: false },
        ),
      },
      config,
    },
    async (request) => {
      const { body } = request
      const { limit = 10 } = body
      const store = storeOf(parts)
      const selection = selectionIn(request, 'all', body)
      const count = async (query: Query): Promise<number> =>
        (await store.search({ ...narrowedBy(selection, query), limit: 0, order: 'newest' })).total
      const by: Record<string, readonly object[]> = {}
      // One after the other: each is short, and a page of charts is not to push other users' searches aside.
      for (const name of splitMembers) {
        const { terms } = await store.terms({ ...selection, field: `data.kubernetes.${name}`, limit })
        by[name] = terms
      }
      const stepMs = body.step_ms ?? stepOf(selection)
      const buckets = await store.histogram({
        ...selection,
        stepMs,
        offsetMs: body.offset_ms ?? 0,
        by: { field: 'data.kubernetes.verb', limit: Math.min(limit, 50) },
      })
      const counts: Record<string, number> = {
        events: await count({ kind: 'all' }),
        serious: await count(serious),
        refused: await count(refused),
      }
      for (const name of viewNames) {
        if (name !== 'all') counts[name] = await count(viewQuery(name))
      }
      return {
        data: {
          from_ms: selection.range.fromMs,
          to_ms: selection.range.toMs,
          counts,
          by,
          step_ms: stepMs,
          timeline: buckets.map((bucket) => ({ from_ms: bucket.fromMs, count: bucket.count, by: bucket.by })),
        },
        error: 0,
      }
    },
  )

  server.post(
    '/dogwatch/kubernetes/deeds',
    {
      schema: {
        ...route,
        summary: 'Who did what to which object: a line for each actor, verb and object, with counts and times',
        body: Type.Object(
          {
            ...selectionSchema,
            ...narrowing,
            view: Type.Optional(
              Type.Union(
                viewNames.map((name) => Type.Literal(name)),
                { default: 'all' },
              ),
            ),
            order: Type.Optional(Type.Union([Type.Literal('newest'), Type.Literal('most')], { default: 'newest' })),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: termsCountMax, default: 100 })),
          },
          { additionalProperties: false },
        ),
      },
      config,
    },
    async (request) => {
      const { body } = request
      const { view = 'all', order = 'newest', limit = 100 } = body
      const { combinations, distinct, documents } = await storeOf(parts).combinations({
        ...selectionIn(request, view, body),
        fields: deedMembers.map((name) => `data.kubernetes.${name}`),
        limit,
        order,
        apart: refused,
      })
      const deeds = combinations.map(({ values, count, apart, firstMs, lastMs, levelMax }) => ({
        ...Object.fromEntries(deedMembers.map((name, n) => [name, values[n] ?? null])),
        count,
        refused: apart,
        first: apiTime(firstMs),
        first_ms: firstMs,
        last: apiTime(lastMs),
        last_ms: lastMs,
        level: levelMax,
      }))
      // The query is told, so that a page can show the events behind a line.
      return { data: { deeds, total: distinct, events: documents, query: queryText(view, body) }, error: 0 }
    },
  )

  function selectionIn(request: FastifyRequest, view: View, asked: Asked & Narrowing): Selection {
    const conditions = deedMembers.flatMap((name): Query[] => {
      const value = asked[name]
      return value === undefined ? [] : [{ kind: 'equals', field: `data.kubernetes.${name}`, value }]
    })
    return narrowedBy(selectionOf(request, parts, asked), viewQuery(view), ...conditions)
  }
}

function viewQuery(view: View): Query {
  return viewQueries.get(view) ?? { kind: 'all' }
}

function narrowedBy(selection: Selection, ...queries: readonly Query[]): Selection {
  const all = [selection.query, ...queries].filter(({ kind }) => kind !== 'all')
  return { ...selection, query: all.length === 0 ? { kind: 'all' } : { kind: 'and', parts: all } }
}

function queryText(view: View, asked: Asked & Narrowing): string {
  const { query = '' } = asked
  const members = deedMembers.flatMap((name) => {
    const value = asked[name]
    return value === undefined ? [] : [`data.kubernetes.${name}:${quoted(value)}`]
  })
  return [`(${views[view]})`, ...(query.trim() === '' ? [] : [`(${query})`]), ...members].join(' and ')
}
