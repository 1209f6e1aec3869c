/** Laws of the whole engine: filters never change an answer, any split of the work gives the same bytes, a replay is the first run. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MatchWriter } from './batch.ts'
import { ByteText } from './byte-text.ts'
import { Correlator } from './correlator.ts'
import { Event } from './event.ts'
import { FieldSlots, staticFields } from './fields.ts'
import { JsonDecoder } from './json-decoder.ts'
import { Kernels } from './kernels.ts'
import { LogtestSession } from './logtest.ts'
import { type EventInput, Matcher, parseQueueMessage } from './matcher.ts'
import { OutputBuffers } from './output-buffers.ts'
import { writeData } from './render.ts'
import { compileRuleset, type Ruleset } from './ruleset.ts'
import { loadTest, noonMs, utf8Bytes } from './test-ruleset.ts'

const decoders = `
<decoder name="sshd"><program_name>^sshd</program_name></decoder>
<decoder name="s1"><parent>sshd</parent><prematch>^Failed</prematch><regex offset="after_prematch">^ \\S+ for (\\S+) from (\\S+)</regex><order>user,srcip</order></decoder>
<decoder name="web"><type>web-log</type><prematch type="pcre2">^\\d+\\.\\d+\\.\\d+\\.\\d+ </prematch><regex type="pcre2">^(\\S+) (\\S+) (\\d+)</regex><order>srcip,url,id</order><fts>name,srcip</fts></decoder>
<decoder name="json"><prematch>^{\\s*"</prematch><plugin_decoder>JSON_Decoder</plugin_decoder></decoder>`
const rule = (id: number, level: number, content: string, more = ''): string =>
  `<rule id="${id}" level="${level}"${more}>${content}<description>rule ${id} $(srcip) $(a.b)</description></rule>`
const rules = [
  rule(100, 0, '<decoded_as>sshd</decoded_as>', ' noalert="1"'),
  rule(101, 5, '<if_sid>100</if_sid><match>Failed|invalid</match><group>auth_failed,</group>'),
  rule(102, 6, '<if_sid>101</if_sid><match>root</match><regex>from \\d+</regex>'),
  rule(103, 10, '<if_matched_sid>101</if_matched_sid><same_srcip/>', ' frequency="3" timeframe="20"'),
  rule(104, 11, '<if_matched_group>auth_failed</if_matched_group><different_user/>', ' frequency="4" timeframe="30"'),
  rule(110, 3, '<category>web-log</category><url>admin|.php$</url>'),
  rule(111, 7, '<if_sid>110</if_sid><if_fts/>'),
  rule(112, 4, '<if_sid>110</if_sid><id>^4|^5</id>', ' ignore="5"'),
  rule(120, 3, '<decoded_as>json</decoded_as>', ' noalert="1"'),
  rule(121, 5, '<if_sid>120</if_sid><field name="a.b">^x</field>'),
  rule(122, 6, '<if_sid>120</if_sid><field name="a.b" type="pcre2">(?i)Y+$</field><match negate="yes">quiet</match>'),
  rule(123, 9, '<if_sid>121,122</if_sid><list field="c" lookup="match_key">etc/lists/l</list>'),
  rule(130, 2, '<match>error|fatal|</match><regex>\\d\\d\\d</regex>'),
  rule(131, 8, '<if_level>5</if_level><match>boom</match>'),
  rule(132, 4, '<match>diff</match><check_diff/>'),
  rule(133, 9, '<if_sid>130</if_sid><if_matched_regex>error \\d+</if_matched_regex>', ' frequency="3"'),
].join('\n')
const ruleset = loadTest({ decoders, rules, lists: { 'etc/lists/l': 'x:\ny:\n' } })

const word = fc.constantFrom(
  'Failed',
  'failed',
  'root',
  'bob',
  'eve',
  'from',
  '1.2.3.4',
  '10.0.0.1',
  '500',
  '404',
  'error',
  'fatal',
  'boom',
  'quiet',
  'diff',
  'admin',
  'x.php',
  'for',
  'password',
  'é',
  '',
)
const words = fc.array(word, { maxLength: 8 }).map((list) => list.join(' '))
const log = fc.oneof(
  words,
  words.map((text) => `Dec 29 10:00:01 web sshd[12]: Failed password for ${text}`),
  fc.tuple(word, word).map(([who, ip]) => `Dec 29 10:00:01 web sshd[12]: Failed password for ${who} from ${ip} port`),
  fc
    .tuple(fc.constantFrom('1.2.3.4', '10.0.0.1'), word, fc.constantFrom('200', '404', '500'))
    .map((part) => part.join(' ')),
  fc
    .record({
      'a.b': word,
      a: fc.record({ b: fc.constantFrom('x', 'xyy', 'Y', 'z') }),
      c: fc.constantFrom('x', 'y', 'w'),
      t: words,
    })
    .map((value) => JSON.stringify(value)),
  fc.string({ unit: 'binary', maxLength: 80 }),
)
const events = fc
  .array(fc.tuple(log, fc.nat(12), fc.constantFrom('stdin', '[001] (a) any->x', '[002] (b) any->x')), {
    minLength: 1,
    maxLength: 60,
  })
  .map((list) => {
    let timeMs = noonMs
    return list.map(([text, seconds, location]): EventInput => {
      timeMs += seconds * 500
      return { queue: 49, location, body: utf8Bytes(text), timeMs }
    })
  })

const options = {
  managerName: 'manager',
  outputs: { alertsJson: true, alertsText: true, archivesJson: true, archivesText: true },
}

function bytesOf(outputs: OutputBuffers): string {
  const { alertsJson, alertsText, archivesJson, archivesText } = outputs.take()
  return [alertsJson, alertsText, archivesJson, archivesText].map((bytes) => bytes.toString('latin1')).join('\0')
}

function run(rules: Ruleset, inputs: readonly EventInput[], matcher = new Matcher(rules, options)): string {
  const writer = new MatchWriter()
  const outputs = new OutputBuffers()
  for (const input of inputs) matcher.match(input, writer)
  new Correlator(rules, options).consume(writer.finish(), 0, outputs)
  return bytesOf(outputs)
}

const runs = { numRuns: 150 }

describe('any way of doing the work gives the same bytes', () => {
  test('several matchers, batches cut anywhere', () => {
    fc.assert(
      fc.property(
        events,
        fc.array(fc.nat(59), { maxLength: 6 }),
        fc.integer({ min: 1, max: 4 }),
        (inputs, cuts, count) => {
          const matchers = Array.from({ length: count }, () => new Matcher(ruleset, options))
          const correlator = new Correlator(ruleset, options)
          const outputs = new OutputBuffers()
          const edges = [...new Set([0, ...cuts.filter((cut) => cut < inputs.length), inputs.length])].sort(
            (a, b) => a - b,
          )
          for (let n = 0; n + 1 < edges.length; n++) {
            const writer = new MatchWriter()
            for (const input of inputs.slice(edges[n], edges[n + 1]))
              (matchers[n % count] as Matcher).match(input, writer)
            correlator.consume(writer.finish(), edges[n] as number, outputs)
          }
          expect(bytesOf(outputs)).toBe(run(ruleset, inputs))
        },
      ),
      runs,
    )
  })

  test('a replay, on a matcher that has seen everything before', () => {
    fc.assert(
      fc.property(events, (inputs) => {
        const matcher = new Matcher(ruleset, options)
        const first = run(ruleset, inputs, matcher)
        expect(run(ruleset, inputs, matcher)).toBe(first)
      }),
      runs,
    )
  })

  test('a snapshot in the middle, restored elsewhere', () => {
    fc.assert(
      fc.property(events, fc.nat(59), (inputs, place) => {
        const cut = Math.min(place, inputs.length)
        const outputs = new OutputBuffers()
        const matcher = new Matcher(ruleset, options)
        const writer = new MatchWriter()
        const before = new Correlator(ruleset, options)
        for (const input of inputs.slice(0, cut)) matcher.match(input, writer)
        before.consume(writer.finish(), 0, outputs)
        const after = new Correlator(ruleset, options)
        expect(after.restore(before.snapshot())).toBe(true)
        for (const input of inputs.slice(cut)) matcher.match(input, writer)
        after.consume(writer.finish(), cut, outputs)
        expect(bytesOf(outputs)).toBe(run(ruleset, inputs))
      }),
      runs,
    )
  })

  test('what is skipped or written already leaves no line, yet counts', () => {
    const inputs = ['a', 'b', 'c'].map((body): EventInput => ({ queue: 49, location: 'x', body, timeMs: noonMs }))
    const writer = new MatchWriter()
    const matcher = new Matcher(ruleset, options)
    for (const input of inputs) matcher.match(input, writer)
    const correlator = new Correlator(ruleset, options)
    const outputs = new OutputBuffers()
    correlator.consume(writer.finish(), 0, outputs, { skip: Uint8Array.from([0, 1, 0]), archivesThrough: 0 })
    expect(outputs.take().archivesText.toString()).toMatch(/^[^\n]*->x c\n$/)
    expect(correlator.counters.events).toBe(2)
  })

  test.each([
    ['no JSON', 'x'],
    ['another form', '{"version":0}'],
    ['nothing', 'null'],
  ])('a snapshot of %s is refused', (_says, text) => {
    expect(new Correlator(ruleset, options).restore(Buffer.from(text))).toBe(false)
  })
})

/** What a session answers, and what it answers when everything is tried in turn. */
function agree(rules: Ruleset, inputs: readonly Pick<EventInput, 'body' | 'location' | 'timeMs'>[]): void {
  const quick = new LogtestSession(rules)
  const thorough = new LogtestSession(rules)
  for (const { body, location, timeMs } of inputs) {
    const input = { event: body, location, timeMs }
    const got = quick.process(input)
    const told = thorough.process(input, { explain: true })
    expect(told?.output).toBe(got?.output)
    const path = told?.explanation?.rules ?? []
    const deepest = (steps: typeof path): number | null => {
      const last = steps.at(-1)
      return last?.matched === true ? (deepest(last.children) ?? last.rule) : null
    }
    const result = told?.explanation?.result ?? null
    if (result !== null) expect(deepest(path)).toBe(result)
  }
}

describe('filters only leave out what cannot match', () => {
  test('over random events', () => {
    fc.assert(
      fc.property(events, (inputs) => agree(ruleset, inputs)),
      runs,
    )
  })

  const shared = process.env.DOGWATCH_SHARED ?? join(import.meta.dirname, '../../../../shared')
  const corpus = join(shared, 'conformance')
  const stock = join(corpus, 'ruleset')
  test.skipIf(!existsSync(stock))(
    'over recorded messages and a ruleset of thousands of rules (1 skipped without the corpus)',
    () => {
      const read = (folder: string) =>
        readdirSync(join(stock, folder))
          .filter((name) => name.endsWith('.xml') && name !== '0215-policy_rules.xml')
          .map((name) => ({ path: name, text: readFileSync(join(stock, folder, name), 'latin1') }))
      const { ruleset: large } = compileRuleset({ decoders: read('decoders'), rules: read('rules'), lists: [] })
      if (large === null) throw new Error('the ruleset does not load')
      const messages = readFileSync(join(corpus, 'production/events.queue'), 'latin1')
        .split('\n')
        .slice(0, 400)
        .flatMap((line) => {
          const message = parseQueueMessage(line)
          return message?.queue === 49 ? [{ ...message, timeMs: noonMs }] : []
        })
      expect(messages.length).toBeGreaterThan(100)
      agree(large, messages)
    },
  )
})

describe('JSON: what was learnt gives what the plain walk gives', () => {
  const leaf = fc.oneof(
    fc.constantFrom('x', '', '[1]', '["a"]', '[', 'é', '"', '\\', 'tab\t', '{"a":1}'),
    fc.integer({ min: -5_000_000_000, max: 5_000_000_000 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(fc.oneof(fc.constantFrom('x', 'a b', '"'), fc.nat(), fc.constant(null), fc.record({ k: fc.nat() })), {
      maxLength: 3,
    }),
  )
  const key = fc.constantFrom(
    'a',
    'b',
    'A',
    'a.b',
    'id',
    'user',
    'dstuser',
    'data',
    'systemname',
    'x y',
    '1',
    '__proto__',
    'toString',
  )
  const members = fc.array(fc.tuple(key, fc.nat(3)), { maxLength: 6 })
  /** Text with repeated keys, and with blanks where the seed says. */
  const object = (inner: fc.Arbitrary<string>): fc.Arbitrary<string> =>
    fc
      .tuple(members, fc.array(inner, { minLength: 6, maxLength: 6 }), fc.constantFrom('', ' ', '\n'))
      .map(
        ([keys, values, blank]) =>
          `{${keys.map(([name], n) => `${blank}${JSON.stringify(name)}:${blank}${values[n]}`).join(',')}${blank}}`,
      )
  const value = leaf.map((one) => JSON.stringify(one))
  const document = object(fc.oneof(value, object(fc.oneof(value, object(value)))))

  const dataJson = (event: Event): string => {
    const out = new ByteText()
    writeData(event, out)
    return out.bytes.latin1Slice(0, out.byteLength)
  }
  const view = (decoder: JsonDecoder, slots: FieldSlots, text: string) => {
    const event = new Event(slots)
    event.reset()
    event.fullLog = text
    decoder.decode(event, text)
    return {
      statics: staticFields.map((_, n) => event.statics[n] ?? null),
      keys: event.keys.slice(0, event.dynamicCount),
      values: event.values.slice(0, event.dynamicCount),
      data: dataJson(event),
    }
  }

  test('one dotted path at two depths', () => {
    const slots = new FieldSlots()
    slots.add('a.b')
    const options = { jsonArray: 'array', jsonNull: 'string' } as const
    const learned = new JsonDecoder(slots, options, Kernels.make())
    const text = '{"a":{"b":false},"a.b":null}'
    for (let n = 0; n < 3; n++)
      expect(view(learned, slots, text)).toEqual(view(new JsonDecoder(slots, options), slots, text))
    expect(view(learned, slots, text).keys).toEqual(['a.b', 'a.b'])
    // A brace is missing: no JSON, though each of its separators is known.
    expect(view(learned, slots, '{"a":{"b":false}').keys).toEqual([])
  })

  const depths: [says: string, key: string][] = [
    ['as many parts as are remembered', 'a.'.repeat(23)],
    ['more parts than are remembered', 'a.'.repeat(24)],
    ['a long name', 'x'.repeat(2000)],
    ['as many parts as an event has room for', 'a.'.repeat(250_000)],
  ]
  test.each(depths)('a name of %s', (_says, key) => {
    const slots = new FieldSlots()
    const options = { jsonArray: 'array', jsonNull: 'string' } as const
    const learned = new JsonDecoder(slots, options, Kernels.make())
    const nested = (value: string) => {
      const parts = `${key}b`.split('.')
      return `,"data":{${parts.map((part) => `"${part}":`).join('{')}"${value}"${'}'.repeat(parts.length)}`
    }
    for (const value of ['x', 'y', 'z'])
      expect(view(learned, slots, `{"${key}b":"${value}"}`).data === nested(value)).toBe(true)
  })

  for (const jsonArray of ['array', 'csv'] as const)
    for (const jsonNull of ['string', 'discard'] as const)
      test(`arrays as ${jsonArray}, null as ${jsonNull}`, () => {
        fc.assert(
          fc.property(fc.array(document, { minLength: 1, maxLength: 12 }), fc.nat(400), (texts, cut) => {
            const slots = new FieldSlots()
            slots.add('a.b')
            const learned = new JsonDecoder(slots, { jsonArray, jsonNull }, Kernels.make())
            const broken = texts.map((text, n) => (n === 0 ? text.slice(0, cut) : text))
            for (const text of [...texts, ...texts, ...broken, ...texts].map(utf8Bytes)) {
              const fresh = new JsonDecoder(slots, { jsonArray, jsonNull })
              const got = view(learned, slots, text)
              expect(got).toEqual(view(fresh, slots, text))
              // Rendered on the way, or later from the fields: the same.
              const event = new Event(slots)
              event.reset()
              fresh.decode(event, text)
              event.rendered = null
              expect(got.data).toBe(dataJson(event))
            }
          }),
          { numRuns: 200 },
        )
      })
})

describe('hostile patterns', () => {
  test('a pattern that can run away is named', () => {
    const hostile = loadTest({
      rules: '<rule id="100" level="3"><regex type="pcre2">^(a|aa)+\\1$</regex><description>x</description></rule>',
    })
    const pattern = hostile.byId.get(100)?.conditions[0]?.pattern
    expect([pattern?.cost, typeof pattern?.hazard]).toEqual(['backtracking', 'string'])
  })
  test('nesting without end is an error or a pattern, never a crash', () => {
    for (const text of [
      '('.repeat(5000),
      '(?:'.repeat(400) + ')*'.repeat(400),
      '[',
      '(?!a*)b',
      'x\\y',
      'a{99999}',
      '(a|'.repeat(300),
    ]) {
      for (const type of ['pcre2', 'osregex', 'osmatch']) {
        const { problems } = compileRuleset({
          decoders: [],
          rules: [
            {
              path: 'r.xml',
              text: `<group name="g,"><rule id="1" level="3"><category>syslog</category>${text
                .match(/.{1,2000}/g)
                ?.map((piece) => `<regex type="${type}">${piece}</regex>`)
                .join('')}<description>x</description></rule></group>`,
            },
          ],
          lists: [],
        })
        for (const { code } of problems) expect(code).toBe('PATTERN_INVALID')
      }
    }
  })
})
