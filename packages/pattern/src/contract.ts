/**
 * The one contract that every pattern dialect fulfils (engine.md part 6).
 *
 * Subjects are latin1 strings: one code unit per byte. A subject that starts in the middle of a text is passed as a
 * slice, so that a pattern never sees what stands before it. Bad patterns are values (`PatternError`), not exceptions.
 */

/** The four pattern languages of rules and decoders. */
export type Dialect = 'osregex' | 'osmatch' | 'pcre2' | 'string'

/** What `end()` and `exec()` answer when the subject does not match. Below every end index: the lowest is -1. */
export const noMatch = -2

/** Longest pattern in bytes (engine.md part 17). */
export const patternLengthMax = 20_480

/**
 * Literals of which at least one must occur in a matching subject: a sound necessary condition, not a sufficient one.
 * With `fold` the comparison ignores ASCII case and the literals are lower case.
 */
export interface Needs {
  readonly anyOf: readonly string[]
  readonly fold: boolean
}

/** A compiled pattern. Immutable to its users; matching keeps no state between calls. */
export interface Pattern {
  readonly dialect: Dialect
  readonly source: string
  /** Number of capture groups in the whole pattern. */
  readonly groupCount: number
  /** Does the subject match? */
  test(subject: string): boolean
  /**
   * The raw end index that the reference's matcher returns (engine.md 6.5), or `noMatch`. osregex: as its scanner has
   * it, -1 included; pcre2: end of the match minus one; osmatch and string: 0.
   */
  end(subject: string): number
  /**
   * As `end()` with groups wanted. Fills `groups` from index 0 (group 1 at index 0) and sets its length to the number
   * of groups to store. `groups` is empty when the subject does not match.
   */
  exec(subject: string, groups: string[]): number
  /** Necessary literals, as long and rare as they could be had; null when none is provable. */
  readonly needs: Needs | null
  /** Texts of which one must stand at the subject's very start; null when a match may begin elsewhere. */
  readonly prefixes: Needs | null
  /** `linear`: the work is bounded by a small multiple of the subject's length. `backtracking`: run it under a deadline. */
  readonly cost: 'linear' | 'backtracking'
  /** Why the pattern is `backtracking`, for people; null when it is not. */
  readonly hazard: string | null
}

/** What is wrong with a pattern, and at which byte of its source. */
export interface PatternError {
  readonly message: string
  /** Byte offset in the pattern's source. */
  readonly offset: number
}

/** A pattern, or the reason why there is none. */
export type Compiled =
  | { readonly pattern: Pattern; readonly error?: undefined }
  | { readonly error: PatternError; readonly pattern?: undefined }

/** Is `compiled` a pattern? Narrows the union. */
export function isPattern(compiled: Compiled): compiled is { readonly pattern: Pattern } {
  return compiled.pattern !== undefined
}

/** The error branch of `Compiled`. */
export function patternError(message: string, offset: number): { readonly error: PatternError } {
  return { error: { message, offset } }
}
