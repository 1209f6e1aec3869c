/** Node's own fast paths between bytes and latin1 strings, which its type package leaves out. */
declare global {
  interface Buffer {
    latin1Slice(start?: number, end?: number): string
    latin1Write(text: string, offset?: number, length?: number): number
  }
}

export {}
