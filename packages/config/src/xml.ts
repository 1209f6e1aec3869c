/**
 * The XML dialect of OSSEC and Wazuh files (spec: engine, part 4.1): several roots, no entities, bare `&` and `>`, `\<` as content, two comment
 * forms. In goes a file's text (latin1: one code unit per byte), out come its elements with their places, or the first mistake.
 */
import type { Problem, SourceSpan } from '@dogwatch/schema'

export interface XmlAttribute {
  readonly name: string
  readonly value: string
  /** Byte offset of the name in the file. */
  readonly offset: number
}

export interface XmlElement {
  readonly name: string
  readonly attributes: readonly XmlAttribute[]
  readonly children: readonly XmlElement[]
  /** Verbatim text; where there are children, only what follows the last one. */
  readonly content: string
  /** Byte offset of the opening `<`. */
  readonly offset: number
}

export interface XmlFile {
  readonly path: string
  readonly text: string
  readonly roots: readonly XmlElement[]
}

/** Longest element content or attribute value, in bytes (spec: engine, part 4.1). */
export const xmlValueLengthMax = 20_480
/** Deepest nesting of elements. */
export const xmlDepthMax = 1024
/** Most attributes of one tag. */
export const xmlAttributesMax = 48

class Malformed extends Error {
  readonly offset: number
  constructor(offset: number, message: string) {
    super(message)
    this.offset = offset
  }
}

/** Reads a whole file. A file that is not well formed in this dialect gives one problem, at the place where reading stopped. */
export function readXml(path: string, text: string): { readonly file: XmlFile } | { readonly problem: Problem } {
  try {
    return { file: { path, text, roots: new Reader(text).roots() } }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    return { problem: problemAt({ path, text }, error.offset, 'error', 'XML_MALFORMED', error.message) }
  }
}

/** Where lines begin, for each file object that was asked about: a ruleset may have many problems, and places are looked up for rules too. */
const lineStarts = new WeakMap<object, readonly number[]>()

function lineStartsOf(file: Pick<XmlFile, 'text'>): readonly number[] {
  const known = lineStarts.get(file)
  if (known !== undefined) return known
  const starts = [0]
  for (let at = file.text.indexOf('\n'); at !== -1; at = file.text.indexOf('\n', at + 1)) starts.push(at + 1)
  lineStarts.set(file, starts)
  return starts
}

/** Line and column (from 1, in bytes) of a byte offset. */
export function spanAt(file: Pick<XmlFile, 'path' | 'text'>, offset: number): SourceSpan {
  const starts = lineStartsOf(file)
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return { file: file.path, line: low + 1, column: offset - (starts[low] ?? 0) + 1 }
}

/** A problem at a byte offset of a file, with the line it stands on. */
export function problemAt(
  file: Pick<XmlFile, 'path' | 'text'>,
  offset: number,
  severity: Problem['severity'],
  code: string,
  message: string,
): Problem {
  const at = spanAt(file, offset)
  const start = offset - at.column + 1
  const end = file.text.indexOf('\n', offset)
  return { severity, code, at, message, lineText: file.text.slice(start, end === -1 ? undefined : end) }
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  roots(): XmlElement[] {
    const roots: XmlElement[] = []
    for (;;) {
      const open = this.#text.indexOf('<', this.#at)
      if (open === -1) return roots
      this.#at = open
      if (this.#skipComment()) continue
      if (this.#text.charCodeAt(open + 1) === 47 /* / */)
        throw new Malformed(open, 'a closing tag without its opening tag')
      roots.push(this.#element(1))
    }
  }

  /** At `<`: skips a comment, of either form with either ending, and says whether there was one. */
  #skipComment(): boolean {
    const text = this.#text
    const open = this.#at
    if (text.charCodeAt(open + 1) !== 33 /* ! */) return false
    for (let at = open + 2; ; at++) {
      at = text.indexOf('>', at)
      if (at === -1) throw new Malformed(open, 'the comment that begins here is never closed')
      if (text.charCodeAt(at - 1) === 33 ? at - 1 > open + 1 : text.startsWith('--', at - 2) && at - 2 > open + 1) {
        this.#at = at + 1
        return true
      }
    }
  }

  #element(depth: number): XmlElement {
    if (depth > xmlDepthMax) throw new Malformed(this.#at, `elements are nested deeper than ${xmlDepthMax}`)
    const offset = this.#at
    const name = this.#name(offset + 1)
    const attributes: XmlAttribute[] = []
    if (this.#attributes(attributes, name)) return { name, attributes, children: [], content: '', offset }
    const children: XmlElement[] = []
    return { name, attributes, children, content: this.#content(name, offset, children, depth), offset }
  }

  #name(from: number): string {
    const text = this.#text
    let at = from
    for (; at < text.length; at++) {
      const c = text.charCodeAt(at)
      if (isBlank(c) || c === 62 /* > */ || (c === 47 && text.charCodeAt(at + 1) === 62)) break
      if (c === 60 /* < */) throw new Malformed(at, 'a `<` inside a tag; write `\\<` for a literal one')
      if (at - from > 255) throw new Malformed(from, 'an element name of more than 255 bytes')
    }
    if (at === from) throw new Malformed(from - 1, 'a `<` that begins no tag; write `\\<` for a literal one')
    this.#at = at
    return text.slice(from, at)
  }

  /** Behind the element's name: reads attributes up to `>`; true when the tag closes itself. */
  #attributes(into: XmlAttribute[], element: string): boolean {
    const text = this.#text
    for (;;) {
      while (isBlank(text.charCodeAt(this.#at))) this.#at++
      const c = text.charCodeAt(this.#at)
      if (c === 62) {
        this.#at++
        return false
      }
      if (c === 47 && text.charCodeAt(this.#at + 1) === 62) {
        this.#at += 2
        return true
      }
      if (this.#at >= text.length) throw new Malformed(text.length, `the tag <${element}> is never closed`)
      const offset = this.#at
      const equals = text.indexOf('=', offset)
      const name = text.slice(offset, equals === -1 ? offset + 64 : Math.min(equals, offset + 256))
      if (equals === -1 || name === '' || /[\s<>"'/]/.test(name)) {
        throw new Malformed(
          offset,
          `in <${element}>: an attribute must be written name="value", without a blank before =`,
        )
      }
      let quoteAt = equals + 1
      while (isBlank(text.charCodeAt(quoteAt))) quoteAt++
      const quote = text[quoteAt]
      if (quote !== '"' && quote !== "'") throw new Malformed(offset, `the value of ${name}= needs quotes`)
      const end = text.indexOf(quote, quoteAt + 1)
      if (end === -1) throw new Malformed(quoteAt, `the value of ${name}= is never closed`)
      if (end - quoteAt - 1 > xmlValueLengthMax)
        throw new Malformed(quoteAt, `a value of more than ${xmlValueLengthMax} bytes`)
      if (into.some((a) => a.name === name)) throw new Malformed(offset, `${name}= stands twice in one tag`)
      if (into.length === xmlAttributesMax) throw new Malformed(offset, `more than ${xmlAttributesMax} attributes`)
      into.push({ name, value: text.slice(quoteAt + 1, end), offset })
      this.#at = end + 1
    }
  }

  #content(name: string, offset: number, children: XmlElement[], depth: number): string {
    const text = this.#text
    let content = ''
    let from = this.#at
    for (;;) {
      const open = this.#nextTag(from)
      if (open === -1) throw new Malformed(offset, `<${name}> is never closed`)
      const piece = text.slice(from, open)
      if (content.length + piece.length > xmlValueLengthMax) {
        throw new Malformed(from, `the content of <${name}> has more than ${xmlValueLengthMax} bytes`)
      }
      content += piece
      this.#at = open
      const next = text.charCodeAt(open + 1)
      if (next === 33) this.#skipComment()
      else if (next === 47) {
        const end = text.indexOf('>', open)
        const closing = text.slice(open + 2, end === -1 ? open + 66 : Math.min(end, open + 258))
        if (end === -1 || closing !== name)
          throw new Malformed(open, `</${closing}> closes nothing; </${name}> is expected`)
        this.#at = end + 1
        return content
      } else {
        children.push(this.#element(depth + 1))
        content = ''
      }
      from = this.#at
    }
  }

  /** The next `<` that begins a tag: not one behind an odd number of backslashes. */
  #nextTag(from: number): number {
    const text = this.#text
    for (let at = text.indexOf('<', from); at !== -1; at = text.indexOf('<', at + 1)) {
      let slashes = 0
      while (at - slashes > from && text.charCodeAt(at - slashes - 1) === 92) slashes++
      if (slashes % 2 === 0) return at
    }
    return -1
  }
}

function isBlank(c: number): boolean {
  return c === 32 || (c >= 9 && c <= 13)
}
