/**
 * A file that is written once, from its first byte to its last, as fast as the disk takes it. Where the file system allows, whole blocks go past the page cache
 * (O_DIRECT, open(2)): results of an analysis are often larger than what the cache should hold, and filling it costs more CPU time than all else about writing.
 *
 * In: bytes, in order. Out: the same bytes in the file when `close` returns. Wrong: what the system says, with the path; the file then holds what was written before.
 */
import { closeSync, constants, openSync, writeSync } from 'node:fs'

/** Bytes of one write. */
const stagingLength = 1 << 20
/** Addresses, offsets and lengths of direct writes are multiples of this; no disk asks for more. */
const blockLength = 4096
/** Codes by which a file system says that it takes no direct writes. */
const refusals: ReadonlySet<string | undefined> = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'])

export class BulkFile {
  readonly path: string
  /** A buffer that could grow is laid out on whole pages, which a direct write needs. */
  readonly #staging = new Uint8Array(new ArrayBuffer(stagingLength, { maxByteLength: stagingLength }))
  #staged = 0
  #length = 0
  #fd: number
  #isDirect: boolean

  /** Creates the file (mode 0640) or empties it. */
  constructor(path: string, isDirect = true) {
    this.path = path
    const direct = isDirect ? openDirect(path) : null
    this.#isDirect = direct !== null
    this.#fd = direct ?? open(path, constants.O_TRUNC)
  }

  append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const taken = Math.min(bytes.length - at, stagingLength - this.#staged)
      this.#staging.set(bytes.subarray(at, at + taken), this.#staged)
      this.#staged += taken
      at += taken
      if (this.#staged === stagingLength) this.#flush(stagingLength)
    }
  }

  /** Writes what is left and closes; closes too when that fails. */
  close(): void {
    try {
      this.#flush(this.#staged - (this.#staged % blockLength))
      // The rest is no whole block: refused, and written plainly.
      this.#flush(this.#staged)
    } finally {
      closeSync(this.#fd)
    }
  }

  /** Writes the first bytes of what is staged. */
  #flush(length: number): void {
    let written = 0
    while (written < length) {
      const count = this.#write(written, length - written)
      written += count
      this.#length += count
      // A disk that is nearly full takes part of a write, and what follows is no whole block.
      if (count % blockLength !== 0) this.#writePlainly()
    }
    this.#staging.copyWithin(0, length, this.#staged)
    this.#staged -= length
  }

  #write(from: number, length: number): number {
    try {
      return writeSync(this.#fd, this.#staging, from, length, this.#length)
    } catch (error) {
      if (!this.#isDirect || !isRefusal(error)) throw named(error, this.path)
      this.#writePlainly()
      return 0
    }
  }

  /** From here on through the page cache. */
  #writePlainly(): void {
    if (!this.#isDirect) return
    closeSync(this.#fd)
    this.#fd = open(this.path, 0)
    this.#isDirect = false
  }
}

/** Opens the file, emptied, for direct writes; null when the file system refuses them. */
function openDirect(path: string): number | null {
  try {
    return open(path, constants.O_TRUNC | constants.O_DIRECT)
  } catch (error) {
    if (isRefusal(error)) return null
    throw error
  }
}

function open(path: string, flags: number): number {
  return openSync(path, constants.O_WRONLY | constants.O_CREAT | flags, 0o640)
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && refusals.has(error.code)
}

function named(error: unknown, path: string): unknown {
  return error instanceof Error ? new Error(`${path}: ${error.message}`, { cause: error }) : error
}
