/** Agents as Wazuh's API tells them (spec: api, endpoint 15), and what each route on agents needs. */
import { hostname } from 'node:os'
import { apiTime } from './envelope.ts'
import { ApiError } from './error.ts'
import type { AgentFacts, AgentsDesk, ApiParts } from './parts.ts'

/** `999` or longer; `all` where a route takes it. */
export const agentIdPattern = '^\\d{3,8}$'
export const groupPattern = '^[A-Za-z0-9_.-]{1,255}$'

/** The desk; where the manager takes no agents, one on which there is nobody and nothing can be done. */
export function deskOf({ agents }: ApiParts): AgentsDesk {
  return agents() ?? emptyDesk
}

function refuse(): never {
  throw new ApiError(400, 'this manager takes no agents: ossec.conf has no <remote> for them', 1705)
}

const emptyDesk: AgentsDesk = {
  agents: () => [],
  groups: () => [],
  key: () => null,
  add: refuse,
  insert: refuse,
  remove: () => [],
  setGroups: refuse,
  createGroup: async () => refuse(),
  removeGroup: async () => refuse(),
  hasGroup: () => false,
  groupFiles: () => [],
  groupFile: () => null,
  putGroupConfiguration: refuse,
  ask: async () => refuse(),
  reconnect: () => false,
  files: {
    find: async () => ({ total: 0, entries: [] }),
    lastScan: async () => ({ startS: null, endS: null }),
    clear: async () => {},
  },
}

export function agentItem(agent: AgentFacts): Readonly<Record<string, unknown>> {
  const { system, configSum, mergedSum, keepAliveMs, disconnectedMs, status } = agent
  const os = {
    name: system?.name,
    platform: system?.platform,
    version: system?.version,
    codename: system?.codename,
    major: system?.major,
    minor: system?.minor,
    arch: system?.architecture,
    uname: system?.uname,
  }
  return {
    id: agent.id,
    name: agent.name,
    ...(agent.ip === null ? {} : { ip: agent.ip }),
    registerIP: agent.registerIp,
    status,
    status_code: agent.statusCode,
    ...(status === 'never_connected' && agent.groups.length === 0 ? {} : { group: agent.groups }),
    ...(system === null ? {} : { os: withoutEmpty(os) }),
    ...withoutEmpty({ version: agent.version, configSum, mergedSum }),
    node_name: 'node01',
    manager: hostname(),
    dateAdd: apiTime(agent.addedMs),
    ...(keepAliveMs === null ? {} : { lastKeepAlive: apiTime(keepAliveMs) }),
    ...(status === 'disconnected' && disconnectedMs !== null ? { disconnection_time: apiTime(disconnectedMs) } : {}),
    group_config_status: agent.isSynced ? 'synced' : 'not synced',
    ...(agent.labels.some(({ isHidden }) => !isHidden)
      ? { labels: agent.labels.filter(({ isHidden }) => !isHidden).map(({ key, value }) => ({ key, value })) }
      : {}),
  }
}

/** The manager itself, which is agent 000. */
export function managerItem(parts: ApiParts): Readonly<Record<string, unknown>> {
  return {
    id: '000',
    name: parts.managerName,
    ip: '127.0.0.1',
    registerIP: '127.0.0.1',
    status: 'active',
    status_code: 0,
    version: `Dogwatch v${parts.manager.version}`,
    node_name: 'node01',
    manager: hostname(),
    group_config_status: 'synced',
  }
}

function withoutEmpty(members: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null && value !== undefined))
}

export interface Failure {
  readonly error: { readonly code: number; readonly message: string; readonly remediation?: string }
  readonly id: readonly string[]
}

/** What was done and what was not, as one answer: error 0, 1 (nothing was) or 2 (some was not). */
export function doneAnswer(
  done: readonly unknown[],
  failed: readonly { readonly id: string; readonly code: number; readonly message: string }[],
  messages: { readonly all: string; readonly some: string; readonly none: string },
) {
  const byReason = new Map<string, { code: number; message: string; ids: string[] }>()
  for (const { id, code, message } of failed) {
    const known = byReason.get(`${code} ${message}`)
    if (known === undefined) byReason.set(`${code} ${message}`, { code, message, ids: [id] })
    else known.ids.push(id)
  }
  const failures: Failure[] = [...byReason.values()].map(({ code, message, ids }) => ({
    error: { code, message },
    id: ids.sort(),
  }))
  const isAll = failed.length === 0
  return {
    data: {
      affected_items: done,
      total_affected_items: done.length,
      total_failed_items: failed.length,
      failed_items: failures,
    },
    message: isAll ? messages.all : done.length === 0 ? messages.none : messages.some,
    error: isAll ? 0 : done.length === 0 ? 1 : 2,
  }
}

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** `7d`, `30s`, seconds; milliseconds. */
export function olderThanMs(text: string): number {
  const found = /^(\d{1,9})([smhdw]?)$/.exec(text)
  if (found === null) throw new ApiError(400, `older_than is a time as 7d, 12h, 30m or seconds, not ${text}`, 1412)
  return Number(found[1]) * (secondsOf[found[2] === '' ? 's' : (found[2] ?? 's')] ?? 1) * 1000
}
