import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BufferState } from './buffer-state.ts'

const cases: [
  says: string,
  looks: readonly (readonly [share: number, isFull: boolean, s: number])[],
  said: string[],
][] = [
  [
    'an empty spool says nothing',
    [
      [0, false, 0],
      [0.5, false, 1],
    ],
    [],
  ],
  [
    'at nine tenths it warns, once',
    [
      [0.89, false, 0],
      [0.9, false, 1],
      [0.95, false, 2],
    ],
    ['90%'],
  ],
  [
    'full is said when messages wait',
    [
      [0.9, false, 0],
      [0.99, true, 1],
    ],
    ['90%', 'full'],
  ],
  [
    'full for 15 s is flooded',
    [
      [1, true, 0],
      [1, true, 14],
      [1, true, 15],
      [1, true, 90],
    ],
    ['full', 'flooded'],
  ],
  [
    'full with a pause begins to count anew',
    [
      [1, true, 0],
      [0.95, false, 10],
      [1, true, 16],
    ],
    ['full'],
  ],
  [
    'it is normal at seven tenths, not before',
    [
      [1, true, 0],
      [0.8, false, 1],
      [0.7, false, 2],
    ],
    ['full', 'normal'],
  ],
]
test.each(cases)('%s', (_says, looks, said) => {
  const state = new BufferState()
  const texts = looks.flatMap(([share, isFull, s]) => state.look(share, isFull, s * 1000) ?? [])
  expect(texts).toEqual(said.map((level) => `wazuh: Agent buffer: '${level}'.`))
})

test('whatever happens, two notices in a row are never the same, and an empty spool ends as normal', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), fc.nat(20_000))),
      (looks) => {
        const state = new BufferState()
        let now = 0
        const texts = looks.flatMap(([share, isFull, ms]) => state.look(share, isFull, (now += ms)) ?? [])
        for (let n = 1; n < texts.length; n++) expect(texts[n]).not.toBe(texts[n - 1])
        state.look(0, false, now)
        expect(state.level).toBe('normal')
      },
    ),
  )
})
