import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestApi, type TestApi, testPassword } from './test-api.ts'
import { deskInMemory, nowMs } from './test-desk.ts'

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'
let api: TestApi
let chief = ''
const tokens = new Map<string, string>()

/** Agent 001 is in `default`; 002 in `default` and `dmz`; 003 in `default`. Of 004 nobody knows, it is gone. */
const alert = (n: number, agentId: string) => ({
  id: `${Math.floor(nowMs / 1000)}.${n}`,
  timeMs: nowMs - 60_000 + n,
  text: JSON.stringify({
    id: `${Math.floor(nowMs / 1000)}.${n}`,
    agent: { id: agentId },
    full_log: `log ${n}`,
    location: 'l',
  }),
})

beforeAll(async () => {
  const desk = deskInMemory()
  const file = (name: string) => ({ path: `${import.meta.dirname}/${name}`, name })
  api = await openTestApi(() => nowMs, {
    agents: () => desk,
    rulesetFiles: () => ({ decoders: [], rules: [], lists: [file('rates.ts'), file('index.ts')] }),
  })
  await api.store.append('alerts', [alert(1, '001'), alert(2, '002'), alert(3, '000'), alert(4, '004')])
  chief = await api.login('administrator')
  await user('dmz', 'allow', ['agent:group:dmz'])
  await user('first', 'allow', ['agent:id:001'])
  await user('nobody', 'allow', ['agent:id:777'])
  await user('but-dmz', 'deny', ['agent:group:dmz'], ['*:*:*'])
})
afterAll(() => api.close())

const agentActions = [
  'agent:read',
  'agent:delete',
  'agent:restart',
  'agent:reconnect',
  'agent:modify_group',
  'syscheck:read',
  'syscheck:run',
  'syscheck:clear',
  'search:read',
]

/** Makes a user who may do to agents what one policy says, or what two say. */
async function user(name: string, effect: string, resources: string[], first: string[] = []): Promise<void> {
  const more = first.length === 0 ? [] : [{ actions: agentActions, resources: first, effect: 'allow' }]
  const all = [...more, { actions: agentActions, resources, effect }]
  all.push({ actions: ['group:modify_assignments', 'logtest:run'], resources: ['*:*:*'], effect: 'allow' })
  await made(name, all)
}

async function made(name: string, policies: readonly object[]): Promise<void> {
  const role = idOf(await ask('POST', '/security/roles', { name }))
  for (const [n, policy] of policies.entries()) {
    const id = idOf(await ask('POST', '/security/policies', { name: `${name}-${n}`, policy }))
    await ask('POST', `/security/roles/${role}/policies?policy_ids=${id}`)
  }
  await ask('POST', '/security/users', { username: `of-${name}`, password: testPassword, roles: [role] })
  tokens.set(name, await api.login(`of-${name}`))
}

function ask(method: Method, url: string, body?: object, who?: string) {
  return api.ask(method, url, who === undefined ? chief : (tokens.get(who) ?? ''), body)
}

function idOf({ body }: { readonly body: { data: { affected_items: { id: number }[] } } }): number {
  return body.data.affected_items[0]?.id ?? 0
}

const ids = (answer: { readonly body: { data: { affected_items: { id?: string }[] } } }) =>
  answer.body.data.affected_items.map((item) => item.id ?? item)

describe('agents', () => {
  const lists: [who: string, url: string, seen: string[]][] = [
    ['dmz', '/agents', ['002']],
    ['first', '/agents', ['001']],
    ['nobody', '/agents', []],
    ['but-dmz', '/agents', ['000', '001', '003']],
    ['dmz', '/groups/default/agents', ['002']],
    ['but-dmz', '/groups/dmz/agents', []],
  ]
  test.each(lists)('%s sees of %s those that are theirs', async (who, url, seen) => {
    const answer = await ask('GET', url, undefined, who)
    expect([answer.status, ids(answer), answer.body.data.total_affected_items]).toEqual([200, seen, seen.length])
  })

  test('numbers are of those that are theirs', async () => {
    const { body } = await ask('GET', '/agents/summary/status', undefined, 'dmz')
    expect(body.data.connection).toMatchObject({ total: 1, disconnected: 1 })
    expect((await ask('GET', '/overview/agents', undefined, 'first')).body.data.groups).toMatchObject([
      { name: 'default', count: 1 },
    ])
    expect((await ask('GET', '/agents/summary', undefined, 'nobody')).body.data).toEqual({
      agent_status: [],
      agent_groups: [],
      agent_os: [],
    })
  })

  test('one that is named is refused, one of several is told', async () => {
    expect(await ask('GET', '/agents?agents_list=001', undefined, 'dmz')).toMatchObject({
      status: 403,
      body: { error: 4000 },
    })
    expect((await ask('GET', '/agents?agents_list=001,002,900', undefined, 'dmz')).body).toMatchObject({
      error: 2,
      data: {
        affected_items: [{ id: '002' }],
        failed_items: [
          { error: { code: 4000 }, id: ['001'] },
          { error: { code: 1701 }, id: ['900'] },
        ],
      },
    })
  })

  const single: [method: Method, url: string][] = [
    ['GET', '/agents/003/config/agent/client'],
    ['GET', '/agents/003/stats/agent'],
    ['GET', '/agents/003/group/is_sync'],
    ['DELETE', '/agents/003/group'],
    ['PUT', '/agents/003/group/dmz'],
    ['DELETE', '/agents/003/group/default'],
    ['GET', '/syscheck/003'],
    ['GET', '/syscheck/003/last_scan'],
    ['DELETE', '/syscheck/003'],
    ['GET', '/syscheck/000'],
  ]
  test.each(single)('%s %s is refused to who has other agents', async (method, url) => {
    for (const who of ['dmz', 'nobody'])
      expect(await ask(method, url, undefined, who)).toMatchObject({ status: 403, body: { error: 4000 } })
    // What changes nothing is looked at as the one who may, too.
    if (method !== 'GET') return
    const answer = await ask(method, url, undefined, 'but-dmz')
    expect([answer.status === 403, answer.body.error === 4000]).toEqual([false, false])
  })

  const several: [method: Method, url: string][] = [
    ['PUT', '/agents/restart?agents_list=003'],
    ['PUT', '/agents/003/restart'],
    ['PUT', '/agents/reconnect?agents_list=003'],
    ['PUT', '/agents/group?group_id=dmz&agents_list=003'],
    ['DELETE', '/agents/group?group_id=default&agents_list=003'],
    ['DELETE', '/agents?agents_list=003&status=all&older_than=0s'],
    ['PUT', '/syscheck?agents_list=003'],
  ]
  test.each(several)('%s %s does nothing to the agents of others', async (method, url) => {
    const { body } = await ask(method, url, undefined, 'dmz')
    expect([body.data.affected_items, body.data.failed_items[0]?.error.code]).toEqual([[], 4000])
    expect((await ask('GET', '/agents?agents_list=003')).body.data.affected_items[0]).toMatchObject({
      group: expect.arrayContaining(['default']),
    })
  })

  test('all are all of one’s own', async () => {
    const restarted = await ask('PUT', '/agents/restart', undefined, 'dmz')
    expect([restarted.body.data.affected_items, restarted.body.data.failed_items]).toEqual([[], []])
    expect((await ask('PUT', '/agents/restart', undefined, 'first')).body.data.affected_items).toEqual(['001'])
    const gone = await ask('DELETE', '/agents?agents_list=all&status=all&older_than=0s', undefined, 'nobody')
    expect(gone.body.data.affected_items).toEqual([])
  })
})

describe('what agents sent', () => {
  const seen: [who: string, agents: string[]][] = [
    ['first', ['001']],
    ['dmz', ['002']],
    ['nobody', []],
    // Of an agent that is gone no group is known.
    ['but-dmz', ['004', '000', '001']],
  ]
  const range = { from: 'now-1h', to: 'now' }
  test.each(seen)('%s finds it of their own', async (who, agents) => {
    const found = await ask('POST', '/dogwatch/search', { ...range, query: 'location:l' }, who)
    const of = found.body.data.documents.map((each: { source: { agent: { id: string } } }) => each.source.agent.id)
    expect([found.status, of.sort(), found.body.data.total]).toEqual([200, agents.toSorted(), agents.length])
    const terms = await ask('POST', '/dogwatch/terms', { ...range, field: 'agent.id' }, who)
    expect(terms.body.data.documents).toBe(agents.length)
    const histogram = await ask('POST', '/dogwatch/histogram', range, who)
    const counts: { count: number }[] = histogram.body.data.buckets
    expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(agents.length)
    const overview = await ask('POST', '/dogwatch/kubernetes/overview', range, who)
    expect(overview.body.data.counts.events).toBe(0)
    const words = await ask('POST', '/dogwatch/complete', { ...range, query: 'agent.id:', cursor: 9 }, who)
    expect(words.body.data.suggestions.sort()).toEqual(agents.toSorted())
  })

  test('a document and its neighbours', async () => {
    const of = (n: number) => alert(n, '').id
    const found = await ask('GET', `/dogwatch/event/${of(2)}?neighbours=5`, undefined, 'dmz')
    expect([found.status, found.body.data.before, found.body.data.after]).toEqual([200, [], []])
    expect((await ask('GET', `/dogwatch/event/${of(1)}`, undefined, 'dmz')).status).toBe(404)
    expect((await ask('POST', '/dogwatch/explain', { id: of(1) }, 'dmz')).status).toBe(404)
    const all = await ask('GET', `/dogwatch/event/${of(2)}?neighbours=5`)
    expect([all.body.data.before.length, all.body.data.after.length]).toEqual([1, 2])
  })

  test('a live tail tells of their own alone', async () => {
    const port = await api.api.listen('127.0.0.1', 0)
    const abort = new AbortController()
    const answer = await fetch(`http://127.0.0.1:${port}/dogwatch/tail`, {
      headers: { authorization: `Bearer ${tokens.get('dmz')}` },
      signal: abort.signal,
    })
    const later = (n: number, agentId: string) => ({ ...alert(n, agentId), timeMs: nowMs + n })
    await api.store.append('alerts', [later(21, '001'), later(22, '002'), later(23, '003')])
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk, { stream: true })
      if (text.includes('event: document')) break
    }
    abort.abort()
    const told = [...text.matchAll(/"full_log":"log (\d+)"/g)].map(([, n]) => n)
    expect(told).toEqual(['22'])
  })
})

describe('groups, files, users', () => {
  beforeAll(async () => {
    await made('keeper', [
      {
        actions: ['group:read', 'group:delete', 'group:update_config', 'group:modify_assignments'],
        resources: ['group:id:dmz'],
        effect: 'allow',
      },
      { actions: ['agent:modify_group'], resources: ['agent:id:*'], effect: 'allow' },
      { actions: ['lists:read', 'lists:update', 'lists:delete'], resources: ['list:file:rates.ts'], effect: 'allow' },
      { actions: ['security:read', 'security:update'], resources: ['user:id:2', 'role:id:2'], effect: 'allow' },
    ])
  })

  test('lists are cut to what is theirs', async () => {
    const names = async (url: string, member: string) =>
      (await ask('GET', url, undefined, 'keeper')).body.data.affected_items.map(
        (item: Record<string, unknown>) => item[member],
      )
    expect(await names('/groups', 'name')).toEqual(['dmz'])
    expect(await names('/lists', 'filename')).toEqual(['rates.ts'])
    expect(await names('/lists/files', 'filename')).toEqual(['rates.ts'])
    expect(await names('/security/users', 'id')).toEqual([2])
    expect(await names('/security/roles', 'id')).toEqual([2])
    expect(await names('/security/policies', 'id')).toEqual([])
    expect(await names('/security/rules', 'id')).toEqual([])
  })

  const refused: [method: Method, url: string, body?: object][] = [
    ['GET', '/groups/default/files'],
    ['GET', '/groups/default/files/agent.conf'],
    ['GET', '/groups/default/configuration'],
    ['PUT', '/agents/003/group/default'],
    ['GET', '/lists/files/index.ts'],
    ['DELETE', '/lists/files/index.ts'],
    ['PUT', '/security/users/3', { disabled: true }],
    ['PUT', '/security/users/2', { password: testPassword }],
    ['POST', '/security/users/2/roles?role_ids=4'],
    ['GET', '/rules'],
    ['GET', '/manager/info'],
  ]
  test.each(refused)('%s %s is not theirs', async (method, url, body) => {
    expect(await ask(method, url, body, 'keeper')).toMatchObject({ status: 403, body: { error: 4000 } })
  })

  test('what is theirs answers', async () => {
    expect((await ask('GET', '/lists/files/rates.ts', undefined, 'keeper')).status).toBe(200)
    expect((await ask('GET', '/groups/dmz/files', undefined, 'keeper')).status).toBe(200)
    const removed = await ask('DELETE', '/groups?groups_list=default,dmz', undefined, 'keeper')
    expect(removed.body).toMatchObject({
      error: 2,
      data: { affected_items: ['dmz'], failed_items: [{ error: { code: 4000 }, id: ['default'] }] },
    })
  })

  test('a route that does not narrow wants the action on everything', async () => {
    await made('nodes', [{ actions: ['cluster:read'], resources: ['node:id:other'], effect: 'allow' }])
    expect((await ask('GET', '/cluster/status', undefined, 'nodes')).status).toBe(403)
    await made('all-nodes', [{ actions: ['cluster:read'], resources: ['node:id:*'], effect: 'allow' }])
    expect((await ask('GET', '/cluster/status', undefined, 'all-nodes')).status).toBe(200)
  })

  test('who asks is told what they may, and on what', async () => {
    const { body } = await ask('GET', '/security/users/me/policies', undefined, 'keeper')
    expect(body.data).toMatchObject({ 'group:read': { 'group:id:dmz': 'allow' }, rbac_mode: 'white' })
    const me = await ask('GET', '/security/users/me', undefined, 'keeper')
    expect(me.body.data.affected_items[0].actions).toContain('lists:read')
  })
})
