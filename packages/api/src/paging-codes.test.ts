import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestApi, type TestApi } from './test-api.ts'

let api: TestApi
let token = ''
beforeAll(async () => {
  api = await openTestApi(Date.now)
  token = await api.login('administrator')
})
afterAll(() => api.close())

const refused: [says: string, query: string, code: number | undefined][] = [
  ['a page of nothing', 'limit=0', 1406],
  ['a page too long', 'limit=100001', 1405],
  ['a limit that is no number', 'limit=many', 1401],
  ['a place before the first', 'offset=-1', 1400],
  ['a place that is no number', 'offset=x', 1400],
  ['another parameter', 'pretty=perhaps', undefined],
  ['an unknown field to sort by', 'sort=-nothing', 1403],
  ['an unknown field to choose', 'select=nothing', 1724],
  ['a filter without its end', 'q=(name=a', 1407],
  ['a filter by an unknown field', 'q=nothing=1', 1408],
  ['a filter without an operator', 'q=name', 1409],
]
test.each(refused)('%s is a 400 with its code', async (_, query, code) => {
  for (const url of ['/security/roles', '/security/users', '/security/policies']) {
    const given = url === '/security/users' ? query.replace('name', 'username') : query
    const { status, body } = await api.ask('GET', `${url}?${given}`, token)
    expect([url, status, body.error, body.title]).toEqual([url, 400, code, 'Bad Request'])
  }
})
