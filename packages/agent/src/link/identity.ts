/**
 * Who this agent is: the one line of `etc/client.keys`, which only root may read, and beside the queue the hash of the
 * key, which proves a node whose key was lost (contracts, part 6). Can go wrong: the disk is full; what was there before is
 * then still there.
 */
import { readFileSync } from 'node:fs'
import { type KeyEntry, keyHash, keyLine, parseKeyLine } from '@dogwatch/protocol'
import { writeDurably } from './durable-file.ts'

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
  writeDurably(file, `${keyLine(entry)}\n`)
}

/** Keeps the hash of the key where it outlives the key's own file. */
export function writeKeyHash(file: string, entry: KeyEntry): void {
  const hash = keyHash(entry)
  if (readKeyHash(file) !== hash) writeDurably(file, `${hash}\n`)
}

/** The hash that was kept; null when there is none. */
export function readKeyHash(file: string): string | null {
  try {
    return /^[0-9a-f]{40}(?=\n$)/.exec(readFileSync(file, 'latin1'))?.[0] ?? null
  } catch {
    return null
  }
}
