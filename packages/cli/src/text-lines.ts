/** Lines of a stream of bytes, latin1 (one code unit per byte), without their newline. */
import { CliFailure } from './failure.ts'

/** Longest line, in bytes. */
export const lineLengthMax = 16 * 1024 * 1024

/** A last line without newline counts; a carriage return before a newline does not. */
export async function* latin1Lines(stream: AsyncIterable<Uint8Array | string>): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of stream) {
    rest += typeof chunk === 'string' ? Buffer.from(chunk).toString('latin1') : Buffer.from(chunk).toString('latin1')
    let from = 0
    for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n', from)) {
      yield rest.slice(from, rest[end - 1] === '\r' && end > from ? end - 1 : end)
      from = end + 1
    }
    rest = rest.slice(from)
    if (rest.length > lineLengthMax) throw new CliFailure(`a line has more than ${lineLengthMax} bytes`)
  }
  if (rest !== '') yield rest
}
