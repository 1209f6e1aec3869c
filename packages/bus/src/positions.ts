/**
 * The committed positions of a journal's consumers, in `consumers.json`: one line of JSON, the CRC-32 of its `state` in it, replaced whole by
 * rename. A file that is damaged is a value (`null`): the consumers then begin at the oldest record, which repeats but loses nothing.
 */
import fs from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { Position } from './contract.ts'
import { BusError } from './error.ts'

const positionsVersion = 1
const fileName = 'consumers.json'

export interface Positions {
  readonly consumers: ReadonlyMap<string, Position>
  /** No record and no segment written later has a lower number, also when all of them have been deleted. */
  readonly nextSequence: number
  readonly nextSegment: number
}

const noPositions: Positions = { consumers: new Map(), nextSequence: 1, nextSegment: 1 }

/** The saved positions, none when there is no file, null when it is damaged. Throws BUS_FORMAT_NEWER. */
export async function loadPositions(folder: string): Promise<Positions | null> {
  const path = join(folder, fileName)
  const text = await fs.readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text === null) return noPositions
  const file = parseObject(text)
  if (file === null || typeof file.state !== 'string' || file.crc !== crc32(file.state)) return null
  if (typeof file.version === 'number' && file.version > positionsVersion) throw new BusError('BUS_FORMAT_NEWER', path)
  const state = parseObject(file.state)
  const { nextSequence, nextSegment, consumers } = state ?? {}
  if (!isPosition(nextSequence) || !isPosition(nextSegment) || !Array.isArray(consumers)) return null
  const found = new Map<string, Position>()
  for (const entry of consumers) {
    if (!Array.isArray(entry) || typeof entry[0] !== 'string' || !isPosition(entry[1])) return null
    found.set(entry[0], entry[1])
  }
  return { consumers: found, nextSequence, nextSegment }
}

/** Resolves when the positions are on disk. */
export async function savePositions(
  folder: string,
  { consumers, nextSequence, nextSegment }: Positions,
): Promise<void> {
  const state = JSON.stringify({ nextSequence, nextSegment, consumers: [...consumers] })
  const text = `${JSON.stringify({ version: positionsVersion, crc: crc32(state), state })}\n`
  const path = join(folder, fileName)
  const file = await fs.open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.datasync()
  } finally {
    await file.close()
  }
  await fs.rename(`${path}.new`, path)
  const entry = await fs.open(folder, 'r')
  try {
    await entry.sync()
  } finally {
    await entry.close()
  }
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : null
  } catch {
    return null
  }
}

function isPosition(value: unknown): value is Position {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** Commits of positions are gathered this long. */
const positionsEveryMs = 50

/** Gathers commits of positions: one save is under way at a time, and those who came meanwhile share the next. */
export class PositionSaver {
  readonly #write: () => Promise<void>
  #running: Promise<void> | null = null
  #next: Promise<void> | null = null

  constructor(write: () => Promise<void>) {
    this.#write = write
  }

  /** Resolves when what is current now has been saved. */
  save(): Promise<void> {
    if (this.#running === null) return this.#start()
    this.#next ??= this.#running
      .catch(() => {})
      .then(() => new Promise((resolve) => setTimeout(resolve, positionsEveryMs)))
      .then(() => {
        this.#next = null
        return this.#start()
      })
    return this.#next
  }

  #start(): Promise<void> {
    const running = this.#write().finally(() => {
      if (this.#running === running) this.#running = null
    })
    this.#running = running
    return running
  }
}
