import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestApi, type TestApi } from './test-api.ts'

const noon = Date.parse('2026-11-24T12:00:00Z')
let api: TestApi
let token = ''

const deed = (actor: string, verb: string, resource: string, namespace: string, name: string, more: object = {}) => ({
  cluster: 'one',
  actor,
  actorKind: 'user',
  verb,
  resource,
  namespace,
  name,
  allowed: 'true',
  ...more,
})
const deeds = [
  deed('jane', 'create', 'deployments', 'web', 'shop'),
  deed('jane', 'get', 'secrets', 'web', 'token', { allowed: 'false' }),
  deed('jane', 'get', 'secrets', 'web', 'token'),
  deed('mallory', 'create', 'rolebindings', 'web', 'all'),
  deed('mallory', 'get', 'rolebindings', 'web', 'all'),
  deed('mallory', 'create', 'pods/exec', 'web', 'shop-1', { cluster: 'two' }),
]

beforeAll(async () => {
  api = await openTestApi(() => noon + 60_000)
  token = await api.login('readonly')
  const alertOf = (data: object, n: number) => {
    const timeMs = noon + n * 1000
    const id = `${timeMs / 1000}.${n}`
    const rule = { level: n + 5, id: '1', description: 'd', groups: ['k8s'] }
    const text = JSON.stringify({ timestamp: new Date(timeMs).toISOString(), rule, id, data, full_log: 'x' })
    return { id, timeMs, text }
  }
  await api.store.append('alerts', [...deeds.map((kubernetes) => ({ kubernetes })), { verb: 'get' }].map(alertOf))
})
afterAll(() => api.close())

const range = { from: 'now-1h', to: 'now' }

describe('Kubernetes', () => {
  test('the overview counts by view and member, over time', async () => {
    const { status, body } = await api.ask('POST', '/dogwatch/kubernetes/overview', token, range)
    expect(status).toBe(200)
    expect(body.data.counts).toEqual({ events: 6, serious: 0, refused: 1, permissions: 1, sessions: 1, secrets: 2 })
    expect(body.data.by.cluster).toEqual([
      { value: 'one', count: 5 },
      { value: 'two', count: 1 },
    ])
    expect(body.data.by.verb[0]).toEqual({ value: 'create', count: 3 })
    expect(body.data.timeline.reduce((sum: number, { count }: { count: number }) => sum + count, 0)).toBe(6)
  })

  const views: [says: string, asked: object, found: unknown[]][] = [
    [
      'permission changes are not looks at permissions',
      { view: 'permissions' },
      [['mallory', 'create', 'rolebindings', 1, 0]],
    ],
    ['sessions in containers', { view: 'sessions' }, [['mallory', 'create', 'pods/exec', 1, 0]]],
    ['touched secrets, the refused counted apart', { view: 'secrets' }, [['jane', 'get', 'secrets', 2, 1]]],
    ['the most frequent first', { order: 'most', limit: 1 }, [['jane', 'get', 'secrets', 2, 1]]],
    ['the newest first', { limit: 1 }, [['mallory', 'create', 'pods/exec', 1, 0]]],
    ['one cluster', { cluster: 'two' }, [['mallory', 'create', 'pods/exec', 1, 0]]],
    ['one actor and verb', { actor: 'mallory', verb: 'get' }, [['mallory', 'get', 'rolebindings', 1, 0]]],
    [
      'a query of the search bar',
      { query: 'data.kubernetes.name:sho*', view: 'sessions' },
      [['mallory', 'create', 'pods/exec', 1, 0]],
    ],
    ['nothing, for an actor who did nothing', { actor: '"; drop table' }, []],
  ]
  test.each(views)('deeds: %s', async (_, asked, found) => {
    const { status, body } = await api.ask('POST', '/dogwatch/kubernetes/deeds', token, { ...range, ...asked })
    expect(status).toBe(200)
    type Line = Readonly<Record<string, unknown>>
    expect(body.data.deeds.map((d: Line) => [d.actor, d.verb, d.resource, d.count, d.refused])).toEqual(found)
    // The told query finds the events behind the lines.
    const events = await api.ask('POST', '/dogwatch/search', token, { ...range, query: body.data.query })
    expect(events.body.data.total).toBe(body.data.events)
  })

  test('a line says when it was first and last', async () => {
    const { body } = await api.ask('POST', '/dogwatch/kubernetes/deeds', token, { ...range, view: 'secrets' })
    expect(body.data.deeds[0]).toMatchObject({
      cluster: 'one',
      namespace: 'web',
      name: 'token',
      first: '2026-11-24T12:00:01+00:00',
      last: '2026-11-24T12:00:02+00:00',
      level: 7,
    })
  })

  const bad: [says: string, status: number, asked: object][] = [
    ['an unknown view', 400, { view: 'users' }],
    ['an unknown member', 400, { sql: 'x' }],
    ['too many lines', 400, { limit: 100_000 }],
    ['a broken query', 400, { query: '(' }],
    ['a range backwards', 400, { from: 'now', to: 'now-1h' }],
  ]
  test.each(bad)('%s is refused', async (_, status, asked) => {
    expect((await api.ask('POST', '/dogwatch/kubernetes/deeds', token, { ...range, ...asked })).status).toBe(status)
  })

  test('whoever may not search is refused', async () => {
    const other = await api.login('cluster_readonly')
    for (const name of ['deeds', 'overview'])
      expect((await api.ask('POST', `/dogwatch/kubernetes/${name}`, other, range)).status).toBe(403)
  })
})
