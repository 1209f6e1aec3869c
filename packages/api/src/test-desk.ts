/** A desk of three agents in memory, for tests: it stands in for the manager's registry. */
import type { AgentFacts, AgentsDesk } from './parts.ts'

/** When it is, for these agents. */
export const nowMs = Date.parse('2026-11-24T12:00:00Z')
const dayMs = 86_400_000

function agent(id: string, more: Partial<AgentFacts>): AgentFacts {
  return {
    id,
    name: `agent-${id}`,
    registerIp: 'any',
    ip: null,
    version: null,
    system: null,
    labels: [],
    configSum: null,
    mergedSum: null,
    addedMs: nowMs - 30 * dayMs,
    keepAliveMs: null,
    disconnectedMs: null,
    groups: ['default'],
    status: 'never_connected',
    statusCode: 0,
    isSynced: false,
    ...more,
  }
}

const debian = {
  uname: 'Linux |web |6.1',
  name: 'Debian GNU/Linux',
  platform: 'debian',
  version: '12',
  codename: 'bookworm',
  major: '12',
  minor: null,
  architecture: 'x86_64',
  hostname: 'web',
}

/** Agents 001 active, 002 gone for ten days, 003 never came. */
export function deskInMemory(): AgentsDesk {
  const agents = new Map(
    [
      agent('001', {
        status: 'active',
        keepAliveMs: nowMs - 5000,
        system: debian,
        version: 'Wazuh v4.14.7',
        ip: '192.0.2.1',
        isSynced: true,
      }),
      agent('002', {
        status: 'disconnected',
        keepAliveMs: nowMs - 10 * dayMs,
        disconnectedMs: nowMs - 10 * dayMs,
        groups: ['default', 'dmz'],
      }),
      agent('003', {}),
    ].map((each) => [each.id, each]),
  )
  const groups = new Map<string, Map<string, Uint8Array>>([
    ['default', new Map()],
    ['dmz', new Map()],
  ])
  return {
    agents: () => [...agents.values()],
    groups: () =>
      [...groups.keys()].map((name) => ({
        name,
        count: [...agents.values()].filter((each) => each.groups.includes(name)).length,
        mergedSum: 'm',
        configSum: 'c',
      })),
    key: (id) => (agents.has(id) ? Buffer.from(`${id} x any k`).toString('base64') : null),
    add(name) {
      if ([...agents.values()].some((each) => each.name === name)) return null
      const id = String(agents.size + 1).padStart(3, '0')
      agents.set(id, agent(id, { name }))
      return { id }
    },
    insert({ id, name, ip }) {
      const all = [...agents.values()]
      if (id !== null && agents.has(id)) return { taken: 'id' }
      if (all.some((each) => each.name === name)) return { taken: 'name' }
      if (ip !== 'any' && all.some((each) => each.registerIp === ip)) return { taken: 'ip' }
      const given = id ?? String(agents.size + 1).padStart(3, '0')
      agents.set(given, agent(given, { name, registerIp: ip }))
      return { id: given }
    },
    remove: (ids) => ids.filter((id) => agents.delete(id)),
    setGroups(id, next) {
      const found = agents.get(id)
      if (found !== undefined) agents.set(id, { ...found, groups: next })
      return null
    },
    createGroup: async (name) => {
      groups.set(name, new Map())
      return null
    },
    removeGroup: async (name) => {
      groups.delete(name)
      return null
    },
    hasGroup: (name) => groups.has(name),
    groupFiles: (name) => [...(groups.get(name)?.keys() ?? [])].map((filename) => ({ filename, hash: 'h' })),
    groupFile: (name, file) => groups.get(name)?.get(file) ?? null,
    putGroupConfiguration: (name, text) => void groups.get(name)?.set('agent.conf', text),
    ask: async (id, target, command) =>
      id === '001'
        ? { text: target === 'com' || target === 'syscheck' ? 'ok' : `ok {"asked":"${target} ${command}"}` }
        : { problem: 'gone' },
    reconnect: () => false,
    files: {
      find: async () => ({ total: 0, entries: [] }),
      lastScan: async () => ({ startS: null, endS: null }),
      clear: async () => {},
    },
  }
}
