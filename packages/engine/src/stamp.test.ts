import { expect, test } from 'vitest'
import { nextStamp, stampMax } from './stamp.ts'

test('rounds are told apart beyond what 32 bits hold', () => {
  const marks = new Int32Array(3)
  let stamp = stampMax - 2
  const rounds: boolean[][] = []
  for (let round = 0; round < 5; round++) {
    stamp = nextStamp(stamp, marks)
    marks[round % 3] = stamp
    rounds.push([...marks].map((mark) => mark === stamp))
  }
  expect(rounds).toEqual([
    [true, false, false],
    [false, true, false],
    [false, false, true],
    [true, false, false],
    [false, true, false],
  ])
})
