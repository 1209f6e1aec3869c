import { expect, test } from 'vitest'
import { LogCounts, type LogPeriod } from './log-counts.ts'

const shown = ({ startMs, endMs, files }: LogPeriod) => [startMs, endMs, Object.fromEntries(files)]

test('since the start, and in the last whole minute', () => {
  const counts = new LogCounts(0)
  counts.add('/a', 10, 1000)
  counts.add('/a', 5, 2000)
  // Before a minute has gone by, the interval is what there is of it.
  expect(shown(counts.state(['/a', '/b'], 3000).interval)).toEqual([
    0,
    3000,
    { '/a': { events: 2, bytes: 15 }, '/b': { events: 0, bytes: 0 } },
  ])
  counts.add('/b', 1, 61_000)
  const { global, interval } = counts.state(['/a', '/b'], 62_000)
  expect(shown(global)).toEqual([0, 62_000, { '/a': { events: 2, bytes: 15 }, '/b': { events: 1, bytes: 1 } }])
  expect(shown(interval)).toEqual([0, 61_000, { '/a': { events: 2, bytes: 15 }, '/b': { events: 0, bytes: 0 } }])
  expect(shown(counts.state([], 130_000).interval)).toEqual([61_000, 130_000, { '/b': { events: 1, bytes: 1 } }])
})

test('what is no longer read is forgotten', () => {
  const counts = new LogCounts(0)
  counts.add('/a', 10, 1000)
  counts.forget('/a')
  expect(shown(counts.state([], 2000).global)).toEqual([0, 2000, {}])
})
