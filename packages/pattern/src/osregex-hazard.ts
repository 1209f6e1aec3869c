/**
 * Can an osregex be kept busy longer than in proportion to its subject? Its scanner starts again behind the first item
 * of a failed attempt, and goes back to where a token was left; both can read the same stretch many times.
 */
import { takeOvers } from './osregex-code.ts'
import {
  classTables,
  kindEnd,
  kindParen,
  kindToken,
  type OsregexAlternative,
  type OsregexSyntax,
} from './osregex-syntax.ts'

/** Why the pattern may be slow on hostile subjects, for people; null when it may not. */
export function osregexHazard(syntax: OsregexSyntax): string | null {
  for (const alternative of syntax.alternatives) {
    const reason = hazardOf(alternative)
    if (reason !== null) return reason
  }
  return null
}

function hazardOf(alternative: OsregexAlternative): string | null {
  const loops = quantifiedAt(alternative)
  if (loops.length === 0) return null
  const last = loops.at(-1) ?? 0
  // A final loop with nothing behind it cannot fail.
  const failing = !alternative.anchoredEnd && endsBehind(alternative, last) ? loops.slice(0, -1) : loops
  if (failing.length === 0) return null
  if (takeOvers(alternative) !== 'none' && failing.length > 1)
    return 'several repetitions that give way to what follows'
  if (alternative.anchoredStart) return null
  return failing.every((loop) => cannotHoldStart(alternative, loop))
    ? null
    : 'a failed attempt may read the same text again from each new start'
}

function quantifiedAt({ kinds, quantifiers, text }: OsregexAlternative): readonly number[] {
  const found: number[] = []
  for (let p = 0; p < text.length; p++) if (kinds[p] === kindToken && quantifiers[p] !== 0) found.push(p)
  return found
}

function endsBehind({ kinds }: OsregexAlternative, loop: number): boolean {
  const q = kinds[loop + 3] === kindParen ? loop + 4 : loop + 3
  return kinds[q] === kindEnd
}

/** Is there a byte at the pattern's fixed start that the loop can never read? Then no new start lies inside its run. */
function cannotHoldStart({ kinds, quantifiers, values, text }: OsregexAlternative, loop: number): boolean {
  const table = classTables[values[loop] ?? 0]
  for (let p = 0; p < text.length; ) {
    if (kinds[p] === kindToken) {
      if (quantifiers[p] !== 0) return false
      const own = classTables[values[p] ?? 0]
      if (own?.every((flag, byte) => flag === 0 || table?.[byte] === 0) === true) return true
      p += 2
    } else if (kinds[p] === kindParen) p++
    else {
      const value = values[p] ?? 0
      const upper = value >= 0x61 && value <= 0x7a ? value - 32 : value
      if (table?.[value] === 0 && table[upper] === 0) return true
      p++
    }
  }
  return false
}
