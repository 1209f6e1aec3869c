/**
 * Whether a new agent is taken in, and in whose place (spec: agent-protocol, parts 1.2 to 1.4; contracts, part 6). Pure: what is known comes in, a decision goes out.
 */
import { type EnrolmentRequest, isNewerVersion, type KeyEntry, keyHash } from '@dogwatch/protocol'
import type { AgentRow } from './agents-state.ts'

/** The version that this manager is like, for agents that compare. */
export const managerVersion = 'v4.14.7'

/** `<auth>` as far as it decides. */
export interface EnrolmentPolicy {
  readonly usesSourceIp: boolean
  readonly allowsHigherVersions: boolean
  readonly force: {
    readonly enabled: boolean
    readonly keyMismatch: boolean
    readonly disconnectedTime: { readonly enabled: boolean; readonly seconds: number }
    readonly afterRegistrationTimeS: number
  }
}

export interface EnrolmentFacts {
  /** Host name of the manager: no agent may have it. */
  readonly hostname: string
  readonly peer: string
  readonly nowMs: number
  readonly hasGroup: (group: string) => boolean
  readonly agents: readonly { readonly entry: KeyEntry; readonly row: AgentRow | undefined }[]
  /** The node that the request's token belongs to, by the word of the cluster; null when there is none. */
  readonly provenNode: string | null
}

export type EnrolmentDecision =
  | { readonly kind: 'refused'; readonly reason: string; readonly about: 'name' | 'ip' | 'version' | 'group' }
  /** A new id; those in `replaces` leave. */
  | { readonly kind: 'new'; readonly ip: string; readonly replaces: readonly string[] }
  /** The same id, a new key. */
  | { readonly kind: 'renewed'; readonly id: string; readonly ip: string }

/** Decides on a request. Reasons are the texts of part 1.3. */
export function decideEnrolment(
  request: EnrolmentRequest,
  { usesSourceIp, allowsHigherVersions, force }: EnrolmentPolicy,
  { hostname, peer, nowMs, hasGroup, agents, provenNode }: EnrolmentFacts,
): EnrolmentDecision {
  const { name, version, groups, nodeUid } = request
  const refused = (about: 'name' | 'ip' | 'version' | 'group', reason: string): EnrolmentDecision => ({
    kind: 'refused',
    reason,
    about,
  })
  if (name === hostname) return refused('name', `Invalid agent name: ${name}`)
  if (version !== null && !allowsHigherVersions && isNewerVersion(version, managerVersion) !== false)
    return refused('version', 'Agent version must be lower or equal to manager version')
  const missing = groups?.find((group) => !hasGroup(group))
  if (missing !== undefined) return refused('group', `Invalid group: ${missing}`)
  const ip = request.ip === 'src' || (request.ip === null && usesSourceIp) ? peer : (request.ip ?? 'any')

  const sameNode = nodeUid === null ? undefined : agents.find(({ row }) => row?.nodeUid === nodeUid)
  const isProven = sameNode !== undefined && (provenNode === nodeUid || request.keyHash === keyHash(sameNode.entry))
  if (sameNode !== undefined && isProven) return { kind: 'renewed', id: sameNode.entry.id, ip }

  const byIp = ip === 'any' ? undefined : agents.find(({ entry }) => entry.ip === ip)
  if (byIp !== undefined && !mayReplace(byIp)) return refused('ip', `Duplicate IP: ${ip}`)
  const byName = agents.find(({ entry }) => entry.name === name)
  if (byName !== undefined && !mayReplace(byName)) return refused('name', `Duplicate agent name: ${name}`)
  const replaced = [byIp, byName].flatMap((agent) => (agent === undefined ? [] : [agent.entry.id]))
  return { kind: 'new', ip, replaces: [...new Set(replaced)] }

  function mayReplace({ entry, row }: EnrolmentFacts['agents'][number]): boolean {
    if (!force.enabled) return false
    if (force.keyMismatch && request.keyHash === keyHash(entry)) return false
    if (row === undefined) return true
    if (nowMs - row.addedMs < force.afterRegistrationTimeS * 1000) return false
    if (!force.disconnectedTime.enabled || row.status === 'never_connected') return true
    const awayMs = row.status === 'disconnected' ? nowMs - (row.disconnectedMs ?? 0) : -1
    return awayMs >= force.disconnectedTime.seconds * 1000
  }
}
