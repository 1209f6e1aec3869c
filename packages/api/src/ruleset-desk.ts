/**
 * Questions about the ruleset, answered on a thread of their own: compiling takes a second, and an event that is tried may be hostile. In: the files that are
 * in use. Out: rules, decoders, and what becomes of an event. Wrong: ApiError; a question that takes too long ends the thread.
 */
import { Worker } from 'node:worker_threads'
import type { RulesetFiles } from '@dogwatch/config'
import type { Problem } from '@dogwatch/schema'
import { ApiError } from './error.ts'
import type { ApiParts } from './parts.ts'
import type { DecoderItem, RuleItem } from './ruleset-facts.ts'

export interface DeskSettings {
  readonly files: RulesetFiles
  readonly logAlertLevel: number
  readonly managerName: string
}

export interface TryRequest {
  /** Of the session; empty for none. */
  readonly token: string
  /** The token has been made for this request. */
  readonly isNew: boolean
  readonly event: string
  readonly location: string
  readonly timeMs: number
  readonly isExplained: boolean
  /** Whether to tell which rules were tried. */
  readonly isDebugged: boolean
}

export interface TryAnswer {
  /** The session that was asked for is gone; a new one bears its token. */
  readonly isSessionNew: boolean
  /** What the alert would be; null for a malformed location. */
  readonly output: Readonly<Record<string, unknown>> | null
  readonly isAlert: boolean
  readonly explanation: unknown
  /** The rules that were tried; null when nobody asked. */
  readonly rulesDebug: readonly string[] | null
}

/** A file as it would be; null takes it away. */
export interface CheckRequest {
  readonly kind: 'rules' | 'decoders' | 'lists'
  readonly path: string
  /** latin1 */
  readonly text: string | null
}

export interface CheckAnswer {
  /** How many were compiled. */
  readonly files: number
  readonly problems: readonly Problem[]
}

type Question =
  | { readonly kind: 'check'; readonly change: CheckRequest }
  | { readonly kind: 'rules' }
  | { readonly kind: 'decoders' }
  | { readonly kind: 'end session'; readonly token: string }
  | ({ readonly kind: 'try' } & TryRequest)
export type DeskQuestion = Question & { readonly id: number }

export type DeskAnswer = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string })

export interface RulesetDesk {
  rules(): Promise<readonly RuleItem[]>
  decoders(): Promise<readonly DecoderItem[]>
  tryEvent(request: TryRequest): Promise<TryAnswer>
  endSession(token: string): Promise<boolean>
  /** What would be wrong with the ruleset after a change of one file. */
  check(change: CheckRequest): Promise<CheckAnswer>
  /** The files have changed. */
  forget(): void
  close(): Promise<void>
}

/** Longest time of an answer, compiling included, in milliseconds. */
const answerMsMax = 20_000
/** The thread ends when nobody has asked for so long. */
const idleMs = 120_000
const waitingMax = 64
const heapMb = 192

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: ApiError) => void
  readonly timer: NodeJS.Timeout
}

export function openRulesetDesk(parts: Pick<ApiParts, 'rulesetFiles' | 'logAlertLevel' | 'managerName'>): RulesetDesk {
  let worker: Worker | null = null
  let nextId = 1
  let idle: NodeJS.Timeout | null = null
  let rules: Promise<readonly RuleItem[]> | null = null
  let decoders: Promise<readonly DecoderItem[]> | null = null
  const waiting = new Map<number, Waiting>()

  function start(): Worker {
    const settings: DeskSettings = {
      files: parts.rulesetFiles(),
      logAlertLevel: parts.logAlertLevel,
      managerName: parts.managerName,
    }
    const started = new Worker(new URL('./ruleset-worker.ts', import.meta.url), {
      workerData: settings,
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    })
    started.unref()
    started.on('message', (answer: DeskAnswer) => {
      const asked = waiting.get(answer.id)
      if (asked === undefined) return
      waiting.delete(answer.id)
      clearTimeout(asked.timer)
      if ('value' in answer) asked.resolve(answer.value)
      else asked.reject(new ApiError(400, answer.error, 7000))
    })
    started.on('error', (error) => ended(started, error.message))
    started.on('exit', () => ended(started, 'it has ended'))
    worker = started
    return started
  }

  function ended(which: Worker, why: string): void {
    if (worker !== which) return
    worker = null
    for (const { reject, timer } of waiting.values()) {
      clearTimeout(timer)
      reject(new ApiError(500, `the ruleset cannot be asked: ${why}`, 7000))
    }
    waiting.clear()
  }

  function end(why: string): void {
    const last = worker
    if (last === null) return
    ended(last, why)
    void last.terminate()
  }

  // What comes back is of the type that goes with the question: the other end is this room's own worker.
  function ask<T>(question: Question): Promise<T> {
    if (waiting.size >= waitingMax) return Promise.reject(new ApiError(503, 'too many questions wait; try again', 7000))
    const id = nextId++
    const asked = worker ?? start()
    if (idle !== null) clearTimeout(idle)
    idle = setTimeout(() => end('nobody asks'), idleMs)
    idle.unref()
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => end('the answer took too long'), answerMsMax)
      waiting.set(id, { resolve: (value) => resolve(value as T), reject, timer })
      asked.postMessage({ ...question, id })
    })
  }

  const forget = (): void => {
    rules = null
    decoders = null
    end('the ruleset has changed; ask again')
  }
  return {
    rules() {
      rules ??= ask<readonly RuleItem[]>({ kind: 'rules' }).catch((error: unknown) => {
        rules = null
        throw error
      })
      return rules
    },
    decoders() {
      decoders ??= ask<readonly DecoderItem[]>({ kind: 'decoders' }).catch((error: unknown) => {
        decoders = null
        throw error
      })
      return decoders
    },
    tryEvent: (request) => ask<TryAnswer>({ kind: 'try', ...request }),
    endSession: (token) => ask<boolean>({ kind: 'end session', token }),
    check: (change) => ask<CheckAnswer>({ kind: 'check', change }),
    forget,
    async close() {
      if (idle !== null) clearTimeout(idle)
      const last = worker
      if (last === null) return
      ended(last, 'the manager stops')
      await last.terminate()
    },
  }
}
