import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Compiled, noMatch } from './contract.ts'
import { compileOsmatch } from './osmatch.ts'
import { compileOsregex } from './osregex.ts'
import { compilePcre2 } from './pcre2.ts'
import { compileString } from './string.ts'
import { wordMatch } from './word-match.ts'

const dialects: Record<string, (source: string) => Compiled> = {
  osregex: (source) => compileOsregex(source, { captures: true }),
  osmatch: compileOsmatch,
  pcre2: compilePcre2,
  string: compileString,
}

const bytes = fc
  .array(fc.integer({ min: 0, max: 255 }), { maxLength: 20 })
  .map((codes) => String.fromCharCode(...codes))
const syntax = fc
  .array(fc.constantFrom('a', 'B', '|', '^', '$', '(', ')', '\\', '.', '*', '+', '[', ']', '{', '?', 'd', '!'), {
    maxLength: 10,
  })
  .map((parts) => parts.join(''))

describe.each(Object.entries(dialects))('the contract, %s', (dialect, compile) => {
  test('any bytes compile or are an error within the source; the three ways to ask agree', () => {
    fc.assert(
      fc.property(fc.oneof(bytes, syntax), fc.oneof(bytes, syntax), (source, subject) => {
        const { pattern, error } = compile(source)
        if (pattern === undefined) {
          expect(error.offset).toBeGreaterThanOrEqual(0)
          expect(error.offset).toBeLessThanOrEqual(source.length)
          expect(error.message).not.toBe('')
          return
        }
        const groups = ['left over']
        const end = pattern.exec(subject, groups)
        expect(pattern.dialect).toBe(dialect)
        expect(pattern.end(subject)).toBe(end)
        expect(pattern.test(subject)).toBe(end !== noMatch)
        expect(end).toBeGreaterThanOrEqual(noMatch)
        expect(end).toBeLessThanOrEqual(subject.length)
        expect(groups.length).toBeLessThanOrEqual(end === noMatch ? 0 : pattern.groupCount)
      }),
    )
  })

  test('a plain text matches itself and is found necessary', () => {
    const { pattern } = compile('plain text')
    expect(pattern?.test('plain text')).toBe(true)
    expect(pattern?.needs?.anyOf).toEqual(['plain text'])
    expect(pattern?.cost).toBe('linear')
  })

  test('the same source is compiled once', () => {
    if (dialect !== 'string') expect(compile('once').pattern).toBe(compile('once').pattern)
  })
})

describe('osmatch', () => {
  test.each([
    ['ASCII case is ignored', 'FoO', 'a foo', true],
    ['no other case is', '\xe9', '\xc9', false],
    ['a byte above ASCII is itself', 'a\xe9', 'A\xe9', true],
    ['^ is a prefix', '^foo', 'a foo', false],
    ['$ is a suffix', 'foo$', 'foo a', false],
    ['both are equality', '^foo$', 'foo', true],
    ['an empty alternative is always true [edge]', 'foo|', 'bar', true],
    ['a lone ^ is true', '^', 'x', true],
    ['a lone $ is true', '$', 'x', true],
    ['^$ is equality with nothing', '^$', 'x', false],
    ['^$ on nothing', '^$', '', true],
    ['! negates the whole', '!foo|bar', 'a bar', false],
    ['! with none found', '!foo|bar', 'x', true],
    ['! elsewhere is text', 'a|!b', '!b', true],
    ['no escapes', 'a\\.b', 'a.b', false],
    ['an empty subject', 'a', '', false],
  ] as const)('%s', (_, source, subject, expected) => {
    expect(compileOsmatch(source).pattern?.test(subject)).toBe(expected)
  })

  test.each([
    ['all alternatives', 'Foo|^bar', ['foo', 'bar'], null],
    ['all anchored', '^Foo|^bar$', ['foo', 'bar'], ['foo', 'bar']],
    ['an empty alternative', 'foo|', null, null],
    ['a negation', '!foo', null, null],
  ] as const)('necessary literals: %s', (_, source, needs, prefixes) => {
    const { pattern } = compileOsmatch(source)
    expect(pattern?.needs?.anyOf ?? null).toEqual(needs)
    expect(pattern?.prefixes?.anyOf ?? null).toEqual(prefixes)
  })
})

describe('string', () => {
  test.each([
    ['equality', 'a', 'a', true],
    ['case counts', 'a', 'A', false],
    ['the whole value', 'a', 'ab', false],
  ] as const)('%s', (_, source, subject, expected) => {
    expect(compileString(source).pattern?.test(subject)).toBe(expected)
  })
})

describe('word match', () => {
  test.each([
    ['a substring, case ignored', 'SSHD', 'syslog,sshd,', true],
    ['one of several', 'web|ssh', 'syslog,sshd,', true],
    ['a prefix', '^sshd', 'syslog,sshd,', false],
    ['an empty pattern is false', '', 'syslog,', false],
  ] as const)('%s', (_, pattern, text, expected) => {
    expect(wordMatch(pattern, text)).toBe(expected)
  })
})
