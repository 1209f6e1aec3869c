import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestApi, type TestApi, testPassword } from './test-api.ts'

let api: TestApi
let chief = ''
beforeAll(async () => {
  api = await openTestApi(Date.now)
  chief = await api.login('administrator')
})
afterAll(() => api.close())

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'
const ask = (method: Method, url: string, body?: object, token = chief) => api.ask(method, url, token, body)
const policyOf = (effect: string, ...actions: string[]) => ({ actions, resources: ['*:*:*'], effect })
const itemOf = (answer: { readonly body: { data: { affected_items: { id: number }[] } } }) =>
  answer.body.data.affected_items[0]?.id ?? 0

describe('roles and policies of one’s own', () => {
  test('a role allows what its policies do, later ones over earlier ones, at once', async () => {
    const reads = itemOf(
      await ask('POST', '/security/policies', { name: 'reads', policy: policyOf('allow', 'rules:read', 'lists:read') }),
    )
    const denies = itemOf(
      await ask('POST', '/security/policies', { name: 'denies', policy: policyOf('deny', 'lists:read') }),
    )
    const role = itemOf(await ask('POST', '/security/roles', { name: 'watcher' }))
    expect([reads, denies, role]).toEqual([100, 101, 100])
    const made = await ask('POST', '/security/users', { username: 'wim', password: testPassword, roles: [] })
    const user = itemOf(made)
    const linked = await ask('POST', `/security/users/${user}/roles?role_ids=${role}`)
    expect(linked.body.data.affected_items[0].roles).toEqual([role])
    const token = await api.login('wim')
    const may = async () => {
      const answers = await Promise.all(
        ['/rules', '/lists', '/decoders'].map((url) => ask('GET', url, undefined, token)),
      )
      return answers.map(({ status }) => status)
    }
    expect(await may()).toEqual([403, 403, 403])
    const link = (method: Method, ids: string) => ask(method, `/security/roles/${role}/policies?policy_ids=${ids}`)
    expect((await link('POST', `${reads}`)).body.error).toBe(0)
    expect(await may()).toEqual([200, 200, 403])
    expect((await link('POST', `${reads},${denies},999`)).body).toMatchObject({
      error: 2,
      data: {
        failed_items: [
          { error: { code: 4011 }, id: ['100'] },
          { error: { code: 4007 }, id: ['999'] },
        ],
      },
    })
    expect(await may()).toEqual([200, 403, 403])
    const mine = await ask('GET', '/security/users/me/policies', undefined, token)
    expect(mine.body.data).toEqual({
      'rules:read': { '*:*:*': 'allow' },
      'lists:read': { '*:*:*': 'deny' },
      rbac_mode: 'white',
    })
    const denied = await ask('PUT', `/security/policies/${denies}`, { policy: policyOf('deny', 'rules:read') })
    expect(denied.body.data.affected_items[0].roles).toEqual([role])
    expect(await may()).toEqual([403, 200, 403])
    expect((await ask('DELETE', `/security/policies?policy_ids=${denies},3,777`)).body).toMatchObject({
      error: 2,
      data: { total_affected_items: 1, total_failed_items: 2 },
    })
    expect(await may()).toEqual([200, 200, 403])
    expect((await link('DELETE', `${denies}`)).body.error).toBe(1)
    expect((await ask('DELETE', `/security/roles?role_ids=${role}`)).body.error).toBe(0)
    // The user's tokens ended with the role.
    expect(await may()).toEqual([401, 401, 401])
  })

  test('the first policies of a role can be put before others', async () => {
    const role = itemOf(await ask('POST', '/security/roles', { name: 'placed' }))
    await ask('POST', `/security/roles/${role}/policies?policy_ids=2,6`)
    const placed = await ask('POST', `/security/roles/${role}/policies?policy_ids=4&position=0`)
    expect(placed.body.data.affected_items[0].policies).toEqual([4, 2, 6])
    const renamed = await ask('PUT', `/security/roles/${role}`, { name: 'replaced' })
    expect(renamed.body.data.affected_items[0]).toMatchObject({ name: 'replaced', policies: [4, 2, 6] })
  })

  const allow = policyOf('allow', 'rules:read')
  const refused: [
    says: string,
    method: Method,
    url: string,
    body: object | undefined,
    status: number,
    code?: number,
  ][] = [
    ['a name that a role has', 'POST', '/security/roles', { name: 'administrator' }, 400, 4005],
    ['a name that a policy has', 'POST', '/security/policies', { name: 'readonly', policy: allow }, 400, 4009],
    ['a name with signs', 'POST', '/security/roles', { name: '<b>' }, 400],
    ['an action that is none', 'POST', '/security/policies', { name: 'x', policy: policyOf('allow', 'root:be') }, 400],
    [
      'an effect that is none',
      'POST',
      '/security/policies',
      { name: 'x', policy: policyOf('perhaps', 'rules:read') },
      400,
    ],
    [
      'a thing that no action is for',
      'POST',
      '/security/policies',
      { name: 'x', policy: { ...allow, resources: ['agent:id:001', 'rule:file:a.xml'] } },
      400,
      4006,
    ],
    [
      'an action for none of the things',
      'POST',
      '/security/policies',
      { name: 'x', policy: { ...policyOf('deny', 'agent:read', 'manager:read'), resources: ['agent:id:001'] } },
      400,
      4006,
    ],
    [
      'a thing of no kind',
      'POST',
      '/security/policies',
      { name: 'x', policy: { ...allow, resources: ['rule:group:web'] } },
      400,
    ],
    [
      'two things at once',
      'POST',
      '/security/policies',
      { name: 'x', policy: { ...allow, resources: ['rule:file:a.xml&rule:file:b.xml'] } },
      400,
    ],
    ['another name for a role of the product', 'PUT', '/security/roles/1', { name: 'x' }, 403, 4008],
    ['a change of a policy of the product', 'PUT', '/security/policies/2', { policy: allow }, 403, 4008],
    ['a policy for a role of the product', 'POST', '/security/roles/2/policies?policy_ids=1', undefined, 403, 4008],
    ['a role that is not there', 'PUT', '/security/roles/999', { name: 'x' }, 404, 4002],
    ['a policy that is not there', 'PUT', '/security/policies/999', { name: 'x' }, 404, 4007],
    ['no change', 'PUT', '/security/policies/100', {}, 400],
    ['a list that is none', 'DELETE', '/security/roles?role_ids=1;2', undefined, 400],
    ['a role that the user has', 'POST', '/security/users/2/roles?role_ids=1', undefined, 400, 4017],
    ['a role that the user has not', 'DELETE', '/security/users/2/roles?role_ids=2', undefined, 400, 4016],
    ['a role that is none, for a user', 'POST', '/security/users/3/roles?role_ids=999', undefined, 400, 4002],
  ]
  test.each(refused)('refused: %s', async (_, method, url, body, status, code) => {
    const answer = await ask(method, url, body)
    expect([answer.status, answer.body.error]).toEqual([status, code])
  })

  test('who may change users cannot give themselves more by roles', async () => {
    const everything = itemOf(await ask('POST', '/security/roles', { name: 'everything' }))
    await ask('POST', `/security/roles/${everything}/policies?policy_ids=1`)
    const holder = itemOf(
      await ask('POST', '/security/users', { username: 'holder', password: testPassword, roles: [everything] }),
    )
    const token = await api.login('users_admin')
    const me = (await ask('GET', '/security/users/me', undefined, token)).body.data.affected_items[0].id
    const tries: [Method, string, object?][] = [
      ['POST', `/security/users/${me}/roles?role_ids=${everything}`],
      ['PUT', `/security/users/${me}`, { roles: [everything] }],
      ['POST', `/security/users/${me}/roles?role_ids=5`],
      ['PUT', `/security/users/${me}`, { roles: [5] }],
      // It might be one that denies.
      ['DELETE', `/security/users/${me}/roles?role_ids=3`],
      ['PUT', `/security/users/${holder}`, { password: 'Another-password-1' }],
      ['DELETE', `/security/users/${holder}`],
      ['POST', '/security/roles', { name: 'mine' }],
      ['POST', '/security/policies', { name: 'mine', policy: allow }],
      ['PUT', `/security/roles/${everything}`, { name: 'mine' }],
      ['POST', `/security/roles/${everything}/policies?policy_ids=2`],
      ['DELETE', `/security/roles?role_ids=${everything}`],
      ['DELETE', '/security/policies?policy_ids=all'],
    ]
    for (const [method, url, body] of tries) {
      const answer = await ask(method, url, body, token)
      expect([method, url, answer.status, answer.body.error]).toEqual([method, url, 403, 4000])
    }
    // Nor does somebody with all actions, but no administrator, make administrators.
    const almost = await api.login('holder')
    expect((await ask('POST', `/security/users/${holder}/roles?role_ids=1`, undefined, almost)).status).toBe(403)
    expect((await ask('POST', '/security/roles', { name: 'mine' }, almost)).status).toBe(403)
  })
})

describe('some that are named', () => {
  const lists: [url: string, ids: number[], code: number][] = [
    ['/security/users?user_ids=2,3,999', [2, 3], 5001],
    ['/security/roles?role_ids=2,999', [2], 4002],
    ['/security/policies?policy_ids=4,999', [4], 4007],
  ]
  test.each(lists)('%s', async (url, ids, code) => {
    const { body } = await ask('GET', url)
    expect(body).toMatchObject({ error: 2, data: { failed_items: [{ error: { code }, id: ['999'] }] } })
    expect(body.data.affected_items.map(({ id }: { id: number }) => id)).toEqual(ids)
  })

  test('security rules, of which there are none', async () => {
    expect((await ask('GET', '/security/rules?rule_ids=999')).body).toMatchObject({
      error: 1,
      data: { affected_items: [], failed_items: [{ error: { code: 4022 } }] },
    })
  })

  test('users are removed, but not oneself, nobody who is not there, and no more than one may', async () => {
    const gone = itemOf(await ask('POST', '/security/users', { username: 'gone', password: testPassword }))
    const me = (await ask('GET', '/security/users/me')).body.data.affected_items[0].id
    const token = await api.login('users_admin')
    expect((await ask('DELETE', `/security/users?user_ids=${me}`, undefined, token)).body).toMatchObject({
      error: 1,
      data: { failed_items: [{ error: { code: 4000 } }] },
    })
    expect((await ask('DELETE', `/security/users?user_ids=${gone},${me},999`)).body).toMatchObject({
      error: 2,
      data: {
        affected_items: [{ id: gone, username: 'gone' }],
        failed_items: [
          { error: { code: 5008 }, id: [`${me}`] },
          { error: { code: 5001 }, id: ['999'] },
        ],
      },
    })
  })
})
