/**
 * A text file that only grows, written in whole lines and few system calls (ingest.md: per-event writes cost 15 µs, batched ones 1.6).
 *
 * In: buffers that end in a newline. Out: the same bytes at the end of the file, in order. Wrong: a full or failing disk is a value (`FlushFailure`),
 * since the caller goes on by holding back its own input; what was not written stays pending, a half-written buffer is continued where it stopped.
 */
import { closeSync, fdatasyncSync, fstatSync, openSync, readSync, writevSync } from 'node:fs'

/** Most buffers in one `writev` (IOV_MAX on Linux). */
const vectorsMax = 1024

/** Longest half-written line that is looked at; a longer one counts as this long. Four times the largest event (contracts.md 1). */
const tornBytesMax = 4 << 20

/** The disk did not take the bytes; they are still pending. `code` is the system's (ENOSPC, EIO, EDQUOT …). */
export interface FlushFailure {
  readonly path: string
  readonly code: string
  readonly message: string
}

/** The one system call that tests replace. Answers how many bytes it took. */
export type Writev = (fd: number, buffers: readonly Uint8Array[]) => number

const systemWritev: Writev = (fd, buffers) => writevSync(fd, [...buffers])

/** See the head of this file. */
export class LineFile {
  readonly path: string
  readonly #fd: number
  readonly #writev: Writev
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #length: number
  #dirty = false
  readonly inode: number

  /** Opens for appending, creating the file (mode 0640). Nothing is ever cut off: a torn last line is the caller's to complete (`tornEnd`). */
  constructor(path: string, writev: Writev = systemWritev) {
    this.path = path
    this.#writev = writev
    this.#fd = openSync(path, 'a+', 0o640)
    const { size, ino } = fstatSync(this.#fd)
    this.inode = ino
    this.#length = size
  }

  /** Bytes handed in and not yet written. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Bytes in the file. */
  get length(): number {
    return this.#length
  }

  /** Takes `lines`, which end in a newline (or are empty). Their bytes must not change until `flush` or `hold` returns. */
  append(lines: Uint8Array): void {
    if (lines.length === 0) return
    this.#pending.push(lines)
    this.#pendingBytes += lines.length
  }

  /** Writes all that is pending; null when it is in the file. */
  flush(): FlushFailure | null {
    while (this.#pending.length > 0) {
      let written: number
      try {
        written = this.#writev(this.#fd, this.#pending.slice(0, vectorsMax))
      } catch (error) {
        if (!(error instanceof Error)) throw error
        return { path: this.path, code: errorCode(error), message: error.message }
      }
      if (written === 0) return { path: this.path, code: 'EIO', message: `${this.path}: the disk took no bytes` }
      this.#dirty = true
      this.#length += written
      this.#pendingBytes -= written
      this.#dropWritten(written)
    }
    return null
  }

  /** Copies what is pending, so that the caller may use its buffers again. */
  hold(): void {
    this.#pending = this.#pending.map((bytes) => Uint8Array.prototype.slice.call(bytes))
  }

  /** What is in the file survives a power cut when this returns. */
  sync(): void {
    if (!this.#dirty) return
    fdatasyncSync(this.#fd)
    this.#dirty = false
  }

  /** What stands behind the last `separator` (an empty line is two newlines): the half-written line of an earlier process, or nothing. */
  tornEnd(separator: string): Buffer {
    const bytes = Buffer.alloc(Math.min(this.#length, tornBytesMax))
    readSync(this.#fd, bytes, 0, bytes.length, this.#length - bytes.length)
    const at = bytes.lastIndexOf(separator)
    return at < 0 ? bytes : bytes.subarray(at + separator.length)
  }

  close(): void {
    closeSync(this.#fd)
  }

  #dropWritten(bytes: number): void {
    let left = bytes
    let whole = 0
    for (const buffer of this.#pending) {
      if (buffer.length > left) break
      left -= buffer.length
      whole += 1
    }
    this.#pending.splice(0, whole)
    const [first] = this.#pending
    if (left > 0 && first) this.#pending[0] = first.subarray(left)
  }
}

/** The system's code of an error, `EUNKNOWN` when it has none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'EUNKNOWN'
}
