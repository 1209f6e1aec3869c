/**
 * Fuzzing of the query language: whatever is typed gives a tree or mistakes with places inside the text, what could stand at a cursor lies inside it too,
 * and a value that was quoted is found again as it was.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { completionAt } from './complete.ts'
import { parseQuery } from './parse.ts'
import { type Query, queryDepthMax, queryTermsMax, quoted } from './query.ts'

/** Runs of each property between two looks at the clock. */
const runsAtOnce = 500

const words = [
  'and',
  'OR',
  'not',
  'exists',
  'to',
  'a.b',
  'data.x',
  'é',
  '*',
  '?',
  '\\',
  '"',
  ':',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '>',
  '<=',
  '-',
  ' ',
  '\t',
  '\0',
  '5',
  '2026-11-24',
  '__proto__',
]
const typed = fc
  .oneof(
    fc.array(
      fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...words) }, fc.string({ maxLength: 5, unit: 'binary' })),
      { maxLength: 60 },
    ),
    fc.array(fc.constantFrom('(', 'not ', ')', 'a '), { maxLength: 3000 }),
  )
  .map((parts) => parts.join(''))

export function fuzz(seconds: number, seed: number): void {
  const end = performance.now() + seconds * 1000
  for (let turn = 0; performance.now() < end; turn++) {
    const runs = { seed: (seed + turn) >>> 0, numRuns: runsAtOnce }
    fc.assert(fc.property(typed, fc.nat(), readsOrTells), runs)
    fc.assert(fc.property(fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }), comesBack), runs)
  }
}

function readsOrTells(text: string, place: number): void {
  const { query, problems } = parseQuery(text)
  assert.equal(query === null, problems.length > 0)
  for (const { from, to } of problems) assert.ok(from >= 0 && from <= to && to <= text.length, `${from} to ${to}`)
  if (query !== null) {
    const { depth, terms } = sizeOf(query)
    assert.ok(depth <= 3 * queryDepthMax + 3, `depth ${depth}`)
    assert.ok(terms <= queryTermsMax, `${terms} conditions`)
  }
  const cursor = place % (text.length + 1)
  const { from, to } = completionAt(text, cursor)
  assert.ok(from >= 0 && from <= to && to <= text.length, `${from} to ${to} at ${cursor}`)
}

function comesBack(value: string): void {
  const { query } = parseQuery(`a.b:${quoted(value)}`)
  assert.deepEqual(query, { kind: 'equals', field: 'a.b', value })
}

function sizeOf(query: Query): { readonly depth: number; readonly terms: number } {
  const parts = query.kind === 'not' ? [query.part] : 'parts' in query ? query.parts : []
  if (parts.length === 0) return { depth: 1, terms: query.kind === 'all' ? 0 : 1 }
  const sizes = parts.map(sizeOf)
  return {
    depth: 1 + Math.max(...sizes.map(({ depth }) => depth)),
    terms: sizes.reduce((sum, { terms }) => sum + terms, 0),
  }
}
