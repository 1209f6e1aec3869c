/**
 * Last known texts of files with report_changes, compressed, and what changed since (spec: fim, part 6). In goes a path;
 * out comes the text for `content_changes`. Every way of not having a difference has its sentence; a disk that is full
 * loses the stored text, not the event.
 */
import { hash } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { bytesOf } from '../bytes.ts'
import { textDiff } from './diff.ts'

/** Longest difference that is sent, in bytes. */
export const diffLengthMax = 59_000
/** Largest text that is ever stored, whatever the configuration says, in bytes: it is held in memory twice. */
const storedMax = 64 * 1024 * 1024

export const sentences = {
  noPrevious: 'Unable to calculate diff due to no previous data stored for this file.',
  fileSize: "Unable to calculate diff due to 'file_size' limit has been reached.",
  diskQuota: "Unable to calculate diff due to 'disk_quota' limit has been reached.",
  nodiff: "Diff truncated due to 'nodiff' configuration detected for this file.",
  same: 'No content changes were found for this file.',
  binary: 'Binary files differ',
  more: 'More changes...',
} as const

export interface ContentsOptions {
  readonly dir: string
  /** Bytes altogether as stored; 0: no limit. */
  readonly quota: number
}

export class Contents {
  readonly #options: ContentsOptions
  #used = 0

  /** Makes the folder, which only its owner may enter. `keeps`: no forgets what an earlier run stored. */
  constructor(options: ContentsOptions, keeps: boolean) {
    this.#options = options
    if (!keeps) rmSync(options.dir, { recursive: true, force: true })
    mkdirSync(options.dir, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(options.dir)) this.#used += statSync(join(options.dir, name)).size
  }

  /** Stores the file's text as the one to compare with. Null when it is stored; else why not. */
  keep(path: string, sizeMax: number): string | null {
    const text = readText(path, limitOf(sizeMax))
    return typeof text === 'string' ? text : this.#store(path, text)
  }

  /** What changed since the text that is stored, and stores the new one. Null when the file cannot be read any more. */
  compare(path: string, sizeMax: number, isNodiff: boolean): string | null {
    if (isNodiff) return sentences.nodiff
    const fresh = readText(path, limitOf(sizeMax))
    if (fresh === '') return null
    if (typeof fresh === 'string') {
      this.forget(path)
      return fresh
    }
    const old = this.#stored(path)
    const failure = this.#store(path, fresh)
    if (old === null) return failure ?? sentences.noPrevious
    if (old.equals(fresh)) return sentences.same
    if (isBinary(old) || isBinary(fresh)) return sentences.binary
    return shorten(textDiff(old, fresh))
  }

  forget(path: string): void {
    const file = this.#file(path)
    const size = statSync(file, { throwIfNoEntry: false })?.size
    if (size === undefined) return
    rmSync(file, { force: true })
    this.#used -= size
  }

  #file(path: string): string {
    // A name of its own: paths may be longer than a name may be, and need not be text.
    return join(this.#options.dir, `${hash('sha256', bytesOf(path))}.gz`)
  }

  #stored(path: string): Buffer | null {
    try {
      return gunzipSync(readFileSync(this.#file(path)), { maxOutputLength: storedMax })
    } catch {
      return null
    }
  }

  #store(path: string, text: Buffer): string | null {
    const packed = gzipSync(text, { level: 3 })
    this.forget(path)
    if (this.#options.quota > 0 && this.#used + packed.length > this.#options.quota) return sentences.diskQuota
    const file = this.#file(path)
    try {
      writeFileSync(`${file}.new`, packed, { mode: 0o600 })
      renameSync(`${file}.new`, file)
    } catch {
      rmSync(`${file}.new`, { force: true })
      return sentences.diskQuota
    }
    this.#used += packed.length
    return null
  }
}

function limitOf(sizeMax: number): number {
  return sizeMax > 0 ? Math.min(sizeMax, storedMax) : storedMax
}

/** The content, or the sentence that says why it is too large, or '' when it cannot be read. */
function readText(path: string, sizeMax: number): Buffer | string {
  let fd: number
  try {
    fd = openSync(bytesOf(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    return ''
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) return ''
    if (stat.size > sizeMax) return sentences.fileSize
    const content = Buffer.alloc(stat.size)
    let length = 0
    while (length < content.length) {
      const read = readSync(fd, content, length, content.length - length, length)
      if (read === 0) break
      length += read
    }
    return content.subarray(0, length)
  } catch {
    return ''
  } finally {
    closeSync(fd)
  }
}

function isBinary(content: Buffer): boolean {
  return content.subarray(0, 8192).includes(0)
}

/** Cut at a line, with a last line that says so; bytes that are not UTF-8 become replacement characters. */
function shorten(diff: string): string {
  let text = diff
  if (text.length > diffLengthMax) {
    const end = text.lastIndexOf('\n', diffLengthMax)
    text = `${text.slice(0, end === -1 ? diffLengthMax : end + 1)}${sentences.more}`
  }
  return Buffer.from(text, 'latin1').toString('utf8')
}
