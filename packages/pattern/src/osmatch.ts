/**
 * osmatch (engine.md 6.2): alternatives of plain text, ASCII case ignored, anchored by a leading `^` and a trailing
 * `$`; a leading `!` negates the whole. Nothing is an error but too great a length.
 */
import { type Compiled, type Needs, noMatch, type Pattern, patternError, patternLengthMax } from './contract.ts'
import { foldAscii, foldedSource, foldedSubject, isAscii } from './fold.ts'

type Place = 'anywhere' | 'start' | 'end' | 'whole'

interface Alternative {
  readonly place: Place
  /** Folded. Empty only for the equality with nothing (`^$`). */
  readonly text: string
}

const cache = new Map<string, Compiled>()

/** Compiles an osmatch expression. */
export function compileOsmatch(source: string): Compiled {
  let compiled = cache.get(source)
  if (compiled === undefined) {
    compiled = build(source)
    cache.set(source, compiled)
  }
  return compiled
}

function build(source: string): Compiled {
  if (source.length > patternLengthMax)
    return patternError(`osmatch longer than ${patternLengthMax} bytes`, patternLengthMax)
  const negated = source.startsWith('!')
  const alternatives = parse(negated ? source.slice(1) : source)
  const test = tester(alternatives, negated)
  const useful = !negated && alternatives !== null && alternatives.every((alternative) => alternative.text !== '')
  const texts: Needs | null = useful ? { anyOf: alternatives.map((alternative) => alternative.text), fold: true } : null
  const atStart = useful && alternatives.every(({ place }) => place === 'start' || place === 'whole')
  const end = (subject: string): number => (test(subject) ? 0 : noMatch)
  const pattern: Pattern = {
    dialect: 'osmatch',
    source,
    groupCount: 0,
    test,
    end,
    exec(subject, groups) {
      groups.length = 0
      return end(subject)
    },
    needs: texts,
    prefixes: atStart ? texts : null,
    cost: 'linear',
    hazard: null,
  }
  return { pattern }
}

/** The alternatives, or null when one of them is always true. */
function parse(source: string): readonly Alternative[] | null {
  const alternatives: Alternative[] = []
  for (const piece of source.split('|')) {
    const start = piece.startsWith('^')
    const end = piece.endsWith('$')
    const text = foldAscii(piece.slice(start ? 1 : 0, end ? -1 : undefined))
    if (text === '' && !(start && end)) return null
    alternatives.push({ place: start ? (end ? 'whole' : 'start') : end ? 'end' : 'anywhere', text })
  }
  return alternatives
}

function tester(alternatives: readonly Alternative[] | null, negated: boolean): (subject: string) => boolean {
  if (alternatives === null) return () => !negated
  if (!alternatives.every((alternative) => isAscii(alternative.text))) {
    const expression = new RegExp(alternatives.map(expressionSource).join('|'))
    return (subject) => expression.test(subject) !== negated
  }
  const starts = alternatives.filter(({ place }) => place === 'start').map(({ text }) => text)
  const inner = alternatives.filter(({ place }) => place === 'anywhere').map(({ text }) => text)
  const rest = alternatives.filter(({ place }) => place === 'end' || place === 'whole')
  const shortest = Math.min(...alternatives.map(({ text }) => text.length))
  return (subject) => {
    if (subject.length < shortest) return negated
    const folded = foldedSubject(subject)
    for (const text of starts) if (folded.startsWith(text)) return !negated
    for (const text of inner) if (folded.includes(text)) return !negated
    for (const { place, text } of rest) {
      if (place === 'whole' ? folded === text : folded.endsWith(text)) return !negated
    }
    return negated
  }
}

function expressionSource({ place, text }: Alternative): string {
  const start = place === 'start' || place === 'whole' ? '^' : ''
  const end = place === 'end' || place === 'whole' ? '$' : ''
  return start + foldedSource(text) + end
}
