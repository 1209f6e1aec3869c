/**
 * Replacing a small file as a whole: whoever reads it, also after a power cut, sees the old text or the new one.
 *
 * In: a path and bytes. Out: the file, durable when the call returns. Wrong: the error of the failing system call; the old file is then untouched.
 */
import { closeSync, fdatasyncSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Writes `bytes` to `path` through `path.tmp`, synced before the rename; mode 0640. */
export function replaceFile(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.tmp`
  const fd = openSync(temporary, 'w', 0o640)
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at)
    fdatasyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, path)
  syncFolder(dirname(path))
}

/** Makes the names in a folder durable. File systems that cannot sync a folder are left alone: they order renames themselves. */
export function syncFolder(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && (error.code === 'EINVAL' || error.code === 'EPERM'))) throw error
  } finally {
    closeSync(fd)
  }
}
