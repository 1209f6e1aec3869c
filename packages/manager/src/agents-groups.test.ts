import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { md5, splitMerged } from '@dogwatch/protocol'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { AgentGroups } from './agents-groups.ts'

let home = ''
const told: string[] = []

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'agents-groups-'))
  told.length = 0
})
afterEach(() => rmSync(home, { recursive: true }))

const groupsOf = (responses = '', bytesMax?: number): AgentGroups =>
  new AgentGroups(
    {
      folder: join(home, 'shared'),
      multigroups: join(home, 'multigroups'),
      responses: Buffer.from(responses),
      ...(bytesMax === undefined ? {} : { bytesMax }),
    },
    (line) => told.push(line),
  )

function group(name: string, files: Readonly<Record<string, string | Buffer>>): void {
  mkdirSync(join(home, 'shared', name), { recursive: true })
  for (const [file, text] of Object.entries(files)) writeFileSync(join(home, 'shared', name, file), text)
}

test('the commands of active responses come first, and once, whatever a group has of that name', () => {
  const responses = 'firewall-drop600 - firewall-drop - 600\n'
  group('web', { 'ar.conf': 'mine\n', 'agent.conf': 'a' })
  const files = splitMerged(groupsOf(responses).merged(['web'], 0).bytes)
  expect(files?.map(({ name, bytes }) => [name, Buffer.from(bytes).toString()])).toEqual([
    ['ar.conf', responses],
    ['agent.conf', 'a'],
  ])
  expect(readFileSync(join(home, 'shared/ar.conf'), 'utf8')).toBe(responses)
  // Without them the file says so too.
  groupsOf()
  expect(readFileSync(join(home, 'shared/ar.conf'), 'utf8')).toBe('')
})

test('merged files in memory have a bound of bytes, and what has left it is made again as it was', () => {
  const names = Array.from({ length: 12 }, (_, n) => `g${n}`)
  for (const [n, name] of names.entries()) group(name, { 'agent.conf': name.repeat(100 + n) })
  const groups = groupsOf('', 2000)
  const first = new Map(names.map((name) => [name, groups.merged([name], 0)]))
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...names), { maxLength: 30 }), fc.boolean(), (asked, isSum) => {
      for (const name of asked) {
        const wanted = first.get(name)
        if (isSum) expect(groups.sum([name], 0)).toBe(wanted?.sum)
        else expect(groups.merged([name], 0).bytes.equals(wanted?.bytes ?? Buffer.alloc(0))).toBe(true)
        expect(groups.held).toBeLessThanOrEqual(2000)
      }
    }),
  )
  expect(first.get('g3')?.sum).toBe(md5(first.get('g3')?.bytes ?? ''))
})

test('a file that was changed is another sum and another file, also when it is in memory', () => {
  group('web', { 'agent.conf': 'one' })
  const groups = groupsOf()
  const before = groups.merged(['web'], 0)
  group('web', { 'agent.conf': 'three' })
  expect(groups.merged(['web'], 9999)).toBe(before)
  const after = groups.merged(['web'], 10_001)
  expect([after.sum === before.sum, after.sum, groups.sum(['web'], 10_001)]).toEqual([
    false,
    md5(after.bytes),
    after.sum,
  ])
  expect(after.bytes.toString()).toContain('three')
  expect(groups.held).toBe(after.bytes.length)
})

test('several groups share no more bytes together than one may, and that is told', () => {
  const half = Buffer.alloc(17 * 1024 * 1024, 'x')
  group('aa', { first: half })
  group('bb', { second: half, third: 'small' })
  const groups = groupsOf()
  const files = splitMerged(groups.merged(['aa', 'bb'], 0).bytes)
  expect(files?.map(({ name }) => name)).toEqual(['ar.conf', 'first'])
  expect(told).toEqual([
    'etc/shared/bb/second is not shared with agents of aa,bb: too many bytes',
    'etc/shared/bb/third is not shared with agents of aa,bb: too many bytes',
  ])
  expect(splitMerged(groups.merged(['bb'], 0).bytes)?.map(({ name }) => name)).toEqual(['ar.conf', 'second', 'third'])
})

test('mistakes of an agent.conf are told with their place, once for each text', () => {
  group('web', { 'agent.conf': '<agent_config>\n  <sysheck/>\n</agent_config>\n' })
  const groups = groupsOf()
  for (const nowMs of [0, 20_000, 40_000]) groups.merged(['web'], nowMs)
  expect(told).toEqual([
    expect.stringMatching(/^etc\/shared\/web\/agent\.conf:2:3: warning: .*did you mean <syscheck>\?/),
  ])
  group('web', { 'agent.conf': '<agent_config' })
  groups.merged(['web'], 60_000)
  groups.merged(['default', 'web'], 60_000)
  expect(told).toHaveLength(2)
  expect(told[1]).toMatch(/^etc\/shared\/web\/agent\.conf:1:\d+: error: /)
})

test('a group that does not exist counts as empty, and is seen as soon as it is made', () => {
  const groups = groupsOf()
  expect(groups.merged(['none'], 0).bytes.toString()).toBe('#none\n!0 ar.conf\n')
  group('none', { 'agent.conf': 'a' })
  expect(groups.merged(['none'], 1).bytes.toString()).toContain('!1 agent.conf\na')
})
