/**
 * Framing on TCP: a little-endian 32-bit length and so many bytes (spec: agent-protocol, part 3.1). On UDP a datagram is a message, so nothing is
 * needed there.
 *
 * In: chunks as they come. Out: whole messages, in order. Wrong: a length beyond the bound ends the stream; after that nothing more is given out.
 */
import { messageLengthMax } from './message.ts'

const headLength = 4

/** A message with its length in front. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(headLength + message.length)
  framed.writeUInt32LE(message.length, 0)
  framed.set(message, headLength)
  return framed
}

/** Cuts a stream into messages. Holds at most one unfinished message, so `lengthMax` and a chunk bound its memory. */
export class FrameReader {
  readonly #lengthMax: number
  #held: Buffer = Buffer.alloc(0)
  #isBroken = false

  constructor(lengthMax: number = messageLengthMax) {
    this.#lengthMax = lengthMax
  }

  /** The stream had a length beyond the bound; it cannot be read any further. */
  get isBroken(): boolean {
    return this.#isBroken
  }

  /** Bytes held of a message that is not whole. */
  get held(): number {
    return this.#held.length
  }

  /** Takes a chunk, gives the messages that are whole now. They may share memory with the chunk. Empty frames are passed over. */
  push(chunk: Buffer): Buffer[] {
    const frames: Buffer[] = []
    if (this.#isBroken) return frames
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    let at = 0
    while (bytes.length - at >= headLength) {
      const length = bytes.readUInt32LE(at)
      if (length > this.#lengthMax) {
        this.#isBroken = true
        this.#held = Buffer.alloc(0)
        return frames
      }
      const end = at + headLength + length
      if (end > bytes.length) break
      if (length > 0) frames.push(bytes.subarray(at + headLength, end))
      at = end
    }
    // A copy, so that a few bytes do not keep a large chunk alive.
    this.#held = Buffer.from(bytes.subarray(at))
    return frames
  }
}
