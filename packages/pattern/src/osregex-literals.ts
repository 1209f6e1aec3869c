/**
 * Necessary literals of osregex. A literal byte of the pattern is always consumed, and neighbours are consumed side by
 * side; tokens of one byte count as literals too. But at the end of the subject the scanner accepts with tokens left
 * over (engine.md 6.4), never with literals; so what stands behind the last literal is left out. And where a token may
 * take over from a token it can even end before the last items.
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

/** The longest necessary literal of each alternative; null when one has none. */
export function osregexNeeds(syntax: OsregexSyntax): Needs | null {
  const anyOf: string[] = []
  for (const alternative of syntax.alternatives) {
    const best = runsOf(alternative).reduce((longest, run) => (run.length > longest.length ? run : longest), '')
    if (best === '') return null
    anyOf.push(best)
  }
  return { anyOf: [...new Set(anyOf)], fold: true }
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
  // What a match may leave out at its end when a token took over from a token.
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

/** Where the items end that every match consumes: behind the last literal, or nowhere before the end without loops. */
function firmEnd({ text, kinds, quantifiers }: OsregexAlternative): number {
  return quantifiers.some((quantifier) => quantifier !== quantifierNone)
    ? kinds.lastIndexOf(kindLiteral) + 1
    : text.length
}

/** Where the items begin that a match may leave out: the last two, and all quantified ones before those. */
function looseEnd({ text, kinds, quantifiers }: OsregexAlternative): number {
  const starts: number[] = []
  for (let p = 0; p < text.length; ) {
    starts.push(p)
    p += kinds[p] === kindToken ? (quantifiers[p] === quantifierNone ? 2 : 3) : 1
  }
  let at = starts.length - 2
  while (at > 0 && kinds[starts[at - 1] ?? 0] !== kindLiteral) at--
  return starts[Math.max(at, 0)] ?? 0
}
