import { expect, test } from 'vitest'
import { ratesOf } from './use-samples.ts'

test.each([
  ['grown counters are rates', { a: 10 }, { a: 40 }, 3, { a: 10 }],
  ['a counter that fell counts from zero', { a: 10 }, { a: 4 }, 2, { a: 2 }],
  ['what is no number is left out', { a: 1, b: 'x' }, { a: 1, b: 'y', c: 3 }, 1, { a: 0 }],
  ['no time, no rate', { a: 1 }, { a: 2 }, 0, {}],
] as const)('%s', (_, before, after, seconds, wanted) => {
  expect(ratesOf(before, after, seconds)).toEqual(wanted)
})
