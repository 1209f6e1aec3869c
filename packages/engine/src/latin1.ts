/** Node's own fast paths between bytes and latin1 strings, which its type package leaves out. */
declare global {
  interface Buffer {
    latin1Slice(start?: number, end?: number): string
    latin1Write(text: string, offset?: number, length?: number): number
  }
}

/**
 * A copy with bytes of its own. A slice of a longer string keeps all of that string alive, so what is remembered beyond its event is copied first.
 */
export function ownCopy(text: string): string {
  return Buffer.from(text, 'latin1').latin1Slice()
}

/** A text's bytes are put here to be read one by one: reading bytes of a string costs three times as much as the copy and the reading together. */
let scratch = Buffer.allocUnsafeSlow(1 << 16)
/** Longer texts get a buffer of their own. */
const scratchLengthMax = 1 << 20

/** The bytes of a text and one more, which is free for a sentinel; good until the next call. */
export function scratchBytes(text: string): Buffer {
  let bytes = scratch
  if (text.length >= bytes.length) {
    bytes = Buffer.allocUnsafeSlow(text.length + 1)
    if (text.length <= scratchLengthMax) scratch = bytes
  }
  bytes.latin1Write(text, 0)
  return bytes
}
