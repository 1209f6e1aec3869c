/**
 * What is not events: users, saved searches, what users did, and settings of the API, in SQLite (`node:sqlite`), with migrations.
 *
 * In: the path of the file, made when it is not there. Out: a `State`; every change is durable when its call returns. Wrong: StoreError
 * STORE_CANNOT_OPEN for a file of a later version. Calls are synchronous and short: tables are small.
 */
import { chmodSync, closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { StoreError } from './error.ts'

export interface User {
  readonly id: number
  readonly name: string
  /** Made by the API; opaque here. */
  readonly passwordHash: string
  /** Ids of roles, in order. */
  readonly roles: readonly number[]
  readonly isDisabled: boolean
  /** Whether the user may log in with the roles that security rules give to a context. */
  readonly mayRunAs: boolean
  readonly createdMs: number
  /** Goes up when the user's tokens must end. */
  readonly tokenEpoch: number
}

export type NewUser = Pick<User, 'name' | 'passwordHash' | 'roles' | 'createdMs'>
export type UserChange = Partial<Pick<User, 'passwordHash' | 'roles' | 'isDisabled' | 'mayRunAs'>>

/** A role that somebody made; its id is 100 or above. */
export interface CustomRole {
  readonly id: number
  readonly name: string
  /** Ids, in the order in which they count. */
  readonly policies: readonly number[]
}

/** A policy that somebody made; its id is 100 or above. */
export interface CustomPolicy {
  readonly id: number
  readonly name: string
  /** JSON that the API wrote: actions, resources, effect. */
  readonly content: string
}

/** A rule that gives roles to whoever logs in with a context that it fits; its id is 100 or above. */
export interface SecurityRule {
  readonly id: number
  readonly name: string
  /** JSON that the API wrote. */
  readonly content: string
}

export interface SavedSearch {
  readonly id: number
  readonly name: string
  readonly owner: string
  /** JSON that the page wrote: query, columns, range. */
  readonly content: string
  readonly changedMs: number
}

/** Something that a user did, or tried to do. */
export interface Deed {
  readonly timeMs: number
  readonly user: string
  readonly address: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly note: string
}

export interface State {
  users(): User[]
  user(id: number): User | null
  userNamed(name: string): User | null
  /** Null when there is a user of that name. */
  addUser(user: NewUser): User | null
  /** Any change ends the user's tokens. Null when there is no such user. */
  changeUser(id: number, change: UserChange): User | null
  endTokens(id: number): void
  removeUser(id: number): boolean
  roles(): CustomRole[]
  /** Makes a role, or changes the one of that id. Null when another has the name, or there is none of that id. */
  putRole(role: Omit<CustomRole, 'id'>, id?: number): CustomRole | null
  /** Takes it from its users too; their tokens end. */
  removeRole(id: number): boolean
  policies(): CustomPolicy[]
  /** As `putRole`. */
  putPolicy(policy: Omit<CustomPolicy, 'id'>, id?: number): CustomPolicy | null
  /** Takes it from its roles too. */
  removePolicy(id: number): boolean
  securityRules(): SecurityRule[]
  /** As `putRole`. */
  putSecurityRule(rule: Omit<SecurityRule, 'id'>, id?: number): SecurityRule | null
  /** Takes it from its roles too. */
  removeSecurityRule(id: number): boolean
  /** Which rule gives which role. */
  roleRules(): { readonly role: number; readonly rule: number }[]
  /** False when it is so already. */
  linkRule(role: number, rule: number): boolean
  unlinkRule(role: number, rule: number): boolean
  /** Another text when roles, policies, rules or settings may have changed, also by another process. */
  version(): string
  searches(): SavedSearch[]
  /** Makes one, or replaces the owner's of that name. */
  saveSearch(search: Omit<SavedSearch, 'id'>): SavedSearch
  removeSearch(id: number): boolean
  note(deed: Deed): void
  /** Newest first. */
  deeds(limit: number, offset: number): { readonly total: number; readonly deeds: Deed[] }
  setting(name: string): string | null
  putSetting(name: string, value: string): void
  /** Copies everything into a file that is not there yet. */
  backup(path: string): void
  close(): void
}

/** Deeds that are kept; the oldest go first. */
export const deedsMax = 100_000
/** Searches of one owner. */
export const searchesMax = 500

/** Each takes the tables one version further; never changed once published. */
const migrations: readonly string[] = [
  `CREATE TABLE users (
     id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, password_hash TEXT NOT NULL, roles TEXT NOT NULL,
     is_disabled INTEGER NOT NULL DEFAULT 0, created_ms INTEGER NOT NULL, token_epoch INTEGER NOT NULL DEFAULT 0) STRICT;
   CREATE TABLE searches (
     id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, owner TEXT NOT NULL, content TEXT NOT NULL,
     changed_ms INTEGER NOT NULL, UNIQUE (owner, name)) STRICT;
   CREATE TABLE deeds (
     id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, user TEXT NOT NULL, address TEXT NOT NULL,
     method TEXT NOT NULL, path TEXT NOT NULL, status INTEGER NOT NULL, note TEXT NOT NULL) STRICT;
   CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;`,
  // Ids below 100 are those of the roles and policies that come with the product.
  `CREATE TABLE roles (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, policies TEXT NOT NULL) STRICT;
   CREATE TABLE policies (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, content TEXT NOT NULL) STRICT;
   INSERT INTO sqlite_sequence (name, seq) VALUES ('roles', 99), ('policies', 99);`,
  `ALTER TABLE users ADD COLUMN may_run_as INTEGER NOT NULL DEFAULT 0;
   CREATE TABLE security_rules (
     id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, content TEXT NOT NULL) STRICT;
   CREATE TABLE role_rules (role INTEGER NOT NULL, rule INTEGER NOT NULL, PRIMARY KEY (role, rule)) STRICT;
   INSERT INTO sqlite_sequence (name, seq) VALUES ('security_rules', 99);`,
]

type Row = Readonly<Record<string, unknown>>

/** See the head of this file. */
export function openState(path: string): State {
  // Made with its rights before SQLite opens it: password hashes and the signing key are in it.
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
  const database = new DatabaseSync(path)
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 2000',
  )
  migrate(database, path)
  const all = (sql: string, ...values: (string | number)[]): Row[] => database.prepare(sql).all(...values)
  const run = (sql: string, ...values: (string | number)[]) => database.prepare(sql).run(...values)
  const user = (id: number): User | null => all('SELECT * FROM users WHERE id = ?', id).map(userOf)[0] ?? null
  const userNamed = (name: string): User | null =>
    all('SELECT * FROM users WHERE name = ?', name).map(userOf)[0] ?? null
  // Of this process; SQLite itself tells of the others.
  let changes = 0
  /** Null when another row has the name, or there is none of that id. */
  const putNamed = (
    table: 'roles' | 'policies' | 'security_rules',
    member: string,
    name: string,
    value: string,
    id?: number,
  ): Row | null => {
    changes += 1
    const [same] = all(`SELECT id FROM ${table} WHERE name = ?`, name)
    if (same !== undefined && Number(same.id) !== id) return null
    const rows =
      id === undefined
        ? all(`INSERT INTO ${table} (name, ${member}) VALUES (?, ?) RETURNING *`, name, value)
        : all(`UPDATE ${table} SET name = ?, ${member} = ? WHERE id = ? RETURNING *`, name, value, id)
    return rows[0] ?? null
  }
  return {
    roles: () => all('SELECT * FROM roles ORDER BY id').map(roleOf),
    putRole({ name, policies }, id) {
      const row = putNamed('roles', 'policies', name, JSON.stringify(policies), id)
      return row === null ? null : roleOf(row)
    },
    removeRole(id) {
      for (const { id: holder, roles } of all('SELECT * FROM users').map(userOf)) {
        if (!roles.includes(id)) continue
        const kept = JSON.stringify(roles.filter((role) => role !== id))
        run('UPDATE users SET roles = ?, token_epoch = token_epoch + 1 WHERE id = ?', kept, holder)
      }
      changes += 1
      run('DELETE FROM role_rules WHERE role = ?', id)
      return run('DELETE FROM roles WHERE id = ?', id).changes > 0
    },
    policies: () => all('SELECT * FROM policies ORDER BY id').map(policyOf),
    putPolicy({ name, content }, id) {
      const row = putNamed('policies', 'content', name, content, id)
      return row === null ? null : policyOf(row)
    },
    removePolicy(id) {
      for (const { id: role, policies } of all('SELECT * FROM roles').map(roleOf)) {
        if (!policies.includes(id)) continue
        const kept = JSON.stringify(policies.filter((policy) => policy !== id))
        run('UPDATE roles SET policies = ? WHERE id = ?', kept, role)
      }
      changes += 1
      return run('DELETE FROM policies WHERE id = ?', id).changes > 0
    },
    securityRules: () => all('SELECT * FROM security_rules ORDER BY id').map(policyOf),
    putSecurityRule({ name, content }, id) {
      const row = putNamed('security_rules', 'content', name, content, id)
      return row === null ? null : policyOf(row)
    },
    removeSecurityRule(id) {
      changes += 1
      run('DELETE FROM role_rules WHERE rule = ?', id)
      return run('DELETE FROM security_rules WHERE id = ?', id).changes > 0
    },
    roleRules: () =>
      all('SELECT * FROM role_rules ORDER BY role, rule').map(({ role, rule }) => ({
        role: Number(role),
        rule: Number(rule),
      })),
    linkRule(role, rule) {
      changes += 1
      return run('INSERT OR IGNORE INTO role_rules VALUES (?, ?)', role, rule).changes > 0
    },
    unlinkRule(role, rule) {
      changes += 1
      return run('DELETE FROM role_rules WHERE role = ? AND rule = ?', role, rule).changes > 0
    },
    version: () => `${changes}.${String(all('PRAGMA data_version')[0]?.data_version)}`,
    users: () => all('SELECT * FROM users ORDER BY id').map(userOf),
    user,
    userNamed,
    addUser({ name, passwordHash, roles, createdMs }) {
      if (userNamed(name) !== null) return null
      const sql = 'INSERT INTO users (name, password_hash, roles, created_ms) VALUES (?, ?, ?, ?)'
      return user(Number(run(sql, name, passwordHash, JSON.stringify(roles), createdMs).lastInsertRowid))
    },
    changeUser(id, change) {
      const before = user(id)
      if (before === null) return null
      const { passwordHash, roles, isDisabled, mayRunAs } = { ...before, ...change }
      run(
        `UPDATE users SET password_hash = ?, roles = ?, is_disabled = ?, may_run_as = ?, token_epoch = token_epoch + 1
         WHERE id = ?`,
        passwordHash,
        JSON.stringify(roles),
        isDisabled ? 1 : 0,
        mayRunAs ? 1 : 0,
        id,
      )
      return user(id)
    },
    endTokens: (id) => void run('UPDATE users SET token_epoch = token_epoch + 1 WHERE id = ?', id),
    removeUser: (id) => run('DELETE FROM users WHERE id = ?', id).changes > 0,
    searches: () => all('SELECT * FROM searches ORDER BY name, id').map(searchOf),
    saveSearch({ name, owner, content, changedMs }) {
      const count = Number(all('SELECT count(*) AS n FROM searches WHERE owner = ? AND name <> ?', owner, name)[0]?.n)
      if (count >= searchesMax) {
        throw new StoreError('STORE_BAD_REQUEST', `${owner} has ${searchesMax} saved searches; remove some first`)
      }
      const sql = `INSERT INTO searches (name, owner, content, changed_ms) VALUES (?, ?, ?, ?)
        ON CONFLICT (owner, name) DO UPDATE SET content = excluded.content, changed_ms = excluded.changed_ms RETURNING *`
      const [saved] = all(sql, name, owner, content, changedMs).map(searchOf)
      if (saved === undefined) throw new Error('a saved search is not there')
      return saved
    },
    removeSearch: (id) => run('DELETE FROM searches WHERE id = ?', id).changes > 0,
    note({ timeMs, user: name, address, method, path: where, status, note }) {
      const sql = 'INSERT INTO deeds (time_ms, user, address, method, path, status, note) VALUES (?, ?, ?, ?, ?, ?, ?)'
      const { lastInsertRowid } = run(sql, timeMs, name, address, method, where, status, note)
      if (Number(lastInsertRowid) % 1000 === 0)
        run('DELETE FROM deeds WHERE id <= ?', Number(lastInsertRowid) - deedsMax)
    },
    deeds(limit, offset) {
      const total = Number(all('SELECT count(*) AS n FROM deeds')[0]?.n)
      return { total, deeds: all('SELECT * FROM deeds ORDER BY id DESC LIMIT ? OFFSET ?', limit, offset).map(deedOf) }
    },
    setting: (name) => textOf(all('SELECT value FROM settings WHERE name = ?', name)[0]?.value) || null,
    putSetting(name, value) {
      changes += 1
      run('INSERT OR REPLACE INTO settings VALUES (?, ?)', name, value)
    },
    backup: (to) => void run('VACUUM INTO ?', to),
    close: () => database.close(),
  }
}

function migrate(database: DatabaseSync, path: string): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.user_version)
  if (version > migrations.length) {
    const message = `${path} has version ${version}, this Dogwatch knows ${migrations.length}; use the newer one`
    database.close()
    throw new StoreError('STORE_CANNOT_OPEN', message)
  }
  for (const [n, sql] of migrations.entries()) {
    if (n < version) continue
    database.exec(`BEGIN IMMEDIATE; ${sql} PRAGMA user_version = ${n + 1}; COMMIT`)
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function userOf(row: Row): User {
  const roles: unknown = JSON.parse(textOf(row.roles))
  return {
    id: Number(row.id),
    name: textOf(row.name),
    passwordHash: textOf(row.password_hash),
    roles: Array.isArray(roles) ? roles.filter((role) => typeof role === 'number') : [],
    isDisabled: row.is_disabled === 1,
    mayRunAs: row.may_run_as === 1,
    createdMs: Number(row.created_ms),
    tokenEpoch: Number(row.token_epoch),
  }
}

function roleOf(row: Row): CustomRole {
  const policies: unknown = JSON.parse(textOf(row.policies))
  return {
    id: Number(row.id),
    name: textOf(row.name),
    policies: Array.isArray(policies) ? policies.filter((policy) => typeof policy === 'number') : [],
  }
}

function policyOf(row: Row): CustomPolicy {
  return { id: Number(row.id), name: textOf(row.name), content: textOf(row.content) }
}

function searchOf(row: Row): SavedSearch {
  return {
    id: Number(row.id),
    name: textOf(row.name),
    owner: textOf(row.owner),
    content: textOf(row.content),
    changedMs: Number(row.changed_ms),
  }
}

function deedOf(row: Row): Deed {
  return {
    timeMs: Number(row.time_ms),
    user: textOf(row.user),
    address: textOf(row.address),
    method: textOf(row.method),
    path: textOf(row.path),
    status: Number(row.status),
    note: textOf(row.note),
  }
}
