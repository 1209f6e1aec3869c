/** Patterns to be named when a ruleset is loaded: those that a hostile text can keep busy for ever, and those that may answer otherwise than the reference's. */
import { catastropheOf, emptyRoundOf, type Pattern } from '@dogwatch/pattern'

/**
 * Why a pattern's work is known to grow exponentially with a text in a backtracking matcher; null for all others. Work that grows with a power of
 * the text's length is not told: thousands of well-known patterns are of that kind, and the watchdog cuts off what takes too long.
 */
export function runawayReason(pattern: Pattern): string | null {
  return catastropheOf(pattern)
}

/** Why a pattern's groups, or where its match ends, may not be the reference's; null for all others. */
export function emptyRoundReason(pattern: Pattern): string | null {
  return emptyRoundOf(pattern)
    ? "a loop whose round may match nothing, such as (a|)*: its groups and its end may differ from PCRE2's. Write it so that each round takes something"
    : null
}
