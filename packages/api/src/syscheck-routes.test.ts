/** Routes on the files of agents, over a real inventory in memory. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openInventory, openState } from '@dogwatch/store'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AgentFacts, AgentsDesk } from './parts.ts'
import { hashPassword } from './password.ts'
import { type Api, createApi } from './server.ts'

const folder = mkdtempSync(join(tmpdir(), 'dogwatch-syscheck-routes-'))
const inventory = openInventory(':memory:')
const state = openState(join(folder, 'state.db'))
let api: Api
const tokens = { admin: '', reader: '', nobody: '' }

const known: AgentFacts = {
  id: '001',
  name: 'web',
  registerIp: 'any',
  ip: null,
  version: null,
  system: null,
  labels: [],
  configSum: null,
  mergedSum: null,
  addedMs: 0,
  keepAliveMs: null,
  disconnectedMs: null,
  groups: ['default'],
  status: 'active',
  statusCode: 0,
  isSynced: true,
}
const desk: AgentsDesk = {
  agents: () => [known],
  groups: () => [],
  key: () => null,
  add: () => null,
  insert: () => ({ taken: 'name' }),
  remove: () => [],
  setGroups: () => null,
  createGroup: async () => null,
  removeGroup: async () => null,
  hasGroup: () => false,
  groupFiles: () => [],
  groupFile: () => null,
  putGroupConfiguration: () => {},
  ask: async (_, target) => (target === 'agent' ? { text: '{"error":0,"data":{"msg_sent":3}}' } : { problem: 'gone' }),
  reconnect: () => true,
  files: {
    find: async (id, query) => inventory.find(id, query),
    lastScan: async (id) => inventory.lastScan(id),
    clear: async (id) => inventory.clear(id, null),
  },
}

beforeAll(async () => {
  api = await createApi({
    tls: null,
    pageFolder: null,
    parts: {
      state,
      store: () => null,
      storeTrouble: () => null,
      storeFigures: () => null,
      agents: () => desk,
      manager: { home: '/nowhere', version: '0.1.0', uuid: 'u', status: () => ({}), counters: () => ({}) },
      rulesetFiles: () => ({ decoders: [], rules: [], lists: [] }),
      reload: async () => ({ accepted: true, problems: [] }),
      now: Date.now,
      log: () => {},
      logAlertLevel: 3,
      managerName: 'mgr',
      sampleCommand: () => null,
    },
  })
  const password = 'Correct-horse-9'
  const passwordHash = await hashPassword(password)
  state.addUser({ name: 'reader', passwordHash, roles: [4], createdMs: 0 })
  state.addUser({ name: 'nobody', passwordHash, roles: [], createdMs: 0 })
  for (const name of ['admin', 'reader', 'nobody'] as const) {
    const given = name === 'admin' ? (api.firstPassword?.password ?? '') : password
    const authorization = `Basic ${Buffer.from(`${name}:${given}`).toString('base64')}`
    const url = '/security/user/authenticate?raw=true'
    tokens[name] = (await api.server.inject({ method: 'POST', url, headers: { authorization } })).body
  }
  const put = (key: string, attributes: Record<string, string | number>, dateS = 1_700_000_000): void => {
    inventory.put('001', { component: 'fim_file', key, dateS, checksum: '', attributes }, true)
  }
  put('/etc/app.conf', {
    size: 42,
    perm: 'rw-r--r--',
    uid: '0',
    user_name: 'root',
    inode: '1311',
    mtime: 5,
    hash_md5: 'aa',
  })
  put('/etc/passwd', { size: 7, hash_sha256: 'bb' })
  put('/usr/bin/x', { size: 9, mtime: 1e300 }, Number.MAX_SAFE_INTEGER)
  const value = { path: 'HKEY_X', arch: '[x64]', value_name: 'run', value_type: 'REG_SZ' }
  inventory.put('001', { component: 'fim_registry_value', key: 'ff', dateS: 0, checksum: '', attributes: value }, false)
  inventory.putScan('001', 'start', 20)
  inventory.putScan('001', 'end', 10)
})
afterAll(async () => {
  await api.close()
  inventory.close()
  state.close()
  rmSync(folder, { recursive: true })
})

async function ask(method: 'GET' | 'PUT' | 'DELETE', url: string, as: keyof typeof tokens = 'reader') {
  const answer = await api.server.inject({ method, url, headers: { authorization: `Bearer ${tokens[as]}` } })
  return { status: answer.statusCode, body: answer.json() }
}

describe('agents when asked', () => {
  test.each([
    ['its counters', 'GET', '/agents/001/stats/agent', 'admin', 200, 0],
    ['one that does not answer', 'GET', '/agents/001/stats/logcollector', 'admin', 400, 1117],
    ['counters that there are not', 'GET', '/agents/001/stats/com', 'admin', 400, 1101],
    ['the manager is not asked', 'GET', '/agents/000/stats/agent', 'admin', 400, 1703],
    ['all as a whole', 'GET', '/agents/summary', 'admin', 200, 0],
    ['whether it has its files', 'GET', '/agents/001/group/is_sync', 'admin', 200, 0],
    ['one that there is not', 'GET', '/agents/009/group/is_sync', 'admin', 404, 1701],
    ['out of all groups', 'DELETE', '/agents/001/group', 'admin', 200, 0],
    ['out of all groups, by who may not', 'DELETE', '/agents/001/group', 'reader', 403, 4000],
    ['connect anew', 'PUT', '/agents/reconnect', 'admin', 200, 0],
    ['connect anew, a part', 'PUT', '/agents/reconnect?agents_list=000,001,009', 'admin', 200, 2],
    ['connect anew, none', 'PUT', '/agents/reconnect?agents_list=009', 'admin', 200, 1],
    ['connect anew, by who may not', 'PUT', '/agents/reconnect', 'reader', 403, 4000],
  ] as const)('%s', async (_, method, url, as, status, error) => {
    const answer = await ask(method, url, as)
    expect([answer.status, answer.body.error]).toEqual([status, error])
  })
})

describe('files of agents', () => {
  test.each([
    ['all, in the order of their paths', '', ['/etc/app.conf', '/etc/passwd', '/usr/bin/x', 'HKEY_X'], 4],
    ['a page, and the count of all', 'offset=1&limit=1', ['/etc/passwd'], 4],
    ['by whole path', 'file=/etc/passwd', ['/etc/passwd'], 1],
    ['by path and type', 'file=/etc/passwd&type=file', ['/etc/passwd'], 1],
    ['by type', 'type=registry_value', ['HKEY_X'], 1],
    ['by architecture and value', 'arch=[x64]&value.name=run', ['HKEY_X'], 1],
    ['by a hash, case aside', 'md5=AA', ['/etc/app.conf'], 1],
    ['by any hash', 'hash=bb', ['/etc/passwd'], 1],
    ['by text', 'search=PASSWD', ['/etc/passwd'], 1],
    ['without a text', 'search=-etc', ['/usr/bin/x', 'HKEY_X'], 2],
    ['by q', 'q=size>8;file~bin', ['/usr/bin/x'], 1],
    ['sorted otherwise', 'sort=-size&type=file', ['/etc/app.conf', '/usr/bin/x', '/etc/passwd'], 3],
  ])('%s', async (_, query, wanted, total) => {
    const { status, body } = await ask('GET', `/syscheck/001?${query}`)
    expect([status, body.error, body.data.total_affected_items]).toEqual([200, 0, total])
    expect(body.data.affected_items.map(({ file }: { file: string }) => file)).toEqual(wanted)
  })

  test('an item has the names of the API', async () => {
    const { body } = await ask('GET', '/syscheck/001?limit=1')
    expect(body.data.affected_items).toEqual([
      {
        file: '/etc/app.conf',
        type: 'file',
        date: '2023-11-14T22:13:20+00:00',
        changes: 1,
        mtime: '1970-01-01T00:00:05+00:00',
        size: 42,
        perm: 'rw-r--r--',
        uid: '0',
        uname: 'root',
        inode: 1311,
        md5: 'aa',
      },
    ])
    const { body: short } = await ask('GET', '/syscheck/001?summary=true&limit=1&select=file,date')
    expect(Object.keys(short.data.affected_items[0])).toEqual(['file', 'date'])
  })

  test.each([
    ['an agent that there is not', '/syscheck/099', 'reader', 404, 1701],
    ['an id that is none', '/syscheck/x', 'reader', 400, undefined],
    ['a hash that is none', '/syscheck/001?md5=zz', 'reader', 400, undefined],
    ['a field that there is not', '/syscheck/001?q=nope=1', 'reader', 400, 1408],
    ['who may not', '/syscheck/001', 'nobody', 403, 4000],
  ] as const)('%s is refused', async (_, url, as, status, error) => {
    const answer = await ask('GET', url, as)
    expect([answer.status, answer.body.error]).toEqual([status, error])
  })

  test('a scan that goes on has no end; the manager has no files', async () => {
    const { body } = await ask('GET', '/syscheck/001/last_scan')
    expect(body.data.affected_items).toEqual([{ start: '1970-01-01T00:00:20+00:00', end: null }])
    expect((await ask('GET', '/syscheck/000')).body.data.total_affected_items).toBe(0)
  })

  test('what an agent told is forgotten by who may', async () => {
    expect((await ask('DELETE', '/syscheck/001')).status).toBe(403)
    expect((await ask('DELETE', '/syscheck/001', 'admin')).body.data.affected_items).toEqual(['001'])
    expect((await ask('GET', '/syscheck/001')).body.data.total_affected_items).toBe(0)
  })
})
