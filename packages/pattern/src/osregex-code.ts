/**
 * Generated matchers for osregex: the procedure of engine.md 6.4, specialised for one alternative. The pattern
 * position together with the flag `looping` is the state of a switch; everything that does not depend on the subject
 * is decided here. It must answer as osregex-scanner.ts does, positions of parentheses included.
 */

import { setSource } from './byte-set.ts'
import { noMatch } from './contract.ts'
import { foldedSource } from './fold.ts'
import { acceptsAtEnd } from './osregex-scanner.ts'
import {
  classTables,
  kindEnd,
  kindParen,
  kindToken,
  type OsregexAlternative,
  quantifierNone,
  quantifierPlus,
  quantifierStar,
  tokenLetters,
} from './osregex-syntax.ts'

/** A matcher of one alternative: result index or `noMatch`; parentheses go into `positions`. */
export type AlternativeMatcher = (subject: string, positions: Int32Array) => number

/** Longest alternative, in bytes, that is worth code of its own. */
export const generatedLengthMax = 1500

/** Makes the matcher. `wanted` = groups are wanted (6.4). */
export function generateMatcher(alternative: OsregexAlternative, wanted: boolean): AlternativeMatcher {
  const generator = new Generator(alternative, wanted)
  const body = generator.body()
  const make = new Function('tables', 'slots', 'accepts', 'records', 'search', body) as (
    tables: readonly Uint8Array[],
    slots: Int32Array,
    accepts: Uint8Array,
    records: Int16Array,
    search: RegExp | null,
  ) => AlternativeMatcher
  return make(classTables, new Int32Array(8), generator.accepts, generator.records, generator.search)
}

/** The items at the start that take one byte each, up to the first quantified token. Parentheses between do not count. */
export function fixedPrefix(alternative: OsregexAlternative): {
  readonly source: string
  readonly length: number
  readonly whole: boolean
} {
  const { kinds, quantifiers, values, text } = alternative
  let source = ''
  let length = 0
  let p = 0
  for (; p < text.length; ) {
    if (kinds[p] === kindParen) {
      if (kinds[p + 1] === kindParen) return { source, length, whole: false }
      p++
    } else if (kinds[p] === kindToken) {
      if (quantifiers[p] !== quantifierNone) return { source, length, whole: false }
      source += setSource(classTables[values[p] ?? 0] ?? new Uint8Array(256))
      length++
      p += 2
    } else {
      source += foldedSource(text[p] ?? '')
      length++
      p++
    }
  }
  return { source, length, whole: true }
}

class Generator {
  readonly alternative: OsregexAlternative
  readonly wanted: boolean
  readonly accepts: Uint8Array
  readonly records: Int16Array
  readonly search: RegExp | null
  readonly prefixLength: number
  readonly fixedWhole: boolean
  readonly failBase: number
  readonly hasSlots: boolean
  readonly done = new Set<number>()
  readonly waiting: number[] = []
  readonly usesFail = [false, false]

  constructor(alternative: OsregexAlternative, wanted: boolean) {
    this.alternative = alternative
    this.wanted = wanted
    const size = alternative.text.length + 1
    this.failBase = size * 2
    this.accepts = new Uint8Array(size * 2 + 2)
    this.records = new Int16Array(size * 2 + 2).fill(-1)
    const prefix = fixedPrefix(alternative)
    this.prefixLength = prefix.length
    this.fixedWhole = prefix.whole
    this.search = !alternative.anchoredStart && prefix.length > 0 ? new RegExp(prefix.source, 'g') : null
    this.hasSlots = canTakeOver(alternative)
  }

  body(): string {
    const { anchoredStart, anchoredEnd, parenCount } = this.alternative
    const cases = this.cases()
    const first = this.fixedWhole && anchoredEnd && !anchoredStart && this.prefixLength > 0
    return `return function match(s, positions) {
const n = s.length
let i = ${first ? `n > ${this.prefixLength} ? n - ${this.prefixLength} : 0` : '0'}, last = 0, retry = -1, st = 0, k = 0, c = 0
${parenCount > 0 ? `positions.fill(-1, 0, ${parenCount})` : ''}
scan: for (;;) {
if (i >= n) break
c = s.charCodeAt(i)
switch (st) {
${cases}
}
}
if (last === -3 || accepts[st] === 0) return ${noMatch}
if (records[st] >= 0) positions[records[st]] = n
return last
}`
  }

  /** Code of every state that can be reached, each behind the one that flows into it where that is possible. */
  cases(): string {
    const code: string[] = []
    this.want(0)
    // Slots bring the failure's own flag along, so a saved position may come back with either.
    for (let state = this.waiting.pop(); state !== undefined; state = this.waiting.pop()) {
      let current: number | null = state
      while (current !== null && !this.done.has(current)) {
        this.done.add(current)
        this.noteEnd(current)
        const { text, next, advanced } = this.state(current)
        code.push(`case ${current}:`, text)
        if (next === null) {
          current = null
        } else if (this.done.has(next)) {
          code.push(`st = ${next}; continue scan`)
          current = null
        } else {
          if (advanced) code.push(`if (i >= n) { st = ${next}; break scan }`, 'c = s.charCodeAt(i)')
          current = next
        }
      }
    }
    for (const flag of [0, 1]) if (this.usesFail[flag] === true) code.push(this.failure(flag))
    return code.join('\n')
  }

  want(state: number): number {
    if (!this.done.has(state)) this.waiting.push(state)
    return state
  }

  noteEnd(state: number): void {
    const verdict = acceptsAtEnd(this.alternative, state >> 1, (state & 1) === 1, this.wanted)
    this.accepts[state] = verdict.accepted ? 1 : 0
    this.records[state] = verdict.paren
  }

  go(state: number): string {
    return `st = ${this.want(state)}; continue scan`
  }

  fail(flag: number): string {
    if (!this.hasSlots && this.alternative.anchoredStart) return `return ${noMatch}`
    if (!this.hasSlots) return `i = retry >= 0 ? retry + 1 : i + 1; retry = -1; last = -3; ${this.go(flag)}`
    this.usesFail[flag] = true
    if (!this.alternative.anchoredStart) this.want(flag)
    return `st = ${this.failBase + flag}; continue scan`
  }

  failure(flag: number): string {
    const restart = this.alternative.anchoredStart
      ? `return ${noMatch}`
      : `i = retry >= 0 ? retry + 1 : i + 1; retry = -1; last = -3; st = ${flag}; continue scan`
    return `case ${this.failBase + flag}:
if (k > 0) { k--; st = slots[k * 2] + ${flag}; i = slots[k * 2 + 1] + 1; continue scan }
${restart}`
  }

  /** One round in a state. `next` is where the code flows on at its end; `advanced`: with the following byte. */
  state(state: number): { readonly text: string; readonly next: number | null; readonly advanced: boolean } {
    const { kinds, quantifiers, values, parens, anchoredEnd, anchoredStart } = this.alternative
    const flag = state & 1
    let p = state >> 1
    let text = ''
    if (state === 0 && this.search !== null) text += this.jump()
    let kind = kinds[p] ?? kindEnd
    if (kind === kindParen) {
      text += `positions[${parens[p]}] = i\n`
      p++
      kind = kinds[p] ?? kindEnd
    }
    if (kind === kindEnd)
      return { text: `${text}${anchoredEnd ? this.fail(flag) : 'return last'}`, next: null, advanced: false }
    const took = anchoredStart ? 'last = i; i++' : 'if (retry < 0) retry = i\nlast = i; i++'
    if (kind !== kindToken) {
      // A parenthesis behind a parenthesis is a literal one.
      text += `if (!(${literalTest(values[p] ?? 0)})) { ${this.fail(flag)} }\n${took}`
      return { text, next: this.want((p + 1) * 2 + flag), advanced: true }
    }
    const fits = classTest(values[p] ?? 0)
    if ((quantifiers[p] ?? quantifierNone) === quantifierNone) {
      if (fits !== 'true') text += `if (!(${fits})) { ${this.misfit(p, flag)} }\n`
      text += took
      return { text, next: this.want((p + 2) * 2 + flag), advanced: true }
    }
    return this.quantified(p, flag, fits, text)
  }

  quantified(
    p: number,
    flag: number,
    fits: string,
    before: string,
  ): { readonly text: string; readonly next: number | null; readonly advanced: boolean } {
    const { kinds, quantifiers, values, parens } = this.alternative
    const plus = quantifiers[p] === quantifierPlus
    let q = p + 3
    const here = p * 2 + 1
    // The subject may end in the middle of the loop without that state having code of its own.
    this.noteEnd(here)
    let text = before
    if (plus && flag === 0) {
      if (fits !== 'true') text += `if (!(${fits})) { ${this.misfit(p, flag)} }\n`
      if (kinds[q] === kindParen && this.wanted) text += `positions[${parens[q]}] = i + 1 === n ? i + 1 : i\n`
      return { text: `${text}last = i; i++`, next: this.want(here), advanced: true }
    }
    let paren = -1
    if (kinds[q] === kindParen) {
      paren = parens[q] ?? 0
      q++
    }
    const record = (value: string): string => (paren >= 0 ? `positions[${paren}] = ${value}; ` : '')
    const following = kinds[q] ?? kindEnd
    const save = `if (k < 4) { slots[k * 2] = ${p * 2}; slots[k * 2 + 1] = i; k++ }`
    const wantBoth = (): void => {
      this.want(p * 2)
      this.want(p * 2 + 1)
    }
    const misfit = fits === 'true' ? '' : `if (!(${fits})) { ${this.misfit(p, flag)} }\n`
    // Behind the first byte of a `*` the flag is up: the same state as in the middle of its loop.
    const looped =
      flag === 1 ? `i++; if (i >= n) { st = ${here}; break scan } c = s.charCodeAt(i)` : `i++; ${this.go(here)}`
    const open = flag === 1 ? 'for (;;) {\n' : ''
    const close = flag === 1 ? '}' : ''
    if (following === kindEnd) {
      text += `${open}${misfit}${record('i + 1')}${looped}\n${close}`
      return { text, next: null, advanced: false }
    }
    let takeOver: string
    if (following === kindToken) {
      if (!meet(this.alternative, p, q)) takeOver = ''
      else {
        wantBoth()
        const target = (quantifiers[q] === quantifierNone ? q + 2 : q) * 2 + 1
        takeOver = `if (${classTest(values[q] ?? 0)}) { ${record('i')}${save} last = i; i++; ${this.go(target)} }\n`
      }
    } else if (classTables[values[p] ?? 0] !== undefined && literalFits(this.alternative, p, q)) {
      wantBoth()
      takeOver = `if (${literalTest(values[q] ?? 0)}) { ${record('i')}${save} last = i; i++; ${this.go((q + 1) * 2)} }\n`
    } else takeOver = ''
    text += `${open}${misfit}${takeOver}last = i; ${looped}\n${close}`
    return { text, next: null, advanced: false }
  }

  /** The byte does not fit the token at p. */
  misfit(p: number, flag: number): string {
    const { kinds, quantifiers, anchoredEnd } = this.alternative
    const atLast = kinds[p + 2] === kindEnd || kinds[p + 3] === kindEnd
    const otherwise =
      quantifiers[p] === quantifierPlus && flag === 1
        ? this.go((p + 3) * 2)
        : quantifiers[p] === quantifierStar
          ? `last = i - 1; ${this.go((p + 3) * 2)}`
          : this.fail(0)
    if (!atLast || flag === 0) return otherwise
    return `if (last !== -3) { last = i; ${anchoredEnd ? this.fail(0) : 'return last'} } ${otherwise}`
  }

  /** At the start with nothing pending: on to the next place where the fixed items stand. */
  jump(): string {
    return `search.lastIndex = i
if (!search.test(s)) return ${noMatch}
if (search.lastIndex - ${this.prefixLength} !== i) { i = search.lastIndex - ${this.prefixLength}; last = -3; c = s.charCodeAt(i) }
`
  }
}

function literalTest(value: number): string {
  return value >= 0x61 && value <= 0x7a ? `(c | 32) === ${value}` : `c === ${value}`
}

function classTest(value: number): string {
  switch (tokenLetters[value]) {
    case '.':
      return 'true'
    case 'd':
      return 'c >= 48 && c <= 57'
    case 'D':
      return 'c < 48 || c > 57'
    case 's':
      return 'c === 32'
    case 'S':
      return 'c !== 32'
    case 't':
      return 'c === 9'
    case 'w':
    case 'W':
    case 'p':
      return `tables[${value}][c] === 1`
    default:
      return `c === ${(tokenLetters[value] ?? '').charCodeAt(0)}`
  }
}

/** Do two tokens have a byte in common? */
function meet(alternative: OsregexAlternative, p: number, q: number): boolean {
  const one = classTables[alternative.values[p] ?? 0]
  const other = classTables[alternative.values[q] ?? 0]
  return one?.some((flag, byte) => flag === 1 && other?.[byte] === 1) === true
}

/** Does the literal at q, in either case, fit the token at p? */
function literalFits(alternative: OsregexAlternative, p: number, q: number): boolean {
  const table = classTables[alternative.values[p] ?? 0]
  const value = alternative.values[q] ?? 0
  return table?.[value] === 1 || (value >= 0x61 && value <= 0x7a && table?.[value - 32] === 1)
}

/** Is there a quantified token that what follows can take over from? Then the undo stack may come into use. */
export function canTakeOver(alternative: OsregexAlternative): boolean {
  return takeOvers(alternative) !== 'none'
}

/** `tokens`: some token can take over from a token, which leaves `looping` up in places where nothing loops. */
export function takeOvers(alternative: OsregexAlternative): 'none' | 'literals' | 'tokens' {
  if (firstTokenTakeOver(alternative) !== -1) return 'tokens'
  const { kinds, text } = alternative
  for (let p = 0; p < text.length; p++) {
    const q = isRun(alternative, p) ? behindRun(alternative, p) : -1
    if (q !== -1 && kinds[q] !== kindToken && (kinds[q] ?? kindEnd) !== kindEnd && literalFits(alternative, p, q))
      return 'literals'
  }
  return 'none'
}

/** Place of the first quantified token that a token can take over from; -1 when there is none. */
export function firstTokenTakeOver(alternative: OsregexAlternative): number {
  const { kinds, text } = alternative
  for (let p = 0; p < text.length; p++) {
    if (!isRun(alternative, p)) continue
    const q = behindRun(alternative, p)
    if (kinds[q] === kindToken && meet(alternative, p, q)) return p
  }
  return -1
}

function isRun({ kinds, quantifiers }: OsregexAlternative, p: number): boolean {
  return kinds[p] === kindToken && (quantifiers[p] ?? quantifierNone) !== quantifierNone
}

/** Place of what stands behind a quantified token and a parenthesis that follows it. */
function behindRun({ kinds }: OsregexAlternative, p: number): number {
  return kinds[p + 3] === kindParen ? p + 4 : p + 3
}
