import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openTestApi, type TestApi } from './test-api.ts'

let api: TestApi
let taken: string[] = []
let roomFor = Number.POSITIVE_INFINITY

beforeAll(async () => {
  api = await openTestApi(Date.now, {
    async putEvent(text) {
      if (taken.length >= roomFor) throw new Error('full')
      taken.push(text)
    },
  })
})
beforeEach(() => {
  taken = []
  roomFor = Number.POSITIVE_INFINITY
})
afterAll(() => api.close())

const send = async (body: object, role = 'administrator') => api.ask('POST', '/events', await api.login(role), body)

describe('events sent to the API', () => {
  test('all are taken as they are', async () => {
    const { status, body } = await send({ events: ['one', '{"a":"é\\u0000"}'] })
    expect([status, body.error, body.data.total_affected_items]).toEqual([200, 0, 2])
    expect(taken).toEqual(['one', '{"a":"é\\u0000"}'])
  })

  test('those that find no room are told by their place', async () => {
    roomFor = 1
    const { status, body } = await send({ events: ['one', 'two', 'three'] })
    expect([status, body.error, body.data.affected_items]).toEqual([200, 2, [0]])
    expect(body.data.failed_items[0].id).toEqual(['1', '2'])
    expect((await send({ events: ['four'] })).body.error).toBe(1)
  })

  const bad: [says: string, status: number, body: object, role?: string][] = [
    ['no events', 400, { events: [] }],
    ['an empty event', 400, { events: [''] }],
    ['more than a hundred', 400, { events: Array(101).fill('x') }],
    ['an event far too long', 400, { events: ['x'.repeat(65_001)] }],
    ['an event that is no text', 400, { events: [{ a: 1 }] }],
    ['another member', 400, { events: ['x'], source: 'y' }],
    ['whoever may only read', 403, { events: ['x'] }, 'readonly'],
  ]
  test.each(bad)('%s: refused', async (_, status, body, role) => {
    expect((await send(body, role)).status).toBe(status)
    expect(taken).toEqual([])
  })

  test('more than thirty calls in a minute are refused with a code of their own', async () => {
    const token = await api.login('administrator')
    const headers = { authorization: `Bearer ${token}` }
    const answers = []
    for (let n = 0; n < 31; n += 1) {
      const payload = { events: ['x'] }
      answers.push(
        await api.api.server.inject({ method: 'POST', url: '/events', remoteAddress: '203.0.113.9', headers, payload }),
      )
    }
    expect(answers.slice(0, 30).every(({ statusCode }) => statusCode === 200)).toBe(true)
    expect([answers[30]?.statusCode, answers[30]?.json().error]).toEqual([429, 6005])
  })
})
