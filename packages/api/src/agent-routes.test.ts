/** Routes on agents and groups, over a desk in memory that stands in for the manager's registry; the real one is in the end-to-end tests. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openState } from '@dogwatch/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Api, createApi } from './server.ts'
import { deskInMemory, nowMs } from './test-desk.ts'

const folder = mkdtempSync(join(tmpdir(), 'dogwatch-agent-routes-'))
let api: Api
let token = ''
let readerToken = ''

beforeAll(async () => {
  const state = openState(join(folder, 'state.db'))
  const desk = deskInMemory()
  api = await createApi({
    tls: null,
    pageFolder: null,
    parts: {
      state,
      store: () => null,
      storeTrouble: () => null,
      storeFigures: () => null,
      agents: () => desk,
      manager: { home: '/nowhere', version: '0.1.0', uuid: 'u', status: () => ({}), counters: () => ({}) },
      rulesetFiles: () => ({ decoders: [], rules: [], lists: [] }),
      reload: async () => ({ accepted: true, problems: [] }),
      now: () => nowMs,
      log: () => {},
      logAlertLevel: 3,
      managerName: 'mgr',
      sampleCommand: () => null,
    },
  })
  token = await login('admin', api.firstPassword?.password ?? '')
  await ask('POST', '/security/users', { username: 'reader', password: 'long enough 1!A', roles: [4] })
  readerToken = await login('reader', 'long enough 1!A')
})
afterAll(async () => {
  await api.close()
  rmSync(folder, { recursive: true })
})

async function login(user: string, password: string): Promise<string> {
  const answer = await api.server.inject({
    method: 'POST',
    url: '/security/user/authenticate?raw=true',
    headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` },
  })
  return answer.body
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

async function ask(method: Method, url: string, body?: unknown, type = 'application/json', as = token) {
  const answer = await api.server.inject({
    method,
    url,
    headers: { authorization: `Bearer ${as}`, ...(body === undefined ? {} : { 'content-type': type }) },
    ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return {
    status: answer.statusCode,
    body: answer.headers['content-type']?.includes('json') ? JSON.parse(answer.body) : answer.body,
  }
}

const idsOf = (body: { data: { affected_items: { id: string }[] } }): string[] =>
  body.data.affected_items.map(({ id }) => id)

describe('agents', () => {
  test.each([
    ['all, the manager first', '', ['000', '001', '002', '003']],
    ['by status', 'status=active,disconnected', ['000', '001', '002']],
    ['not heard of for a week', 'older_than=7d&status=disconnected,never_connected', ['002', '003']],
    ['by ids', 'agents_list=001,003', ['001', '003']],
    ['by group', 'group=dmz', ['002']],
    ['by platform', 'os.platform=debian', ['001']],
    ['by q', 'q=status!=active;lastKeepAlive%3E1d', ['002']],
    ['a page', 'offset=1&limit=2', ['001', '002']],
  ])('%s', async (_, query, wanted) => {
    expect(idsOf((await ask('GET', `/agents?${query}`)).body)).toEqual(wanted)
  })

  test('one in full', async () => {
    const { body } = await ask('GET', '/agents?agents_list=001')
    expect(body.data.affected_items[0]).toMatchObject({
      id: '001',
      ip: '192.0.2.1',
      registerIP: 'any',
      group: ['default'],
      os: { platform: 'debian', arch: 'x86_64' },
      lastKeepAlive: '2026-11-24T11:59:55+00:00',
      group_config_status: 'synced',
    })
  })

  test('ids that there are not are told beside those that there are', async () => {
    expect((await ask('GET', '/agents?agents_list=001,998,999')).body).toMatchObject({
      error: 2,
      data: {
        affected_items: [{ id: '001' }],
        total_affected_items: 1,
        total_failed_items: 2,
        failed_items: [{ error: { code: 1701 }, id: ['998', '999'] }],
      },
    })
    expect((await ask('GET', '/agents?agents_list=999')).body.error).toBe(1)
    // There, but in another state than was asked for: nothing failed.
    expect((await ask('GET', '/agents?agents_list=002&status=active')).body).toMatchObject({
      error: 0,
      data: { total_affected_items: 0 },
    })
  })

  test('those of a group are restarted', async () => {
    expect((await ask('PUT', '/agents/group/default/restart')).body.data.affected_items).toEqual(['001'])
    expect((await ask('PUT', '/agents/group/dmz/restart')).body).toMatchObject({
      error: 0,
      data: { total_affected_items: 0 },
    })
    expect((await ask('PUT', '/agents/group/none/restart')).body.error).toBe(1710)
  })

  test('summaries', async () => {
    expect((await ask('GET', '/agents/summary/status')).body.data.connection).toEqual({
      active: 1,
      disconnected: 1,
      never_connected: 1,
      pending: 0,
      total: 3,
    })
    expect((await ask('GET', '/agents/summary/os')).body.data.affected_items).toEqual(['debian'])
    expect((await ask('GET', '/overview/agents')).body.data.agent_status.connection.total).toBe(3)
    expect((await ask('GET', '/agents/stats/distinct?fields=status')).body.data.affected_items).toContainEqual({
      status: 'active',
      count: 1,
    })
    expect((await ask('GET', '/agents/no_group')).body.data.total_affected_items).toBe(0)
    expect((await ask('GET', '/agents/outdated')).body.data.total_affected_items).toBe(0)
  })

  test('restart says who could not be asked', async () => {
    const { body } = await ask('PUT', '/agents/restart?agents_list=000,001,002,999')
    expect(body.error).toBe(2)
    expect(body.data.affected_items).toEqual(['001'])
    expect(
      body.data.failed_items.map(({ error, id }: { error: { code: number }; id: string[] }) => [error.code, id]),
    ).toEqual([
      [1703, ['000']],
      [1707, ['002']],
      [1701, ['999']],
    ])
    expect((await ask('PUT', '/syscheck')).body.data.affected_items).toEqual(['001'])
    expect((await ask('GET', '/agents/001/config/agent/client')).body.data).toEqual({ asked: 'agent getconfig client' })
    expect((await ask('GET', '/agents/002/config/agent/client')).body.error).toBe(1740)
  })

  test('made, named once, its key, removed', async () => {
    const made = await ask('POST', '/agents', { name: 'fresh' })
    expect(made.body).toMatchObject({ error: 0, data: { id: '004' } })
    expect((await ask('POST', '/agents', { name: 'fresh' })).body.error).toBe(1705)
    expect((await ask('POST', '/agents', { name: 'odd', ip: 'x' })).status).toBe(400)
    expect((await ask('GET', '/agents/004/key')).body.data.affected_items[0].key).toBe(made.body.data.key)
    expect((await ask('DELETE', '/agents?agents_list=004&status=active&older_than=0s')).body).toMatchObject({
      error: 1,
      data: { failed_items: [{ error: { code: 1731 } }] },
    })
    expect((await ask('DELETE', '/agents?agents_list=004&status=all&older_than=0s')).body.data.affected_items).toEqual([
      '004',
    ])
    expect((await ask('DELETE', '/agents?agents_list=all')).status).toBe(400)
  })
})

describe('an agent that comes from elsewhere', () => {
  const key = 'a1'.repeat(32)
  const taken = { name: 'agent-002', ip: 'any' }
  test('keeps its id and its key, and is removed', async () => {
    const made = await ask('POST', '/agents/insert', { name: 'moved', ip: '192.0.2.9', id: '00123', key })
    expect(made.body).toMatchObject({ error: 0, data: { id: '123' } })
    expect((await ask('DELETE', '/agents?agents_list=123&status=all&older_than=0s')).body.error).toBe(0)
  })

  test.each([
    ['another agent’s name', taken, 400, 1705],
    ['another agent’s id', { name: 'other', ip: 'any', id: '001' }, 400, 1708],
    ['the manager’s id', { name: 'other', ip: 'any', id: '000' }, 400, 1708],
    ['no address', { name: 'other', ip: 'x' }, 400, 1412],
    ['colons that are no address', { name: 'other', ip: ':::' }, 400, 1412],
    ['a network that is too narrow', { name: 'other', ip: '192.0.2.0/33' }, 400, 1412],
    ['a key that is too short', { name: 'other', ip: 'any', key: 'ab' }, 400, undefined],
    ['a member that nobody knows', { name: 'other', ip: 'any', more: 1 }, 400, undefined],
    ['a name with a newline', { name: 'other\n002', ip: 'any' }, 400, undefined],
    ['an active one’s name, with force', { name: 'agent-001', ip: 'any', force: { enabled: true } }, 400, 1705],
    [
      'the name of one that is away too short a time, with force',
      { ...taken, force: { enabled: true, disconnected_time: { enabled: true, value: '20d' } } },
      400,
      1705,
    ],
    [
      'the name of one that is too new, with force',
      { ...taken, force: { enabled: true, after_registration_time: '60d' } },
      400,
      1705,
    ],
  ])('%s is refused', async (_, body, status, error) => {
    const answer = await ask('POST', '/agents/insert', body)
    expect([answer.status, error === undefined ? undefined : answer.body.error]).toEqual([status, error])
    expect(idsOf((await ask('GET', '/agents')).body)).toEqual(['000', '001', '002', '003'])
  })

  test('with force it replaces one that is away; who may only create may not', async () => {
    const body = { ...taken, id: '050', force: { enabled: true } }
    const policy = { actions: ['agent:create'], resources: ['*:*:*'], effect: 'allow' }
    const made = await ask('POST', '/security/policies', { name: 'creates', policy })
    const role = await ask('POST', '/security/roles', { name: 'creates' })
    const [policyId, roleId] = [made, role].map((answer) => answer.body.data.affected_items[0].id)
    await ask('POST', `/security/roles/${roleId}/policies?policy_ids=${policyId}`)
    await ask('POST', '/security/users', { username: 'creator', password: 'long enough 1!A', roles: [roleId] })
    const creator = await login('creator', 'long enough 1!A')
    const refused = await ask('POST', '/agents/insert', body, 'application/json', creator)
    expect([refused.status, refused.body.error]).toEqual([403, 4000])
    expect((await ask('POST', '/agents/insert', body)).body.data.id).toBe('050')
    expect(idsOf((await ask('GET', '/agents')).body)).toEqual(['000', '001', '003', '050'])
    // As it was, for what comes after.
    await ask('DELETE', '/agents?agents_list=050&status=all&older_than=0s')
    await ask('POST', '/agents/insert', { ...taken, id: '002' })
  })
})

describe('groups', () => {
  test('made, filled, configured, removed', async () => {
    expect((await ask('POST', '/groups', { group_id: 'web' })).body.error).toBe(0)
    expect((await ask('POST', '/groups', { group_id: 'web' })).body.error).toBe(1711)
    expect((await ask('PUT', '/agents/003/group/web')).body.error).toBe(0)
    expect((await ask('PUT', '/agents/003/group/web')).body.error).toBe(1751)
    expect((await ask('PUT', '/agents/003/group/none')).body.error).toBe(1710)
    expect(idsOf((await ask('GET', '/groups/web/agents')).body)).toEqual(['003'])
    expect((await ask('PUT', '/agents/group?group_id=web&agents_list=001,003,999')).body).toMatchObject({
      error: 2,
      data: { affected_items: ['001'] },
    })
    expect((await ask('DELETE', '/agents/group?group_id=web&agents_list=all')).body.data.affected_items).toEqual([
      '001',
      '003',
    ])
    expect((await ask('DELETE', '/agents/003/group/default')).body.error).toBe(1745)
    const conf =
      '<agent_config><localfile><location>/x</location><log_format>syslog</log_format></localfile></agent_config>'
    expect((await ask('PUT', '/groups/web/configuration', conf, 'application/xml')).status).toBe(200)
    expect((await ask('GET', '/groups/web/configuration?raw=true')).body).toBe(conf)
    expect((await ask('GET', '/groups/web/files/agent.conf')).body).toBe(conf)
    expect((await ask('GET', '/groups/web/configuration')).body.data.affected_items).toEqual([
      { filters: {}, config: { localfile: [{ location: '/x', log_format: 'syslog' }] } },
    ])
    const odd = '<agent_config><sysheck></sysheck></agent_config>'
    expect((await ask('PUT', '/groups/web/configuration', odd, 'application/xml')).body.problems).toMatchObject([
      { severity: 'warning', at: { line: 1, column: 15 } },
    ])
    expect((await ask('GET', '/groups/web/files')).body.data.affected_items).toEqual([
      { filename: 'agent.conf', hash: 'h' },
    ])
    expect((await ask('DELETE', '/groups?groups_list=web,default,none')).body).toMatchObject({
      error: 2,
      data: { affected_items: ['web'] },
    })
  })

  test.each([
    ['no XML', '<agent_config', 'application/xml', 400],
    ['another root', '<ossec_config></ossec_config>', 'application/xml', 400],
    ['nothing', ' ', 'application/xml', 406],
  ])('a configuration that is %s changes nothing', async (_, text, type, status) => {
    expect((await ask('PUT', '/groups/default/configuration', text, type)).status).toBe(status)
    expect((await ask('GET', '/groups/default/configuration?raw=true')).body).toBe('')
  })

  test.each(['..', 'a%2Fb', '%2e%2e%2fkeys', '.hidden/../x'])('a path trick finds nothing: %s', async (name) => {
    expect((await ask('GET', `/groups/default/files/${name}`)).status).toBeGreaterThanOrEqual(400)
    expect((await ask('GET', `/groups/${name}/configuration`)).status).toBeGreaterThanOrEqual(400)
  })
})

test.each([
  ['GET', '/agents', 200],
  ['GET', '/groups', 200],
  ['GET', '/agents/001/key', 403],
  ['PUT', '/agents/restart', 403],
  ['PUT', '/agents/group/default/restart', 403],
  ['DELETE', '/agents?agents_list=all&status=all', 403],
  ['PUT', '/agents/001/group/dmz', 403],
  ['DELETE', '/groups?groups_list=dmz', 403],
] as const)('a reader of agents asks %s %s: %i', async (method, url, status) => {
  expect((await ask(method, url, undefined, undefined, readerToken)).status).toBe(status)
})
