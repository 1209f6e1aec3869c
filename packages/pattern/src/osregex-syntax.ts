/**
 * Syntax of osregex (engine.md 6.3): source text in, alternatives out, each laid out by byte position because the
 * matching procedure (6.4) counts positions in the pattern's own text.
 */
import { type PatternError, patternLengthMax } from './contract.ts'

/** What stands at a position of an alternative. */
export const kindLiteral = 0
export const kindToken = 1
export const kindParen = 2
export const kindEnd = 3
/** The second byte of a token, or its quantifier. */
export const kindInside = 4

/** Quantifier of a token. */
export const quantifierNone = 0
export const quantifierPlus = 1
export const quantifierStar = 2

/** One alternative without its anchors. Arrays have one entry per byte of `text`, and some behind it that say "end". */
export interface OsregexAlternative {
  readonly text: string
  readonly anchoredStart: boolean
  readonly anchoredEnd: boolean
  /** `kind*` at each position. The second byte of a token and its quantifier are never asked for. */
  readonly kinds: Uint8Array
  /** Quantifier of the token at each position. */
  readonly quantifiers: Uint8Array
  /** Number of the token's class in `classTables`, or the folded byte of a literal; a parenthesis: that of `(`. */
  readonly values: Uint8Array
  /** Running number of the parenthesis at each position, from 0. */
  readonly parens: Uint8Array | Uint16Array
  readonly parenCount: number
}

/** A whole parsed pattern. */
export interface OsregexSyntax {
  readonly alternatives: readonly OsregexAlternative[]
  readonly groupCount: number
}

/** ASCII lower case of each byte. */
export const foldTable: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte,
)

const punctuation = '!"#$%&\'()*+,-.:;<=>?[]{|}'
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
const isWord = (byte: number): boolean =>
  isDigit(byte) ||
  (byte >= 0x41 && byte <= 0x5a) ||
  (byte >= 0x61 && byte <= 0x7a) ||
  byte === 0x2d ||
  byte === 0x40 ||
  byte === 0x5f

/** The letters that make a token, each with the bytes that it fits. */
const tokenFits: Readonly<Record<string, (byte: number) => boolean>> = {
  d: isDigit,
  w: isWord,
  s: (byte) => byte === 0x20,
  p: (byte) => punctuation.includes(String.fromCharCode(byte)),
  t: (byte) => byte === 0x09,
  '.': () => true,
  D: (byte) => !isDigit(byte),
  W: (byte) => !isWord(byte),
  S: (byte) => byte !== 0x20,
  '(': (byte) => byte === 0x28,
  ')': (byte) => byte === 0x29,
  '\\': (byte) => byte === 0x5c,
  $: (byte) => byte === 0x24,
  '|': (byte) => byte === 0x7c,
  '<': (byte) => byte === 0x3c,
}

/** The token letters; a token's class number is its place here. */
export const tokenLetters: readonly string[] = Object.keys(tokenFits)

/** For each class 256 entries: 1 where the byte fits. */
export const classTables: readonly Uint8Array[] = Object.values(tokenFits).map((fits) =>
  Uint8Array.from({ length: 256 }, (_, byte) => (fits(byte) ? 1 : 0)),
)

/** Parses an osregex. Errors carry the byte offset in `source`. */
export function parseOsregex(source: string): OsregexSyntax | { readonly error: PatternError } {
  if (source.length > patternLengthMax) {
    return { error: { message: `osregex longer than ${patternLengthMax} bytes`, offset: patternLengthMax } }
  }
  const pieces = splitAlternatives(source)
  if ('error' in pieces) return pieces
  let groupCount = 0
  const alternatives = pieces.ranges.map(([from, to]) => {
    const alternative = layOut(source, from, to)
    groupCount += alternative.parenCount >> 1
    return alternative
  })
  return { alternatives, groupCount }
}

/** Finds the alternatives, and every error there can be. */
function splitAlternatives(
  source: string,
): { readonly ranges: readonly (readonly [number, number])[] } | { readonly error: PatternError } {
  const ranges: [number, number][] = []
  let start = 0
  let openedAt = -1
  for (let at = 0; at < source.length; at++) {
    const character = source[at]
    if (character === '\\') {
      const letter = source[at + 1]
      if (letter === undefined) return { error: { message: 'osregex ends in a single backslash', offset: at } }
      if (!Object.hasOwn(tokenFits, letter)) {
        return { error: { message: `\\${letter} is not a token of osregex`, offset: at } }
      }
      at++
    } else if (character === '(') {
      if (openedAt >= 0) return { error: { message: 'groups do not nest in osregex', offset: at } }
      openedAt = at
    } else if (character === ')') {
      if (openedAt < 0) return { error: { message: 'closing parenthesis without an opening one', offset: at } }
      openedAt = -1
    } else if (character === '|') {
      if (openedAt >= 0) return { error: { message: 'no alternatives inside a group in osregex', offset: at } }
      ranges.push([start, at])
      start = at + 1
    }
  }
  if (openedAt >= 0) return { error: { message: 'opening parenthesis without a closing one', offset: openedAt } }
  ranges.push([start, source.length])
  return { ranges }
}

function layOut(source: string, from: number, to: number): OsregexAlternative {
  const anchoredStart = from < to && source[from] === '^'
  const start = anchoredStart ? from + 1 : from
  const anchoredEnd = start < to && source[to - 1] === '$' && !isEscaped(source, start, to - 1)
  const text = source.slice(start, anchoredEnd ? to - 1 : to)
  const size = text.length + 4
  const kinds = new Uint8Array(size).fill(kindInside, 0, text.length).fill(kindEnd, text.length)
  const quantifiers = new Uint8Array(size)
  const values = new Uint8Array(size)
  const parens = new Uint16Array(size)
  let parenCount = 0
  for (let at = 0; at < text.length; at++) {
    const character = text[at]
    if (character === '\\') {
      kinds[at] = kindToken
      values[at] = tokenLetters.indexOf(text[at + 1] ?? '')
      const after = text[at + 2]
      const quantifier = after === '+' ? quantifierPlus : after === '*' ? quantifierStar : quantifierNone
      quantifiers[at] = quantifier
      at += quantifier === quantifierNone ? 1 : 2
    } else if (character === '(' || character === ')') {
      kinds[at] = kindParen
      values[at] = 0x28
      parens[at] = parenCount++
    } else {
      kinds[at] = kindLiteral
      values[at] = foldTable[text.charCodeAt(at)] ?? 0
    }
  }
  return { text, anchoredStart, anchoredEnd, kinds, quantifiers, values, parens, parenCount }
}

/** Is the character at `at` the second half of a backslash pair, reading from `start`? */
function isEscaped(source: string, start: number, at: number): boolean {
  let position = start
  while (position < at) position += source[position] === '\\' ? 2 : 1
  return position > at
}
