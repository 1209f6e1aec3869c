import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts'

const durations: [says: string, text: string, seconds: number | null][] = [
  ['takes a bare number as seconds', '360', 360],
  ['knows seconds', '10s', 10],
  ['knows minutes', '15m', 900],
  ['knows hours', '1h', 3600],
  ['knows days', '2d', 172_800],
  ['knows weeks', '1w', 604_800],
  ['refuses a unit of its own', '1y', null],
  ['refuses a fraction', '1.5h', null],
  ['refuses a sign', '-1', null],
  ['refuses nothing', '', null],
  ['refuses a blank inside', '1 h', null],
]
for (const [says, text, seconds] of durations) test(`duration ${says}`, () => expect(parseDuration(text)).toBe(seconds))

const sizes: [says: string, text: string, bytes: number | null][] = [
  ['takes a bare number as bytes', '512', 512],
  ['knows bytes', '512B', 512],
  ['knows kilobytes', '64KB', 65_536],
  ['knows lower case', '32mb', 33_554_432],
  ['knows gigabytes', '10GB', 10 * 1024 ** 3],
  ['takes a letter without B', '1M', 1_048_576],
  ['refuses what no number holds exactly', '999999999999TB', null],
  ['refuses a name of an object', 'constructor', null],
  ['refuses a fraction', '1.5MB', null],
]
for (const [says, text, bytes] of sizes) test(`size ${says}`, () => expect(parseSize(text)).toBe(bytes))

test('what is formatted is read back', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000_000), (n) => {
      expect(parseDuration(formatDuration(n))).toBe(n)
      expect(parseSize(formatSize(n))).toBe(n)
    }),
  )
})
