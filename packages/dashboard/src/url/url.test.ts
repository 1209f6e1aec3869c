import { parseQuery } from '@dogwatch/query'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { csvOf } from './csv.ts'
import {
  conditionOf,
  type Filter,
  filterCountMax,
  filtersInAddress,
  filtersOf,
  wholeQuery,
  withFilter,
} from './filters.ts'
import { ago, isTime, rangeLabel, timeMsOf } from './time-range.ts'
import { piecesOf, visibleText } from './visible-text.ts'

const filter = (field: string, value: string | null, marks = ''): Filter => ({
  field,
  value,
  isNegated: marks.includes('n'),
  isDisabled: marks.includes('d'),
})

describe('filters', () => {
  const conditions: [says: string, given: Filter, condition: string][] = [
    ['a plain value stands as it is', filter('rule.id', '110003'), 'rule.id:110003'],
    ['a value with blanks is quoted', filter('a', 'x y'), 'a:"x y"'],
    ['a star in a value means itself', filter('a', 'x*'), 'a:"x*"'],
    ['an empty value is quoted', filter('a', ''), 'a:""'],
    ['being there', filter('a', null), 'a: exists'],
    ['not being there', filter('a', null, 'n'), 'not a: exists'],
    ['quotes in a value are escaped', filter('a', 'x"y\\'), 'a:"x\\"y\\\\"'],
  ]
  test.each(conditions)('%s', (_says, given, condition) => expect(conditionOf(given)).toBe(condition))

  test('every value makes a condition that is read as that value', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), (value) => {
        const { query } = parseQuery(conditionOf(filter('a', value)))
        expect(query).toEqual({ kind: 'equals', field: 'a', value })
      }),
    )
  })
  const wholes: [says: string, query: string, filters: Filter[], more: string[], whole: string][] = [
    ['nothing is everything', '', [], [''], ''],
    ['one condition has no parentheses', 'a:1 or b:2', [], [], 'a:1 or b:2'],
    ['an OR in the query stays together', 'a:1 or b:2', [filter('c', '3')], [], '(a:1 or b:2) and (c:3)'],
    ['a disabled filter is left out', 'a:1', [filter('c', '3', 'd')], [], 'a:1'],
    ['the page’s own condition is one more', '', [filter('c', '3')], ['d:4'], '(d:4) and (c:3)'],
  ]
  test.each(wholes)('%s', (_says, query, filters, more, whole) =>
    expect(wholeQuery(query, filters, ...more)).toBe(whole),
  )

  test('what the address holds comes back, and what is none is left out', () => {
    const given = [filter('a', 'x', 'n'), filter('b', null, 'd'), filter('c', '')]
    expect(filtersOf(filtersInAddress(given))).toEqual(given)
    for (const odd of [null, 7, 'x', {}, [7], [[]], [['']], [['a', 7]], [['a'.repeat(9999), 'x']]])
      expect(filtersOf(odd)).toEqual([])
  })
  test('whatever the address holds, filters come of it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(filtersOf(value).length).toBeLessThanOrEqual(filterCountMax)
      }),
    )
  })
  test('a filter that says the opposite gives way', () => {
    expect(withFilter([filter('a', '1'), filter('b', '2')], filter('a', '1', 'n'))).toEqual([
      filter('b', '2'),
      filter('a', '1', 'n'),
    ])
  })
})

describe('text that somebody else wrote', () => {
  const texts: [says: string, text: string, shown: string][] = [
    ['stays as it is', 'né <b>日本 👩', 'né <b>日本 👩'],
    ['shows line ends', 'a\nb', 'a⏎b'],
    ['shows a turned direction', 'a\u202etxt', 'a⟨U+202E⟩txt'],
    ['shows what has no width', 'pay\u200bpal', 'pay⟨U+200B⟩pal'],
    ['shows control signs', '\u0007\u001b[2J', '⟨U+0007⟩␛[2J'],
    ['shows half a character', 'a\ud800b', 'a⟨U+D800⟩b'],
    ['shows a tag', 'a\u{e0041}b', 'a⟨U+E0041⟩b'],
  ]
  test.each(texts)('%s', (_says, text, shown) => expect(visibleText(text)).toBe(shown))
  test('keeps lines where they are wanted', () => expect(visibleText('a\n\tb\r', true)).toBe('a\n\tb␍'))
  test('no sign that cannot be seen is left in a piece of text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const plain = piecesOf(text).filter(({ isSign }) => !isSign)
        for (const piece of plain)
          expect(piece.text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u200b-\u200f]/)
      }),
    )
  })
})

describe('CSV', () => {
  const cells: [says: string, cell: string, written: string][] = [
    ['text stays', 'abc', 'abc'],
    ['a comma is quoted', 'a,b', '"a,b"'],
    ['quotes are doubled', 'a"b', '"a""b"'],
    ['line ends are quoted', 'a\nb', '"a\nb"'],
    ['a formula is made text', '=1+1', "'=1+1"],
    ['so is one behind blanks', ' =1', "' =1"],
    ['and one with plus, at, minus, or wide signs', '@SUM(1)', "'@SUM(1)"],
    ['minus', '-cmd', "'-cmd"],
    ['plus', '+1', "'+1"],
    ['wide equals', '\uff1d1', "'\uff1d1"],
    ['a tab before anything', '\tx', "'\tx"],
    ['a negative number stays a number', '-12.5', '-12.5'],
  ]
  test.each(cells)('%s', (_says, cell, written) => expect(csvOf(['h'], [[cell]])).toBe(`\ufeffh\r\n${written}\r\n`))
})

describe('times', () => {
  const now = Date.parse('2026-11-24T12:00:00Z')
  test.each([
    ['now', true],
    ['now-15m', true],
    ['2026-11-24T08:00:00.000Z', true],
    ['now+1h', false],
    ['2026-99-24T08:00:00Z', false],
    ['<script>', false],
    ['', false],
  ])('%s is a time: %s', (text, is) => expect(isTime(text)).toBe(is))
  test('relative times are counted back', () => expect(timeMsOf('now-2h', now)).toBe(now - 7_200_000))
  test.each([
    [{ from: 'now-24h', to: 'now' }, 'Last 24 hours'],
    [{ from: 'now-3h', to: 'now' }, 'Last 3 hours'],
  ])('a range has a name', (range, label) => expect(rangeLabel(range)).toBe(label))
  test.each([
    [5000, '5 s ago'],
    [600_000, '10 min ago'],
    [7_200_000, '2 h ago'],
    [3 * 86_400_000, '3 d ago'],
  ])('%d ms are %s', (ms, says) => expect(ago(now - ms, now)).toBe(says))
})
