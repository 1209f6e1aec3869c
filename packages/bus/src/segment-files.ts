/**
 * Answers the reads that `record-reading.ts` asks for from the segments of a folder, synchronously (worker threads) or not (the main thread).
 * A few files are kept open; one that has been deleted is closed when the next is opened, so that its room on disk comes back.
 */
import fs from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { segmentFileName } from './frame.ts'
import type { Ask, Reading } from './record-reading.ts'

const openFilesMax = 4

export class SyncSegments {
  readonly #folder: string
  readonly #open = new Map<number, number>()

  constructor(folder: string) {
    this.#folder = folder
  }

  run<Result>(reading: Reading<Result>): Result {
    let step = reading.next()
    while (step.done !== true) step = reading.next(this.read(step.value))
    return step.value
  }

  read({ segment, offset, length, into }: Ask): Buffer | null {
    const file = this.#file(segment)
    if (file === null) return null
    const bytes =
      into === undefined ? Buffer.allocUnsafeSlow(length) : Buffer.from(into.buffer, into.byteOffset, length)
    let at = 0
    while (at < length) {
      const count = fs.readSync(file, bytes, at, length - at, offset + at)
      if (count === 0) break
      at += count
    }
    return bytes.subarray(0, at)
  }

  close(): void {
    for (const file of this.#open.values()) fs.closeSync(file)
    this.#open.clear()
  }

  #file(segment: number): number | null {
    const known = this.#open.get(segment)
    if (known !== undefined) return known
    for (const [other, file] of this.#open) {
      if (this.#open.size < openFilesMax && fs.fstatSync(file).nlink > 0) continue
      fs.closeSync(file)
      this.#open.delete(other)
    }
    try {
      const file = fs.openSync(join(this.#folder, segmentFileName(segment)), 'r')
      this.#open.set(segment, file)
      return file
    } catch (error) {
      if (isMissing(error)) return null
      throw error
    }
  }
}

export class AsyncSegments {
  readonly #folder: string
  readonly #open = new Map<number, Promise<FileHandle | null>>()

  constructor(folder: string) {
    this.#folder = folder
  }

  async run<Result>(reading: Reading<Result>): Promise<Result> {
    let step = reading.next()
    while (step.done !== true) step = reading.next(await this.read(step.value))
    return step.value
  }

  async read(ask: Ask): Promise<Buffer | null> {
    try {
      return await this.#read(ask)
    } catch (error) {
      // Another reader's turn may have closed the file between here and there.
      if (errorCode(error) === 'EBADF') return this.#read(ask)
      throw error
    }
  }

  async #read({ segment, offset, length, into }: Ask): Promise<Buffer | null> {
    const file = await this.#file(segment)
    if (file === null) return null
    const bytes =
      into === undefined ? Buffer.allocUnsafeSlow(length) : Buffer.from(into.buffer, into.byteOffset, length)
    let at = 0
    while (at < length) {
      const { bytesRead } = await file.read(bytes, at, length - at, offset + at)
      if (bytesRead === 0) break
      at += bytesRead
    }
    return bytes.subarray(0, at)
  }

  /** Lets go of a segment that is about to be deleted. */
  async forget(segment: number): Promise<void> {
    const file = this.#open.get(segment)
    this.#open.delete(segment)
    // Closing waits for the reads that are under way.
    await file?.then((handle) => handle?.close()).catch(() => {})
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((segment) => this.forget(segment)))
  }

  #file(segment: number): Promise<FileHandle | null> {
    const known = this.#open.get(segment)
    if (known !== undefined) return known
    const [oldest] = this.#open.keys()
    if (this.#open.size >= openFilesMax && oldest !== undefined) void this.forget(oldest)
    const opening = open(join(this.#folder, segmentFileName(segment)), 'r').catch((error: unknown) => {
      this.#open.delete(segment)
      if (isMissing(error)) return null
      throw error
    })
    this.#open.set(segment, opening)
    return opening
  }
}

function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT'
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
