/**
 * One log file, followed: new lines in, events out, through renaming, replacing and truncating. Its position moves on
 * only when the events before it are kept. A file is known by device, inode and the hash of its beginning. What is left
 * in a file that was rotated away is read before the new one. Lines above the bound are cut or dropped, and counted.
 */
import { createHash } from 'node:crypto'
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path/posix'
import { bytesOf, joinPath } from '../bytes.ts'
import type { Assembler, LogDrops } from './assemble.ts'
import { eventLengthMax } from './config.ts'
import type { Position } from './positions.ts'

export interface TailOptions {
  /** Byte text. */
  readonly path: string
  readonly assembler: Assembler
  readonly drops: LogDrops
  /** Keeps one event. When it rejects, reading stops there and begins again with the same lines. */
  readonly emit: (event: string) => Promise<void>
  readonly notice: (kind: 'rotated' | 'truncated') => Promise<void>
  /** Where to begin: at a known position, at the end, or at the beginning. */
  readonly start: Position | 'end' | 'beginning'
  /** How far before the end at most, in bytes; 0: no limit. */
  readonly backMax: number
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number
}

/** Bytes that tell one file from another that got its inode. */
const headMax = 1024
const chunkSize = 64 * 1024
const newline = 0x0a

export class Tail {
  readonly #options: TailOptions
  readonly #now: () => number
  /** Events given away that are not kept yet: many lines share one wait for the disk. */
  #pending: Promise<void>[] = []
  #fd: number | null = null
  #stat: BigIntStats | null = null
  #start: TailOptions['start']
  /** Bytes read into lines. */
  #offset = 0
  /** Bytes that need not be read again. */
  #done = 0
  #head = { hash: '', length: 0 }
  #isSkippingLine = false
  #lastLineMs = 0
  /** A file that was rotated away while we were not there, with what is left of it. */
  #older: { readonly path: string; readonly position: Position } | null = null

  constructor(options: TailOptions) {
    this.#options = options
    this.#start = options.start
    this.#now = options.now ?? (() => performance.now())
    if (typeof options.start === 'object') this.#older = this.#findRotated(options.start)
  }

  get path(): string {
    return this.#options.path
  }

  /** Which file it is, once it is open; for telling that two paths are one file. */
  get identity(): string | null {
    return this.#stat === null ? null : `${this.#stat.dev}:${this.#stat.ino}`
  }

  /** What to begin with next time; null before the file was there. */
  get position(): Position | null {
    if (this.#stat === null) return typeof this.#start === 'object' ? this.#start : null
    const { hash, length } = this.#head
    return {
      offset: this.#done,
      dev: String(this.#stat.dev),
      inode: String(this.#stat.ino),
      head: hash,
      headLength: length,
    }
  }

  /** Reads what is new, at most `linesMax` lines (0: all). Gives whether there is more. */
  async poll(linesMax = 0): Promise<boolean> {
    if (this.#older !== null) await this.#readOlder()
    if (this.#fd === null && !this.#open()) return false
    // Before what is new is read: it may be the middle of another text, written over ours.
    if (this.#hasOtherSize() && this.#isOverwritten()) {
      await this.#startOver()
      return true
    }
    const isMore = await this.#readLines(linesMax)
    if (isMore) return true
    if (
      this.#options.assembler.heldFrom !== null &&
      this.#now() - this.#lastLineMs >= this.#options.assembler.timeoutMs
    ) {
      await this.#flush()
    }
    return this.#checkRotation()
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd)
    this.#fd = null
  }

  #open(): boolean {
    let fd: number
    try {
      fd = openSync(bytesOf(this.#options.path), constants.O_RDONLY | constants.O_NONBLOCK)
    } catch {
      return false
    }
    const stat = fstatSync(fd, { bigint: true })
    if (!stat.isFile()) {
      closeSync(fd)
      return false
    }
    this.#fd = fd
    this.#stat = stat
    const size = Number(stat.size)
    this.#offset = this.#begin(fd, stat)
    const { backMax } = this.#options
    if (backMax > 0 && size - this.#offset > backMax) {
      this.#offset = size - backMax
      // In the middle of a line, most likely.
      this.#isSkippingLine = true
    }
    this.#done = this.#offset
    this.#start = 'beginning'
    this.#takeHead(fd, size)
    return true
  }

  #begin(fd: number, stat: BigIntStats): number {
    const start = this.#start
    const size = Number(stat.size)
    if (start === 'beginning') return 0
    if (start === 'end') return lastLineStart(fd, size)
    const isSame =
      String(stat.ino) === start.inode && size >= start.offset && hashHead(fd, start.headLength) === start.head
    return isSame ? start.offset : 0
  }

  #takeHead(fd: number, size: number): void {
    if (this.#head.length >= headMax) return
    const length = Math.min(headMax, size)
    this.#head = { hash: hashHead(fd, length), length }
  }

  async #readLines(linesMax: number): Promise<boolean> {
    const fd = this.#fd
    if (fd === null) return false
    let lines = 0
    let rest = Buffer.alloc(0)
    let position = this.#offset
    for (;;) {
      const chunk = Buffer.allocUnsafe(chunkSize)
      const length = readSync(fd, chunk, 0, chunkSize, position)
      if (length === 0) break
      position += length
      const bytes = rest.length === 0 ? chunk.subarray(0, length) : Buffer.concat([rest, chunk.subarray(0, length)])
      let start = 0
      for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, start)) {
        this.#takeLine(bytes.subarray(start, end), end - start + 1)
        start = end + 1
        lines++
        if (linesMax > 0 && lines >= linesMax) {
          await this.#settle()
          return true
        }
      }
      rest = bytes.subarray(start)
      if (rest.length > eventLengthMax) {
        this.#takeLongStart(rest)
        rest = Buffer.alloc(0)
      }
      await this.#settle()
    }
    this.#takeHead(fd, position)
    return false
  }

  /** One line, of `length` bytes in the file with its newline. */
  #takeLine(bytes: Buffer, length: number): void {
    const offset = this.#offset
    if (this.#isSkippingLine) {
      this.#offset += length
      this.#isSkippingLine = false
      return
    }
    const { assembler, drops } = this.#options
    const end = bytes.at(-1) === 0x0d ? bytes.length - 1 : bytes.length
    let events: string[] = []
    if (bytes.includes(0)) drops.binary++
    else if (end > eventLengthMax) {
      drops.tooLong++
      if (assembler.cutsLongLines) events = assembler.push(bytes.toString('latin1', 0, eventLengthMax), offset)
    } else events = assembler.push(bytes.toString('latin1', 0, end), offset)
    this.#lastLineMs = this.#now()
    this.#emitAll(events)
    this.#offset += length
  }

  /** The beginning of a line that is longer than the bound; the rest is passed over up to its newline. */
  #takeLongStart(bytes: Buffer): void {
    const { assembler, drops } = this.#options
    if (!this.#isSkippingLine) {
      drops.tooLong++
      if (assembler.cutsLongLines && !bytes.includes(0)) {
        this.#emitAll(assembler.push(bytes.toString('latin1', 0, eventLengthMax), this.#offset))
      }
    }
    this.#isSkippingLine = true
    this.#offset += bytes.length
  }

  #emitAll(events: readonly string[]): void {
    for (const event of events) this.#pending.push(this.#options.emit(event))
  }

  /** Waits until everything is kept. What was not is not lost: its lines are read again from where they are not done with. */
  async #settle(): Promise<void> {
    const pending = this.#pending
    this.#pending = []
    try {
      await Promise.all(pending)
      this.#done = this.#options.assembler.heldFrom ?? this.#offset
    } catch (error) {
      this.#options.assembler.finish()
      this.#offset = this.#done
      this.#isSkippingLine = false
      throw error
    }
  }

  async #flush(): Promise<void> {
    this.#emitAll(this.#options.assembler.flush())
    await this.#settle()
  }

  async #finish(): Promise<void> {
    this.#emitAll(this.#options.assembler.finish())
    await this.#settle()
  }

  /** At the end of the file: is it still the one of that path? Gives whether there is something new to read. */
  async #checkRotation(): Promise<boolean> {
    const fd = this.#fd
    if (fd === null || this.#stat === null) return false
    const there = statSync(bytesOf(this.#options.path), { bigint: true, throwIfNoEntry: false })
    const isReplaced = there === undefined || there.ino !== this.#stat.ino || there.dev !== this.#stat.dev
    if (isReplaced) {
      const size = Number(fstatSync(fd, { bigint: true }).size)
      // Somebody may still write to the old one, by its open descriptor.
      if (size > this.#offset && (await this.#readUnended(fd))) return true
      await this.#finish()
      if (there !== undefined) await this.#options.notice('rotated')
      this.#reset()
      return there !== undefined
    }
    const size = Number(there.size)
    if (size >= this.#offset && !this.#isOverwritten()) return false
    await this.#startOver()
    return size > 0
  }

  #hasOtherSize(): boolean {
    return this.#fd !== null && fstatSync(this.#fd).size !== this.#offset
  }

  #isOverwritten(): boolean {
    const { hash, length } = this.#head
    return this.#fd !== null && length > 0 && hashHead(this.#fd, length) !== hash
  }

  async #startOver(): Promise<void> {
    await this.#finish()
    await this.#options.notice('truncated')
    this.#reset()
  }

  /** The last line of a file that is gone has no newline and will get none. */
  async #readUnended(fd: number): Promise<boolean> {
    const bytes = Buffer.alloc(eventLengthMax + 1)
    const length = readSync(fd, bytes, 0, bytes.length, this.#offset)
    const content = bytes.subarray(0, length)
    if (content.includes(newline)) return true
    if (length > 0) this.#takeLine(content, length)
    return false
  }

  #reset(): void {
    this.close()
    this.#stat = null
    this.#offset = 0
    this.#done = 0
    this.#head = { hash: '', length: 0 }
    this.#isSkippingLine = false
    this.#start = 'beginning'
  }

  /** The file that had our path when we stopped, under the name that it has now; null when the path still has it, or it is gone. */
  #findRotated(start: Position): { readonly path: string; readonly position: Position } | null {
    const { path } = this.#options
    if (matches(path, start)) return null
    const folder = dirname(path)
    try {
      for (const name of readdirSync(bytesOf(folder), 'latin1')) {
        const other = joinPath(folder, name)
        if (name !== basename(path) && name.startsWith(basename(path).split('.')[0] ?? '') && matches(other, start)) {
          return { path: other, position: start }
        }
      }
    } catch {
      return null
    }
    return null
  }

  async #readOlder(): Promise<void> {
    const older = this.#older
    if (older === null) return
    const tail = new Tail({ ...this.#options, path: older.path, start: older.position })
    try {
      while (await tail.poll()) {
        // Until its end.
      }
      await tail.#finish()
      this.#older = null
    } finally {
      tail.close()
    }
    await this.#options.notice('rotated')
  }
}

function matches(path: string, { inode, offset, head, headLength }: Position): boolean {
  let fd: number
  try {
    fd = openSync(bytesOf(path), constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    return false
  }
  try {
    const stat = fstatSync(fd, { bigint: true })
    return (
      stat.isFile() && String(stat.ino) === inode && Number(stat.size) >= offset && hashHead(fd, headLength) === head
    )
  } finally {
    closeSync(fd)
  }
}

function hashHead(fd: number, length: number): string {
  const bytes = Buffer.alloc(length)
  const read = readSync(fd, bytes, 0, length, 0)
  return createHash('sha256').update(bytes.subarray(0, read)).digest('hex')
}

/** Where the last line begins that has no newline yet; the file's end when there is none. */
function lastLineStart(fd: number, size: number): number {
  const length = Math.min(size, eventLengthMax)
  const bytes = Buffer.alloc(length)
  const read = readSync(fd, bytes, 0, length, size - length)
  const end = bytes.subarray(0, read).lastIndexOf(newline)
  return end === -1 ? size : size - length + end + 1
}
