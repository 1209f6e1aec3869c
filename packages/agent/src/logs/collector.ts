/**
 * Log collection as one part of the program: sources to tails, commands and the journal; their events through `send`. In
 * go the configuration and `send`, out come messages of queue 1. A source that fails is told and tried again; positions
 * are saved only behind what was kept.
 */
import { closeSync, constants, openSync, readSync, statSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { basename } from 'node:path/posix'
import { bytesOf, shownText } from '../bytes.ts'
import { expandGlob, globMatches, isGlob } from '../glob.ts'
import type { Send, Tell } from '../send.ts'
import { parseContainerLog } from '../whodata/process-facts.ts'
import { type LogDrops, makeAssembler, noDrops } from './assemble.ts'
import { runCommand } from './command.ts'
import { type CommandSource, eventLengthMax, type FileSource, type JournalSource, type LogSource } from './config.ts'
import { Journal, journalMessage } from './journal.ts'
import { LogCounts, type LogPeriod } from './log-counts.ts'
import { fillTemplate } from './out-format.ts'
import { type Position, Positions } from './positions.ts'
import { strftime } from './strftime.ts'
import { Tail } from './tail.ts'

export interface CollectorOptions {
  readonly sources: readonly LogSource[]
  /** Folder for positions. */
  readonly dir: string
  readonly send: Send
  readonly tell: Tell
  /** Milliseconds between looks at the files. */
  readonly pollMs?: number
  /** Milliseconds between expansions of wildcards. */
  readonly globMs?: number
}

/** The original's logcollector.loop_timeout. */
const pollMsPreset = 2000
const globMsPreset = 10_000
const saveMs = 5000
/** Most lines of one file before another has its turn (logcollector.max_lines). */
const linesMax = 10_000
/** Most files (logcollector.max_files). */
const filesMax = 1000
const cursorPath = ':journald:'

export class LogCollector {
  readonly #options: CollectorOptions
  readonly #positions: Positions
  readonly #tails = new Map<string, { readonly tail: Tail; readonly source: FileSource }>()
  readonly #timers: NodeJS.Timeout[] = []
  readonly #journals: Journal[] = []
  readonly #failing = new Set<string>()
  readonly #counts = new LogCounts(Date.now())
  #polling: Promise<void> = Promise.resolve()
  #expandedMs = Number.NEGATIVE_INFINITY
  #savedMs = 0
  #isFirst = true
  #isClosed = false
  #hasToldLimit = false
  /** Events dropped, by reason. */
  readonly drops: LogDrops = noDrops()
  /** Events left out by ignore and restrict. */
  ignored = 0

  constructor(options: CollectorOptions) {
    this.#options = options
    this.#positions = new Positions(join(options.dir, 'file_status.json'), options.tell)
  }

  start(): void {
    for (const source of this.#options.sources) {
      if (source.kind === 'command') this.#startCommand(source)
      if (source.kind === 'journald') this.#startJournal(source)
    }
    this.#schedule(0)
  }

  /** Files that are read now. */
  get files(): readonly string[] {
    return [...this.#tails.keys()].map(shownText)
  }

  /** How much each place has brought; a file counts from when it is read. */
  state(nowMs: number): { readonly global: LogPeriod; readonly interval: LogPeriod } {
    return this.#counts.state(this.files, nowMs)
  }

  async stop(): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#timers) clearTimeout(timer)
    for (const journal of this.#journals) journal.close()
    await this.#polling
    for (const { tail } of this.#tails.values()) {
      this.#note(tail)
      tail.close()
    }
    this.#positions.save()
  }

  #schedule(ms: number): void {
    const timer = setTimeout(() => {
      this.#timers.splice(this.#timers.indexOf(timer), 1)
      this.#polling = this.#poll().catch((error: unknown) => {
        this.#options.tell('error', `log collection: ${String(error)}`)
      })
      void this.#polling.then(() => {
        if (!this.#isClosed) this.#schedule(this.#options.pollMs ?? pollMsPreset)
      })
    }, ms)
    this.#timers.push(timer)
  }

  async #poll(): Promise<void> {
    const now = performance.now()
    if (now - this.#expandedMs >= (this.#options.globMs ?? globMsPreset)) {
      this.#expand()
      this.#expandedMs = now
      this.#isFirst = false
    }
    let isMore = true
    while (isMore && !this.#isClosed) {
      isMore = false
      for (const { tail, source } of this.#tails.values()) {
        if (this.#isClosed) break
        isMore = (await this.#pollTail(tail, source)) || isMore
      }
      this.#saveSometimes()
    }
  }

  async #pollTail(tail: Tail, source: FileSource): Promise<boolean> {
    if (this.#isSecond(tail)) return false
    try {
      const isMore = await tail.poll(linesMax)
      this.#failing.delete(tail.path)
      this.#note(tail)
      return isMore
    } catch (error) {
      if (!this.#failing.has(tail.path)) {
        this.#failing.add(tail.path)
        this.#options.tell(
          'warn',
          `${shownText(tail.path)} (${shownText(source.location)}): ${String(error)}; tried again`,
        )
      }
      this.#note(tail)
      return false
    }
  }

  /** Of two paths that are one file only the first is read. */
  #isSecond(tail: Tail): boolean {
    const { identity } = tail
    if (identity === null) return false
    for (const { tail: other } of this.#tails.values()) {
      if (other === tail) return false
      if (other.identity === identity) return true
    }
    return false
  }

  #note(tail: Tail): void {
    const { position } = tail
    if (position !== null) this.#positions.set(tail.path, position)
  }

  #saveSometimes(): void {
    if (performance.now() - this.#savedMs < saveMs) return
    this.#savedMs = performance.now()
    this.#positions.save()
  }

  #expand(): void {
    const wanted = new Set<string>()
    for (const source of this.#options.sources) {
      if (source.kind !== 'file') continue
      for (const path of pathsOf(source, new Date())) {
        if (wanted.has(path)) continue
        if (wanted.size >= filesMax) {
          if (!this.#hasToldLimit) this.#options.tell('warn', `more than ${filesMax} log files; the rest is not read`)
          this.#hasToldLimit = true
          break
        }
        wanted.add(path)
        if (!this.#tails.has(path)) this.#tails.set(path, { tail: this.#makeTail(path, source), source })
      }
    }
    for (const [path, { tail }] of this.#tails) {
      if (wanted.has(path)) continue
      tail.close()
      this.#tails.delete(path)
      this.#counts.forget(shownText(path))
    }
    this.#positions.keepOnly(new Set([...wanted, cursorPath]))
  }

  #makeTail(path: string, source: FileSource): Tail {
    const { drops } = this
    const pod = source.format.kind === 'cri' ? parseContainerLog(basename(path)) : null
    return new Tail({
      path,
      assembler: makeAssembler(source.format, source.labels, drops, pod),
      drops,
      emit: (event) => this.#emit(event, path, source),
      notice: (kind) => {
        const what = kind === 'rotated' ? 'File rotated (inode changed)' : 'File size reduced (inode remained)'
        return this.#options.send('1', 'logcollector', `ossec: ${what}: '${shownText(path)}'.`)
      },
      start: this.#startOf(path, source),
      backMax: source.onlyFuture ? 0 : source.backMax,
    })
  }

  /** A file that appears while we run is read from its beginning: all of it is new. */
  #startOf(path: string, { onlyFuture }: FileSource): Position | 'end' | 'beginning' {
    if (onlyFuture) return this.#isFirst ? 'end' : 'beginning'
    return this.#positions.get(path) ?? 'beginning'
  }

  async #emit(event: string, location: string, source: LogSource): Promise<void> {
    const { ignore, restrict, outFormat } = source
    if (
      ignore.some((pattern) => pattern.test(event)) ||
      (restrict.length > 0 && !restrict.some((p) => p.test(event)))
    ) {
      this.ignored++
      return
    }
    const parts = { log: event, location, hostname: hostname(), hostIp: ownAddress(), time: new Date() }
    const text = outFormat === null ? event : fillTemplate(outFormat, parts).slice(0, eventLengthMax)
    if (text === '') return
    const place = shownText(location)
    const message = Buffer.from(text, 'latin1')
    await this.#options.send('1', place, message)
    this.#counts.add(place, message.length, Date.now())
  }

  #startCommand(source: CommandSource): void {
    const run = async (): Promise<void> => {
      const { messages, wrong } = await runCommand(source)
      if (wrong !== null) this.#options.tell('warn', `the command ${source.alias}: ${wrong}`)
      for (const message of messages) await this.#emit(message, source.alias, source)
    }
    const again = (ms: number): void => {
      const timer = setTimeout(() => {
        this.#timers.splice(this.#timers.indexOf(timer), 1)
        void run()
          .catch((error: unknown) => this.#options.tell('warn', `the command ${source.alias}: ${String(error)}`))
          .then(() => {
            if (!this.#isClosed) again(source.frequencyS * 1000)
          })
      }, ms)
      this.#timers.push(timer)
    }
    again(0)
  }

  #startJournal(source: JournalSource): void {
    const position = this.#positions.get(cursorPath)
    const journal = new Journal({
      cursor: source.onlyFuture ? null : (position?.head ?? null),
      tell: (message) => this.#options.tell('warn', message),
      onEntry: async (entry, cursor) => {
        const message = journalMessage(entry, source.filters)
        if (message !== null) await this.#emit(message, 'journald', source)
        this.#positions.set(cursorPath, { offset: 0, dev: '', inode: '', head: cursor, headLength: 0 })
      },
    })
    this.#journals.push(journal)
  }
}

/** Paths of a source now. A path without wildcards counts though nothing is there yet. */
export function pathsOf(source: FileSource, time: Date): string[] {
  const location = strftime(source.location, time)
  const isExcluded = (path: string): boolean => source.exclude.some((glob) => globMatches(strftime(glob, time), path))
  if (!isGlob(location)) return isExcluded(location) ? [] : [location]
  return expandGlob(location).filter((path) => {
    const stat = statSync(bytesOf(path), { throwIfNoEntry: false })
    if (!stat?.isFile() || isExcluded(path)) return false
    if (source.ageMaxS !== null && time.getTime() - stat.mtimeMs > source.ageMaxS * 1000) return false
    return !source.ignoresBinaries || !isBinary(path)
  })
}

function isBinary(path: string): boolean {
  let fd: number
  try {
    fd = openSync(bytesOf(path), constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    return false
  }
  try {
    const bytes = Buffer.alloc(512)
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0)).includes(0)
  } finally {
    closeSync(fd)
  }
}

function ownAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    const found = addresses?.find(({ internal, family }) => !internal && family === 'IPv4')
    if (found !== undefined) return found.address
  }
  return ''
}
