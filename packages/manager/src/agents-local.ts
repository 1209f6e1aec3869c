/**
 * The socket by which programs of this machine have agents taken in, removed and looked up: `queue/sockets/auth` (spec: agent-protocol, part 1.7).
 *
 * In: a little-endian 32-bit length and a JSON request, as often as one likes. Out: the same framing, `{"error":0,"data":…}` or a code with a sentence. Wrong: a length
 * beyond the bound, or a sender that dawdles, ends the connection; nothing throws on input.
 */
import { mkdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { parseDuration } from '@dogwatch/config'
import {
  FrameReader,
  frame,
  groupProblem,
  groupsMax,
  isAgentAddress,
  isAgentId,
  isAgentKey,
  isAgentName,
  type KeyEntry,
} from '@dogwatch/protocol'
import type { EnrolmentPolicy } from './agents-enrol.ts'
import type { LocalRequest } from './agents-registry.ts'
import { listenLocally } from './local-socket.ts'

/** What the socket is handed; the registry of agents has it. */
export interface LocalAgents {
  addLocal(
    wanted: LocalRequest,
    nowMs: number,
  ): { readonly entry: KeyEntry } | { readonly refused: 'id' | 'name' | 'ip' | 'group' }
  keyOf(id: string): KeyEntry | null
  remove(ids: readonly string[], purges: boolean, nowMs: number): readonly string[]
}

/** Codes of part 1.7, as far as they can happen here, and what they are told with. */
const failures = {
  internal: [9001, 'the agent could not be taken in; the manager’s log says why'],
  json: [9002, 'the request is no JSON object'],
  function: [9003, 'function is none of add, remove, get'],
  arguments: [9004, 'arguments are missing, or are no object'],
  name: [9005, 'name is missing, or is no name of an agent'],
  ip: [9006, 'ip is neither any, nor an address, nor a network'],
  takenIp: [9007, 'another agent has this ip'],
  takenName: [9008, 'another agent has this name'],
  key: [9009, 'key is none: 2 to 1024 letters, digits, _, - and .'],
  id: [9010, 'id is missing, or is none: 1 to 8 digits'],
  absent: [9011, 'there is no agent of this id'],
  takenId: [9012, 'another agent has this id'],
  group: [9014, 'groups names one that does not exist, or more than 128'],
} as const satisfies Record<string, readonly [code: number, message: string]>

type Answer = { readonly error: number; readonly data: unknown } | { readonly error: number; readonly message: string }

/** Longest request, bytes, and most connections at once. */
const requestLengthMax = 65_536
const connectionsMax = 16
/** Silence after which a connection is ended, milliseconds. */
const idleMs = 10_000

/** Where the socket is. */
export function localSocketPath(home: string): string {
  return join(home, 'queue/sockets/auth')
}

/** Answers one request; `purges` is what holds where it does not say. */
export function answerLocal(agents: LocalAgents, purges: boolean, text: string, nowMs: number): Answer {
  const request = membersOf(parsed(text))
  if (request === null) return failed('json')
  const { function: wanted } = request
  if (wanted !== 'add' && wanted !== 'remove' && wanted !== 'get') return failed('function')
  const given = membersOf(request.arguments)
  if (given === null) return failed('arguments')
  if (wanted === 'add') return add(agents, given, nowMs)
  const { id, purge } = given
  if (typeof id !== 'string' || !isAgentId(id)) return failed('id')
  if (wanted === 'get') {
    const entry = agents.keyOf(id)
    return entry === null ? failed('absent') : { error: 0, data: shown(entry) }
  }
  const removed = agents.remove([id], typeof purge === 'boolean' ? purge : purges, nowMs)
  return removed.length === 0 ? failed('absent') : { error: 0, data: 'removed' }
}

function add(agents: LocalAgents, given: Members, nowMs: number): Answer {
  const { name, ip, id = null, key = null, key_hash: keyHash = null } = given
  if (typeof name !== 'string' || !isAgentName(name)) return failed('name')
  if (typeof ip !== 'string' || !isAgentAddress(ip)) return failed('ip')
  if (id !== null && !(typeof id === 'string' && isAgentId(id) && Number(id) > 0)) return failed('id')
  if (key !== null && !(typeof key === 'string' && isAgentKey(key))) return failed('key')
  const groups = groupsOf(given.groups)
  if (groups === undefined) return failed('group')
  const hash = typeof keyHash === 'string' ? keyHash : null
  const outcome = agents.addLocal({ name, ip, id, key, groups, keyHash: hash, force: forceOf(given.force) }, nowMs)
  if ('entry' in outcome) return { error: 0, data: shown(outcome.entry) }
  const { refused } = outcome
  if (refused === 'group') return failed('group')
  return failed(refused === 'id' ? 'takenId' : refused === 'ip' ? 'takenIp' : 'takenName')
}

/** As a list or as text with commas; null when not given, undefined when it is neither. */
function groupsOf(value: unknown): readonly string[] | null | undefined {
  if (value === undefined || value === null || value === '') return null
  const words: readonly unknown[] = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : ['']
  const names = [...new Set(words.filter((word) => typeof word === 'string'))]
  if (names.length > groupsMax || words.some((word) => typeof word !== 'string')) return undefined
  return names.some((word) => groupProblem(word) !== null) ? undefined : names
}

/** What may be replaced; what is left out is as strict as the defaults of part 1.4. */
function forceOf(value: unknown): EnrolmentPolicy['force'] | null {
  const force = membersOf(value)
  if (force?.enabled !== true) return null
  const away = membersOf(force.disconnected_time)
  return {
    enabled: true,
    keyMismatch: force.key_mismatch !== false,
    disconnectedTime: { enabled: away?.enabled !== false, seconds: secondsOf(away?.value) },
    afterRegistrationTimeS: secondsOf(force.after_registration_time),
  }
}

const hourS = 3600

function secondsOf(value: unknown): number {
  const seconds = typeof value === 'number' && value >= 0 ? value : parseDuration(String(value))
  return seconds ?? hourS
}

function failed(what: keyof typeof failures): Answer {
  const [error, message] = failures[what]
  return { error, message }
}

/** The four members that are told, whatever else the entry has. */
function shown({ id, name, ip, key }: KeyEntry): KeyEntry {
  return { id, name, ip, key }
}

type Members = Readonly<Record<string, unknown>>

function membersOf(value: unknown): Members | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Listens; a socket that an earlier process left is replaced, since the home's lock is held. Gives what ends it. */
export async function startLocal(
  home: string,
  agents: LocalAgents,
  { purges, onError }: { readonly purges: boolean; readonly onError: (error: unknown) => void },
): Promise<() => Promise<void>> {
  const path = localSocketPath(home)
  mkdirSync(dirname(path), { recursive: true, mode: 0o750 })
  const answerTo = (message: Buffer): Answer => {
    try {
      return answerLocal(agents, purges, message.toString('utf8'), Date.now())
    } catch (error) {
      onError(error)
      return failed('internal')
    }
  }
  const onSocket = (socket: Socket): void => {
    socket.on('error', () => {}) // an asker that went away; `close` follows
    socket.setTimeout(idleMs, () => socket.destroy())
    const reader = new FrameReader(requestLengthMax)
    socket.on('data', (chunk) => {
      for (const message of reader.push(chunk)) socket.write(frame(Buffer.from(JSON.stringify(answerTo(message)))))
      if (reader.isBroken) socket.destroy()
    })
  }
  return listenLocally(path, { umask: 0o117, connectionsMax, onSocket })
}
