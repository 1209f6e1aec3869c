/**
 * V8 regular expressions for the osregex alternatives whose scan (engine.md 6.4) is plain enough: result, groups and
 * all. null for the rest; osregex-scanner.ts is the oracle of what comes out of here.
 *
 * Plain means that at each byte there is only one thing to do, so that V8 has nothing to find by backtracking:
 *
 * - A repetition shares no byte with any item up to the next one that must be there. Then nothing takes over from it,
 *   its run is as long as can be, and of two attempts the later one never overtakes the earlier one. So when an attempt
 *   comes to the subject's end, where the scan gives up for good, V8's later starts find nothing either.
 * - Or it is a gap: the one item behind it (all of whose bytes it could read) takes over at its first byte. If what
 *   follows up to the next gap fails, the scan resumes behind that byte, where `+` takes one byte unseen if a literal had
 *   taken over. That is spelled out, no lazy loop. Gaps behind the first must take any byte, else their failure would
 *   resume an earlier gap; the undo stack has four slots, so a fifth gap must be followed by a single item.
 *   Where these last two conditions do not hold, `emitGuarded` has a second form with the undo stack in it.
 */
import { allBytes, type ByteSet, intersects, setOf, setSource, setWhere } from './byte-set.ts'
import { noMatch } from './contract.ts'
import { acceptsAtEnd } from './osregex-scanner.ts'
import {
  classTables,
  kindLiteral,
  kindParen,
  type OsregexAlternative,
  quantifierNone,
  quantifierStar,
} from './osregex-syntax.ts'

/** What `NativeAlternative` answers where only the scan can tell. Below every result and `noMatch`. */
export const undecided = -9

/** Longest alternative, in bytes, that is translated. */
const lengthMax = 1500
/** Gaps that the undo stack can hold. */
const slotsMax = 4

interface Item {
  /** Place in the alternative's text. */
  readonly at: number
  readonly set: ByteSet
  readonly literal: boolean
  /** `one`: exactly one byte. */
  readonly repeat: 'one' | 'plus' | 'star'
  /** Does the next item take over from this repetition? */
  readonly gap: boolean
  /** A parenthesis before the item. */
  readonly paren: '' | '(' | ')'
}

interface Layout {
  readonly items: readonly Item[]
  /** A parenthesis behind the last item? */
  readonly closed: boolean
}

/** How the raw end (6.5) comes from the end of V8's match. */
type Ending =
  | { readonly kind: 'byte' }
  | {
      readonly kind: 'plus' | 'star'
      /** The group of V8 that holds the final run. */
      readonly group: number
      readonly closed: boolean
      /** What happens to the pattern's last group when it is empty at the subject's end. */
      readonly emptyGroup: 'kept' | 'dropped' | 'undecided'
    }

/** Longest subject for an alternative that may make V8 read on to the end from each place where a match could begin, and for one that begins in one place. */
const unanchoredLengthMax = 1024
const anchoredLengthMax = 4096
/** So many items of one byte at the front make places where a match could begin as rare as an anchor does, as far as time goes. */
const selectiveLengthMin = 4

/** One alternative as V8 runs it. */
export class NativeAlternative {
  /** Longest subject, in bytes, that V8 cannot be kept busy with. */
  readonly lengthMax: number
  readonly #expression: RegExp
  readonly #ending: Ending
  /** Numbers of V8's groups for the pattern's groups. */
  readonly #groups: readonly number[]
  /** The group that says that the match is one; 0 if every match is. */
  readonly #marker: number

  constructor(source: string, ending: Ending, groups: readonly number[], marker: number, lengthMax: number) {
    this.lengthMax = lengthMax
    this.#expression = new RegExp(source, 'g')
    this.#ending = ending
    this.#groups = groups
    this.#marker = marker
  }

  /** The regular expression's source, for tests. */
  get source(): string {
    return this.#expression.source
  }

  /** Does it match? */
  test(subject: string): boolean {
    return this.#marker === 0 ? this.#tests(subject) : this.#find(subject) !== null
  }

  /** The raw end index or `noMatch`. */
  end(subject: string): number {
    const ending = this.#ending
    if (ending.kind === 'byte' && this.#marker === 0) {
      return this.#tests(subject) ? this.#expression.lastIndex - 1 : noMatch
    }
    const found = this.#find(subject)
    return found === null ? noMatch : endOf(ending, this.#expression.lastIndex, subject.length, found)
  }

  /** As `end()`; adds the groups to `groups`. May answer `undecided`, without groups. */
  exec(subject: string, groups: string[]): number {
    const found = this.#find(subject)
    if (found === null) return noMatch
    const { lastIndex } = this.#expression
    const ending = this.#ending
    let count = this.#groups.length
    if (ending.kind === 'star' && ending.emptyGroup !== 'kept') {
      if (lastIndex === subject.length && found[ending.group] === '') {
        if (ending.emptyGroup === 'undecided') return undecided
        count--
      }
    }
    for (let group = 0; group < count; group++) groups.push(found[this.#groups[group] ?? 0] ?? '')
    return endOf(ending, lastIndex, subject.length, found)
  }

  #tests(subject: string): boolean {
    this.#expression.lastIndex = 0
    return this.#expression.test(subject)
  }

  #find(subject: string): RegExpExecArray | null {
    this.#expression.lastIndex = 0
    const found = this.#expression.exec(subject)
    return found === null || found[this.#marker] === undefined ? null : found
  }
}

/** `end`: behind the match; see "The end position" (6.5), and 6.4 for what `last` holds when. */
function endOf(ending: Ending, end: number, length: number, found: RegExpExecArray): number {
  if (ending.kind === 'byte') return end - 1
  const size = found[ending.group]?.length ?? 0
  const start = end - size
  if (ending.kind === 'plus') return ending.closed || end === length ? start : end
  if (end === length) return start - 1
  return ending.closed || size === 0 ? end - 1 : end
}

/** Translates an alternative; null when it is not plain. */
export function nativeAlternative(alternative: OsregexAlternative): NativeAlternative | null {
  if (alternative.text.length > lengthMax) return null
  const layout = layoutOf(alternative)
  if (layout === null) return null
  if (isPlain(alternative, layout, false)) return emit(alternative, layout)
  return isPlain(alternative, layout, true) ? emitGuarded(alternative, layout) : null
}

function layoutOf(alternative: OsregexAlternative): Layout | null {
  const { text, kinds, quantifiers, values, parens } = alternative
  const items: Item[] = []
  let paren: Item['paren'] = ''
  for (let at = 0; at < text.length; ) {
    if (kinds[at] === kindParen) {
      // The second of two neighbours would be a literal.
      if (paren !== '') return null
      paren = (parens[at] ?? 0) % 2 === 0 ? '(' : ')'
      at++
      continue
    }
    const literal = kinds[at] === kindLiteral
    const value = values[at] ?? 0
    const set = literal ? setOf(value, true) : (classTables[value] ?? allBytes)
    const quantifier = literal ? quantifierNone : (quantifiers[at] ?? quantifierNone)
    const repeat = quantifier === quantifierNone ? 'one' : quantifier === quantifierStar ? 'star' : 'plus'
    items.push({ at, set, literal, repeat, gap: false, paren })
    paren = ''
    at += literal ? 1 : repeat === 'one' ? 2 : 3
  }
  if (items.length === 0) return null
  return { items: items.map((item, at) => ({ ...item, gap: isGap(item, items[at + 1]) })), closed: paren !== '' }
}

function isGap(item: Item, next: Item | undefined): boolean {
  return item.repeat !== 'one' && next !== undefined && intersects(item.set, next.set)
}

/** `guarded`: see `emitGuarded`. */
function isPlain(alternative: OsregexAlternative, { items, closed }: Layout, guarded: boolean): boolean {
  const { anchoredStart, anchoredEnd } = alternative
  const last = items.length - 1
  if (!anchoredStart && !startsPlainly(items)) return false
  if (items[last]?.repeat === 'star' && items[last - 1]?.repeat !== 'one') return false
  let gaps = 0
  let looping = false
  for (let at = 0; at <= last; at++) {
    const item = items[at] as Item
    if (!endsPlainly(alternative, items, at, looping, closed)) return false
    if (item.repeat === 'one') {
      if (looping && !item.literal && items[at - 1]?.gap !== true) return false
      continue
    }
    if (looping && !(item.gap && item.repeat === 'star')) return false
    looping = false
    if (at === last) continue
    if (!item.gap) {
      if (!standsApart(items, at)) return false
      continue
    }
    const next = items[at + 1] as Item
    const any = item.set.every((flag) => flag === 1)
    const single = at + 1 === last ? !anchoredEnd : items[at + 2]?.gap === true
    if (next.repeat !== 'one' || next.set.some((flag, byte) => flag === 1 && item.set[byte] === 0)) return false
    if (++gaps > slotsMax && !(single && any) && !(guarded && next.literal)) return false
    if (!any && (!next.literal || (gaps > 1 && !guarded))) return false
    // A byte taken unseen can hide a match that a later start would find.
    if (!guarded && !anchoredStart && item.repeat === 'plus' && next.literal && !single) return false
    // A resumed `+` may or may not look at its first byte, depending on what failed.
    if (guarded && item.repeat === 'plus' && !next.literal && items.some((later, place) => place > at && later.gap)) {
      return false
    }
    // A token that takes over leaves `looping` up.
    looping = !next.literal
  }
  return true
}

/** Does a failed attempt go on where V8 would, or where V8 finds nothing in between? */
function startsPlainly(items: readonly Item[]): boolean {
  const [first, second] = items
  if (first === undefined || first.repeat === 'one') return true
  return first.repeat === 'plus' && !first.gap && (second === undefined || second.repeat === 'one')
}

/** Has the repetition no byte in common with what may follow it? */
function standsApart(items: readonly Item[], at: number): boolean {
  const own = items[at] as Item
  for (let next = at + 1; next < items.length; next++) {
    const item = items[next] as Item
    if (intersects(own.set, item.set)) return false
    if (item.repeat !== 'star') return true
  }
  return true
}

/** At the subject's end, may the rest be missing in the scan exactly if it may be missing in a regular expression? */
function endsPlainly(
  alternative: OsregexAlternative,
  items: readonly Item[],
  at: number,
  looping: boolean,
  closed: boolean,
): boolean {
  const item = items[at] as Item
  const final = at === items.length - 1
  const optional = final && item.repeat === 'star'
  const accepts = (p: number, flag: boolean): boolean =>
    acceptsAtEnd(alternative, p, flag, false).accepted || acceptsAtEnd(alternative, p, flag, true).accepted
  if (accepts(item.at, looping) !== optional) return false
  if (item.paren !== '' && accepts(item.at - 1, looping) !== optional) return false
  if (item.repeat !== 'one' && accepts(item.at, true) !== final) return false
  return !final || !closed || accepts(alternative.text.length - 1, looping)
}

function emit({ anchoredStart, anchoredEnd }: OsregexAlternative, { items, closed }: Layout): NativeAlternative {
  const end = anchoredEnd ? '(?![^])' : ''
  const groups: number[] = []
  let count = 0
  let source = anchoredStart ? '^' : ''
  let ending: Ending = { kind: 'byte' }
  items.forEach((item, at) => {
    if (item.paren === '(') groups.push(++count)
    source += item.paren
    // Behind a start inside its own run the attempt would go as from the run's start.
    if (at === 0 && !anchoredStart && item.repeat === 'plus') source += `(?<!${setSource(item.set)})`
    const final = at === items.length - 1 && item.repeat !== 'one'
    if (!final) {
      source += item.gap ? gapSource(items, at, end) : itemSource(item)
      return
    }
    const grouped = item.paren === '('
    const emptyGroup = !grouped ? 'kept' : anchoredEnd && item.set.includes(0) ? 'undecided' : 'dropped'
    source += grouped ? itemSource(item) : `(${itemSource(item)})`
    ending = {
      kind: item.repeat === 'plus' ? 'plus' : 'star',
      group: grouped ? count : ++count,
      closed,
      emptyGroup,
    }
  })
  return new NativeAlternative(source + (closed ? ')' : '') + end, ending, groups, 0, lengthMaxOf(anchoredStart, items))
}

/** Without gaps a run that gives bytes back finds nothing to do with them, so from one start V8 reads each byte a bounded number of times. */
function lengthMaxOf(anchoredStart: boolean, items: readonly Item[]): number {
  const isLinear = items.every(({ repeat }) => repeat === 'one') || (anchoredStart && !items.some(({ gap }) => gap))
  if (isLinear) return Number.POSITIVE_INFINITY
  const front = items.findIndex(({ repeat }) => repeat !== 'one')
  return anchoredStart || front >= selectiveLengthMin ? anchoredLengthMax : unanchoredLengthMax
}

/**
 * For gaps that later gaps may resume: lazy loops, which V8 resumes in the same order as the undo stack does. But at the
 * subject's end the scan gives up for good where V8 would resume. So there every item may be missing, which V8 tries
 * before it resumes anything; only if nothing is missing the marker group is set.
 */
function emitGuarded({ anchoredStart, anchoredEnd }: OsregexAlternative, { items, closed }: Layout): NativeAlternative {
  const groups: number[] = []
  let count = 0
  let marker = 0
  let gaps = 0
  let source = anchoredStart ? '^' : ''
  let ending: Ending = { kind: 'byte' }
  const last = items.length - 1
  const marked = items[last]?.repeat === 'star' ? last - 1 : last
  items.forEach((item, at) => {
    const grouped = item.paren === '('
    if (grouped) groups.push(++count)
    source += item.paren
    if (at === 0 && !anchoredStart && item.repeat === 'plus') source += `(?<!${setSource(item.set)})`
    const guard = (inner: string): string => (at === 0 ? inner : `(?:${inner}|(?![^]))`)
    if (item.gap) gaps++
    let own = item.gap ? lazySource(item, items[at + 1] as Item, gaps <= slotsMax, guard) : itemSource(item)
    if (at === last && item.repeat !== 'one') {
      const emptyGroup = !grouped ? 'kept' : anchoredEnd && item.set.includes(0) ? 'undecided' : 'dropped'
      own = `(${own})`
      ending = { kind: item.repeat === 'plus' ? 'plus' : 'star', group: ++count, closed, emptyGroup }
    }
    if (at === marked) {
      own += '()'
      marker = ++count
    }
    source += item.gap || item.repeat === 'star' ? own : guard(own)
  })
  const whole = source + (closed ? ')' : '') + (anchoredEnd ? '(?![^])' : '')
  return new NativeAlternative(whole, ending, groups, marker, lengthMaxOf(anchoredStart, items))
}

/** `resumed`: with a place on the undo stack; else what first takes over is final. */
function lazySource(item: Item, next: Item, resumed: boolean, guard: (inner: string) => string): string {
  const any = setSource(item.set)
  const other = setWhere((byte) => item.set[byte] === 1 && next.set[byte] === 0)
  const others = setSource(other)
  if (!resumed) return (item.repeat === 'plus' ? guard(any) : '') + (other.includes(1) ? `${others}*` : '')
  if (item.repeat === 'star') return `${any}*?`
  if (!next.literal) return `${guard(any)}${any}*?`
  const taken = setSource(next.set) + any
  return `${guard(any)}(?:${other.includes(1) ? `${others}|` : ''}${taken})*?`
}

function itemSource(item: Item): string {
  return setSource(item.set) + (item.repeat === 'one' ? '' : item.repeat === 'plus' ? '+' : '*')
}

/** The bytes of the gap at `at`: up to the first place where the next item and all that must follow it stand. */
function gapSource(items: readonly Item[], at: number, end: string): string {
  const item = items[at] as Item
  const next = items[at + 1] as Item
  let rest = ''
  let after = at + 2
  for (; after < items.length && items[after]?.gap !== true; after++) rest += itemSource(items[after] as Item)
  if (after === items.length) rest += end
  const unseen = item.repeat === 'plus' ? setSource(item.set) : ''
  const other = setWhere((byte) => item.set[byte] === 1 && next.set[byte] === 0)
  const others = other.includes(1) ? `${setSource(other)}*` : ''
  if (rest === '') return unseen + others
  return `${unseen}${others}(?:${setSource(next.set)}(?!${rest})${next.literal ? unseen : ''}${others})*`
}
