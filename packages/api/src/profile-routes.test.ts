import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestApi, type TestApi, testPassword } from './test-api.ts'

const nowMs = Date.parse('2026-11-24T12:00:00Z')
const folder = mkdtempSync(join(tmpdir(), 'dogwatch-profile-'))
const rules = join(folder, 'profile_rules.xml')
const decoders = join(folder, 'profile_decoders.xml')
let api: TestApi
const tokens = new Map<string, string>()

beforeAll(async () => {
  writeFileSync(decoders, '<decoder name="door"><prematch>^door </prematch></decoder>\n')
  writeFileSync(
    rules,
    `<group name="p,">
  <rule id="1" level="0" noalert="1"><category>syslog</category><description>everything</description></rule>
  <rule id="100002" level="5"><if_sid>1</if_sid><match>knock</match><description>a knock</description></rule>
  <rule id="100003" level="7"><if_sid>1</if_sid><regex>kick\\w+</regex><description>a kick</description></rule>
</group>
`,
  )
  api = await openTestApi(() => nowMs, {
    rulesetFiles: () => ({ decoders: [decoders], rules: [rules], lists: [] }),
  })
  for (const name of ['administrator', 'analyst', 'readonly']) tokens.set(name, await api.login(name))
})
afterAll(async () => {
  await api.close()
  rmSync(folder, { recursive: true })
})

const document = (n: number, log: unknown, ruleId: string) => {
  const id = `${nowMs / 1000}.${n}`
  const alert = { id, rule: { id: ruleId }, agent: { id: '000' }, full_log: log, location: 'door' }
  return { id, timeMs: nowMs - 1000 + n, text: JSON.stringify(alert) }
}
const ask = (body: object, who = 'analyst') => api.ask('POST', '/dogwatch/profile', tokens.get(who) ?? '', body)
interface RowTold {
  readonly kind: string
  readonly name: string
}
const rowsOf = (rows: readonly RowTold[]) => Object.fromEntries(rows.map((row) => [`${row.kind} ${row.name}`, row]))

test('an empty store gives an empty profile', async () => {
  expect(await ask({})).toMatchObject({ status: 200, body: { data: { events: 0, us_per_event: 0 } } })
})

test('tells runs, hits and time of rules and decoders, over alerts where no events are kept', async () => {
  const logs = ['door knock', 'door knock', 'door kicked', 'window', 7]
  await api.store.append(
    'alerts',
    logs.map((log, n) => document(n, log, n < 2 ? '100002' : '100003')),
  )
  const { body } = await ask({ limit: 100 })
  expect(body.data).toMatchObject({ index: 'alerts', events: 4 })
  expect(body.data.match_ms).toBeGreaterThan(0)
  const rows = rowsOf(body.data.rows)
  expect(rows['decoder door']).toMatchObject({ filename: 'profile_decoders.xml', line: 1, hits: 3 })
  expect(rows['rule 100002']).toMatchObject({ filename: 'profile_rules.xml', line: 3, hits: 2, alerts: 2 })
  expect(rows['rule 100003']).toMatchObject({ hits: 1, alerts: 3 })
  const shares: number[] = body.data.rows.map(({ share }: { share: number }) => share)
  expect(shares).toEqual([...shares].sort((a, b) => b - a))
})

test('takes the newest, of a selection, and of all events where they are kept', async () => {
  const few = await ask({ limit: 2 })
  expect(few.body.data.events).toBe(1)
  const chosen = await ask({ query: 'rule.id:100002' })
  expect(rowsOf(chosen.body.data.rows)).toMatchObject({ 'decoder door': { hits: 2 } })
  await api.store.append('archives', [document(9, 'door knock', '100002')])
  expect((await ask({})).body.data).toMatchObject({ index: 'archives', events: 1 })
})

test('one is made at a time', async () => {
  const answers = await Promise.all([ask({}), ask({}), ask({})])
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 429, 429])
  expect((await ask({})).status).toBe(200)
})

test('a ruleset with errors is told', async () => {
  writeFileSync(decoders, '<decoder name="door">')
  expect(await ask({})).toMatchObject({ status: 400, body: { error: 7000 } })
  writeFileSync(decoders, '<decoder name="door"><prematch>^door </prematch></decoder>\n')
})

test('is for who may try events, over events that they may see', async () => {
  expect((await ask({}, 'readonly')).status).toBe(403)
  expect((await ask({ limit: 2001 })).status).toBe(400)
  const put = async (url: string, body: object) =>
    (await api.ask('POST', url, tokens.get('administrator') ?? '', body)).body.data.affected_items[0].id
  const policy = { actions: ['logtest:run'], resources: ['*:*:*'], effect: 'allow' }
  const [id, role] = [
    await put('/security/policies', { name: 'tries', policy }),
    await put('/security/roles', { name: 'tries' }),
  ]
  await api.ask('POST', `/security/roles/${role}/policies?policy_ids=${id}`, tokens.get('administrator') ?? '')
  await put('/security/users', { username: 'tries', password: testPassword, roles: [role] })
  tokens.set('tries', await api.login('tries'))
  expect((await ask({}, 'tries')).body.data).toMatchObject({ events: 0 })
})
