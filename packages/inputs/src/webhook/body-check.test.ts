import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BodyCheck, type BodyVerdict } from './body-check.ts'

function checkIn(pieces: readonly Uint8Array[]): BodyVerdict {
  const check = new BodyCheck()
  for (const piece of pieces) if (!check.push(piece)) break
  return check.end()
}
const checkText = (text: string): BodyVerdict => checkIn([Buffer.from(text, 'latin1')])
const isJson = (verdict: BodyVerdict): boolean => verdict.ok || verdict.reason === 'wrong_kind'

const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
const list = (items: string): string =>
  `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${items}]}`

const accepted: [says: string, text: string, values: number][] = [
  ['a list', list('{"level":"Metadata"}'), 1],
  ['an empty list', list(''), 1],
  ['one event', '{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata"}', 1],
  ['a kind that comes last', '{"items":[{}],"kind":"EventList"}', 1],
  ['white space wherever it may stand', ' \t\r\n{ "kind" :\n"EventList" , "items" : [ 1 , 2 ] }\n\n', 1],
  ['an array of events', '[{"level":"Metadata"},{"level":"Metadata"}]', 1],
  ['an empty array', '[ ]', 1],
  ['one event a line', '{"kind":"Event"}\n{"kind":"Event"}\r\n{"kind":"Event"}', 3],
  ['a bare item', '{"level":"Metadata","auditID":"a"}', 1],
  ['a CloudWatch batch (EKS)', '{"messageType":"DATA_MESSAGE","logEvents":[{"message":"{}"}]}', 1],
  ['a Cloud Logging entry (GKE)', '{"insertId":"x","protoPayload":{}}', 1],
  ['an Event Hub batch (AKS)', '{"records":[{"category":"kube-audit","properties":{"log":"{}"}}]}', 1],
  ['an item that nests 10,000 deep', list(`{"x":${deep(10_000)}},{"level":"Metadata"}`), 1],
  ['an item with a control character in a string', list('{"x":"a\x00b"}'), 1],
  ['an item with invalid UTF-8', list('{"x":"\xff\xfe\xc0\x80"}'), 1],
  ['an item with an unknown escape', list('{"x":"\\q\\u12"}'), 1],
  ['escaped quotes and backslashes', list('{"x":"\\"\\\\\\"","y\\"":"\\\\"}'), 1],
  ['__proto__ and names that repeat', list('{"__proto__":{"a":1},"a":1,"a":2,"constructor":{"prototype":{}}}'), 1],
  ['a number of 400 digits', list(`{"x":${'9'.repeat(400)},"y":-0.${'1'.repeat(400)}e+${'3'.repeat(400)}}`), 1],
  ['a string of 1 MiB', list(`{"x":"${'y'.repeat(1 << 20)}"}`), 1],
  ['10,000 items', list(new Array(10_000).fill('{"level":"Metadata"}').join(',')), 1],
  ['two kinds of which the last is ours', '{"kind":"Pod","kind":"Event"}', 1],
  ['two kinds of which the first is ours', '{"kind":"Event","kind":"Pod"}', 1],
  ['a packed batch (Firehose)', '{"records":[{"data":"H4sI"}]}', 1],
  ['a row of AKSAudit', '{"TimeGenerated":"x","AuditId":"1"}', 1],
  ['a line of another kind between good ones', '{"kind":"Event"}\n{"kind":"Pod"}\n{"kind":"Event"}', 3],
]
describe('takes', () => {
  for (const [says, text, values] of accepted) test(says, () => expect(checkText(text)).toEqual({ ok: true, values }))
})

const refused: [says: string, text: string, reason: string, message: RegExp][] = [
  ['nothing', '', 'not_json', /^the body is empty$/],
  ['white space only', ' \n ', 'not_json', /^the body is empty$/],
  ['text', 'hello', 'not_json', /^at byte 0: expected a value$/],
  ['a form', 'a=b&c=d', 'not_json', /^at byte 0/],
  ['a cut list', '{"kind":"EventList","items":[{"a":1}', 'not_json', /^the body ends at byte 36 where "," or the end/],
  ['a cut string', '{"kind":"Eve', 'not_json', /ends at byte 12 where the end of a string/],
  ['a cut literal', '{"kind":tru', 'not_json', /ends at byte 11 where true, false or null/],
  ['a cut number', '-', 'not_json', /where a digit/],
  ['what follows the value', '{"kind":"Event"}x', 'not_json', /^at byte 16: expected nothing more/],
  ['two values in one line', '{"kind":"Event"} {"kind":"Event"}', 'not_json', /^at byte 17/],
  ['a comma too many', '{"kind":"EventList","items":[{},]}', 'not_json', /^at byte 32: expected a value$/],
  ['a name without quotes', '{kind:"Event"}', 'not_json', /^at byte 1: expected a name in quotes or "}"$/],
  ['single quotes', "{'kind':'Event'}", 'not_json', /^at byte 1/],
  ['a wrong bracket', '{"items":[}]', 'not_json', /^at byte 10/],
  ['NaN', '{"items":[NaN]}', 'not_json', /^at byte 10/],
  ['a leading zero', '{"items":[01]}', 'not_json', /^at byte 11/],
  ['a NUL outside strings', '{"kind":"Event"\x00}', 'not_json', /^at byte 15/],
  ['a byte order mark', '\xef\xbb\xbf{"kind":"Event"}', 'not_json', /^at byte 0/],
  ['a comment', '/* */{"kind":"Event"}', 'not_json', /^at byte 0/],
  ['another kind', '{"kind":"Pod","items":[]}', 'wrong_kind', /^kind "Pod" is no audit Event/],
  ['a kind with strange bytes, which are not repeated', '{"kind":"\x1b[2J\xff"}', 'wrong_kind', /^kind "\?\[2J\?"/],
  ['a long kind, cut', `{"kind":"${'x'.repeat(1000)}"}`, 'wrong_kind', /^kind "x{24}"/],
  ['an object that says nothing', '{"a":1}', 'wrong_kind', /^the body is no audit Event/],
  ['a kind below the top', '{"a":{"kind":"Event","items":[]}}', 'wrong_kind', /^the body/],
  ['kind as a value', '{"a":"kind","b":"Event"}', 'wrong_kind', /^the body/],
  ['a scalar', '42', 'wrong_kind', /^the body/],
  ['a string', '"Event"', 'wrong_kind', /^the body/],
  ['an array of numbers', '[1,2]', 'wrong_kind', /^the body/],
]
describe('refuses', () => {
  for (const [says, text, reason, message] of refused) {
    test(says, () => expect(checkText(text)).toEqual({ ok: false, reason, message: expect.stringMatching(message) }))
  }
})

describe('cut at any byte', () => {
  const texts = [...accepted, ...refused].map(([, text]) => text).filter((text) => text.length < 500)
  for (const text of texts) {
    test(`says the same of ${JSON.stringify(text.slice(0, 60))}`, () => {
      const whole = checkText(text)
      const bytes = Buffer.from(text, 'latin1')
      for (let at = 0; at <= bytes.length; at++)
        expect(checkIn([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(whole)
      expect(checkIn([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(whole)
    })
  }
})

/** The verdict of JSON.parse on the same bytes, strings taken as the check takes them: anything up to the closing quote. */
function parses(text: string): boolean {
  try {
    JSON.parse(text.replace(/"(?:[^"\\]|\\[\s\S])*"/g, '""'))
    return true
  } catch {
    return false
  }
}

function piecesOf(text: string, cuts: readonly number[]): Uint8Array[] {
  const bytes = Buffer.from(text, 'latin1')
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return places.slice(1).map((place, n) => bytes.subarray(places[n], place))
}

const document = fc
  .jsonValue({ depthSize: 'medium' })
  .chain((value) => fc.constantFrom(JSON.stringify(value), JSON.stringify(value, null, 1)))
const asBytes = (text: string): string => Buffer.from(text).toString('latin1')
const cuts = fc.array(fc.nat(), { maxLength: 6 })
const mutation = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom('insert', 'drop', 'swap', 'repeat'),
  byte: fc.oneof(
    fc.constantFrom(...'{}[]",:\\0123456789.eE+-truefalsnl \t\n\r\0'),
    fc.integer({ min: 0, max: 255 }).map((n) => String.fromCharCode(n)),
  ),
})
function mutate(text: string, { at, kind, byte }: { at: number; kind: string; byte: string }): string {
  const place = at % (text.length + 1)
  const rest = text.slice(place + 1)
  if (kind === 'insert') return text.slice(0, place) + byte + text.slice(place)
  if (kind === 'drop') return text.slice(0, place) + rest
  if (kind === 'swap') return text.slice(0, place) + byte + rest
  return text.slice(0, place) + text.slice(Math.max(0, place - 3))
}

describe('against JSON.parse, in chunks cut anywhere', () => {
  test('takes what it takes', () => {
    fc.assert(
      fc.property(document, cuts, (text, at) => isJson(checkIn(piecesOf(asBytes(text), at)))),
      { numRuns: 2000 },
    )
  })

  test('agrees on documents with mistakes, but for strings and for values on lines of their own', () => {
    const mutated = fc.tuple(document, fc.array(mutation, { minLength: 1, maxLength: 4 }), cuts)
    fc.assert(
      fc.property(mutated, ([text, mutations, at]) => {
        const broken = mutations.reduce(mutate, asBytes(text))
        const verdict = checkIn(piecesOf(broken, at))
        if (isJson(verdict) === parses(broken)) return true
        // Two values with a line feed between them: each part must be JSON by itself.
        return isJson(verdict) && broken.split('\n').length > 1 && linesParse(broken)
      }),
      { numRuns: 10_000 },
    )
  })

  test('takes documents on lines of their own, and counts them', () => {
    fc.assert(
      fc.property(fc.array(document, { minLength: 1, maxLength: 5 }), cuts, (texts, at) => {
        const verdict = checkIn(piecesOf(asBytes(texts.join('\n')), at))
        expect(isJson(verdict) && (!verdict.ok || verdict.values === texts.length)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  test('agrees on arbitrary bytes of the alphabet of JSON', () => {
    const soup = fc
      .array(fc.constantFrom(...'{}[]",:\\01-.eEtruefalsn \t'), { maxLength: 40 })
      .map((bytes) => bytes.join(''))
    fc.assert(
      fc.property(soup, cuts, (text, at) => isJson(checkIn(piecesOf(text, at))) === parses(text)),
      { numRuns: 20_000 },
    )
  })
})

describe('nesting', () => {
  for (const levels of [2, 7, 8, 30, 31, 32, 33, 63, 64, 65, 511, 512, 513, 5000]) {
    test(`of ${levels} levels, lists and objects in turn, needs each its own bracket`, () => {
      const opens = Array.from({ length: levels }, (_, n) => (n % 3 === 0 ? '{"a":' : '['))
      const closes = opens.map((open) => (open === '[' ? ']' : '}')).reverse()
      expect(isJson(checkText(`${opens.join('')}1${closes.join('')}`))).toBe(true)
      for (const at of [0, 1, levels >> 1, Math.max(0, levels - 31), levels - 2, levels - 1]) {
        const wrong = closes.map((close, n) => (n === at ? (close === ']' ? '}' : ']') : close))
        expect(isJson(checkText(`${opens.join('')}1${wrong.join('')}`))).toBe(false)
      }
    })
  }
})

test('long strings full of escapes agree with JSON.parse, cut anywhere', () => {
  const letter = fc.oneof(
    { weight: 20, arbitrary: fc.constant('abcdefgh') },
    { weight: 1, arbitrary: fc.constantFrom('"', '\\', '\n', '{', ']', ',') },
  )
  const long = fc.array(letter, { maxLength: 60 }).map((letters) => letters.join(''))
  const documents = fc
    .array(fc.oneof(long, fc.record({ a: long, b: long })), { maxLength: 8 })
    .map((value) => JSON.stringify(value))
  fc.assert(
    fc.property(documents, fc.option(mutation), cuts, (text, change, at) => {
      const changed = change ? mutate(asBytes(text), change) : asBytes(text)
      return changed.includes('\n') || isJson(checkIn(piecesOf(changed, at))) === parses(changed)
    }),
    { numRuns: 3000 },
  )
})

/** Greedy: the shortest run of lines that parses is a value, and so on to the end. */
function linesParse(text: string): boolean {
  let value = ''
  for (const line of text.replace(/"(?:[^"\\]|\\[\s\S])*"/g, '""').split('\n')) {
    value += `${line}\n`
    if (value.trim() === '' || parses(value)) value = ''
  }
  return value.trim() === ''
}
