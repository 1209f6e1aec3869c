/** File integrity events of agents: fields for rules, the rebuilt full_log, and the alert's `syscheck` member (spec: engine, part 16.1). */

import type { EventDecoder } from '../decode.ts'
import type { Event } from '../event.ts'
import { jsonText } from '../json-text.ts'
import { nestedJson } from '../render.ts'
import {
  claim,
  type JsonObject,
  member,
  numberMember,
  objectMember,
  put,
  readObject,
  textMember,
  textsMember,
} from './store.ts'

type Change = 'added' | 'modified' | 'deleted'
const changes = new Set<string>(['added', 'modified', 'deleted'])
const decoderNames: Readonly<Record<string, Readonly<Record<Change, string>>>> = {
  file: { added: 'syscheck_new_entry', modified: 'syscheck_integrity_changed', deleted: 'syscheck_deleted' },
  registry_key: {
    added: 'syscheck_registry_key_added',
    modified: 'syscheck_registry_key_modified',
    deleted: 'syscheck_registry_key_deleted',
  },
  registry_value: {
    added: 'syscheck_registry_value_added',
    modified: 'syscheck_registry_value_modified',
    deleted: 'syscheck_registry_value_deleted',
  },
}

/** Longest path that is shown whole in full_log, and how much of both ends is kept of a longer one. Bytes. */
const pathLengthMax = 756
const pathKept = 374

/** One state of an entry, as texts; undefined where the agent said nothing. */
interface State {
  readonly size?: string | undefined
  readonly perm?: string | undefined
  /** Windows permissions by account. */
  readonly winPerm?:
    | readonly { readonly name: string; readonly allowed: readonly string[]; readonly denied: readonly string[] }[]
    | undefined
  readonly uid?: string | undefined
  readonly gid?: string | undefined
  readonly md5?: string | undefined
  readonly sha1?: string | undefined
  readonly sha256?: string | undefined
  readonly uname?: string | undefined
  readonly gname?: string | undefined
  readonly mtime?: string | undefined
  readonly inode?: string | undefined
  readonly attributes?: string | undefined
}

/** Decodes a message of queue `8`; false when it makes no event. */
export function decodeFim(event: Event, decoder: EventDecoder): boolean {
  const message = readObject(event.fullLog)
  if (message === null || textMember(message, 'type') !== 'event') return false
  const data = objectMember(message, 'data')
  const attributes = objectMember(data, 'attributes')
  const change = textMember(data, 'type')
  const path = textMember(data, 'path')
  if (
    data === undefined ||
    attributes === undefined ||
    path === undefined ||
    change === undefined ||
    !changes.has(change)
  )
    return false
  const declared = textMember(attributes, 'type')
  const kind = declared === 'registry' ? 'file' : declared
  const names = kind !== undefined && Object.hasOwn(decoderNames, kind) ? decoderNames[kind] : undefined
  if (kind === undefined || names === undefined) return false
  if (kind !== 'file' && (numberMember(data, 'version') ?? 0) >= 3 && textMember(data, 'index') === undefined)
    return false
  claim(event, decoder, names[change as Change])
  const now = stateOf(attributes)
  const before = stateOf(objectMember(data, 'old_attributes'))
  const entry = { data, path, change: change as Change, kind, now, before, attributes }
  event.fullLog = fullLog(entry)
  event.logStart = -1
  fields(event, entry)
  event.syscheck = syscheckJson(entry)
  event.syscheckText = textBlock(entry)
  return true
}

interface Entry {
  readonly data: JsonObject
  readonly path: string
  readonly change: Change
  readonly kind: string
  readonly now: State
  readonly before: State
  readonly attributes: JsonObject
}

function stateOf(attributes: JsonObject | undefined): State {
  if (attributes === undefined) return {}
  const integer = (name: string): string | undefined => {
    const value = member(attributes, name)
    return value?.kind === 'number'
      ? String(Math.trunc(value.value))
      : value?.kind === 'string'
        ? value.text
        : undefined
  }
  const permissions = objectMember(attributes, 'perm')
  const winPerm = permissions?.members.map(([account, entry]) => {
    const rights = entry.kind === 'object' ? entry : undefined
    const upper = (name: string): string[] => textsMember(rights, name).map((right) => right.toUpperCase())
    return { name: textMember(rights, 'name') ?? account, allowed: upper('allowed'), denied: upper('denied') }
  })
  return {
    size: integer('size'),
    perm:
      winPerm === undefined
        ? textMember(attributes, 'perm')
        : winPerm
            .map(permissionText)
            .filter((text) => text !== '')
            .join(', '),
    winPerm,
    uid: textMember(attributes, 'uid'),
    gid: textMember(attributes, 'gid'),
    md5: textMember(attributes, 'hash_md5'),
    sha1: textMember(attributes, 'hash_sha1'),
    sha256: textMember(attributes, 'hash_sha256'),
    uname: textMember(attributes, 'user_name'),
    gname: textMember(attributes, 'group_name'),
    mtime: integer('mtime'),
    inode: integer('inode'),
    attributes: textMember(attributes, 'attributes'),
  }
}

function permissionText({
  name,
  allowed,
  denied,
}: {
  name: string
  allowed: readonly string[]
  denied: readonly string[]
}): string {
  const side = (word: string, rights: readonly string[]): string[] =>
    rights.length === 0 ? [] : [`${name} (${word}): ${rights.join('|')}`]
  return [...side('allowed', allowed), ...side('denied', denied)].join(', ')
}

const auditTexts = [
  'user_id',
  'user_name',
  'group_id',
  'group_name',
  'process_name',
  'parent_name',
  'cwd',
  'parent_cwd',
  'audit_uid',
  'audit_name',
  'effective_uid',
  'effective_name',
] as const

function fields(event: Event, { data, path, change, now, before, kind, attributes }: Entry): void {
  const audit = objectMember(data, 'audit')
  const hardLinks = textsMember(data, 'hard_links')
  const number = (name: string): string | undefined => {
    const value = numberMember(audit, name)
    return value === undefined ? undefined : String(Math.trunc(value))
  }
  put(event, 'file', path)
  if (hardLinks.length > 0) put(event, 'hard_links', `[${hardLinks.map(jsonText).join(',')}]`)
  put(event, 'mode', textMember(data, 'mode'))
  for (const key of [
    'size',
    'perm',
    'uid',
    'gid',
    'md5',
    'sha1',
    'uname',
    'gname',
    'mtime',
    'inode',
    'sha256',
  ] as const) {
    put(event, key, now[key])
    put(event, `${key}_before`, before[key])
  }
  put(event, 'changed_content', textMember(data, 'content_changes'))
  put(event, 'win_attributes', now.attributes)
  put(event, 'win_attributes_before', before.attributes)
  const changed = textsMember(data, 'changed_attributes')
  if (changed.length > 0) put(event, 'changed_fields', changed.join(','))
  for (const key of auditTexts) put(event, key, textMember(audit, key))
  put(event, 'ppid', number('ppid'))
  put(event, 'process_id', number('process_id'))
  put(event, 'tag', textMember(data, 'tags'))
  put(event, 'symbolic_path', textMember(attributes, 'symlink_path'))
  put(event, 'arch', textMember(data, 'arch'))
  put(event, 'value_name', textMember(data, 'value_name'))
  put(event, 'value_type', textMember(attributes, 'value_type'))
  put(event, 'hash_full_path', textMember(data, 'index'))
  put(event, 'entry_type', kind)
  put(event, 'event_type', change)
  kubernetesFields(event, objectMember(data, 'kubernetes'))
}

/** What our agent adds on a Kubernetes node: the pod of the program that made the change. Rules see it as fields, alerts have it under `data`. */
const kubernetesTexts = ['namespace', 'pod.name', 'pod.uid', 'container.name', 'container.id'] as const

function kubernetesFields(event: Event, facts: JsonObject | undefined): void {
  if (facts === undefined) return
  const known = kubernetesTexts.flatMap((key) => {
    const [first = '', second] = key.split('.')
    const value = second === undefined ? textMember(facts, first) : textMember(objectMember(facts, first), second)
    return value === undefined || value === '' ? [] : [[`kubernetes.${key}`, value] as const]
  })
  if (known.length === 0) return
  for (const [key, value] of known) put(event, key, value)
  const bytes = Buffer.from(nestedJson(known, false).slice(1, -1), 'latin1')
  event.rendered = { bytes, start: 0, end: bytes.length }
}

function shownPath(path: string): string {
  return path.length <= pathLengthMax ? path : `${path.slice(0, pathKept)} [...] ${path.slice(-pathKept)}`
}

function fullLog({ data, path, change, kind, now, before }: Entry): string {
  const arch = textMember(data, 'arch') ?? ''
  const subject =
    kind === 'file'
      ? `File '${shownPath(path)}'`
      : kind === 'registry_key'
        ? `Registry Key '${arch} ${shownPath(path)}'`
        : `Registry Value '${arch} ${shownPath(path)}\\${textMember(data, 'value_name') ?? ''}'`
  let out = `${subject} ${change}\n`
  const hardLinks = textsMember(data, 'hard_links')
  if (hardLinks.length > 0) out += `Hard links: ${hardLinks.join(',')}\n`
  out += `Mode: ${textMember(data, 'mode') ?? ''}\n`
  const changed = textsMember(data, 'changed_attributes')
  if (changed.length > 0) out += `Changed attributes: ${changed.join(',')}\n`
  if (change !== 'modified') return out
  for (const [key, phrase] of changeLines) {
    const [old, fresh] = [before[key], now[key]]
    if (typeof old === 'string' && typeof fresh === 'string' && old !== '' && old !== fresh) out += phrase(old, fresh)
  }
  return out
}

const changeLines: readonly (readonly [keyof State, (old: string, fresh: string) => string])[] = [
  ['size', (old, fresh) => `Size changed from '${old}' to '${fresh}'\n`],
  ['perm', (old, fresh) => `Permissions changed from '${old}' to '${fresh}'\n`],
  ['uid', (old, fresh) => `Ownership was '${old}', now it is '${fresh}'\n`],
  ['uname', (old, fresh) => `User name was '${old}', now it is '${fresh}'\n`],
  ['gid', (old, fresh) => `Group ownership was '${old}', now it is '${fresh}'\n`],
  ['gname', (old, fresh) => `Group name was '${old}', now it is '${fresh}'\n`],
  ['mtime', (old, fresh) => `Old modification time was: '${old}', now it is '${fresh}'\n`],
  ['inode', (old, fresh) => `Old inode was: '${old}', now it is '${fresh}'\n`],
  ['md5', (old, fresh) => `Old md5sum was: '${old}'\nNew md5sum is : '${fresh}'\n`],
  ['sha1', (old, fresh) => `Old sha1sum was: '${old}'\nNew sha1sum is : '${fresh}'\n`],
  ['sha256', (old, fresh) => `Old sha256sum was: '${old}'\nNew sha256sum is : '${fresh}'\n`],
  ['attributes', (old, fresh) => `Old attributes were: '${old}'\nNow they are '${fresh}'\n`],
]

const two = (n: number): string => String(n).padStart(2, '0')

/** Local `YYYY-MM-DDTHH:MM:SS` of epoch seconds as text. */
function localTime(seconds: string): string {
  const d = new Date(Number(seconds) * 1000)
  return Number.isNaN(d.getTime())
    ? ''
    : `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
}

const list = (values: readonly string[]): string => `[${values.map(jsonText).join(',')}]`
const splitAttributes = (text: string): string[] =>
  text
    .split(/[,|]/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
const permJson = (perm: NonNullable<State['winPerm']>): string =>
  `[${perm
    .map(({ name, allowed, denied }) => {
      const members = [`"name":${jsonText(name)}`]
      if (allowed.length > 0) members.push(`"allowed":${list(allowed)}`)
      if (denied.length > 0) members.push(`"denied":${list(denied)}`)
      return `{${members.join(',')}}`
    })
    .join(',')}]`

function syscheckJson({ data, path, change, now, before, attributes }: Entry): string {
  const members: string[] = [`"path":${jsonText(path)}`]
  const add = (name: string, json: string | undefined): void => {
    if (json !== undefined) members.push(`"${name}":${json}`)
  }
  const text = (value: string | undefined): string | undefined =>
    value === undefined || value === '' ? undefined : jsonText(value)
  const hardLinks = textsMember(data, 'hard_links')
  if (hardLinks.length > 0) add('hard_links', list(hardLinks))
  add('mode', text(textMember(data, 'mode')))
  add('symbolic_path', text(textMember(attributes, 'symlink_path')))
  add('arch', text(textMember(data, 'arch')))
  add('value_name', text(textMember(data, 'value_name')))
  add('value_type', text(textMember(attributes, 'value_type')))
  const pair = (key: keyof State, name: string, render: (value: string) => string | undefined): void => {
    const [old, fresh] = [before[key], now[key]]
    if (typeof old === 'string' && old !== '' && old !== fresh) add(`${name}_before`, render(old))
    if (typeof fresh === 'string' && fresh !== '') add(`${name}_after`, render(fresh))
  }
  pair('size', 'size', jsonText)
  if (now.winPerm === undefined && before.winPerm === undefined) pair('perm', 'perm', jsonText)
  else {
    if (before.winPerm !== undefined && before.perm !== now.perm) add('win_perm_before', permJson(before.winPerm))
    if (now.winPerm !== undefined) add('win_perm_after', permJson(now.winPerm))
  }
  pair('uid', 'uid', jsonText)
  pair('gid', 'gid', jsonText)
  pair('md5', 'md5', jsonText)
  pair('sha1', 'sha1', jsonText)
  pair('sha256', 'sha256', jsonText)
  pair('attributes', 'attrs', (value) => list(splitAttributes(value)))
  pair('uname', 'uname', jsonText)
  pair('gname', 'gname', jsonText)
  pair('mtime', 'mtime', (value) => (Number(value) > 0 ? jsonText(localTime(value)) : undefined))
  pair('inode', 'inode', (value) => (/^\d+$/.test(value) && Number(value) !== 0 ? value : undefined))
  const diff = textMember(data, 'content_changes')
  if (diff !== undefined && diff !== '' && diff !== '0') add('diff', jsonText(diff))
  const tags = textMember(data, 'tags')
  if (tags !== undefined && tags !== '')
    add(
      'tags',
      list(
        tags
          .split(',')
          .map((tag) => tag.trim())
          .filter((tag) => tag !== ''),
      ),
    )
  const changed = textsMember(data, 'changed_attributes')
  if (changed.length > 0) add('changed_attributes', list(changed))
  add('event', jsonText(change))
  add('audit', auditJson(objectMember(data, 'audit')))
  return `{${members.join(',')}}`
}

const auditSections: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  [
    'user',
    [
      ['id', 'user_id'],
      ['name', 'user_name'],
    ],
  ],
  [
    'process',
    [
      ['id', 'process_id'],
      ['name', 'process_name'],
      ['cwd', 'cwd'],
      ['parent_name', 'parent_name'],
      ['parent_cwd', 'parent_cwd'],
      ['ppid', 'ppid'],
    ],
  ],
  [
    'group',
    [
      ['id', 'group_id'],
      ['name', 'group_name'],
    ],
  ],
  [
    'login_user',
    [
      ['id', 'audit_uid'],
      ['name', 'audit_name'],
    ],
  ],
  [
    'effective_user',
    [
      ['id', 'effective_uid'],
      ['name', 'effective_name'],
    ],
  ],
]

function auditJson(audit: JsonObject | undefined): string | undefined {
  if (audit === undefined) return undefined
  const sections = auditSections.flatMap(([section, keys]) => {
    const members = keys.flatMap(([name, key]) => {
      const value = auditValue(audit, key)
      return value === undefined || value === '' ? [] : [`"${name}":${jsonText(value)}`]
    })
    return members.length === 0 ? [] : [`"${section}":{${members.join(',')}}`]
  })
  return sections.length === 0 ? undefined : `{${sections.join(',')}}`
}

function auditValue(audit: JsonObject, key: string): string | undefined {
  const value = member(audit, key)
  return value?.kind === 'number' ? String(Math.trunc(value.value)) : value?.kind === 'string' ? value.text : undefined
}

/** ` - Date: ` form of the text alerts: C's ctime. */
function ctime(seconds: string): string {
  const d = new Date(Number(seconds) * 1000)
  if (Number.isNaN(d.getTime())) return ''
  const [day, month] = d.toDateString().split(' ')
  return `${day} ${month} ${String(d.getDate()).padStart(2, ' ')} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())} ${d.getFullYear()}`
}

function textBlock({ data, now }: Entry): string {
  const audit = objectMember(data, 'audit')
  const auditText = (key: string): string | undefined => (audit === undefined ? undefined : auditValue(audit, key))
  const owner = (name: string | undefined, id: string | undefined): string | undefined =>
    id === undefined || id === '' ? undefined : `${name ?? ''} (${id})`
  const hash = (value: string | undefined): string | undefined => (value === 'xxx' ? undefined : value)
  let out = 'Attributes:\n'
  const line = (label: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') out += ` - ${label}: ${value}\n`
  }
  line('Size', now.size)
  line('Permissions', now.perm)
  line('Date', now.mtime === undefined ? undefined : ctime(now.mtime))
  line('Inode', now.inode)
  line('User', owner(now.uname, now.uid))
  line('Group', owner(now.gname, now.gid))
  line('MD5', hash(now.md5))
  line('SHA1', hash(now.sha1))
  line('SHA256', hash(now.sha256))
  line('File attributes', now.attributes)
  line('(Audit) User name', auditText('user_name'))
  line('(Audit) Audit name', auditText('audit_name'))
  line('(Audit) Effective name', auditText('effective_name'))
  line('(Audit) Group name', auditText('group_name'))
  line('(Audit) Process id', auditText('process_id'))
  line('(Audit) Process name', auditText('process_name'))
  line('(Audit) Process cwd', auditText('cwd'))
  line('(Audit) Parent process name', auditText('parent_name'))
  line('(Audit) Parent process id', auditText('ppid'))
  line('(Audit) Parent process cwd', auditText('parent_cwd'))
  const diff = textMember(data, 'content_changes')
  if (diff !== undefined && diff !== '') out += `\nWhat changed:\n${diff}\n`
  const tags = textMember(data, 'tags')
  if (tags !== undefined && tags !== '')
    out += `\nTags:\n${tags
      .split(',')
      .map((tag) => ` - ${tag.trim()}\n`)
      .join('')}`
  return out
}
