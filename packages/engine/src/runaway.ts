/** Patterns that a hostile text can keep busy for ever, to be named when a ruleset is loaded. */
import type { Pattern } from '@dogwatch/pattern'

/**
 * Why a pattern's work can grow exponentially; null for others. Work that only grows with a power of the text's length is not told: thousands of
 * well-known osregex patterns are of that kind, texts are bounded, and the watchdog cuts off what takes too long.
 */
export function runawayReason({ dialect, hazard }: Pattern): string | null {
  return dialect === 'pcre2' && hazard !== null && !hazard.includes('to the power of') ? hazard : null
}
