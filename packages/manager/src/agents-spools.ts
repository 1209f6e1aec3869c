/**
 * How far agents of ours have come, over a restart (spec: contracts, part 3): a checkpoint in a file, and what the journal has behind it. So an event that is on disk is never taken
 * again, however the manager ended.
 *
 * In: the journal, and `queue/agent-spools.json`. Out: a position for each agent. Wrong: a checkpoint that cannot be read counts as none, and the whole journal is looked at.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bus } from '@dogwatch/bus'
import { type SpoolPosition, spoolPositionOf } from '@dogwatch/inputs'
import { replaceFile } from '@dogwatch/outputs'

export type SpoolJournal = Pick<Bus, 'replay' | 'read' | 'end' | 'oldest'>

interface Checkpoint {
  /** Every record before this position is in `agents`. */
  readonly position: number
  readonly agents: readonly (readonly [id: string, position: SpoolPosition])[]
}

const version = 1

export function spoolsPath(home: string): string {
  return join(home, 'queue/agent-spools.json')
}

/** Reads the checkpoint and looks at the journal behind it. */
export async function recoverSpools(path: string, journal: SpoolJournal): Promise<Map<string, SpoolPosition>> {
  const { position, agents } = readCheckpoint(path) ?? { position: journal.oldest, agents: [] }
  const found = new Map(agents)
  for await (const refs of journal.replay(position)) {
    for (const ref of refs) {
      const record = await journal.read(ref)
      if (record === null || record.meta.input !== 'agent') continue
      const place = spoolPositionOf(record.meta.peer)
      const known = found.get(record.meta.source)
      if (place === null || (known?.spool === place.spool && known.sequence >= place.sequence)) continue
      found.set(record.meta.source, place)
    }
  }
  return found
}

/** Writes the checkpoint: `position` was the journal's end before the positions were asked for. */
export function writeSpools(path: string, position: number, agents: ReadonlyMap<string, SpoolPosition>): void {
  replaceFile(path, Buffer.from(JSON.stringify({ version, position, agents: [...agents] })))
}

function readCheckpoint(path: string): Checkpoint | null {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof parsed !== 'object' || parsed === null) return null
    const members: Readonly<Record<string, unknown>> = { ...parsed }
    const { position, agents } = members
    if (members.version !== version || typeof position !== 'number' || !Array.isArray(agents)) return null
    return { position, agents: agents.flatMap(entryOf) }
  } catch {
    return null // none yet, or damaged
  }
}

function entryOf(entry: unknown): [string, SpoolPosition][] {
  if (!Array.isArray(entry)) return []
  const [id, place]: unknown[] = entry
  if (typeof id !== 'string' || typeof place !== 'object' || place === null) return []
  const { spool, sequence } = { spool: null, sequence: null, ...place }
  return typeof spool === 'string' && typeof sequence === 'number' ? [[id, { spool, sequence }]] : []
}
