import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { completionAt } from './complete.ts'
import { parseQuery } from './parse.ts'
import { type Query, queryDepthMax, queryLengthMax, queryTermsMax, quoted } from './query.ts'

const equals = (field: string, value: string): Query => ({ kind: 'equals', field, value })
const text = (value: string): Query => ({ kind: 'text', pattern: [{ text: value }] })
const not = (part: Query): Query => ({ kind: 'not', part })
const and = (...parts: Query[]): Query => ({ kind: 'and', parts })
const or = (...parts: Query[]): Query => ({ kind: 'or', parts })

const cases: [says: string, query: string, expected: Query][] = [
  ['nothing asks for everything', '  ', { kind: 'all' }],
  ['a field and a value', 'rule.id:110003', equals('rule.id', '110003')],
  ['blanks around the colon', 'rule.id : 110003 ', equals('rule.id', '110003')],
  ['colons stay in the value', 'u:system:node:a', equals('u', 'system:node:a')],
  ['a quoted value', 'agent.name:"web \\"1\\""', equals('agent.name', 'web "1"')],
  ['an escaped blank and star', 'a:b\\ \\*', equals('a', 'b *')],
  ['side by side is and', 'a:1 b:2', and(equals('a', '1'), equals('b', '2'))],
  ['and before or', 'a:1 or b:2 AND c:3', or(equals('a', '1'), and(equals('b', '2'), equals('c', '3')))],
  ['signs for operators', 'a:1 || b:2 && !c:3', or(equals('a', '1'), and(equals('b', '2'), not(equals('c', '3'))))],
  ['not binds closest', 'not a:1 b:2', and(not(equals('a', '1')), equals('b', '2'))],
  ['parentheses', '(a:1 or b:2) -c:3', and(or(equals('a', '1'), equals('b', '2')), not(equals('c', '3')))],
  ['several values of a field', 'v:(create or not "a b")', or(equals('v', 'create'), not(equals('v', 'a b')))],
  ['exists', 'data.apiVersion: exists', { kind: 'exists', field: 'data.apiVersion' }],
  ['a star alone is exists', 'a:*', { kind: 'exists', field: 'a' }],
  ['exists in the old spelling', '_exists_:a.b', { kind: 'exists', field: 'a.b' }],
  ['the word exists, quoted, is a value', 'a:"exists"', equals('a', 'exists')],
  [
    'wildcards',
    'ip:10.?.*',
    { kind: 'wildcard', field: 'ip', pattern: [{ text: '10.' }, { any: 'character' }, { text: '.' }, { any: 'text' }] },
  ],
  ['a star in quotes is a star', 'a:"b*"', equals('a', 'b*')],
  [
    'a comparison',
    'rule.level>=7',
    { kind: 'range', field: 'rule.level', from: { value: '7', isInclusive: true }, to: null },
  ],
  [
    'a comparison behind a colon',
    'a:<7',
    { kind: 'range', field: 'a', from: null, to: { value: '7', isInclusive: false } },
  ],
  [
    'a range',
    'a:[1 TO 5}',
    { kind: 'range', field: 'a', from: { value: '1', isInclusive: true }, to: { value: '5', isInclusive: false } },
  ],
  [
    'a range with an open end',
    'a:{2026-01-01T00:00 to *]',
    { kind: 'range', field: 'a', from: { value: '2026-01-01T00:00', isInclusive: false }, to: null },
  ],
  ['free words', 'failed login', and(text('failed'), text('login'))],
  ['a free phrase', '"failed login"', text('failed login')],
  ['words that begin like operators', 'order android notes', and(text('order'), text('android'), text('notes'))],
]

const mistakes: [says: string, query: string, from: number, to: number, message: RegExp][] = [
  ['an open parenthesis', 'a (b', 2, 3, /not closed/],
  ['a parenthesis too many', 'a) b', 1, 2, /closes nothing/],
  ['empty parentheses', 'a:()', 2, 4, /nothing between/],
  ['an open quote', 'a:"b', 2, 3, /quote is not closed/],
  ['no value', 'a:', 1, 2, /value for a is missing/],
  ['no condition behind and', 'a and ', 5, 6, /condition is missing/],
  ['or at the beginning', 'or a', 0, 2, /no condition before OR/],
  ['a range without TO', 'a:[1 5]', 2, 5, /low TO high/],
  ['an open range', 'a:[1 TO 5', 2, 3, /not closed/],
  ['a wildcard in a field', 'a*:b', 0, 2, /no wildcard/],
  ['a wildcard in a comparison', 'a>5*', 2, 4, /no wildcard/],
  ['a colon without a field', ': b', 0, 1, /not expected/],
  ['too deep', '('.repeat(queryDepthMax + 1), queryDepthMax, queryDepthMax + 1, /deeper/],
  ['too long', 'a'.repeat(queryLengthMax + 1), queryLengthMax, queryLengthMax + 1, /characters/],
]

describe('parseQuery', () => {
  test.each(cases)('%s', (_, query, expected) => {
    expect(parseQuery(query)).toEqual({ query: expected, problems: [] })
  })

  test.each(mistakes)('names the place of %s', (_, query, from, to, message) => {
    const { query: tree, problems } = parseQuery(query)
    expect(tree).toBeNull()
    expect(problems).toEqual([{ message: expect.stringMatching(message), from, to }])
  })

  test('bounds the number of conditions', () => {
    expect(parseQuery(Array(queryTermsMax).fill('a').join(' ')).problems).toEqual([])
    expect(
      parseQuery(
        Array(queryTermsMax + 1)
          .fill('a')
          .join(' '),
      ).problems,
    ).toHaveLength(1)
  })

  test('any text gives a tree or a mistake within the text', () => {
    const soup = fc.array(
      fc.constantFrom('a', ':', '"', '(', ')', ' ', 'and', 'not', '[', 'TO', ']', '*', '\\', '>', '-', '\0', '🐕'),
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          soup.map((parts) => parts.join('')),
        ),
        (query) => {
          const { query: tree, problems } = parseQuery(query)
          expect(tree === null).toBe(problems.length > 0)
          for (const { from, to } of problems) {
            expect(from).toBeGreaterThanOrEqual(0)
            expect(to).toBeGreaterThanOrEqual(from)
            expect(to).toBeLessThanOrEqual(query.length)
          }
        },
      ),
    )
  })

  test('a quoted value comes back as it was', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'binary' }), (value) => {
        expect(parseQuery(`data.field:${quoted(value)}`).query).toEqual(equals('data.field', value))
      }),
    )
  })
})

const completions: [says: string, query: string, cursor: number, kind: string, field: string | null, prefix: string][] =
  [
    ['the beginning of a field', 'rule.le', 7, 'field', null, 'rule.le'],
    ['nothing yet', '', 0, 'field', null, ''],
    ['a value', 'agent.name:we', 13, 'value', 'agent.name', 'we'],
    ['a value behind a blank', 'agent.name: ', 12, 'value', 'agent.name', ''],
    ['a quoted value', 'agent.name:"web 1', 17, 'value', 'agent.name', 'web 1'],
    ['a value in parentheses', 'verb:(create or del', 19, 'value', 'verb', 'del'],
    ['the next field', 'a:1 and ru', 10, 'field', null, 'ru'],
    ['a cursor amid the text', 'ru and b:1', 2, 'field', null, 'ru'],
  ]
test.each(completions)('completes %s', (_, query, cursor, kind, field, prefix) => {
  expect(completionAt(query, cursor)).toMatchObject({ kind, field, prefix, to: cursor, from: cursor - prefix.length })
})
