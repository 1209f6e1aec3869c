/**
 * Positions in log files, kept over restarts in one JSON file. In go and come out positions by path. A file that is
 * damaged counts as empty, which is told; writing is by replacing, so that a crash leaves the old or the new one.
 */
import { closeSync, fdatasyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Tell } from '../send.ts'

/** Where reading of a file stands. */
export interface Position {
  /** Bytes of the file that are done with. */
  readonly offset: number
  readonly dev: string
  readonly inode: string
  /** SHA-256 of the file's first `headLength` bytes: an inode alone may be used again. */
  readonly head: string
  readonly headLength: number
}

const formatVersion = 1

export class Positions {
  readonly #file: string
  readonly #byPath = new Map<string, Position>()
  #isChanged = false

  constructor(file: string, tell: Tell) {
    this.#file = file
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    let text: string
    try {
      text = readFileSync(file, 'utf8')
    } catch {
      return
    }
    try {
      for (const [path, position] of readPositions(text)) this.#byPath.set(path, position)
    } catch (error) {
      tell('error', `${file} cannot be read (${String(error)}); files are read as if they were new`)
    }
  }

  get(path: string): Position | null {
    return this.#byPath.get(path) ?? null
  }

  set(path: string, position: Position): void {
    this.#byPath.set(path, position)
    this.#isChanged = true
  }

  /** Forgets files that are none of these. */
  keepOnly(paths: ReadonlySet<string>): void {
    for (const path of this.#byPath.keys()) {
      if (paths.has(path)) continue
      this.#byPath.delete(path)
      this.#isChanged = true
    }
  }

  /** Writes what changed; durable when it returns. */
  save(): void {
    if (!this.#isChanged) return
    const files = [...this.#byPath].map(([path, position]) => ({ path, ...position }))
    const fd = openSync(`${this.#file}.new`, 'w', 0o600)
    try {
      writeSync(fd, JSON.stringify({ version: formatVersion, files }))
      fdatasyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(`${this.#file}.new`, this.#file)
    this.#isChanged = false
  }
}

function readPositions(text: string): [path: string, position: Position][] {
  const stored: unknown = JSON.parse(text)
  if (!isRecord(stored) || stored.version !== formatVersion || !Array.isArray(stored.files)) {
    throw new Error('it is of another version')
  }
  return stored.files.filter(isRecord).map(({ path, offset, dev, inode, head, headLength }) => {
    if (typeof path !== 'string' || typeof offset !== 'number' || typeof headLength !== 'number') {
      throw new Error('an entry lacks its path or offset')
    }
    return [path, { offset, dev: String(dev), inode: String(inode), head: String(head), headLength }]
  })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
