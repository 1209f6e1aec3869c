/** Recorded alerts of the original come out of our agent's own code and the engine again: each field that they have. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FileState } from './file-state.ts'
import { type Actor, changedAttributes, changeMessage } from './message.ts'
import { allChecks } from './options.ts'
import { alertOf } from './test-engine.ts'
import { TestHome } from './test-home.ts'

type Fields = Readonly<Record<string, string | number | undefined>>
interface Recorded {
  readonly syscheck: Fields & {
    readonly path: string
    readonly event: 'added' | 'modified'
    readonly changed_attributes?: readonly string[]
    readonly audit?: Readonly<Record<string, Fields>>
  }
  readonly rule: Readonly<Record<string, unknown>>
  readonly full_log: string
  readonly location: string
  readonly decoder: { readonly name: string }
}

const shared = process.env.DOGWATCH_SHARED ?? join(import.meta.dirname, '../../../../../shared')
const recordedOf = (name: string): Recorded =>
  JSON.parse(readFileSync(join(shared, `acceptance/fim-alert-${name}.json`), 'utf8'))._source

/** The agent's view of the file, before or after; what did not change is only given for after. */
function stateOf({ syscheck }: Recorded, when: 'before' | 'after'): FileState {
  const field = (name: string): string => String(syscheck[`${name}_${when}`] ?? syscheck[`${name}_after`] ?? '')
  return {
    size: Number(field('size')),
    perm: field('perm'),
    uid: field('uid'),
    gid: field('gid'),
    userName: field('uname'),
    groupName: field('gname'),
    // Alerts have local time.
    mtime: new Date(field('mtime')).getTime() / 1000,
    inode: field('inode'),
    md5: field('md5'),
    sha1: field('sha1'),
    sha256: field('sha256'),
  }
}

function actorOf({ syscheck: { audit } }: Recorded): Actor | null {
  if (audit === undefined) return null
  const text = (section: string, name: string): string => String(audit[section]?.[name] ?? '')
  return {
    userId: text('user', 'id'),
    userName: text('user', 'name'),
    groupId: text('group', 'id'),
    groupName: text('group', 'name'),
    processName: text('process', 'name'),
    processId: Number(text('process', 'id')),
    ppid: Number(text('process', 'ppid')),
    auditUid: text('login_user', 'id'),
    auditName: text('login_user', 'name'),
    effectiveUid: text('effective_user', 'id'),
    effectiveName: text('effective_user', 'name'),
  }
}

for (const name of ['added', 'whodata']) {
  const isThere = existsSync(join(shared, `acceptance/fim-alert-${name}.json`))
  test.skipIf(!isThere)(`the recorded alert '${name}' (1 skipped without the shared folder)`, () => {
    const recorded = recordedOf(name)
    const { syscheck, rule } = recorded
    const [before, after] = [stateOf(recorded, 'before'), stateOf(recorded, 'after')]
    const isModified = syscheck.event === 'modified'
    const changed = isModified ? changedAttributes(before, after, allChecks) : []
    const message = changeMessage({
      path: syscheck.path,
      mode: name === 'whodata' ? 'whodata' : 'scheduled',
      change: syscheck.event,
      timestamp: 1_607_070_549,
      checks: allChecks,
      state: after,
      old: isModified ? before : null,
      changed,
      tags: '',
      hardLinks: [],
      symlink: '',
      actor: actorOf(recorded),
      contentChanges: null,
    })
    const alert = alertOf(message)
    const { groups, id, level, pci_dss, hipaa, nist_800_53, gpg13, gdpr } = rule
    expect(alert).toMatchObject({
      syscheck,
      location: recorded.location,
      decoder: recorded.decoder,
      full_log: recorded.full_log,
      rule: { id, level, pci_dss, hipaa, nist_800_53, gpg13, gdpr, groups: expect.arrayContaining(Object(groups)) },
    })
  })
}

describe('changes of a real file are alerts', () => {
  let home: TestHome
  beforeEach(() => {
    home = new TestHome()
  })
  afterEach(() => home.remove())

  const texts = ['path', 'mode', 'event', 'size_after', 'perm_after', 'uid_after', 'gid_after', 'md5_after']
  const more = ['sha1_after', 'sha256_after', 'uname_after', 'gname_after', 'mtime_after']

  test('554, 550 and 553, with the fields and the full_log of their kind', async () => {
    const path = join(home.dir, 'app.conf')
    const fim = home.open()
    await fim.scan()
    const alertAfter = async (change: () => void) => {
      change()
      home.sent.length = 0
      await fim.scan()
      const message = home.sent.find((sent) => sent.message.includes('"event"'))?.message ?? ''
      return alertOf(message) ?? {}
    }
    const typesOf = (value: unknown): Record<string, string> =>
      Object.fromEntries(Object.entries(Object(value)).map(([key, one]) => [key, typeof one]))
    const after = {
      ...Object.fromEntries([...texts, ...more].map((key) => [key, 'string'])),
      inode_after: 'number',
    }

    const added = await alertAfter(() => writeFileSync(path, 'a\n'))
    expect(added).toMatchObject({
      rule: { id: '554', level: 5 },
      decoder: { name: 'syscheck_new_entry' },
      location: 'syscheck',
      full_log: `File '${path}' added\nMode: scheduled\n`,
    })
    expect(typesOf(added.syscheck)).toEqual(after)

    const modified = await alertAfter(() => writeFileSync(path, 'bcd\n'))
    const lines = String(modified.full_log).split('\n')
    expect(modified).toMatchObject({ rule: { id: '550', level: 7 }, decoder: { name: 'syscheck_integrity_changed' } })
    expect(lines.slice(0, 4).map((line) => line.replace('size,mtime', 'size'))).toEqual([
      `File '${path}' modified`,
      'Mode: scheduled',
      'Changed attributes: size,md5,sha1,sha256',
      "Size changed from '2' to '4'",
    ])
    expect(lines).toContain("Old md5sum was: '60b725f10c9c85c70d97880dfe8191b3'")
    const { mtime_before: _mtime, ...types } = typesOf(modified.syscheck)
    expect(types).toEqual({
      ...after,
      size_before: 'string',
      md5_before: 'string',
      sha1_before: 'string',
      sha256_before: 'string',
      changed_attributes: 'object',
    })

    const deleted = await alertAfter(() => rmSync(path))
    expect(deleted).toMatchObject({
      rule: { id: '553', level: 7 },
      decoder: { name: 'syscheck_deleted' },
      full_log: `File '${path}' deleted\nMode: scheduled\n`,
      syscheck: { event: 'deleted', size_after: '4' },
    })
    await fim.close()
  })
})
