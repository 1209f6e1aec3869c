import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { noMatch } from './contract.ts'
import { compileOsregex } from './osregex.ts'
import { nativeAlternative, undecided } from './osregex-native.ts'
import { scanOsregex } from './osregex-scanner.ts'
import { supersetOf } from './osregex-superset.ts'
import { type OsregexAlternative, parseOsregex, tokenLetters } from './osregex-syntax.ts'

function alternativeOf(source: string): OsregexAlternative | null {
  const syntax = parseOsregex(source)
  return 'error' in syntax ? null : (syntax.alternatives[0] ?? null)
}

/** A text that the alternative may well match: each item read once, `choices` deciding on bytes and lengths. */
function textFor({ text, kinds, quantifiers, values }: OsregexAlternative, choices: readonly number[]): string {
  let made = ''
  let turn = 0
  const choose = (count: number): number => (choices[turn++ % choices.length] ?? 0) % count
  for (let at = 0; at < text.length; ) {
    if (kinds[at] === 2) at++
    else if (kinds[at] === 0) made += text[at++]
    else {
      const fitting = fits[tokenLetters[values[at] ?? 0] ?? ''] ?? 'a1 :"'
      const quantifier = quantifiers[at] ?? 0
      for (let left = quantifier === 0 ? 1 : choose(4); left > 0; left--) made += fitting[choose(fitting.length)]
      at += quantifier === 0 ? 2 : 3
    }
  }
  return made
}
const fits: Readonly<Record<string, string>> = {
  d: '12',
  w: 'ab1-x',
  s: ' ',
  p: ':",=',
  t: '\t',
  D: 'a :b"',
  S: 'a1:"x=',
}

describe('osregex in V8', () => {
  test.each([
    ['runs that share nothing', '^\\d+:\\s+(\\w+)$'],
    ['a value up to its quote', 'key="(\\.*)"'],
    ['a value up to a blank', 'key=(\\.*)\\s'],
    ['the rest', 'key=(\\.*)$'],
    ['texts between gaps', '^id: "(\\.*)", title: "(\\.*)", x'],
    ['a leading run', '\\d+:x'],
    ['a text behind a byte taken unseen, with later starts', 'a\\.+bc'],
    ['a gap that can fail behind another', 'a\\.*b\\S+:'],
    ['more gaps than the undo stack holds', '^\\.*a\\.*b\\.*c\\.*d\\.*ef'],
  ] as const)('plain: %s', (_, source) => {
    const alternative = alternativeOf(source)
    expect(alternative && nativeAlternative(alternative)).not.toBeNull()
  })

  test.each([
    ['neighbouring groups', '(a)(b)'],
    ['a quantified token takes over', 'a\\w+\\d+'],
    ['an optional run in front', '\\s*a'],
    ['a run that the one behind the next could read', 'a\\d+\\s*1'],
    ['two leading runs', '\\d+\\s+x'],
    ['a last token that may be missing', 'a\\d+\\s\\w*'],
    ['a gap in front', '\\.*a'],
    ['a group that may be missing at the end', '^\\d+:\\s*(\\w+)$'],
    ['a token that is missing behind gaps', 'a\\.+\\sb\\S+:'],
    ['a fifth gap in front of a token', '^\\.*a\\.*b\\.*c\\.*d\\S*\\pe'],
    ['nothing', '^'],
  ] as const)('not plain: %s', (_, source) => {
    const alternative = alternativeOf(source)
    expect(alternative && nativeAlternative(alternative)).toBeNull()
  })

  test('only the scan can tell what an earlier attempt left in an empty last group', () => {
    const alternative = alternativeOf('a(\\d*)$')
    expect(alternative && nativeAlternative(alternative)?.exec('a1xa', [])).toBe(undecided)
  })

  const atom = fc.constantFrom(
    ...['a', 'b', 'A', ' ', ':', '1', 'ab', 'a: ', '"', '", ', '=', 'x', '\xe9', '\\s', '\\d', '\\w', '\\p', '\\.'],
    ...['\\d+', '\\w+', '\\S+', '\\s*', '\\s+', '\\d*', '\\.*', '\\.+', '\\.*', '\\.+', '\\S*', '\\D+', '\\W+', '\\t'],
  )
  const group = fc.array(atom, { minLength: 1, maxLength: 3 }).map((inner) => `(${inner.join('')})`)
  const source = fc
    .tuple(
      fc.constantFrom('', '', '^'),
      fc.array(fc.oneof({ weight: 3, arbitrary: atom }, { weight: 1, arbitrary: group }), {
        minLength: 1,
        maxLength: 8,
      }),
      fc.constantFrom('', '', '', '$'),
    )
    .map(([start, middle, end]) => start + middle.join('') + end)
  const letters = ['a', 'b', 'B', ' ', ':', '1', '2', '"', ',', '=', 'x', '-', '\t', '\xe9', '\xc9', '\n', 'ab', '", ']
  const noise = fc.array(fc.constantFrom(...letters), { maxLength: 10 }).map((parts) => parts.join(''))
  const choices = fc.array(fc.nat(60), { minLength: 3, maxLength: 20 })

  test('answers as the scanner does: result, end and groups', () => {
    let compared = 0
    fc.assert(
      fc.property(
        source,
        fc.array(fc.tuple(noise, choices, noise, fc.nat(40)), { minLength: 6, maxLength: 6 }),
        (text, rows) => {
          const syntax = parseOsregex(text)
          const alternative = alternativeOf(text)
          const native = alternative && nativeAlternative(alternative)
          if (native === null || alternative === null || 'error' in syntax) return
          for (const [before, made, after, length] of rows) {
            const like = textFor(alternative, made)
            for (const subject of [before, like, before + like + after, (like + before + like).slice(0, length)]) {
              for (const wanted of [false, true]) {
                compared++
                const expected: string[] = []
                const groups: string[] = []
                const end = scanOsregex(syntax, subject, wanted, expected)
                expect(native.test(subject)).toBe(end !== noMatch)
                expect(native.end(subject)).toBe(end)
                if (!wanted) continue
                const result = native.exec(subject, groups)
                if (result !== undecided) expect([result, groups]).toEqual([end, expected])
              }
            }
          }
        },
      ),
      { numRuns: 500 },
    )
    expect(compared).toBeGreaterThan(2000)
  })
  test('the second of two neighbouring parentheses is a literal for the quick test too', () => {
    const pattern = compileOsregex('^()abcd', { captures: false })
    if (pattern.pattern === undefined) throw new Error('no pattern')
    for (let n = 0; n < 8; n++) expect(pattern.pattern.test('(abcd')).toBe(true)
  })

  test('what the scanner finds passes the quick test, at the start and anywhere', () => {
    let found = 0
    fc.assert(
      fc.property(
        source,
        fc.array(fc.tuple(noise, choices, noise, fc.nat(40)), { minLength: 6, maxLength: 6 }),
        (text, rows) => {
          const syntax = parseOsregex(text)
          const alternative = alternativeOf(text)
          const superset = alternative && supersetOf([alternative])
          if (superset === null || alternative === null || 'error' in syntax) return
          for (const [before, made, after, length] of rows) {
            const like = textFor(alternative, made)
            for (const subject of [like, before + like + after, (like + before + like).slice(0, length)]) {
              for (const wanted of [false, true]) {
                if (scanOsregex(syntax, subject, wanted, []) === noMatch) continue
                found++
                expect(superset.test(subject)).toBe(true)
              }
            }
          }
        },
      ),
      { numRuns: 500 },
    )
    expect(found).toBeGreaterThan(500)
  })
})
