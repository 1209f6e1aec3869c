/**
 * Who this agent is: the one line of `etc/client.keys`, which only root may read, and beside the queue the hash of the
 * key, which proves a node whose key was lost (contracts, part 6). Can go wrong: the disk is full; what was there before is
 * then still there.
 */
import { closeSync, fdatasyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { type KeyEntry, keyHash, keyLine, parseKeyLine } from '@dogwatch/protocol'

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
  writeDurably(file, keyLine(entry))
}

/** Keeps the hash of the key where it outlives the key's own file. */
export function writeKeyHash(file: string, entry: KeyEntry): void {
  const hash = keyHash(entry)
  if (readKeyHash(file) !== hash) writeDurably(file, hash)
}

/** The hash that was kept; null when there is none. */
export function readKeyHash(file: string): string | null {
  try {
    return /^[0-9a-f]{40}(?=\n$)/.exec(readFileSync(file, 'latin1'))?.[0] ?? null
  } catch {
    return null
  }
}

function writeDurably(file: string, line: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o750 })
  const fd = openSync(`${file}.new`, 'w', 0o600)
  try {
    writeSync(fd, `${line}\n`)
    fdatasyncSync(fd)
  } catch (error) {
    rmSync(`${file}.new`, { force: true })
    throw error
  } finally {
    closeSync(fd)
  }
  renameSync(`${file}.new`, file)
}
