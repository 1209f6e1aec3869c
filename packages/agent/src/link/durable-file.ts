/** A small file that is replaced as a whole, durable when the call returns. Can go wrong: the disk is full; what was there before is then still there. */
import { closeSync, fdatasyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** Writes the text, for the agent's own user alone. */
export function writeDurably(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o750 })
  const fd = openSync(`${file}.new`, 'w', 0o600)
  try {
    writeSync(fd, text)
    fdatasyncSync(fd)
  } catch (error) {
    rmSync(`${file}.new`, { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
  renameSync(`${file}.new`, file)
}
