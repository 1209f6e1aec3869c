/**
 * pcre2 (engine.md 6.6): PCRE2 without options, on bytes. V8 runs it, from a source of our own making; patterns that
 * can backtrack badly go to re2js (linear time) where it accepts them, at once when exponential, on long subjects when
 * polynomial. What remains is marked `backtracking`, to be run under a deadline.
 */
import { RE2JS } from 're2js'
import { type Compiled, type Needs, noMatch, type Pattern } from './contract.ts'
import { literalFilter } from './fold.ts'
import { emitRe2, emitV8, type V8Source, visit } from './pcre2-emit.ts'
import { gapTest } from './pcre2-gaps.ts'
import { type Hazard, hazardOf, tooBig } from './pcre2-hazard.ts'
import { needsOf, prefixesOf } from './pcre2-literals.ts'
import { linearPrefix } from './pcre2-prefix.ts'
import { hasVisibleEmptyRound } from './pcre2-rounds.ts'
import { type Node, type Pcre2Syntax, parsePcre2 } from './pcre2-syntax.ts'
import { mayRun, noteRunning } from './watchdog.ts'

/** Steps that a polynomial pattern may cost in V8 before re2js takes over. */
const stepsMax = 4_000_000

const cache = new Map<string, Compiled>()

/** Compiles a PCRE2 pattern. The engines behind it are made on first use. */
export function compilePcre2(source: string): Compiled {
  let compiled = cache.get(source)
  if (compiled === undefined) {
    const syntax = parsePcre2(source)
    if ('error' in syntax) compiled = syntax
    else {
      const v8 = emitV8(syntax.root)
      compiled =
        v8 === null
          ? {
              error: {
                message:
                  'atomic groups in a lookbehind, and back references that ignore case in part, are not supported',
                offset: 0,
              },
            }
          : { pattern: new Pcre2Pattern(source, syntax, v8) }
    }
    cache.set(source, compiled)
  }
  return compiled
}

/** Any matcher: the raw end index or `noMatch`, groups on demand. */
interface Matcher {
  test(subject: string): boolean
  exec(subject: string, groups: string[] | null): number
}

class Pcre2Pattern implements Pattern {
  readonly dialect = 'pcre2'
  readonly source: string
  readonly groupCount: number
  readonly #syntax: Pcre2Syntax
  readonly #v8: V8Source
  #needs: Needs | null | undefined
  #prefixes: Needs | null | undefined
  #hazard: Hazard | undefined
  #quickTest: ((subject: string) => boolean) | undefined
  #filter: ((subject: string) => boolean) | null | undefined
  #fast: Matcher | undefined
  #safe: Matcher | null | undefined
  #fastLengthMax = 0

  constructor(source: string, syntax: Pcre2Syntax, v8: V8Source) {
    this.source = source
    this.groupCount = syntax.groupCount
    this.#syntax = syntax
    this.#v8 = v8
  }

  get needs(): Needs | null {
    if (this.#needs === undefined) this.#needs = needsOf(this.#syntax.root)
    return this.#needs
  }

  get prefixes(): Needs | null {
    if (this.#prefixes === undefined) this.#prefixes = prefixesOf(this.#syntax.root)
    return this.#prefixes
  }

  get cost(): 'linear' | 'backtracking' {
    const hazard = this.#judged()
    return hazard.degree <= 1 || this.#safeMatcher() !== null ? 'linear' : 'backtracking'
  }

  /** Why a hostile text could keep a backtracking matcher busy for ever; null when none can, or the pattern is too big to say. */
  get catastrophe(): string | null {
    const { exponential, reason } = this.#judged()
    return exponential && reason !== tooBig ? reason : null
  }

  get hasVisibleEmptyRound(): boolean {
    return hasVisibleEmptyRound(this.#syntax.root)
  }

  get hazard(): string | null {
    return this.cost === 'linear' ? null : this.#judged().reason
  }

  test(subject: string): boolean {
    this.#quickTest ??=
      gapTest(this.#syntax.root) ?? ((text) => this.#mayMatch(text) && this.#matcherFor(text).test(text))
    return this.#quickTest(subject)
  }

  end(subject: string): number {
    return this.#mayMatch(subject) ? this.#matcherFor(subject).exec(subject, null) : noMatch
  }

  exec(subject: string, groups: string[]): number {
    groups.length = 0
    return this.#mayMatch(subject) ? this.#matcherFor(subject).exec(subject, groups) : noMatch
  }

  /** A literal that must be there is looked for first: V8 sees it late where it does not stand at the start. */
  #mayMatch(subject: string): boolean {
    if (this.#filter === undefined) this.#filter = literalFilter(this.needs, 3)
    return this.#filter === null || this.#filter(subject)
  }

  #judged(): Hazard {
    this.#hazard ??= hazardOf(this.#syntax.root)
    return this.#hazard
  }

  #matcherFor(subject: string): Matcher {
    this.#fast ??= this.#prepare()
    if (subject.length <= this.#fastLengthMax) return this.#fast
    return this.#safeMatcher() ?? this.#fast
  }

  /** The V8 matcher, and how long a subject may be for it. */
  #prepare(): Matcher {
    const { exponential, degree } = this.#judged()
    this.#fastLengthMax =
      exponential || resetsGroups(this.#syntax.root)
        ? -1
        : degree <= 1
          ? Number.POSITIVE_INFINITY
          : lengthMaxFor(degree)
    const matcher = new V8Matcher(this.#v8)
    return degree <= 1 ? matcher : new NotedMatcher(matcher, this)
  }

  #safeMatcher(): Matcher | null {
    if (this.#safe === undefined) {
      const re2 = emitRe2(this.#syntax.root, this.groupCount)
      try {
        this.#safe = re2 === null ? null : new Re2Matcher(re2.source, re2.endGroup, linearPrefix(this.#syntax.root))
      } catch {
        this.#safe = null
      }
    }
    return this.#safe
  }
}

/**
 * The longest subject for which a pattern of this degree stays within `stepsMax`. The places where its loops end, and
 * where the attempt began, are in order, so there are at most length ** degree / degree! ways to choose them.
 */
function lengthMaxFor(degree: number): number {
  let orders = 1
  for (let factor = 2; factor <= degree; factor++) orders *= factor
  return Math.floor((stepsMax * orders) ** (1 / degree))
}

/**
 * V8 forgets a group at each new round of a repetition around it; PCRE2 keeps what an earlier round set, as RE2 does.
 * It shows only where a round can leave the group out.
 */
function resetsGroups(root: Node): boolean {
  let found = false
  visit(root, (node) => {
    if (node.type === 'repeat' && node.max > 1 && leavesOut(node.item)) found = true
  })
  return found
}

function leavesOut(node: Node): boolean {
  if (node.type === 'alternation') return node.items.some(hasGroup)
  if (node.type === 'repeat' && node.min === 0) return hasGroup(node.item)
  if (node.type === 'sequence') return node.items.some(leavesOut)
  return 'item' in node && leavesOut(node.item)
}

function hasGroup(node: Node): boolean {
  let found = false
  visit(node, (inner) => {
    if (inner.type === 'group') found = true
  })
  return found
}

class V8Matcher implements Matcher {
  readonly #expression: RegExp
  readonly #numbers: V8Source['groups']

  constructor(source: V8Source) {
    this.#expression = new RegExp(source.source, source.flags)
    this.#numbers = source.groups
  }

  test(subject: string): boolean {
    return this.#expression.test(subject)
  }

  exec(subject: string, groups: string[] | null): number {
    const found = this.#expression.exec(subject)
    if (found === null) return noMatch
    if (groups !== null) {
      for (let group = 1; group < this.#numbers.length; group++) {
        const number = this.#numbers[group]?.find((one) => found[one] !== undefined)
        const text = number === undefined ? undefined : found[number]
        if (text === undefined) continue
        while (groups.length < group - 1) groups.push('')
        groups.push(text)
      }
    }
    return found.index + found[0].length - 1
  }
}

/** Tells the watchdog which pattern is at work. */
class NotedMatcher implements Matcher {
  readonly #inner: Matcher
  readonly #pattern: Pattern

  constructor(inner: Matcher, pattern: Pattern) {
    this.#inner = inner
    this.#pattern = pattern
  }

  test(subject: string): boolean {
    if (!mayRun(this.#pattern)) return false
    noteRunning(this.#pattern)
    const result = this.#inner.test(subject)
    noteRunning(null)
    return result
  }

  exec(subject: string, groups: string[] | null): number {
    if (!mayRun(this.#pattern)) return noMatch
    noteRunning(this.#pattern)
    const result = this.#inner.exec(subject, groups)
    noteRunning(null)
    return result
  }
}

/** `prefix` holds for every subject that matches; it is much quicker, so it is asked first. */
class Re2Matcher implements Matcher {
  readonly #expression: RE2JS
  readonly #endGroup: number
  readonly #prefix: RegExp | null

  constructor(source: string, endGroup: number, prefix: RegExp | null) {
    this.#expression = RE2JS.compile(source)
    this.#endGroup = endGroup
    this.#prefix = prefix
  }

  test(subject: string): boolean {
    return (this.#prefix === null || this.#prefix.test(subject)) && this.#expression.test(subject)
  }

  exec(subject: string, groups: string[] | null): number {
    if (this.#prefix !== null && !this.#prefix.test(subject)) return noMatch
    const matcher = this.#expression.matcher(subject)
    if (!matcher.find()) return noMatch
    if (groups !== null) {
      for (let group = 1; group < this.#endGroup; group++) {
        const text = matcher.group(group)
        if (text === null || text === undefined) continue
        while (groups.length < group - 1) groups.push('')
        groups.push(text)
      }
    }
    return matcher.start(this.#endGroup) - 1
  }
}

/** Why a pcre2 pattern is catastrophic (exponential) for a backtracking matcher; null for all others. */
export function catastropheOf(pattern: Pattern): string | null {
  return pattern instanceof Pcre2Pattern ? pattern.catastrophe : null
}

/** Whether a pcre2 pattern has a loop with a round that may be empty, so that its groups or its end may differ from the reference's. */
export function emptyRoundOf(pattern: Pattern): boolean {
  return pattern instanceof Pcre2Pattern && pattern.hasVisibleEmptyRound
}
