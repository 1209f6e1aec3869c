/** Patterns that a hostile text can keep busy for ever, to be named when a ruleset is loaded. */
import { catastropheOf, type Pattern } from '@dogwatch/pattern'

/** Reasons that say no more than: it may be slow. Thousands of well-known patterns are of that kind; texts are bounded, and the watchdog cuts off what takes too long. */
const mildReasons = /to the power of|too big to be judged/

/** Why a pattern's work is known to grow exponentially with a text; null for all others. */
export function runawayReason({ dialect, hazard }: Pattern): string | null {
  return dialect === 'pcre2' && hazard !== null && !mildReasons.test(hazard) ? hazard : null
}
