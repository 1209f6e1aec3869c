import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestApi, type TestApi } from './test-api.ts'

let api: TestApi
let token = ''
beforeAll(async () => {
  api = await openTestApi(() => Date.parse('2026-11-24T12:00:00Z'))
  token = await api.login('readonly')
})
afterAll(() => api.close())
const ask = (url: string) => api.ask('GET', url, token)

test('tells what the API is set to', async () => {
  expect((await ask('/manager/api/config')).body.data.affected_items).toMatchObject([
    { node_name: 'm', node_api_config: { auth_token_exp_timeout: 900, access: { max_request_per_minute: 300 } } },
  ])
})

test('counters by daemon; of agents where they are taken', async () => {
  expect((await ask('/manager/daemons/stats')).body.data.affected_items).toEqual([
    { name: 'wazuh-analysisd', timestamp: '2026-11-24T12:00:00+00:00', metrics: {} },
  ])
})

test('one manager is a whole', async () => {
  expect((await ask('/cluster/local/info')).body.data.affected_items).toMatchObject([{ node: 'm', type: 'master' }])
  for (const url of ['/cluster/nodes', '/cluster/healthcheck', '/cluster/ruleset/synchronization']) {
    const { status, body } = await ask(url)
    expect([url, status, body.error]).toEqual([url, 400, 3013])
  }
})
