/**
 * What /proc tells of a process, and on a Kubernetes node to which pod it belongs (process → cgroup → container id →
 * the kubelet's log links). In goes a process id, out come facts; a process that has ended has none.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Actor, PodFacts } from '../fim/message.ts'
import type { Names } from '../fim/names.ts'

export interface HostPaths {
  /** `/proc`, or the host's where it is mounted. */
  readonly proc: string
  /** `/var/log/containers`. */
  readonly containerLogs: string
}

export const ownHost: HostPaths = { proc: '/proc', containerLogs: '/var/log/containers' }

const unsetId = '4294967295'

/** What is known of a living process; null when it has gone. */
export function processActor(pid: number, names: Names, host: HostPaths = ownHost): Actor | null {
  const status = readText(`${host.proc}/${pid}/status`)
  if (status === '') return null
  const ids = (name: string): string[] => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1]?.split(/\s+/) ?? []
  const [uid = '', euid = ''] = ids('Uid')
  const [gid = ''] = ids('Gid')
  const ppid = Number(ids('PPid')[0] ?? 0)
  const login = readText(`${host.proc}/${pid}/loginuid`).trim()
  return {
    userId: uid,
    userName: names.user(uid),
    groupId: gid,
    groupName: names.group(gid),
    effectiveUid: euid,
    effectiveName: names.user(euid),
    ...(login === '' || login === unsetId ? {} : { auditUid: login, auditName: names.user(login) }),
    processId: pid,
    processName: readLink(`${host.proc}/${pid}/exe`),
    cwd: readLink(`${host.proc}/${pid}/cwd`),
    ppid,
    ...parentFacts(ppid, host),
    pod: podOf(pid, host) ?? undefined,
  }
}

/** Program and folder of a parent; empty when it has gone. */
export function parentFacts(ppid: number, host: HostPaths = ownHost): Pick<Actor, 'parentName' | 'parentCwd'> {
  if (!(ppid > 0)) return {}
  return { parentName: readLink(`${host.proc}/${ppid}/exe`), parentCwd: readLink(`${host.proc}/${ppid}/cwd`) }
}

/** The pod of a process; null when it belongs to none, or has gone. */
export function podOf(pid: number, host: HostPaths = ownHost): PodFacts | null {
  const container = containerOf(readText(`${host.proc}/${pid}/cgroup`))
  if (container === null) return null
  const named = nameContainer(container.containerId, host.containerLogs)
  if (named === null && container.podUid === '') return null
  return { pod: '', namespace: '', container: '', ...named, ...container }
}

/** Container id and pod uid of a cgroup path; null when it is no container's. */
export function containerOf(cgroup: string): { readonly containerId: string; readonly podUid: string } | null {
  const id = /(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?:\/|$)/m.exec(cgroup)?.[1]
  if (id === undefined) return null
  const uid = /pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})/.exec(cgroup)?.[1]
  return { containerId: id, podUid: uid?.replaceAll('_', '-') ?? '' }
}

/** Pod, namespace and container of the name of a log link, `<pod>_<namespace>_<container>-<id>.log`; null when it is none. */
export function parseContainerLog(name: string): (Omit<PodFacts, 'podUid'> & { readonly containerId: string }) | null {
  const found = /^([^_]+)_([^_]+)_(.+)-([0-9a-f]{64})\.log$/.exec(name)
  if (found === null) return null
  const [, pod = '', namespace = '', container = '', containerId = ''] = found
  return { pod, namespace, container, containerId }
}

const known = new Map<string, Pick<PodFacts, 'pod' | 'namespace' | 'container'>>()
const knownMax = 2000
let missedAt = Number.NEGATIVE_INFINITY
/** How soon the folder is read again for a container that was not found, in milliseconds. */
const missMs = 1000

function nameContainer(id: string, folder: string): Pick<PodFacts, 'pod' | 'namespace' | 'container'> | null {
  const named = known.get(id)
  if (named !== undefined) return named
  if (performance.now() - missedAt < missMs) return null
  missedAt = performance.now()
  if (known.size > knownMax) known.clear()
  try {
    for (const name of readdirSync(folder)) {
      const facts = parseContainerLog(name)
      if (facts === null) continue
      known.set(facts.containerId, { pod: facts.pod, namespace: facts.namespace, container: facts.container })
    }
  } catch {
    return null
  }
  return known.get(id) ?? null
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function readLink(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
