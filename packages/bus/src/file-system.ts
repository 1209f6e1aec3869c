/** The few calls by which the journal writes, as promises; tests put failing and short-writing ones in their place. */
import fs from 'node:fs'
import { promisify } from 'node:util'

export interface JournalFileSystem {
  /** Creates a file that must not exist, for writing. */
  create(path: string): Promise<number>
  /** One write at `position`; may write less than given. At most `writeBuffersMax` buffers. */
  write(file: number, buffers: readonly Uint8Array[], position: number): Promise<number>
  /** Resolves when data and length are on disk. */
  sync(file: number): Promise<void>
  truncate(file: number, length: number): Promise<void>
  close(file: number): Promise<void>
  remove(path: string): Promise<void>
  /** Resolves when the folder's entries are on disk. */
  syncFolder(path: string): Promise<void>
}

/** IOV_MAX of Linux. */
export const writeBuffersMax = 1024

const open = promisify(fs.open)
const fsync = promisify(fs.fsync)
const fdatasync = promisify(fs.fdatasync)
const ftruncate = promisify(fs.ftruncate)
const close = promisify(fs.close)
const unlink = promisify(fs.unlink)

export const nodeFileSystem: JournalFileSystem = {
  create: (path) => open(path, 'wx', 0o600),
  write: (file, buffers, position) =>
    new Promise((resolve, reject) => {
      fs.writev(file, [...buffers], position, (error, written) => (error ? reject(error) : resolve(written)))
    }),
  sync: fdatasync,
  truncate: ftruncate,
  close,
  remove: unlink,
  syncFolder: async (path) => {
    const folder = await open(path, 'r')
    try {
      await fsync(folder)
    } finally {
      await close(folder)
    }
  },
}

/** Writes all of it, however short the single writes come out. */
export async function writeAll(
  files: JournalFileSystem,
  file: number,
  buffers: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = [...buffers]
  let at = position
  while (rest.length > 0) {
    const written = await files.write(file, rest.slice(0, writeBuffersMax), at)
    if (written === 0) throw new Error('the disk took no bytes')
    at += written
    rest = dropBytes(rest, written)
  }
}

function dropBytes(buffers: Uint8Array[], count: number): Uint8Array[] {
  let left = count
  let first = 0
  for (; first < buffers.length; first += 1) {
    const length = buffers[first]?.length ?? 0
    if (left < length) break
    left -= length
  }
  const rest = buffers.slice(first)
  if (left > 0 && rest[0] !== undefined) rest[0] = rest[0].subarray(left)
  return rest
}
