/**
 * Necessary literals of osregex. A literal byte of the pattern is always consumed, and neighbours are consumed side by
 * side; tokens of one byte count as literals too. But at the end of the subject the scanner accepts with tokens left
 * over (engine.md 6.4), never with literals; so what stands behind the last literal is left out. And where a token may
 * take over from a token, `looping` can be up where nothing loops: then tokens are passed over without a byte, yet
 * literals never are.
 */
import type { Needs } from './contract.ts'
import { takeOvers } from './osregex-code.ts'
import {
  kindLiteral,
  kindParen,
  kindToken,
  type OsregexAlternative,
  type OsregexSyntax,
  quantifierNone,
  quantifierPlus,
  tokenLetters,
} from './osregex-syntax.ts'

/** Bytes that many texts hold, so that looking for them tells little. */
const common = /[ a-z0-9:.,/="'()[\]_-]/g

function rareBytes(run: string): number {
  return run.length - (run.match(common)?.length ?? 0)
}

function isBetter(run: string, best: string): boolean {
  return run.length > best.length || (run.length === best.length && rareBytes(run) > rareBytes(best))
}

/** The longest necessary literal of each alternative, among equally long ones a rare one; null when an alternative has none. */
export function osregexNeeds(syntax: OsregexSyntax): Needs | null {
  const anyOf: string[] = []
  for (const alternative of syntax.alternatives) {
    const best = runsOf(alternative).reduce((known, run) => (isBetter(run, known) ? run : known), '')
    if (best === '') return null
    anyOf.push(best)
  }
  const each = [...new Set(anyOf)]
  // One that holds another says nothing more.
  return { anyOf: each.filter((text) => !each.some((other) => other !== text && text.includes(other))), fold: true }
}

/** The literal that each alternative must begin with at the subject's start; null when one need not. */
export function osregexPrefixes(syntax: OsregexSyntax): Needs | null {
  const anyOf: string[] = []
  for (const alternative of syntax.alternatives) {
    const first = alternative.anchoredStart ? leadingRun(alternative) : ''
    if (first === '') return null
    anyOf.push(first)
  }
  return { anyOf: [...new Set(anyOf)], fold: true }
}

function leadingRun(alternative: OsregexAlternative): string {
  const { kinds } = alternative
  const [first] = runsOf(alternative, true)
  if (first === undefined) return ''
  const start = kinds[0] === kindParen ? 1 : 0
  return kinds[start] === kindLiteral || byteOfToken(alternative, start) !== '' ? first : ''
}

/** The byte of a token that fits one byte only, or ''. */
function byteOfToken({ kinds, values }: OsregexAlternative, p: number): string {
  if (kinds[p] !== kindToken) return ''
  const letter = tokenLetters[values[p] ?? 0] ?? ''
  if (letter === 's') return ' '
  if (letter === 't') return '\t'
  return '()\\$|<'.includes(letter) && letter !== '' ? letter : ''
}

/** Runs of bytes that every match consumes one behind the other, folded. */
function runsOf(alternative: OsregexAlternative, onlyLeading = false): readonly string[] {
  const { kinds, quantifiers, values } = alternative
  const loose = takeOvers(alternative) === 'tokens'
  const limit = loose ? looseEnd(alternative) : firmEnd(alternative)
  const runs: string[] = []
  let run = ''
  const flush = (): void => {
    if (run !== '') runs.push(run)
    run = ''
  }
  for (let p = 0; p < limit; ) {
    if (kinds[p] === kindParen) {
      if (kinds[p + 1] === kindParen) break
      p++
    } else if (kinds[p] === kindToken) {
      const byte = byteOfToken(alternative, p)
      const quantifier = quantifiers[p] ?? quantifierNone
      if (quantifier === quantifierNone && byte !== '' && !loose) run += byte
      else if (quantifier === quantifierPlus && byte !== '' && !loose) {
        run += byte
        flush()
        if (onlyLeading) break
        run = byte
      } else {
        flush()
        if (onlyLeading) break
      }
      p += quantifier === quantifierNone ? 2 : 3
    } else {
      run += String.fromCharCode(values[p] ?? 0)
      p++
    }
  }
  flush()
  return runs
}

/**
 * Where the literals end that every match consumes when `looping` can be up anywhere: behind the last one, unless it is all that stands behind a last
 * token without a quantifier, for the scan takes that for the quantifier and passes over both.
 */
export function looseEnd({ text, kinds, quantifiers }: OsregexAlternative): number {
  const end = text.length
  const isTakenForQuantifier =
    kinds[end - 1] === kindLiteral && kinds[end - 3] === kindToken && quantifiers[end - 3] === quantifierNone
  return kinds.lastIndexOf(kindLiteral) + (isTakenForQuantifier ? 0 : 1)
}

/** Where the items end that every match consumes: behind the last literal, or nowhere before the end without loops. */
export function firmEnd({ text, kinds, quantifiers }: OsregexAlternative): number {
  return quantifiers.some((quantifier) => quantifier !== quantifierNone)
    ? kinds.lastIndexOf(kindLiteral) + 1
    : text.length
}
