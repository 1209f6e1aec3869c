/**
 * Who this agent is: the one line of `etc/client.keys`, which only root may read. Can go wrong: the disk is full; what was
 * there before is then still there.
 */
import { closeSync, fdatasyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { type KeyEntry, keyLine, parseKeyLine } from '@dogwatch/protocol'

/** The identity in a keys file; null when there is none yet. */
export function readIdentity(file: string): KeyEntry | null {
  let text: string
  try {
    text = readFileSync(file, 'latin1')
  } catch {
    return null
  }
  for (const line of text.split('\n')) {
    const read = parseKeyLine(line)
    if (read.kind === 'agent') return read.entry
  }
  return null
}

/** Keeps the identity, durable when it returns. */
export function writeIdentity(file: string, entry: KeyEntry): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o750 })
  const fd = openSync(`${file}.new`, 'w', 0o600)
  try {
    writeSync(fd, `${keyLine(entry)}\n`)
    fdatasyncSync(fd)
  } catch (error) {
    rmSync(`${file}.new`, { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
  renameSync(`${file}.new`, file)
}
