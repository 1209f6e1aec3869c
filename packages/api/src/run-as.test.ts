import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestApi, type TestApi, testPassword } from './test-api.ts'

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'
let api: TestApi
let chief = ''
let nowMs = Date.parse('2026-11-24T12:00:00Z')
const clerkId = 8
beforeAll(async () => {
  api = await openTestApi(() => nowMs)
  chief = await api.login('administrator')
  // Who logs people in on behalf of another system, and may nothing as themselves.
  const made = await ask('POST', '/security/users', { username: 'gate', password: testPassword, roles: [] })
  gateId = idOf(made)
})
afterAll(() => api.close())

let gateId = 0
const ask = (method: Method, url: string, body?: object, token = chief) => api.ask(method, url, token, body)
const idOf = ({ body }: { readonly body: { data: { affected_items: { id: number }[] } } }) =>
  body.data.affected_items[0]?.id ?? 0
const basic = (name: string) => ({
  authorization: `Basic ${Buffer.from(`${name}:${testPassword}`).toString('base64')}`,
  'content-type': 'application/json',
})
const runAs = (context: unknown, name = 'gate') =>
  api.ask('POST', '/security/user/authenticate/run_as', null, JSON.stringify(context), basic(name))
const allow = (isAllowed: boolean, id = gateId) => ask('PUT', `/security/users/${id}/run_as?allow_run_as=${isAllowed}`)
const me = async (token: string) => (await ask('GET', '/security/users/me', undefined, token)).body

describe('login with a context', () => {
  test('gives the roles whose rules hold, and ends with them', async () => {
    expect(await runAs({ team: 'web' })).toMatchObject({ status: 403, body: { error: 6004 } })
    expect((await allow(true)).body.data.affected_items[0]).toMatchObject({ username: 'gate', allow_run_as: true })

    const nobody = (await runAs({ team: 'web' })).body.data.token
    expect(await me(nobody)).toMatchObject({ data: { affected_items: [{ roles: [], run_as: true, actions: [] }] } })

    const rule = idOf(await ask('POST', '/security/rules', { name: 'web', rule: { FIND: { team: 'web' } } }))
    expect(rule).toBe(100)
    const linked = await ask('POST', `/security/roles/2/rules?rule_ids=${rule}`)
    expect(linked.body).toMatchObject({ error: 0, data: { affected_items: [{ id: 2, rules: [rule] }] } })
    // Made before the rules were these.
    expect((await ask('GET', '/manager/info', undefined, nobody)).status).toBe(401)

    const reader = (await runAs({ user: { team: ['db', 'web'] } })).body.data.token
    expect((await me(reader)).data.affected_items[0]).toMatchObject({ username: 'gate', roles: [2] })
    expect((await ask('GET', '/manager/info', undefined, reader)).status).toBe(200)
    expect((await ask('PUT', '/manager/restart', undefined, reader)).status).toBe(403)
    const claims = JSON.parse(Buffer.from(String(reader).split('.')[1] ?? '', 'base64url').toString())
    expect(claims).toMatchObject({ run_as: true, rbac_roles: [2], rbac_mode: 'white', sub: 'gate' })
    expect((await me((await runAs({ team: 'db' })).body.data.token)).data.affected_items[0].roles).toEqual([])

    // An ordinary login is the user's own.
    expect((await me(await api.login('gate'))).data.affected_items[0]).toMatchObject({ roles: [], run_as: false })

    await ask('PUT', `/security/rules/${rule}`, { rule: { MATCH: { team: 'db' } } })
    expect((await ask('GET', '/manager/info', undefined, reader)).status).toBe(401)
    const again = (await runAs({ team: 'db' })).body.data.token
    expect((await ask('GET', '/manager/info', undefined, again)).status).toBe(200)
    expect((await ask('DELETE', `/security/roles/2/rules?rule_ids=${rule}`)).body.error).toBe(0)
    expect((await ask('GET', '/manager/info', undefined, again)).status).toBe(401)

    await ask('POST', `/security/roles/2/rules?rule_ids=${rule}`)
    const last = (await runAs({ team: 'db' })).body.data.token
    await allow(false)
    expect((await ask('GET', '/manager/info', undefined, last)).status).toBe(401)
    expect((await runAs({ team: 'db' })).status).toBe(403)
    expect((await ask('DELETE', `/security/rules?rule_ids=${rule},7`)).body).toMatchObject({ error: 2 })
    expect((await ask('GET', '/security/roles')).body.data.affected_items[1]).toMatchObject({ id: 2, rules: [] })
  })

  test('bears no more than the rules give: the password behind it is not changed by it', async () => {
    await allow(true)
    const rule = idOf(await ask('POST', '/security/rules', { name: 'chiefs', rule: { MATCH: { is: 'chief' } } }))
    await ask('POST', `/security/roles/1/rules?rule_ids=${rule}`)
    const token = (await runAs({ is: 'chief' })).body.data.token
    expect((await ask('GET', '/dogwatch/audit', undefined, token)).status).toBe(200)
    const changed = await ask('PUT', '/security/users/me/password', { password: 'Another-password-1' }, token)
    expect(changed.status).toBe(403)
    const { affected_items: deeds } = (await ask('GET', '/dogwatch/audit')).body.data
    expect(deeds.map(({ note }: { note: string }) => note)).toContain('login of gate by run_as, roles 1')
  })

  const deep = (levels: number): unknown => (levels === 0 ? 'x' : { a: deep(levels - 1) })
  const refused: [says: string, context: unknown, name: string, status: number][] = [
    ['a wrong password', { a: 'b' }, 'nobody-of-that-name', 401],
    ['too many levels', deep(30), 'gate', 400],
    ['a list', ['a'], 'gate', 400],
    ['a text', 'a', 'gate', 400],
    ['too much', { a: 'b'.repeat(70_000) }, 'gate', 413],
    ['a prototype', '{"__proto__":{"is":"chief"}}', 'gate', 400],
  ]
  test.each(refused)('refuses %s', async (says, context, name, status) => {
    await allow(true)
    const answer =
      says === 'a prototype'
        ? await api.ask('POST', '/security/user/authenticate/run_as', null, String(context), basic(name))
        : await runAs(context, name)
    expect(answer.status).toBe(status)
  })

  test('a rule that runs away refuses the login, and nothing else', async () => {
    await allow(true)
    const rule = idOf(await ask('POST', '/security/rules', { name: 'slow', rule: { MATCH: { a: "r'(a+)+$'" } } }))
    expect(await runAs({ a: `${'a'.repeat(40)}!` })).toMatchObject({ status: 400, body: { error: 4003 } })
    await ask('DELETE', `/security/rules?rule_ids=${rule}`)
  })
})

describe('a request that says JSON and has none', () => {
  const asJson = { 'content-type': 'application/json' }
  test.each([
    ['where none is wanted', 'PUT', '/security/users/8/run_as?allow_run_as=false', 200],
    ['where one is wanted', 'POST', '/security/roles', 400],
  ] as const)('%s', async (_, method, url, status) => {
    expect((await api.ask(method, url, chief, '', asJson)).status).toBe(status)
  })
})

describe('security rules', () => {
  const rule = { FIND: { a: 'b' } }
  const refused: [
    says: string,
    method: Method,
    url: string,
    body: object | undefined,
    status: number,
    code?: number,
  ][] = [
    ['a rule that is none', 'POST', '/security/rules', { name: 'x', rule: { SEEK: {} } }, 400, 4003],
    ['an expression that is none', 'POST', '/security/rules', { name: 'x', rule: { FIND: { a: "r'['" } } }, 400, 4003],
    ['a name that is taken', 'POST', '/security/rules', { name: 'chiefs', rule }, 400, 4005],
    ['a name with signs', 'POST', '/security/rules', { name: '<b>', rule }, 400],
    ['one that is not there', 'PUT', '/security/rules/999', { name: 'x' }, 404, 4022],
    ['no change', 'PUT', '/security/rules/100', {}, 400],
    ['a role that is not there', 'POST', '/security/roles/999/rules?rule_ids=1', undefined, 404, 4002],
  ]
  test.each(refused)('refused: %s', async (_, method, url, body, status, code) => {
    const answer = await ask(method, url, body)
    expect([answer.status, answer.body.error]).toEqual([status, code])
  })

  test('links that are there, or not, are told', async () => {
    const id = idOf(await ask('POST', '/security/rules', { name: 'linked', rule }))
    await ask('POST', `/security/roles/3/rules?rule_ids=${id}`)
    expect((await ask('POST', `/security/roles/3/rules?rule_ids=${id},999`)).body).toMatchObject({
      error: 1,
      data: {
        failed_items: [
          { error: { code: 4023 }, id: [`${id}`] },
          { error: { code: 4022 }, id: ['999'] },
        ],
      },
    })
    await ask('DELETE', `/security/roles/3/rules?rule_ids=all`)
    expect((await ask('DELETE', `/security/roles/3/rules?rule_ids=${id}`)).body.data.failed_items[0].error.code).toBe(
      4024,
    )
    const { body } = await ask('GET', '/security/rules?q=name=linked')
    expect(body.data.affected_items).toEqual([{ id, name: 'linked', rule, roles: [] }])
  })

  test('are for administrators alone, and so is who may run as others', async () => {
    const almost = await everythingBut('security:revoke')
    const tries: [Method, string, object?][] = [
      ['POST', '/security/rules', { name: 'mine', rule }],
      ['PUT', '/security/rules/101', { name: 'mine' }],
      ['DELETE', '/security/rules?rule_ids=all'],
      ['POST', '/security/roles/1/rules?rule_ids=101'],
      ['DELETE', '/security/roles/1/rules?rule_ids=101'],
      ['PUT', `/security/users/${gateId}/run_as?allow_run_as=true`],
      ['PUT', `/security/users/${gateId}`, { password: testPassword }],
      ['PUT', '/security/config', { rbac_mode: 'black' }],
      ['DELETE', '/security/config'],
    ]
    for (const [method, url, body] of tries) {
      const answer = await ask(method, url, body, almost)
      expect([method, url, answer.status, answer.body.error]).toEqual([method, url, 403, 4000])
    }
    expect((await ask('GET', '/security/rules', undefined, almost)).status).toBe(200)
  })
})

describe('settings', () => {
  test('how long a token is good', async () => {
    const before = await api.login('readonly')
    const { body } = await ask('PUT', '/security/config', { auth_token_exp_timeout: 60 })
    expect(body.data.affected_items).toEqual([{ auth_token_exp_timeout: 60, rbac_mode: 'white' }])
    expect((await ask('GET', '/manager/info', undefined, before)).status).toBe(401)
    chief = await api.login('administrator')
    const token = await api.login('readonly')
    nowMs += 59_000
    expect((await ask('GET', '/manager/info', undefined, token)).status).toBe(200)
    nowMs += 2000
    expect((await ask('GET', '/manager/info', undefined, token)).status).toBe(401)
    chief = await api.login('administrator')
    const config = await ask('GET', '/manager/api/config')
    expect(config.body.data.affected_items[0].node_api_config.auth_token_exp_timeout).toBe(60)
    await ask('DELETE', '/security/config')
    chief = await api.login('administrator')
    expect((await ask('GET', '/security/config')).body.data.affected_items).toEqual([
      { auth_token_exp_timeout: 900, rbac_mode: 'white' },
    ])
  })

  test('black allows what no policy denies', async () => {
    const role = idOf(await ask('POST', '/security/roles', { name: 'no-rules' }))
    const policy = { actions: ['rules:read'], resources: ['*:*:*'], effect: 'deny' }
    const denies = idOf(await ask('POST', '/security/policies', { name: 'no-rules', policy }))
    await ask('POST', `/security/roles/${role}/policies?policy_ids=${denies}`)
    await ask('POST', '/security/users', { username: 'denied', password: testPassword, roles: [role] })
    const may = async () => {
      const token = await api.login('denied')
      const answers = await Promise.all(['/rules', '/lists'].map((url) => ask('GET', url, undefined, token)))
      return answers.map(({ status }) => status)
    }
    expect(await may()).toEqual([403, 403])
    await ask('PUT', '/security/config', { rbac_mode: 'black' })
    chief = await api.login('administrator')
    expect(await may()).toEqual([403, 200])
    // A user without roles may everything now, so that only who may everything makes one.
    const helper = await api.login('denied')
    const made = await ask('POST', '/security/users', { username: 'open', password: testPassword }, helper)
    expect([made.status, made.body.error]).toEqual([403, 4000])
    // What everybody may, administrators still decide.
    expect((await ask('POST', '/security/roles', { name: 'mine' }, helper)).status).toBe(403)
    await ask('DELETE', '/security/config')
    chief = await api.login('administrator')
    expect(await may()).toEqual([403, 403])
  })

  test.each([
    [{ auth_token_exp_timeout: 29 }],
    [{ auth_token_exp_timeout: 86_401 }],
    [{ rbac_mode: 'grey' }],
    [{}],
    [{ other: 1 }],
  ])('refuses %j', async (body) => expect((await ask('PUT', '/security/config', body)).status).toBe(400))
})

describe('nobody gives more than they have', () => {
  test.each([
    ['a role of the product', 5],
    ['one that reads', 2],
    ['the administrator’s', 1],
  ])('users_admin gives %s to nobody', async (_, role) => {
    const token = await api.login('users_admin')
    const tries: [Method, string, object?][] = [
      ['POST', '/security/users', { username: 'friend', password: testPassword, roles: [role] }],
      ['POST', `/security/users/${gateId}/roles?role_ids=${role}`],
      ['PUT', `/security/users/${clerkId}`, { roles: [role] }],
    ]
    for (const [method, url, body] of tries) {
      const answer = await ask(method, url, body, token)
      expect([method, url, answer.status, answer.body.error]).toEqual([method, url, 403, 4000])
    }
  })

  test('nor takes over who has more, but may lock them out, short of administrators', async () => {
    const token = await api.login('users_admin')
    const reader = api.state.userNamed('readonly')?.id ?? 0
    const chiefId = api.state.userNamed('administrator')?.id ?? 0
    const put = async (id: number, body: object) => (await ask('PUT', `/security/users/${id}`, body, token)).status
    expect(await put(reader, { password: 'Another-password-1' })).toBe(403)
    expect(await put(reader, { disabled: true })).toBe(200)
    // As the page sends it, with the roles that the user has.
    expect(await put(reader, { disabled: true, roles: [2] })).toBe(200)
    expect(await put(reader, { disabled: true, roles: [] })).toBe(403)
    expect(await put(reader, { disabled: false })).toBe(403)
    expect(await put(chiefId, { disabled: true })).toBe(403)
    expect((await ask('PUT', `/security/users/${reader}`, { disabled: false })).status).toBe(200)
  })

  test('what they have they may give', async () => {
    const token = await api.login('users_admin')
    const made = await ask('POST', '/security/users', { username: 'peer', password: testPassword, roles: [3] }, token)
    expect(made.body).toMatchObject({ error: 0, data: { affected_items: [{ roles: [3] }] } })
    const peer = idOf(made)
    expect((await ask('PUT', `/security/users/${peer}`, { password: 'Another-password-1' }, token)).status).toBe(200)
    expect((await ask('DELETE', `/security/users/${peer}`, undefined, token)).status).toBe(200)
  })
})

/** A token of somebody who may everything but one thing, and is no administrator. */
async function everythingBut(action: string): Promise<string> {
  const role = idOf(await ask('POST', '/security/roles', { name: 'almost' }))
  const denied = { actions: [action], resources: ['*:*:*'], effect: 'deny' }
  const denies = idOf(await ask('POST', '/security/policies', { name: 'almost', policy: denied }))
  await ask('POST', `/security/roles/${role}/policies?policy_ids=1,${denies}`)
  await ask('POST', '/security/users', { username: 'almost', password: testPassword, roles: [role] })
  return api.login('almost')
}
