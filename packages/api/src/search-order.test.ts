import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestApi, type TestApi } from './test-api.ts'

const nowMs = Date.parse('2026-11-24T12:00:00Z')
let api: TestApi
let token = ''
beforeAll(async () => {
  api = await openTestApi(() => nowMs)
  const levels = [3, 12, 7, 7, 15]
  const documents = levels.map((level, n) => {
    const id = `${nowMs / 1000}.${n}`
    return { id, timeMs: nowMs - 1000 + n, text: JSON.stringify({ id, rule: { level }, agent: { id: '000' } }) }
  })
  await api.store.append('alerts', documents)
  token = await api.login('readonly')
})
afterAll(() => api.close())

async function ask(body: object) {
  const answer = await api.ask('POST', '/dogwatch/search', token, body)
  const documents: { readonly id: string }[] = answer.body.data?.documents ?? []
  return {
    status: answer.status,
    numbers: documents.map(({ id }) => Number(id.split('.')[1])),
    next: answer.body.data?.next,
  }
}

const orders: [says: string, body: object, numbers: number[]][] = [
  ['the highest first, the newest of the same', { sort: 'rule.level' }, [4, 1, 3, 2, 0]],
  [
    'the lowest first, the oldest of the same',
    { sort: 'rule.level', descending: false, order: 'oldest' },
    [0, 2, 3, 1, 4],
  ],
  ['a page of them', { sort: 'rule.level', limit: 2, offset: 2 }, [3, 2]],
  ['by time where nothing is said', { descending: true }, [4, 3, 2, 1, 0]],
]
test.each(orders)('%s', async (_, body, numbers) => {
  expect(await ask(body)).toEqual({ status: 200, numbers, next: null })
})

const refused: [says: string, body: object][] = [
  ['a field that is not sorted by', { sort: 'data.user.username' }],
  ['a place in time', { sort: 'rule.level', after: '1.1' }],
  ['more than ten thousand left out', { sort: 'rule.level', offset: 10_001 }],
]
test.each(refused)('refuses %s', async (_, body) => expect((await ask(body)).status).toBe(400))
