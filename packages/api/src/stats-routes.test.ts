import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestApi, type TestApi } from './test-api.ts'

const hourMs = 3_600_000
/** A Tuesday. */
const noon = Date.parse('2026-11-24T12:00:00Z')
let api: TestApi
let token = ''
beforeAll(async () => {
  const refused = { 'bad counter': 2, 'no key': 1 }
  const channel = { connected: 3, events: 40, keepAlives: 5, bytes: 900, messages: 45, tlsOpened: 1, refused }
  api = await openTestApi(() => noon + 100, {
    manager: {
      home: '/nowhere',
      version: '0.1.0',
      uuid: 'u',
      status: () => ({}),
      counters: () => ({}),
      details: () => ({ channel, drops: { 'too long': 4 } }),
    },
  })
  token = await api.login('readonly')
  const documents = [1, 1, 25, 169].map((hours, n) => {
    const timeMs = noon - hours * hourMs + 1000
    const id = `${timeMs / 1000}.${n}`
    return { id, timeMs, text: JSON.stringify({ id, rule: { level: 3 }, timestamp: new Date(timeMs).toISOString() }) }
  })
  await api.store.append('alerts', documents)
})
afterAll(() => api.close())
const itemsOf = async (url: string) => (await api.ask('GET', url, token)).body.data.affected_items

test('by hour of the day, of the days since the first alert', async () => {
  const [{ averages, interactions }] = await itemsOf('/manager/stats/hourly')
  // Four alerts at eleven o'clock within eight days.
  expect([averages.length, averages[11], averages[12], interactions]).toEqual([24, 1, 0, 8])
})

test('by day of the week and hour', async () => {
  const items = await itemsOf('/manager/stats/weekly')
  expect(items.map((item: object) => Object.keys(item)[0])).toEqual(['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'])
  expect([items[2].Tue.hours[11], items[1].Mon.hours[11], items[2].Tue.interactions]).toEqual([2, 1, 2])
})

test('the channel of agents, and drops by reason', async () => {
  expect(await itemsOf('/manager/stats/remoted')).toEqual([
    {
      tcp_sessions: 3,
      evt_count: 40,
      ctrl_msg_count: 5,
      discarded_count: 3,
      recv_bytes: 900,
      messages: 45,
      tlsOpened: 1,
      refused: { 'bad counter': 2, 'no key': 1 },
    },
  ])
  expect((await api.ask('GET', '/dogwatch/drops', token)).body.data.drops).toEqual({ 'too long': 4 })
})

test('whoever may not read of the manager is refused', async () => {
  const other = await api.login('cluster_readonly')
  for (const url of ['/manager/stats/hourly', '/manager/stats/weekly', '/manager/stats/remoted', '/dogwatch/drops'])
    expect((await api.ask('GET', url, other)).status).toBe(403)
})
