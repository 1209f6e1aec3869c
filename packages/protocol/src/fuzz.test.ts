import { expect, test } from 'vitest'
import { fuzz } from './protocol.fuzz.ts'

test('a second and a half of mutated messages', async () => {
  const { runs, opened } = await fuzz(1.5, 20_261_124)
  expect(runs).toBeGreaterThan(0)
  expect(opened).toBeGreaterThan(0)
})
