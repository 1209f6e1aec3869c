/**
 * A file, or standard input, as pieces of whole lines for the match stage.
 *
 * In: a path, `-` for standard input. Out: pieces of about `pieceBytes`, each ending in a newline except perhaps the last of the file. A line of more than
 * `lineBytesMax` is passed over and counted. Wrong: throws the system's error with the path.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** Longest line, bytes: as long as a webhook body may be, doubled. */
const lineBytesMaxDefault = 64 << 20
/** Between two looks at a pipe that has nothing yet, ms. */
const emptyPipeWaitMs = 2

export interface LineReader {
  /** The next piece, null at the end. The bytes are the caller's, or good for `lent` calls when the reader was opened with that. */
  next(): Uint8Array | null
  /** Size in bytes, null when it is not known. */
  readonly size: number | null
  readonly bytesRead: number
  /** Lines passed over because they were too long. */
  readonly longLines: number
  close(): void
}

export interface LineOptions {
  readonly lineBytesMax?: number
  /** So many buffers are used in turn, in memory that threads share; 0: each piece has its own. */
  readonly lent?: number
}

export function openLines(
  path: string,
  pieceBytes: number,
  { lineBytesMax = lineBytesMaxDefault, lent = 0 }: LineOptions = {},
): LineReader {
  const fd = path === '-' ? 0 : openSync(path, 'r')
  const stat = fstatSync(fd)
  if (stat.isDirectory()) throw new Error(`${path}: is a folder; name a file`)
  let carried: Buffer = Buffer.alloc(0)
  const buffers: Buffer[] = []
  let turn = 0
  let isSkipping = false
  let isAtEnd = false
  let bytesRead = 0
  let longLines = 0

  function bufferOf(length: number): Buffer {
    if (lent === 0) return Buffer.allocUnsafeSlow(length)
    const place = turn++ % lent
    const known = buffers[place]
    if (known !== undefined && known.length >= length) return known
    // Room for what is carried from the piece before, so that the buffer is rarely made anew.
    const made = Buffer.from(new SharedArrayBuffer(length + pieceBytes / 4))
    buffers[place] = made
    return made
  }

  function next(): Uint8Array | null {
    for (;;) {
      if (isAtEnd) {
        const rest = carried
        carried = Buffer.alloc(0)
        return rest.length > 0 && !isSkipping ? rest : null
      }
      const length = carried.length + pieceBytes
      const piece = bufferOf(length)
      carried.copy(piece)
      const got = readFully(fd, piece, carried.length, length)
      bytesRead += got
      isAtEnd = carried.length + got < length
      const filled = piece.subarray(0, carried.length + got)
      const start = isSkipping ? filled.indexOf(10) + 1 : 0
      if (isSkipping && start === 0) {
        carried = Buffer.alloc(0)
        continue
      }
      isSkipping = false
      const end = filled.lastIndexOf(10) + 1
      carried = Buffer.from(filled.subarray(Math.max(end, start)))
      if (carried.length > lineBytesMax) {
        carried = Buffer.alloc(0)
        isSkipping = true
        longLines += 1
      }
      if (end > start) return filled.subarray(start, end)
    }
  }

  return {
    next,
    size: stat.isFile() ? stat.size : null,
    get bytesRead() {
      return bytesRead
    },
    get longLines() {
      return longLines
    },
    close: () => {
      if (fd !== 0) closeSync(fd)
    },
  }
}

/** Reads from one offset up to another, or to the end of the input. */
function readFully(fd: number, buffer: Buffer, from: number, to: number): number {
  let at = from
  while (at < to) {
    const got = readSome(fd, buffer, at, to)
    if (got === 0) break
    at += got
  }
  return at - from
}

function readSome(fd: number, buffer: Buffer, at: number, to: number): number {
  for (;;) {
    try {
      return readSync(fd, buffer, at, to - at, null)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : ''
      if (code === 'EOF') return 0
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, emptyPipeWaitMs)
    }
  }
}
