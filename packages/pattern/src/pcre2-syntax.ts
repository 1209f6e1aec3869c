/**
 * Syntax of PCRE2 as far as rules and decoders use it: source text in, a tree of byte sets out. Options ((?i) and its
 * kin), quoting, class names and case folding are all resolved here, so that what follows knows only sets, sequences,
 * repetitions and assertions. PCRE2 without options works on bytes, with ASCII meanings of \w, \d, \s, \b.
 *
 * What V8 cannot express (recursion, conditionals, ...) is an error that says so, with the byte offset.
 */
import { allBytes, type ByteSet, complement, foldSet, notNewline, setOf, setWhere, union } from './byte-set.ts'
import { type PatternError, patternLengthMax } from './contract.ts'
import { type Call, fillCalls } from './pcre2-calls.ts'
import { leavesOutInRound, withoutUnset } from './pcre2-unset.ts'

/** How a repetition gives back what it took: most first, least first, never. */
export type Mode = 'greedy' | 'lazy' | 'possessive'

/** `start`, `end`: of the subject; `lineStart`, `lineEnd`: multi-line; `finalEnd`: at the end or before a final newline. */
export type Place = 'start' | 'end' | 'lineStart' | 'lineEnd' | 'finalEnd' | 'wordBoundary' | 'notWordBoundary'

/** A piece of a pattern. */
export type Node =
  | { readonly type: 'set'; readonly set: ByteSet }
  | { readonly type: 'sequence'; readonly items: readonly Node[] }
  | { readonly type: 'alternation'; readonly items: readonly Node[] }
  | { readonly type: 'group'; readonly index: number; readonly item: Node }
  | { readonly type: 'repeat'; readonly item: Node; readonly min: number; readonly max: number; readonly mode: Mode }
  | { readonly type: 'atomic'; readonly item: Node }
  | { readonly type: 'look'; readonly item: Node; readonly behind: boolean; readonly negative: boolean }
  | { readonly type: 'place'; readonly place: Place }
  | { readonly type: 'backreference'; readonly index: number; readonly fold: boolean }

/** A parsed pattern. */
export interface Pcre2Syntax {
  readonly root: Node
  readonly groupCount: number
}

const empty: Node = { type: 'sequence', items: [] }
const groupDepthMax = 250
const repeatMax = 65_535

interface Options {
  fold: boolean
  multiline: boolean
  dotAll: boolean
  extended: boolean
  extendedMore: boolean
  ungreedy: boolean
  noCapture: boolean
}

class SyntaxProblem extends Error {
  readonly offset: number
  constructor(message: string, offset: number) {
    super(message)
    this.offset = offset
  }
}

/** Parses a PCRE2 pattern given as latin1 (one unit per byte). */
export function parsePcre2(source: string): Pcre2Syntax | { readonly error: PatternError } {
  try {
    return new Parser(source).parse()
  } catch (thrown) {
    if (thrown instanceof SyntaxProblem) return { error: { message: thrown.message, offset: thrown.offset } }
    throw thrown
  }
}

const digits = setWhere((byte) => byte >= 0x30 && byte <= 0x39)
const words = setWhere((byte) => /\w/.test(String.fromCharCode(byte)))
const blanks = setWhere((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d))
const horizontal = setWhere((byte) => byte === 0x20 || byte === 0x09 || byte === 0xa0)
const vertical = setWhere((byte) => (byte >= 0x0a && byte <= 0x0d) || byte === 0x85)

const escapedSets: Readonly<Record<string, ByteSet>> = {
  d: digits,
  D: complement(digits),
  w: words,
  W: complement(words),
  s: blanks,
  S: complement(blanks),
  h: horizontal,
  H: complement(horizontal),
  v: vertical,
  V: complement(vertical),
}

const escapedBytes: Readonly<Record<string, number>> = { a: 0x07, e: 0x1b, f: 0x0c, n: 0x0a, r: 0x0d, t: 0x09 }

const isGraph = (byte: number): boolean => byte > 0x20 && byte < 0x7f
const isAlnum = (byte: number): boolean => /[A-Za-z0-9]/.test(String.fromCharCode(byte))
const namedSets: Readonly<Record<string, ByteSet>> = {
  alnum: setWhere(isAlnum),
  alpha: setWhere((byte) => isAlnum(byte) && digits[byte] === 0),
  ascii: setWhere((byte) => byte < 0x80),
  blank: setWhere((byte) => byte === 0x20 || byte === 0x09),
  cntrl: setWhere((byte) => byte < 0x20 || byte === 0x7f),
  digit: digits,
  graph: setWhere(isGraph),
  lower: setWhere((byte) => byte >= 0x61 && byte <= 0x7a),
  print: setWhere((byte) => isGraph(byte) || byte === 0x20),
  punct: setWhere((byte) => isGraph(byte) && !isAlnum(byte)),
  space: blanks,
  upper: setWhere((byte) => byte >= 0x41 && byte <= 0x5a),
  word: words,
  xdigit: setWhere((byte) => /[0-9A-Fa-f]/.test(String.fromCharCode(byte))),
}

/** A character of a class or an escape: a set, or one character that may be the end of a range. */
type Unit = { readonly set: ByteSet; readonly property?: true } | { readonly code: number }

class Parser {
  readonly source: string
  readonly names = new Map<string, number>()
  /** Groups that are open or closed so far; a reference is only taken to one that is sure to have been set. */
  groupCount = 0
  set: ReadonlySet<number> = new Set()
  readonly closed = new Set<number>()
  /** The first reference to a closed group that may be unset, -1 when there is none. */
  unsure = -1
  hasReset = false
  readonly calls: Call[] = []
  /** Contents of the groups, the first of each number. */
  readonly bodies = new Map<number, Node>()
  at = 0
  depth = 0
  utf = false
  quoting = false

  constructor(source: string) {
    this.source = source
  }

  parse(): Pcre2Syntax {
    if (this.source.length > patternLengthMax)
      this.fail(`pattern longer than ${patternLengthMax} bytes`, patternLengthMax)
    this.verbs()
    const options: Options = {
      fold: false,
      multiline: false,
      dotAll: false,
      extended: false,
      extendedMore: false,
      ungreedy: false,
      noCapture: false,
    }
    const root = this.alternation(options)
    if (this.at < this.source.length) this.fail('closing parenthesis without an opening one')
    const problem = fillCalls(this.calls, this.bodies, this.names)
    if (problem !== null) this.fail(problem.message, problem.offset)
    const sure = this.unsure < 0 ? root : withoutUnset(root)
    if (sure === null) this.fail('a back reference to a group that may not be set there is not supported', this.unsure)
    if (this.hasReset && leavesOutInRound(sure))
      this.fail('a (?| group in a loop that sets not all groups in each round is not supported')
    return { root: sure, groupCount: this.groupCount }
  }

  fail(message: string, offset = this.at): never {
    throw new SyntaxProblem(message, offset)
  }

  /** Leading settings such as (*UTF). Those that change what a newline is are refused. */
  verbs(): void {
    for (;;) {
      const found = /^\(\*([A-Z_0-9=]*)\)/.exec(this.source.slice(this.at, this.at + 64))
      if (found === null) return
      const name = found[1] ?? ''
      if (name === 'UTF' || name === 'UTF8') this.utf = true
      else if (
        !/^(NO_AUTO_POSSESS|NO_DOTSTAR_ANCHOR|NO_JIT|NO_START_OPT|LF|LIMIT_(MATCH|DEPTH|HEAP|RECURSION)=\d+)$/.test(
          name,
        )
      ) {
        this.fail(`(*${name}) is not supported`)
      }
      this.at += found[0].length
    }
  }

  eat(text: string): boolean {
    if (!this.source.startsWith(text, this.at)) return false
    this.at += text.length
    return true
  }

  /**
   * Alternatives up to a closing parenthesis or the end. Option changes reach the alternatives to their right. In a branch
   * reset all alternatives number their groups from the same one on.
   */
  alternation(outer: Options, resetsNumbers = false): Node {
    if (++this.depth > groupDepthMax) this.fail(`groups nested deeper than ${groupDepthMax}`)
    const options = { ...outer }
    const items: Node[] = []
    const before = this.set
    let common: ReadonlySet<number> | null = null
    const firstNumber = this.groupCount
    let lastNumber = firstNumber
    do {
      if (resetsNumbers) this.groupCount = firstNumber
      this.set = before
      items.push(this.sequence(options))
      common = common === null ? this.set : common.intersection(this.set)
      lastNumber = Math.max(lastNumber, this.groupCount)
    } while (this.eat('|'))
    this.groupCount = lastNumber
    this.set = common ?? before
    this.depth--
    return items.length === 1 ? (items[0] ?? empty) : { type: 'alternation', items }
  }

  sequence(options: Options): Node {
    const items: Node[] = []
    for (;;) {
      this.skipIgnored(options)
      const character = this.source[this.at]
      if (character === undefined) break
      if (!this.quoting && (character === '|' || character === ')')) break
      const before = this.set
      const node = this.quoting ? this.literal(options) : this.item(character, options)
      if (node === null) continue
      items.push(this.quantified(node, options, before, node.type !== 'place' || character === '('))
    }
    return items.length === 1 ? (items[0] ?? empty) : { type: 'sequence', items }
  }

  /** Quoting marks, comments, and the white space of (?x). */
  skipIgnored(options: Options): void {
    for (;;) {
      if (this.quoting) {
        if (!this.eat('\\E')) return
        this.quoting = false
      } else if (this.eat('\\Q')) this.quoting = true
      else if (this.eat('\\E')) continue
      else if (this.source.startsWith('(?#', this.at)) {
        const end = this.source.indexOf(')', this.at)
        if (end < 0) this.fail('comment without an end')
        this.at = end + 1
      } else if (options.extended && blanks[this.source.charCodeAt(this.at)] === 1) this.at++
      else if (options.extended && this.source[this.at] === '#') {
        const end = this.source.indexOf('\n', this.at)
        this.at = end < 0 ? this.source.length : end + 1
      } else return
    }
  }

  /** One item; null for what only changes options, and for \K: it moves where the match is said to begin, which nobody asks for. */
  item(character: string, options: Options): Node | null {
    switch (character) {
      case '\\':
        return this.eat('\\K') ? null : this.escape(options)
      case '[':
        return this.characterClass(options)
      case '(':
        return this.group(options)
      case '.':
        this.at++
        return this.anyOf(options.dotAll ? allBytes : notNewline)
      case '^':
        this.at++
        return { type: 'place', place: options.multiline ? 'lineStart' : 'start' }
      case '$':
        this.at++
        return { type: 'place', place: options.multiline ? 'lineEnd' : 'finalEnd' }
      case '*':
      case '+':
      case '?':
        return this.fail('quantifier without anything to repeat')
      default:
        if (character === '{' && this.braces() !== null) this.fail('quantifier without anything to repeat')
        return this.literal(options)
    }
  }

  /** A literal character: a byte, or all the bytes of one UTF-8 character in UTF mode. */
  literal(options: Options): Node {
    const byte = this.source.charCodeAt(this.at++)
    if (!this.utf || byte < 0xc0) return { type: 'set', set: setOf(byte, options.fold) }
    let text = String.fromCharCode(byte)
    while ((this.source.charCodeAt(this.at) & 0xc0) === 0x80) text += this.source[this.at++]
    return bytes(text)
  }

  code(code: number, options: Options): Node {
    if (code < 0x80 || (!this.utf && code < 0x100)) return { type: 'set', set: setOf(code, options.fold) }
    if (!this.utf) this.fail('character code above 0xff')
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) this.fail('no such character')
    return bytes(utf8(code))
  }

  /** A set in UTF mode also takes whole characters: what is not ASCII stands for all of them or for none. */
  anyOf(set: ByteSet): Node {
    if (!this.utf) return { type: 'set', set }
    const ascii: Node = { type: 'set', set: setWhere((byte) => byte < 0x80 && set[byte] === 1) }
    return set[0xff] === 1 ? { type: 'alternation', items: [ascii, wideCharacter] } : ascii
  }

  /** The quantifier at this place, {n,m} included, without taking it; null when there is none. */
  braces(): { readonly min: number; readonly max: number; readonly length: number } | null {
    const found = /^\{(\d{1,9})(?:(,)(\d{1,9})?)?\}/.exec(this.source.slice(this.at, this.at + 24))
    if (found === null) return null
    const min = Number(found[1])
    const max = found[2] === undefined ? min : found[3] === undefined ? Number.POSITIVE_INFINITY : Number(found[3])
    if (min > repeatMax || (max !== Number.POSITIVE_INFINITY && max > repeatMax)) this.fail('number in {} too big')
    if (max < min) this.fail('numbers out of order in {}')
    return { min, max, length: found[0].length }
  }

  quantified(node: Node, options: Options, before: ReadonlySet<number>, repeatable: boolean): Node {
    const range = this.quantifier(options)
    if (range === null) return node
    if (!repeatable) this.fail('quantifier without anything to repeat', range.at)
    let mode: Mode = options.ungreedy ? 'lazy' : 'greedy'
    if (this.eat('+')) mode = 'possessive'
    else if (this.eat('?')) mode = options.ungreedy ? 'greedy' : 'lazy'
    if (range.min === 0) this.set = before
    const more = this.quantifier(options)
    if (more !== null) this.fail('quantifier behind a quantifier', more.at)
    return { type: 'repeat', item: node, min: range.min, max: range.max, mode }
  }

  /** Takes `*`, `+`, `?` or `{n,m}`; null when none stands here. */
  quantifier(options: Options): { readonly min: number; readonly max: number; readonly at: number } | null {
    this.skipIgnored(options)
    const { at } = this
    if (this.quoting) return null
    const character = this.source[at] ?? ''
    const simple = { '*': [0, Number.POSITIVE_INFINITY], '+': [1, Number.POSITIVE_INFINITY], '?': [0, 1] }[character]
    const counted = character === '{' ? this.braces() : null
    this.at += simple === undefined ? (counted?.length ?? 0) : 1
    if (simple !== undefined) return { min: simple[0] ?? 0, max: simple[1] ?? 0, at }
    return counted === null ? null : { min: counted.min, max: counted.max, at }
  }

  group(options: Options): Node | null {
    const start = this.at
    this.at++
    if (this.source[this.at] === '*') this.fail('(*...) verbs are supported at the start of the pattern only', start)
    if (!this.eat('?')) return this.capture(options, null, options.noCapture)
    if (this.eat(':')) return this.close(this.alternation(options), start)
    if (this.eat('|')) {
      this.hasReset = true
      return this.close(this.alternation(options, true), start)
    }
    if (this.eat('>')) return { type: 'atomic', item: this.close(this.alternation(options), start) }
    if (this.eat('=')) return this.look(options, false, false, start)
    if (this.eat('!')) return this.look(options, false, true, start)
    if (this.eat('<=')) return this.look(options, true, false, start)
    if (this.eat('<!')) return this.look(options, true, true, start)
    if (this.eat('P=')) return this.named(this.nameUntil(')'), options)
    if (this.eat('P>') || this.eat('&')) return this.call(this.nameUntil(')'), start)
    const called = /^([+-]?)(\d{1,4})\)/.exec(this.source.slice(this.at, this.at + 8))
    if (called !== null) {
      this.at += called[0].length
      return this.call(this.numbered(called[1] ?? '', Number(called[2])), start)
    }
    if (this.source[this.at] === 'R') this.fail('recursion is not supported', start)
    if (this.eat('P<') || this.eat('<')) return this.capture(options, this.nameUntil('>'), false)
    if (this.eat("'")) return this.capture(options, this.nameUntil("'"), false)
    if (this.source[this.at] === '(') return this.conditional(options, start)
    if (this.source[this.at] === 'C') this.fail('callouts are not supported', start)
    return this.optionGroup(options, start)
  }

  /** A call of a group, which may stand anywhere in the pattern. */
  call(target: number | string, offset: number): Node {
    if (target === 0) this.fail('recursion is not supported', offset)
    const node: Call['node'] = { type: 'sequence', items: [] }
    this.calls.push({ node, target, offset })
    return node
  }

  /** The number of a group that may be told from here: `-1` is the last one opened, `+1` the next. */
  numbered(sign: string, number: number): number {
    return sign === '-' ? this.groupCount + 1 - number : sign === '+' ? this.groupCount + number : number
  }

  /** `(?(?=...)yes|no)`, and `(?(DEFINE)...)`, whose groups are only called. */
  conditional(options: Options, start: number): Node {
    if (this.eat('(DEFINE)')) {
      const before = this.set
      this.close(this.alternation(options), start)
      this.set = before
      return empty
    }
    if (!/^\(\?<?[=!]/.test(this.source.slice(this.at, this.at + 4)))
      this.fail('conditional groups that ask for a group are not supported', start)
    if (++this.depth > groupDepthMax) this.fail(`groups nested deeper than ${groupDepthMax}`)
    const before = this.set
    const { groupCount } = this
    const condition = this.group(options)
    if (condition?.type !== 'look' || (condition.negative && this.groupCount > groupCount))
      return this.fail('this conditional group is not supported', start)
    const own = { ...options }
    const yes = this.sequence(own)
    const whenYes = this.set
    this.set = before
    const no = this.eat('|') ? this.sequence(own) : empty
    this.set = this.set.intersection(whenYes)
    this.depth--
    return this.close(
      {
        type: 'alternation',
        items: [
          { type: 'sequence', items: [condition, yes] },
          { type: 'sequence', items: [{ ...condition, negative: !condition.negative }, no] },
        ],
      },
      start,
    )
  }

  close(node: Node, start: number): Node {
    if (!this.eat(')')) this.fail('opening parenthesis without a closing one', start)
    return node
  }

  capture(options: Options, name: string | null, plain: boolean): Node {
    const start = this.at
    if (plain) return this.close(this.alternation(options), start)
    const index = ++this.groupCount
    if (name !== null) {
      if ((this.names.get(name) ?? index) !== index) this.fail(`two groups named ${name}`)
      this.names.set(name, index)
    }
    const item = this.close(this.alternation(options), start)
    this.set = new Set(this.set).add(index)
    this.closed.add(index)
    if (!this.bodies.has(index)) this.bodies.set(index, item)
    return { type: 'group', index, item }
  }

  look(options: Options, behind: boolean, negative: boolean, start: number): Node {
    const before = this.set
    const callsBefore = this.calls.length
    const item = this.close(this.alternation(options), start)
    if (negative) this.set = before
    if (behind) {
      if (this.calls.length > callsBefore) this.fail('subroutine calls in a lookbehind are not supported', start)
      for (const branch of item.type === 'alternation' ? item.items : [item]) {
        if (lengthOf(branch) < 0) this.fail('lookbehind is not of fixed length', start)
      }
    }
    return { type: 'look', item, behind, negative }
  }

  nameUntil(end: string): string {
    const stop = this.source.indexOf(end, this.at)
    const name = stop < 0 ? '' : this.source.slice(this.at, stop)
    if (!/^[A-Za-z_]\w{0,31}$/.test(name)) this.fail('bad group name')
    this.at = stop + 1
    return name
  }

  /** (?flags) changes the options in place, (?flags:...) for its own content. */
  optionGroup(options: Options, start: number): Node | null {
    const found = /^(\^)?([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])/.exec(this.source.slice(this.at, this.at + 32))
    if (found === null || (found[1] !== undefined && found[3] !== undefined)) {
      return this.fail('unknown group after (?', start)
    }
    const changed = { ...options }
    if (found[1] !== undefined) {
      Object.assign(changed, {
        fold: false,
        multiline: false,
        dotAll: false,
        extended: false,
        extendedMore: false,
        noCapture: false,
      })
    }
    for (const letter of found[2] ?? '') this.option(changed, letter, true, start)
    for (const letter of found[3] ?? '') this.option(changed, letter, false, start)
    if ((found[2] ?? '').includes('x')) changed.extendedMore = (found[2] ?? '').includes('xx')
    if ((found[3] ?? '').includes('x')) changed.extendedMore = false
    this.at += found[0].length
    if (found[4] === ':') return this.close(this.alternation(changed), start)
    Object.assign(options, changed)
    return null
  }

  option(options: Options, letter: string, on: boolean, start: number): void {
    if (letter === 'i') options.fold = on
    else if (letter === 'm') options.multiline = on
    else if (letter === 's') options.dotAll = on
    else if (letter === 'x') options.extended = on
    else if (letter === 'U') options.ungreedy = on
    else if (letter === 'n') options.noCapture = on
    else this.fail(`option ${letter} is not supported`, start)
  }

  named(name: string, options: Options): Node {
    const index = this.names.get(name)
    if (index === undefined) return this.fail(`no group named ${name}`)
    return this.reference(index, options)
  }

  /**
   * A back reference. V8 takes a group that was not set for empty, PCRE2 lets the reference fail; so only groups that
   * are sure to be set are accepted, or that can be made so (pcre2-unset.ts).
   */
  reference(index: number, options: Options): Node {
    if (!this.set.has(index)) {
      if (!this.closed.has(index))
        this.fail(`back reference to group ${index}, which may not be set yet, is not supported`)
      if (this.unsure < 0) this.unsure = this.at
    }
    return { type: 'backreference', index, fold: options.fold }
  }

  escape(options: Options): Node {
    const start = this.at
    const letter = this.source[this.at + 1]
    if (letter === undefined) return this.fail('pattern ends in a single backslash')
    this.at += 2
    const set = escapedSets[letter]
    if (set !== undefined) return this.anyOf(set)
    switch (letter) {
      case 'b':
        return { type: 'place', place: 'wordBoundary' }
      case 'B':
        return { type: 'place', place: 'notWordBoundary' }
      case 'A':
      case 'G':
        return { type: 'place', place: 'start' }
      case 'z':
        return { type: 'place', place: 'end' }
      case 'Z':
        return { type: 'place', place: 'finalEnd' }
      case 'R':
        return { type: 'atomic', item: { type: 'alternation', items: [bytes('\r\n'), { type: 'set', set: vertical }] } }
      case 'N':
        if (this.source.startsWith('{U+', this.at)) break
        if (this.source[this.at] === '{' && this.braces() === null) this.fail('\\N{name} is not supported', start)
        return this.anyOf(notNewline)
      case 'C':
        return { type: 'set', set: allBytes }
      case 'X':
        if (this.utf) return this.fail('\\X is not supported in UTF mode', start)
        // Of the characters below 256 only CR LF is a cluster of two.
        return { type: 'atomic', item: { type: 'alternation', items: [bytes('\r\n'), { type: 'set', set: allBytes }] } }
      case 'g':
        return this.gReference(options, start)
      case 'k': {
        const open = this.source[this.at++] ?? ''
        const close = { '<': '>', '{': '}', "'": "'" }[open]
        if (close === undefined) return this.fail('\\k without a name', start)
        return this.named(this.nameUntil(close), options)
      }
    }
    const number = /^[1-9]\d{0,3}/.exec(this.source.slice(start + 1, start + 5))?.[0]
    if (number !== undefined && (Number(number) < 10 || Number(number) <= this.groupCount || /^[89]/.test(number))) {
      this.at = start + 1 + number.length
      return this.reference(Number(number), options)
    }
    this.at = start + 1
    const unit = this.escapedUnit(start)
    return 'set' in unit ? this.anyOf(unit.set) : this.code(unit.code, options)
  }

  gReference(options: Options, start: number): Node {
    const found = /^(?:([+-]?\d{1,4})|\{([+-]?\d{1,4})\}|\{([A-Za-z_]\w*)\})/.exec(
      this.source.slice(this.at, this.at + 40),
    )
    if (found === null) return this.gCall(start)
    this.at += found[0].length
    if (found[3] !== undefined) return this.named(found[3], options)
    const number = found[1] ?? found[2] ?? ''
    const index = number.startsWith('-') ? this.groupCount + 1 + Number(number) : Number(number)
    return this.reference(number.startsWith('+') ? -1 : index, options)
  }

  /** `\g<name>`, `\g'1'`: a call. */
  gCall(start: number): Node {
    const found = /^(?:<([^>]*)>|'([^']*)')/.exec(this.source.slice(this.at, this.at + 40))
    const target = found?.[1] ?? found?.[2] ?? ''
    const number = /^([+-]?)(\d{1,4})$/.exec(target)
    if (found === null || (number === null && !/^[A-Za-z_]\w*$/.test(target)))
      return this.fail('\\g without a group', start)
    this.at += found[0].length
    return this.call(number === null ? target : this.numbered(number[1] ?? '', Number(number[2])), start)
  }

  /** An escape that means one character or a property set, inside or outside of a class. `at` is behind the backslash. */
  escapedUnit(start: number): Unit {
    const letter = this.source[this.at++] ?? ''
    const byte = escapedBytes[letter]
    if (byte !== undefined) return { code: byte }
    const rest = this.source.slice(this.at, this.at + 16)
    const take = (expression: RegExp): string | undefined => {
      const found = expression.exec(rest)
      if (found === null) return undefined
      this.at += found[0].length
      return found[1] ?? ''
    }
    switch (letter) {
      case 'x': {
        const braced = take(/^\{([0-9A-Fa-f]{1,8})\}/)
        return { code: Number.parseInt(braced ?? take(/^([0-9A-Fa-f]{0,2})/) ?? '', 16) || 0 }
      }
      case 'o': {
        const octal = take(/^\{([0-7]{1,8})\}/)
        return octal === undefined ? this.fail('\\o without {digits}', start) : { code: Number.parseInt(octal, 8) }
      }
      case 'N': {
        const code = take(/^\{U\+([0-9A-Fa-f]{1,6})\}/)
        if (code === undefined) return this.fail('\\N is not allowed here', start)
        if (!this.utf) this.fail('\\N{U+} needs (*UTF)', start)
        return { code: Number.parseInt(code, 16) }
      }
      case 'c': {
        const control = this.source.charCodeAt(this.at++)
        if (!(control >= 0x20 && control < 0x7f)) return this.fail('\\c needs a printable character', start)
        return { code: (control >= 0x61 && control <= 0x7a ? control - 0x20 : control) ^ 0x40 }
      }
      case 'p':
      case 'P':
        return { set: this.property(letter === 'P', start), property: true }
    }
    if (letter >= '0' && letter <= '7') {
      this.at--
      const octal = /^[0-7]{1,3}/.exec(this.source.slice(this.at, this.at + 3))?.[0] ?? '0'
      this.at += octal.length
      return { code: Number.parseInt(octal, 8) & (this.utf ? 0x1ff : 0xff) }
    }
    if (/[A-Za-z0-9]/.test(letter)) this.fail(`\\${letter} means nothing`, start)
    return { code: letter.charCodeAt(0) }
  }

  property(negative: boolean, start: number): ByteSet {
    const found = /^(?:([A-Z])|\{(\^?)([A-Za-z_&]{1,40})\})/.exec(this.source.slice(this.at, this.at + 44))
    if (found === null || this.utf) return this.fail('this \\p is not supported', start)
    this.at += found[0].length
    const name = found[1] ?? found[3] ?? ''
    for (const form of [name, `Script=${name}`]) {
      try {
        const expression = new RegExp(`\\p{${form}}`, 'u')
        const set = setWhere((byte) => expression.test(String.fromCharCode(byte)))
        return negative !== (found[2] === '^') ? complement(set) : set
      } catch {}
    }
    return this.fail(`unknown property ${name}`, start)
  }

  characterClass(options: Options): Node {
    const start = this.at++
    const negative = this.eat('^')
    const flags = new Uint8Array(256)
    // Properties do not fold.
    const properties = new Uint8Array(256)
    const wide: Node[] = []
    let first = true
    for (;;) {
      const character = this.source[this.at]
      if (character === undefined) this.fail('character class without an end', start)
      if (character === ']' && !first && !this.quoting) break
      const from = this.classUnit(options)
      if (from === null) continue
      first = false
      if ('set' in from) {
        for (let byte = 0; byte < 256; byte++) if (from.set[byte] === 1) (from.property ? properties : flags)[byte] = 1
        continue
      }
      let to = from.code
      if (
        !this.quoting &&
        this.source[this.at] === '-' &&
        this.source[this.at + 1] !== ']' &&
        this.at + 1 < this.source.length
      ) {
        const back = this.at++
        const unit = this.classUnit(options)
        if (unit === null || 'set' in unit) this.at = back
        else if (unit.code < from.code) this.fail('range out of order in a character class')
        else to = unit.code
        if (this.at === back) {
          flags[0x2d] = 1
          this.at++
        }
      }
      this.addRange(flags, wide, from.code, to)
    }
    this.at++
    const set = union(options.fold ? foldSet(flags) : flags, properties)
    if (!this.utf) return { type: 'set', set: negative ? complement(set) : set }
    if (negative && wide.length > 0) this.fail('negated classes of non-ASCII characters are not supported', start)
    const ascii: Node = { type: 'set', set: setWhere((byte) => byte < 0x80 && (set[byte] === 1) !== negative) }
    const items = negative || set[0xff] === 1 ? [ascii, wideCharacter] : [ascii, ...wide]
    return items.length === 1 ? ascii : { type: 'alternation', items }
  }

  addRange(flags: Uint8Array, wide: Node[], from: number, to: number): void {
    const narrowMax = this.utf ? 0x7f : 0xff
    for (let code = from; code <= Math.min(to, narrowMax); code++) flags[code] = 1
    if (to <= narrowMax) return
    if (!this.utf) this.fail('character code above 0xff')
    if (to - from > 256) this.fail('wide range of non-ASCII characters is not supported')
    for (let code = Math.max(from, 0x80); code <= to; code++) wide.push(bytes(utf8(code)))
  }

  /** One member of a class; null for quoting marks and ignored blanks. */
  classUnit(options: Options): Unit | null {
    if (this.quoting) {
      if (this.eat('\\E')) {
        this.quoting = false
        return null
      }
      return { code: this.source.charCodeAt(this.at++) }
    }
    if (this.eat('\\Q')) {
      this.quoting = true
      return null
    }
    if (this.eat('\\E')) return null
    const character = this.source[this.at] ?? ''
    if (options.extendedMore && (character === ' ' || character === '\t')) {
      this.at++
      return null
    }
    if (character === '[') {
      const found = /^\[([:.=])(\^?)([a-zA-Z]*)\1\]/.exec(this.source.slice(this.at, this.at + 24))
      if (found !== null) {
        const set = found[1] === ':' ? namedSets[found[3] ?? ''] : undefined
        if (set === undefined) return this.fail(`unknown class name ${found[0]}`)
        this.at += found[0].length
        // Without case, upper and lower are both every letter.
        const folded = options.fold ? foldSet(set) : set
        return { set: found[2] === '^' ? complement(folded) : folded }
      }
    }
    if (character === '\\') return this.classEscape()
    if (this.utf && character.charCodeAt(0) >= 0xc0) return { code: this.wideLiteral() }
    this.at++
    return { code: character.charCodeAt(0) }
  }

  wideLiteral(): number {
    let text = this.source[this.at++] ?? ''
    while ((this.source.charCodeAt(this.at) & 0xc0) === 0x80) text += this.source[this.at++]
    return Buffer.from(text, 'latin1').toString('utf8').codePointAt(0) ?? 0
  }

  classEscape(): Unit {
    const start = this.at
    const letter = this.source[this.at + 1] ?? ''
    const set = escapedSets[letter]
    if (set !== undefined) {
      this.at += 2
      return { set }
    }
    if (letter === '') return this.fail('pattern ends in a single backslash')
    if (letter === 'b') {
      this.at += 2
      return { code: 0x08 }
    }
    this.at++
    return this.escapedUnit(start)
  }
}

const continuation = setWhere((byte) => byte >= 0x80 && byte < 0xc0)

/** Any one character beyond ASCII, in UTF-8. */
const wideCharacter: Node = {
  type: 'alternation',
  items: [
    wide((byte) => byte >= 0xc2 && byte < 0xe0, 1),
    wide((byte) => byte >= 0xe0 && byte < 0xf0, 2),
    wide((byte) => byte >= 0xf0 && byte < 0xf5, 3),
  ],
}

function wide(leads: (byte: number) => boolean, more: number): Node {
  const following: Node[] = Array.from({ length: more }, () => ({ type: 'set', set: continuation }))
  return { type: 'sequence', items: [{ type: 'set', set: setWhere(leads) }, ...following] }
}

function utf8(code: number): string {
  return Buffer.from(String.fromCodePoint(code), 'utf8').toString('latin1')
}

function bytes(text: string): Node {
  return {
    type: 'sequence',
    items: [...text].map((character) => ({ type: 'set', set: setOf(character.charCodeAt(0), false) })),
  }
}

/** Length in bytes of everything that the node matches, or -1 when it varies. */
export function lengthOf(node: Node): number {
  switch (node.type) {
    case 'set':
      return 1
    case 'sequence': {
      let total = 0
      for (const item of node.items) {
        const length = lengthOf(item)
        if (length < 0) return -1
        total += length
      }
      return total
    }
    case 'alternation': {
      const lengths = node.items.map(lengthOf)
      return lengths.every((length) => length === lengths[0]) ? (lengths[0] ?? 0) : -1
    }
    case 'group':
    case 'atomic':
      return lengthOf(node.item)
    case 'repeat': {
      const length = lengthOf(node.item)
      return node.min === node.max && length >= 0 ? node.min * length : -1
    }
    case 'look':
    case 'place':
      return 0
    case 'backreference':
      return -1
  }
}

/** Merges neighbouring alternatives that are single bytes: `(?:a|b)` is `[ab]`. */
export function mergeSets(items: readonly Node[]): readonly Node[] {
  const merged: Node[] = []
  for (const item of items) {
    const before = merged.at(-1)
    if (item.type === 'set' && before?.type === 'set')
      merged[merged.length - 1] = { type: 'set', set: union(before.set, item.set) }
    else merged.push(item)
  }
  return merged
}
