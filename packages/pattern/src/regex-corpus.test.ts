import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compilePcre2 } from './pcre2.ts'
import { runRegexCorpus } from './regex-corpus.ts'

const shared = process.env.DOGWATCH_SHARED ?? join(import.meta.dirname, '../../../../shared')
const folder = join(shared, 'conformance/regex')
const names = ['osmatch-stock', 'osmatch-synthetic', 'osregex-stock', 'osregex-synthetic']
const here = existsSync(folder)

describe('recorded results', () => {
  test.skipIf(!here).each(names)('%s: every one is reproduced', (name) => {
    const cases: unknown = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'))
    if (!Array.isArray(cases)) throw new Error('not an array')
    const result = runRegexCorpus(name, cases)
    expect(result.failures).toEqual([])
    expect(result.passed).toBe(cases.length)
  })

  test.skipIf(!here)('every pcre2 pattern of the stock ruleset compiles', () => {
    const sources = new Set<string>()
    for (const kind of ['decoders', 'rules']) {
      const place = join(shared, 'conformance/ruleset', kind)
      for (const file of readdirSync(place)) {
        const text = readFileSync(join(place, file), 'latin1')
        for (const found of text.matchAll(/<(\w+)[^>]*type="pcre2"[^>]*>([\s\S]*?)<\/\1>/g)) sources.add(found[2] ?? '')
      }
    }
    expect(sources.size).toBeGreaterThan(400)
    const refused = [...sources].filter((source) => compilePcre2(source).error !== undefined)
    expect(refused).toEqual([])
  })

  test('a wrong expectation is reported', () => {
    const result = runRegexCorpus('osregex-own', [
      { p: 'a', s: 'a', match: false },
      { p: 'a', s: 'a', match: true, end: 0, groups: [] },
      7,
    ])
    expect([result.passed, result.failed]).toEqual([1, 2])
    expect(result.failures[0]).toContain('matches, and should not')
  })
})
