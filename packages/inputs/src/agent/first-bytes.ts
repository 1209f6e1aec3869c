/**
 * Tells TLS from the protocol's own framing on one port (spec: contracts, part 5). The first byte alone cannot: a frame's length may end in it. The first three can, since
 * read as a length they are more than any frame may have.
 */

/** What the first bytes of a connection say; null when there are too few to tell. */
export function isTls(head: Uint8Array): boolean | null {
  const [type, major, minor] = head
  if (type === undefined) return null
  if (type !== 0x16) return false
  if (major === undefined) return null
  if (major !== 3) return false
  // 3.0 is SSL 3, which nobody speaks; as a length, 0x16 0x03 0x00 would be that of a small frame.
  return minor === undefined ? null : minor >= 1
}
