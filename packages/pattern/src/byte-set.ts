/** Sets of byte values: 256 flags. Sets are never changed once they are handed out, so single bytes are shared. */

/** One flag per byte value; 1 = in the set. */
export type ByteSet = Uint8Array

/** The set of the bytes for which `fits` holds. */
export function setWhere(fits: (byte: number) => boolean): ByteSet {
  return Uint8Array.from({ length: 256 }, (_, byte) => (fits(byte) ? 1 : 0))
}

const singles: readonly ByteSet[] = Array.from({ length: 256 }, (_, wanted) => setWhere((byte) => byte === wanted))
const isLetter = (byte: number): boolean => (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)
const foldedSingles: readonly ByteSet[] = Array.from({ length: 256 }, (_, wanted) =>
  isLetter(wanted) ? setWhere((byte) => (byte | 0x20) === (wanted | 0x20)) : (singles[wanted] ?? new Uint8Array(256)),
)

/** The set of one byte, or of both cases of a letter. */
export function setOf(byte: number, fold: boolean): ByteSet {
  return (fold ? foldedSingles : singles)[byte & 0xff] ?? new Uint8Array(256)
}

/** All bytes. */
export const allBytes: ByteSet = setWhere(() => true)
/** All bytes but the newline. */
export const notNewline: ByteSet = setWhere((byte) => byte !== 0x0a)

/** The bytes not in `set`. */
export function complement(set: ByteSet): ByteSet {
  return setWhere((byte) => set[byte] === 0)
}

/** The set with the other case of its letters (ASCII only). */
export function foldSet(set: ByteSet): ByteSet {
  return setWhere((byte) => set[byte] === 1 || (isLetter(byte) && set[byte ^ 0x20] === 1))
}

/** Have the two sets a byte in common? */
export function intersects(one: ByteSet, other: ByteSet): boolean {
  for (let byte = 0; byte < 256; byte++) if (one[byte] === 1 && other[byte] === 1) return true
  return false
}

/** The bytes of either set. */
export function union(one: ByteSet, other: ByteSet): ByteSet {
  return setWhere((byte) => one[byte] === 1 || other[byte] === 1)
}

/** Number of bytes in the set. */
export function sizeOf(set: ByteSet): number {
  let size = 0
  for (let byte = 0; byte < 256; byte++) size += set[byte] ?? 0
  return size
}

/** The only byte in the set, or -1. */
export function onlyByte(set: ByteSet): number {
  return sizeOf(set) === 1 ? set.indexOf(1) : -1
}

/** The lower-case letter of which the set holds exactly both cases, or its only byte if that is no letter; else -1. */
export function onlyFolded(set: ByteSet): number {
  const size = sizeOf(set)
  if (size === 1) {
    const byte = set.indexOf(1)
    return isLetter(byte) ? -1 : byte
  }
  const upper = set.indexOf(1)
  return size === 2 && upper >= 0x41 && upper <= 0x5a && set[upper | 0x20] === 1 ? upper | 0x20 : -1
}

/** The source of a regular expression (V8's or RE2's) for one byte of the set. */
export function setSource(set: ByteSet): string {
  const only = onlyByte(set)
  if (only >= 0) return byteSource(only)
  const runs = rangesOf(set, 1)
  if (runs[0]?.[0] === 0 && runs[0][1] === 255) return '[\\x00-\\xff]'
  if (runs.length === 0) return '[^\\x00-\\xff]'
  const holes = rangesOf(set, 0)
  return holes.length < runs.length ? `[^${holes.map(rangeSource).join('')}]` : `[${runs.map(rangeSource).join('')}]`
}

function rangesOf(set: ByteSet, flag: number): (readonly [number, number])[] {
  const ranges: (readonly [number, number])[] = []
  for (let from = 0; from < 256; from++) {
    if (set[from] !== flag) continue
    let to = from
    while (to < 255 && set[to + 1] === flag) to++
    ranges.push([from, to])
    from = to
  }
  return ranges
}

function rangeSource([from, to]: readonly [number, number]): string {
  if (from === to) return byteSource(from)
  return from + 1 === to ? byteSource(from) + byteSource(to) : `${byteSource(from)}-${byteSource(to)}`
}

/** The source of a regular expression for one byte, fit for inside and outside of a class. */
export function byteSource(byte: number): string {
  const character = String.fromCharCode(byte)
  return /[A-Za-z0-9_ ]/.test(character) ? character : `\\x${byte.toString(16).padStart(2, '0')}`
}
