/** What a search asks for, as a tree. Made by `parseQuery`, or by hand; a store turns it into its own language. */

/** One end of a range. Text as typed: whether it is compared as a number or as text is for the store to say. */
export interface Bound {
  readonly value: string
  readonly isInclusive: boolean
}

/** A piece of a wildcard pattern: text as it is, any text, or any one character. */
export type WildcardPart = { readonly text: string } | { readonly any: 'text' | 'character' }

export type Query =
  | { readonly kind: 'all' }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Query[] }
  | { readonly kind: 'not'; readonly part: Query }
  | { readonly kind: 'exists'; readonly field: string }
  | { readonly kind: 'equals'; readonly field: string; readonly value: string }
  | { readonly kind: 'wildcard'; readonly field: string; readonly pattern: readonly WildcardPart[] }
  | { readonly kind: 'range'; readonly field: string; readonly from: Bound | null; readonly to: Bound | null }
  /** Free text, case ignored; pieces between which any text may stand. */
  | { readonly kind: 'text'; readonly pattern: readonly WildcardPart[] }

/** A mistake, with its place in UTF-16 code units; `to` is behind its last one. */
export interface QueryProblem {
  readonly message: string
  readonly from: number
  readonly to: number
}

/** Longest query in UTF-16 code units. */
export const queryLengthMax = 8192
/** Deepest nesting of parentheses and NOT. */
export const queryDepthMax = 32
/** Most conditions in one query. */
export const queryTermsMax = 256

/** A value as one may type it: quoted where it would mean something else. */
export function quoted(value: string): string {
  const isPlain = /^[\p{L}\p{N}_./@][\p{L}\p{N}_./@:-]*$/u.test(value) && !/^(?:and|or|not|to|exists)$/i.test(value)
  return isPlain ? value : `"${value.replace(/["\\]/g, '\\$&')}"`
}
