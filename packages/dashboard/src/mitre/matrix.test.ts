import { expect, test } from 'vitest'
import { cellsOf } from './matrix.ts'

test('a technique counts its sub-techniques, and the one with most alerts stands first', () => {
  const tactic = {
    id: 'TA0001',
    name: 'Initial Access',
    techniques: [
      { id: 'T1', name: 'b' },
      { id: 'T1.001', name: 'b1' },
      { id: 'T10', name: 'a' },
      { id: 'T2', name: 'c' },
    ],
  }
  const cells = cellsOf(tactic, [
    { value: 'T1.001', count: 3 },
    { value: 'T1', count: 1 },
    { value: 'T10', count: 2 },
  ])
  expect(cells.map(({ id, count }) => [id, count])).toEqual([
    ['T1', 4],
    ['T10', 2],
    ['T2', 0],
  ])
})
