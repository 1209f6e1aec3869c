/**
 * The system's journal, read by journalctl as JSON, one entry a line. In goes a cursor, out come messages with theirs; a
 * journalctl that ends is started again. Entries without host name or message are passed over.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { eventLengthMax, type JournalFilter } from './config.ts'
import { strftime } from './strftime.ts'

/** An entry as journalctl prints it; values may be texts or lists of bytes. */
export type JournalEntry = Readonly<Record<string, unknown>>

/** The message of an entry; null when it has none, or no filter group matches. */
export function journalMessage(entry: JournalEntry, filters: readonly (readonly JournalFilter[])[]): string | null {
  const host = textOf(entry._HOSTNAME)
  const message = textOf(entry.MESSAGE)
  if (host === '' || message === '') return null
  if (filters.length > 0 && !filters.some((group) => group.every((filter) => passes(entry, filter)))) return null
  const time = new Date(Number(textOf(entry.__REALTIME_TIMESTAMP)) / 1000)
  const program = textOf(entry.SYSLOG_IDENTIFIER) || 'unknown'
  const pid = textOf(entry.SYSLOG_PID) || textOf(entry._PID)
  const head = `${strftime('%b %d %H:%M:%S', time)} ${host} ${program}${pid === '' ? '' : `[${pid}]`}: `
  return Buffer.from(head + message)
    .toString('latin1')
    .slice(0, eventLengthMax)
}

function passes(entry: JournalEntry, { field, pattern, ignoresMissing }: JournalFilter): boolean {
  const value = Object.hasOwn(entry, field) ? textOf(entry[field]) : ''
  return value === '' ? ignoresMissing : pattern.test(Buffer.from(value).toString('latin1'))
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value) && value.every((byte) => typeof byte === 'number'))
    return Buffer.from(value).toString('utf8')
  return ''
}

export interface JournalOptions {
  /** Where to go on; null begins at the end. */
  readonly cursor: string | null
  readonly onEntry: (entry: JournalEntry, cursor: string) => Promise<void>
  readonly tell: (message: string) => void
}

const restartMs = 5000
const lineMax = 1024 * 1024

/** Follows the journal until it is closed. */
export class Journal {
  readonly #options: JournalOptions
  #cursor: string | null
  #child: ChildProcess | null = null
  #timer: NodeJS.Timeout | null = null
  #isClosed = false

  constructor(options: JournalOptions) {
    this.#options = options
    this.#cursor = options.cursor
    this.#start()
  }

  close(): void {
    this.#isClosed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#child?.kill()
  }

  #start(): void {
    const from = this.#cursor === null ? ['--lines=0'] : [`--after-cursor=${this.#cursor}`]
    const child = spawn('journalctl', ['--follow', '--output=json', '--all', '--no-pager', ...from], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    this.#child = child
    child.on('error', (error) => this.#options.tell(`journalctl cannot be run: ${error.message}`))
    void this.#read(child)
      .catch((error: unknown) => this.#options.tell(`the journal is read again: ${String(error)}`))
      .finally(() => {
        child.kill()
        if (!this.#isClosed) this.#timer = setTimeout(() => this.#start(), restartMs)
      })
  }

  async #read(child: ChildProcess): Promise<void> {
    if (child.stdout === null) return
    let rest = ''
    child.stdout.setEncoding('utf8')
    for await (const piece of child.stdout) {
      const lines = (rest + String(piece)).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > lineMax) rest = ''
      for (const line of lines) await this.#take(line)
    }
  }

  async #take(line: string): Promise<void> {
    let entry: unknown
    try {
      entry = JSON.parse(line)
    } catch {
      return
    }
    if (typeof entry !== 'object' || entry === null) return
    const fields: JournalEntry = { ...entry }
    const cursor = textOf(fields.__CURSOR)
    await this.#options.onEntry(fields, cursor)
    if (cursor !== '') this.#cursor = cursor
  }
}
