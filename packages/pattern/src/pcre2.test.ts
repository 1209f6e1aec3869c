import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { noMatch } from './contract.ts'
import { compilePcre2 } from './pcre2.ts'
import { emitRe2, emitV8 } from './pcre2-emit.ts'
import { gapTest } from './pcre2-gaps.ts'
import { hazardOf } from './pcre2-hazard.ts'
import { linearPrefix } from './pcre2-prefix.ts'
import { parsePcre2 } from './pcre2-syntax.ts'

function compiled(source: string) {
  const { pattern, error } = compilePcre2(source)
  if (pattern === undefined) throw new Error(`${error.message} at ${error.offset}`)
  return pattern
}

function rootOf(source: string) {
  const syntax = parsePcre2(source)
  if ('error' in syntax) throw new Error(syntax.error.message)
  return syntax.root
}

describe('pcre2', () => {
  test.each([
    ['is case-sensitive', 'a', 'A', noMatch, []],
    ['(?i) folds ASCII', '(?i)aZ', 'xAz', 2, []],
    ['(?i) folds nothing above ASCII', '(?i)a\xe9', 'a\xc9', noMatch, []],
    ['(?i) in the middle reaches the end of its group', '(?:a(?i)b)c', 'aBC', noMatch, []],
    ['(?i) in the middle reaches later alternatives', 'x(?:a(?i)b|c)', 'xC', 1, []],
    ['(?i:...) stays inside', '(?i:a)b', 'Ab', 1, []],
    ['(?-i) ends it', '(?i)a(?-i)b', 'AB', noMatch, []],
    ['the dot excludes the newline alone', 'a.b', 'a\rb', 2, []],
    ['the dot excludes the newline', 'a.b', 'a\nb', noMatch, []],
    ['(?s) lets it in', '(?s)a.b', 'a\nb', 2, []],
    ['$ stands before a final newline', 'a$', 'a\n', 0, []],
    ['$ does not stand before another newline', 'a$', 'a\nb', noMatch, []],
    ['\\z does not', 'a\\z', 'a\n', noMatch, []],
    ['\\Z does', 'a\\Z', 'a\n', 0, []],
    ['(?m)$', '(?m)a$', 'a\nb', 0, []],
    ['(?m)^', '(?m)^b', 'a\nb', 2, []],
    ['(?m)^ not behind a final newline', '(?m)^$', 'a\n', noMatch, []],
    ['(?x) ignores blanks and comments', '(?x) a b # c\n c', 'abc', 2, []],
    ['(?U) turns greed round', '(?U)a.*b', 'axbxb', 2, []],
    ['\\s is ASCII', '\\s', '\xa0', noMatch, []],
    ['\\s has the vertical tab', '\\s', '\x0b', 0, []],
    ['\\h has the no-break space', '\\h', '\xa0', 0, []],
    ['\\R takes CR LF whole', '^\\R$', '\r\n', 1, []],
    ['POSIX classes', '[[:alpha:]]+[^[:digit:]]', '1ab-', 3, []],
    ['a closing bracket first in a class', '[]a]+', 'a]', 1, []],
    ['quoting', '\\Qa.b\\E+', 'a.bb', 3, []],
    ['identity escapes', '\\_\\-\\"', '_-"', 2, []],
    ['a brace that is no quantifier', 'a{,2}', 'a{,2}', 4, []],
    ['octal and hexadecimal', '\\101\\x42\\x{43}\\0', 'ABC\0', 3, []],
    ['\\e and \\a', '\\e\\a', '\x1b\x07', 1, []],
    ['possessive', 'a++ab', 'aaab', noMatch, []],
    ['atomic, groups keep their numbers', '(?>a+)(b)', 'aab', 2, ['b']],
    ['named groups and references', '(?P<n>a|b)-(?P=n)', 'a-b b-b', 6, ['b']],
    ['a group left out before one that is there is empty', '(a)?(b)', 'b', 0, ['', 'b']],
    ['a group left out at the end is not stored', '(b)(a)?', 'b', 0, ['b']],
    ['a group keeps what an earlier round set', '(?:(a)|b)*', 'ab', 1, ['a']],
    ['an optional group may be empty', '(a|)?', 'b', -1, ['']],
    ['lookbehind', '(?<=ab)c', 'abc', 2, []],
    ['\\K, which leaves the end and the groups as they are', '(a)\\Kb(c)', 'xabc', 3, ['a', 'c']],
    ['\\K in an alternative', '(?:a\\K|b)c', 'bcac', 1, []],
    ['\\K is no escape in a quoted text', '\\Q\\K\\E', 'x\\K', 2, []],
    ['an optional group that is referred to must be there', '(a)?b\\1', 'b aba', 4, ['a']],
    ['and without it nothing matches', '(a)?b\\1', 'bb', noMatch, []],
    ['an alternative without the group that is referred to fails', '(?:(a)|b)c\\1', 'bc aca', 5, ['a']],
    ['quotes that are alike', '^k=(?:(["\'])|)(\\w+)\\1$', 'k="v"', 4, ['"', 'v']],
    ['a lazy optional group that is referred to', '(a)??(b)\\1', 'aba', 2, ['a', 'b']],
    ['groups that are left out behind those', '(?:(a)|(b))c\\1', 'aca', 2, ['a']],
    ['a branch reset numbers its branches alike', '(?|a(.)|b(.))(c)', 'bxc', 2, ['x', 'c']],
    ['a branch reset goes on behind the longest branch', '(?|(a)|(b)(c))(d)', 'ad', 1, ['a', '', 'd']],
    ['a reference to a branch reset', '(?|(a)|(b))x\\1', 'axb bxb', 6, ['b']],
    ['a reference inside a branch reset', '(?|(a)\\1|(b)\\1)', 'abb', 2, ['b']],
    ['a branch reset in a loop', '(?:(?|(a)|(b))c)+', 'acbc', 3, ['b']],
    ['names in a branch reset', '(?|(?<n>a)|(?<n>b))\\k<n>', 'abb', 2, ['b']],
    ['a call of a group by name, which sets nothing', '(?<n>a|b)-(?&n)(?P>n)', 'a-ba', 3, ['a']],
    ['calls by number', '(a)(b)(?1)(?-1)', 'abab', 3, ['a', 'b']],
    ['calls as escapes', "(a)\\g<1>\\g'+1'(b)", 'aabb', 3, ['a', 'b']],
    ['a call gives back what it took', '^(a+)-(?1)ab', 'a-aaab', 5, ['a']],
    ['a call may be repeated', '(?<o>\\d{1,3})(?:\\.(?&o)){3}$', '10.0.0.255', 9, ['10']],
    ['a call keeps the case of its group', '((?i)a)(?1)', 'aA', 1, ['a']],
    ['groups that are only called', '(?(DEFINE)(?<o>\\d(?&p))(?<p>[ab]))^(?&o)-(?&o)$', '1a-2b', 4, []],
    ['a condition that holds', '^(?(?=\\d)\\d+|[a-z])x', '12x', 2, []],
    ['a condition that does not', '^(?(?=\\d)\\d+|[a-z])x', 'bx', 1, []],
    ['a condition that holds decides', '^(?(?=\\d)x|\\d)', '1', noMatch, []],
    ['a negative condition', '^(?(?!b)a|bb)$', 'bb', 1, []],
    ['a condition behind', '(?(?<=a)b|c)', 'cb', 0, []],
    ['a condition without an alternative', '^(?(?=a)ab)c', 'c', 0, []],
    ['a group of a condition', '^(?(?=(.)b)a(b)|c)', 'ab', 1, ['a', 'b']],
    ['\\X is one byte', '^\\X$', '\xe9', 0, []],
    ['\\X takes CR LF whole', '^a\\Xb$', 'a\r\nb', 3, []],
    ['\\X gives nothing back', '^\\X\\n', '\r\n', noMatch, []],
    ['comments', 'a(?#x)b', 'ab', 1, []],
    ['an empty match ends before its place', 'x*', 'b', -1, []],
    ['a leading ! has no meaning', '!a', 'a', noMatch, []],
    ['UTF characters on bytes', '(*UTF)\\N{U+202E}', 'x\xe2\x80\xae', 3, []],
  ] as const)('%s', (_, source, subject, end, groups) => {
    const found: string[] = ['left over']
    expect(compiled(source).exec(subject, found)).toBe(end)
    expect(found).toEqual(groups)
    expect(compiled(source).end(subject)).toBe(end)
    expect(compiled(source).test(subject)).toBe(end !== noMatch)
  })

  test.each([
    ['recursion', 'a(?R)', /recursion/],
    ['recursion by number', 'a(?0)', /recursion/],
    ['a group that calls itself', '(?<n>a(?&n)?)', /recursion/],
    ['groups that call each other', '(?<n>a(?&m)?)(?<m>b(?&n)?)', /recursion/],
    ['a call of a group with a reference', '((a)\\2)(?1)', /back references/],
    ['calls that multiply', `(a)${'((?-2)(?-2))'.repeat(20)}`, /too large/],
    ['calls that hang in one another', Array.from({ length: 1500 }, (_, n) => `((?${n + 2}))`).join(''), /deeper/],
    ['a call of no group', '(?&n)', /no group n/],
    ['a call in a lookbehind', '(a)(?<=(?1))', /lookbehind/],
    ['a conditional', '(a)?(?(1)b|c)', /conditional/],
    ['a conditional of three', '(?(?=a)b|c|d)', /parenthesis/],
    ['a negative condition with a group', '(?(?!(a))b|c)', /conditional/],
    ['a quantifier behind \\K', 'a\\K+b', /quantifier/],
    ['a reference to a group that an earlier round may have set', '(?:(a)?b\\1)+', /may not be set/],
    ['a reference to a group of some round', '(?:(a)|b)*\\1', /may not be set/],
    ['a reference to what an atomic group settled', '(?>b|(a))c\\1', /may not be set/],
    ['a reference to what a lookahead settled', '(?=b|(a)).\\1', /may not be set/],
    ['a reference that another alternative needs', '(a)?(?:\\1|b)', /may not be set/],
    ['a reference before its group', '\\1(a)', /may not be set/],
    ['a branch reset whose rounds differ', '(?:(?|(a)|b))*', /sets not all/],
    ['two groups of a name', '(?<n>a)(?<n>b)', /two groups/],
    ['an unknown escape', 'a\\y', /means nothing/],
    ['a lookbehind of varying length', '(?<=a+)b', /fixed length/],
    ['a quantifier first', '*a', /quantifier/],
    ['a quantifier behind an anchor', '^*a', /quantifier/],
    ['a group without an end', '(a', /parenthesis/],
    ['an end without a group', 'a)', /parenthesis/],
    ['a class without an end', '[a', /class/],
  ] as const)('%s is refused in words', (_, source, message) => {
    expect(compilePcre2(source).error?.message).toMatch(message)
  })

  test('every byte folds as in ASCII and no other', () => {
    for (let code = 0; code < 256; code++) {
      const hex = `\\x${code.toString(16).padStart(2, '0')}`
      for (let byte = 0; byte < 256; byte++) {
        const letter = /[A-Za-z]/.test(String.fromCharCode(code))
        const same = byte === code || (letter && (byte ^ 0x20) === code)
        const subject = `k${String.fromCharCode(byte)}`
        const expected = same ? 1 : noMatch
        if (compiled(`(?i)K${hex}`).end(subject) !== expected) expect([code, byte]).toBe('the same')
        if (compiled(`(?i)K[${hex}]`).end(subject) !== expected) expect([code, byte]).toBe('the same in a class')
      }
    }
  })

  test.each([
    ['a nested repetition', '^(a+)+$', true],
    ['alternatives that overlap', '^(a|a)*$', true],
    ['alternatives that overlap later', '(?:ab|a|b)*c', true],
    ['a delimited one', '^(?:\\d+\\.)*x', false],
    ['a plain one', '^a+b', false],
  ] as const)('exponential: %s', (_, source, exponential) => {
    expect(hazardOf(rootOf(source)).exponential).toBe(exponential)
  })

  test.each([
    ['a blank run at the end', '\\s+$', 2],
    ['an anchored one', '^\\s+$', 1],
    ['two gaps', '^.*a.*b', 2],
    ['a prefix that the loop cannot read', 'foo=\\w+;', 1],
    ['a final loop', 'foo\\w+', 1],
  ] as const)('degree: %s', (_, source, degree) => {
    expect(hazardOf(rootOf(source)).degree).toBe(degree)
  })

  test.each([
    ['nested repetition', '^(a+)+$', `${'a'.repeat(50_000)}!`],
    ['blanks at the end', '\\s+$', `${' '.repeat(60_000)}x`],
    ['gaps', 'requestURI":.+", "verb": "create', '"requestURI":'.repeat(5_000)],
    ['gaps that ignore case', '(?i)a.+b.*c', 'aB'.repeat(30_000)],
    ['a leading repetition', '[^%]*%FTD', 'x'.repeat(60_000)],
  ] as const)('hostile text ends soon: %s', (_, source, subject) => {
    const pattern = compiled(source)
    expect(pattern.cost).toBe('linear')
    expect(pattern.test(subject)).toBe(false)
    expect(pattern.end(subject)).toBe(noMatch)
  })

  test('what re2js cannot take is named', () => {
    const pattern = compiled('(?=.*a)(?:b+)+$')
    expect(pattern.cost).toBe('backtracking')
    expect(pattern.hazard).toMatch(/repetition/)
  })

  test.each([
    ['a plain text', 'foo', { anyOf: ['foo'], fold: false }],
    ['ignoring case', '(?i)Foo', { anyOf: ['foo'], fold: true }],
    ['the longer side', 'ab.*cdef', { anyOf: ['cdef'], fold: false }],
    ['one for each alternative', '(?:foo|bar)x?', { anyOf: ['foo', 'bar'], fold: false }],
    ['none when one alternative has none', 'foo|\\d', null],
    ['what is inside a repetition', '(?:foo)+', { anyOf: ['foo'], fold: false }],
    ['nothing optional', '(?:foo)*', null],
    ['nothing in a class of several', '[ab]', null],
  ] as const)('necessary literals: %s', (_, source, needs) => {
    const found = compiled(source).needs
    expect(found === null ? null : { ...found, anyOf: [...found.anyOf].sort() }).toEqual(
      needs === null ? null : { ...needs, anyOf: [...needs.anyOf].sort() },
    )
  })

  test.each([
    ['up to what would make it polynomial', '\\s\\d+:\\w+:\\s\\S+\\s\\d+.\\d+.\\d+', ' 1:a: b 2.3', ' 1:a b'],
    ['a branch each', 'abcd\\d+|efgh.*.*i', 'xefgh', 'efgabcd'],
  ] as const)('a linear beginning: %s', (_, source, passes, fails) => {
    const prefix = linearPrefix(rootOf(source))
    expect(prefix?.test(passes)).toBe(true)
    expect(prefix?.test(fails)).toBe(false)
  })

  test.each([
    ['too short to say much', 'abc.*.*d'],
    ['one branch without', 'abcd|.*.*a'],
    ['a back reference', '(a)bcd\\1'],
  ] as const)('no linear beginning or no more than is sound: %s', (_, source) => {
    expect(linearPrefix(rootOf(source))?.source ?? null).toBe(source.startsWith('(a)') ? '(a)bcd' : null)
  })

  const piece = fc.constantFrom(
    'a',
    'b',
    'ab',
    'A',
    '1',
    '.',
    '.*',
    '.+',
    '.*?',
    '[ab]',
    '[^a]',
    '\\d+',
    '\\s',
    '(a|b)',
    '(?:ab)?',
    'a+',
    'b*?',
    '(?i:a)',
    '^',
    '$',
    '\\b',
    '\xe9',
    '(a.*)b',
    '|',
  )
  const source = fc
    .tuple(fc.constantFrom('', '(?i)', '(?s)', '^'), fc.array(piece, { minLength: 1, maxLength: 6 }))
    .map(([start, rest]) => start + rest.join(''))
  const subject = fc
    .array(fc.constantFrom('a', 'b', 'A', 'B', '1', ' ', '\n', '\xe9', '\xc9', 'ab'), { maxLength: 12 })
    .map((parts) => parts.join(''))

  test('V8, RE2 and the walk over gaps agree, and necessary literals are necessary', () => {
    fc.assert(
      fc.property(source, fc.array(subject, { minLength: 4, maxLength: 6 }), (text, subjects) => {
        const syntax = parsePcre2(text)
        if ('error' in syntax) return
        const v8 = emitV8(syntax.root)
        if (v8 === null) return
        const expression = new RegExp(v8.source, v8.flags)
        const gaps = gapTest(syntax.root)
        const { pattern } = compilePcre2(text)
        expect(emitRe2(syntax.root, syntax.groupCount)?.source ?? '()').toContain('()')
        for (const each of subjects) {
          const found = expression.test(each)
          expect(pattern?.test(each)).toBe(found)
          expect(pattern?.end(each) !== noMatch).toBe(found)
          if (gaps !== null) expect(gaps(each)).toBe(found)
          if (found) expect(linearPrefix(syntax.root)?.test(each) ?? true).toBe(true)
          // A subject long enough to go to re2js, with the same answer: nothing can match in what is added.
          const needs = pattern?.needs ?? null
          if (!found || needs === null) continue
          const folded = needs.fold ? each.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : each
          expect(needs.anyOf.some((literal) => folded.includes(literal))).toBe(true)
        }
      }),
      { numRuns: 1500 },
    )
  })
})
