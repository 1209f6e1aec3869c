/**
 * What each agent has told of its files and registry, in a database of its own (SQLite). It follows from messages that are in the journal, and is compared
 * with the agents' own baselines, so losing it costs a comparison and nothing else; it is therefore not synced at each commit.
 *
 * In: entries and ranges of keys. Out: entries, checksums of ranges. Keys are ordered by their UTF-8 bytes, as agents order them. Wrong: StoreError
 * STORE_CANNOT_OPEN for a file of a later version. Calls are synchronous: run them beside the event loop that others wait for.
 */
import { createHash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { StoreError } from './error.ts'

export type InventoryComponent = 'fim_file' | 'fim_registry_key' | 'fim_registry_value'

export interface InventoryEntry {
  readonly component: InventoryComponent
  /** The path of a file, the index of a registry entry. */
  readonly key: string
  /** When the agent last told of it, seconds since the epoch. */
  readonly dateS: number
  /** How often the agent told that it changed. */
  readonly changes: number
  /** In the agent's words. */
  readonly attributes: Readonly<Record<string, unknown>>
}

export interface InventoryQuery {
  readonly component: InventoryComponent | null
  readonly key: string | null
  /** Text in the key or in an attribute's value, case aside; '' finds all. */
  readonly search: string
  readonly offset: number
  readonly limit: number
}

export interface LastScan {
  readonly startS: number | null
  readonly endS: number | null
}

export interface Inventory {
  /** Several changes as one, which is faster. What throws inside undoes them. */
  together<T>(work: () => T): T
  /** False when the agent has as many entries as it may have. `isChange` counts it. */
  put(agent: string, entry: Omit<InventoryEntry, 'changes'> & { readonly checksum: string }, isChange: boolean): boolean
  remove(agent: string, component: InventoryComponent, key: string): void
  /** Entries from `begin` to `end`, both included: how many, and the SHA-1 (hex) of their checksums in the order of keys. */
  sumOf(
    agent: string,
    component: InventoryComponent,
    begin: string,
    end: string,
  ): { readonly count: number; readonly checksum: string }
  /** Removes what is before `begin` or behind `end`. */
  keepOnly(agent: string, component: InventoryComponent, begin: string, end: string): void
  /** Removes what is between the two, both excluded. */
  removeBetween(agent: string, component: InventoryComponent, after: string, before: string): void
  /** Removes all entries of one component, or of all and the times of scans. */
  clear(agent: string, component: InventoryComponent | null): void
  find(agent: string, query: InventoryQuery): { readonly total: number; readonly entries: readonly InventoryEntry[] }
  putScan(agent: string, mark: 'start' | 'end', timeS: number): void
  lastScan(agent: string): LastScan
  close(): void
}

/** Entries of one agent. */
export const inventoryEntriesMax = 500_000

/** Each takes the tables one version further; never changed once published. */
const migrations: readonly string[] = [
  `CREATE TABLE entries (
     agent TEXT NOT NULL, component TEXT NOT NULL, key TEXT NOT NULL, checksum TEXT NOT NULL, date_s INTEGER NOT NULL,
     changes INTEGER NOT NULL, attributes TEXT NOT NULL, PRIMARY KEY (agent, component, key)) STRICT, WITHOUT ROWID;
   CREATE TABLE scans (agent TEXT PRIMARY KEY, start_s INTEGER, end_s INTEGER) STRICT;`,
]

type Row = Readonly<Record<string, unknown>>

/** See the head of this file. */
export function openInventory(path: string, entriesMax: number = inventoryEntriesMax): Inventory {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 2000')
  migrate(database, path)
  const upsert = database.prepare(`INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (agent, component, key) DO UPDATE SET checksum = excluded.checksum, date_s = excluded.date_s,
      changes = changes + excluded.changes, attributes = excluded.attributes`)
  const has = database.prepare('SELECT 1 FROM entries WHERE agent = ? AND component = ? AND key = ?')
  const remove = database.prepare('DELETE FROM entries WHERE agent = ? AND component = ? AND key = ?')
  const range = database.prepare(
    'SELECT checksum FROM entries WHERE agent = ? AND component = ? AND key >= ? AND key <= ? ORDER BY key',
  )
  const outside = database.prepare('DELETE FROM entries WHERE agent = ? AND component = ? AND (key < ? OR key > ?)')
  const between = database.prepare('DELETE FROM entries WHERE agent = ? AND component = ? AND key > ? AND key < ?')
  const count = database.prepare('SELECT count(*) AS n FROM entries WHERE agent = ?')
  /** How many entries agents have, as far as it is known. */
  const counts = new Map<string, number>()
  const countOf = (agent: string): number => {
    const known = counts.get(agent) ?? Number(count.get(agent)?.n)
    counts.set(agent, known)
    return known
  }
  const drop = (agent: string, changes: number | bigint): void => {
    const known = counts.get(agent)
    if (known !== undefined) counts.set(agent, known - Number(changes))
  }
  return {
    together(work) {
      database.exec('BEGIN IMMEDIATE')
      try {
        const result = work()
        database.exec('COMMIT')
        return result
      } catch (error) {
        counts.clear()
        database.exec('ROLLBACK')
        throw error
      }
    },
    put(agent, { component, key, checksum, dateS, attributes }, isChange) {
      if (has.get(agent, component, key) === undefined) {
        if (countOf(agent) >= entriesMax) return false
        counts.set(agent, countOf(agent) + 1)
      }
      upsert.run(agent, component, key, checksum, dateS, isChange ? 1 : 0, JSON.stringify(attributes))
      return true
    },
    remove: (agent, component, key) => drop(agent, remove.run(agent, component, key).changes),
    sumOf(agent, component, begin, end) {
      const sum = createHash('sha1')
      let found = 0
      for (const { checksum } of range.iterate(agent, component, begin, end)) {
        found++
        sum.update(String(checksum), 'latin1')
      }
      return { count: found, checksum: sum.digest('hex') }
    },
    keepOnly: (agent, component, begin, end) => drop(agent, outside.run(agent, component, begin, end).changes),
    removeBetween: (agent, component, after, before) =>
      drop(agent, between.run(agent, component, after, before).changes),
    clear(agent, component) {
      counts.delete(agent)
      if (component !== null)
        database.prepare('DELETE FROM entries WHERE agent = ? AND component = ?').run(agent, component)
      else {
        database.prepare('DELETE FROM entries WHERE agent = ?').run(agent)
        database.prepare('DELETE FROM scans WHERE agent = ?').run(agent)
      }
    },
    find(agent, { component, key, search, offset, limit }) {
      const where = ['agent = :agent']
      const values: Record<string, string> = { agent }
      if (component !== null) {
        where.push('component = :component')
        values.component = component
      }
      if (key !== null) {
        where.push('key = :key')
        values.key = key
      }
      if (search !== '') {
        where.push(`(instr(lower(key), :search) > 0
          OR EXISTS (SELECT 1 FROM json_each(attributes) WHERE instr(lower(value), :search) > 0))`)
        values.search = search.toLowerCase()
      }
      const condition = where.join(' AND ')
      const total = Number(database.prepare(`SELECT count(*) AS n FROM entries WHERE ${condition}`).get(values)?.n)
      const sql = `SELECT component, key, date_s, changes, attributes FROM entries WHERE ${condition}
        ORDER BY component, key LIMIT :limit OFFSET :offset`
      return {
        total,
        entries: database
          .prepare(sql)
          .all({ ...values, limit, offset })
          .map(entryOf),
      }
    },
    putScan(agent, mark, timeS) {
      const column = mark === 'start' ? 'start_s' : 'end_s'
      database
        .prepare(
          `INSERT INTO scans (agent, ${column}) VALUES (?, ?) ON CONFLICT (agent) DO UPDATE SET ${column} = excluded.${column}`,
        )
        .run(agent, timeS)
    },
    lastScan(agent) {
      const row = database.prepare('SELECT start_s, end_s FROM scans WHERE agent = ?').get(agent)
      const time = (value: unknown): number | null => (typeof value === 'number' ? value : null)
      return { startS: time(row?.start_s), endS: time(row?.end_s) }
    },
    close: () => database.close(),
  }
}

function migrate(database: DatabaseSync, path: string): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version)
  if (version > migrations.length) {
    database.close()
    throw new StoreError(
      'STORE_CANNOT_OPEN',
      `${path} has version ${version}, this Dogwatch knows ${migrations.length}; use the newer one, or remove the file: agents tell all again`,
    )
  }
  for (const [n, sql] of migrations.entries()) {
    if (n < version) continue
    database.exec(`BEGIN IMMEDIATE; ${sql} PRAGMA user_version = ${n + 1}; COMMIT`)
  }
}

function entryOf({ component, key, date_s, changes, attributes }: Row): InventoryEntry {
  const parsed: unknown = JSON.parse(String(attributes))
  return {
    component: componentOf(component) ?? 'fim_file',
    key: String(key),
    dateS: Number(date_s),
    changes: Number(changes),
    attributes: typeof parsed === 'object' && parsed !== null ? { ...parsed } : {},
  }
}

/** Null for every other word. */
export function componentOf(value: unknown): InventoryComponent | null {
  return value === 'fim_file' || value === 'fim_registry_key' || value === 'fim_registry_value' ? value : null
}
