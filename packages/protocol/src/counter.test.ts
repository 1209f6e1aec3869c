import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Counter, counterOrder, localMax, nextCounter, parseCounter, ReplayWindow, reorderMax } from './counter.ts'
import { CounterFiles, SenderCounter } from './counter-files.ts'

const at = (global: number, local: number): Counter => ({ global, local })

test('the lower counter wraps from 9997 to 1', () => {
  expect(nextCounter(at(3, localMax))).toEqual(at(4, 1))
  expect(nextCounter(at(3, localMax - 1))).toEqual(at(3, localMax))
})

const texts: readonly [says: string, text: string, expected: Counter | null][] = [
  ['a file as it is written', '7:42:', at(7, 42)],
  ['left-over digits behind', '13:1:97:', at(13, 1)],
  ['an empty file', '', null],
  ['half a file', '13:', null],
  ['a number too large', '4294967296:1:', null],
]
test.each(texts)('%s', (_says, text, expected) => expect(parseCounter(text)).toEqual(expected))

describe('the window', () => {
  test('takes each counter once, also when threads overtake each other', () => {
    const window = new ReplayWindow(null)
    expect([1, 3, 2, 3, 2, 1, 4].map((local) => window.accept(at(0, local)))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      true,
    ])
  })

  test('refuses what is too far behind', () => {
    const window = new ReplayWindow(null)
    window.accept(at(0, 1000))
    expect(window.accept(at(0, 1000 - reorderMax + 1))).toBe(true)
    expect(window.accept(at(0, 1000 - reorderMax))).toBe(false)
  })

  test('takes all up to what is remembered over a restart for seen', () => {
    const window = new ReplayWindow(at(2, 5))
    expect([at(2, 4), at(2, 5), at(2, 6), at(3, 1)].map((counter) => window.accept(counter))).toEqual([
      false,
      false,
      true,
      true,
    ])
  })

  test('lets in who has proven to be itself, and nothing from before', () => {
    const window = new ReplayWindow(at(900, 1))
    expect(window.accept(at(0, 9))).toBe(false)
    window.reset(at(0, 9))
    expect([at(0, 8), at(0, 9), at(0, 10)].map((counter) => window.accept(counter))).toEqual([false, false, true])
  })

  test('never takes anything twice', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ global: fc.nat({ max: 1 }), local: fc.integer({ min: 1, max: 600 }) })),
        (all) => {
          const window = new ReplayWindow(null)
          const taken = all.filter((counter) => window.accept(counter)).map(counterOrder)
          expect(new Set(taken).size).toBe(taken.length)
        },
      ),
    )
  })
})

describe('files', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'rids-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('received counters are there after a restart, and may become shorter', () => {
    const files = new CounterFiles(folder)
    expect(files.read('001')).toBeNull()
    files.write('001', at(123, 4567))
    files.write('001', at(0, 3))
    expect(readFileSync(join(folder, '001'), 'latin1')).toBe('0:3:')
    files.close()
    const again = new CounterFiles(folder)
    expect(again.read('001')).toEqual(at(0, 3))
    again.write('001', at(0, 4))
    expect(again.read('001')).toEqual(at(0, 4))
    again.forget('001')
    expect(again.read('001')).toBeNull()
    again.close()
  })

  test('more agents than files are kept open', () => {
    const files = new CounterFiles(folder)
    for (let id = 1; id <= 4200; id++) files.write(String(id).padStart(3, '0'), at(id, 1))
    for (let id = 1; id <= 4200; id++) files.write(String(id).padStart(3, '0'), at(id, 2))
    expect([files.read('001'), files.read('4200')]).toEqual([at(1, 2), at(4200, 2)])
    files.close()
  })

  test('an id that leads elsewhere is refused', () => {
    expect(() => new CounterFiles(folder).read('../etc/passwd')).toThrow(RangeError)
  })

  test('sent counters grow over restarts, also over one without an end', () => {
    const first = new SenderCounter(folder)
    let last = at(0, 0)
    for (let n = 0; n < localMax + 5; n++) last = first.next()
    expect(last).toEqual(at(1, 5))
    expect(counterOrder(new SenderCounter(folder).next())).toBeGreaterThan(counterOrder(last))
  })

  test('sent counters of Wazuh go on', () => {
    writeFileSync(join(folder, 'sender_counter'), '41:200:')
    expect(new SenderCounter(folder).next()).toEqual(at(42, 1))
  })
})
