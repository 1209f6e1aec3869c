import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openState, type State } from './state.ts'

let folder: string
let state: State
const path = () => join(folder, 'state.db')
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dogwatch-state-'))
  state = openState(path())
})
afterEach(() => {
  state.close()
  rmSync(folder, { recursive: true })
})
const reopen = () => {
  state.close()
  state = openState(path())
}

const jane = { name: "jane'; --", passwordHash: 'x', roles: [1, 2], createdMs: 5 }

test('users are kept; a name is there once', () => {
  expect(state.addUser(jane)).toMatchObject({ ...jane, id: 1, isDisabled: false, tokenEpoch: 0 })
  expect(state.addUser(jane)).toBeNull()
  reopen()
  expect(state.userNamed(jane.name)).toMatchObject(jane)
  expect(state.users()).toHaveLength(1)
})

test('every change of a user ends the user’s tokens', () => {
  state.addUser(jane)
  expect(state.changeUser(1, { roles: [3] })).toMatchObject({ roles: [3], tokenEpoch: 1, passwordHash: 'x' })
  expect(state.changeUser(1, { isDisabled: true })).toMatchObject({ isDisabled: true, tokenEpoch: 2 })
  state.endTokens(1)
  expect(state.user(1)?.tokenEpoch).toBe(3)
  expect(state.changeUser(9, {})).toBeNull()
  expect([state.removeUser(1), state.removeUser(1)]).toEqual([true, false])
})

test('a search of the same owner and name is replaced', () => {
  const search = { name: 'n', owner: 'o', content: '{}', changedMs: 1 }
  const { id } = state.saveSearch(search)
  expect(state.saveSearch({ ...search, content: '{"a":1}' })).toEqual({ ...search, id, content: '{"a":1}' })
  state.saveSearch({ ...search, owner: 'p' })
  expect(state.searches()).toHaveLength(2)
  expect(state.removeSearch(id)).toBe(true)
})

test('deeds are told newest first, by pages', () => {
  const deed = { timeMs: 1, user: 'u', address: '::1', method: 'PUT', path: '/x', status: 200, note: '' }
  for (let n = 0; n < 5; n += 1) state.note({ ...deed, timeMs: n })
  const { total, deeds } = state.deeds(2, 1)
  expect([total, ...deeds.map(({ timeMs }) => timeMs)]).toEqual([5, 3, 2])
})

test('settings and a backup of everything', () => {
  state.putSetting('key', 'a')
  state.putSetting('key', 'b')
  const copy = join(folder, 'copy.db')
  state.backup(copy)
  const other = openState(copy)
  expect([other.setting('key'), other.setting('none')]).toEqual(['b', null])
  other.close()
})

test('the file is its owner’s alone', () => {
  expect(statSync(path()).mode & 0o777).toBe(0o600)
})

test('a file of a later version is refused', () => {
  state.close()
  const database = new DatabaseSync(path())
  database.exec('PRAGMA user_version = 99')
  database.close()
  expect(() => openState(path())).toThrow(/version 99/)
  const again = new DatabaseSync(path())
  again.exec('PRAGMA user_version = 3')
  again.close()
  state = openState(path())
})

test('roles and policies that were made have ids of their own, and leave whoever had them', () => {
  const policy = state.putPolicy({ name: 'p', content: '{}' })
  expect(policy).toEqual({ id: 100, name: 'p', content: '{}' })
  const role = state.putRole({ name: 'r', policies: [100, 2] })
  expect(role).toEqual({ id: 100, name: 'r', policies: [100, 2] })
  expect([state.putRole({ name: 'r', policies: [] }), state.putPolicy({ name: 'p', content: '' })]).toEqual([
    null,
    null,
  ])
  expect(state.putRole({ name: 's', policies: [100] }, 100)).toEqual({ id: 100, name: 's', policies: [100] })
  expect(state.putRole({ name: 't', policies: [] }, 777)).toBeNull()
  const user = state.addUser({ ...jane, roles: [2, 100] })
  reopen()
  expect([state.removePolicy(100), state.removePolicy(100)]).toEqual([true, false])
  expect(state.roles()).toEqual([{ id: 100, name: 's', policies: [] }])
  expect([state.removeRole(100), state.removeRole(100)]).toEqual([true, false])
  expect(state.user(user?.id ?? 0)).toMatchObject({ roles: [2], tokenEpoch: 1 })
  expect(state.putRole({ name: 's', policies: [] })?.id).toBe(101)
})

test('a file of the first version is taken further, with what is in it', () => {
  state.addUser(jane)
  state.close()
  const database = new DatabaseSync(path())
  database.exec(
    `DROP TABLE roles; DROP TABLE policies; DROP TABLE security_rules; DROP TABLE role_rules;
     DELETE FROM sqlite_sequence WHERE name = 'security_rules';
     ALTER TABLE users DROP COLUMN may_run_as; PRAGMA user_version = 1`,
  )
  database.close()
  state = openState(path())
  expect(state.users()).toMatchObject([jane])
  expect(state.putRole({ name: 'r', policies: [] })?.id).toBe(100)
})

test('security rules give roles, until one of the two is removed', () => {
  const rule = state.putSecurityRule({ name: 'r', content: '{}' })
  expect(rule).toEqual({ id: 100, name: 'r', content: '{}' })
  expect(state.putSecurityRule({ name: 'r', content: '' })).toBeNull()
  const role = state.putRole({ name: 'r', policies: [] })?.id ?? 0
  expect([state.linkRule(role, 100), state.linkRule(role, 100), state.linkRule(1, 100)]).toEqual([true, false, true])
  reopen()
  expect(state.roleRules()).toEqual([
    { role: 1, rule: 100 },
    { role, rule: 100 },
  ])
  expect([state.unlinkRule(1, 100), state.unlinkRule(1, 100)]).toEqual([true, false])
  state.removeRole(role)
  expect(state.roleRules()).toEqual([])
  state.linkRule(1, 100)
  expect([state.removeSecurityRule(100), state.removeSecurityRule(100)]).toEqual([true, false])
  expect([state.roleRules(), state.securityRules()]).toEqual([[], []])
})

test('a user may run as others only when told so, which ends the tokens', () => {
  state.addUser(jane)
  expect(state.user(1)?.mayRunAs).toBe(false)
  expect(state.changeUser(1, { mayRunAs: true })).toMatchObject({ mayRunAs: true, tokenEpoch: 1 })
  expect(state.changeUser(1, { roles: [] })?.mayRunAs).toBe(true)
})

test('the version tells of changes, of other processes too', () => {
  const before = state.version()
  expect(state.version()).toBe(before)
  state.putSetting('a', 'b')
  const own = state.version()
  expect(own).not.toBe(before)
  const other = openState(path())
  other.putRole({ name: 'other', policies: [] })
  expect(state.version()).not.toBe(own)
  other.close()
})
