/**
 * What is known of each agent beside its key, in `queue/agents.db` (SQLite): status, system, groups. All of it is in memory too; what changes in one turn of the
 * event loop is written at its end, in one transaction: a thousand agents that come back together would hold the loop else.
 *
 * In: rows. Out: rows. Wrong: a database of a newer version, or one that cannot be opened, throws with the path and what to do.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { AgentLabel, AgentSystem } from '@dogwatch/protocol'

export type AgentStatus = 'never_connected' | 'pending' | 'active' | 'disconnected'

/** Why an agent is not active (spec: agent-protocol, part 10). */
export const statusCodes = { none: 0, badVersion: 1, noVersion: 2, shutdown: 3, silent: 4, reset: 5 } as const

/** Times are milliseconds since the epoch, null when it never was. */
export interface AgentRow {
  readonly id: string
  readonly name: string
  readonly registerIp: string
  /** As last seen. */
  readonly ip: string | null
  readonly version: string | null
  readonly system: AgentSystem | null
  readonly labels: readonly AgentLabel[]
  readonly configSum: string | null
  readonly mergedSum: string | null
  readonly addedMs: number
  readonly keepAliveMs: number | null
  readonly disconnectedMs: number | null
  readonly groups: readonly string[]
  readonly status: AgentStatus
  readonly statusCode: number
  readonly isSynced: boolean
  /** The Kubernetes node that the agent runs on. */
  readonly nodeUid: string | null
}

export function newAgentRow(entry: Pick<AgentRow, 'id' | 'name' | 'registerIp'>, addedMs: number): AgentRow {
  return {
    ...entry,
    ip: null,
    version: null,
    system: null,
    labels: [],
    configSum: null,
    mergedSum: null,
    addedMs,
    keepAliveMs: null,
    disconnectedMs: null,
    groups: ['default'],
    status: 'never_connected',
    statusCode: statusCodes.none,
    isSynced: false,
    nodeUid: null,
  }
}

/** By id, as lists show them. */
export function sortedRows(rows: ReadonlyMap<string, AgentRow>): AgentRow[] {
  return [...rows.values()].sort((a, b) => Number(a.id) - Number(b.id))
}

/** Version of the tables. */
const schemaVersion = 1

const schema = `
  CREATE TABLE agent (id TEXT PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL, row TEXT NOT NULL) STRICT;
  CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  PRAGMA user_version = ${schemaVersion};`

export class AgentState {
  readonly #db: DatabaseSync
  readonly #rows = new Map<string, AgentRow>()
  readonly #put: StatementSync
  readonly #delete: StatementSync
  /** Agents whose row in memory is newer than the one on disk. */
  readonly #changed = new Set<string>()
  readonly #touched = new Set<string>()
  #writing: NodeJS.Immediate | null = null

  constructor(path: string) {
    this.#db = new DatabaseSync(path)
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;')
    const version = this.#db.prepare('PRAGMA user_version').get()?.user_version
    if (version === 0) this.#db.exec(schema)
    else if (version !== schemaVersion) {
      this.#db.close()
      throw new Error(
        `${path} is of version ${String(version)}, this is ${schemaVersion}; use the program that wrote it`,
      )
    }
    this.#put = this.#db.prepare('INSERT OR REPLACE INTO agent (id, name, status, row) VALUES (?, ?, ?, ?)')
    this.#delete = this.#db.prepare('DELETE FROM agent WHERE id = ?')
    for (const { row } of this.#db.prepare('SELECT row FROM agent').iterate()) {
      const read = typeof row === 'string' ? rowOf(row) : null
      if (read !== null) this.#rows.set(read.id, read)
    }
  }

  get rows(): ReadonlyMap<string, AgentRow> {
    return this.#rows
  }

  put(row: AgentRow): void {
    this.#rows.set(row.id, row)
    this.#changed.add(row.id)
    this.#writing ??= setImmediate(() => this.flush())
  }

  /** As `put`, for what may be lost when the process dies; `flushTouched` writes it. */
  touch(row: AgentRow): void {
    this.#rows.set(row.id, row)
    this.#touched.add(row.id)
  }

  /** Writes what has changed. */
  flush(): void {
    if (this.#writing !== null) clearImmediate(this.#writing)
    this.#writing = null
    this.#write(this.#changed, Number.POSITIVE_INFINITY)
  }

  /** Writes a part of what was touched, those first that have waited longest: all at once would hold the event loop. */
  flushTouched(rowsMax: number): void {
    this.#write(this.#touched, rowsMax)
  }

  #write(ids: Set<string>, rowsMax: number): void {
    if (ids.size === 0) return
    const some = [...ids].slice(0, rowsMax)
    this.#db.exec('BEGIN')
    try {
      for (const id of some) {
        const row = this.#rows.get(id)
        if (row !== undefined) this.#put.run(row.id, row.name, row.status, JSON.stringify(row))
      }
      this.#db.exec('COMMIT')
    } catch (error) {
      this.#db.exec('ROLLBACK')
      throw error
    }
    // A row that was only touched is on disk too when it was written for a change.
    for (const id of some) {
      ids.delete(id)
      this.#touched.delete(id)
    }
  }

  delete(id: string): void {
    this.#rows.delete(id)
    this.#changed.delete(id)
    this.#touched.delete(id)
    this.#delete.run(id)
  }

  /** The highest id ever given out, also to agents of which nothing is left. */
  get idMax(): number {
    const value = this.#db.prepare("SELECT value FROM fact WHERE name = 'id_max'").get()?.value
    return typeof value === 'string' ? Number(value) : 0
  }

  set idMax(id: number) {
    this.#db.prepare("INSERT OR REPLACE INTO fact (name, value) VALUES ('id_max', ?)").run(String(id))
  }

  close(): void {
    this.flush()
    this.flushTouched(Number.POSITIVE_INFINITY)
    this.#db.close()
  }
}

/** Our own writing, completed where an earlier version had less; null when it is damaged. */
function rowOf(text: string): AgentRow | null {
  try {
    const parsed: Partial<AgentRow> | null = JSON.parse(text)
    if (parsed === null || typeof parsed.id !== 'string' || typeof parsed.name !== 'string') return null
    const { id, name, registerIp = 'any', addedMs = 0 } = parsed
    return { ...newAgentRow({ id, name, registerIp }, addedMs), ...parsed }
  } catch {
    return null
  }
}
