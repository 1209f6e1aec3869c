/**
 * osregex (engine.md 6.3 to 6.5): OSSEC's own small pattern language. The first few subjects go through the exact
 * scanner. For a pattern that stays in use, V8's regular expressions run those alternatives that mean the same there
 * (on short subjects), and code of its own the others.
 */
import { type Compiled, type Needs, noMatch, type Pattern } from './contract.ts'
import { literalFilter } from './fold.ts'
import { type AlternativeMatcher, generatedLengthMax, generateMatcher } from './osregex-code.ts'
import { osregexHazard } from './osregex-hazard.ts'
import { osregexNeeds, osregexPrefixes } from './osregex-literals.ts'
import { type NativeAlternative, nativeAlternative, undecided } from './osregex-native.ts'
import { scanAlternative, scannedPositions } from './osregex-scanner.ts'
import { supersetOf } from './osregex-superset.ts'
import { type OsregexAlternative, type OsregexSyntax, parseOsregex } from './osregex-syntax.ts'
import { noteRunning } from './watchdog.ts'

/** Runs of the scanner before anything faster is made. */
const scansMax = 4
/** Bytes that the scanner has looked at for an alternative before code is generated for it: V8 takes some 15 ms to make such code fast, the scanner as long for these. */
const scannedBytesMax = 4 << 20
/** Subjects up to this length cannot keep a pattern busy for long, whatever they hold. */
const harmlessLengthMax = 256
/** Longest subject for the test that all matches must pass; its runs are narrow. */
const supersetLengthMax = 4096

const cache = new Map<string, Compiled>()
const cacheCaptures = new Map<string, Compiled>()
const natives = new Map<string, NativeAlternative | null>()
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
  #runners: readonly Runner[] | null = null
  #watched = false
  #capturing: Pattern | undefined

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
    return this.#run(subject, 'test', null) !== noMatch
  }

  end(subject: string): number {
    return this.#run(subject, 'end', null)
  }

  exec(subject: string, groups: string[]): number {
    groups.length = 0
    if (!this.#wanted && this.groupCount > 0) return this.#withGroups().exec(subject, groups)
    return this.#run(subject, 'exec', groups)
  }

  /** The same pattern with groups wanted: exec() of a pattern without captures is asked for groups all the same. */
  #withGroups(): Pattern {
    this.#capturing ??= new OsregexPattern(this.source, this.#syntax, true)
    return this.#capturing
  }

  /** `test` answers anything but `noMatch` for yes. */
  #run(subject: string, want: Want, groups: string[] | null): number {
    const runners = this.#runners ?? this.#warmUp()
    const filter = this.#filter
    if (filter !== null && !filter(subject)) return noMatch
    if (this.#watched && subject.length > harmlessLengthMax) {
      noteRunning(this)
      const result = this.#match(runners, subject, want, groups)
      noteRunning(null)
      return result
    }
    return this.#match(runners, subject, want, groups)
  }

  #match(runners: readonly Runner[] | null, subject: string, want: Want, groups: string[] | null): number {
    if (runners === null) return this.#scan(subject, groups)
    for (const runner of runners) {
      const result = runner.run(subject, want, groups)
      if (result !== noMatch) return result
    }
    return noMatch
  }

  #scan(subject: string, groups: string[] | null): number {
    for (const alternative of this.#syntax.alternatives) {
      const result = scan(alternative, subject, this.#wanted)
      if (result === noMatch) continue
      if (groups !== null) collect(alternative, subject, groups)
      return result
    }
    return noMatch
  }

  /** Counts the scans; null while there is nothing better yet. */
  #warmUp(): readonly Runner[] | null {
    if (this.#scans === 0) {
      this.#filter = filterOf(this.#syntax, this.needs)
      this.#watched = this.cost === 'backtracking'
    }
    if (this.#scans++ < scansMax) return null
    this.#runners = this.#syntax.alternatives.map((alternative) => new Runner(alternative, this.#wanted))
    return this.#runners
  }
}

/** What is asked of an alternative: yes or no, the end index, the groups too. */
type Want = 'test' | 'end' | 'exec'

/** One alternative in the fastest form there is for it. */
class Runner {
  readonly #alternative: OsregexAlternative
  readonly #wanted: boolean
  readonly #native: NativeAlternative | null
  /** What all matches must pass, for an alternative that V8 does not run itself. */
  readonly #superset: RegExp | null
  #matcher: AlternativeMatcher | null = null
  #scannedBytes = 0

  constructor(alternative: OsregexAlternative, wanted: boolean) {
    this.#alternative = alternative
    this.#wanted = wanted
    this.#native = nativeOf(alternative)
    this.#superset = this.#native === null ? supersetOf([alternative]) : null
  }

  run(subject: string, want: Want, groups: string[] | null): number {
    const native = this.#native
    if (native !== null && subject.length <= native.lengthMax) {
      if (groups === null) return want === 'end' ? native.end(subject) : native.test(subject) ? 0 : noMatch
      const result = native.exec(subject, groups)
      if (result !== undecided) return result
    }
    const superset = this.#superset
    if (superset !== null && subject.length <= supersetLengthMax && !superset.test(subject)) return noMatch
    if (this.#matcher === null && this.#scannedBytes < scannedBytesMax) {
      this.#scannedBytes += subject.length
      const result = scan(this.#alternative, subject, this.#wanted)
      if (groups !== null && result !== noMatch) collect(this.#alternative, subject, groups)
      return result
    }
    this.#matcher ??= matcherOf(this.#alternative, this.#wanted)
    const result = this.#matcher(subject, positions)
    if (groups !== null && result !== noMatch) collect(this.#alternative, subject, groups)
    return result
  }
}

function keyOf({ text, anchoredStart, anchoredEnd }: OsregexAlternative): string {
  return `${anchoredStart ? '^' : ' '}${anchoredEnd ? '$' : ' '}${text}`
}

function nativeOf(alternative: OsregexAlternative): NativeAlternative | null {
  const key = keyOf(alternative)
  let native = natives.get(key)
  if (native === undefined) {
    native = nativeAlternative(alternative)
    natives.set(key, native)
  }
  return native
}

function matcherOf(alternative: OsregexAlternative, wanted: boolean): AlternativeMatcher {
  const { text, parenCount } = alternative
  if (parenCount > positions.length) positions = new Int32Array(parenCount * 2)
  if (text.length > generatedLengthMax) return (subject) => scan(alternative, subject, wanted)
  const key = (wanted ? '1' : '0') + keyOf(alternative)
  let matcher = matchers.get(key)
  if (matcher === undefined) {
    matcher = generateMatcher(alternative, wanted)
    matchers.set(key, matcher)
  }
  return matcher
}

function scan(alternative: OsregexAlternative, subject: string, wanted: boolean): number {
  const result = scanAlternative(alternative, subject, wanted)
  if (result === noMatch) return noMatch
  const { parenCount } = alternative
  if (parenCount > positions.length) positions = new Int32Array(parenCount * 2)
  for (let paren = 0; paren < parenCount; paren++) positions[paren] = scannedPositions()[paren] ?? -1
  return result
}

/** Adds the groups whose places are in `positions`, up to the first that is missing. */
function collect({ parenCount }: OsregexAlternative, subject: string, groups: string[]): void {
  for (let paren = 0; paren + 1 < parenCount; paren += 2) {
    const from = positions[paren] ?? -1
    const to = positions[paren + 1] ?? -1
    if (from < 0 || to < 0) return
    groups.push(subject.slice(from, to))
  }
}

/** So many alternatives are dearer to try in turn than a literal is to look for, even if each is anchored. */
const manyAlternatives = 4

/** A literal to look for first, where the matcher itself could not see soon that there is nothing to find. */
function filterOf({ alternatives }: OsregexSyntax, needs: Needs | null): ((subject: string) => boolean) | null {
  const isNative = alternatives.every((alternative) => nativeOf(alternative) !== null)
  const dear =
    !isNative ||
    alternatives.length >= manyAlternatives ||
    alternatives.some(
      ({ anchoredStart, quantifiers }) => !anchoredStart && quantifiers.some((quantifier) => quantifier !== 0),
    )
  if (!dear) return null
  const literals = literalFilter(needs, 3)
  // V8 finds the beginnings of its own expressions soon. A single alternative is asked for its own test where it is run.
  const superset = isNative || alternatives.length === 1 ? null : supersetOf(alternatives)
  if (superset === null) return literals
  const holds = (subject: string): boolean => subject.length > supersetLengthMax || superset.test(subject)
  return literals === null ? holds : (subject) => literals(subject) && holds(subject)
}
