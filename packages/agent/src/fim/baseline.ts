/**
 * The baseline: the known state of every watched file, in SQLite, so that it survives restarts. In go and come out rows
 * by path (byte text). Can go wrong: the disk (SQLite's errors are thrown). A file of a version that is not known, or
 * that is damaged, is put aside and a new baseline begun, which the caller is told.
 */
import { renameSync, rmSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { bytesOf } from '../bytes.ts'
import { type FilePlace, type FileState, stateChecksum } from './file-state.ts'
import type { Mode } from './options.ts'

/** A file as it was last reported. */
export interface Row {
  readonly path: string
  readonly mode: Mode
  /** Mask of the checks that the state was read with. */
  readonly checks: number
  /** Unix seconds of the last event. */
  readonly lastEvent: number
  readonly state: FileState
  readonly place: FilePlace
}

/** A row's key and what is known of it, in short. */
export interface RowMark {
  readonly path: string
  readonly checksum: string
}

/** On-disk format; raise it with an upgrade beside it. */
const formatVersion = 1
const modes: readonly Mode[] = ['scheduled', 'realtime', 'whodata']

const schema = `
create table if not exists file_entry (
  path text primary key, mode integer not null, last_event integer not null, scanned integer not null, options integer not null,
  checksum text not null, dev text not null, inode text not null, links integer not null, shown_inode integer not null,
  size integer not null, perm text not null, attributes text not null default '', uid text not null, gid text not null,
  user_name text not null, group_name text not null, hash_md5 text not null, hash_sha1 text not null, hash_sha256 text not null,
  mtime integer not null
) without rowid;
create index if not exists file_entry_place on file_entry (inode, dev) where links > 1;
create table if not exists watched_path (path text primary key) without rowid;
`

type Cells = Record<string, unknown>

type StatementName = 'get' | 'put' | 'mark' | 'remove' | 'unseen' | 'below' | 'links' | 'marks'

export class Baseline {
  readonly #file: string
  #db: DatabaseSync
  #statements: Readonly<Record<StatementName, StatementSync>>
  #count: number
  /** We began a group of writes. SQLite ends one by itself when the disk is full. */
  #hasBegun = false
  #version = 0
  /** Why an older baseline was put aside; null when it was not. */
  readonly resetReason: string | null

  /** Opens or makes the file; `:memory:` keeps nothing. */
  constructor(file: string) {
    this.#file = file
    const { db, count, resetReason } = open(file)
    this.#db = db
    this.#count = count
    this.resetReason = resetReason
    this.#statements = prepareAll(db)
  }

  /** Puts a baseline aside that turned out to be damaged, and begins another. */
  startOver(): void {
    this.#db.close()
    if (this.#file !== ':memory:') putAside(this.#file)
    const { db, count } = prepareDatabase(this.#file)
    this.#db = db
    this.#count = count
    this.#statements = prepareAll(db)
    this.#hasBegun = false
    this.#version++
  }

  /** Another number whenever a row was put or removed. */
  get version(): number {
    return this.#version
  }

  /** How many files are known. */
  get count(): number {
    return this.#count
  }

  get(path: string): Row | null {
    const cells = this.#statements.get.get(path)
    return cells === undefined ? null : rowOf(cells)
  }

  /** Adds or replaces a row; `scan` is the number of the scan that saw it. */
  put(row: Row, scan: number): void {
    const { path, mode, checks, lastEvent, state, place } = row
    const isNew = this.#statements.get.get(path) === undefined
    this.#statements.put.run(
      path,
      modes.indexOf(mode),
      lastEvent,
      scan,
      checks,
      stateChecksum(state),
      place.dev,
      place.inode,
      place.links,
      state.inode === '' ? 0 : 1,
      state.size,
      state.perm,
      state.uid,
      state.gid,
      state.userName,
      state.groupName,
      state.md5,
      state.sha1,
      state.sha256,
      state.mtime,
    )
    this.#version++
    if (isNew) this.#count++
  }

  /** Notes that a scan saw the file as it is known. */
  mark(path: string, scan: number): void {
    this.#statements.mark.run(scan, path)
  }

  remove(path: string): void {
    if (Number(this.#statements.remove.run(path).changes) === 0) return
    this.#version++
    this.#count--
  }

  /** Rows that scan `scan` did not see; rows may be removed while going through them. */
  *unseen(scan: number): Generator<Row> {
    for (let after = ''; ; ) {
      const page = this.#statements.unseen.all(after, scan).map(rowOf)
      yield* page
      const last = page.at(-1)
      if (last === undefined) return
      after = last.path
    }
  }

  /** Paths of rows below a folder. */
  *below(folder: string): Generator<string> {
    const start = folder.endsWith('/') ? folder : `${folder}/`
    // '0' is the byte after '/'.
    const end = `${start.slice(0, -1)}0`
    for (let after = ''; ; ) {
      const page = this.#statements.below.all(start, end, after).map((cells) => String(cells.path))
      yield* page
      const last = page.at(-1)
      if (last === undefined) return
      after = last
    }
  }

  /** Keys and checksums from `begin` to `end`, both included, in the order of their bytes; null: to the last. */
  *marks(begin: string, end: string | null): Generator<RowMark> {
    // No path has a character above U+00FF.
    const last = end ?? '\u0100'
    for (let from = begin, isFirst = 1; ; isFirst = 0) {
      const page = this.#statements.marks.all(from, last, isFirst, from)
      for (const { path, checksum } of page) yield { path: String(path), checksum: String(checksum) }
      const { path } = page.at(-1) ?? {}
      if (path === undefined) return
      from = String(path)
    }
  }

  /** Other known names of the same file, at most 32. */
  otherNames(path: string, { dev, inode, links }: FilePlace): string[] {
    return links < 2 ? [] : this.#statements.links.all(inode, dev, path).map((cells) => String(cells.path))
  }

  /** Has this configured path been scanned to its end before? Its files are news only then. */
  hasWatched(path: string): boolean {
    return this.#db.prepare('select 1 from watched_path where path = ?').get(path) !== undefined
  }

  /** Notes which configured paths have been scanned to their end; others are forgotten. */
  setWatched(paths: readonly string[]): void {
    this.transaction(() => {
      this.#db.exec('delete from watched_path')
      const insert = this.#db.prepare('insert or ignore into watched_path values (?)')
      for (const path of paths) insert.run(path)
    })
  }

  /** Does all or nothing. */
  transaction(work: () => void): void {
    const isOuter = !this.#db.isTransaction
    if (isOuter) this.begin()
    try {
      work()
      if (isOuter) this.commit()
    } catch (error) {
      if (isOuter) this.rollback()
      throw error
    }
  }

  /** Begins a group of writes, unless one has begun. */
  begin(): void {
    if (this.#db.isTransaction) return
    // A group that ended without us was rolled back.
    if (this.#hasBegun) this.#count = countOf(this.#db)
    this.#db.exec('begin immediate')
    this.#hasBegun = true
  }

  commit(): void {
    if (this.#db.isTransaction) this.#db.exec('commit')
    else if (this.#hasBegun) this.#count = countOf(this.#db)
    this.#hasBegun = false
  }

  rollback(): void {
    if (this.#db.isTransaction) this.#db.exec('rollback')
    this.#hasBegun = false
    this.#count = countOf(this.#db)
  }

  /** Keeps what was written, as far as the disk takes it. */
  close(): void {
    try {
      this.commit()
    } finally {
      this.#db.close()
    }
  }
}

/** Did SQLite find that the file is not what it wrote? */
export function isDamage(error: unknown): boolean {
  if (!(error instanceof Error) || !('errcode' in error)) return false
  // SQLITE_CORRUPT and SQLITE_NOTADB; above the low byte stands which kind.
  return [11, 26].includes(Number(error.errcode) & 0xff)
}

function prepareAll(db: DatabaseSync): Readonly<Record<StatementName, StatementSync>> {
  const prepare = (sql: string): StatementSync => db.prepare(sql)
  return {
    get: prepare('select * from file_entry where path = ?'),
    put: prepare(
      `insert or replace into file_entry (path, mode, last_event, scanned, options, checksum, dev, inode, links, shown_inode, size, perm,
       uid, gid, user_name, group_name, hash_md5, hash_sha1, hash_sha256, mtime) values (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
    ),
    mark: prepare('update file_entry set scanned = ? where path = ?'),
    remove: prepare('delete from file_entry where path = ?'),
    unseen: prepare('select * from file_entry where path > ? and scanned <> ? order by path limit 500'),
    below: prepare('select path from file_entry where path >= ? and path < ? and path > ? order by path limit 500'),
    links: prepare(
      'select path from file_entry where inode = ? and dev = ? and links > 1 and path <> ? order by path limit 32',
    ),
    marks: prepare(
      'select path, checksum from file_entry where path >= ? and path <= ? and (? or path > ?) order by path limit 1000',
    ),
  }
}

function countOf(db: DatabaseSync): number {
  return numberOf(db.prepare('select count(*) as n from file_entry').get()?.n)
}

function putAside(file: string): void {
  renameSync(bytesOf(file), bytesOf(`${file}.damaged`))
  for (const suffix of ['-wal', '-shm']) rmSync(bytesOf(file + suffix), { force: true })
}

interface Opened {
  readonly db: DatabaseSync
  readonly count: number
}

function open(file: string): Opened & { readonly resetReason: string | null } {
  try {
    return { ...prepareDatabase(file), resetReason: null }
  } catch (error) {
    if (file === ':memory:') throw error
    const reason = error instanceof Error ? error.message : String(error)
    putAside(file)
    return { ...prepareDatabase(file), resetReason: reason }
  }
}

function prepareDatabase(file: string): Opened {
  const db = new DatabaseSync(file)
  try {
    db.exec(
      'pragma journal_mode = wal; pragma synchronous = normal; pragma cache_size = -4000; pragma temp_store = memory',
    )
    const version = numberOf(db.prepare('pragma user_version').get()?.user_version)
    if (version !== 0 && version !== formatVersion)
      throw new Error(`baseline of version ${version}, not ${formatVersion}`)
    db.exec(schema)
    db.exec(`pragma user_version = ${formatVersion}`)
    return { db, count: countOf(db) }
  } catch (error) {
    db.close()
    throw error
  }
}

function rowOf(cells: Cells): Row {
  const text = (name: string): string => String(cells[name] ?? '')
  return {
    path: text('path'),
    mode: modes[numberOf(cells.mode)] ?? 'scheduled',
    checks: numberOf(cells.options),
    lastEvent: numberOf(cells.last_event),
    state: {
      size: numberOf(cells.size),
      perm: text('perm'),
      uid: text('uid'),
      gid: text('gid'),
      userName: text('user_name'),
      groupName: text('group_name'),
      mtime: numberOf(cells.mtime),
      inode: numberOf(cells.shown_inode) === 0 ? '' : text('inode'),
      md5: text('hash_md5'),
      sha1: text('hash_sha1'),
      sha256: text('hash_sha256'),
    },
    place: { dev: text('dev'), inode: text('inode'), links: numberOf(cells.links) },
  }
}

function numberOf(value: unknown): number {
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : 0
}
