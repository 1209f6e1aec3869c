import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Names } from '../fim/names.ts'
import { Actors, actorsMax } from './actors.ts'
import { changeRule, parseRules, pluginText } from './audit-control.ts'
import {
  type AuditEvent,
  AuditReader,
  concernedPaths,
  eventBytesMax,
  openEventsMax,
  parseRecord,
} from './audit-records.ts'
import { actorOf } from './audit-source.ts'
import { containerOf, parseContainerLog } from './process-facts.ts'

const names = new Names(join(import.meta.dirname, 'no-such-host'))
// What auditd 3.0.9's af_unix plug-in wrote while a shell worked below a watched folder; paths and times changed.
const recorded = readFileSync(join(import.meta.dirname, 'recorded-audit.txt'))

function read(bytes: Buffer, cuts: readonly number[] = []): AuditEvent[] {
  const events: AuditEvent[] = []
  const reader = new AuditReader((event) => events.push(event))
  let start = 0
  for (const cut of [...cuts, bytes.length].sort((a, b) => a - b)) {
    reader.push(bytes.subarray(start, cut))
    start = cut
  }
  reader.flush()
  return events
}
const ofUs = (events: readonly AuditEvent[]): AuditEvent[] => events.filter(({ keys }) => keys.includes('wazuh_fim'))
const event = (id: string, ...records: string[]): Buffer =>
  Buffer.from(
    [...records, 'EOE'].map((record) => `type=${record.replace(/ |$/, ` msg=audit(${id}): `)}\n`).join(''),
    'latin1',
  )

test('the events of a session tell every path that was touched', () => {
  const paths = ofUs(read(recorded)).flatMap((one) =>
    concernedPaths(one).map(({ path }) => `${one.syscall?.get('comm')} ${path.replace('/srv/shop/w/', '')}`),
  )
  expect(paths).toEqual([
    'chmod /srv/shop/w',
    'chmod sub',
    'sh new',
    'sh old',
    'chmod old',
    'mv old',
    'mv ne w',
    'mv new',
    'mv sub/n2',
    'rm sub/n2',
    'mkdir d1',
    'mv d1',
    'mv d2',
    'rm f',
    'rm d2',
    'touch a\xe9b',
    'ln x',
    'ln lnk',
    'ln ne w',
    'ln hard',
    'truncate hard',
    'python3 rel',
    'python3 dotdot',
    'python3 sub/dot',
    'python3 sub/bare',
  ])
})

test('it does not matter in which pieces the bytes come', () => {
  const whole = read(recorded)
  fc.assert(
    fc.property(fc.array(fc.nat(recorded.length), { maxLength: 40 }), (cuts) => {
      expect(read(recorded, cuts)).toEqual(whole)
    }),
    { numRuns: 60 },
  )
})

test('the event of the specification gives its path and its actor', () => {
  const [one] = read(
    event(
      '1732269605.123:4567',
      'SYSCALL arch=c000003e syscall=257 success=yes exit=3 items=2 ppid=1890 pid=2301 auid=1000 uid=0 gid=0 euid=0 comm="vim" exe="/usr/bin/vim.basic" subj=unconfined key="wazuh_fim"\x1dAUID="eve" UID="eve"',
      'CWD cwd="/home/ana"',
      'PATH item=0 name="/etc/" inode=262146 dev=08:01 mode=040755 nametype=PARENT',
      'PATH item=1 name="/etc/app.conf" inode=1311 dev=08:01 mode=0100644 nametype=CREATE',
    ),
  )
  if (one === undefined) throw new Error('no event')
  expect(concernedPaths(one)).toMatchObject([{ path: '/etc/app.conf', isFolder: false, inode: '1311', dev: '2049' }])
  expect(actorOf(one, names)).toMatchObject({
    userId: '0',
    processName: '/usr/bin/vim.basic',
    processId: 2301,
    cwd: '/home/ana',
    groupId: '0',
    auditUid: '1000',
    effectiveUid: '0',
    ppid: 1890,
  })
})

const joins: [says: string, cwd: string, records: readonly string[], paths: readonly string[]][] = [
  ['one absolute name', '/', ['name="/a/b" nametype=NORMAL'], ['/a/b']],
  ['one relative name', '/a', ['name="b" nametype=NORMAL'], ['/a/b']],
  ['names with dots', '/a/b', ['name="./x" nametype=NORMAL', 'name="../y" nametype=NORMAL'], ['/a/b/x', '/a/y']],
  ['a bare name and its parent', '/', ['name="/etc" nametype=PARENT', 'name="x" nametype=CREATE'], ['/etc/x']],
  ['a parent that is relative', '/etc', ['name="sub/" nametype=PARENT', 'name="x" nametype=DELETE'], ['/etc/sub/x']],
  [
    'a rename between folders',
    '/',
    ['name="/a" nametype=PARENT', 'name="/b" nametype=PARENT', 'name="x" nametype=DELETE', 'name="y" nametype=CREATE'],
    ['/a/x', '/b/y'],
  ],
  [
    'a rename onto a file that was there',
    '/',
    [
      'name="/a/" nametype=PARENT',
      'name="/b/" nametype=PARENT',
      'name="/a/x" nametype=DELETE',
      'name="/b/y" nametype=DELETE',
      'name="/b/y" nametype=CREATE',
    ],
    ['/a/x', '/b/y', '/b/y'],
  ],
  ['a hexadecimal name', '/', ['name=2F6120E962 nametype=NORMAL'], ['/a \xe9b']],
  ['a name that looks hexadecimal but is quoted', '/', ['name="/6162" nametype=NORMAL'], ['/6162']],
  ['no name', '/', ['name=(null) nametype=PARENT', 'name=(null) nametype=NORMAL'], []],
]
test.each(joins)('paths of %s', (_says, cwd, records, paths) => {
  const [one] = read(event('1.2:3', `CWD cwd="${cwd}"`, ...records.map((text, item) => `PATH item=${item} ${text}`)))
  expect(one === undefined ? null : concernedPaths(one).map(({ path }) => path)).toEqual(paths)
})

describe('the reader', () => {
  test('keeps interleaved events apart', () => {
    const [a, b] = [
      event('1.0:1', 'CWD cwd="/a"').toString().split('\n'),
      event('1.0:2', 'CWD cwd="/b"').toString().split('\n'),
    ]
    const mixed = [a[0], b[0], b[1], a[1], ''].join('\n')
    expect(read(Buffer.from(mixed)).map(({ id, cwd }) => [id, cwd])).toEqual([
      ['1.0:2', '/b'],
      ['1.0:1', '/a'],
    ])
  })
  test('takes any number of PATH records, up to the bound on bytes', () => {
    const paths = (count: number) =>
      Array.from({ length: count }, (_, n) => `PATH item=${n} name="/x/${n}" nametype=NORMAL`)
    expect(read(event('1.0:1', ...paths(300)))[0]?.paths.length).toBe(300)
    const reader = new AuditReader(() => {
      throw new Error('too long an event')
    })
    reader.push(event('1.0:1', ...paths(eventBytesMax / 40)))
    expect(reader.dropped.tooLong).toBe(1)
  })
  test('drops a line without end, and goes on behind it', () => {
    const events: AuditEvent[] = []
    const reader = new AuditReader((one) => events.push(one))
    for (let n = 0; n < 100; n++) reader.push(Buffer.alloc(1000, 'x'))
    reader.push(Buffer.concat([Buffer.from('\n'), event('1.0:9', 'CWD cwd="/"')]))
    expect(reader.dropped.tooLong).toBe(1)
    expect(events.map(({ id }) => id)).toEqual(['1.0:9'])
  })
  test('bounds the events that wait for their end', () => {
    const reader = new AuditReader(() => {})
    for (let n = 0; n < openEventsMax + 5; n++) reader.push(Buffer.from(`type=CWD msg=audit(1.0:${n}): cwd="/"\n`))
    expect(reader.openCount).toBe(openEventsMax)
    expect(reader.dropped.tooManyOpen).toBe(5)
  })
  test('makes nothing of bytes that are no records', () => {
    fc.assert(
      fc.property(fc.string(), (line) => {
        expect(() => parseRecord(`type=PATH msg=audit(${line}`)).not.toThrow()
        expect(() => read(Buffer.from(`type=PATH msg=audit(1.0:1): ${line}\n`))).not.toThrow()
      }),
    )
  })
  test('reads the removal of a rule, and several keys', () => {
    const line =
      'type=CONFIG_CHANGE msg=audit(1.5:7): auid=0 ses=3 op=remove_rule dir="/etc" key="wazuh_fim" list=4 res=1\n'
    expect(read(Buffer.from(line))[0]?.configChange).toEqual({ op: 'remove_rule', dir: '/etc' })
    const [two] = read(event('1.0:1', `SYSCALL key=${Buffer.from('mine\x01wazuh_fim').toString('hex').toUpperCase()}`))
    expect(two?.keys).toEqual(['mine', 'wazuh_fim'])
  })
})

test.each([
  ['3.0.9', 'path = builtin_af_unix\ntype = builtin\nargs = 0640 /s\nformat = string\n'],
  ['3.1.1', 'path = /sbin/audisp-af_unix\ntype = always\nargs = 0640 /s\nformat = string\n'],
  ['3.1.4', 'path = /sbin/audisp-af_unix\ntype = always\nargs = 0640 /s\nformat = string\n'],
  ['3.1.5', 'path = /sbin/audisp-af_unix\ntype = always\nargs = 0640 /s string\nformat = binary\n'],
  ['4.0.2', 'path = /sbin/audisp-af_unix\ntype = always\nargs = 0640 /s\nformat = string\n'],
  ['4.1', 'path = /sbin/audisp-af_unix\ntype = always\nargs = 0640 /s string\nformat = binary\n'],
])('the plug-in file of audit %s', (version, text) =>
  expect(pluginText(`auditctl version ${version}`, '/s')).toBe(`active = yes\ndirection = out\n${text}`),
)

test('rules of our key are found in both forms of a listing', () => {
  const listing = `-w /etc -p wa -k wazuh_fim
-w /var/with blank/ -p wa -k wazuh_fim
-w /usr/bin -p wa -k other
-a always,exit -S all -F dir=/boot -F perm=wa -F key=wazuh_fim`
  expect([...parseRules(listing)]).toEqual(['/etc', '/var/with blank', '/boot'])
})

test('a rule for a name that is not UTF-8 is refused, not guessed', async () => {
  const run = async () => ({ isOk: true, output: '' })
  expect(await changeRule('add', '/a\xe9', run)).toMatch(/not UTF-8/)
  expect(await changeRule('add', '/a\xc3\xa9', run)).toBeNull()
})

test('actors are forgotten in time, and when there are too many', () => {
  let now = 0
  const actors = new Actors(() => now)
  actors.add({ processId: 1, userId: '0' }, [{ dev: '1', inode: '2' }])
  expect(actors.ofFile('1', '2')?.userId).toBe('0')
  now = 10_001
  expect(actors.ofProcess(1)).toBeNull()
  for (let pid = 2; pid < actorsMax + 3; pid++) actors.add({ processId: pid }, [])
  expect([actors.ofProcess(2), actors.ofProcess(3)?.processId]).toEqual([null, 3])
})

const id = 'ab'.repeat(32)
const uid = '3f1c7d22-1111-2222-3333-444455556666'
test.each([
  [
    'containerd under systemd',
    `0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${id}.scope`,
    uid,
  ],
  ['containerd with cgroupfs', `0::/kubepods/besteffort/pod${uid}/${id}`, uid],
  ['cgroup version 1', `12:cpu:/kubepods/pod${uid}/${id}\n11:pids:/kubepods/pod${uid}/${id}`, uid],
  ['Docker alone', `0::/system.slice/docker-${id}.scope`, ''],
])('the container of a cgroup path: %s', (_says, cgroup, podUid) =>
  expect(containerOf(cgroup)).toEqual({ containerId: id, podUid }),
)
test('a process of the host has no container', () => expect(containerOf('0::/system.slice/ssh.service')).toBeNull())
test('a log link names pod, namespace and container', () =>
  expect(parseContainerLog(`web-5d9_shop_nginx-side-${id}.log`)).toEqual({
    pod: 'web-5d9',
    namespace: 'shop',
    container: 'nginx-side',
    containerId: id,
  }))
