/**
 * A quick native test that every match of an osregex passes: the scan of engine.md 6.4 consumes a gapless run of bytes, each fitting an item of the
 * pattern in order, so a piece of the pattern, read as an ordinary regular expression, must match too. It may also match where the osregex does not. What may be
 * left over at the subject's end is no part of the piece; and once a token has taken over from a token, tokens are passed over without a byte, so the piece ends there.
 */
import { firstTokenTakeOver } from './osregex-code.ts'
import { firmEnd, looseEnd } from './osregex-literals.ts'
import {
  kindLiteral,
  kindParen,
  kindToken,
  type OsregexAlternative,
  quantifierNone,
  quantifierStar,
  tokenLetters,
} from './osregex-syntax.ts'

/** Fewest single-byte items that make a piece selective: anywhere, and at the subject's start, where it is soon asked for. */
const fixedMin = 4
const fixedAtStartMin = 2

/** Byte classes by token letter; the wide ones (all but a few bytes) are left out, since a run of them backtracks. */
const narrow: Readonly<Record<string, string>> = {
  d: '[0-9]',
  w: '[-@_0-9A-Za-z]',
  s: ' ',
  p: "[!-&'()*+,\\-.:;<=>?\\[\\]{|}]",
  t: '\\t',
  '(': '\\(',
  ')': '\\)',
  '\\': '\\\\',
  $: '\\$',
  '|': '\\|',
  '<': '<',
}
const wide: Readonly<Record<string, string>> = { '.': '[^]', D: '[^0-9]', W: '[^-@_0-9A-Za-z]', S: '[^ ]' }

/** A regular expression for all alternatives together; null when one of them offers no selective piece. */
export function supersetOf(alternatives: readonly OsregexAlternative[]): RegExp | null {
  const pieces: string[] = []
  for (const alternative of alternatives) {
    const piece = pieceOf(alternative)
    if (piece === null) return null
    pieces.push(piece)
  }
  return new RegExp(pieces.join('|'))
}

function pieceOf(alternative: OsregexAlternative): string | null {
  const { anchoredStart, kinds, quantifiers, values } = alternative
  // From an anchored start nothing is passed over before a token takes over; another start may bring the flag along.
  const loose = firstTokenTakeOver(alternative)
  if (loose !== -1 && !anchoredStart) return null
  const end = loose === -1 ? firmEnd(alternative) : Math.min(loose, looseEnd(alternative))
  let piece = ''
  let kept = ''
  let fixed = 0
  for (let at = 0; at < end; ) {
    const kind = kinds[at]
    if (kind === kindParen) {
      // The second of two neighbours is a literal.
      if (kinds[at + 1] === kindParen) break
      at++
      continue
    }
    if (kind === kindLiteral) {
      piece += literal(values[at] as number)
      fixed++
      kept = piece
      at++
      continue
    }
    if (kind !== kindToken) break
    const letter = tokenLetters[values[at] as number] as string
    const quantifier = quantifiers[at] as number
    const isFixed = quantifier === quantifierNone
    const source = narrow[letter] ?? (isFixed ? wide[letter] : undefined)
    at += isFixed ? 2 : 3
    // A run at the beginning only says where the piece begins; a wide run ends it.
    if (source === undefined) {
      if (fixed === 0 && !anchoredStart) continue
      break
    }
    if (fixed === 0 && !isFixed && !anchoredStart) continue
    piece += source + (isFixed ? '' : quantifier === quantifierStar ? '*' : '+')
    if (isFixed) fixed++
    kept = piece
  }
  if (anchoredStart) return fixed >= fixedAtStartMin ? `^${kept}` : null
  return fixed >= fixedMin ? kept : null
}

/** `byte` is folded: a letter stands for both cases. */
function literal(byte: number): string {
  const char = String.fromCharCode(byte)
  if (byte >= 0x61 && byte <= 0x7a) return `[${char}${char.toUpperCase()}]`
  return `\\x${byte.toString(16).padStart(2, '0')}`
}
