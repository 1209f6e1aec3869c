/**
 * What is said on the control socket `<home>/queue/control.sock` (owner only): one JSON object and a newline each way, then the connection
 * closes. Both ends are ours; still, what arrives is checked.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Problem } from '@dogwatch/schema'
import { type AgentsAnswer, type AgentsRequest, agentsRequestOf, isAgentsAnswer } from './agents-control.ts'

/** Answer to `reload`. */
export interface ReloadAnswer {
  /** False: the old ruleset goes on. */
  readonly accepted: boolean
  readonly decoderFiles: number
  readonly ruleFiles: number
  readonly lists: number
  readonly problems: readonly Problem[]
}

/** Answer to `status`. */
export interface StatusAnswer {
  readonly version: string
  readonly pid: number
  readonly uptimeS: number
  readonly ready: boolean
  readonly listening: readonly { readonly name: string; readonly address: string }[]
  readonly counters: Readonly<Record<string, number>>
  /** When each cluster last sent something, in ms since the epoch. */
  readonly lastRecordMs: Readonly<Record<string, number>>
}

export interface ControlAnswers {
  readonly reload: ReloadAnswer
  readonly status: StatusAnswer
  readonly agents: AgentsAnswer
}
export type ControlCommand = keyof ControlAnswers

/** Requests by command; `agents` says what is asked about them. */
export interface ControlRequests {
  readonly reload: { readonly command: 'reload' }
  readonly status: { readonly command: 'status' }
  readonly agents: { readonly command: 'agents'; readonly agents: AgentsRequest }
}
export type ControlRequest = ControlRequests[ControlCommand]

/** Longest line in bytes: a reload's problems are bounded by the ruleset's compiler. */
export const controlLineMax = 64 * 1024 * 1024
/** Longest request in bytes. */
export const controlRequestMax = 4096

/** Longest path of a unix socket that every system takes (Linux has 108, macOS 104). */
const socketPathMax = 100

export function controlSocketPath(home: string): string {
  return join(home, 'queue/control.sock')
}

/**
 * Calls `use` with a short name for the socket: the path itself, or one by way of an open descriptor of its folder, since a unix socket's path
 * is limited to some hundred bytes and a home folder is not.
 */
export async function withSocketPath<T>(path: string, use: (path: string) => Promise<T>): Promise<T> {
  if (Buffer.byteLength(path) <= socketPathMax || process.platform !== 'linux') return use(path)
  const folder = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    return await use(`/proc/self/fd/${folder}/${basename(path)}`)
  } finally {
    closeSync(folder)
  }
}

/** The request of a line, or null when it is none. */
export function parseRequest(line: string): ControlRequest | null {
  const request = parseObject(line)
  if (request?.command === 'reload' || request?.command === 'status') return { command: request.command }
  const agents = request?.command === 'agents' ? agentsRequestOf(request.agents) : null
  return agents === null ? null : { command: 'agents', agents }
}

/** Checks of answers, by command; null for what is none. */
export const answerParsers: { readonly [C in ControlCommand]: (line: string) => ControlAnswers[C] | null } = {
  reload: (line) => {
    const answer = parseObject(line)
    return answer !== null && isReloadAnswer(answer) ? answer : null
  },
  status: (line) => {
    const answer = parseObject(line)
    return answer !== null && isStatusAnswer(answer) ? answer : null
  },
  agents: (line) => {
    const answer = parseObject(line)
    return answer !== null && isAgentsAnswer(answer) ? answer : null
  },
}

function isReloadAnswer(value: object): value is ReloadAnswer {
  const { accepted, decoderFiles, ruleFiles, lists, problems } = { ...blank, ...value }
  return typeof accepted === 'boolean' && [decoderFiles, ruleFiles, lists].every(isNumber) && Array.isArray(problems)
}

function isStatusAnswer(value: object): value is StatusAnswer {
  const { version, pid, uptimeS, ready, listening, counters, lastRecordMs } = { ...blank, ...value }
  return (
    typeof version === 'string' &&
    typeof ready === 'boolean' &&
    [pid, uptimeS].every(isNumber) &&
    Array.isArray(listening) &&
    [counters, lastRecordMs].every((table) => typeof table === 'object' && table !== null)
  )
}

const blank: Readonly<Record<keyof (ReloadAnswer & StatusAnswer), unknown>> = {
  accepted: null,
  decoderFiles: null,
  ruleFiles: null,
  lists: null,
  problems: null,
  version: null,
  pid: null,
  uptimeS: null,
  ready: null,
  listening: null,
  counters: null,
  lastRecordMs: null,
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}

function parseObject(line: string): { command?: unknown; agents?: unknown } | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? value : null
  } catch {
    return null
  }
}
