/** What a restart by the API does: it examines, loads the ruleset anew, and never takes the manager down. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestApi, type TestApi } from './test-api.ts'

let api: TestApi
let reloads = 0
let isGood = true

beforeAll(async () => {
  api = await openTestApi(() => 0, {
    reload: async () => {
      reloads++
      return { accepted: isGood, problems: [] }
    },
  })
})
afterAll(() => api.close())

test.each([
  ['an administrator restarts', 'administrator', '<ossec_config></ossec_config>', true, 200, 0, 1],
  ['a ruleset with errors is told', 'administrator', '<ossec_config></ossec_config>', false, 200, 1, 1],
  ['a broken ossec.conf is refused before anything is done', 'administrator', '<ossec_config', true, 400, 1908, 0],
  ['a reader may not', 'readonly', '<ossec_config></ossec_config>', true, 403, 4000, 0],
  ['who administers agents may not', 'agents_admin', '<ossec_config></ossec_config>', true, 403, 4000, 0],
] as const)('%s', async (_, user, text, good, status, error, times) => {
  writeFileSync(join(api.home, 'etc/ossec.conf'), text)
  reloads = 0
  isGood = good
  const answer = await api.ask('PUT', '/manager/restart', await api.login(user))
  expect([answer.status, answer.body.error, reloads]).toEqual([status, error, times])
})
