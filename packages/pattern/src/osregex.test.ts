import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { noMatch } from './contract.ts'
import { foldAscii } from './fold.ts'
import { compileOsregex } from './osregex.ts'
import { generateMatcher } from './osregex-code.ts'
import { scanAlternative, scannedPositions, scanOsregex } from './osregex-scanner.ts'
import { parseOsregex } from './osregex-syntax.ts'

function compiled(source: string, captures = true) {
  const { pattern, error } = compileOsregex(source, { captures })
  if (pattern === undefined) throw new Error(error.message)
  return pattern
}

/** Often enough for the generated code to take over from the scanner. */
function execOften(source: string, subject: string): readonly [number, readonly string[]] {
  const pattern = compiled(source)
  const groups: string[] = []
  let end = noMatch
  const results = new Set<string>()
  for (let round = 0; round < 8; round++) {
    end = pattern.exec(subject, groups)
    results.add(JSON.stringify([end, groups]))
  }
  expect(results.size).toBe(1)
  return [end, groups]
}

describe('osregex', () => {
  test.each([
    ['a literal folds ASCII case', 'AbC', 'xaBc', 3, []],
    ['no other case folds', '\xe9', '\xc9', noMatch, []],
    ['\\w takes - @ _ [edge]', '^(\\w+)$', 'a-b@c_d', 0, ['a-b@c_d']],
    ['\\s is the blank alone [edge]', 'a\\sb', 'a\tb', noMatch, []],
    ['\\. is any byte, newline included [edge]', 'a\\.b', 'a\nb', 2, []],
    ['a dot is a literal', '\\d+.\\d+', '1x2 3.4', 6, []],
    ['a quantifier behind a literal is a literal', 'ab+', 'abb ab+', 6, []],
    ['\\p leaves out / @ _ and others', '\\p', '/@_^~`\\', noMatch, []],
    ['the byte behind a stopped final token is eaten [edge]', '^foo: \\w+', 'foo: bar baz', 8, []],
    ['a final token that reaches the end leaves a stale end [edge]', '^a \\.+', 'a bcd', 2, []],
    ['an end of -1', '\\d*', 'x', -1, []],
    ['a repetition is cut where the next item first fits [edge]', '(\\.+) b', 'x y b', 4, ['x y']],
    ['a match that a regular expression would find is missed [edge]', '^\\.+foo', 'xffoo', noMatch, []],
    ['alternatives from left to right', 'b(\\w)|a(\\w)', 'axbz', 3, ['z']],
    ['the first alternative that matches decides the groups', 'zz(\\w)|a(\\w)', 'ax', 1, ['x']],
    ['^ inside a group is a literal', '(^a)', '^a', 1, ['^a']],
    ['an escaped $ at the end is a literal', 'a\\$', 'a$b', 1, []],
    ['$ anchors', 'a$', 'ab', noMatch, []],
    ['an empty pattern matches', '', 'abc', 0, []],
    ['\\w* matches nothing', '\\w*', '', 0, []],
    ['\\w+ does not', '\\w+', '', noMatch, []],
  ] as const)('%s', (_, source, subject, end, groups) => {
    expect(execOften(source, subject)).toEqual([end, groups])
  })

  test.each([
    ['a single backslash at the end', 'a\\', 1],
    ['an unknown token', 'ab\\q', 2],
    ['a group without an end', 'a(b', 1],
    ['an end without a group', 'a)', 1],
    ['a nested group', '(a(b))', 2],
    ['alternatives in a group', '(a|b)', 2],
  ] as const)('%s is an error with its place', (_, source, offset) => {
    expect(compileOsregex(source, { captures: false }).error?.offset).toBe(offset)
  })

  test('a pattern over the limit is an error', () => {
    expect(compileOsregex('a'.repeat(20_481), { captures: false }).error).toBeDefined()
    expect(compileOsregex('a'.repeat(20_480), { captures: false }).pattern).toBeDefined()
  })

  test.each([
    ['the longest run', 'ab\\.*cdef\\d+g', { anyOf: ['cdef'], fold: true }],
    ['\\s is a blank', 'a\\sb', { anyOf: ['a b'], fold: true }],
    ['one for each alternative', 'foo|BAR\\d', { anyOf: ['foo', 'bar'], fold: true }],
    ['none when an alternative has none', 'foo|\\d', null],
    ['the rarer of single bytes, though tokens take over', '\\p*\\w+:\\d+\\s+%', { anyOf: ['%'], fold: true }],
    ['no literal that is taken for a quantifier', '(\\p+\\D)\\da', null],
    ['no token behind the last literal', '(\\s*)\\$\\t*$', null],
  ] as const)('necessary literals: %s', (_, source, needs) => {
    expect(compiled(source).needs).toEqual(needs)
  })

  test('a quick test before the scan lets through what ends early', () => {
    // A token that took over leaves the last one to be passed over at the subject's end.
    expect(compiled('\\W+(\\D)ab(\\d)').end(': aba')).toBe(4)
  })

  test('an anchored pattern names its start', () => {
    expect(compiled('^foo: \\w|^bar').prefixes).toEqual({ anyOf: ['foo: ', 'bar'], fold: true })
    expect(compiled('^foo|bar').prefixes).toBeNull()
  })

  const token = fc.tuple(
    fc.constantFrom('\\d', '\\w', '\\s', '\\p', '\\.', '\\D', '\\W', '\\S', '\\t', '\\(', '\\$', '\\<', '\\|'),
    fc.constantFrom('', '', '+', '*'),
  )
  const atom = fc.oneof(
    fc.constantFrom('a', 'b', 'A', ' ', ':', '1', '-', '^', '$', '\xe9', '@', 'ab'),
    token.map((parts) => parts.join('')),
  )
  const items = fc.array(
    fc.oneof(
      atom,
      fc.array(atom, { maxLength: 3 }).map((inner) => `(${inner.join('')})`),
    ),
    { maxLength: 7 },
  )
  const alternative = fc
    .tuple(fc.constantFrom('', '', '^'), items, fc.constantFrom('', '', '$'))
    .map(([start, middle, end]) => start + middle.join('') + end)
  const source = fc.array(alternative, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('|'))
  const subjects = fc.array(
    fc
      .array(
        fc.constantFrom(
          'a',
          'b',
          'B',
          ' ',
          ':',
          '1',
          '2',
          '-',
          '(',
          '$',
          '\t',
          '<',
          '|',
          '\xe9',
          '\xc9',
          '\n',
          '@',
          'ab',
          '^',
        ),
        { maxLength: 14 },
      )
      .map((parts) => parts.join('')),
    { minLength: 8, maxLength: 10 },
  )

  test('a pattern answers as the scanner does, and necessary literals are necessary', () => {
    fc.assert(
      fc.property(source, subjects, fc.boolean(), (text, texts, captures) => {
        const syntax = parseOsregex(text)
        if ('error' in syntax) return
        const pattern = compiled(text, captures)
        for (const subject of texts) {
          const expected: string[] = []
          const groups: string[] = []
          const end = scanOsregex(syntax, subject, captures && syntax.groupCount > 0, expected)
          expect(pattern.end(subject)).toBe(end)
          expect(pattern.test(subject)).toBe(end !== noMatch)
          if (captures) {
            expect(pattern.exec(subject, groups)).toBe(end)
            expect(groups).toEqual(expected)
          }
          if (end === noMatch) continue
          const folded = foldAscii(subject)
          expect(pattern.needs?.anyOf.some((literal) => folded.includes(literal)) ?? true).toBe(true)
          expect(pattern.prefixes?.anyOf.some((literal) => folded.startsWith(literal)) ?? true).toBe(true)
        }
      }),
      { numRuns: 600 },
    )
  })

  test('the generated code answers as the scanner does, positions included', () => {
    const positions = new Int32Array(64)
    let found = 0
    fc.assert(
      fc.property(alternative, subjects, fc.boolean(), (text, texts, wanted) => {
        const syntax = parseOsregex(text)
        if ('error' in syntax) return
        const [only] = syntax.alternatives
        if (only === undefined || syntax.alternatives.length > 1) return
        const matcher = generateMatcher(only, wanted)
        for (const subject of texts) {
          const end = scanAlternative(only, subject, wanted)
          expect(matcher(subject, positions)).toBe(end)
          if (end === noMatch || !wanted) continue
          found++
          expect([...positions.subarray(0, only.parenCount)]).toEqual([
            ...scannedPositions().subarray(0, only.parenCount),
          ])
        }
      }),
      { numRuns: 600 },
    )
    expect(found).toBeGreaterThan(200)
  })
})
