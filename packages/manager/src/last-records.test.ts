import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openLastRecords } from './last-records.ts'

let home = ''
let path = ''
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'last-records-'))
  mkdirSync(join(home, 'queue'))
  path = join(home, 'queue/clusters.json')
})
afterEach(() => rmSync(home, { recursive: true, force: true }))
const open = () => openLastRecords(home, () => {})

test('times outlive a restart', () => {
  const first = open()
  first.note('default', 5)
  first.note('default', 7)
  first.close()
  const second = open()
  expect([...second.times]).toEqual([['default', 7]])
  second.close()
})

const damaged: [says: string, text: string, kept: number][] = [
  ['no JSON', '{"clu', 0],
  ['another shape', '{"clusters":[1,null,"x"]}', 0],
  ['a time that is none', '{"clusters":{"a":{"lastEventMs":"5"},"b":{"lastEventMs":6}}}', 1],
  ['names of an object', '{"clusters":{"__proto__":{"lastEventMs":6}}}', 1],
]
for (const [says, text, kept] of damaged) {
  test(`a file of ${says} is no harm`, () => {
    writeFileSync(path, text)
    const records = open()
    expect(records.times.size).toBe(kept)
    records.close()
  })
}

test('a folder that is gone is told, not thrown', () => {
  let told = 0
  const records = openLastRecords(home, () => told++)
  records.note('a', 1)
  rmSync(join(home, 'queue'), { recursive: true })
  records.close()
  expect(told).toBe(1)
})

test('nothing new is not written', () => {
  open().close()
  expect(() => readFileSync(path)).toThrow()
})
