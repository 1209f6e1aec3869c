/**
 * The spool: messages on disk, in order, until the manager has them. In goes `append`, which resolves when the message is
 * durable (many share one fdatasync) and waits while the spool is full: collectors then hold their positions, so nothing
 * is dropped. Out comes `read` by number and `acknowledge`. A torn end after a crash is cut off; a record whose checksum
 * is wrong ends its segment, and what is lost by that is told. The spool has an id, by which a manager of ours knows whose
 * numbers it is counting.
 *
 * On disk: segments named by the number of their first message; a header with magic and version; records of length,
 * CRC-32, queue, location and message. `acknowledged` holds the number up to which everything has arrived; it is written in
 * place, so that a full disk cannot keep it from being written.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import type { Tell } from './send.ts'

const fdatasyncLater = promisify(fdatasync)

/** One message, with its number since the spool began. */
export interface SpoolEntry {
  readonly number: number
  readonly queue: string
  readonly location: string
  readonly message: Buffer
}

export interface SpoolOptions {
  readonly dir: string
  /** Bytes of all segments; beyond it `append` waits. */
  readonly bytesMax: number
  readonly tell: Tell
  /** Bytes of one segment. */
  readonly segmentBytes?: number
}

const magic = Buffer.from('DWSPOOL\x01', 'latin1')
const segmentBytesPreset = 4 * 1024 * 1024
/** Longest message, in bytes. */
export const spoolMessageMax = 1024 * 1024
const recordHead = 8
const numberWidth = 16

interface Segment {
  readonly first: number
  readonly file: string
  /** Messages in it. */
  count: number
  bytes: number
}

interface Waiting {
  readonly record: Buffer
  /** Goes in though the spool is full. */
  readonly isNotice: boolean
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

export class Spool {
  readonly #options: SpoolOptions
  readonly #segments: Segment[] = []
  #fd: number | null = null
  #next = 1
  #acknowledged = 0
  readonly #acknowledgedFd: number
  #id: string
  #waiting: Waiting[] = []
  #isWriting = false
  #isClosed = false
  #isFull = false
  readonly #listeners: (() => void)[] = []
  #cache: { readonly first: number; readonly entries: readonly SpoolEntry[] } | null = null

  /** Opens or makes the folder. Throws when it cannot be read or is of another version. */
  constructor(options: SpoolOptions) {
    this.#options = options
    mkdirSync(options.dir, { recursive: true, mode: 0o700 })
    const file = join(options.dir, 'acknowledged')
    this.#acknowledged = readNumber(file)
    this.#acknowledgedFd = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600)
    this.#writeAcknowledged()
    const names = readdirSync(options.dir)
      .filter((name) => /^\d{16}\.spool$/.test(name))
      .sort()
    for (const [at, name] of names.entries()) this.#openSegment(name, at === names.length - 1)
    const last = this.#segments.at(-1)
    this.#next = Math.max(this.#acknowledged + 1, last === undefined ? 1 : last.first + last.count)
    // A spool that begins anew must not be taken for the one that was here before.
    this.#id = (this.#next === 1 ? null : readId(options.dir)) ?? this.#chooseId()
    this.#dropAcknowledged()
  }

  /** 16 lower-case hex digits, chosen when the spool was made. */
  get id(): string {
    return this.#id
  }

  /** Takes another id: somebody knows higher numbers of this one than we do, so ours would be taken for old. */
  renew(): void {
    this.#id = this.#chooseId()
  }

  /** The number that was given last; 0 before the first. */
  get last(): number {
    return this.#next - 1
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Messages that wait to be acknowledged. */
  get count(): number {
    return this.#next - 1 - this.#acknowledged
  }

  /** Number up to which everything has arrived. */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** Do messages wait for space? */
  get isFull(): boolean {
    return this.#isFull
  }

  /** Keeps a message; resolves when it is durable. Rejects when it is too long, the disk fails, or the spool is closed. */
  append(queue: string, location: string, message: string | Buffer): Promise<void> {
    return this.#add(queue, location, message, false)
  }

  /** As `append`, for the few words about the spool itself: they are kept though it is full, before what waits. */
  appendNotice(queue: string, location: string, message: string): Promise<void> {
    return this.#add(queue, location, message, true)
  }

  #add(queue: string, location: string, message: string | Buffer, isNotice: boolean): Promise<void> {
    const content = typeof message === 'string' ? Buffer.from(message) : message
    if (this.#isClosed) return Promise.reject(new Error('the spool is closed'))
    if (content.length > spoolMessageMax)
      return Promise.reject(new Error(`a message of ${content.length} bytes is too long`))
    const record = encode(queue, location, content)
    return new Promise((resolve, reject) => {
      const waiting = { record, isNotice, resolve, reject }
      if (isNotice) this.#waiting.unshift(waiting)
      else this.#waiting.push(waiting)
      if (!this.#isWriting) void this.#write()
    })
  }

  /** Messages from `number` on, at most `countMax`, as far as one segment goes; empty when there is none yet. */
  read(number: number, countMax: number): readonly SpoolEntry[] {
    const segment = this.#segments.find(({ first, count }) => number >= first && number < first + count)
    if (segment === undefined) {
      // Numbers that were lost with a damaged segment are passed over.
      const later = this.#segments.find(({ first, count }) => first > number && count > 0)
      return later === undefined ? [] : this.read(later.first, countMax)
    }
    const entries = this.#entriesOf(segment)
    return entries.slice(number - segment.first, number - segment.first + countMax)
  }

  /** Everything up to `number` has arrived; space is given back. */
  acknowledge(number: number): void {
    const upTo = Math.min(number, this.#next - 1)
    if (this.#isClosed || upTo <= this.#acknowledged) return
    this.#acknowledged = upTo
    this.#writeAcknowledged()
    this.#dropAcknowledged()
    if (this.#waiting.length > 0 && !this.#isWriting) void this.#write()
  }

  /** Called whenever there is something new to read. */
  onAppend(listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** What waits is refused; what resolved is on disk. */
  close(): void {
    this.#isClosed = true
    for (const { reject } of this.#waiting.splice(0)) reject(new Error('the spool is closed'))
    if (this.#fd !== null) closeSync(this.#fd)
    this.#fd = null
    closeSync(this.#acknowledgedFd)
  }

  #writeAcknowledged(): void {
    const text = String(this.#acknowledged).padStart(numberWidth, '0')
    try {
      writeSync(this.#acknowledgedFd, `${text}\n`, 0)
      fdatasyncSync(this.#acknowledgedFd)
    } catch (error) {
      // After a restart it is sent once more.
      this.#options.tell('warn', `what was acknowledged cannot be noted: ${String(error)}`)
    }
  }

  #chooseId(): string {
    const id = randomBytes(8).toString('hex')
    writeText(join(this.#options.dir, 'id'), id)
    return id
  }

  async #write(): Promise<void> {
    this.#isWriting = true
    // One turn of the loop, so that what is appended together is written together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0 && !this.#isClosed) {
      const group = this.#takeGroup()
      this.#isFull = group.length === 0
      if (this.#isFull) break
      try {
        await this.#writeGroup(group)
        for (const { resolve } of group) resolve()
        for (const listener of this.#listeners) listener()
      } catch (error) {
        this.#abandonTail()
        const failure = error instanceof Error ? error : new Error(String(error))
        for (const { reject } of group) reject(failure)
      }
    }
    this.#isWriting = false
  }

  /** As many as fit. One message fits always, however small the bound, or nothing would ever move. */
  #takeGroup(): Waiting[] {
    const segmentMax = this.#options.segmentBytes ?? segmentBytesPreset
    let room = this.count === 0 ? Number.POSITIVE_INFINITY : this.#options.bytesMax - this.bytes
    let length = 0
    let count = 0
    for (const { record, isNotice } of this.#waiting) {
      if ((record.length > room && !isNotice) || (count > 0 && length + record.length > segmentMax)) break
      room = Math.min(room, this.#options.bytesMax - this.bytes) - record.length
      length += record.length
      count++
    }
    return this.#waiting.splice(0, count)
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    const segment = this.#segmentToWrite()
    const fd = this.#fd
    if (fd === null) throw new Error('the spool is closed')
    const bytes = Buffer.concat(group.map(({ record }) => record))
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, segment.bytes + at)
    await fdatasyncLater(fd)
    segment.bytes += bytes.length
    segment.count += group.length
    this.#next += group.length
    if (this.#cache?.first === segment.first) this.#cache = null
  }

  #segmentToWrite(): Segment {
    const last = this.#segments.at(-1)
    const isFull = last === undefined || last.bytes >= (this.#options.segmentBytes ?? segmentBytesPreset)
    if (!isFull && this.#fd !== null) return last
    if (this.#fd !== null) closeSync(this.#fd)
    this.#fd = null
    const name = `${String(this.#next).padStart(16, '0')}.spool`
    const file = join(this.#options.dir, name)
    this.#fd = openSync(file, 'w+', 0o600)
    writeSync(this.#fd, magic, 0, magic.length, 0)
    fdatasyncSync(this.#fd)
    syncFolder(this.#options.dir)
    const segment = { first: this.#next, file, count: 0, bytes: magic.length }
    if (last?.first === segment.first) this.#segments.pop()
    this.#segments.push(segment)
    return segment
  }

  /** A write that failed may have left a piece: it is cut off, and if that fails too, a new segment is begun. */
  #abandonTail(): void {
    const last = this.#segments.at(-1)
    if (this.#fd === null || last === undefined) return
    try {
      ftruncateSync(this.#fd, last.bytes)
    } catch {
      closeSync(this.#fd)
      this.#fd = null
    }
  }

  #openSegment(name: string, isLast: boolean): void {
    const file = join(this.#options.dir, name)
    const content = readFileSync(file)
    if (content.length >= magic.length && !content.subarray(0, magic.length).equals(magic)) {
      throw new Error(`${file} is no spool of this version`)
    }
    const first = Number(name.slice(0, 16))
    const { ends } = decode(content)
    const bytes = ends.at(-1) ?? magic.length
    if (bytes < content.length && !isLast) {
      this.#options.tell('error', `${file} is damaged at byte ${bytes}; ${content.length - bytes} bytes are lost`)
    }
    if (isLast) {
      this.#fd = openSync(file, 'r+')
      if (content.length < magic.length) writeSync(this.#fd, magic, 0, magic.length, 0)
      ftruncateSync(this.#fd, bytes)
    }
    this.#segments.push({ first, file, count: ends.length, bytes })
  }

  #entriesOf(segment: Segment): readonly SpoolEntry[] {
    if (this.#cache?.first === segment.first) return this.#cache.entries
    const content = readFileSync(segment.file)
    const entries = decode(content.subarray(0, segment.bytes)).entries.map((entry, at) => ({
      ...entry,
      number: segment.first + at,
    }))
    this.#cache = { first: segment.first, entries }
    return entries
  }

  #dropAcknowledged(): void {
    for (;;) {
      const first = this.#segments[0]
      if (first === undefined || first.first + first.count - 1 > this.#acknowledged) return
      const isOpen = this.#segments.length === 1
      if (isOpen && (first.count === 0 || this.#isWriting)) return
      if (isOpen && this.#fd !== null) {
        closeSync(this.#fd)
        this.#fd = null
      }
      rmSync(first.file, { force: true })
      this.#segments.shift()
      if (this.#cache?.first === first.first) this.#cache = null
    }
  }
}

function encode(queue: string, location: string, message: Buffer): Buffer {
  const where = Buffer.from(location)
  const body = Buffer.concat([Buffer.from(queue.slice(0, 1), 'latin1'), Buffer.alloc(2), where, message])
  body.writeUInt16LE(where.length, 1)
  const head = Buffer.alloc(recordHead)
  head.writeUInt32LE(body.length, 0)
  head.writeUInt32LE(crc32(body), 4)
  return Buffer.concat([head, body])
}

/** Records up to the first that is cut or damaged, and where each ends. */
function decode(content: Buffer): {
  readonly entries: readonly Omit<SpoolEntry, 'number'>[]
  readonly ends: readonly number[]
} {
  const entries: Omit<SpoolEntry, 'number'>[] = []
  const ends: number[] = []
  for (let at = magic.length; at + recordHead <= content.length; ) {
    const length = content.readUInt32LE(at)
    const end = at + recordHead + length
    if (length < 3 || end > content.length) break
    const body = content.subarray(at + recordHead, end)
    if (crc32(body) !== content.readUInt32LE(at + 4)) break
    const messageStart = 3 + body.readUInt16LE(1)
    if (messageStart > body.length) break
    entries.push({
      queue: body.toString('latin1', 0, 1),
      location: body.toString('utf8', 3, messageStart),
      message: body.subarray(messageStart),
    })
    ends.push(end)
    at = end
  }
  return { entries, ends }
}

function readNumber(file: string): number {
  try {
    const number = Number(readFileSync(file, 'utf8').trim())
    return Number.isSafeInteger(number) && number >= 0 ? number : 0
  } catch {
    return 0
  }
}

function readId(dir: string): string | null {
  try {
    const id = readFileSync(join(dir, 'id'), 'utf8').trim()
    return /^[0-9a-f]{16}$/.test(id) ? id : null
  } catch {
    return null
  }
}

function writeText(file: string, text: string): void {
  const fd = openSync(`${file}.new`, 'w', 0o600)
  try {
    writeSync(fd, `${text}\n`)
    fdatasyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(`${file}.new`, file)
}

function syncFolder(dir: string): void {
  const fd = openSync(dir, 'r')
  try {
    fdatasyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
