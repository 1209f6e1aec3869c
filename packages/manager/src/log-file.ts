/**
 * `logs/dogwatch.log`, put aside by day and by size: in go lines, out comes the file and, compressed in the background, the days before as
 * `logs/dogwatch/<year>/<Mon>/dogwatch-<dd>.log.gz` (further ones of a day `-001`, `-002` …), in the manner of Wazuh's `logs/wazuh`.
 *
 * Bounds: `lengthMax` bytes a file, `filesPerDayMax` files of a day, `daysMax` days, `pendingMax` bytes of lines that the disk does not take. Wrong: what
 * the disk does not take waits and is tried again with the next line; beyond the bound lines are dropped, and the file says how many. Nothing here
 * throws after the opening: a log must not end what it tells about.
 */
import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { dayParts, LineFile, localDay, type Writev } from '@dogwatch/outputs'

/** What follows from time and bounds may be put in place of the usual by tests. */
export interface LogFileOptions {
  readonly now?: () => number
  /** Size at which the file is put aside, bytes. */
  readonly lengthMax?: number
  readonly filesPerDayMax?: number
  readonly daysMax?: number
  readonly pendingMax?: number
  readonly writev?: Writev
}

const dayMs = 86_400_000
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const asideName = /^dogwatch-(\d{2})(?:-(\d{3,}))?\.log(\.gz)?$/

export class LogFile {
  readonly #options: Required<Omit<LogFileOptions, 'writev'>> & Pick<LogFileOptions, 'writev'>
  readonly #path: string
  readonly #folder: string
  readonly #ending = new AbortController()
  readonly #atExit = (): void => void this.#flush()
  #file: LineFile
  #day: string
  #dropped = 0
  #isScheduled = false
  #tidying: Promise<void> = Promise.resolve()

  /** Opens the file of a home; what an earlier run left of another day, or too long, is put aside first. Throws what the system says. */
  constructor(home: string, options: LogFileOptions = {}) {
    this.#options = {
      now: Date.now,
      lengthMax: 64 << 20,
      filesPerDayMax: 12,
      daysMax: 31,
      pendingMax: 1 << 20,
      ...options,
    }
    this.#path = join(home, 'logs/dogwatch.log')
    this.#folder = join(home, 'logs/dogwatch')
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o750 })
    const changedMs = statSync(this.#path, { throwIfNoEntry: false })?.mtimeMs
    this.#file = new LineFile(this.#path, options.writev)
    this.#day = localDay(changedMs ?? this.#options.now())
    this.#turnIfDue()
    this.#tidy()
    process.once('exit', this.#atExit)
  }

  /** Takes a line with its newline; it is in the file when the turn of the event loop is over. */
  write(line: string): void {
    const { pendingMax } = this.#options
    if (this.#file.pendingBytes + line.length > pendingMax) this.#dropped += 1
    else {
      if (this.#dropped > 0) this.#append(this.#droppedLine())
      this.#append(line)
    }
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#flush()
    })
  }

  /** Resolves when all is in the file and nothing goes on in the background; a file half compressed is done at the next start. */
  async close(): Promise<void> {
    process.off('exit', this.#atExit)
    this.#flush()
    this.#ending.abort()
    await this.#tidying
    this.#file.close()
  }

  /** Resolves when what was put aside so far is compressed. */
  tidied(): Promise<void> {
    return this.#tidying
  }

  #append(line: string): void {
    this.#turnIfDue()
    this.#file.append(Buffer.from(line))
  }

  #droppedLine(): string {
    const lines = this.#dropped
    this.#dropped = 0
    return `${JSON.stringify({ level: 40, time: new Date(this.#options.now()).toISOString(), lines, msg: 'the disk took no more lines; some are missing here' })}\n`
  }

  #flush(): boolean {
    return this.#file.flush() === null
  }

  #turnIfDue(): void {
    const today = localDay(this.#options.now())
    const length = this.#file.length + this.#file.pendingBytes
    if (today === this.#day && length < this.#options.lengthMax) return
    if (length === 0) {
      this.#day = today
      return
    }
    // A disk that does not take the last lines would not take the next file either.
    if (!this.#flush()) return
    try {
      const target = this.#freePath()
      mkdirSync(dirname(target), { recursive: true, mode: 0o750 })
      const old = this.#file
      renameSync(this.#path, target)
      try {
        this.#file = new LineFile(this.#path, this.#options.writev)
      } catch (error) {
        renameSync(target, this.#path)
        throw error
      }
      this.#day = today
      old.close()
      this.#tidy()
    } catch {
      // The file that is open goes on; the next line tries again.
    }
  }

  #freePath(): string {
    const { folder, dayOfMonth } = dayParts(this.#day)
    for (let copy = 0; ; copy += 1) {
      const suffix = copy === 0 ? '' : `-${String(copy).padStart(3, '0')}`
      const path = join(this.#folder, folder, `dogwatch-${dayOfMonth}${suffix}.log`)
      if (!existsSync(path) && !existsSync(`${path}.gz`)) return path
    }
  }

  #tidy(): void {
    this.#tidying = this.#tidying.then(() => this.#tidyNow()).catch(() => {}) // tried again with the next file
  }

  /** Compresses what is plain, removes what is beyond the bounds. */
  async #tidyNow(): Promise<void> {
    const { now, daysMax, filesPerDayMax } = this.#options
    const oldest = localDay(now() - daysMax * dayMs)
    const byDay = new Map<string, string[]>()
    for (const { day, path } of await filesAside(this.#folder)) {
      if (this.#ending.signal.aborted) return
      if (day < oldest) await rm(path, { force: true })
      else byDay.set(day, [...(byDay.get(day) ?? []), path])
    }
    for (const paths of byDay.values()) {
      const surplus = paths.splice(0, Math.max(0, paths.length - filesPerDayMax))
      for (const path of surplus) await rm(path, { force: true })
      for (const path of paths.filter((each) => each.endsWith('.log'))) await compress(path, this.#ending.signal)
    }
    await removeEmpty(this.#folder)
  }
}

/** Files that were put aside, oldest first. */
async function filesAside(folder: string): Promise<{ readonly day: string; readonly path: string }[]> {
  const found: { day: string; copy: number; path: string }[] = []
  for (const year of await namesIn(folder)) {
    for (const month of await namesIn(join(folder, year))) {
      const number = String(months.indexOf(month) + 1).padStart(2, '0')
      for (const name of await namesIn(join(folder, year, month))) {
        const [, dayOfMonth, copy = '0'] = asideName.exec(name) ?? []
        if (dayOfMonth === undefined || number === '00') continue
        found.push({
          day: `${year}-${number}-${dayOfMonth}`,
          copy: Number(copy),
          path: join(folder, year, month, name),
        })
      }
    }
  }
  return found.sort((a, b) => (a.day === b.day ? a.copy - b.copy : a.day < b.day ? -1 : 1))
}

/** Until the compressed file stands under its name the plain one stays. */
async function compress(path: string, signal: AbortSignal): Promise<void> {
  const temporary = `${path}.gz.tmp`
  const out = createWriteStream(temporary, { mode: 0o640, flush: true })
  await pipeline(createReadStream(path), createGzip(), out, { signal })
  await rename(temporary, `${path}.gz`)
  await rm(path)
}

async function removeEmpty(folder: string): Promise<void> {
  for (const year of await namesIn(folder)) {
    for (const month of await namesIn(join(folder, year))) await rmdir(join(folder, year, month)).catch(() => {})
    await rmdir(join(folder, year)).catch(() => {})
  }
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}
