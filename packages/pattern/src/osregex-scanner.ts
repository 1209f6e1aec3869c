/**
 * The exact osregex matcher: the procedure of engine.md 6.4, written down literally. It is the oracle of every faster
 * form. Not a backtracking engine: one pass with an undo stack of four, so matches that a regular expression would
 * find may be missed, and that is wanted.
 */
import { noMatch } from './contract.ts'
import {
  classTables,
  foldTable,
  kindEnd,
  kindLiteral,
  kindParen,
  kindToken,
  type OsregexAlternative,
  type OsregexSyntax,
  quantifierNone,
  quantifierPlus,
  quantifierStar,
} from './osregex-syntax.ts'

/** `last` while unset; below -1, which is a real result. */
const unset = -3

/** All class tables behind each other, 256 entries each. */
const classes = Uint8Array.from(classTables.flatMap((table) => [...table]))

/** The subject's bytes: reading them here costs a third of reading the string. Longer subjects get a buffer of their own. */
let scratch = Buffer.allocUnsafeSlow(1 << 12)
const scratchLengthMax = 1 << 20
let scratchSubject = ''

function bytesOf(subject: string): Uint8Array {
  if (subject === scratchSubject) return scratch
  if (subject.length > scratchLengthMax) return Buffer.from(subject, 'latin1')
  if (subject.length > scratch.length) scratch = Buffer.allocUnsafeSlow(subject.length * 2)
  scratch.write(subject, 0, 'latin1')
  scratchSubject = subject
  return scratch
}

/** The undo stack: places in pattern and subject. */
const undo = new Int32Array(8)

/** Positions of the parentheses of the alternative being scanned; -1 = not recorded. */
let positions = new Int32Array(64)

/**
 * Scans the subject with each alternative in turn. `groups` is filled when given; its length is the number of groups
 * recorded. `wanted` = "groups are wanted" of the spec, which also changes some results.
 */
export function scanOsregex(syntax: OsregexSyntax, subject: string, wanted: boolean, groups: string[] | null): number {
  if (groups !== null) groups.length = 0
  for (const alternative of syntax.alternatives) {
    const result = scanAlternative(alternative, subject, wanted)
    if (result === noMatch) continue
    if (groups !== null) collectGroups(alternative, subject, groups)
    return result
  }
  return noMatch
}

function collectGroups(alternative: OsregexAlternative, subject: string, groups: string[]): void {
  for (let paren = 0; paren + 1 < alternative.parenCount; paren += 2) {
    const from = positions[paren] ?? -1
    const to = positions[paren + 1] ?? -1
    if (from < 0 || to < 0) return
    groups.push(subject.slice(from, to))
  }
}

/** Positions of the parentheses after the last successful `scanAlternative`; -1 = not recorded. */
export function scannedPositions(): Int32Array {
  return positions
}

/** Runs one alternative (6.4). Returns the result index or `noMatch`; leaves the positions of parentheses behind. */
export function scanAlternative(alternative: OsregexAlternative, subject: string, wanted: boolean): number {
  const { kinds, quantifiers, values, parens, parenCount, anchoredStart, anchoredEnd } = alternative
  if (positions.length < parenCount) positions = new Int32Array(parenCount * 2)
  positions.fill(-1, 0, parenCount)
  const { length } = subject
  const bytes = bytesOf(subject)
  /** The byte that a match begins with, as long as nothing is pending; -1 when it may begin with several. */
  const first = kinds[0] === kindLiteral && !anchoredStart ? (values[0] ?? -1) : -1
  let slots = 0
  let i = 0
  let p = 0
  let last = 0
  let retry = unset
  let looping = false

  while (i < length) {
    if (p === 0 && first >= 0) {
      // Nothing is pending: each byte that is another only fails.
      const from = i
      while (i < length && foldTable[bytes[i] as number] !== first) i++
      if (i > from) last = unset
      if (i === length) break
    }
    const byte = bytes[i] as number
    const folded = foldTable[byte] ?? byte
    let failed = false

    // Step 1: at most one parenthesis a round.
    let kind = kinds[p] ?? kindEnd
    if (kind === kindEnd) {
      if (!anchoredEnd) return last
      failed = true
    } else if (kind === kindParen) {
      positions[parens[p] ?? 0] = i
      p++
      kind = kinds[p] ?? kindEnd
      if (kind === kindEnd) {
        if (!anchoredEnd) return last
        failed = true
      }
    }

    if (!failed && kind === kindToken) {
      const quantifier = quantifiers[p] ?? quantifierNone
      if (fitsAt(values, p, byte)) {
        if (quantifier === quantifierNone) {
          p += 2
          if (retry === unset) retry = i
          last = i
          i++
          continue
        }
        if (quantifier === quantifierStar) looping = true
        let q = p + 3
        if (looping) {
          let paren = -1
          if (kinds[q] === kindParen) {
            paren = parens[q] ?? 0
            q++
          }
          let width = -1
          const following = kinds[q] ?? kindEnd
          if (following === kindEnd) width = 1
          else if (following === kindToken) {
            if (fitsAt(values, q, byte)) width = quantifiers[q] === quantifierNone ? 2 : 0
          } else if (values[q] === folded) {
            looping = false
            width = 1
          }
          if (width >= 0) {
            if (paren >= 0) positions[paren] = looping && width === 1 ? i + 1 : i
            if (following !== kindEnd) {
              if (slots < 4) {
                undo[slots * 2] = p
                undo[slots * 2 + 1] = i
                slots++
              }
              p = q + width
            }
            if (following === kindEnd) {
              i++
              continue
            }
          }
        } else {
          if (kinds[q] === kindParen && wanted) positions[parens[q] ?? 0] = i + 1 === length ? i + 1 : i
          looping = true
        }
        last = i
        i++
        continue
      }
      // The byte does not fit.
      if ((kinds[p + 2] === kindEnd || kinds[p + 3] === kindEnd) && looping && last !== unset) {
        last = i
        if (!anchoredEnd) return last
        looping = false
      } else if (quantifier === quantifierPlus && looping) {
        p += 3
        looping = false
        continue
      } else if (quantifier === quantifierStar) {
        p += 3
        last = i - 1
        looping = false
        continue
      } else {
        looping = false
      }
      failed = true
    } else if (!failed) {
      // Step 3: a literal; a second parenthesis in a row is one too.
      if (values[p] === folded) {
        p++
        if (retry === unset) retry = i
        last = i
        i++
        continue
      }
    }

    // Failure step.
    if (slots > 0) {
      slots--
      p = undo[slots * 2] as number
      i = (undo[slots * 2 + 1] as number) + 1
      continue
    }
    if (anchoredStart) return noMatch
    if (retry !== unset) {
      i = retry
      retry = unset
    }
    p = 0
    last = unset
    i++
  }
  const verdict = acceptsAtEnd(alternative, p, looping, wanted)
  if (!verdict.accepted || last === unset) return noMatch
  if (verdict.paren >= 0) positions[verdict.paren] = length
  return last
}

function fitsAt(values: Uint8Array, at: number, byte: number): boolean {
  return classes[((values[at] ?? 0) << 8) | byte] === 1
}

/**
 * The subject is used up at pattern position `from`: may the rest of the pattern be empty? `paren` is the parenthesis
 * that gets the end as its position, or -1. Moves are kept from one condition to the next.
 */
export function acceptsAtEnd(
  alternative: OsregexAlternative,
  from: number,
  looping: boolean,
  wanted: boolean,
): { readonly accepted: boolean; readonly paren: number } {
  const { kinds, quantifiers, parens } = alternative
  let p = from
  let paren = -1
  const skipParen = (): boolean => {
    if (kinds[p] === kindParen) p++
    return kinds[p] === kindEnd
  }
  const skipStar = (): boolean => {
    if (kinds[p] !== kindToken) return false
    const star = quantifiers[p] === quantifierStar
    p += 2
    if (!star) return false
    p++
    return skipParen()
  }
  if (wanted) {
    while (kinds[p] === kindToken && quantifiers[p] === quantifierStar) p += 3
    if (kinds[p] === kindParen) paren = parens[p] ?? -1
  }
  if (skipParen()) return { accepted: true, paren }
  if (kinds[p] === kindToken && looping) {
    const quantifier = quantifiers[p] ?? quantifierNone
    p += quantifier === quantifierNone ? 2 : 3
    if (quantifier !== quantifierNone && (skipParen() || skipStar())) return { accepted: true, paren }
  }
  return { accepted: skipStar(), paren }
}
