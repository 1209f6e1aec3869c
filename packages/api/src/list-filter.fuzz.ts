/** Fuzzing of what every list takes: whatever is asked gives a page within its bounds, or a refusal with status 400. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ApiError } from './error.ts'
import { listPage } from './list-filter.ts'

/** Runs between two looks at the clock. */
const runsAtOnce = 500

const items = [
  { id: 1, name: 'a', groups: ['x', 'y'], os: { name: 'debian', version: '13' }, seen: '2026-11-24T08:00:00+00:00' },
  { id: 2, name: 'b', groups: [], os: { name: 'é', version: null } },
  { id: 10, name: 'a' },
]
const pieces = [
  'id',
  'name',
  'os.name',
  'os',
  'seen',
  'groups',
  '__proto__',
  'constructor',
  '=',
  '!=',
  '<',
  '>',
  '~',
  ';',
  ',',
  '(',
  ')',
  '-',
  '+',
  '.',
  '1',
  '1h',
  'a',
  ' ',
  '',
]
const text = fc
  .array(fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...pieces) }, fc.string({ maxLength: 4, unit: 'binary' })), {
    maxLength: 40,
  })
  .map((parts) => parts.join(''))
const maybe = fc.oneof(fc.constant(''), text)
const nested = fc.nat({ max: 2000 }).map((depth) => '('.repeat(depth))
const query = fc.record({
  q: fc.oneof(maybe, nested),
  search: maybe,
  sort: maybe,
  select: maybe,
  distinct: fc.boolean(),
  offset: fc.nat({ max: 5 }),
  limit: fc.integer({ min: 1, max: 5 }),
})

export function fuzz(seconds: number, seed: number): void {
  const end = performance.now() + seconds * 1000
  for (let turn = 0; performance.now() < end; turn++) {
    fc.assert(
      fc.property(query, (asked) => {
        try {
          const { page, total } = listPage(items, asked, Date.UTC(2026, 10, 24))
          assert.ok(page.length <= asked.limit && page.length <= total && total <= items.length)
        } catch (error) {
          if (!(error instanceof ApiError)) throw error
          assert.equal(error.status, 400)
        }
        assert.equal(Object.getPrototypeOf({}), Object.prototype)
        assert.equal(Object.keys(Object.prototype).length, 0)
      }),
      { seed: (seed + turn) >>> 0, numRuns: runsAtOnce },
    )
  }
}
