/**
 * Counters on disk, in the files that Wazuh has: `queue/rids/<agent id>` for what was received, `queue/rids/sender_counter` for what was sent. A
 * received counter is written before its message is handed on, so a process that is killed refuses afterwards what it had taken; only a power cut can
 * lose the last ones, since the files are not synced one by one.
 */
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Counter, formatCounter, nextCounter, parseCounter } from './counter.ts'
import { isAgentId } from './keys.ts'

/** Most counter files kept open; the one used longest ago is closed. To open one for each message would take longer than all the rest of it. */
const openMax = 4096
const fileMode = 0o640

/** Received counters by agent id. */
export class CounterFiles {
  readonly #folder: string
  readonly #open = new Map<string, { readonly fd: number; length: number }>()

  /** Makes the folder when it is missing. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o750 })
    this.#folder = folder
  }

  /** What was received last; null when nothing was. */
  read(id: string): Counter | null {
    const text = textOf(this.#path(id))
    return text === null ? null : parseCounter(text)
  }

  write(id: string, counter: Counter): void {
    const text = formatCounter(counter)
    const file = this.#file(id)
    writeSync(file.fd, text, 0, 'latin1')
    // Shorter after an agent began to count anew.
    if (text.length < file.length) ftruncateSync(file.fd, text.length)
    file.length = text.length
  }

  forget(id: string): void {
    this.#close(id)
    rmSync(this.#path(id), { force: true })
  }

  close(): void {
    for (const id of [...this.#open.keys()]) this.#close(id)
  }

  #file(id: string): { readonly fd: number; length: number } {
    let file = this.#open.get(id)
    if (file === undefined) {
      const path = this.#path(id)
      const length = textOf(path)?.length ?? 0
      const flags = length === 0 ? 'w' : 'r+'
      try {
        file = { fd: openSync(path, flags, fileMode), length }
      } catch (error) {
        // The process may have fewer files than we would like: half of ours are given back, and kept open no more.
        if (!(error instanceof Error && 'code' in error && error.code === 'EMFILE') || this.#open.size < 2) throw error
        for (const other of [...this.#open.keys()].slice(0, this.#open.size / 2)) this.#close(other)
        file = { fd: openSync(path, flags, fileMode), length }
      }
    } else this.#open.delete(id)
    this.#open.set(id, file) // the newest stands last
    const [oldest] = this.#open.keys()
    if (this.#open.size > openMax && oldest !== undefined) this.#close(oldest)
    return file
  }

  #close(id: string): void {
    const file = this.#open.get(id)
    if (file === undefined) return
    this.#open.delete(id)
    closeSync(file.fd)
  }

  #path(id: string): string {
    if (!isAgentId(id)) throw new RangeError(`${id} is no agent id`)
    return join(this.#folder, id)
  }
}

/** The counter of what is sent: it goes on growing whatever happens, since a block of numbers is written down before the first of it is used. */
export class SenderCounter {
  readonly #path: string
  #last: Counter

  /** Begins a block of its own behind what `sender_counter` holds. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o750 })
    this.#path = join(folder, 'sender_counter')
    const text = textOf(this.#path)
    const stored = text === null ? null : parseCounter(text)
    this.#last = { global: stored === null ? 0 : stored.global + 1, local: 0 }
    this.#store()
  }

  next(): Counter {
    const next = nextCounter(this.#last)
    const isNewBlock = next.global !== this.#last.global
    this.#last = next
    if (isNewBlock) this.#store()
    return next
  }

  #store(): void {
    // Replaced as a whole: an empty file would begin at zero again.
    const temporary = `${this.#path}.tmp`
    writeFileSync(temporary, formatCounter(this.#last), { mode: fileMode })
    renameSync(temporary, this.#path)
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
