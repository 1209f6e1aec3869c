/**
 * Where the pipeline stands, as one small file that is replaced whole: `<state>/checkpoint.json`, with the correlator's state beside it.
 *
 * In: position, event number, files, windows. Out: the same after a crash. The order of writing makes it one: first the state file under a new name,
 * durable, then the checkpoint that names it, then the old state file goes. Wrong: a checkpoint that is damaged or of a later version is an error that says so;
 * going on without it could write alerts twice, which is the operator's decision (delete the file).
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type FilesState, fileKinds, replaceFile } from '@dogwatch/outputs'
import type { DuplicateFile } from './duplicate-log.ts'

/** Version of the file; an earlier one is read and upgraded, a later one is refused. */
const version = 1

export interface Checkpoint {
  /** Sequence of the first record that is not done (bus contract). */
  readonly position: number
  /** Number that the next event gets; the first event ever is 1. */
  readonly nextNumber: number
  readonly files: FilesState
  readonly duplicates: readonly DuplicateFile[]
  /** Name of the file with the correlator's state; null without one. */
  readonly stateFile: string | null
  /** Newest arrival time consumed, epoch ms. */
  readonly timeMs: number
}

/** The checkpoint cannot be used; the message says why and what to do. */
export class CheckpointError extends Error {
  readonly code = 'CHECKPOINT_UNREADABLE'
}

const checkpointName = 'checkpoint.json'

/** The last checkpoint in `folder` (created when missing); null when there has never been one. Throws CheckpointError. */
export function readCheckpoint(
  folder: string,
): { readonly checkpoint: Checkpoint; readonly state: Uint8Array | null } | null {
  mkdirSync(folder, { recursive: true, mode: 0o750 })
  const path = join(folder, checkpointName)
  if (!existsSync(path)) return null
  const checkpoint = parseCheckpoint(readFileSync(path, 'utf8'), path)
  const statePath = checkpoint.stateFile === null ? null : join(folder, checkpoint.stateFile)
  return { checkpoint, state: statePath !== null && existsSync(statePath) ? readFileSync(statePath) : null }
}

/** Makes a checkpoint durable, with the correlator's state (null: none). Throws what the system says; the earlier one is then still good. */
export function writeCheckpoint(
  folder: string,
  checkpoint: Omit<Checkpoint, 'stateFile'>,
  state: Uint8Array | null,
): void {
  const stateFile = state === null ? null : `correlator-${checkpoint.nextNumber}.state`
  if (state !== null && stateFile !== null) replaceFile(join(folder, stateFile), state)
  const text = `${JSON.stringify({ version, ...checkpoint, stateFile })}\n`
  replaceFile(join(folder, checkpointName), Buffer.from(text))
  for (const name of readdirSync(folder)) {
    if (/^correlator-\d+\.state(\.tmp)?$/.test(name) && name !== stateFile) unlinkSync(join(folder, name))
  }
}

function parseCheckpoint(text: string, path: string): Checkpoint {
  const refuse = (why: string): never => {
    throw new CheckpointError(
      `${path}: ${why}; move the file away to start at the journal's committed position (events since then may be written twice)`,
    )
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return refuse('not JSON')
  }
  if (!isObject(value)) return refuse('not an object')
  if (typeof value.version !== 'number' || value.version > version)
    return refuse(`version ${String(value.version)}, this program knows ${version}`)
  const { position, nextNumber, timeMs, stateFile } = value
  if (!isCount(position) || !isCount(nextNumber) || !isCount(timeMs))
    return refuse('position, nextNumber or timeMs is no number')
  if (stateFile !== null && !(typeof stateFile === 'string' && /^correlator-\d+\.state$/.test(stateFile)))
    return refuse('stateFile is no name')
  const files: Record<string, { day: string; inode: number; length: number }> = {}
  for (const kind of fileKinds) {
    const file = isObject(value.files) ? value.files[kind] : undefined
    if (file === undefined) continue
    if (!isObject(file) || typeof file.day !== 'string' || !isCount(file.inode) || !isCount(file.length))
      return refuse(`files.${kind} is incomplete`)
    files[kind] = { day: file.day, inode: file.inode, length: file.length }
  }
  const duplicates = Array.isArray(value.duplicates) ? value.duplicates.filter(isDuplicateFile) : []
  return { position, nextNumber, timeMs, stateFile, files, duplicates }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isDuplicateFile(value: unknown): value is DuplicateFile {
  return isObject(value) && isCount(value.number) && isCount(value.length) && isCount(value.newestSeconds)
}
