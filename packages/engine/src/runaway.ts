/** Patterns that a hostile text can keep busy for ever, to be named when a ruleset is loaded. */
import { catastropheOf, type Pattern } from '@dogwatch/pattern'

/**
 * Why a pattern's work is known to grow exponentially with a text in a backtracking matcher; null for all others. Work that grows with a power of
 * the text's length is not told: thousands of well-known patterns are of that kind, and the watchdog cuts off what takes too long.
 */
export function runawayReason(pattern: Pattern): string | null {
  return catastropheOf(pattern)
}
