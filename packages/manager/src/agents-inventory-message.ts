/**
 * What agents say of their files (spec: fim, part 3; agent-protocol, part 9), read and taken into the inventory. In: the bytes of a message, which are an
 * agent's and may be anything. Out: what the inventory is told, and the answer that the agent gets to a comparison. Wrong: null, and nothing changes.
 */
import { componentOf, type Inventory, type InventoryComponent } from '@dogwatch/store'

export type FileMessage =
  | {
      readonly kind: 'put'
      readonly component: InventoryComponent
      readonly key: string
      readonly dateS: number
      readonly checksum: string
      readonly attributes: Readonly<Record<string, unknown>>
      readonly isChange: boolean
    }
  | { readonly kind: 'remove'; readonly component: InventoryComponent; readonly key: string }
  | { readonly kind: 'scan'; readonly mark: 'start' | 'end'; readonly timeS: number }
  | { readonly kind: 'clear'; readonly component: InventoryComponent }
  | {
      readonly kind: 'check'
      readonly component: InventoryComponent
      readonly part: 'global' | 'left' | 'right'
      readonly id: number
      readonly begin: string
      readonly end: string
      readonly checksum: string
      readonly tail: string | null
    }

/** Longest message that is read, key, and attribute's value. Bytes and characters. */
const messageLengthMax = 128 * 1024
const keyLengthMax = 8192
const valueLengthMax = 1024
/** Windows permissions are lists of accounts, kept as text. */
const permissionLengthMax = 8192

const kept = [
  'size',
  'perm',
  'attributes',
  'uid',
  'gid',
  'user_name',
  'group_name',
  'inode',
  'mtime',
  'hash_md5',
  'hash_sha1',
  'hash_sha256',
  'value_type',
] as const

/** Reads a message of queue 8 or 5. */
export function readFileMessage(queue: string, message: Buffer): FileMessage | null {
  if (message.length > messageLengthMax) return null
  let value: unknown
  try {
    value = JSON.parse(message.toString('utf8'))
  } catch {
    return null
  }
  const said = membersOf(value)
  const data = membersOf(said?.data)
  if (said === null || data === null) return null
  return queue === '8' ? readEvent(said, data) : readSync(said, data)
}

function readEvent(said: Members, data: Members): FileMessage | null {
  const timeS = timeOf(data.timestamp)
  if (said.type === 'scan_start' || said.type === 'scan_end')
    return timeS === null ? null : { kind: 'scan', mark: said.type === 'scan_start' ? 'start' : 'end', timeS }
  const attributes = membersOf(data.attributes)
  const path = textOf(data.path, keyLengthMax)
  if (said.type !== 'event' || attributes === null || path === null || timeS === null) return null
  const type = attributes.type === 'registry' ? 'file' : attributes.type
  const component = componentOf(`fim_${String(type)}`)
  if (component === null) return null
  const key = component === 'fim_file' ? path : registryKey(data, path)
  if (key === null || path === '') return null
  if (data.type === 'deleted') return { kind: 'remove', component, key }
  if (data.type !== 'added' && data.type !== 'modified') return null
  return {
    kind: 'put',
    component,
    key,
    dateS: timeS,
    ...stateOf(attributes, data),
    isChange: data.type === 'modified',
  }
}

function readSync(said: Members, data: Members): FileMessage | null {
  const component = componentOf(said.component)
  if (component === null || typeof said.type !== 'string') return null
  if (said.type === 'integrity_clear') return { kind: 'clear', component }
  if (said.type === 'state') {
    const attributes = membersOf(data.attributes)
    const key = textOf(data.index, keyLengthMax) ?? textOf(data.path, keyLengthMax)
    if (attributes === null || key === null || key === '') return null
    return {
      kind: 'put',
      component,
      key,
      dateS: timeOf(data.timestamp) ?? 0,
      ...stateOf(attributes, data),
      isChange: false,
    }
  }
  const part = /^integrity_check_(global|left|right)$/.exec(said.type)?.[1]
  const begin = textOf(data.begin, keyLengthMax)
  const end = textOf(data.end, keyLengthMax)
  const checksum = sumOf(data.checksum)
  const id = timeOf(data.id)
  if (begin === null || end === null || checksum === '' || id === null) return null
  if (part !== 'global' && part !== 'left' && part !== 'right') return null
  return { kind: 'check', component, part, id, begin, end, checksum, tail: textOf(data.tail, keyLengthMax) }
}

/** Takes a message in; gives what the agent is answered, null when nothing. `onFull` is told when an entry finds no room. */
export function takeFileMessage(
  inventory: Inventory,
  agent: string,
  message: FileMessage,
  onFull: () => void,
): string | null {
  switch (message.kind) {
    case 'put': {
      const { isChange, kind: _, ...entry } = message
      if (!inventory.put(agent, entry, isChange)) onFull()
      return null
    }
    case 'remove':
      inventory.remove(agent, message.component, message.key)
      return null
    case 'scan':
      inventory.putScan(agent, message.mark, message.timeS)
      return null
    case 'clear':
      inventory.clear(agent, message.component)
      return null
    case 'check': {
      const { component, part, id, begin, end, checksum, tail } = message
      if (part === 'global') inventory.keepOnly(agent, component, begin, end)
      if (part === 'left' && tail !== null) inventory.removeBetween(agent, component, end, tail)
      const own = inventory.sumOf(agent, component, begin, end)
      if (own.count > 0 && own.checksum === checksum) return null
      const word = own.count === 0 ? 'no_data' : 'checksum_fail'
      return `#!-${component} dbsync ${word} ${JSON.stringify({ id, begin, end })}`
    }
  }
}

type Members = Readonly<Record<string, unknown>>

function membersOf(value: unknown): Members | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
}

function textOf(value: unknown, lengthMax: number): string | null {
  // A character that UTF-8 cannot say, or that ends text in SQLite, would come back as another key.
  return typeof value === 'string' && value.length <= lengthMax && value.isWellFormed() && !value.includes('\0')
    ? value
    : null
}

function timeOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

function sumOf(value: unknown): string {
  return typeof value === 'string' && /^[0-9a-f]{40}$/.test(value) ? value : ''
}

function registryKey(data: Members, path: string): string | null {
  const index = textOf(data.index, keyLengthMax)
  if (index !== null && index !== '') return index
  const key = [data.arch, path, data.value_name].filter((part) => typeof part === 'string').join(':')
  return textOf(key, keyLengthMax)
}

function stateOf(attributes: Members, data: Members) {
  const out: Record<string, string | number> = {}
  for (const name of kept) {
    const value = attributes[name]
    if (typeof value === 'number' && Number.isFinite(value)) out[name] = value
    else if (typeof value === 'string' && value !== '') out[name] = value.toWellFormed().slice(0, valueLengthMax)
    else if (name === 'perm' && typeof value === 'object' && value !== null)
      out[name] = JSON.stringify(value).slice(0, permissionLengthMax)
  }
  for (const name of ['path', 'arch', 'value_name'] as const) {
    const value = textOf(data[name], keyLengthMax)
    if (value !== null && value !== '' && value !== data.index) out[name] = value
  }
  return { checksum: sumOf(attributes.checksum), attributes: out }
}
