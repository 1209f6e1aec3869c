/**
 * The store as the manager has it: a child process that owns the files, started again when it dies. In: settings. Out: the Store contract over IPC, and
 * figures. While the process is not there, calls fail with STORE_DOWN and `trouble` says why; what arrives meanwhile waits in the alert files.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Store } from './contract.ts'
import { StoreError } from './error.ts'
import type { FromStore, ProcessFigures, StoreMethod, StoreSettings, ToStore } from './process-protocol.ts'

export interface StoreProcess {
  readonly store: Omit<Store, 'close'>
  /** What the process last told; null before it has. */
  figures(): ProcessFigures | null
  /** Null when questions are answered. */
  trouble(): string | null
  /** Of the child; null while there is none. */
  pid(): number | null
  restarts(): number
  /** Ends the process in order, or after `killMs` without. */
  stop(killMs: number): Promise<void>
}

/** Most calls that wait for an answer. */
const callsMax = 256
const restartMsMin = 300
const restartMsMax = 15_000
/** Heap of the child's own JavaScript, in MB. */
const heapMb = 96

export interface StoreProcessOptions {
  readonly settings: StoreSettings
  readonly report: (level: 'info' | 'warn' | 'error', message: string) => void
}

interface Pending {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: StoreError) => void
}

/** Starts the process and does not wait for it. */
export function startStoreProcess({ settings, report }: StoreProcessOptions): StoreProcess {
  let child: ChildProcess | null = null
  let isOpen = false
  let isStopping = false
  let trouble: string | null = 'it is being opened'
  let figures: ProcessFigures | null = null
  let restarts = 0
  let restartMs = restartMsMin
  let timer: NodeJS.Timeout | null = null
  let nextId = 1
  const pending = new Map<number, Pending>()
  let ended: Promise<void> = Promise.resolve()

  function start(): void {
    timer = null
    const started = fork(join(import.meta.dirname, 'store-worker.ts'), [], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      // Each of the engine's threads would else keep freed memory for itself.
      env: { ...process.env, MALLOC_ARENA_MAX: '2' },
      execArgv: [`--max-semi-space-size=4`, `--max-old-space-size=${heapMb}`],
    })
    child = started
    ended = new Promise((resolve) => {
      started.once('error', (error) => {
        report('error', `the store's process does not start: ${error.message}`)
        resolve()
      })
      started.once('exit', (code, signal) => {
        resolve()
        gone(signal ?? `status ${code}`)
      })
    })
    started.on('message', take)
    say({ kind: 'open', settings })
  }

  function take(message: FromStore): void {
    if (message.kind === 'opened') {
      isOpen = true
      trouble = null
      restartMs = restartMsMin
      report('info', 'the store is open')
    } else if (message.kind === 'figures') figures = message.figures
    else if (message.kind === 'notice') report('warn', `store: ${message.message}`)
    else if (message.kind === 'cannot open') {
      if (trouble !== message.message) report('error', message.message)
      trouble = message.message
    } else {
      const call = pending.get(message.id)
      pending.delete(message.id)
      if (message.kind === 'answer') call?.resolve(message.value)
      else call?.reject(new StoreError(message.code, message.message))
    }
  }

  function gone(how: string): void {
    child = null
    const wasOpen = isOpen
    isOpen = false
    const down = new StoreError('STORE_DOWN', 'the store has ended; it is being started again')
    for (const { reject } of pending.values()) reject(down)
    pending.clear()
    if (isStopping) return
    if (wasOpen) {
      trouble = 'it has ended and is being started again'
      report(
        'error',
        `the store's process has ended (${how}); it is started again, and catches up from the alert files`,
      )
    }
    restarts += 1
    timer = setTimeout(start, restartMs)
    restartMs = Math.min(restartMs * 2, restartMsMax)
  }

  function say(message: ToStore): void {
    // A child that has just died has no channel; `gone` follows and rejects what waits.
    if (child?.connected) child.send(message, () => {})
  }

  function call<M extends StoreMethod>(method: M, args: readonly unknown[]): Promise<Awaited<ReturnType<Store[M]>>> {
    if (!isOpen) return Promise.reject(new StoreError('STORE_DOWN', `the store does not answer: ${trouble}`))
    if (pending.size >= callsMax) {
      return Promise.reject(new StoreError('STORE_BUSY', `${callsMax} questions wait already; try again in a moment`))
    }
    const id = nextId++
    return new Promise((resolve, reject) => {
      // The other end is this room's own worker, which calls the method of that name.
      pending.set(id, { resolve: (value) => resolve(value as Awaited<ReturnType<Store[M]>>), reject })
      say({ kind: 'call', id, method, args })
    })
  }

  start()
  return {
    store: {
      append: (...args) => call('append', args),
      mark: (...args) => call('mark', args),
      search: (...args) => call('search', args),
      histogram: (...args) => call('histogram', args),
      terms: (...args) => call('terms', args),
      combinations: (...args) => call('combinations', args),
      fields: (...args) => call('fields', args),
      event: (...args) => call('event', args),
      figures: (...args) => call('figures', args),
      retain: (...args) => call('retain', args),
      verify: (...args) => call('verify', args),
    },
    figures: () => figures,
    trouble: () => trouble,
    pid: () => child?.pid ?? null,
    restarts: () => restarts,
    async stop(killMs) {
      isStopping = true
      trouble = 'it is being stopped'
      if (timer !== null) clearTimeout(timer)
      if (child === null) return
      const last = child
      say({ kind: 'close' })
      const kill = setTimeout(() => last.kill('SIGKILL'), killMs)
      await ended
      clearTimeout(kill)
    },
  }
}
