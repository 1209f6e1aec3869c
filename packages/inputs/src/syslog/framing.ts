/**
 * Messages in a stream of syslog (RFC 6587): with their length in front (part 3.4.1), or ended by a newline or a NUL (3.4.2); the two may follow each other.
 *
 * In: chunks. Out: messages without their end. Wrong: a message beyond the bound is cut there, the rest passed over and counted.
 */

/** Longest message, bytes; RFC 5424 part 6.1 asks for 2048. */
export const syslogLengthMax = 65_536

const newline = 10
const space = 0x20
const less = 0x3c

export class SyslogFraming {
  readonly #lengthMax: number
  #held: Buffer = Buffer.alloc(0)
  #skips = 0
  #skipsLine = false
  /** Messages that were cut. */
  cut = 0

  constructor(lengthMax: number = syslogLengthMax) {
    this.#lengthMax = lengthMax
  }

  push(chunk: Buffer): Buffer[] {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    const messages: Buffer[] = []
    for (;;) {
      if (this.#skips > 0) {
        const skipped = Math.min(this.#skips, bytes.length)
        this.#skips -= skipped
        bytes = bytes.subarray(skipped)
      }
      if (this.#skipsLine) {
        const end = lineEnd(bytes)
        if (end === -1) {
          bytes = bytes.subarray(bytes.length)
          break
        }
        this.#skipsLine = false
        bytes = bytes.subarray(end + 1)
      }
      const rest = this.#one(bytes, messages)
      if (rest === null) break
      bytes = rest
    }
    this.#held = Buffer.from(bytes)
    return messages
  }

  /** What is left when the stream ends: a last line may lack its newline. */
  end(): Buffer[] {
    const rest = this.#held
    this.#held = Buffer.alloc(0)
    return rest.length > 0 && countedHead(rest) === null ? [rest] : []
  }

  /** Takes one message; gives what is behind it, or null when it is not whole yet. */
  #one(bytes: Buffer, messages: Buffer[]): Buffer | null {
    if (bytes.length === 0) return null
    const head = countedHead(bytes)
    if (head === 'open') return null
    if (head !== null) {
      const end = head.start + head.length
      const whole = Math.min(head.length, this.#lengthMax)
      if (bytes.length < head.start + whole) return null
      messages.push(bytes.subarray(head.start, head.start + whole))
      if (head.length > whole) {
        this.cut++
        this.#skips = Math.max(0, end - bytes.length)
      }
      return bytes.subarray(Math.min(end, bytes.length))
    }
    const end = lineEnd(bytes)
    if (end === -1) {
      if (bytes.length <= this.#lengthMax) return null
      messages.push(bytes.subarray(0, this.#lengthMax))
      this.cut++
      this.#skipsLine = true
      return bytes.subarray(this.#lengthMax)
    }
    const isLong = end > this.#lengthMax
    if (isLong) this.cut++
    const line = bytes.subarray(0, isLong ? this.#lengthMax : end)
    if (line.length > 0) messages.push(line.at(-1) === 13 ? line.subarray(0, -1) : line)
    return bytes.subarray(end + 1)
  }
}

function lineEnd(bytes: Buffer): number {
  const end = bytes.indexOf(newline)
  const nul = bytes.indexOf(0)
  return nul !== -1 && (end === -1 || nul < end) ? nul : end
}

/** `<length> <`: digits, a blank, and a priority behind it. `open` while that cannot be said yet, null when it is none. */
function countedHead(bytes: Buffer): { readonly start: number; readonly length: number } | 'open' | null {
  let at = 0
  let length = 0
  for (; at < bytes.length && at < 8; at++) {
    const digit = (bytes[at] ?? 0) - 0x30
    if (digit < 0 || digit > 9 || (at === 0 && digit === 0)) break
    length = length * 10 + digit
  }
  if (at === 0) return null
  if (at === bytes.length) return at < 8 ? 'open' : null
  if (bytes[at] !== space) return null
  if (at + 1 === bytes.length) return 'open'
  return bytes[at + 1] === less ? { start: at + 1, length } : null
}

/** The message without its priority (RFC 3164 part 4.1.1), as the rules expect it. */
export function withoutPriority(message: Buffer): Buffer {
  const end = /^<\d{1,3}>/.exec(message.toString('latin1', 0, 5))?.[0].length ?? 0
  return message.subarray(end)
}
