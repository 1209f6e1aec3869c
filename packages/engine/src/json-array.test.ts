import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { printPlainArray } from './json-array.ts'
import { JsonReader, printCompact, printFormatted } from './json-value.ts'

/** The full reader's two forms: what the one pass has to equal. */
function read(text: string, at: number): { formatted: string; compact: string; end: number } | null {
  const reader = new JsonReader(text, at)
  const value = reader.value()
  return value?.kind === 'array'
    ? { formatted: printFormatted(value), compact: printCompact(value), end: reader.at }
    : null
}

describe('printing a plain array in one pass', () => {
  const cases: [says: string, text: string][] = [
    ['strings', '["a", "b"]'],
    ['nothing', '[]'],
    ['empty members', '[[], {}, [ ], { }]'],
    ['objects, a member a line', '[{"a": 1, "b": {"c": [true, null]}}, -7]'],
    ['blanks where JSON allows them', '[ 1 ,2 , { "k" : "v" } ]'],
    ['what stands behind is left alone', '["x"], "more": ["y"]'],
  ]
  for (const [says, text] of cases) test(says, () => expect(printPlainArray(text, 0, -1)).toEqual(read(text, 0)))

  const notPlain: [says: string, text: string][] = [
    ['an escape', '["a\\nb"]'],
    ['a fraction', '[1.5]'],
    ['a long integer', '[12345678901]'],
    ['minus nought', '[-0]'],
    ['a leading zero', '[01]'],
    ['a missing bracket', '["a"'],
    ['two commas', '[1,,2]'],
    ['a comma at the end', '[1,]'],
    ['a key that is no string', '[{1: 2}]'],
    ['a wrong bracket', '[1}'],
  ]
  for (const [says, text] of notPlain) {
    test(`leaves to the full reader: ${says}`, () => expect(printPlainArray(text, 0, text.indexOf('\\'))).toBeNull())
  }

  test('equals the full reader on any document, in any spacing', () => {
    const spaced = fc.tuple(fc.array(fc.jsonValue({ maxDepth: 4 })), fc.constantFrom(0, 1, 2)).map(([value, form]) => {
      const text = JSON.stringify(value)
      return form === 0 ? text : form === 1 ? text.replaceAll(',', ', ') : text.replaceAll(':', ' : ')
    })
    fc.assert(
      fc.property(spaced, (text) => {
        const latin1 = Buffer.from(text).toString('latin1')
        const printed = printPlainArray(latin1, 0, latin1.indexOf('\\'))
        if (printed !== null) expect(printed).toEqual(read(latin1, 0))
      }),
      { numRuns: 2000 },
    )
  })
})
