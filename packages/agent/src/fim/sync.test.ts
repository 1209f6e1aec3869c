import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { byteText } from '../bytes.ts'
import { Baseline, type Row } from './baseline.ts'
import type { FileState } from './file-state.ts'
import { allChecks, type SyncConfig } from './options.ts'
import { FimSync } from './sync.ts'

const state: FileState = {
  size: 0,
  perm: 'rw-r--r--',
  uid: '0',
  gid: '0',
  userName: 'root',
  groupName: 'root',
  mtime: 1732269600,
  inode: '1311',
  md5: 'd41d8cd98f00b204e9800998ecf8427e',
  sha1: 'da39a3ee5e6b4b0d3255bfef95601890afd80709',
  sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
}
const rowOf = (path: string, size = 0): Row => ({
  path: byteText(path),
  mode: 'scheduled',
  checks: allChecks,
  lastEvent: 7,
  state: { ...state, size },
  place: { dev: '1', inode: '1311', links: 1 },
})
const config: SyncConfig = {
  isOn: true,
  intervalS: 300,
  intervalMaxS: 3600,
  responseTimeoutS: 0,
  queueSize: 100,
  epsMax: 0,
}

interface Told {
  readonly type: string
  readonly data: {
    readonly id: number
    readonly begin: string
    readonly end: string
    readonly checksum: string
    readonly tail?: string
    readonly index: string
    readonly attributes: { readonly checksum: string }
  }
}

/** A manager as the protocol has it (spec: agent-protocol, part 9): it answers each check, and takes in each row. */
class Manager {
  readonly rows = new Map<string, string>()
  readonly told: Told[] = []
  readonly sync: FimSync

  constructor(baseline: Baseline, over: Partial<SyncConfig> = {}) {
    let now = 1000
    this.sync = new FimSync({
      config: { ...config, ...over },
      baseline,
      now: () => now++,
      onFailure: (error) => {
        throw error
      },
      send: async (queue, location, message) => {
        expect([queue, location]).toEqual(['5', 'fim_file'])
        const parsed: Told & { component: string } = JSON.parse(message.toString())
        expect(parsed.component).toBe('fim_file')
        this.told.push(parsed)
        this.#take(parsed)
      },
    })
  }

  #take({ type, data }: Told): void {
    if (type === 'integrity_clear') this.rows.clear()
    else if (type === 'state') this.rows.set(data.index, data.attributes.checksum)
    else {
      const before = (a: string, b: string): boolean => Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0
      for (const key of [...this.rows.keys()]) {
        const isOutside = before(key, data.begin) || before(data.end, key)
        const isBetween = data.tail !== undefined && before(data.end, key) && before(key, data.tail)
        if (type === 'integrity_check_global' ? isOutside : isBetween) this.rows.delete(key)
      }
      const keys = [...this.rows.keys()].filter((key) => !before(key, data.begin) && !before(data.end, key))
      keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      const sum = createHash('sha1')
      for (const key of keys) sum.update(this.rows.get(key) ?? '')
      if (keys.length > 0 && sum.digest('hex') === data.checksum) return
      const { id, begin, end } = data
      const answer = Buffer.from(JSON.stringify({ id, begin, end }))
      this.sync.take(keys.length === 0 ? 'no_data' : 'checksum_fail', answer)
    }
  }
}

const known = (baseline: Baseline): Map<string, string> =>
  new Map([...baseline.marks('', null)].map(({ path, checksum }) => [Buffer.from(path, 'latin1').toString(), checksum]))

/** Until a whole comparison changes nothing any more. */
async function settle(manager: Manager): Promise<void> {
  await manager.sync.compare()
  await vi.waitFor(() => expect(manager.sync.isAtRest).toBe(true), { interval: 1 })
}

test('a row is told as the protocol has it', async () => {
  const baseline = new Baseline(':memory:')
  baseline.put(rowOf('/etc/app.conf'), 1)
  const manager = new Manager(baseline)
  await settle(manager)
  const checksum = '51e383019fb3eff89cd577da8eda08524131fb82'
  const global = createHash('sha1').update(checksum).digest('hex')
  expect(manager.told).toEqual([
    {
      component: 'fim_file',
      type: 'integrity_check_global',
      data: { id: 1000, begin: '/etc/app.conf', end: '/etc/app.conf', checksum: global },
    },
    {
      component: 'fim_file',
      type: 'state',
      data: {
        index: '/etc/app.conf',
        timestamp: 7,
        attributes: {
          type: 'file',
          size: 0,
          perm: 'rw-r--r--',
          attributes: '',
          uid: '0',
          gid: '0',
          user_name: 'root',
          group_name: 'root',
          inode: '1311',
          mtime: 1732269600,
          hash_md5: state.md5,
          hash_sha1: state.sha1,
          hash_sha256: state.sha256,
          checksum,
        },
      },
    },
  ])
  manager.told.length = 0
  await settle(manager)
  expect(manager.told.map(({ type }) => type)).toEqual(['integrity_check_global'])
})

test('nothing known clears what the manager has', async () => {
  const manager = new Manager(new Baseline(':memory:'))
  manager.rows.set('/old', 'x')
  await settle(manager)
  expect([...manager.rows]).toEqual([])
  expect(manager.told.map(({ type }) => type)).toEqual(['integrity_clear'])
})

const paths = fc.uniqueArray(
  fc.string({ unit: fc.constantFrom('a', 'b', '/', 'ä', '\u{1f415}'), maxLength: 4 }).map((text) => `/${text}`),
  { maxLength: 40 },
)
test('whatever the manager has, in the end it has what is known', async () => {
  await fc.assert(
    fc.asyncProperty(paths, paths, fc.nat(), async (ours, theirs, seed) => {
      const baseline = new Baseline(':memory:')
      for (const [at, path] of ours.entries()) baseline.put(rowOf(path, (at + seed) % 5), 1)
      const manager = new Manager(baseline)
      const rows = known(baseline)
      // Some as they are, some with another state, and some that are not there any more.
      for (const path of theirs) manager.rows.set(path, (seed & 1) === 0 ? (rows.get(path) ?? 'gone') : 'other')
      await settle(manager)
      expect([...manager.rows].sort()).toEqual([...rows].sort())
    }),
  )
})

test('one file that differs among a thousand is found by halving, not by telling all', async () => {
  const baseline = new Baseline(':memory:')
  for (let n = 0; n < 1000; n++) baseline.put(rowOf(`/f${n}`), 1)
  const manager = new Manager(baseline)
  for (const [path, checksum] of known(baseline)) manager.rows.set(path, checksum)
  baseline.put(rowOf('/f500', 5), 1)
  await settle(manager)
  expect(manager.told.filter(({ type }) => type === 'state').map(({ data }) => data.index)).toEqual(['/f500'])
  expect(manager.told.length).toBeLessThan(25)
})

test('a name that is not UTF-8 stays out of it', async () => {
  const baseline = new Baseline(':memory:')
  baseline.put({ ...rowOf('/a'), path: '/\xe9' }, 1)
  baseline.put(rowOf('/b'), 1)
  const manager = new Manager(baseline)
  await settle(manager)
  expect([...manager.rows.keys()]).toEqual(['/b'])
})

const answers: [says: string, command: string, data: string, dropped: 'malformed' | 'late'][] = [
  ['another word', 'delete_all', '{"id":1000,"begin":"/a","end":"/a"}', 'malformed'],
  ['no JSON', 'no_data', '{', 'malformed'],
  ['no object', 'no_data', 'null', 'malformed'],
  ['no end', 'no_data', '{"id":1000,"begin":"/a"}', 'malformed'],
  ['too much of it', 'no_data', `{"id":1000,"begin":"/a","end":"${'x'.repeat(20_000)}"}`, 'malformed'],
  ['an old comparison', 'no_data', '{"id":999,"begin":"/a","end":"/a"}', 'late'],
]
test.each(answers)('an answer with %s is dropped and counted', async (_says, command, data, dropped) => {
  const baseline = new Baseline(':memory:')
  baseline.put(rowOf('/a'), 1)
  const manager = new Manager(baseline)
  manager.rows.set('/a', [...known(baseline).values()][0] ?? '')
  await settle(manager)
  manager.sync.take(command, Buffer.from(data))
  expect(manager.sync.dropped).toEqual({ malformed: 0, late: 0, full: 0, [dropped]: 1 })
  expect(manager.told).toHaveLength(1)
})

test('switched off it says nothing', async () => {
  const manager = new Manager(new Baseline(':memory:'), { isOn: false })
  manager.sync.start()
  await manager.sync.stop()
  expect(manager.told).toEqual([])
})
