/**
 * JSON as the reference's library reads and prints it (spec: engine, parts 7.1, 13.4): order and duplicate keys kept, control characters inside strings
 * accepted, text behind a complete value left alone. Texts are latin1 strings that hold UTF-8 bytes.
 */
import { arrayNumber } from './json-number.ts'
import { jsonText } from './json-text.ts'

export type JsonValue =
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'number'; readonly value: number; readonly literal: string }
  | { readonly kind: 'literal'; readonly text: 'true' | 'false' | 'null' }
  | { readonly kind: 'array'; readonly items: readonly JsonValue[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [string, JsonValue])[] }

/** Deepest nesting that is read. */
export const jsonDepthMax = 1000

const escapes: Readonly<Record<string, string>> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  '\\': '\\',
  '/': '/',
}

/** Reads one value from a position; `at` then stands behind it. `failed` is set, and null returned, when there is none. */
export class JsonReader {
  readonly text: string
  at: number
  failed = false

  constructor(text: string, at = 0) {
    this.text = text
    this.at = at
  }

  blanks(): void {
    while (this.at < this.text.length && this.text.charCodeAt(this.at) <= 32) this.at++
  }

  value(depth = 0): JsonValue | null {
    const c = this.text.charCodeAt(this.at)
    if (c === 34) {
      const text = this.string()
      return text === null ? null : { kind: 'string', text }
    }
    if (c === 123) return this.#object(depth + 1)
    if (c === 91) return this.#array(depth + 1)
    if (c === 45 || (c >= 48 && c <= 57)) return this.number()
    for (const literal of ['true', 'false', 'null'] as const) {
      if (this.text.startsWith(literal, this.at)) {
        this.at += literal.length
        return { kind: 'literal', text: literal }
      }
    }
    return this.#fail()
  }

  /** At a quote: the string's text with escapes decoded; null when it is broken. A NUL ends the text, as it does in the reference. */
  string(): string | null {
    const { text } = this
    let from = this.at + 1
    let out = ''
    let quote = -1
    for (;;) {
      // The same one until an escape has passed it: looking for it behind each escape would take the square of the text's length.
      if (quote < from) quote = text.indexOf('"', from)
      if (quote === -1) return this.#fail()
      const slash = text.slice(from, quote).indexOf('\\')
      if (slash === -1) {
        this.at = quote + 1
        out = out === '' ? text.slice(from, quote) : out + text.slice(from, quote)
        const nul = out.indexOf('\0')
        return nul === -1 ? out : out.slice(0, nul)
      }
      out += text.slice(from, from + slash)
      const start = from + slash
      this.at = start
      const piece = this.#escape()
      if (piece === null || (piece === '\0' && !this.#passRest(start))) return this.#fail()
      if (piece === '\0') return out.includes('\0') ? out.slice(0, out.indexOf('\0')) : out
      out += piece
      from = this.at
    }
  }

  /**
   * Behind an escape that stands for NUL, where it began: passes over the rest of the string, which nobody sees but which must still be sound. The closing
   * quote is the first that no backslash takes along, as the reference looks for it beforehand; an escape whose six bytes reach over it is broken.
   */
  #passRest(start: number): boolean {
    const { text } = this
    let quote = start
    while (quote < text.length && text.charCodeAt(quote) !== 34) quote += text.charCodeAt(quote) === 92 ? 2 : 1
    if (quote >= text.length || this.at > quote) return false
    while (this.at < quote) {
      if (text.charCodeAt(this.at) !== 92) {
        this.at++
        continue
      }
      const isUnicode = text.charCodeAt(this.at + 1) === 117
      if (this.#escape() === null || (isUnicode && this.at > quote)) return false
    }
    this.at = quote + 1
    return true
  }

  /**
   * At a backslash: what the escape stands for, as UTF-8 bytes. Without four hexadecimal digits `\u` stands for NUL, as in the reference, and takes its six
   * bytes all the same; a letter that means nothing and half a surrogate pair break the string.
   */
  #escape(): string | null {
    const letter = this.text[this.at + 1]
    if (letter === undefined) return null
    if (letter !== 'u') {
      this.at += 2
      return escapes[letter] ?? null
    }
    const first = this.#hex(this.at + 2)
    this.at += 6
    if (first < 0) return '\0'
    if (first >= 0xdc00 && first <= 0xdfff) return null
    if (first < 0xd800 || first > 0xdbff) return utf8(first)
    if (!this.text.startsWith('\\u', this.at)) return null
    const second = this.#hex(this.at + 2)
    if (second < 0xdc00 || second > 0xdfff) return null
    this.at += 6
    return utf8(0x10000 + ((first & 0x3ff) << 10) + (second & 0x3ff))
  }

  #hex(at: number): number {
    const digits = this.text.slice(at, at + 4)
    return /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : -1
  }

  /** At a digit or minus: takes what C's strtod takes of the number's characters. */
  number(): JsonValue | null {
    numberShape.lastIndex = this.at
    const match = numberShape.exec(this.text)
    if (match === null) return this.#fail()
    this.at += match[0].length
    return { kind: 'number', value: Number(match[0]), literal: match[0] }
  }

  #array(depth: number): JsonValue | null {
    if (depth > jsonDepthMax) return this.#fail()
    const items: JsonValue[] = []
    this.at++
    this.blanks()
    if (this.text.charCodeAt(this.at) === 93) {
      this.at++
      return { kind: 'array', items }
    }
    for (;;) {
      this.blanks()
      const item = this.value(depth)
      if (item === null) return null
      items.push(item)
      this.blanks()
      const c = this.text.charCodeAt(this.at++)
      if (c === 93) return { kind: 'array', items }
      if (c !== 44) return this.#fail()
    }
  }

  #object(depth: number): JsonValue | null {
    if (depth > jsonDepthMax) return this.#fail()
    const members: [string, JsonValue][] = []
    this.at++
    this.blanks()
    if (this.text.charCodeAt(this.at) === 125) {
      this.at++
      return { kind: 'object', members }
    }
    for (;;) {
      this.blanks()
      if (this.text.charCodeAt(this.at) !== 34) return this.#fail()
      const key = this.string()
      if (key === null) return null
      this.blanks()
      if (this.text.charCodeAt(this.at++) !== 58) return this.#fail()
      this.blanks()
      const value = this.value(depth)
      if (value === null) return null
      members.push([key, value])
      this.blanks()
      const c = this.text.charCodeAt(this.at++)
      if (c === 125) return { kind: 'object', members }
      if (c !== 44) return this.#fail()
    }
  }

  #fail(): null {
    this.failed = true
    return null
  }
}

const numberShape = /-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y

/** UTF-8 bytes of a code point, one code unit each; NUL cuts the string, so it stays a NUL for the reader to see. */
function utf8(code: number): string {
  if (code < 0x80) return String.fromCharCode(code)
  if (code < 0x800) return String.fromCharCode(0xc0 | (code >> 6), 0x80 | (code & 63))
  if (code < 0x10000) return String.fromCharCode(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63))
  return String.fromCharCode(
    0xf0 | (code >> 18),
    0x80 | ((code >> 12) & 63),
    0x80 | ((code >> 6) & 63),
    0x80 | (code & 63),
  )
}

/** One line, no blanks. */
export function printCompact(value: JsonValue): string {
  switch (value.kind) {
    case 'string':
      return jsonText(value.text)
    case 'number':
      return arrayNumber(value.value)
    case 'literal':
      return value.text
    case 'array':
      return `[${value.items.map(printCompact).join(',')}]`
    case 'object':
      return `{${value.members.map(([key, member]) => `${jsonText(key)}:${printCompact(member)}`).join(',')}}`
  }
}

/** With formatting: items separated by comma and blank, members a line each behind tabs. */
export function printFormatted(value: JsonValue, depth = 0): string {
  switch (value.kind) {
    case 'array':
      return `[${value.items.map((item) => printFormatted(item, depth + 1)).join(', ')}]`
    case 'object': {
      const indent = '\t'.repeat(depth + 1)
      const lines = value.members.map(
        ([key, member], n) =>
          `${indent}${jsonText(key)}:\t${printFormatted(member, depth + 1)}${n + 1 < value.members.length ? ',' : ''}\n`,
      )
      return `{\n${lines.join('')}${'\t'.repeat(depth)}}`
    }
    default:
      return printCompact(value)
  }
}

/** JSON of a field's value in an alert: a text that is a whole JSON array is that array, all else a string (spec: engine, part 13.4). */
export function fieldJson(text: string): string {
  if (text.charCodeAt(0) === 91) {
    const reader = new JsonReader(text)
    const value = reader.value()
    reader.blanks()
    if (value !== null && reader.at === text.length) return printCompact(value)
  }
  return jsonText(text)
}
