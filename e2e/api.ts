/** The API as a client sees it: log in with the printed password, find the alert of a posted event, be refused what is not allowed. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { arrayOf, objectOf, textOf } from '../scripts/json-file.ts'
import { startAgent } from './agent-process.ts'
import { AuditSender } from './audit-sender.ts'
import { type Checks, until } from './checks.ts'
import { createEvent } from './create-event.ts'
import { valueAt } from './home-files.ts'
import { caOf, freePorts, type ManagerProcess, startManager, temporaryHome, tokenOf } from './manager-process.ts'

/** Longest wait for an alert to be found; how long it took is printed. */
const foundMsMax = 15_000

interface Answer {
  readonly status: number
  readonly body: unknown
  readonly text: string
  readonly headers: Readonly<Record<string, unknown>>
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** A client of one API, that trusts the home's authority and nothing else. */
class Client {
  readonly #port: number
  readonly #ca: Buffer
  token = ''

  constructor(port: number, ca: Buffer) {
    this.#port = port
    this.#ca = ca
  }

  ask(method: Method, path: string, body?: object | string, headers: Record<string, string> = {}): Promise<Answer> {
    const payload = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
    return new Promise((resolve, reject) => {
      const asked = request({
        host: '127.0.0.1',
        servername: 'localhost',
        port: this.#port,
        ca: this.#ca,
        method,
        path,
        agent: false,
        timeout: 20_000,
        headers: {
          ...(this.token === '' ? {} : { authorization: `Bearer ${this.token}` }),
          ...(payload === ''
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
          ...headers,
        },
      })
      asked.once('error', reject)
      asked.once('timeout', () => asked.destroy(new Error('no answer')))
      asked.once('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('error', reject)
        response.once('end', () => {
          const text = Buffer.concat(chunks).toString()
          const isJson = /json/.test(String(response.headers['content-type']))
          resolve({
            status: response.statusCode ?? 0,
            body: isJson ? JSON.parse(text) : null,
            text,
            headers: response.headers,
          })
        })
      })
      asked.end(payload)
    })
  }

  async login(user: string, password: string): Promise<Answer> {
    this.token = ''
    const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
    const answer = await this.ask('POST', '/security/user/authenticate', undefined, { authorization })
    this.token = textOf(valueAt(answer.body, 'data', 'token'))
    return answer
  }
}

export async function run(checks: Checks): Promise<void> {
  const home = temporaryHome()
  const more = await freePorts()
  const ports = { ...(await freePorts()), agents: more.webhook, enrol: more.api }
  mkdirSync(join(home, 'etc'), { recursive: true })
  writeFileSync(
    join(home, 'etc/ossec.conf'),
    '<ossec_config>\n  <remote><local_ip>127.0.0.1</local_ip></remote>\n</ossec_config>\n',
  )
  let manager: ManagerProcess = await startManager({ home, ports, through: 'node' })
  const client = new Client(ports.api, caOf(home))
  let password = ''
  await checks.must('the first start prints a password, and the log does not have it', () => {
    password = /First user: admin {3}password: (\S+)/.exec(manager.output())?.[1] ?? ''
    assert.equal(password.length, 20)
    assert.ok(!readFileSync(join(home, 'logs/dogwatch.log'), 'utf8').includes(password))
  })
  await checks.check('GET / says what this is, and gives a browser a page', async () => {
    assert.equal(valueAt((await client.ask('GET', '/')).body, 'data', 'title'), 'Dogwatch API')
    const page = await client.ask('GET', '/', undefined, { accept: 'text/html' })
    assert.deepEqual([page.status, page.headers.location], [302, '/app/'])
    assert.equal(page.headers['x-frame-options'], 'DENY')
  })
  await checks.check('without a token everything else is refused', async () => {
    for (const path of ['/manager/info', '/rules', '/security/users', '/dogwatch/store']) {
      const { status, body } = await client.ask('GET', path)
      assert.deepEqual([status, valueAt(body, 'title')], [401, 'Unauthorized'], path)
    }
  })
  await checks.check('a wrong password is refused', async () => {
    assert.equal((await client.login('admin', 'Wrong-password-1')).status, 401)
  })
  await checks.must('the printed password logs in', async () => {
    assert.equal((await client.login('admin', password)).status, 200)
  })
  await checks.check('the manager tells its version and that its parts run', async () => {
    const info = await client.ask('GET', '/manager/info')
    assert.match(textOf(valueAt(itemOf(info.body), 'version')), /^v\d/)
    await until('the store to run', foundMsMax, async () => {
      const { body } = await client.ask('GET', '/manager/status')
      return valueAt(itemOf(body), 'dogwatch-store') === 'running' ? true : undefined
    })
  })
  const event = createEvent()
  const sender = new AuditSender({ port: ports.webhook, ca: caOf(home), token: tokenOf(home) }, 1)
  let id = ''
  await checks.must('the alert of a posted event is found by search', async () => {
    const posted = performance.now()
    assert.equal((await sender.post(event)).status, 200)
    const found = await search(client, 'rule.id:110003 data.verb:create', 1)
    id = textOf(valueAt(found[0], 'id'))
    return `${Math.round(performance.now() - posted)} ms`
  })
  await checks.check('also by a field that nobody declared, by free text, and not by what it is not', async () => {
    const namespace = textOf(valueAt(itemsOf(event), 'objectRef', 'namespace'))
    assert.equal((await search(client, 'data.apiVersion: exists', 1)).length, 1)
    assert.equal((await search(client, `data.objectRef.namespace:${namespace} kubernetes`, 1)).length, 1)
    const none = await client.ask('POST', '/dogwatch/search', { query: 'data.verb:delete' })
    assert.equal(valueAt(none.body, 'data', 'total'), 0)
  })
  await checks.check('counted over time and by value', async () => {
    const terms = await client.ask('POST', '/dogwatch/terms', { field: 'rule.id', query: 'rule.groups:k8s_audit' })
    assert.deepEqual(valueAt(terms.body, 'data', 'terms'), [{ value: '110003', count: 1 }])
    const histogram = await client.ask('POST', '/dogwatch/histogram', { by: 'rule.level', query: 'rule.id:110003' })
    assert.equal(valueAt(arrayOf(valueAt(histogram.body, 'data', 'buckets'))[0], 'by', '5'), 1)
  })
  await checks.check('Kubernetes: who did what to which object, and how much of each', async () => {
    const { body, text } = await client.ask('POST', '/dogwatch/kubernetes/deeds', { verb: 'create' })
    const deeds = arrayOf(valueAt(body, 'data', 'deeds')).map(objectOf)
    assert.deepEqual([deeds.length, deeds[0]?.verb, deeds[0]?.count], [1, 'create', 1], text)
    const overview = await client.ask('POST', '/dogwatch/kubernetes/overview', {})
    assert.equal(valueAt(overview.body, 'data', 'counts', 'events'), 1, overview.text)
  })
  await checks.check('an event sent to the API is matched as a log line', async () => {
    const events = ['Nov 24 08:00:00 web sshd[7]: Failed password for root from 192.0.2.7 port 22 ssh2']
    const sent = await client.ask('POST', '/events', { events })
    assert.deepEqual([sent.status, valueAt(sent.body, 'error')], [200, 0], sent.text)
    const found = await search(client, 'location:API-Webhook data.srcip:192.0.2.7', 1)
    assert.equal(valueAt(found[0], 'source', 'agent', 'id'), '000')
  })
  await checks.check('counters by hour, of the channel of agents, and of drops', async () => {
    const hourly = await client.ask('GET', '/manager/stats/hourly')
    assert.equal(arrayOf(valueAt(itemOf(hourly.body), 'averages')).length, 24, hourly.text)
    for (const path of ['/manager/stats/weekly', '/manager/stats/remoted', '/dogwatch/drops']) {
      const { status, text } = await client.ask('GET', path)
      assert.equal(status, 200, `${path}: ${text}`)
    }
  })
  await checks.check('opened by its id, and explained', async () => {
    const opened = await client.ask('GET', `/dogwatch/event/${id}`)
    assert.equal(valueAt(opened.body, 'data', 'document', 'source', 'rule', 'id'), '110003')
    const explained = await client.ask('POST', '/dogwatch/explain', { id })
    assert.equal(explained.status, 200, explained.text)
    assert.equal(valueAt(explained.body, 'data', 'explanation', 'result'), 110003)
  })
  await checks.check('rules are listed, and an event can be tried', async () => {
    const rules = await client.ask('GET', '/rules?rule_ids=110003')
    assert.equal(valueAt(itemOf(rules.body), 'level'), 5)
    const tried = await client.ask('PUT', '/logtest', { event: 'hello', log_format: 'syslog', location: 'here' })
    assert.equal(valueAt(tried.body, 'error'), 0)
  })
  await checks.check('a mistake in a query is told with its place', async () => {
    const { status, body } = await client.ask('POST', '/dogwatch/search', { query: 'a and (b' })
    assert.equal(status, 400)
    assert.deepEqual(objectOf(arrayOf(valueAt(body, 'problems'))[0]).from, 6)
  })
  await checks.check('ATT&CK, requirements, counters, the log and policies are told', async () => {
    const techniques = await client.ask('GET', '/mitre/techniques?technique_ids=T1110')
    assert.equal(valueAt(itemOf(techniques.body), 'name'), 'Brute Force')
    const requirements = await client.ask('GET', '/rules/requirement/pci_dss?limit=1')
    assert.equal(typeof itemOf(requirements.body), 'string')
    const counters = await client.ask('GET', '/manager/stats/analysisd')
    assert.ok(Number(valueAt(itemOf(counters.body), 'events_processed')) >= 1, counters.text)
    const log = await client.ask('GET', '/manager/logs/summary')
    assert.ok(Number(valueAt(itemOf(log.body), 'dogwatch', 'all')) >= 1, log.text)
    const mine = await client.ask('GET', '/security/users/me/policies')
    assert.equal(valueAt(mine.body, 'data', 'rbac_mode'), 'white')
  })
  await checks.check('ossec.conf is replaced by what is good, and by nothing else', async () => {
    const path = join(home, 'etc/ossec.conf')
    const before = readFileSync(path, 'utf8')
    const type = { 'content-type': 'application/octet-stream' }
    const bad = await client.ask('PUT', '/manager/configuration', '<ossec_config><global>', type)
    assert.deepEqual([bad.status, valueAt(bad.body, 'error')], [400, 1908])
    assert.equal(readFileSync(path, 'utf8'), before)
    const next = `${before}<!-- written by the API -->\n`
    const good = await client.ask('PUT', '/manager/configuration', next, type)
    assert.equal(good.status, 200, good.text)
    assert.equal(readFileSync(path, 'utf8'), next)
    assert.equal(readFileSync(`${path}.before`, 'utf8'), before)
  })
  const reader = new Client(ports.api, caOf(home))
  await checks.check('a reader reads, and is refused the rest', async () => {
    const given = 'Reader-password-1'
    const made = await client.ask('POST', '/security/users', { username: 'reader', password: given, roles: [2] })
    assert.equal(made.status, 200, made.text)
    assert.equal((await reader.login('reader', given)).status, 200)
    assert.equal((await search(reader, 'rule.id:110003', 1)).length, 1)
    const refused = [
      await reader.ask('GET', '/security/users'),
      await reader.ask('POST', '/security/users', { username: 'other', password: given }),
      await reader.ask('PUT', '/manager/analysisd/reload'),
      await reader.ask('GET', '/dogwatch/audit'),
      await reader.ask('PUT', '/manager/configuration', '<ossec_config/>', {
        'content-type': 'application/octet-stream',
      }),
      await reader.ask('GET', '/security/policies'),
    ]
    for (const { status, body } of refused) assert.deepEqual([status, valueAt(body, 'error')], [403, 4000])
  })
  await agentsAndGroups(checks, { client, reader, ports })
  await checks.check('a role of one’s own allows what its policy does, at once', async () => {
    const policy = { actions: ['security:read'], resources: ['*:*:*'], effect: 'allow' }
    const put = await client.ask('POST', '/security/policies', { name: 'sees-users', policy })
    const made = await client.ask('POST', '/security/roles', { name: 'sees-users' })
    const [policyId, roleId] = [put, made].map(({ body }) => String(valueAt(itemOf(body), 'id')))
    const me = await reader.ask('GET', '/security/users/me')
    const user = String(valueAt(itemOf(me.body), 'id'))
    const given = await client.ask('POST', `/security/users/${user}/roles?role_ids=${roleId}`)
    assert.equal(given.status, 200, given.text)
    assert.equal((await reader.login('reader', 'Reader-password-1')).status, 200)
    assert.equal((await reader.ask('GET', '/security/users')).status, 403)
    const linked = await client.ask('POST', `/security/roles/${roleId}/policies?policy_ids=${policyId}`)
    assert.equal(linked.status, 200, linked.text)
    assert.equal((await reader.ask('GET', '/security/users')).status, 200)
    const unlinked = await client.ask('DELETE', `/security/roles/${roleId}/policies?policy_ids=${policyId}`)
    assert.equal(unlinked.status, 200, unlinked.text)
    assert.equal((await reader.ask('GET', '/security/users')).status, 403)
  })
  await checks.check('security rules give roles for what another system knows of somebody', async () => {
    const given = 'Portal-password-1'
    const made = await client.ask('POST', '/security/users', { username: 'portal', password: given, roles: [] })
    const user = String(valueAt(itemOf(made.body), 'id'))
    const basic = { authorization: `Basic ${Buffer.from(`portal:${given}`).toString('base64')}` }
    const portal = new Client(ports.api, caOf(home))
    const context = { name: 'Wim', auth: { teams: ['web', 'night'] } }
    const runAs = () => portal.ask('POST', '/security/user/authenticate/run_as', context, basic)
    assert.equal(valueAt((await runAs()).body, 'error'), 6004)
    assert.equal((await client.ask('PUT', `/security/users/${user}/run_as?allow_run_as=true`)).status, 200)
    const rule = await client.ask('POST', '/security/rules', { name: 'web-people', rule: { FIND: { teams: 'web' } } })
    const ruleId = String(valueAt(itemOf(rule.body), 'id'))
    assert.equal((await client.ask('POST', `/security/roles/2/rules?rule_ids=${ruleId}`)).status, 200)
    portal.token = textOf(valueAt((await runAs()).body, 'data', 'token'))
    assert.equal((await portal.ask('GET', '/rules?limit=1')).status, 200)
    assert.equal((await portal.ask('GET', '/security/users')).status, 403)
    assert.equal((await client.ask('DELETE', `/security/rules?rule_ids=${ruleId}`)).status, 200)
    assert.equal((await portal.ask('GET', '/rules?limit=1')).status, 401)
  })
  await checks.check('a policy is for one agent alone, in searches too', async () => {
    const give = async (name: string, id: string): Promise<Client> => {
      const policy = { actions: ['search:read', 'agent:read'], resources: [`agent:id:${id}`], effect: 'allow' }
      const put = await client.ask('POST', '/security/policies', { name, policy })
      const role = await client.ask('POST', '/security/roles', { name })
      const [policyId, roleId] = [put, role].map(({ body }) => Number(valueAt(itemOf(body), 'id')))
      await client.ask('POST', `/security/roles/${roleId}/policies?policy_ids=${policyId}`)
      const password = 'Narrow-password-1'
      await client.ask('POST', '/security/users', { username: name, password, roles: [roleId] })
      const narrow = new Client(ports.api, caOf(home))
      assert.equal((await narrow.login(name, password)).status, 200)
      return narrow
    }
    const total = async (who: Client, query = ''): Promise<unknown> => {
      const { body, text } = await who.ask('POST', '/dogwatch/search', { from: 'now-1h', limit: 1, query })
      return valueAt(body, 'data', 'total') ?? text
    }
    const [own, other] = [await give('of-manager', '000'), await give('of-nobody', '777')]
    assert.equal(await total(own), await total(client, 'agent.id:000'))
    assert.equal(await total(other), 0)
    const listed = await own.ask('GET', '/agents?select=id')
    assert.deepEqual(valueAt(listed.body, 'data', 'affected_items'), [{ id: '000' }])
    assert.equal((await other.ask('GET', '/agents?agents_list=001')).status === 200, false)
  })
  await checks.check('events are sorted by level, and rules are measured over them', async () => {
    const sorted = await client.ask('POST', '/dogwatch/search', { from: 'now-1h', sort: 'rule.level', limit: 50 })
    const levels = arrayOf(valueAt(sorted.body, 'data', 'documents')).map((each) =>
      Number(valueAt(each, 'source', 'rule', 'level')),
    )
    assert.deepEqual(
      levels,
      levels.toSorted((a, b) => b - a),
    )
    const profile = await client.ask('POST', '/dogwatch/profile', { from: 'now-1h' })
    assert.equal(profile.status, 200, profile.text)
    const hit = arrayOf(valueAt(profile.body, 'data', 'rows')).map(objectOf)
    assert.ok(
      hit.some(({ name, hits }) => name === '110003' && Number(hits) >= 1),
      profile.text.slice(0, 500),
    )
  })
  await checks.check('tokens last as long as is set, and all end with a change', async () => {
    const put = await client.ask('PUT', '/security/config', { auth_token_exp_timeout: 120 })
    assert.equal(put.status, 200, put.text)
    assert.equal((await client.ask('GET', '/manager/info')).status, 401)
    assert.equal((await client.login('admin', password)).status, 200)
    const config = await client.ask('GET', '/security/config')
    assert.equal(valueAt(itemOf(config.body), 'auth_token_exp_timeout'), 120)
    assert.equal((await client.ask('DELETE', '/security/config')).status, 200)
    assert.equal((await client.login('admin', password)).status, 200)
    assert.equal((await reader.login('reader', 'Reader-password-1')).status, 200)
  })
  await checks.check('what was done and refused is in the audit log', async () => {
    const { body } = await client.ask('GET', '/dogwatch/audit')
    const deeds = arrayOf(valueAt(body, 'data', 'affected_items')).map(objectOf)
    assert.ok(deeds.some(({ user, status }) => user === 'reader' && status === 403))
    assert.ok(deeds.some(({ note }) => note === 'login of admin'))
  })
  await checks.check(
    'after a kill -9 and a start, tokens, users and alerts are there; no new password is printed',
    async () => {
      await manager.kill()
      manager = await startManager({ home, ports, through: 'node' })
      assert.ok(!manager.output().includes('First user'))
      assert.equal((await search(reader, 'rule.id:110003', 1)).length, 1)
      return `ready in ${Math.round(manager.readyMs)} ms`
    },
  )
  sender.close()
  await checks.check('SIGTERM ends the manager in order', async () => {
    assert.equal(await manager.stop(), 0)
  })
}

/** Agents, groups and files, with an agent of ours that enrols, watches one file, and is connected. */
async function agentsAndGroups(
  checks: Checks,
  site: { readonly client: Client; readonly reader: Client; readonly ports: { agents: number; enrol: number } },
): Promise<void> {
  const { client, reader, ports } = site
  const home = temporaryHome()
  const watched = join(home, 'watched')
  for (const path of [watched, join(home, 'etc')]) mkdirSync(path, { recursive: true })
  writeFileSync(join(watched, 'app.conf'), 'a = 1\n')
  writeFileSync(
    join(home, 'etc/ossec.conf'),
    `<ossec_config>
  <client_buffer><disabled>no</disabled></client_buffer>
  <rootcheck><disabled>yes</disabled></rootcheck>
  <sca><enabled>no</enabled></sca>
  <wodle name="syscollector"><disabled>yes</disabled></wodle>
  <syscheck><directories>${watched}</directories></syscheck>
</ossec_config>\n`,
  )
  const agent = startAgent(home, [
    ...['--manager', '127.0.0.1', '--port', `${ports.agents}`, '--port-enrol', `${ports.enrol}`, '--name', 'api-1'],
  ])
  try {
    await checks.must('an agent that enrols is told by the API, beside what there is not', async () => {
      await agent.connected()
      const { body, text } = await client.ask('GET', '/agents?agents_list=000,001,999&select=id,name,status,group')
      assert.deepEqual(
        arrayOf(valueAt(body, 'data', 'affected_items'))
          .map((item) => valueAt(item, 'name'))
          .slice(1),
        ['api-1'],
        text,
      )
      assert.equal(valueAt(body, 'error'), 2, text)
      const failed = arrayOf(valueAt(body, 'data', 'failed_items'))[0]
      assert.deepEqual(failed, { error: { code: 1701, message: 'Agent does not exist' }, id: ['999'] })
    })
    await checks.check('its key is the line of client.keys, for who may make agents', async () => {
      const { body } = await client.ask('GET', '/agents/001/key')
      const key = Buffer.from(textOf(valueAt(itemOf(body), 'key')), 'base64').toString()
      assert.match(key, /^001 api-1 any [0-9a-f]{64}$/)
      assert.equal((await client.ask('GET', '/agents/999/key')).status, 404)
      assert.equal((await reader.ask('GET', '/agents/001/key')).status, 403)
    })
    await checks.check('an agent comes from elsewhere with its id and key, and leaves', async () => {
      const moved = { name: 'moved', ip: 'any', id: '040', key: 'ab'.repeat(32) }
      const made = await client.ask('POST', '/agents/insert', moved)
      assert.equal(valueAt(made.body, 'data', 'id'), '040', made.text)
      const again = await client.ask('POST', '/agents/insert', moved)
      assert.deepEqual([again.status, valueAt(again.body, 'error')], [400, 1708], again.text)
      const gone = await client.ask('DELETE', '/agents?agents_list=040&status=all&older_than=0s&purge=true')
      assert.deepEqual(valueAt(gone.body, 'data', 'affected_items'), ['040'], gone.text)
    })
    await checks.check('a group is made, written, read in both forms, given and removed', async () => {
      assert.equal((await client.ask('POST', '/groups', { group_id: 'web' })).status, 200)
      const text = '<agent_config os="Linux">\n  <labels><label key="room">7</label></labels>\n</agent_config>\n'
      const type = { 'content-type': 'application/xml' }
      const bad = await client.ask('PUT', '/groups/web/configuration', '<agent_config', type)
      assert.deepEqual([bad.status, valueAt(bad.body, 'error')], [400, 1114], bad.text)
      const put = await client.ask('PUT', '/groups/web/configuration', text, type)
      assert.deepEqual([put.status, valueAt(put.body, 'problems')], [200, []], put.text)
      assert.equal((await client.ask('GET', '/groups/web/configuration?raw=true')).text, text)
      const read = await client.ask('GET', '/groups/web/configuration')
      assert.deepEqual(
        itemOf(read.body),
        { filters: { os: 'Linux' }, config: { labels: { label: [{ key: 'room', item: '7' }] } } },
        read.text,
      )
      assert.equal((await client.ask('GET', '/groups/web/files/agent.conf')).text, text)
      assert.equal((await client.ask('PUT', '/agents/001/group/web')).status, 200)
      const members = await client.ask('GET', '/groups/web/agents')
      assert.equal(valueAt(itemOf(members.body), 'id'), '001', members.text)
      assert.equal((await client.ask('DELETE', '/agents/001/group/web')).status, 200)
      const gone = await client.ask('DELETE', '/groups?groups_list=web,default')
      assert.deepEqual(valueAt(gone.body, 'data', 'affected_items'), ['web'], gone.text)
    })
    await checks.check('its files are told as it saw them', async () => {
      const path = `/syscheck/001?file=${encodeURIComponent(join(watched, 'app.conf'))}`
      const file = await until('the file in the inventory', foundMsMax, async () => {
        const { status, body, text } = await client.ask('GET', path)
        assert.equal(status, 200, text)
        return itemOf(body)
      })
      assert.deepEqual([valueAt(file, 'size'), valueAt(file, 'type')], [6, 'file'])
      assert.equal((await client.ask('GET', '/syscheck/999')).status, 404)
      assert.equal((await reader.ask('DELETE', '/syscheck/001')).status, 403)
      assert.equal((await reader.ask('GET', path)).status, 200)
    })
    await checks.check('a reader of agents changes nothing of them', async () => {
      const refused = [
        await reader.ask('POST', '/agents', { name: 'other' }),
        await reader.ask('POST', '/agents/insert', { name: 'other', ip: 'any' }),
        await reader.ask('POST', '/groups', { group_id: 'other' }),
        await reader.ask('DELETE', '/groups?groups_list=default'),
        await reader.ask('PUT', '/agents/group/default/restart'),
        await reader.ask('PUT', '/groups/default/configuration', '<agent_config></agent_config>', {
          'content-type': 'application/xml',
        }),
      ]
      for (const { status, body } of refused) assert.deepEqual([status, valueAt(body, 'error')], [403, 4000])
    })
  } finally {
    await agent.stop()
  }
}

/** Searches until there are `count` documents, since the store is a moment behind the files. */
function search(client: Client, query: string, count: number): Promise<readonly unknown[]> {
  return until(`${count} documents for ${query}`, foundMsMax, async () => {
    const { status, body, text } = await client.ask('POST', '/dogwatch/search', { query, from: 'now-1h', limit: 10 })
    if (status === 503) return undefined
    assert.equal(status, 200, text)
    const documents = arrayOf(valueAt(body, 'data', 'documents'))
    return documents.length >= count ? documents : undefined
  })
}

function itemOf(body: unknown): unknown {
  return arrayOf(valueAt(body, 'data', 'affected_items'))[0]
}

function itemsOf(event: Buffer): unknown {
  return arrayOf(objectOf(JSON.parse(event.toString())).items)[0]
}
