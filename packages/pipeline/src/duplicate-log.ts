/**
 * The duplicate window on disk: entries appended at each checkpoint, in files that are deleted when all of theirs are over.
 *
 * In: new entries of a `DuplicateWindow`. Out: `duplicates-<n>.bin` in the state folder, and the list of them that goes into the checkpoint; bytes
 * beyond a listed length belong to a checkpoint that never came to be and are cut off. Wrong: a file that is missing or short costs its entries
 * (then an event could be reported twice), never the start.
 *
 * A file is raw entries of four 32-bit words, little-endian: hash, hash, hash, arrival in seconds.
 */
import {
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { entryWords } from './duplicates.ts'

/** What the checkpoint keeps of one file. */
export interface DuplicateFile {
  readonly number: number
  readonly length: number
  /** Newest arrival in it, seconds. */
  readonly newestSeconds: number
}

/** A file is closed when it holds this much: one million entries are 16 of them. */
const fileBytesMax = 1 << 20
const entryBytes = entryWords * 4

export class DuplicateLog {
  readonly #folder: string
  readonly #windowSeconds: number
  #files: DuplicateFile[]

  constructor(folder: string, windowSeconds: number, files: readonly DuplicateFile[]) {
    this.#folder = folder
    this.#windowSeconds = windowSeconds
    this.#files = files.filter(({ number }) => existsSync(this.#path(number)))
    for (const { number, length } of this.#files) truncateTo(this.#path(number), length)
    const known = new Set(this.#files.map(({ number }) => `duplicates-${number}.bin`))
    for (const name of readdirSync(folder)) {
      if (/^duplicates-\d+\.bin$/.test(name) && !known.has(name)) unlinkSync(join(folder, name))
    }
  }

  /** All entries, oldest file first. */
  *entries(): Iterable<Uint32Array> {
    for (const { number } of this.#files) {
      const bytes = readFileSync(this.#path(number))
      const whole = bytes.length - (bytes.length % entryBytes)
      yield new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + whole))
    }
  }

  /** Appends entries durably and answers the list for the checkpoint. Files whose entries are over leave the list; `sweep` deletes them. */
  append(entries: Uint32Array, nowSeconds: number): readonly DuplicateFile[] {
    if (entries.length > 0) {
      let last = this.#files.at(-1)
      if (!last || last.length >= fileBytesMax) {
        last = { number: (last?.number ?? 0) + 1, length: 0, newestSeconds: 0 }
        this.#files.push(last)
      }
      // At its place, not at the end: a failed earlier try may have left bytes behind.
      const fd = openSync(this.#path(last.number), constants.O_WRONLY | constants.O_CREAT, 0o600)
      try {
        const bytes = new Uint8Array(entries.buffer, entries.byteOffset, entries.byteLength)
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, last.length + at)
        fdatasyncSync(fd)
      } finally {
        closeSync(fd)
      }
      const newestSeconds = Math.max(last.newestSeconds, entries.at(-1) ?? 0)
      this.#files[this.#files.length - 1] = {
        number: last.number,
        length: last.length + entries.byteLength,
        newestSeconds,
      }
    }
    const oldest = nowSeconds - this.#windowSeconds
    this.#files = this.#files.filter(({ newestSeconds }, n) => newestSeconds >= oldest || n === this.#files.length - 1)
    return this.#files
  }

  /** Deletes files that the checkpoint no longer names. */
  sweep(): void {
    const oldest = this.#files[0]?.number ?? 0
    for (let number = oldest - 1; number > 0 && existsSync(this.#path(number)); number -= 1)
      unlinkSync(this.#path(number))
  }

  #path(number: number): string {
    return join(this.#folder, `duplicates-${number}.bin`)
  }
}

function truncateTo(path: string, length: number): void {
  if (statSync(path).size > length) truncateSync(path, length)
}
