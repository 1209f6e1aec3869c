/**
 * Synchronisation: the manager's inventory of files is compared with the baseline and put right where it differs (spec:
 * agent-protocol, part 9; fim, part 3.3). Out go checks over ranges of paths and rows (queue 5, location fim_file); in come
 * the manager's answers, which are data: what is not understood, or too much, is dropped and counted. Files whose names are
 * not UTF-8 stay out of it, since their names in messages are not those that the order goes by.
 */
import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { byteText, shownText } from '../bytes.ts'
import { Pace } from '../pace.ts'
import type { Send } from '../send.ts'
import type { Baseline, RowMark } from './baseline.ts'
import { attributesOf } from './message.ts'
import { allChecks, type SyncConfig } from './options.ts'

export interface FimSyncOptions {
  readonly config: SyncConfig
  readonly baseline: Baseline
  readonly send: Send
  /** Unix seconds. */
  readonly now: () => number
  /** Called with what went wrong, which the next round tries again. */
  readonly onFailure: (error: unknown) => void
}

const component = 'fim_file'
/** Longest answer that is read, in bytes: two paths and little more. */
const answerLengthMax = 20_000

interface Answer {
  readonly command: 'no_data' | 'checksum_fail'
  readonly id: number
  readonly begin: string
  readonly end: string
}

/** A range of rows, its ends included. */
interface Range {
  readonly first: string
  readonly last: string
  readonly count: number
  readonly checksum: string
}

export class FimSync {
  readonly #options: FimSyncOptions
  readonly #pace: Pace
  readonly #waiting: Answer[] = []
  /** Of the comparison that is under way; answers to others are late. */
  #id = 0
  #intervalS: number
  #answeredAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | null = null
  #work: Promise<void> = Promise.resolve()
  #isWorking = false
  #isStopped = false
  /** Answers left aside, by reason. */
  readonly dropped = { malformed: 0, late: 0, full: 0 }
  /** The whole baseline’s range as long as its version is the same. */
  #whole: { readonly version: number; readonly range: Range | null } | null = null

  constructor(options: FimSyncOptions) {
    this.#options = options
    this.#pace = new Pace(options.config.epsMax)
    this.#intervalS = options.config.intervalS
  }

  /** Is nothing under way that was asked for? */
  get isAtRest(): boolean {
    return !this.#isWorking && this.#waiting.length === 0
  }

  /** Compares now, and from now on at every interval. */
  start(): void {
    if (!this.#options.config.isOn || this.#timer !== null || this.#isStopped) return
    this.#schedule(0)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#waiting.length = 0
    await this.#work
  }

  /** The manager’s word on a range: `no_data` or `checksum_fail`, with JSON. */
  take(command: string, data: Uint8Array): void {
    const answer = readAnswer(command, data)
    if (answer === null) this.dropped.malformed++
    else if (answer.id !== this.#id) this.dropped.late++
    else if (this.#waiting.length >= this.#options.config.queueSize) this.dropped.full++
    else {
      this.#answeredAt = this.#options.now()
      this.#waiting.push(answer)
      this.#begin(() => this.#answerAll())
    }
  }

  /** One comparison of everything. */
  async compare(): Promise<void> {
    this.#id = Math.max(this.#options.now(), this.#id + 1)
    const { version } = this.#options.baseline
    if (this.#whole?.version !== version) this.#whole = { version, range: await this.#rangeOf('', null) }
    const { range } = this.#whole
    if (this.#isStopped) return
    if (range === null) await this.#tell('integrity_clear', { id: this.#id })
    else await this.#check('integrity_check_global', range, this.#id)
  }

  #schedule(seconds: number): void {
    this.#timer = setTimeout(() => {
      const { config, now } = this.#options
      // Answers still come in: the manager is given more time.
      const isBusy = now() - this.#answeredAt < config.responseTimeoutS || !this.isAtRest
      this.#intervalS = isBusy ? Math.min(config.intervalMaxS, this.#intervalS * 2) : config.intervalS
      if (!isBusy) this.#begin(() => this.compare())
      this.#schedule(this.#intervalS)
    }, seconds * 1000)
    this.#timer.unref()
  }

  #begin(work: () => Promise<void>): void {
    if (this.#isWorking) return
    this.#isWorking = true
    this.#work = work()
      .then(() => this.#answerAll())
      .catch((error: unknown) => {
        this.#waiting.length = 0
        this.#options.onFailure(error)
      })
      .finally(() => {
        this.#isWorking = false
      })
  }

  async #answerAll(): Promise<void> {
    for (let answer = this.#waiting.shift(); answer !== undefined; answer = this.#waiting.shift()) {
      if (this.#isStopped) return
      if (answer.command === 'no_data') await this.#tellRows(answer.begin, answer.end)
      else await this.#halve(answer)
    }
  }

  async #halve({ id, begin, end }: Answer): Promise<void> {
    const range = await this.#rangeOf(begin, end)
    if (range === null) return
    if (range.count === 1) {
      await this.#tellRows(range.first, range.last)
      return
    }
    const left = await this.#rangeOf(range.first, range.last, Math.floor(range.count / 2))
    if (left === null || left.next === null) return
    const right = await this.#rangeOf(left.next, range.last)
    if (right === null) return
    await this.#check('integrity_check_left', left, id, right.first)
    await this.#check('integrity_check_right', right, id)
  }

  async #tellRows(begin: string, end: string): Promise<void> {
    for (const { path } of this.#rows(begin, end)) {
      const row = this.#options.baseline.get(path)
      if (this.#isStopped) return
      if (row === null) continue
      const { inode, ...attributes } = attributesOf(row.state, allChecks, '')
      await this.#tell('state', {
        index: shownText(path),
        timestamp: row.lastEvent,
        attributes: { ...attributes, attributes: '', inode: String(inode ?? '') },
      })
    }
  }

  #check(type: string, { first, last, checksum }: Range, id: number, tail?: string): Promise<void> {
    return this.#tell(type, {
      id,
      begin: shownText(first),
      end: shownText(last),
      checksum,
      ...(tail === undefined ? {} : { tail: shownText(tail) }),
    })
  }

  async #tell(type: string, data: object): Promise<void> {
    await this.#pace.turn()
    await this.#options.send('5', component, JSON.stringify({ component, type, data }))
  }

  /** The first `countMax` rows from `begin` to `end`, and the key behind them; null when there are none. Others get a turn meanwhile. */
  async #rangeOf(
    begin: string,
    end: string | null,
    countMax = Number.POSITIVE_INFINITY,
  ): Promise<(Range & { readonly next: string | null }) | null> {
    const sum = createHash('sha1')
    let first: string | null = null
    let last = ''
    let count = 0
    let next: string | null = null
    for (const { path, checksum } of this.#rows(begin, end)) {
      if (count === countMax) {
        next = path
        break
      }
      first ??= path
      last = path
      count++
      sum.update(checksum, 'latin1')
      if (count % rowsPerTurn === 0) await turn()
    }
    return first === null ? null : { first, last, count, next, checksum: sum.digest('hex') }
  }

  *#rows(begin: string, end: string | null): Generator<RowMark> {
    for (const row of this.#options.baseline.marks(begin, end)) if (isText(row.path)) yield row
  }
}

const rowsPerTurn = 2000

function isText(path: string): boolean {
  return !/[\x80-\xff]/.test(path) || byteText(shownText(path)) === path
}

function readAnswer(command: string, data: Uint8Array): Answer | null {
  if ((command !== 'no_data' && command !== 'checksum_fail') || data.length > answerLengthMax) return null
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(data).toString('utf8'))
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const { id, begin, end }: { id?: unknown; begin?: unknown; end?: unknown } = value
  if (typeof id !== 'number' || typeof begin !== 'string' || typeof end !== 'string') return null
  return { command, id, begin: byteText(begin), end: byteText(end) }
}
