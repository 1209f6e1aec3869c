/** A word about dangerous patterns for those who load rules. */
import type { Pattern } from './contract.ts'

/** Names a pattern that hostile text can keep busy, and why; null for a harmless one. */
export function classify(pattern: Pattern): string | null {
  return pattern.hazard === null ? null : `${pattern.dialect} ${JSON.stringify(pattern.source)}: ${pattern.hazard}`
}
