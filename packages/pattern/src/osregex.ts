/**
 * osregex (engine.md 6.3 to 6.5): OSSEC's own small pattern language. The first few subjects go through the exact
 * scanner; a pattern that stays in use gets code of its own.
 */
import { type Compiled, type Needs, noMatch, type Pattern } from './contract.ts'
import { literalFilter } from './fold.ts'
import { type AlternativeMatcher, generatedLengthMax, generateMatcher } from './osregex-code.ts'
import { osregexHazard } from './osregex-hazard.ts'
import { osregexNeeds, osregexPrefixes } from './osregex-literals.ts'
import { scanAlternative, scannedPositions } from './osregex-scanner.ts'
import { supersetOf } from './osregex-superset.ts'
import { type OsregexAlternative, type OsregexSyntax, parseOsregex } from './osregex-syntax.ts'
import { noteRunning } from './watchdog.ts'

/** Runs of the scanner before code is generated. */
const scansMax = 4
/** Subjects up to this length cannot keep a pattern busy for long, whatever they hold. */
const harmlessLengthMax = 2048

const cache = new Map<string, Compiled>()
const cacheCaptures = new Map<string, Compiled>()
const matchers = new Map<string, AlternativeMatcher>()

/**
 * Compiles an osregex. `captures` = "groups are wanted" of 6.4: it changes some results, so `test()` and `end()` of a
 * pattern with captures answer as `exec()` does.
 */
export function compileOsregex(source: string, options: { readonly captures: boolean }): Compiled {
  const known = options.captures ? cacheCaptures : cache
  let compiled = known.get(source)
  if (compiled === undefined) {
    const syntax = parseOsregex(source)
    if ('error' in syntax) compiled = syntax
    else if (options.captures && syntax.groupCount === 0) compiled = compileOsregex(source, { captures: false })
    else compiled = { pattern: new OsregexPattern(source, syntax, options.captures) }
    known.set(source, compiled)
  }
  return compiled
}

let positions = new Int32Array(64)

class OsregexPattern implements Pattern {
  readonly dialect = 'osregex'
  readonly source: string
  readonly groupCount: number
  readonly #syntax: OsregexSyntax
  readonly #wanted: boolean
  #needs: Needs | null | undefined
  #prefixes: Needs | null | undefined
  #hazard: string | null | undefined
  #filter: ((subject: string) => boolean) | null = null
  #scans = 0
  #matchers: readonly AlternativeMatcher[] | null = null
  #watched = false
  #capturing: Pattern | undefined
  /** The alternative that matched last. */
  #matched = 0

  constructor(source: string, syntax: OsregexSyntax, wanted: boolean) {
    this.source = source
    this.groupCount = syntax.groupCount
    this.#syntax = syntax
    this.#wanted = wanted
  }

  get needs(): Needs | null {
    if (this.#needs === undefined) this.#needs = osregexNeeds(this.#syntax)
    return this.#needs
  }

  get prefixes(): Needs | null {
    if (this.#prefixes === undefined) this.#prefixes = osregexPrefixes(this.#syntax)
    return this.#prefixes
  }

  get hazard(): string | null {
    if (this.#hazard === undefined) this.#hazard = osregexHazard(this.#syntax)
    return this.#hazard
  }

  get cost(): 'linear' | 'backtracking' {
    return this.hazard === null ? 'linear' : 'backtracking'
  }

  test(subject: string): boolean {
    return this.#run(subject) !== noMatch
  }

  end(subject: string): number {
    return this.#run(subject)
  }

  exec(subject: string, groups: string[]): number {
    groups.length = 0
    if (!this.#wanted && this.groupCount > 0) return this.#withGroups().exec(subject, groups)
    const result = this.#run(subject)
    if (result === noMatch) return noMatch
    const count = this.#syntax.alternatives[this.#matched]?.parenCount ?? 0
    for (let paren = 0; paren + 1 < count; paren += 2) {
      const from = positions[paren] ?? -1
      const to = positions[paren + 1] ?? -1
      if (from < 0 || to < 0) break
      groups.push(subject.slice(from, to))
    }
    return result
  }

  /** The same pattern with groups wanted: exec() of a pattern without captures is asked for groups all the same. */
  #withGroups(): Pattern {
    this.#capturing ??= new OsregexPattern(this.source, this.#syntax, true)
    return this.#capturing
  }

  #run(subject: string): number {
    const matchersNow = this.#matchers ?? this.#warmUp()
    const filter = this.#filter
    if (filter !== null && !filter(subject)) return noMatch
    if (this.#watched && subject.length > harmlessLengthMax) {
      noteRunning(this)
      const result = this.#match(matchersNow, subject)
      noteRunning(null)
      return result
    }
    return this.#match(matchersNow, subject)
  }

  #match(matchersNow: readonly AlternativeMatcher[] | null, subject: string): number {
    const { alternatives } = this.#syntax
    for (let at = 0; at < alternatives.length; at++) {
      const alternative = alternatives[at]
      if (alternative === undefined) break
      const matcher = matchersNow?.[at]
      const result = matcher === undefined ? scan(alternative, subject, this.#wanted) : matcher(subject, positions)
      if (result !== noMatch) {
        this.#matched = at
        return result
      }
    }
    return noMatch
  }

  /** Counts the scans; null while there is no code yet. */
  #warmUp(): readonly AlternativeMatcher[] | null {
    if (this.#scans === 0) {
      this.#filter = filterOf(this.#syntax, this.needs)
      this.#watched = this.cost === 'backtracking'
    }
    if (this.#scans++ < scansMax) return null
    this.#matchers = this.#syntax.alternatives.map((alternative) => {
      const { text, anchoredStart, anchoredEnd, parenCount } = alternative
      if (parenCount > positions.length) positions = new Int32Array(parenCount * 2)
      if (text.length > generatedLengthMax) return (subject) => scan(alternative, subject, this.#wanted)
      const key = `${anchoredStart ? '^' : ' '}${anchoredEnd ? '$' : ' '}${this.#wanted ? '1' : '0'}${text}`
      let matcher = matchers.get(key)
      if (matcher === undefined) {
        matcher = generateMatcher(alternative, this.#wanted)
        matchers.set(key, matcher)
      }
      return matcher
    })
    return this.#matchers
  }
}

function scan(alternative: OsregexAlternative, subject: string, wanted: boolean): number {
  const result = scanAlternative(alternative, subject, wanted)
  if (result === noMatch) return noMatch
  const { parenCount } = alternative
  if (parenCount > positions.length) positions = new Int32Array(parenCount * 2)
  for (let paren = 0; paren < parenCount; paren++) positions[paren] = scannedPositions()[paren] ?? -1
  return result
}

/** A literal to look for first, where the matcher itself could not see soon that there is nothing to find. */
function filterOf({ alternatives }: OsregexSyntax, needs: Needs | null): ((subject: string) => boolean) | null {
  const dear = alternatives.some(
    ({ anchoredStart, quantifiers }) => !anchoredStart && quantifiers.some((quantifier) => quantifier !== 0),
  )
  if (!dear) return null
  const literals = literalFilter(needs, 3)
  const superset = supersetOf(alternatives)
  if (superset === null) return literals
  const holds = (subject: string): boolean => subject.length > harmlessLengthMax || superset.test(subject)
  return literals === null ? holds : (subject) => literals(subject) && holds(subject)
}
