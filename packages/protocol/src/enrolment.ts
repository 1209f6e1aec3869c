/**
 * Enrolment: the one request and the one answer (spec: agent-protocol, parts 1.2 and 1.3; contracts, part 6).
 *
 * In: a line, or what is asked for. Out: the fields, or the line. Wrong: a request that cannot be read gives the reason that the original would answer.
 */
import { isAgentAddress, isAgentId, isAgentKey, isAgentName, type KeyEntry } from './keys.ts'

/** Longest request and answer, bytes (part 1.1). */
export const enrolmentLengthMax = 69_632
/** Most groups of an agent (part 12). */
export const groupsMax = 128
const groupLengthMax = 255

export interface EnrolmentRequest {
  readonly name: string
  readonly version: string | null
  /** Without repetitions; null when the request has no such field. */
  readonly groups: readonly string[] | null
  /** An address, a network, or `src`; null when not given. */
  readonly ip: string | null
  /** SHA-1 of the key that the agent holds. */
  readonly keyHash: string | null
  /** The node that the agent runs on: it asks for the identity that the node had before. */
  readonly nodeUid: string | null
  /** A service-account token that proves it. */
  readonly token: string | null
}

export type RequestReading = { readonly request: EnrolmentRequest } | { readonly reason: string }

/** What a request is checked against. */
export interface RequestRules {
  /** Null: no password is asked for, and a request with one is invalid. */
  readonly password: string | null
  /** Compares a password in constant time. */
  readonly isSame: (given: string, wanted: string) => boolean
}

const passwordMark = 'OSSEC PASS: '
const agentMark = "OSSEC A:'"

/** Reads a request line (without its newline). Reasons are the texts of part 1.3. */
export function parseEnrolment(line: string, { password, isSame }: RequestRules): RequestReading {
  let at = 0
  if (password !== null) {
    const end = passwordMark.length + password.length
    const given = line.slice(passwordMark.length, end)
    if (!line.startsWith(passwordMark) || !isSame(given, password) || line[end] !== ' ')
      return { reason: 'Invalid password' }
    at = end + 1
  }
  if (!line.startsWith(agentMark, at)) return { reason: 'Invalid request for new agent' }
  const nameEnd = line.indexOf("'", at + agentMark.length)
  if (nameEnd === -1) return { reason: 'Invalid request for new agent' }
  const name = line.slice(at + agentMark.length, nameEnd)
  if (!isAgentName(name)) return { reason: `Invalid agent name: ${shown(name)}` }
  at = nameEnd + 1
  const fields = new Map<string, string>()
  for (const [letter, what] of fieldNames) {
    const mark = ` ${letter}:'`
    if (!line.startsWith(mark, at)) continue
    const end = line.indexOf("'", at + mark.length)
    if (end === -1) return { reason: `Unterminated ${what} field` }
    fields.set(letter, line.slice(at + mark.length, end))
    at = end + 1
  }
  const groups = groupsOf(fields.get('G'))
  if (typeof groups === 'string') return { reason: groups }
  const ip = fields.get('IP') ?? null
  if (ip !== null && ip !== 'src' && !isAgentAddress(ip)) return { reason: `Invalid IP: ${shown(ip)}` }
  return {
    request: {
      name,
      version: fields.get('V') ?? null,
      groups,
      ip,
      keyHash: fields.get('K') ?? null,
      nodeUid: fields.get('U') || null,
      token: fields.get('T') || null,
    },
  }
}

/** Optional fields in the order in which they may come; the last two are ours. */
const fieldNames: readonly (readonly [letter: string, what: string])[] = [
  ['V', 'version'],
  ['G', 'group'],
  ['IP', 'IP'],
  ['K', 'key'],
  ['U', 'node'],
  ['T', 'token'],
]

function groupsOf(text: string | undefined): readonly string[] | null | string {
  if (text === undefined) return null
  const groups = [...new Set(text.split(','))]
  for (const group of groups) {
    const problem = groupProblem(group)
    if (problem !== null) return `Invalid group name: ${problem}`
  }
  if (groups.length > groupsMax) return `Maximum multigroup reached: Limit is ${groupsMax}`
  return groups
}

/** What is wrong with the name of a group; null when nothing is. It becomes the name of a folder, so the characters are few. */
export function groupProblem(group: string): string | null {
  if (group === '') return 'Empty Group'
  if (group.length > groupLengthMax) return `${shown(group)}... group is too large`
  if (/\s/.test(group)) return `${shown(group)}... white spaces are not allowed`
  return /^[A-Za-z0-9_.-]+$/.test(group) && group !== '.' && group !== '..' ? null : shown(group)
}

/** The request line of an agent, with its newline. */
export function enrolmentLine(
  asks: Partial<EnrolmentRequest> & { readonly name: string; readonly password?: string },
): string {
  const password = asks.password === undefined ? '' : `${passwordMark}${asks.password} `
  const field = (letter: string, value: string | null | undefined): string =>
    value === null || value === undefined ? '' : ` ${letter}:'${value}'`
  const fields = [
    field('V', asks.version),
    field('G', asks.groups?.join(',')),
    field('IP', asks.ip),
    field('K', asks.keyHash),
    field('U', asks.nodeUid),
    field('T', asks.token),
  ]
  return `${password}${agentMark}${asks.name}'${fields.join('')}\n`
}

/** The answer when the agent is taken in. */
export function enrolledAnswer({ id, name, ip, key }: KeyEntry): string {
  return `OSSEC K:'${id} ${name} ${ip} ${key}'`
}

/** The answer when it is not. */
export function refusedAnswer(reason: string): string {
  return `ERROR: ${reason}. Unable to add agent`
}

export type AnswerReading = { readonly entry: KeyEntry } | { readonly error: string }

/** Reads a manager's answer, as an agent does. */
export function parseEnrolmentAnswer(text: string): AnswerReading {
  const quoted = /^OSSEC K:'([^']*)'/.exec(text)?.[1]
  if (quoted === undefined) {
    const blank = text.indexOf(' ')
    return { error: shown(text.slice(blank + 1)) }
  }
  const [id = '', name = '', ip = '', key = '', ...more] = quoted.split(' ')
  const isSound = more.length === 0 && isAgentId(id) && isAgentName(name) && isAgentAddress(ip) && isAgentKey(key)
  return isSound ? { entry: { id, name, ip, key } } : { error: 'the answer holds no sound key' }
}

/** Text of a stranger in an answer: short, and nothing that cannot be printed. */
function shown(text: string): string {
  return text.slice(0, 128).replace(/[^\x20-\x7e]/g, '?')
}
