import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { enrolmentLine, type KeyEntry, keyHash, parseEnrolmentAnswer, splitMerged } from '@dogwatch/protocol'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AgentRegistry, type RegistryOptions } from './agents-registry.ts'

let home = ''
const notices: string[] = []
const forgotten: string[] = []
let open: AgentRegistry[] = []
const minute = 60_000
const text = Buffer.from(
  'Linux |h |6 |#1 |x86_64 [Debian|debian: 12 (b)] - Wazuh v4.14.7\n"env":prod\nx merged.mg\n#"_agent_ip":10.0.0.15\n',
)

function registry(over: Partial<RegistryOptions> = {}, nowMs = 0): AgentRegistry {
  const made = new AgentRegistry(
    {
      home,
      hostname: 'manager',
      policy: {
        usesSourceIp: false,
        allowsHigherVersions: false,
        force: {
          enabled: true,
          keyMismatch: true,
          disconnectedTime: { enabled: true, seconds: 3600 },
          afterRegistrationTimeS: 0,
        },
      },
      purges: false,
      password: null,
      disconnectionTimeS: 900,
      disconnectionAlertTimeS: 60,
      deleteOldMin: 0,
      activeResponses: [],
      allowsHigherVersions: false,
      reviewToken: async (token) => (token === 'good' ? 'uid-1' : null),
      notice: ({ agentId, message }) => void notices.push(`${agentId ?? '-'} ${message.toString()}`),
      tell: () => {},
      trouble: () => {},
      forget: (id) => void forgotten.push(id),
      changed: () => {},
      ...over,
    },
    nowMs,
  )
  open.push(made)
  return made
}

async function enrolled(from: AgentRegistry, asks: Parameters<typeof enrolmentLine>[0], nowMs = 0) {
  const { text: answer } = await from.enrol(enrolmentLine(asks).trimEnd(), '192.0.2.7', () => nowMs)
  const reading = parseEnrolmentAnswer(answer)
  if ('error' in reading) throw new Error(reading.error)
  return reading.entry
}

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'agents-home-'))
  for (const folder of ['etc/shared/default', 'queue']) mkdirSync(join(home, folder), { recursive: true })
  notices.length = 0
  forgotten.length = 0
})
afterEach(() => {
  for (const one of open) one.close()
  open = []
  rmSync(home, { recursive: true })
})

test('an agent enrols: it is in client.keys, atomically written, and never connected', async () => {
  const agents = registry()
  const entry = await enrolled(agents, { name: 'web', groups: ['default'] })
  expect(entry).toMatchObject({ id: '001', name: 'web', ip: 'any' })
  expect(entry.key).toMatch(/^[0-9a-f]{64}$/)
  expect(readFileSync(join(home, 'etc/client.keys'), 'utf8')).toBe(`001 web any ${entry.key}\n`)
  expect(statSync(join(home, 'etc/client.keys')).mode & 0o777).toBe(0o640)
  expect(readdirSync(join(home, 'etc'))).toEqual(['client.keys', 'shared'])
  expect(readFileSync(join(home, 'queue/agents-timestamp'), 'utf8')).toMatch(
    /^001 web any \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n$/,
  )
  expect(agents.rows.get('001')).toMatchObject({ status: 'never_connected', groups: ['default'] })
  expect(agents.byId('001')?.keys.aes).toHaveLength(32)
})

test('each further agent is a line more, here and in agents-timestamp; with one removed, both are without it', async () => {
  const agents = registry({ purges: true })
  const when = [1_700_000_000_000, 1_700_000_060_000, 1_700_000_120_000]
  const entries: KeyEntry[] = []
  for (const [n, name] of ['aa', 'bb', 'cc'].entries())
    entries.push(await enrolled(agents, { name, ip: `10.0.0.${n + 1}` }, when[n]))
  const times = (ids: readonly number[]): string[] =>
    ids.map((n) => {
      const entry = entries[n]
      return `${entry?.id} ${entry?.name} ${entry?.ip} ${new Date(when[n] ?? 0).toLocaleString('sv-SE')}`
    })
  const timestamps = (): string[] => readFileSync(join(home, 'queue/agents-timestamp'), 'utf8').trimEnd().split('\n')
  expect(timestamps()).toEqual(times([0, 1, 2]))
  expect(timestamps()[0]).toMatch(/^001 aa 10\.0\.0\.1 \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
  expect(agents.byAddress('10.0.0.2')?.id).toBe('002')
  agents.remove(['002'], true, when[2] ?? 0)
  expect(timestamps()).toEqual(times([0, 2]))
  expect([agents.byAddress('10.0.0.2'), agents.byAddress('10.0.0.3')?.id]).toEqual([null, '003'])
  // When an agent was added outlives the process.
  agents.close()
  open = []
  registry({}, when[2])
  expect(timestamps()).toEqual(times([0, 2]))
})

test('the groups that an agent asked for are kept before it has its answer', async () => {
  const agents = registry()
  agents.groups.create('web')
  await enrolled(agents, { name: 'aa', groups: ['web'] })
  // As another process sees it, which a killed one leaves behind.
  const db = new DatabaseSync(join(home, 'queue/agents.db'), { readOnly: true })
  const [row] = db.prepare('SELECT row FROM agent').all()
  db.close()
  expect(JSON.parse(String(row?.row))).toMatchObject({ id: '001', groups: ['web'] })
})

test('many at once get ids of their own; an id is never used again, purged or not', async () => {
  const agents = registry({ purges: true })
  const entries = await Promise.all(['aa', 'bb', 'cc'].map((name) => enrolled(agents, { name })))
  expect(entries.map(({ id }) => id).sort()).toEqual(['001', '002', '003'])
  expect(agents.remove(['003', '003', '999'], true, 0)).toEqual(['003'])
  expect(agents.remove(['003'], true, 0)).toEqual([])
  expect(notices).toEqual(["- 1:wazuh-monitord:ossec: Agent removed: 'cc-any'."])
  agents.close()
  open = []
  expect(await enrolled(registry(), { name: 'dd' })).toMatchObject({ id: '004' })
  expect(readFileSync(join(home, 'etc/client.keys'), 'utf8')).not.toContain(' cc ')
})

test('a removed agent that is kept stays in the file, marked', async () => {
  const agents = registry()
  const { key } = await enrolled(agents, { name: 'web' })
  agents.remove(['001'], false, 0)
  expect(readFileSync(join(home, 'etc/client.keys'), 'utf8')).toBe(`001 !web any ${key}\n`)
  expect([agents.byId('001'), agents.rows.size, forgotten]).toEqual([null, 0, ['001']])
})

test('an agent from elsewhere keeps its id and key; what is free goes on after it', async () => {
  const agents = registry()
  const key = 'ab'.repeat(32)
  const wanted = { name: 'moved', ip: '192.0.2.9', id: '120', key }
  expect(agents.insert(wanted, 0)).toEqual({ id: '120' })
  expect(readFileSync(join(home, 'etc/client.keys'), 'utf8')).toBe(`120 moved 192.0.2.9 ${key}\n`)
  expect(agents.insert({ ...wanted, name: 'nn', ip: 'any' }, 0)).toEqual({ taken: 'id' })
  expect(agents.insert({ ...wanted, id: null }, 0)).toEqual({ taken: 'name' })
  expect(agents.insert({ ...wanted, id: null, name: 'nn' }, 0)).toEqual({ taken: 'ip' })
  expect(agents.insert({ name: 'nn', ip: 'any', id: null, key: null }, 0)).toEqual({ id: '121' })
  agents.remove(['120'], false, 0)
  expect(agents.insert({ ...wanted, name: 'again' }, 0)).toEqual({ id: '120' })
  expect(agents.keyOf('120')).toMatchObject({ name: 'again', key })
  expect(readFileSync(join(home, 'etc/client.keys'), 'utf8')).not.toContain('!moved')
})

test('the password is asked for', async () => {
  const agents = registry({ password: 's3cret' })
  const refused = await agents.enrol("OSSEC A:'web'", '192.0.2.7', () => 0)
  expect(refused).toEqual({ text: 'ERROR: Invalid password. Unable to add agent', isAccepted: false })
  expect(await enrolled(agents, { name: 'web', password: 's3cret' })).toMatchObject({ id: '001' })
})

test('an agent that never came is replaced by one of the same name, with a new id', async () => {
  const agents = registry()
  const first = await enrolled(agents, { name: 'web' })
  const second = await enrolled(agents, { name: 'web' })
  expect([second.id, agents.byId(first.id)]).toEqual(['002', null])
  await expect(enrolled(agents, { name: 'web', keyHash: keyHash(second) })).rejects.toThrow('Duplicate agent name: web')
})

test('a node that lost its key is the same agent again, by its token or its old key', async () => {
  const agents = registry()
  const first = await enrolled(agents, { name: 'node-a', nodeUid: 'uid-1' })
  const second = await enrolled(agents, { name: 'node-a', nodeUid: 'uid-1', token: 'good' })
  const third = await enrolled(agents, { name: 'node-a', nodeUid: 'uid-1', keyHash: keyHash(second) })
  expect([first.id, second.id, third.id]).toEqual(['001', '001', '001'])
  expect(new Set([first.key, second.key, third.key]).size).toBe(3)
  expect(forgotten).toEqual(['001', '001'])
  // A stranger who only knows the node takes neither its place nor its identity.
  const stranger = await enrolled(agents, { name: 'node-b', nodeUid: 'uid-1', token: 'bad' })
  expect(stranger.id).toBe('002')
  expect(agents.rows.get('002')?.nodeUid).toBeNull()
})

test('client.keys changed by hand is taken over', async () => {
  const agents = registry()
  const { key } = await enrolled(agents, { name: 'web' })
  writeFileSync(join(home, 'etc/client.keys'), `001 web any ${key}\n007 db 10.0.0.1 ${'b'.repeat(64)}\nnot a line\n`)
  agents.refreshKeys(0)
  expect(agents.byAddress('10.0.0.1')?.id).toBe('007')
  expect(forgotten).toEqual([])
  expect(await enrolled(agents, { name: 'next' })).toMatchObject({ id: '008' })
  expect(readFileSync(join(home, 'etc/client.keys'), 'utf8')).toContain('not a line\n')
})

const occasions: readonly [says: string, act: (agents: AgentRegistry) => unknown][] = [
  ['an enrolment that is refused', (agents) => agents.enrol("OSSEC A:'web' G:'nowhere'", '192.0.2.7', () => 0)],
  ['a removal of nobody', (agents) => agents.remove(['099'], true, 0)],
  ['an agent whose name is taken', (agents) => agents.add('db', 'any', 0)],
  [
    'an agent from elsewhere whose id is taken',
    (agents) => agents.insert({ name: 'x1', ip: 'any', id: '7', key: null }, 0),
  ],
  [
    'a local request that is refused',
    (agents) =>
      agents.addLocal({ name: 'db', ip: 'any', id: null, key: null, groups: null, keyHash: null, force: null }, 0),
  ],
  ['the look at the file', (agents) => agents.refreshKeys(0)],
]
test.each(occasions)('client.keys changed by hand is taken over by %s', async (_says, act) => {
  const agents = registry()
  const { key } = await enrolled(agents, { name: 'web' })
  writeFileSync(join(home, 'etc/client.keys'), `001 web any ${key}\n007 db any ${'b'.repeat(64)}\n`)
  await act(agents)
  agents.refreshKeys(0)
  expect([agents.byId('007')?.name, agents.rows.get('007')?.status]).toEqual(['db', 'never_connected'])
})

describe('the life of an agent', () => {
  async function started(): Promise<{ agents: AgentRegistry; agent: { id: string } }> {
    const agents = registry()
    const agent = await enrolled(agents, { name: 'web' })
    expect(agents.startup(agent, 'v4.14.7', '192.0.2.7', minute)).toBeNull()
    return { agents, agent }
  }

  test('pending, then active with what it says about itself', async () => {
    const { agents, agent } = await started()
    expect(agents.rows.get('001')).toMatchObject({ status: 'pending', ip: '192.0.2.7' })
    agents.keepAlive(agent, text, '192.0.2.7', 2 * minute)
    expect(agents.rows.get('001')).toMatchObject({
      status: 'active',
      ip: '10.0.0.15',
      version: 'Wazuh v4.14.7',
      mergedSum: 'x',
      isSynced: false,
      keepAliveMs: 2 * minute,
      system: { platform: 'debian' },
      labels: [{ key: 'env', value: 'prod' }],
    })
    agents.keepAlive(agent, text, '192.0.2.7', 3 * minute)
    expect(agents.rows.get('001')).toMatchObject({ status: 'active', keepAliveMs: 3 * minute })
  })

  test('silent: disconnected, and an alert a while later', async () => {
    const { agents, agent } = await started()
    agents.keepAlive(agent, text, '192.0.2.7', 2 * minute)
    agents.tick(17 * minute - 1)
    expect(agents.rows.get('001')?.status).toBe('active')
    agents.tick(17 * minute)
    expect(agents.rows.get('001')).toMatchObject({ status: 'disconnected', statusCode: 4 })
    agents.tick(18 * minute - 1)
    expect(notices).toEqual([])
    agents.tick(18 * minute)
    agents.tick(19 * minute)
    expect(notices).toEqual(["001 1:[001] (web) any->wazuh-monitord:ossec: Agent disconnected: 'web-any'."])
  })

  test('back in time: no alert', async () => {
    const { agents, agent } = await started()
    agents.tick(16 * minute)
    agents.keepAlive(agent, text, '192.0.2.7', 16 * minute + 1)
    agents.tick(18 * minute)
    expect([notices, agents.rows.get('001')?.status]).toEqual([[], 'active'])
  })

  test('stopped: disconnected at once, and said', async () => {
    const { agents, agent } = await started()
    agents.shutdown(agent, 2 * minute)
    expect(agents.rows.get('001')).toMatchObject({ status: 'disconnected', statusCode: 3 })
    expect(notices).toEqual(["001 1:[001] (web) any->wazuh-remoted:ossec: Agent stopped: 'web->any'."])
  })

  test('a restart of the manager: disconnected until heard, alert only when it stays away', async () => {
    const { agents, agent } = await started()
    agents.keepAlive(agent, text, '192.0.2.7', 2 * minute)
    agents.received.write('001', { global: 3, local: 4 })
    agents.close()
    open = []
    const again = registry({}, 3 * minute)
    expect(again.rows.get('001')).toMatchObject({ status: 'disconnected', statusCode: 5, version: 'Wazuh v4.14.7' })
    expect(again.received.read('001')).toEqual({ global: 3, local: 4 })
    again.tick(19 * minute - 1)
    expect(notices).toEqual([])
    again.tick(19 * minute)
    expect(notices).toHaveLength(1)
  })

  const versions: readonly [says: string, version: string | null, answer: string, code: number][] = [
    ['no version', null, "Couldn't retrieve version", 2],
    ['a newer version', 'v4.15.0', 'Agent version must be lower or equal to manager version', 1],
  ]
  test.each(versions)('%s is refused', async (_says, version, answer, code) => {
    const agents = registry()
    const agent = await enrolled(agents, { name: 'web' })
    expect(agents.startup(agent, version, '192.0.2.7', 0)).toBe(answer)
    expect(agents.rows.get('001')).toMatchObject({ status: 'never_connected', statusCode: code })
  })
})

const jumps: readonly [says: string, jumpMs: number][] = [
  ['forward by a day', 1440 * minute],
  ['back by a day', -1440 * minute],
]
test.each(jumps)('a clock that is set %s makes nobody silent, and hides nobody who is', async (_says, jumpMs) => {
  const start = 10_000 * minute
  const agents = registry({}, start)
  const agent = await enrolled(agents, { name: 'web' }, start)
  agents.keepAlive(agent, Buffer.from('Linux - Wazuh v4.14.7\nx merged.mg\n'), '192.0.2.7', start)
  agents.tick(start, 0)
  agents.tick(start + minute + jumpMs, minute)
  expect(agents.rows.get('001')?.status).toBe('active')
  agents.tick(start + 15 * minute + jumpMs - 1, 15 * minute - 1)
  expect(agents.rows.get('001')?.status).toBe('active')
  agents.tick(start + 15 * minute + jumpMs, 15 * minute)
  expect(agents.rows.get('001')?.status).toBe('disconnected')
  agents.tick(start + 16 * minute, 16 * minute)
  expect(notices.filter((notice) => notice.includes('disconnected'))).toHaveLength(1)
})

describe('an agent that is away for longer than wanted', () => {
  async function away(deleteOldMin: number): Promise<AgentRegistry> {
    const agents = registry({ deleteOldMin, purges: true })
    const gone = await enrolled(agents, { name: 'gone' })
    await enrolled(agents, { name: 'never' })
    const here = await enrolled(agents, { name: 'here' })
    for (const agent of [gone, here]) agents.keepAlive(agent, text, '192.0.2.7', minute)
    agents.shutdown(gone, 2 * minute)
    agents.tick(2 * minute, 0)
    notices.length = 0
    return agents
  }
  const ids = (agents: AgentRegistry): string[] => [...agents.rows.keys()]

  test('is removed, and that is said; who never came or is here stays', async () => {
    const agents = await away(10)
    agents.tick(11 * minute, 9 * minute)
    expect(ids(agents)).toEqual(['001', '002', '003'])
    agents.tick(13 * minute, 11 * minute)
    expect(ids(agents)).toEqual(['002', '003'])
    expect(notices).toContain("- 1:wazuh-monitord:ossec: Agent removed: 'gone-any'.")
    expect(readFileSync(join(home, 'etc/client.keys'), 'utf8')).not.toContain('gone')
  })

  test('stays where nothing is wanted', async () => {
    const agents = await away(0)
    agents.tick(100_000 * minute, 100_000 * minute)
    expect(ids(agents)).toEqual(['001', '002', '003'])
  })

  test('is not removed by a clock that is set', async () => {
    const agents = await away(10)
    agents.tick(1002 * minute, minute)
    expect(ids(agents)).toEqual(['001', '002', '003'])
    agents.tick(1013 * minute, 12 * minute)
    expect(ids(agents)).toEqual(['002', '003'])
  })
})

test('an agent is in 128 groups at most', async () => {
  const agents = registry()
  await enrolled(agents, { name: 'web' })
  const groups = Array.from({ length: 129 }, (_, n) => `g${n}`)
  for (const group of groups) agents.groups.create(group)
  expect(agents.setGroups('001', groups)).toMatch(/128 groups at most, not in 129/)
  expect(agents.setGroups('001', groups.slice(1))).toBeNull()
})

test('an agent too old to say its version is let in', async () => {
  const agents = registry()
  const agent = await enrolled(agents, { name: 'web' })
  expect(agents.startup(agent, '', '192.0.2.7', 0)).toBeNull()
  expect(agents.rows.get('001')).toMatchObject({ status: 'pending', statusCode: 0 })
})

const addresses: readonly [says: string, lines: readonly string[], address: string, id: string | undefined][] = [
  ['by its address', ['001 web 192.0.2.7 abc'], '192.0.2.7', '001'],
  ['by a network of one address', ['001 web 192.0.2.7/32 abc'], '192.0.2.7', '001'],
  ['not by a network', ['001 web 192.0.2.0/24 abc'], '192.0.2.7', undefined],
  ['not by any address', ['001 web any abc'], '192.0.2.7', undefined],
  ['not when two have one address', ['001 web 192.0.2.7 abc', '002 db 192.0.2.7/32 abc'], '192.0.2.7', undefined],
]
test.each(addresses)('an agent that sends no id is known %s', (_says, lines, address, id) => {
  writeFileSync(join(home, 'etc/client.keys'), lines.map((line) => `${line}\n`).join(''))
  expect(registry().byAddress(address)?.id).toBe(id)
})

test('many rows are written together, and the time of an equal keep-alive later', async () => {
  const agents = registry()
  const agent = await enrolled(agents, { name: 'web' })
  const text = Buffer.from('Linux - Wazuh v4.14.7\nx merged.mg\n')
  for (const nowMs of [minute, 2 * minute]) agents.keepAlive(agent, text, '192.0.2.7', nowMs)
  agents.close()
  open = []
  expect(registry({}, 3 * minute).rows.get('001')).toMatchObject({ keepAliveMs: 2 * minute })
})

test('shared files: sums follow the folder, several groups are joined', async () => {
  const agents = registry()
  const agent = await enrolled(agents, { name: 'web' })
  const path = join(home, 'etc/shared/default/agent.conf')
  writeFileSync(path, '<agent_config/>\n')
  writeFileSync(join(home, 'etc/shared/default/.hidden'), 'x')
  const { bytes, sum } = agents.groups.merged(['default'], 0)
  expect(splitMerged(bytes)?.map(({ name }) => name)).toEqual(['ar.conf', 'agent.conf'])
  expect(agents.groups.merged(['default'], 0).sum).toBe(sum)
  agents.keepAlive(agent, Buffer.from(`Linux - Wazuh v4.14.7\n${sum} merged.mg\n`), '192.0.2.7', 1)
  expect(agents.rows.get('001')?.isSynced).toBe(true)
  writeFileSync(path, '<agent_config></agent_config>\n')
  utimesSync(path, 1, 1)
  expect(agents.groups.merged(['default'], 9000).sum).toBe(sum)
  expect(agents.groups.merged(['default'], 10_001).sum).not.toBe(sum)
  agents.groups.create('web')
  expect(agents.setGroups('001', ['default', 'web'])).toBeNull()
  expect(agents.setGroups('001', ['nowhere'])).toBe('there is no group nowhere')
  expect(agents.groups.names()).toEqual(['default', 'web'])
  expect(agents.groups.merged(['default', 'web'], 0).bytes.toString()).toMatch(/^#[0-9a-f]{8}\n/)
})

test('merged files stand where sites look for them, are not shared themselves, and unequal ones are replaced', () => {
  const agents = registry()
  const path = join(home, 'etc/shared/default/merged.mg')
  writeFileSync(path, 'from before')
  writeFileSync(join(home, 'etc/shared/default/a.txt'), 'a')
  const one = agents.groups.merged(['default'], 0)
  expect(readFileSync(path)).toEqual(one.bytes)
  expect(splitMerged(one.bytes)?.map(({ name }) => name)).toEqual(['ar.conf', 'a.txt'])
  const before = statSync(path).ino
  expect(agents.groups.merged(['default'], 20_000).sum).toBe(one.sum)
  expect(statSync(path).ino).toBe(before)
  agents.groups.create('web')
  const both = agents.groups.merged(['default', 'web'], 0)
  const title = createHash('sha256').update('default,web').digest('hex').slice(0, 8)
  expect(readFileSync(join(home, 'var/multigroups', title, 'merged.mg'))).toEqual(both.bytes)
  agents.groups.merged(['nowhere'], 0)
  expect(readdirSync(join(home, 'etc/shared')).sort()).toEqual(['default', 'web'])
})

test('a merged file that cannot be written is told, and agents get theirs all the same', () => {
  const agents = registry()
  mkdirSync(join(home, 'etc/shared/default/merged.mg/x'), { recursive: true })
  expect(splitMerged(agents.groups.merged(['default'], 0).bytes)?.map(({ name }) => name)).toEqual(['ar.conf'])
})
