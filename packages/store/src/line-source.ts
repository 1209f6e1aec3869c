/**
 * The lines of alerts.json (or archives.json) and of its history by day, from a place on. In: the folder and a place; out: pieces of whole lines, each with
 * the place behind it. A file is known by the beginning of its first line, which renaming and compressing leave as it is; so a place stays good when the
 * day's file moves into the history and becomes a `.gz`.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createGunzip } from 'node:zlib'
import { appendCountMax } from './contract.ts'

/** Which files: `alerts.json` with `2026/Nov/ossec-alerts-24.json` beside. */
export interface LineFiles {
  /** `logs/alerts` */
  readonly folder: string
  /** `alerts.json` */
  readonly current: string
  /** `ossec-alerts` */
  readonly history: string
}

/** Behind which byte of which file reading goes on. */
export interface LinePlace {
  readonly file: string
  readonly offset: number
}

export interface Piece {
  readonly lines: readonly string[]
  readonly place: LinePlace
  /** Lines longer than `lineLengthMax` that were passed over. */
  readonly tooLong: number
}

/** Longest line, in bytes: an event of 1 MiB stands in it twice, with escapes. */
export const lineLengthMax = 16 << 20
const readLength = 1 << 20
/** Bytes of lines in one piece, as a rule. */
const pieceLength = 2 << 20
const fingerprintLength = 256

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** Where the current file stands, to be told whether there is something new. */
export interface CurrentFile {
  readonly inode: number
  readonly size: number
}

export async function currentFile({ folder, current }: LineFiles): Promise<CurrentFile | null> {
  const found = await stat(join(folder, current)).catch(() => null)
  return found === null ? null : { inode: found.ino, size: found.size }
}

/**
 * All pieces from a place to the end of the current file; null begins with the oldest history. A place in a file that is not there any more begins with
 * the oldest history too: what is known already is for the store to recognise.
 */
export async function* piecesAfter(files: LineFiles, place: LinePlace | null): AsyncGenerator<Piece> {
  const current = join(files.folder, files.current)
  const held = await open(current, 'r').catch(() => null)
  try {
    // Nearly always: the place is in the current file.
    if (held !== null && place !== null && (await fingerprintOf(current)) === place.file) {
      yield* piecesOf(
        held.createReadStream({ start: place.offset, autoClose: false, highWaterMark: readLength }),
        place,
      )
      return
    }
    const history = await historyOf(files)
    let first = 0
    if (place !== null) {
      for (let n = history.length - 1; n >= 0; n -= 1) {
        if ((await fingerprintOf(history[n] ?? '')) !== place.file) continue
        first = n
        break
      }
    }
    for (const path of history.slice(first)) {
      const file = await fingerprintOf(path)
      if (file === null) continue
      const offset = place?.file === file ? place.offset : 0
      yield* piecesOf(textOf(path, offset), { file, offset })
    }
    const file = await fingerprintOf(current)
    if (file !== null) yield* piecesOf(createReadStream(current, { highWaterMark: readLength }), { file, offset: 0 })
  } finally {
    await held?.close()
  }
}

/** Days of the history, oldest first; a day that is being compressed just now counts as its plain file. */
async function historyOf({ folder, history }: LineFiles): Promise<string[]> {
  const found = new Map<string, string>()
  for (const year of await names(folder, /^\d{4}$/)) {
    for (const month of await names(join(folder, year), /^[A-Z][a-z]{2}$/)) {
      for (const name of await names(join(folder, year, month), /\.json(?:\.gz)?$/)) {
        const [, day, copy = '000', gz] = /-(\d\d)(?:-(\d{3}))?\.json(\.gz)?$/.exec(name) ?? []
        if (day === undefined || !name.startsWith(`${history}-${day}`)) continue
        const key = `${year}-${String(months.indexOf(month)).padStart(2, '0')}-${day}-${copy}`
        if (gz === undefined || !found.has(key)) found.set(key, join(folder, year, month, name))
      }
    }
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, path]) => path)
}

async function names(folder: string, wanted: RegExp): Promise<string[]> {
  const found = await readdir(folder).catch(() => [])
  return found.filter((name) => wanted.test(name)).sort()
}

/** Null when the file has no whole first line yet, or is not there. */
async function fingerprintOf(path: string): Promise<string | null> {
  let start = Buffer.alloc(0)
  try {
    for await (const chunk of path.endsWith('.gz') ? textOf(path, 0) : await headOf(path)) {
      start = Buffer.concat([start, chunk])
      if (start.length >= fingerprintLength || start.includes(newline)) break
    }
  } catch {
    return null // gone meanwhile, or no gzip
  }
  const end = start.indexOf(newline)
  if (end === -1 && start.length < fingerprintLength) return null
  const head = start.subarray(0, Math.min(fingerprintLength, end === -1 ? fingerprintLength : end))
  return createHash('sha256').update(head).digest('hex').slice(0, 32)
}

async function headOf(path: string): Promise<Buffer[]> {
  const file: FileHandle = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(fingerprintLength + 1), 0, fingerprintLength + 1, 0)
    return [buffer.subarray(0, bytesRead)]
  } finally {
    await file.close()
  }
}

/** The plain bytes of a file from an offset on. */
async function* textOf(path: string, offset: number): AsyncGenerator<Buffer> {
  if (!path.endsWith('.gz')) {
    yield* createReadStream(path, { start: offset, highWaterMark: readLength })
    return
  }
  const packed = createReadStream(path, { highWaterMark: readLength })
  const plain = packed.pipe(createGunzip())
  packed.once('error', (error) => plain.destroy(error))
  let at = 0
  for await (const chunk of plain as AsyncIterable<Buffer>) {
    const start = Math.max(0, offset - at)
    at += chunk.length
    if (start < chunk.length) yield chunk.subarray(start)
  }
}

const newline = 0x0a

async function* piecesOf(source: AsyncIterable<Buffer>, start: LinePlace): AsyncGenerator<Piece> {
  let { offset } = start
  let rest: Buffer[] = []
  let restLength = 0
  let lines: string[] = []
  let length = 0
  let tooLong = 0
  const piece = (): Piece => {
    const made = { lines, place: { file: start.file, offset }, tooLong }
    lines = []
    length = 0
    tooLong = 0
    return made
  }
  for await (const chunk of source) {
    let from = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, from)) {
      const lineLength = restLength + end - from
      if (lineLength > lineLengthMax) tooLong += 1
      else if (lineLength > 0) {
        const bytes =
          rest.length === 0 ? chunk.subarray(from, end) : Buffer.concat([...rest, chunk.subarray(from, end)])
        lines.push(bytes.toString('utf8'))
      }
      offset += lineLength + 1
      length += lineLength
      rest = []
      restLength = 0
      from = end + 1
      if (lines.length === appendCountMax || length >= pieceLength) yield piece()
    }
    restLength += chunk.length - from
    // Of a line that is too long only its length is kept.
    if (restLength > lineLengthMax) rest = []
    else if (from < chunk.length) rest.push(chunk.subarray(from))
  }
  if (lines.length + tooLong > 0) yield piece()
}
