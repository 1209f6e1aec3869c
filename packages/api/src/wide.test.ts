import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openState } from '@dogwatch/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hashPassword } from './password.ts'
import { type Api, createApi } from './server.ts'

const folder = mkdtempSync(join(tmpdir(), 'dogwatch-api-wide-'))
const state = openState(join(folder, 'state.db'))
const rulesFile = join(folder, 'ruleset/rules/0001-test.xml')
const decodersFile = join(folder, 'ruleset/decoders/0001-test.xml')
const configuration = join(folder, 'home/etc/ossec.conf')
const good = '<ossec_config><global><logall_json>yes</logall_json></global></ossec_config>\n'
let api: Api
const tokens = new Map<string, string>()

beforeAll(async () => {
  for (const name of ['ruleset/rules', 'ruleset/decoders', 'home/etc', 'home/logs']) {
    mkdirSync(join(folder, name), { recursive: true })
  }
  writeFileSync(
    rulesFile,
    `<group name="zebra,ant,">
  <rule id="1" level="0" noalert="1"><category>syslog</category><description>all</description></rule>
  <rule id="100001" level="5"><if_sid>1</if_sid><match>knock</match><description>a</description><group>pci_dss_1.2,nist_800_53_AU.6,</group><mitre><id>T1110</id></mitre></rule>
  <rule id="100002" level="6"><if_sid>1</if_sid><match>knack</match><description>b</description><group>pci_dss_1.2,pci_dss_10.1,</group></rule>
</group>`,
  )
  writeFileSync(
    decodersFile,
    `<decoder name="above"><program_name>^a</program_name></decoder>
<decoder name="below"><parent>above</parent><regex>x (\\S+)</regex><order>user</order></decoder>`,
  )
  writeFileSync(configuration, good)
  const line = (level: number, msg: string) => JSON.stringify({ level, time: '2026-11-24T12:00:00.000Z', msg })
  writeFileSync(join(folder, 'home/logs/dogwatch.log'), `${line(30, 'a')}\n${line(50, 'b')}\n${line(10, 'c')}\n`)
  api = await createApi({
    tls: null,
    pageFolder: null,
    parts: {
      state,
      store: () => null,
      storeTrouble: () => null,
      storeFigures: () => null,
      agents: () => null,
      manager: {
        home: join(folder, 'home'),
        version: '0.1.0',
        uuid: 'u',
        status: () => ({}),
        counters: () => ({ events: 4, drops: 1 }),
      },
      rulesetFiles: () => ({ decoders: [decodersFile], rules: [rulesFile], lists: [] }),
      reload: async () => ({ accepted: true, problems: [] }),
      now: Date.now,
      log: () => {},
      logAlertLevel: 3,
      managerName: 'm',
      sampleCommand: () => null,
    },
  })
  const passwordHash = await hashPassword('Correct-horse-9')
  for (const [name, role] of [
    ['chief', 1],
    ['reader', 2],
  ] as const) {
    state.addUser({ name, passwordHash, roles: [role], createdMs: 0 })
    const { body } = await api.server.inject({
      method: 'POST',
      url: '/security/user/authenticate?raw=true',
      headers: { authorization: `Basic ${Buffer.from(`${name}:Correct-horse-9`).toString('base64')}` },
    })
    tokens.set(name, body)
  }
})
afterAll(async () => {
  await api.close()
  state.close()
  rmSync(folder, { recursive: true })
})

async function ask(method: 'GET' | 'PUT', url: string, user: 'chief' | 'reader', text?: string) {
  const answer = await api.server.inject({
    method,
    url,
    headers: {
      authorization: `Bearer ${tokens.get(user)}`,
      ...(text === undefined ? {} : { 'content-type': 'application/octet-stream' }),
    },
    ...(text === undefined ? {} : { payload: text }),
  })
  return { status: answer.statusCode, body: answer.json() }
}

const lists: [says: string, url: string, items: readonly unknown[], total: number][] = [
  ['requirements each once, in order', '/rules/requirement/pci_dss', ['1.2', '10.1'], 2],
  ['a page of requirements', '/rules/requirement/pci_dss?limit=1&offset=1', ['10.1'], 2],
  ['requirements found by text', '/rules/requirement/pci_dss?search=10', ['10.1'], 1],
  ['a standard spelt with hyphens', '/rules/requirement/nist-800-53', ['AU.6'], 1],
  ['a standard spelt as in rules', '/rules/requirement/nist_800_53', ['AU.6'], 1],
  ['techniques that rules name', '/rules/requirement/mitre', ['T1110'], 1],
  ['groups, in the order asked for', '/rules/groups?sort=-name', ['zebra', 'ant'], 2],
  ['decoders without a parent', '/decoders/parents?select=name', [{ name: 'above' }], 1],
  ['a technique by its id', '/mitre/techniques?technique_ids=T1110&select=name', [{ name: 'Brute Force' }], 1],
  [
    'a part of a technique',
    '/mitre/techniques?q=id=T1110.001&select=subtechnique_of',
    [{ subtechnique_of: 'T1110' }],
    1,
  ],
  ['a tactic by a filter', '/mitre/tactics?q=short_name=impact&select=id', [{ id: 'TA0040' }], 1],
  [
    'where a technique is told of',
    '/mitre/references?reference_ids=T1110.001&select=url,type',
    [{ url: 'https://attack.mitre.org/techniques/T1110/001', type: 'technique' }],
    1,
  ],
  ['groups, of which none are known', '/mitre/groups', [], 0],
  ['software, of which none is known', '/mitre/software?software_ids=S0002', [], 0],
  ['mitigations, of which none are known', '/mitre/mitigations?search=x', [], 0],
  ['the version of ATT&CK', '/mitre/metadata', [{ key: 'mitre_version', value: '13.1' }], 1],
  [
    'lines of the log by level',
    '/manager/logs/summary',
    [{ dogwatch: { all: 3, critical: 0, debug: 1, error: 1, info: 1, warning: 0 } }],
    1,
  ],
  [
    'counters that there are, and no others',
    '/manager/stats/analysisd',
    [{ events_processed: 4, events_dropped: 1 }],
    1,
  ],
]
test.each(lists)('%s', async (_, url, items, total) => {
  const { status, body } = await ask('GET', url, 'reader')
  expect([status, body.data?.affected_items, body.data?.total_affected_items]).toEqual([200, items, total])
})

const refused: [says: string, url: string, status: number, code: number | undefined][] = [
  ['a standard that nobody knows', '/rules/requirement/cis', 400, undefined],
  ['a limit of nothing', '/rules/requirement/pci_dss?limit=0', 400, undefined],
  ['a filter by an unknown field', '/mitre/techniques?q=nothing=1', 400, 1408],
  ['an unknown field chosen', '/decoders/parents?select=nothing', 400, 1724],
  ['policies, for a reader', '/security/policies', 403, 4000],
  ['actions, for a reader', '/security/actions', 403, 4000],
]
test.each(refused)('refuses %s', async (_, url, status, code) => {
  const answer = await ask('GET', url, 'reader')
  expect([answer.status, ...(code === undefined ? [] : [answer.body.error])]).toEqual([
    status,
    ...(code === undefined ? [] : [code]),
  ])
})

test('what is not known is said to be not known', async () => {
  const { body } = await ask('GET', '/mitre/groups', 'reader')
  expect(body.message).toBe('Dogwatch knows tactics and techniques of ATT&CK 13.1, and no groups')
})

describe('what the manager runs with', () => {
  test('is what it started with, whatever the file says now', async () => {
    const answer = await ask('GET', '/manager/configuration/analysis/global', 'reader')
    expect(answer.body.data.global.logall_json).toBe('yes')
    writeFileSync(configuration, good.replace('yes', 'no'))
    const later = await ask('GET', '/manager/configuration/analysis/global', 'reader')
    expect(later.body).toEqual(answer.body)
    writeFileSync(configuration, good)
  })

  test.each([
    ['/manager/configuration/kitchen/global', 1101],
    ['/manager/configuration/wmodules/wmodules', 1117],
    ['/manager/configuration/analysis/sink', 1128],
  ])('%s is told not to be there', async (url, code) => {
    expect(await ask('GET', url, 'reader')).toMatchObject({ status: 400, body: { error: code } })
  })
})

describe('permissions', () => {
  test('a reader is told what a reader may', async () => {
    const { body } = await ask('GET', '/security/users/me/policies', 'reader')
    expect(body.data['rules:read']).toEqual({ '*:*:*': 'allow' })
    expect([body.data.rbac_mode, body.data['rules:update']]).toEqual(['white', undefined])
  })

  test('an administrator sees policies, actions, resources and the configuration', async () => {
    const policies = await ask('GET', '/security/policies?q=name=users_admin', 'chief')
    expect(policies.body.data.affected_items).toEqual([
      expect.objectContaining({ id: 3, roles: [3], policy: expect.objectContaining({ effect: 'allow' }) }),
    ])
    const actions = await ask('GET', '/security/actions', 'chief')
    expect(actions.body.data['audit:read'].roles).toEqual(['administrator'])
    expect((await ask('GET', '/security/resources', 'chief')).body.data['*:*']).toBeDefined()
    expect((await ask('GET', '/security/config', 'chief')).body.data.affected_items).toEqual([
      { auth_token_exp_timeout: 900, rbac_mode: 'white' },
    ])
  })
})

describe('ossec.conf as it is', () => {
  const secret = '<ossec_config><integration><api_key>S3cret</api_key></integration></ossec_config>'
  test.each([
    ['whole to who may change it', 'chief', secret],
    ['without its secrets to a reader', 'reader', secret.replace('S3cret', '*****')],
  ] as const)('is told %s', async (_, user, wanted) => {
    writeFileSync(configuration, secret)
    const { body } = await api.server.inject({
      url: '/manager/configuration?raw=true',
      headers: { authorization: `Bearer ${tokens.get(user)}` },
    })
    writeFileSync(configuration, good)
    expect(body).toBe(wanted)
  })
})

describe('replacing ossec.conf', () => {
  test('writes what is good, and keeps what was there', async () => {
    const next = good.replace('yes', 'no')
    expect(await ask('PUT', '/manager/configuration', 'chief', next)).toMatchObject({ status: 200, body: { error: 0 } })
    expect(readFileSync(configuration, 'utf8')).toBe(next)
    expect(readFileSync(`${configuration}.before`, 'utf8')).toBe(good)
  })

  const bad: [says: string, user: 'chief' | 'reader', text: string, status: number, code: number | undefined][] = [
    ['a text that is not closed', 'chief', '<ossec_config><global>', 400, 1908],
    ['a value that is wrong', 'chief', good.replace('yes', 'perhaps'), 400, 1908],
    ['nothing', 'chief', '', 406, 6002],
    ['more than a configuration is long', 'chief', ' '.repeat((1 << 20) + 1), 413, undefined],
    ['a reader', 'reader', good, 403, 4000],
  ]
  test.each(bad)('refuses %s, and changes nothing', async (_, user, text, status, code) => {
    const before = readFileSync(configuration, 'utf8')
    const answer = await ask('PUT', '/manager/configuration', user, text)
    expect([answer.status, answer.body.error]).toEqual([status, code])
    expect(readFileSync(configuration, 'utf8')).toBe(before)
  })
})
