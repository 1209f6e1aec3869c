/** Laws of the buffers that are used again: what one event leaves in them is never seen by the next, whatever the sizes. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MatchWriter } from './batch.ts'
import { ByteText } from './byte-text.ts'
import { Correlator } from './correlator.ts'
import { jsonText } from './json-text.ts'
import { scratchBytes } from './latin1.ts'
import { type EventInput, Matcher } from './matcher.ts'
import { OutputBuffers } from './output-buffers.ts'
import { loadTest, noonMs } from './test-ruleset.ts'

const ruleset = loadTest({
  decoders: '<decoder name="json"><prematch>^{\\s*"</prematch><plugin_decoder>JSON_Decoder</plugin_decoder></decoder>',
  rules: [
    '<rule id="1" level="3"><decoded_as>json</decoded_as><description>$(a)</description></rule>',
    '<rule id="2" level="5"><if_sid>1</if_sid><field name="b">needle|thread</field><description>b</description></rule>',
    '<rule id="3" level="4"><match>haystack|needle</match><description>plain</description></rule>',
  ].join('\n'),
})
const options = {
  managerName: 'manager',
  outputs: { alertsJson: true, alertsText: true, archivesJson: true, archivesText: true },
}
/** About each size at which a buffer grows or is not kept: 4 KiB, 64 KiB, 1 MiB. */
const edge = fc.oneof(
  fc.constantFrom(0, 1, 63, 64, 65),
  fc.tuple(fc.constantFrom(1 << 12, 1 << 16, 1 << 20), fc.integer({ min: -40, max: 40 })).map(([at, off]) => at + off),
)
const piece = fc.constantFrom('a', 'needle ', 'haystack ', '"', '\\', '\xe9', '\t', '\x7f', '\xff')
const long = fc
  .tuple(edge, piece)
  .map(([length, text]) => text.repeat(Math.ceil(length / text.length)).slice(0, length))
const body = fc.oneof(
  long,
  fc.tuple(long, long).map(([a, b]) => `{"a":${jsonText(a)},"b":${jsonText(b)},"c":[1,"x"]}`),
  fc.tuple(long, piece).map(([a, b]) => `{"b":${jsonText(b)},"a":${jsonText(a)}`),
  fc.constantFrom('{"a":"short","b":"thread"}', 'needle', '{"a":"short","b":"no","a":"again"}'),
)
const events = fc
  .array(body, { minLength: 1, maxLength: 8 })
  .map((list) => list.map((text, n): EventInput => ({ queue: 49, location: 'x', body: text, timeMs: noonMs + n })))

function textsOf(outputs: OutputBuffers, lends: boolean): string[] {
  const { alertsJson, alertsText, archivesJson, archivesText } = lends ? outputs.lend() : outputs.take()
  return [alertsJson, alertsText, archivesJson, archivesText].map((bytes) => bytes.latin1Slice())
}

describe('buffers that are used again', () => {
  test('events one after the other, in lent buffers, give what each gives on fresh ones', () => {
    fc.assert(
      fc.property(events, (inputs) => {
        const [matcher, writer] = [new Matcher(ruleset, options), new MatchWriter()]
        const correlator = new Correlator(ruleset, options)
        const outputs = new OutputBuffers()
        for (const [n, input] of inputs.entries()) {
          matcher.match(input, writer)
          correlator.consume(writer.view(), n, outputs)
          writer.clear()
          const fresh = { writer: new MatchWriter(), outputs: new OutputBuffers() }
          new Matcher(ruleset, options).match(input, fresh.writer)
          new Correlator(ruleset, options).consume(fresh.writer.finish(), n, fresh.outputs)
          expect(textsOf(outputs, true)).toEqual(textsOf(fresh.outputs, false))
        }
      }),
      { numRuns: 60 },
    )
  })

  test('one line put together of many is the lines one by one', () => {
    fc.assert(
      fc.property(events, (inputs) => {
        const [whole, single] = [new OutputBuffers(), new OutputBuffers()]
        const parts: string[] = ['', '', '', '']
        const [matcher, writer] = [new Matcher(ruleset, options), new MatchWriter()]
        const [one, other] = [new Correlator(ruleset, options), new Correlator(ruleset, options)]
        for (const input of inputs) matcher.match(input, writer)
        one.consume(writer.finish(), 0, whole)
        for (const [n, input] of inputs.entries()) {
          matcher.match(input, writer)
          other.consume(writer.view(), n, single)
          writer.clear()
          for (const [at, text] of textsOf(single, true).entries()) parts[at] += text
        }
        expect(parts).toEqual(textsOf(whole, true))
      }),
      { numRuns: 30 },
    )
  })

  test('a text’s bytes are its own, with room for one more, whatever was there before', () => {
    fc.assert(
      fc.property(fc.array(long, { minLength: 1, maxLength: 6 }), (texts) => {
        for (const text of texts) {
          const bytes = scratchBytes(text)
          expect(bytes.length).toBeGreaterThan(text.length)
          expect(bytes.latin1Slice(0, text.length) === text).toBe(true)
          bytes[text.length] = 34
        }
      }),
    )
  })

  test('pieces stand behind each other over every growth', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(long, fc.nat(2)), { maxLength: 6 }), (pieces) => {
        const into = new ByteText()
        let wanted = ''
        for (const [text, how] of pieces) {
          if (how === 0) into.text(text)
          else if (how === 1) into.json(text)
          else into.copy(Buffer.from(`<${text}>`, 'latin1'), 1, text.length + 1)
          wanted += how === 1 ? jsonText(text) : text
        }
        expect(into.bytes.latin1Slice(0, into.byteLength) === wanted).toBe(true)
      }),
      { numRuns: 60 },
    )
  })
})
