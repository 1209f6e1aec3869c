/**
 * The inventories of agents as the manager uses them: messages go to a thread that keeps them, answers to comparisons come back and are sent. In: messages of
 * agents that are durable in the journal. Out: entries, times of scans. Wrong: what does not fit, or cannot be read, is dropped and counted, and the agent's
 * next comparison puts it right.
 */
import { Worker } from 'node:worker_threads'
import { parseEvent } from '@dogwatch/protocol'
import type { InventoryEntry, InventoryQuery, LastScan } from '@dogwatch/store'
import type { AgentMessage, InventoryRequest, TakeAnswer } from './agents-inventory-worker.ts'

export interface InventoryOptions {
  /** Path of the database. */
  readonly path: string
  /** Sends a control message to an agent. */
  readonly send: (agent: string, text: string) => void
  readonly onTrouble: (problem: string) => void
  /** Starts the thread; absent: the one that keeps the database. */
  readonly startThread?: (path: string) => Worker
}

/** Most messages that wait, and their bytes; and most that are taken as one. */
const waitingMax = 50_000
const waitingBytesMax = 64 << 20
const batchMax = 500
/** How often the thread is started again within this time, milliseconds. */
const startsMax = 5
const startsMs = 3_600_000

/** The thread that keeps the database at this path. */
export function threadOf(path: string): Worker {
  return new Worker(new URL('./agents-inventory-worker.ts', import.meta.url), { workerData: path })
}

export class AgentInventories {
  /** Messages that changed nothing, by reason. */
  readonly dropped = { malformed: 0, full: 0, waiting: 0, failed: 0 }
  readonly #options: InventoryOptions
  #worker: Worker
  readonly #pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  #waiting: AgentMessage[] = []
  #waitingBytes = 0
  #taking: Promise<void> | null = null
  #next = 0
  #failure: Error | null = null
  #isClosing = false
  #startedMs: number[] = []

  constructor(options: InventoryOptions) {
    this.#options = options
    this.#worker = this.#start()
  }

  #start(): Worker {
    this.#startedMs.push(performance.now())
    const { path, startThread = threadOf } = this.#options
    const worker = startThread(path)
    worker.on('message', ({ n, value, problem }: { n: number; value?: unknown; problem?: string }) => {
      const pending = this.#pending.get(n)
      this.#pending.delete(n)
      if (problem === undefined) pending?.resolve(value)
      else pending?.reject(new Error(problem))
    })
    // One that fails says so, and ends after it.
    let reason = new Error('the thread of the inventory has ended')
    worker.on('error', (error: unknown) => {
      reason = error instanceof Error ? error : new Error(String(error))
    })
    worker.on('exit', () => this.#ended(reason))
    return worker
  }

  /** Takes an event of an agent when it is about its files; `body` is as in the journal, with its origin. */
  take(agent: string, body: Uint8Array): void {
    const [first, second] = body
    if ((first !== 0x38 && first !== 0x35) || second !== 0x3a) return
    const event = parseEvent(Buffer.from(body.buffer, body.byteOffset, body.byteLength))
    if (event === null) return
    const location = event.location.toString('latin1')
    const place = location.slice(location.lastIndexOf('->') + 2)
    if (!(event.queue === '8' ? place === 'syscheck' : /^(?:syscheck|fim_[a-z_]{1,20})$/.test(place))) return
    const size = event.message.length
    if (this.#failure !== null || this.#waiting.length >= waitingMax || this.#waitingBytes + size > waitingBytesMax) {
      this.dropped.waiting++
      return
    }
    // A copy: the bytes are a part of something larger that is used again.
    this.#waiting.push({ agent, queue: event.queue, message: Uint8Array.from(event.message) })
    this.#waitingBytes += size
    this.#taking ??= this.#takeAll()
  }

  async find(agent: string, query: InventoryQuery): Promise<{ total: number; entries: readonly InventoryEntry[] }> {
    return await this.#ask({ kind: 'find', agent, query })
  }

  async lastScan(agent: string): Promise<LastScan> {
    return await this.#ask({ kind: 'scan', agent })
  }

  /** Forgets all that the agent has told. */
  async clear(agent: string): Promise<void> {
    await this.#ask({ kind: 'clear', agent })
  }

  /** Takes in what waits, and ends. */
  async close(): Promise<void> {
    if (this.#failure !== null) return
    if (this.#taking !== null) await this.#taking
    this.#isClosing = true
    // Not `once` of node:events: a thread that fails while it is asked to end would reject a promise that nobody waits for yet.
    const ended = new Promise<void>((resolve) => this.#worker.once('exit', () => resolve()))
    await this.#ask({ kind: 'close' })
    await ended
  }

  async #takeAll(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const messages = this.#waiting.splice(0, batchMax)
        for (const { message } of messages) this.#waitingBytes -= message.length
        try {
          const { answers, malformed, full } = await this.#ask<TakeAnswer>({ kind: 'take', messages })
          this.dropped.malformed += malformed
          this.dropped.full += full
          for (const { agent, text } of answers) this.#options.send(agent, text)
        } catch (error) {
          this.dropped.failed += messages.length
          this.#options.onTrouble(error instanceof Error ? error.message : String(error))
        }
      }
    } finally {
      this.#taking = null
    }
  }

  #ask<T>(request: InventoryRequest): Promise<T> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    const n = ++this.#next
    return new Promise<T>((resolve, reject) => {
      // What the thread answers is what the request asks for: both are ours.
      this.#pending.set(n, { resolve: (value) => resolve(value as T), reject })
      this.#worker.postMessage({ n, request })
    })
  }

  /** The thread is gone, and what it was asked with it; another one takes its place, unless too many went in an hour. */
  #ended(error: Error): void {
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    const sinceMs = performance.now() - startsMs
    this.#startedMs = this.#startedMs.filter((atMs) => atMs > sinceMs)
    if (this.#isClosing || this.#startedMs.length > startsMax) this.#failure = error
    else this.#worker = this.#start()
    if (!this.#isClosing) {
      const next =
        this.#failure === null ? 'it is started again' : 'files of agents are not kept until the manager starts again'
      this.#options.onTrouble(`${error.message}; ${next}`)
    }
    for (const { reject } of pending) reject(error)
  }
}
