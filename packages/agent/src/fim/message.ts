/** Change messages of queue `8` (spec: fim, part 3). In go states, out comes JSON; pure. */
import { shownText } from '../bytes.ts'
import { type FileState, stateChecksum } from './file-state.ts'
import { type Check, checkBit, type Mode } from './options.ts'

export type Change = 'added' | 'modified' | 'deleted'

/** Who did it, where that is known. Empty members are left out of the message. */
export interface Actor {
  readonly userId?: string | undefined
  readonly userName?: string | undefined
  readonly processName?: string | undefined
  readonly processId?: number | undefined
  readonly cwd?: string | undefined
  readonly groupId?: string | undefined
  readonly groupName?: string | undefined
  readonly auditUid?: string | undefined
  readonly auditName?: string | undefined
  readonly effectiveUid?: string | undefined
  readonly effectiveName?: string | undefined
  readonly parentName?: string | undefined
  readonly parentCwd?: string | undefined
  readonly ppid?: number | undefined
  /** The pod that the process belongs to. */
  readonly pod?: PodFacts | undefined
}

/** Where on Kubernetes a process runs. */
export interface PodFacts {
  readonly pod: string
  readonly namespace: string
  readonly container: string
  readonly containerId: string
  readonly podUid: string
}

/** A change, about to be told. */
export interface FileChange {
  readonly path: string
  readonly mode: Mode
  readonly change: Change
  /** Unix seconds. */
  readonly timestamp: number
  readonly checks: number
  readonly state: FileState
  readonly old: FileState | null
  readonly changed: readonly string[]
  readonly tags: string
  readonly hardLinks: readonly string[]
  /** The configured link by which the file is watched, or ''. */
  readonly symlink: string
  readonly actor: Actor | null
  readonly contentChanges: string | null
}

const comparisons: readonly [name: string, key: keyof FileState, check: Check][] = [
  ['size', 'size', 'size'],
  ['permission', 'perm', 'perm'],
  ['uid', 'uid', 'owner'],
  ['user_name', 'userName', 'owner'],
  ['gid', 'gid', 'group'],
  ['group_name', 'groupName', 'group'],
  ['mtime', 'mtime', 'mtime'],
  ['inode', 'inode', 'inode'],
  ['md5', 'md5', 'md5'],
  ['sha1', 'sha1', 'sha1'],
  ['sha256', 'sha256', 'sha256'],
]

/** Names of what differs, of what both states were checked for (`checks`: the mask that both have). */
export function changedAttributes(old: FileState, fresh: FileState, checks: number): string[] {
  return comparisons.flatMap(([name, key, check]) =>
    (checks & checkBit(check)) !== 0 && old[key] !== fresh[key] ? [name] : [],
  )
}

/** Longest message, in bytes: what the protocol carries, less what stands in front of it. */
export const messageLengthMax = 64_000

/** The message as JSON text. Where it would be too long, the text of the change is what is shortened. */
export function changeMessage(change: FileChange): string {
  for (let { contentChanges } = change; ; ) {
    const text = messageText({ ...change, contentChanges })
    const excess = Buffer.byteLength(text) - messageLengthMax
    if (excess <= 0 || contentChanges === null || contentChanges === '') return text
    // Escapes make bytes of a text more, so half of it at least goes when it is far too long.
    const kept = Math.max(0, Math.min(contentChanges.length - excess - 20, contentChanges.length - 100))
    contentChanges = kept === 0 ? '' : `${contentChanges.slice(0, kept)}\nMore changes...`
  }
}

function messageText(change: FileChange): string {
  const { path, mode, timestamp, state, old, changed, checks, tags, actor, contentChanges } = change
  const data = {
    path: shownText(path),
    version: 2,
    mode,
    type: change.change,
    timestamp,
    attributes: attributesOf(state, checks, change.symlink),
    ...(change.change === 'modified' ? { changed_attributes: changed } : {}),
    ...(change.change === 'modified' && old !== null
      ? { old_attributes: attributesOf(old, checks, change.symlink) }
      : {}),
    ...(change.hardLinks.length > 0 ? { hard_links: change.hardLinks.map(shownText) } : {}),
    ...auditMember(actor),
    ...(actor?.pod !== undefined ? { kubernetes: kubernetesOf(actor.pod) } : {}),
    ...(contentChanges !== null ? { content_changes: contentChanges } : {}),
    ...(tags !== '' ? { tags: shownText(tags) } : {}),
  }
  return JSON.stringify({ type: 'event', data })
}

/** The same shape as the logs of a container have, so that one search finds both. */
function kubernetesOf({ namespace, pod, podUid, container, containerId }: PodFacts): Record<string, unknown> {
  const known = (members: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(members).filter(([, value]) => value !== ''))
  return {
    ...known({ namespace }),
    pod: known({ name: pod, uid: podUid }),
    container: known({ name: container, id: containerId }),
  }
}

/** `scan_start` or `scan_end`. */
export function scanMark(type: 'scan_start' | 'scan_end', timestamp: number): string {
  return JSON.stringify({ type, data: { timestamp } })
}

/** The attributes that are checked, as messages have them. */
export function attributesOf(state: FileState, checks: number, symlink: string): Record<string, string | number> {
  const has = (check: Check): boolean => (checks & checkBit(check)) !== 0
  return {
    type: 'file',
    ...(has('size') ? { size: state.size } : {}),
    ...(has('perm') ? { perm: state.perm } : {}),
    ...(has('owner') ? { uid: state.uid, user_name: state.userName } : {}),
    ...(has('group') ? { gid: state.gid, group_name: state.groupName } : {}),
    ...(has('inode') ? { inode: state.inode } : {}),
    ...(has('mtime') ? { mtime: state.mtime } : {}),
    ...(has('md5') ? { hash_md5: state.md5 } : {}),
    ...(has('sha1') ? { hash_sha1: state.sha1 } : {}),
    ...(has('sha256') ? { hash_sha256: state.sha256 } : {}),
    ...(symlink === '' ? {} : { symlink_path: shownText(symlink) }),
    checksum: stateChecksum(state),
  }
}

function auditMember(actor: Actor | null): { readonly audit?: Record<string, string | number> } {
  const audit = actor === null ? {} : auditOf(actor)
  return Object.keys(audit).length === 0 ? {} : { audit }
}

function auditOf(actor: Actor): Record<string, string | number> {
  const members: [string, string | number | undefined][] = [
    ['user_id', actor.userId],
    ['user_name', actor.userName],
    ['process_name', actor.processName],
    ['process_id', actor.processId],
    ['cwd', actor.cwd],
    ['group_id', actor.groupId],
    ['group_name', actor.groupName],
    ['audit_uid', actor.auditUid],
    ['audit_name', actor.auditName],
    ['effective_uid', actor.effectiveUid],
    ['effective_name', actor.effectiveName],
    ['parent_name', actor.parentName],
    ['parent_cwd', actor.parentCwd],
    ['ppid', actor.ppid],
  ]
  const audit: Record<string, string | number> = {}
  for (const [name, value] of members) if (value !== undefined && value !== '') audit[name] = value
  return audit
}
