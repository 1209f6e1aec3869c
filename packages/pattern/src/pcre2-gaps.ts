/**
 * The linear test for the commonest shape of patterns: texts with `.*` or `.+` between them, perhaps anchored, perhaps
 * several such in an alternation. Each text is taken where it ends first, since whatever follows depends on that end
 * alone; so one walk with indexOf answers exactly what the regular expression would, at no more than linear cost.
 */
import { type ByteSet, onlyByte, onlyFolded } from './byte-set.ts'
import { foldedSubject, isAscii } from './fold.ts'
import type { Node } from './pcre2-syntax.ts'

const textsMax = 24

/** At least `min` bytes that may be anything (within the line unless `acrossLines`), then one of `texts`. */
interface Step {
  readonly exact: boolean
  readonly min: number
  readonly texts: readonly string[]
}

interface Walk {
  readonly steps: readonly Step[]
  readonly anchoredStart: boolean
  /** `final`: also before a final newline. */
  readonly anchoredEnd: 'no' | 'final' | 'end'
  /** A gap behind the last text: its smallest length, or -1 for none. */
  readonly tail: number
  readonly acrossLines: boolean
  readonly fold: boolean
}

/** A test that answers as the pattern does; null when the pattern is not of this shape. */
export function gapTest(root: Node): ((subject: string) => boolean) | null {
  const walks: Walk[] = []
  for (const branch of root.type === 'alternation' ? root.items : [root]) {
    const walk = walkOf(branch, false) ?? walkOf(branch, true)
    if (walk === null) return null
    walks.push(walk)
  }
  const [only] = walks
  if (walks.length === 1 && only !== undefined) return testOf(only)
  const tests = walks.map(testOf)
  return (subject) => tests.some((test) => test(subject))
}

function testOf(walk: Walk): (subject: string) => boolean {
  const [only] = walk.steps
  const [text] = only?.texts ?? []
  const plain = walk.steps.length === 1 && only?.texts.length === 1 && only.min === 0 && walk.tail <= 0
  if (plain && text !== undefined && !walk.anchoredStart && walk.anchoredEnd === 'no') {
    return walk.fold ? (subject) => foldedSubject(subject).includes(text) : (subject) => subject.includes(text)
  }
  return (subject) => matches(walk, walk.fold ? foldedSubject(subject) : subject)
}

function matches(walk: Walk, subject: string): boolean {
  const { length } = subject
  if (walk.acrossLines) return matchesWithin(walk, subject, 0, length, true)
  const finalLine = walk.anchoredEnd === 'final' && subject.charCodeAt(length - 1) === 0x0a ? length - 1 : length
  let from = 0
  for (;;) {
    const newline = subject.indexOf('\n', from)
    const to = newline < 0 ? length : newline
    const endHere = to === length || (to === finalLine && walk.anchoredEnd === 'final')
    if ((walk.anchoredEnd === 'no' || endHere) && matchesWithin(walk, subject, from, to, from === 0)) return true
    if (newline < 0 || walk.anchoredStart) return false
    from = newline + 1
  }
}

/** The walk over subject[from, to), which holds whole lines. */
function matchesWithin(walk: Walk, subject: string, from: number, to: number, first: boolean): boolean {
  if (walk.anchoredStart && !first) return false
  let at = from
  const lastStep = walk.anchoredEnd !== 'no' && walk.tail < 0 ? walk.steps.length - 1 : -1
  for (let number = 0; number < walk.steps.length; number++) {
    const step = walk.steps[number]
    if (step === undefined) return false
    if (number === lastStep) return endsWith(walk, step, subject, at, to)
    const end = step.exact ? endAt(step, subject, at, to) : firstEnd(step, subject, at + step.min, to)
    if (end < 0) return false
    at = end
  }
  return walk.tail < 0 || at + walk.tail <= to
}

/** The last text must reach the end of the subject (or stand before its final newline). */
function endsWith(walk: Walk, step: Step, subject: string, at: number, to: number): boolean {
  const ends =
    walk.acrossLines && walk.anchoredEnd === 'final' && subject.charCodeAt(to - 1) === 0x0a ? [to, to - 1] : [to]
  return ends.some((end) =>
    step.texts.some((text) => {
      const start = end - text.length
      return (step.exact ? start === at : start >= at + step.min) && subject.startsWith(text, start)
    }),
  )
}

function endAt(step: Step, subject: string, at: number, to: number): number {
  let best = -1
  for (const text of step.texts) {
    const end = at + text.length
    if (end <= to && (best < 0 || end < best) && subject.startsWith(text, at)) best = end
  }
  return best
}

function firstEnd(step: Step, subject: string, at: number, to: number): number {
  let best = -1
  for (const text of step.texts) {
    const found = subject.indexOf(text, at)
    const end = found + text.length
    if (found >= 0 && end <= to && (best < 0 || end < best)) best = end
  }
  return best
}

/** Reads a branch as texts and gaps; with `fold` letters must be there in both cases. */
function walkOf(branch: Node, fold: boolean): Walk | null {
  const items: Node[] = []
  flatten(branch, items)
  const anchoredStart = items[0]?.type === 'place' && items[0].place === 'start'
  if (anchoredStart) items.shift()
  const last = items.at(-1)
  let anchoredEnd: Walk['anchoredEnd'] = 'no'
  if (last?.type === 'place' && (last.place === 'finalEnd' || last.place === 'end')) {
    anchoredEnd = last.place === 'end' ? 'end' : 'final'
    items.pop()
  }
  const only = fold ? onlyFolded : onlyByte
  const steps: Step[] = []
  let texts: readonly string[] = ['']
  let gap = -1
  let kind: 'none' | 'line' | 'all' = 'none'
  const flush = (): boolean => {
    if (texts.length === 1 && texts[0] === '') return true
    if (texts.some((text) => text === '' || text.includes('\n') || (fold && !isAscii(text)))) return false
    // Without an anchor the first text may stand anywhere.
    const exact = gap < 0 && (steps.length > 0 || anchoredStart)
    steps.push({ exact, min: Math.max(gap, 0), texts })
    texts = ['']
    gap = -1
    return true
  }
  for (const item of items) {
    const own = textsOf(item, only)
    if (own !== null) {
      const joined = texts.flatMap((start) => own.map((end) => start + end))
      if (joined.length > textsMax) return null
      texts = joined
      continue
    }
    const span = gapOf(item)
    if (span === null || (kind !== 'none' && kind !== span.kind)) return null
    kind = span.kind
    if (!flush()) return null
    gap = Math.max(gap, 0) + span.min
  }
  if (!flush() || steps.length === 0) return null
  // A text whose alternatives overlap at an exact place would need both ends tried.
  if (
    steps.some((step) => step.exact && step.texts.length > 1 && new Set(step.texts.map((text) => text.length)).size > 1)
  ) {
    if (steps.length > 1 || anchoredEnd !== 'no') return null
  }
  return { steps, anchoredStart, anchoredEnd, tail: gap, acrossLines: kind === 'all', fold }
}

function flatten(node: Node, into: Node[]): void {
  if (node.type === 'sequence') for (const item of node.items) flatten(item, into)
  else if (node.type === 'group' && !containsBranches(node.item)) flatten(node.item, into)
  else into.push(node)
}

function containsBranches(node: Node): boolean {
  return node.type === 'alternation'
}

function textsOf(node: Node, only: (set: ByteSet) => number): readonly string[] | null {
  if (node.type === 'group') return textsOf(node.item, only)
  if (node.type === 'set') {
    const byte = only(node.set)
    return byte < 0 ? null : [String.fromCharCode(byte)]
  }
  if (node.type === 'sequence') {
    let texts: readonly string[] = ['']
    for (const item of node.items) {
      const own = textsOf(item, only)
      if (own === null || own.length * texts.length > textsMax) return null
      texts = texts.flatMap((start) => own.map((end) => start + end))
    }
    return texts
  }
  if (node.type === 'repeat' && node.min === 0 && node.max === 1 && node.mode !== 'possessive') {
    const own = textsOf(node.item, only)
    return own === null ? null : [...own, '']
  }
  if (node.type !== 'alternation') return null
  const texts: string[] = []
  for (const item of node.items) {
    const own = textsOf(item, only)
    if (own === null) return null
    texts.push(...own)
  }
  return texts
}

function gapOf(node: Node): { readonly kind: 'line' | 'all'; readonly min: number } | null {
  if (node.type === 'group') return gapOf(node.item)
  if (node.type !== 'repeat' || node.max !== Number.POSITIVE_INFINITY || node.mode === 'possessive') return null
  if (node.item.type !== 'set') return null
  let size = 0
  for (let byte = 0; byte < 256; byte++) size += node.item.set[byte] ?? 0
  if (size === 256) return { kind: 'all', min: node.min }
  return size === 255 && node.item.set[0x0a] === 0 ? { kind: 'line', min: node.min } : null
}
