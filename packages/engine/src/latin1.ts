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
