/**
 * A text that grows at its end, as bytes. Putting pieces together as strings and turning the whole into bytes afterwards costs about as much again as each
 * piece; a short flat string written at once is cheap.
 */
import { jsonText, needsEscape } from './json-text.ts'
import './latin1.ts'

const quote = 34
const backslash = 92
/** Runs up to this length are copied byte by byte; a longer one is worth the view that `set` needs. */
const loopLengthMax = 64
/** Strings up to this length are written code unit by code unit, which takes less than a call of native code. */
const shortLengthMax = 24

export class ByteText {
  bytes = Buffer.allocUnsafeSlow(1 << 12)
  byteLength = 0

  /** Room for so many more bytes; `bytes` may be another buffer afterwards. */
  reserve(more: number): void {
    const end = this.byteLength + more
    if (end <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, end))
    this.bytes.copy(larger, 0, 0, this.byteLength)
    this.bytes = larger
  }

  /** Appends a latin1 text, one byte a code unit. */
  text(text: string): void {
    const { length } = text
    this.reserve(length)
    const { bytes } = this
    const to = this.byteLength
    this.byteLength = to + length
    if (length > shortLengthMax) bytes.latin1Write(text, to)
    else for (let n = 0; n < length; n++) bytes[to + n] = text.charCodeAt(n)
  }

  /** Appends a long run of another buffer. */
  append(from: Buffer, start: number, end: number): void {
    this.reserve(end - start)
    from.copy(this.bytes, this.byteLength, start, end)
    this.byteLength += end - start
  }

  /** Appends a run of another buffer. */
  copy(from: Uint8Array, start: number, end: number): void {
    this.reserve(end - start)
    const { bytes } = this
    let to = this.byteLength
    this.byteLength = to + end - start
    if (end - start > loopLengthMax) bytes.set(from.subarray(start, end), to)
    else for (let at = start; at < end; at++) bytes[to++] = from[at] as number
  }

  /** Appends a latin1 text as a JSON string: what `jsonText` gives, without making that text. */
  json(text: string): void {
    if (text.length <= shortLengthMax && this.#shortJson(text)) return
    if (needsEscape(text)) {
      this.#escaped(text)
      return
    }
    this.reserve(text.length + 2)
    const { bytes } = this
    const at = this.byteLength
    bytes[at] = quote
    bytes.latin1Write(text, at + 1)
    bytes[at + 1 + text.length] = quote
    this.byteLength = at + text.length + 2
  }

  /** A short text as a JSON string, if nothing in it is to be escaped; else nothing is appended. */
  #shortJson(text: string): boolean {
    const { length } = text
    this.reserve(length + 2)
    const { bytes } = this
    let to = this.byteLength
    bytes[to++] = quote
    for (let n = 0; n < length; n++) {
      const c = text.charCodeAt(n)
      if (c < 32 || c === quote || c === backslash) return false
      bytes[to++] = c
    }
    bytes[to++] = quote
    this.byteLength = to
    return true
  }

  /** The text is put where it cannot be overtaken (each byte becomes two at most) and escaped from there. */
  #escaped(text: string): void {
    const { length } = text
    this.reserve(length * 2 + 2)
    const { bytes } = this
    let to = this.byteLength
    bytes[to++] = quote
    const end = to + length * 2
    bytes.latin1Write(text, end - length)
    for (let from = end - length; from < end; from++) {
      const c = bytes[from] as number
      if (c === quote || c === backslash) bytes[to++] = backslash
      else if (c < 32) {
        this.text(jsonText(text))
        return
      }
      bytes[to++] = c
    }
    bytes[to++] = quote
    this.byteLength = to
  }
}
