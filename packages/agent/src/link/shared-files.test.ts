import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ManagerControl, mergeFiles, type SharedFile } from '@dogwatch/protocol'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SharedFiles } from './shared-files.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'dogwatch-shared-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const file = (name: string, text: string): SharedFile => ({ name, bytes: Buffer.from(text) })
const merge = (...files: SharedFile[]): Buffer => mergeFiles('default', Buffer.alloc(0), files)
const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex')

/** Pushes a file as the manager does; true when the agent took it. */
function push(shared: SharedFiles, bytes: Buffer, sum = md5(bytes), size = 900): boolean {
  const say = (control: ManagerControl): boolean => shared.take(control)
  say({ kind: 'file-begin', md5: sum, name: 'merged.mg' })
  for (let at = 0; at < bytes.length; at += size) say({ kind: 'file-piece', bytes: bytes.subarray(at, at + size) })
  return say({ kind: 'file-end' })
}

test('what is pushed is there, in pieces of any size', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.string({ maxLength: 3000 }), (size, text) => {
      const shared = new SharedFiles(mkdtempSync(join(dir, 'x')))
      const merged = merge(file('agent.conf', text), file('lists/a', 'b'))
      expect(push(shared, merged, md5(merged), size)).toBe(true)
      expect(shared.sum).toBe(md5(merged))
      expect(shared.agentConf).toBe(Buffer.from(text).toString('latin1'))
      expect(push(shared, merged)).toBe(false)
    }),
    { numRuns: 25 },
  )
})

test('what is shared no longer is gone', () => {
  const shared = new SharedFiles(dir)
  push(shared, merge(file('agent.conf', 'a'), file('lists/a', '1'), file('lists/b', '2'), file('old/x', '3')))
  expect(push(shared, merge(file('lists/b', '4')))).toBe(true)
  expect(shared.agentConf).toBeNull()
  expect(readdirSync(dir).sort()).toEqual(['ar.conf', 'lists', 'merged.mg'])
  expect(readdirSync(join(dir, 'lists'))).toEqual(['b'])
  expect(readFileSync(join(dir, 'lists/b'), 'utf8')).toBe('4')
})

test.each([
  ['a sum that does not fit', (shared: SharedFiles) => push(shared, merge(file('agent.conf', 'new')), 'f'.repeat(32))],
  ['another file', (shared: SharedFiles) => shared.take({ kind: 'file-begin', md5: 'f'.repeat(32), name: '../x' })],
  ['an end without a beginning', (shared: SharedFiles) => shared.take({ kind: 'file-end' })],
])('%s changes nothing', (_says, attempt) => {
  const shared = new SharedFiles(dir)
  push(shared, merge(file('agent.conf', 'old')))
  expect(attempt(shared)).toBe(false)
  expect(shared.agentConf).toBe('old')
})

test('a name that leads elsewhere is not written', () => {
  const shared = new SharedFiles(join(dir, 'shared'))
  writeFileSync(join(dir, 'outside'), 'mine')
  push(shared, Buffer.from('#default\n!4 ../outside\nevil!1 agent.conf\na'))
  expect(readFileSync(join(dir, 'outside'), 'utf8')).toBe('mine')
  expect(existsSync(join(dir, 'outside'))).toBe(true)
})
