/**
 * JSON as bytes: where a value ends, which members an object has, what a string says. Everything here validates (RFC 8259 grammar, UTF-8,
 * depth), nothing recurses, nothing is parsed that was not asked for. What is wrong is told through {@link fault}, never thrown.
 */

/** Deepest nesting of one item that is accepted; real audit events stay below 30. */
export const depthMax = 256

/** Why bytes were refused. Closed list: counters and the quarantine file use these words. */
export type Reason =
  | 'not-json'
  | 'truncated'
  | 'too-deep'
  | 'invalid-utf8'
  | 'control-character'
  | 'not-an-object'
  | 'wrong-kind'
  | 'not-an-audit-entry'
  | 'oversize'
  | 'bad-encoding'
  | 'inflated-too-big'
  | 'wrapped-too-often'
  | 'empty'

/** What stopped the last scan, and at which byte. Valid only after a function said -1 or null. */
export const fault: { reason: Reason; at: number } = { reason: 'not-json', at: 0 }

/** Half-open range of bytes. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Class of a byte inside a string: 0 plain, 1 quote, 2 backslash, 3 control (also what is read past the end), 4 beyond ASCII. */
export const stringClass: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte === 0x22 ? 1 : byte === 0x5c ? 2 : byte < 0x20 ? 3 : byte >= 0x80 ? 4 : 0,
)

/** Notes a fault; always -1, so that a scanner can return it. */
export function fail(bytes: Uint8Array, at: number, reason: Reason): -1 {
  fault.reason = at >= bytes.length ? 'truncated' : reason
  fault.at = Math.min(at, bytes.length)
  return -1
}

/** First byte at or after `i` that is no JSON white space. */
export function skipSpace(bytes: Uint8Array, i: number): number {
  for (let c = bytes[i] ?? 0; c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09; c = bytes[i] ?? 0) i++
  return i
}

/** Length of the UTF-8 sequence at `i` (2–4), or 0 when it is none (overlong forms and surrogates included, RFC 3629 section 4). */
export function utf8Length(bytes: Uint8Array, i: number): number {
  const lead = bytes[i] ?? 0
  const second = bytes[i + 1] ?? 0
  if (lead >= 0xc2 && lead <= 0xdf) return (second & 0xc0) === 0x80 ? 2 : 0
  if (((bytes[i + 2] ?? 0) & 0xc0) !== 0x80) return 0
  if (lead >= 0xe0 && lead <= 0xef) {
    const low = lead === 0xe0 ? 0xa0 : 0x80
    const high = lead === 0xed ? 0x9f : 0xbf
    return second >= low && second <= high ? 3 : 0
  }
  if (lead < 0xf0 || lead > 0xf4 || ((bytes[i + 3] ?? 0) & 0xc0) !== 0x80) return 0
  const low = lead === 0xf0 ? 0x90 : 0x80
  const high = lead === 0xf4 ? 0x8f : 0xbf
  return second >= low && second <= high ? 4 : 0
}

function isHex(c: number): boolean {
  return (c >= 0x30 && c <= 0x39) || (c >= 0x41 && c <= 0x46) || (c >= 0x61 && c <= 0x66)
}

/** Length of the escape at the backslash `i` (2 or 6), or 0 when it is none. */
export function escapeLength(bytes: Uint8Array, i: number): number {
  switch (bytes[i + 1]) {
    case 0x22:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return 2
    case 0x75:
      for (let k = 2; k < 6; k++) if (!isHex(bytes[i + k] ?? 0)) return 0
      return 6
    default:
      return 0
  }
}

/** Index behind the closing quote of the string whose opening quote is at `i`, or -1. */
export function stringEnd(bytes: Uint8Array, i: number): number {
  i++
  for (;;) {
    const kind = stringClass[bytes[i] ?? 0]
    if (kind === 0) {
      i++
    } else if (kind === 1) {
      return i + 1
    } else if (kind === 2) {
      const length = escapeLength(bytes, i)
      if (length === 0) return fail(bytes, i + 6 > bytes.length ? bytes.length : i, 'not-json')
      i += length
    } else if (kind === 4) {
      const length = utf8Length(bytes, i)
      if (length === 0) return fail(bytes, i, 'invalid-utf8')
      i += length
    } else {
      return fail(bytes, i, 'control-character')
    }
  }
}

function digitsEnd(bytes: Uint8Array, i: number): number {
  for (let c = bytes[i] ?? 0; c >= 0x30 && c <= 0x39; c = bytes[i] ?? 0) i++
  return i
}

/** Index behind the number at `i`, or -1. Any length is fine: numbers are copied, not computed. */
export function numberEnd(bytes: Uint8Array, i: number): number {
  if (bytes[i] === 0x2d) i++
  const whole = bytes[i] === 0x30 ? i + 1 : digitsEnd(bytes, i)
  if (whole === i) return fail(bytes, i, 'not-json')
  i = whole
  if (bytes[i] === 0x2e) {
    const fraction = digitsEnd(bytes, i + 1)
    if (fraction === i + 1) return fail(bytes, fraction, 'not-json')
    i = fraction
  }
  if (bytes[i] === 0x65 || bytes[i] === 0x45) {
    i++
    if (bytes[i] === 0x2b || bytes[i] === 0x2d) i++
    const exponent = digitsEnd(bytes, i)
    if (exponent === i) return fail(bytes, i, 'not-json')
    i = exponent
  }
  return i
}

/** Index behind `true`, `false` or `null` at `i`, or -1. */
export function literalEnd(bytes: Uint8Array, i: number): number {
  const word = bytes[i] === 0x74 ? 'true' : bytes[i] === 0x66 ? 'false' : bytes[i] === 0x6e ? 'null' : ''
  if (word === '') return fail(bytes, i, 'not-json')
  for (let k = 1; k < word.length; k++) if (bytes[i + k] !== word.charCodeAt(k)) return fail(bytes, i + k, 'not-json')
  return i + word.length
}

const skipStack = new Uint8Array(depthMax + 2)

/** Index behind the JSON value that starts at `i` (no white space before it), or -1. */
export function valueEnd(bytes: Uint8Array, i: number): number {
  let depth = 0
  let first = false
  for (;;) {
    let c = bytes[i] ?? 0
    const inObject = depth > 0 && skipStack[depth] === 1
    let ended = false
    if (first && c === (inObject ? 0x7d : 0x5d)) {
      depth--
      i++
      ended = true
    } else if (inObject) {
      if (c !== 0x22) return fail(bytes, i, 'not-json')
      i = stringEnd(bytes, i)
      if (i < 0) return -1
      i = skipSpace(bytes, i)
      if (bytes[i] !== 0x3a) return fail(bytes, i, 'not-json')
      i = skipSpace(bytes, i + 1)
      c = bytes[i] ?? 0
    }
    if (!ended) {
      if (c === 0x7b || c === 0x5b) {
        if (++depth > depthMax) return fail(bytes, i, 'too-deep')
        skipStack[depth] = c === 0x7b ? 1 : 0
        first = true
        i = skipSpace(bytes, i + 1)
        continue
      }
      i =
        c === 0x22
          ? stringEnd(bytes, i)
          : c === 0x2d || (c >= 0x30 && c <= 0x39)
            ? numberEnd(bytes, i)
            : literalEnd(bytes, i)
      if (i < 0) return -1
    }
    for (;;) {
      if (depth === 0) return i
      i = skipSpace(bytes, i)
      c = bytes[i] ?? 0
      if (c === 0x2c) {
        first = false
        i = skipSpace(bytes, i + 1)
        break
      }
      if (c !== (skipStack[depth] === 1 ? 0x7d : 0x5d)) return fail(bytes, i, 'not-json')
      depth--
      i++
    }
  }
}

/**
 * Where a broken value probably ends: the bracket that balances the one at `i`, strings respected, nothing else looked at. -1 when the bytes
 * run out. Used to go on behind a bad item.
 */
export function balancedEnd(bytes: Uint8Array, i: number): number {
  let depth = 0
  for (; i < bytes.length; i++) {
    const c = bytes[i]
    if (c === 0x22) {
      for (i++; i < bytes.length && bytes[i] !== 0x22; i++) if (bytes[i] === 0x5c) i++
      if (depth === 0) return Math.min(i + 1, bytes.length)
    } else if (c === 0x7b || c === 0x5b) {
      depth++
    } else if (c === 0x7d || c === 0x5d) {
      if (--depth <= 0) return depth < 0 ? i : i + 1
    } else if (depth === 0 && c === 0x2c) {
      return i
    }
  }
  return -1
}

const utf8 = new TextDecoder()

/** The bytes of a span as text. */
export function textOf(bytes: Uint8Array, span: Span): string {
  return utf8.decode(bytes.subarray(span.start, span.end))
}

/** What the JSON string at the span says (quotes included in the span); undefined when the value is no string. The span must be valid JSON. */
export function stringOf(bytes: Uint8Array, span: Span | undefined): string | undefined {
  if (span === undefined || bytes[span.start] !== 0x22) return undefined
  const inner = textOf(bytes, { start: span.start + 1, end: span.end - 1 })
  if (!inner.includes('\\')) return inner
  const value: unknown = JSON.parse(`"${inner}"`)
  return typeof value === 'string' ? value : undefined
}

/** Any JSON value of a validated span. */
export function parsed(bytes: Uint8Array, span: Span | undefined): unknown {
  return span === undefined ? undefined : JSON.parse(textOf(bytes, span))
}

/** One member of an object: its decoded name and the spans of name and value. */
export interface Member {
  readonly name: string
  readonly key: Span
  readonly value: Span
}

/** The members of the object at `i`, in order, duplicates included; null (see {@link fault}) when it is broken or no object. */
export function membersOf(bytes: Uint8Array, i: number): Member[] | null {
  const members: Member[] = []
  if (bytes[i] !== 0x7b) {
    fail(bytes, i, 'not-an-object')
    return null
  }
  i = skipSpace(bytes, i + 1)
  if (bytes[i] === 0x7d) return members
  for (;;) {
    if (bytes[i] !== 0x22) break
    const keyEnd = stringEnd(bytes, i)
    if (keyEnd < 0) return null
    const key = { start: i, end: keyEnd }
    i = skipSpace(bytes, keyEnd)
    if (bytes[i] !== 0x3a) break
    i = skipSpace(bytes, i + 1)
    const end = valueEnd(bytes, i)
    if (end < 0) return null
    members.push({ name: stringOf(bytes, key) ?? '', key, value: { start: i, end } })
    i = skipSpace(bytes, end)
    if (bytes[i] === 0x7d) return members
    if (bytes[i] !== 0x2c) break
    i = skipSpace(bytes, i + 1)
  }
  fail(bytes, i, 'not-json')
  return null
}

/** Members by name, the last of equal names counting, as JSON parsers do. A Map, so no name is special. */
export function memberMap(bytes: Uint8Array, span: Span | undefined): Map<string, Span> {
  if (span === undefined || bytes[span.start] !== 0x7b) return new Map()
  return new Map((membersOf(bytes, span.start) ?? []).map(({ name, value }) => [name, value]))
}

/** The elements of the array at the span; empty when it is broken or no array. */
export function elementsOf(bytes: Uint8Array, span: Span | undefined): Span[] {
  const elements: Span[] = []
  if (span === undefined || bytes[span.start] !== 0x5b) return elements
  let i = skipSpace(bytes, span.start + 1)
  while (i < span.end && bytes[i] !== 0x5d) {
    const end = valueEnd(bytes, i)
    if (end < 0) return elements
    elements.push({ start: i, end })
    i = skipSpace(bytes, end)
    if (bytes[i] === 0x2c) i = skipSpace(bytes, i + 1)
  }
  return elements
}
