import { expect, test } from 'vitest'
import { fuzz } from './journal.fuzz.ts'

test('reading damaged journals for a second and a half neither throws nor invents records', async () => {
  const { rounds, records } = await fuzz(1.5, 20_261_124)
  expect(rounds).toBeGreaterThan(0)
  expect(records).toBeGreaterThan(0)
})
