import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEmbeddedStore, openState, type Store } from '@dogwatch/store'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hashPassword } from './password.ts'
import { roles } from './permissions.ts'
import { type Api, createApi } from './server.ts'

const folder = mkdtempSync(join(tmpdir(), 'dogwatch-api-'))
const noon = Date.parse('2026-11-24T12:00:00Z')
let nowMs = noon + 60_000
let api: Api
let store: Store
const state = openState(join(folder, 'state.db'))
const password = 'Correct-horse-9'

const rulesFile = join(folder, 'ruleset/rules/0001-test.xml')
const rulesText = `<group name="test,pci_dss_1.2,">
  <rule id="1" level="0" noalert="1"><category>syslog</category><description>All</description></rule>
  <rule id="100001" level="5"><if_sid>1</if_sid><match>knock</match><description>Somebody knocked – né</description></rule>
</group>`

function documentOf(n: number) {
  const timeMs = noon + n * 1000
  const id = `${timeMs / 1000}.${n}`
  const alert = {
    timestamp: new Date(timeMs).toISOString().replace('Z', '+0000'),
    rule: { level: 5, id: '100001', description: 'Somebody knocked', groups: ['test'] },
    agent: { id: '000', name: 'm' },
    id,
    full_log: `knock ${n} <script>alert(1)</script>`,
    data: { verb: n % 2 ? 'create' : 'delete', apiVersion: 'v1' },
    location: 'k8s',
  }
  return { id, timeMs, text: JSON.stringify(alert) }
}

beforeAll(async () => {
  mkdirSync(join(folder, 'ruleset/rules'), { recursive: true })
  mkdirSync(join(folder, 'home/etc/rules'), { recursive: true })
  writeFileSync(rulesFile, rulesText)
  writeFileSync(join(folder, 'ruleset/names'), 'root:yes\n"a:b":no\n')
  store = await openEmbeddedStore({ folder: join(folder, 'store'), memoryMax: 128e6, threads: 1, searchMsMax: 5000 })
  await store.append('alerts', [0, 1, 2, 3].map(documentOf))
  api = await createApi({
    tls: null,
    pageFolder: null,
    parts: {
      state,
      store: () => store,
      storeTrouble: () => null,
      storeFigures: () => null,
      agents: () => null,
      manager: {
        home: join(folder, 'home'),
        version: '0.1.0',
        uuid: 'u',
        status: () => ({ journal: 'running' }),
        counters: () => ({ events: 4 }),
      },
      rulesetFiles: () => ({
        decoders: [],
        rules: [rulesFile],
        lists: [{ name: 'etc/lists/names', path: join(folder, 'ruleset/names') }],
      }),
      reload: async () => ({ accepted: true, problems: [] }),
      now: () => nowMs,
      log: () => {},
      logAlertLevel: 3,
      managerName: 'm',
      sampleCommand: () => 'curl',
    },
  })
  const passwordHash = await hashPassword(password)
  for (const { id, name } of roles) state.addUser({ name, passwordHash, roles: [id], createdMs: 0 })
  state.addUser({ name: 'nothing', passwordHash, roles: [], createdMs: 0 })
})
afterAll(async () => {
  await api.close()
  await store.close()
  state.close()
  rmSync(folder, { recursive: true })
})

let address = 1
type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

async function ask(
  method: Method,
  url: string,
  token: string | null = null,
  body?: object,
  headers: Record<string, string> = {},
) {
  const remoteAddress = `192.0.2.${(address = (address % 250) + 1)}`
  const answer = await api.server.inject({
    method,
    url,
    remoteAddress,
    headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers },
    ...(body === undefined ? {} : { payload: body }),
  })
  const isJson = /json/.test(String(answer.headers['content-type']))
  return { status: answer.statusCode, body: isJson ? answer.json() : answer.body, headers: answer.headers }
}

function basic(name: string, given: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${name}:${given}`).toString('base64')}` }
}

async function login(name: string): Promise<string> {
  const { body } = await ask('POST', '/security/user/authenticate?raw=true', null, undefined, basic(name, password))
  return String(body)
}

describe('who may', () => {
  test('the first user’s password is told once, and is good', async () => {
    const { user, password: first } = api.firstPassword ?? { user: '', password: '' }
    const { status, body } = await ask('POST', '/security/user/authenticate', null, undefined, basic(user, first))
    expect([status, body.error, body.data.token.split('.').length]).toEqual([200, 0, 3])
    expect(JSON.stringify(state.users())).not.toContain(first)
  })

  test('every route but the public ones wants a token, and the permission it names', async () => {
    const { paths } = api.server.swagger()
    const none = await login('nothing')
    const seen: string[] = []
    for (const [path, operations] of Object.entries(paths ?? {})) {
      for (const method of Object.keys(operations ?? {})) {
        const url = path.replace(/\{[^}]+\}/g, '1')
        const verb = method.toUpperCase()
        if (verb !== 'GET' && verb !== 'POST' && verb !== 'PUT' && verb !== 'DELETE') continue
        const isLogin = /^\/(?:security\/user\/authenticate(?:\/run_as)?|dogwatch\/session(?:\/token)?)$/.test(url)
        const isPublic = url === '/' || (isLogin && verb !== 'DELETE')
        if (isPublic) continue
        expect((await ask(verb, url)).status, `${verb} ${url} without a token`).toBe(401)
        seen.push(url)
        const isOwn = /\/me(?:\/|$)/.test(url) || isLogin
        if (!isOwn) expect((await ask(verb, url, none)).status, `${verb} ${url} without a role`).toBe(403)
      }
    }
    expect(seen.length).toBeGreaterThan(30)
  })

  const allowed: [role: string, method: Method, url: string, status: number][] = [
    ['readonly', 'GET', '/manager/info', 200],
    ['readonly', 'POST', '/dogwatch/search', 200],
    ['readonly', 'PUT', '/logtest', 403],
    ['readonly', 'GET', '/security/users', 403],
    ['readonly', 'GET', '/dogwatch/audit', 403],
    ['users_admin', 'GET', '/security/users', 200],
    ['users_admin', 'POST', '/dogwatch/search', 403],
    ['cluster_readonly', 'GET', '/cluster/status', 200],
    ['cluster_readonly', 'GET', '/manager/info', 403],
    ['analyst', 'PUT', '/logtest', 200],
    ['administrator', 'GET', '/dogwatch/audit', 200],
  ]
  test.each(allowed)('%s: %s %s is %i', async (role, method, url, status) => {
    const body = url === '/logtest' ? { event: 'knock' } : method === 'POST' ? {} : undefined
    expect((await ask(method, url, await login(role), body)).status).toBe(status)
  })

  const strangers: [says: string, headers: Record<string, string>][] = [
    ['a wrong password', basic('admin', 'Wrong-horse-9')],
    ['an unknown user', basic('nobody', password)],
    ['no password', basic('admin', '')],
    ['no name', { authorization: `Basic ${Buffer.from('x').toString('base64')}` }],
    ['nothing', {}],
    ['what is no base64', { authorization: 'Basic ###' }],
    ['a name far too long', basic('a'.repeat(500), password)],
  ]
  test.each(strangers)('%s is refused, and does not say why', async (_, headers) => {
    const { status, body } = await ask('POST', '/security/user/authenticate', null, undefined, headers)
    expect([status, body.title, body.detail]).toEqual([401, 'Unauthorized', 'Invalid credentials'])
  })

  test('tokens that were changed, have ended or bear no signature are refused', async () => {
    const token = await login('administrator')
    expect((await ask('GET', '/manager/info', token)).status).toBe(200)
    const [head = '', claims = '', signature = ''] = token.split('.')
    const other = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(claims, 'base64url').toString()), uid: 1 }))
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    for (const bad of [
      `${head}.${other.toString('base64url')}.${signature}`,
      `${none}.${claims}.`,
      `${none}.${claims}.${signature}`,
      `${token}x`,
      'a.b.c',
    ]) {
      expect((await ask('GET', '/manager/info', bad)).status).toBe(401)
    }
    nowMs += 901_000
    expect((await ask('GET', '/manager/info', token)).status).toBe(401)
  })

  test('logging out, and a change of the user, end the tokens', async () => {
    const token = await login('analyst')
    expect((await ask('DELETE', '/security/user/authenticate', token)).status).toBe(200)
    expect((await ask('GET', '/security/users/me', token)).status).toBe(401)
    const again = await login('analyst')
    const id = state.userNamed('analyst')?.id ?? 0
    await ask('PUT', `/security/users/${id}`, await login('administrator'), { disabled: true })
    expect((await ask('GET', '/security/users/me', again)).status).toBe(401)
    expect((await ask('POST', '/security/user/authenticate', null, undefined, basic('analyst', password))).status).toBe(
      401,
    )
    await ask('PUT', `/security/users/${id}`, await login('administrator'), { disabled: false })
  })

  test('guessing locks out whoever guesses, and nobody else', async () => {
    const attempt = (remoteAddress: string, given: string) =>
      api.server.inject({
        method: 'POST',
        url: '/security/user/authenticate',
        remoteAddress,
        headers: basic('readonly', given),
      })
    for (let n = 0; n < 10; n += 1) expect((await attempt('198.51.100.1', 'Wrong-horse-9')).statusCode).toBe(401)
    expect((await attempt('198.51.100.1', password)).json()).toMatchObject({ title: 'Too Many Requests', error: 6000 })
    expect((await attempt('198.51.100.2', password)).statusCode).toBe(200)
    nowMs += 301_000
    expect((await attempt('198.51.100.1', password)).statusCode).toBe(200)
  })

  test('too many requests of one address are refused', async () => {
    let last = 0
    for (let n = 0; n < 301; n += 1) {
      last = (await api.server.inject({ method: 'GET', url: '/', remoteAddress: '203.0.113.9' })).statusCode
    }
    expect(last).toBe(429)
  })
})

describe('users', () => {
  test('are made, changed and removed, and the hash never leaves', async () => {
    const token = await login('administrator')
    const made = await ask('POST', '/security/users', token, {
      username: 'jane.doe',
      password: 'Long-enough-1',
      roles: [2],
    })
    expect(made.body).toMatchObject({ error: 0, data: { affected_items: [{ username: 'jane.doe', roles: [2] }] } })
    const [{ id }] = made.body.data.affected_items
    expect(
      (await ask('POST', '/security/users', token, { username: 'jane.doe', password: 'Long-enough-1' })).body.error,
    ).toBe(5000)
    expect(
      (await ask('PUT', `/security/users/${id}`, token, { roles: [50] })).body.data.affected_items[0].roles,
    ).toEqual([50])
    const all = await ask('GET', '/security/users?search=jane', token)
    expect(all.body.data.total_affected_items).toBe(1)
    expect(JSON.stringify(all.body)).not.toMatch(/hash|argon/)
    expect((await ask('DELETE', `/security/users/${id}`, token)).status).toBe(200)
    expect((await ask('DELETE', `/security/users/${id}`, token)).status).toBe(404)
  })

  const refused: [
    says: string,
    role: string,
    method: Method,
    user: string | null,
    body: object | undefined,
    status: number,
  ][] = [
    ['a weak password', 'administrator', 'POST', null, { username: 'weak', password: 'password' }, 400],
    ['a name with a path', 'administrator', 'POST', null, { username: '../x', password: 'Long-enough-1' }, 400],
    [
      'an unknown role',
      'administrator',
      'POST',
      null,
      { username: 'abc', password: 'Long-enough-1', roles: [999] },
      400,
    ],
    [
      'an unknown member',
      'administrator',
      'POST',
      null,
      { username: 'abc', password: 'Long-enough-1', isAdmin: true },
      400,
    ],
    [
      'an administrator made by who is none',
      'users_admin',
      'POST',
      null,
      { username: 'abc', password: 'Long-enough-1', roles: [1] },
      403,
    ],
    ['an administrator changed by who is none', 'users_admin', 'PUT', 'admin', { password: 'Long-enough-1' }, 403],
    ['oneself made an administrator', 'users_admin', 'PUT', 'users_admin', { roles: [1] }, 403],
    ['an administrator removed by who is none', 'users_admin', 'DELETE', 'admin', undefined, 403],
    ['oneself removed', 'administrator', 'DELETE', 'administrator', undefined, 400],
  ]
  test.each(refused)('%s is refused', async (_, role, method, user, body, status) => {
    const url = user === null ? '/security/users' : `/security/users/${state.userNamed(user)?.id}`
    expect((await ask(method, url, await login(role), body)).status).toBe(status)
  })

  test('the audit log tells what was done, by whom, and what was refused', async () => {
    const token = await login('administrator')
    await ask('POST', '/security/users', await login('readonly'), { username: 'abc', password: 'Long-enough-1' })
    const { body } = await ask('GET', '/dogwatch/audit?limit=3', token)
    expect(body.data.affected_items).toContainEqual(
      expect.objectContaining({ user: 'readonly', method: 'POST', path: '/security/users', status: 403 }),
    )
    expect(JSON.stringify(body)).not.toContain('Long-enough-1')
  })
})

describe('search', () => {
  const range = { from: '2026-11-24T00:00:00Z', to: '2026-11-25T00:00:00Z' }
  const reader = () => login('readonly')

  test('finds, page by page', async () => {
    const token = await reader()
    const first = await ask('POST', '/dogwatch/search', token, { ...range, query: 'data.apiVersion: exists', limit: 3 })
    expect(first.body.data.total).toBe(4)
    expect(first.body.data.documents.map(({ source }: { source: { full_log: string } }) => source.full_log[6])).toEqual(
      ['3', '2', '1'],
    )
    const second = await ask('POST', '/dogwatch/search', token, { ...range, limit: 3, after: first.body.data.next })
    expect(second.body.data.documents).toHaveLength(1)
    expect(second.body.data.next).toBeNull()
  })

  test('a mistake in the query is told with its place', async () => {
    const { status, body } = await ask('POST', '/dogwatch/search', await reader(), { query: 'a:(b' })
    expect([status, body.error, body.problems[0].from]).toEqual([400, 1407, 2])
  })

  const bad: [says: string, url: string, body: object][] = [
    ['a range backwards', 'search', { from: 'now', to: 'now-1h' }],
    ['no time', 'search', { from: 'yesterday' }],
    ['too many documents', 'search', { limit: 1e9 }],
    ['no number', 'search', { limit: 'x' }],
    ['an unknown index', 'search', { index: 'users' }],
    ['an unknown member', 'search', { sql: '1' }],
    ['too many buckets', 'histogram', { from: 'now-4w', step_ms: 1000 }],
    ['no field', 'terms', {}],
    ['a query far too long', 'search', { query: 'a'.repeat(9000) }],
  ]
  test.each(bad)('%s is a 400', async (_, url, body) => {
    if (url === 'histogram')
      await store.append(
        'alerts',
        [0, 20].map((day) => ({ ...documentOf(0), id: `d${day}`, timeMs: nowMs - day * 86_400_000 })),
      )
    const answer = await ask('POST', `/dogwatch/${url}`, await reader(), body)
    expect([answer.status, answer.headers['content-type']]).toEqual([400, 'application/problem+json; charset=utf-8'])
  })

  test('counts over time and by value', async () => {
    const token = await reader()
    const histogram = await ask('POST', '/dogwatch/histogram', token, {
      ...range,
      query: 'data.verb:*',
      by: 'data.verb',
      step_ms: 86_400_000,
    })
    expect(histogram.body.data.buckets).toMatchObject([
      { by: { create: expect.any(Number), delete: expect.any(Number) } },
    ])
    const terms = await ask('POST', '/dogwatch/terms', token, {
      ...range,
      query: 'rule.level:5 data.verb:create',
      field: 'data.verb',
    })
    expect(terms.body.data.terms).toEqual([{ value: 'create', count: 2 }])
  })

  test('completes fields and values', async () => {
    const token = await reader()
    const fields = await ask('POST', '/dogwatch/complete', token, { ...range, query: 'data.ve', cursor: 7 })
    expect(fields.body.data).toMatchObject({ kind: 'field', from: 0, to: 7, suggestions: ['data.verb'] })
    const values = await ask('POST', '/dogwatch/complete', token, { ...range, query: 'data.verb:c', cursor: 11 })
    expect(values.body.data).toMatchObject({ kind: 'value', suggestions: ['create'] })
  })

  test('an event comes with its neighbours; an unknown one is a 404', async () => {
    const token = await reader()
    const { body } = await ask('GET', `/dogwatch/event/${documentOf(1).id}?neighbours=1`, token)
    expect(body.data.document.source.data.verb).toBe('create')
    expect([body.data.before.length, body.data.after.length]).toEqual([1, 1])
    expect((await ask('GET', '/dogwatch/event/..%2f..%2fetc', token)).status).toBe(404)
  })

  test('explains a stored event, and one that is given', async () => {
    const token = await login('analyst')
    const stored = await ask('POST', '/dogwatch/explain', token, { id: documentOf(1).id })
    expect(stored.body.data).toMatchObject({ alert: true, explanation: { result: 100001 } })
    const given = await ask('POST', '/dogwatch/explain', token, { event: 'nothing' })
    expect(given.body.data).toMatchObject({ alert: false, explanation: { result: null } })
  })

  test('saved searches are their owner’s to remove', async () => {
    const token = await login('analyst')
    const { body } = await ask('PUT', '/dogwatch/searches', token, { name: 'mine', content: '{"query":"a"}' })
    const [{ id }] = body.data.affected_items
    expect((await ask('GET', '/dogwatch/searches', await reader())).body.data.total_affected_items).toBe(1)
    expect((await ask('DELETE', `/dogwatch/searches/${id}`, await login('administrator'))).status).toBe(403)
    expect((await ask('DELETE', `/dogwatch/searches/${id}`, token)).status).toBe(200)
  })

  test('a live tail tells what comes', async () => {
    const port = await api.listen('127.0.0.1', 0)
    const abort = new AbortController()
    const answer = await fetch(`http://127.0.0.1:${port}/dogwatch/tail?query=data.verb:create`, {
      headers: { authorization: `Bearer ${await reader()}` },
      signal: abort.signal,
    })
    expect(answer.headers.get('content-type')).toContain('text/event-stream')
    expect(answer.headers.get('x-frame-options')).toBe('DENY')
    const fresh = { ...documentOf(5), id: 'fresh', timeMs: nowMs + 1000 }
    await store.append('alerts', [fresh])
    let text = ''
    const decoder = new TextDecoder()
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk, { stream: true })
      if (text.includes('event: document')) break
    }
    abort.abort()
    expect(text).toContain('"id":"fresh"')
  })
})

describe('ruleset', () => {
  test('rules, by what they are', async () => {
    const token = await login('readonly')
    const { body } = await ask('GET', '/rules?level=4-6&pci_dss=1.2', token)
    expect(body.data).toMatchObject({
      total_affected_items: 1,
      affected_items: [
        {
          id: 100001,
          level: 5,
          filename: '0001-test.xml',
          description: 'Somebody knocked – né',
          groups: ['test'],
          pci_dss: ['1.2'],
        },
      ],
    })
    expect((await ask('GET', '/rules?level=9', token)).body.data.total_affected_items).toBe(0)
    expect((await ask('GET', '/rules/groups', token)).body.data.affected_items).toEqual(['test'])
    expect((await ask('GET', '/decoders', token)).body.error).toBe(0)
  })

  test('files by their names, and nothing beside', async () => {
    const token = await login('readonly')
    expect((await ask('GET', '/rules/files/0001-test.xml?raw=true', token)).body).toBe(rulesText)
    expect((await ask('GET', '/lists', token)).body.data.affected_items[0].items).toEqual([
      { key: 'root', value: 'yes' },
      { key: 'a:b', value: 'no' },
    ])
    for (const name of ['..%2f..%2fstate.db', '%2fetc%2fpasswd', 'names', '0001-test.xml%00', '.']) {
      expect((await ask('GET', `/rules/files/${name}`, token)).status, name).toBe(404)
    }
  })

  test('files of one’s own are written after they were checked, and what comes with the product is not', async () => {
    const token = await login('administrator')
    const put = (url: string, payload: string, type = 'application/octet-stream') =>
      api.server.inject({
        method: 'PUT',
        url,
        payload,
        headers: { authorization: `Bearer ${token}`, 'content-type': type },
      })
    const own =
      '<group name="own,"><rule id="100002" level="3"><if_sid>1</if_sid><description>own</description></rule></group>'
    expect((await put('/rules/files/own.xml', own)).json()).toMatchObject({ error: 0 })
    expect(readFileSync(join(folder, 'home/etc/rules/own.xml'), 'utf8')).toBe(own)
    expect((await put('/rules/files/own.xml', own)).json()).toMatchObject({ error: 1905 })
    const bad = await put('/rules/files/own.xml?overwrite=true', '<group name="own,"><rule id="x"></group>')
    expect(bad.json()).toMatchObject({
      error: 1908,
      problems: expect.arrayContaining([expect.objectContaining({ severity: 'error' })]),
    })
    expect(readFileSync(join(folder, 'home/etc/rules/own.xml'), 'utf8')).toBe(own)
    expect((await put('/rules/files/0001-test.xml?overwrite=true', own)).json()).toMatchObject({ error: 1210 })
    for (const name of ['..%2f..%2fx.xml', 'x.txt', '.x.xml', '%00.xml']) {
      expect((await put(`/rules/files/${name}`, own)).statusCode, name).toBe(400)
    }
    expect((await put('/rules/files/own.xml?overwrite=true', '"text"', 'application/json')).statusCode).toBe(406)
    expect((await ask('DELETE', '/rules/files/own.xml', token)).status).toBe(200)
    expect((await ask('DELETE', '/rules/files/own.xml', token)).status).toBe(404)
    expect((await ask('PUT', '/rules/files/own.xml', await login('readonly'))).status).toBe(403)
  })

  test('a logtest session remembers, and can be ended', async () => {
    const token = await login('analyst')
    const { body } = await ask('PUT', '/logtest', token, { event: 'knock', log_format: 'syslog', location: 'x' })
    expect(body.data).toMatchObject({ alert: true, output: { rule: { id: '100001', firedtimes: 1 } } })
    const again = await ask('PUT', '/logtest', token, { event: 'knock', token: body.data.token })
    expect(again.body.data).toMatchObject({ token: body.data.token, output: { rule: { firedtimes: 2 } } })
    expect([body.data.rules_debug, body.data.output.timestamp]).toEqual([undefined, expect.stringMatching(/Z$/)])
    const object = { event: { say: 'knock' }, options: { rules_debug: true } }
    const debugged = (await ask('PUT', '/logtest', token, object)).body.data
    expect(debugged).toMatchObject({ output: { full_log: '{"say":"knock"}' }, codemsg: 0 })
    expect(debugged.rules_debug).toContain('*Rule 100001 matched')
    const broken = (await ask('PUT', '/logtest', token, { event: 'knock', location: '[001' })).body.data
    expect([broken.output, broken.codemsg, broken.messages.at(-1)]).toEqual([
      undefined,
      -1,
      expect.stringMatching(/^ERROR: /),
    ])
    expect((await ask('DELETE', `/logtest/sessions/${body.data.token}`, token)).status).toBe(200)
    expect((await ask('DELETE', `/logtest/sessions/${body.data.token}`, token)).body.error).toBe(7001)
  })
})

describe('the manager', () => {
  test('tells its log, newest first, and passes over torn lines', async () => {
    mkdirSync(join(folder, 'home/logs'), { recursive: true })
    const line = (level: number, msg: string) =>
      JSON.stringify({ level, time: '2026-11-24T08:00:00.000Z', msg, port: 1 })
    writeFileSync(join(folder, 'home/logs/dogwatch.log'), `${line(30, 'one')}\n{"le\n${line(50, 'two')}\n`)
    const token = await login('readonly')
    const { body } = await ask('GET', '/manager/logs', token)
    expect(body.data.affected_items.map(({ description }: { description: string }) => description)).toEqual([
      'two {"port":1}',
      'one {"port":1}',
    ])
    expect((await ask('GET', '/manager/logs?level=error', token)).body.data.total_affected_items).toBe(1)
    expect((await ask('GET', '/manager/logs?limit=501', token)).status).toBe(400)
  })

  test('tells its configuration, and whether the file is good', async () => {
    const path = join(folder, 'home/etc/ossec.conf')
    writeFileSync(path, '<ossec_config><alerts><log_alert_level>7</log_alert_level></alerts></ossec_config>')
    const token = await login('readonly')
    const { body } = await ask('GET', '/manager/configuration?section=alerts', token)
    expect(body.data.affected_items).toMatchObject([{ alerts: { logAlertLevel: 7 } }])
    expect((await ask('GET', '/manager/configuration?raw=true', token)).body).toContain('<ossec_config>')
    expect((await ask('GET', '/manager/configuration?section=none', token)).status).toBe(404)
    expect((await ask('GET', '/manager/configuration/validation', token)).body.data.affected_items[0].status).toBe('OK')
    writeFileSync(path, '<ossec_config><alerts>')
    expect((await ask('GET', '/manager/configuration/validation', token)).body.data.affected_items[0].status).toBe('KO')
  })
})

describe('the server', () => {
  test('whatever is sent, an answer is an answer or a refusal of the known shape', async () => {
    const token = await login('administrator')
    const { paths } = api.server.swagger()
    const routes = Object.entries(paths ?? {}).flatMap(([path, operations]) =>
      Object.keys(operations ?? {}).map((method) => [method.toUpperCase(), path] as const),
    )
    // Neither what would end the token in use, nor what answers without an end.
    const spared = /authenticate|revoke|\/tail|users/
    const asked = routes.filter(([method, path]) => /^(?:GET|POST|PUT|DELETE)$/.test(method) && !spared.test(path))
    const scalar = fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.integer(),
      fc.constant(null),
      fc.boolean(),
      fc.constant('now'),
    )
    const names = fc.constantFrom(
      'query',
      'from',
      'to',
      'limit',
      'offset',
      'index',
      'field',
      'by',
      'event',
      'id',
      'cursor',
      'order',
      'after',
      'name',
      'content',
      '__proto__',
      'x',
    )
    const members = fc.array(fc.tuple(names, scalar), { maxLength: 5 }).map((pairs) => Object.fromEntries(pairs))
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...asked),
        members,
        members,
        fc.string({ minLength: 1, maxLength: 12 }),
        async ([method, path], query, body, parameter) => {
          const url = path.replace(/\{[^}]+\}/g, encodeURIComponent(parameter.toWellFormed()))
          const search = new URLSearchParams(
            Object.entries(query).map(([name, value]) => [name, String(value).toWellFormed()] as [string, string]),
          )
          if (method !== 'GET' && method !== 'POST' && method !== 'PUT' && method !== 'DELETE') return
          const answer = await ask(method, `${url}?${search}`, token, method === 'GET' ? undefined : body)
          expect([200, 400, 401, 403, 404, 406, 415, 429, 503], `${method} ${url} ${JSON.stringify(body)}`).toContain(
            answer.status,
          )
          if (answer.status !== 200)
            expect(answer.body, url).toMatchObject({ title: expect.any(String), detail: expect.any(String) })
        },
      ),
      { numRuns: 300 },
    )
  })

  test('GET / leads a browser to the page and tells programs facts', async () => {
    const { status, headers } = await ask('GET', '/', null, undefined, { accept: 'text/html' })
    expect([status, headers.location]).toEqual([302, '/app/'])
    expect((await ask('GET', '/')).body.data.title).toBe('Dogwatch API')
  })

  test('every answer bears the headers that protect a browser', async () => {
    for (const url of ['/', '/nowhere', '/manager/info']) {
      const { headers } = await ask('GET', url)
      expect(headers).toMatchObject({
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
      })
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
      expect(headers['access-control-allow-origin']).toBeUndefined()
    }
  })

  const requests: [says: string, payload: string, type: string, status: number][] = [
    ['no JSON', '{', 'application/json', 400],
    ['a prototype', '{"__proto__":{"a":1}}', 'application/json', 400],
    ['another type', 'a=1', 'application/x-www-form-urlencoded', 415],
    ['too much', JSON.stringify({ query: 'a'.repeat(3 << 20) }), 'application/json', 413],
  ]
  test.each(requests)('a body with %s is refused', async (_, payload, type, status) => {
    const headers = { authorization: `Bearer ${await login('readonly')}`, 'content-type': type }
    expect((await api.server.inject({ method: 'POST', url: '/dogwatch/search', headers, payload })).statusCode).toBe(
      status,
    )
  })

  test('pretty is indented', async () => {
    const { headers, body } = await ask('GET', '/manager/status?pretty=true', await login('readonly'))
    expect([headers['content-type'], body.data.affected_items[0].journal]).toEqual([
      'application/json; charset=utf-8',
      'running',
    ])
  })

  test('the OpenAPI document names every route with its security', () => {
    const { paths = {}, openapi } = JSON.parse(JSON.stringify(api.server.swagger()))
    expect(openapi).toBe('3.1.0')
    expect(Object.keys(paths)).toContain('/dogwatch/event/{id}')
    expect(paths['/dogwatch/search'].post.security).toEqual([{ jwt: [] }])
  })
})
