/**
 * `logs/alerts/alerts.json`, `alerts.log`, `logs/archives/archives.json`, `archives.log` and their history by day (issue: outputs; contracts.md 3).
 *
 * In: whole lines in event order, with the time of their first event. Out: the files, growing; at local midnight of the event time the day's file
 * is renamed to `<year>/<Mon>/ossec-alerts-<dd>.json` (a tailer keeps its file, and sees a fresh one under the old name) and put away by `sealDay`.
 *
 * Across a crash: `state()` goes into the checkpoint. `AlertFiles` opened with it looks at what the files hold beyond, and leaves out what is
 * written already when the same events come again, so that every alert stands there once. Bytes are never taken away.
 *
 * Wrong: a full disk is a value (`FlushFailure`), and everything waits; a folder that cannot be written throws at opening.
 * All calls are synchronous: the owner is a thread of its own.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { syncFolder } from './atomic-file.ts'
import { dayOfLine, isClockSetBack, localDay, nextDayStartMs } from './day.ts'
import { type FileKind, fileKinds, fileNames } from './file-kind.ts'
import { type FlushFailure, LineFile, type Writev } from './line-file.ts'
import { type FinishedDay, historyName } from './seal.ts'
import { jsonLinesAfter, lastJsonNumber, lastTextNumber, textAlertsAfter } from './tail.ts'

/** The lines of a batch, per file. */
export type FileLines = Readonly<Partial<Record<FileKind, Buffer>>>

/** What the checkpoint keeps of one file. */
export interface FileState {
  /** Local day of its lines; empty while it has none. */
  readonly day: string
  readonly inode: number
  /** Bytes whose events lie before the checkpoint's position. */
  readonly length: number
}
export type FilesState = Readonly<Partial<Record<FileKind, FileState>>>

export interface AlertFilesOptions {
  /** The folder that holds `alerts` and `archives`. */
  readonly logsFolder: string
  readonly kinds: readonly FileKind[]
  /** From the checkpoint; null when there is none. */
  readonly state: FilesState | null
  /** Tests only. */
  readonly writev?: Writev
}

/** Lines beyond the checkpoint that are in the file already. */
interface Overlap {
  /** Events up to this number are written (files with ids). */
  through: number
  /** archives.log has no ids: the bytes that are there, to be compared with what comes. Empty once they differ or are used up. */
  bytes: Buffer
}

interface OpenFile {
  readonly kind: FileKind
  file: LineFile
  day: string
  overlap: Overlap
  /** The half-written line that a crash left at the end: completed by its own rest when that comes, by a newline otherwise. */
  torn: Buffer
}

const newline = 0x0a

/** What ends an entry of each file: alerts.log has an empty line between alerts. */
const separators: Readonly<Record<FileKind, string>> = {
  alertsJson: '\n',
  alertsText: '\n\n',
  archivesJson: '\n',
  archivesText: '\n',
}

/** Most of an archives.log tail that is compared at start; what lies further back than this counts as written. */
const compareBytesMax = 64 << 20

export class AlertFiles {
  readonly #folder: string
  readonly #writev: Writev | undefined
  readonly #files: OpenFile[]
  #day = ''
  #dayEndsMs = 0
  /** Last lines found without their newline, since opening. */
  tornLines = 0

  constructor({ logsFolder, kinds, state, writev }: AlertFilesOptions) {
    this.#folder = logsFolder
    this.#writev = writev
    for (const kind of kinds) mkdirSync(join(logsFolder, fileNames[kind].folder), { recursive: true, mode: 0o750 })
    this.#files = []
    let jsonThrough = Number.MAX_SAFE_INTEGER
    for (const kind of fileKinds.filter((each) => kinds.includes(each))) {
      const opened = this.#open(kind, state?.[kind] ?? null, jsonThrough)
      if (kind === 'alertsJson') jsonThrough = opened.overlap.through
      this.#files.push(opened)
    }
    this.#day =
      this.#files
        .map(({ day }) => day)
        .sort()
        .at(-1) ?? ''
  }

  /** Bytes handed in and not yet in the files. */
  get pendingBytes(): number {
    return this.#files.reduce((sum, { file }) => sum + file.pendingBytes, 0)
  }

  /** Bytes in the current file of each kind. */
  lengths(): Partial<Record<FileKind, number>> {
    return Object.fromEntries(this.#files.map(({ kind, file }) => [kind, file.length]))
  }

  /** Files without lines become those of the day of `timeMs`: to be said before the first lines are held back, or the next midnight would not part them. */
  beginDay(timeMs: number): void {
    if (this.#day === '') this.#startDay(timeMs)
  }

  /**
   * Does an event of this time belong to another day's files? Then flush, `rotate` and make a checkpoint before `write`. An event that is a little
   * older than the day (senders overlap at midnight) goes into the current files; only a clock set back by more than a day goes back.
   */
  needsRotation(timeMs: number): boolean {
    if (timeMs < this.#dayEndsMs) {
      if (this.#dayEndsMs - timeMs < 172_800_000) return false
    } else if (this.#day === '') return false
    const day = localDay(timeMs)
    if (this.#day === '' || day === this.#day) return false
    return day > this.#day || isClockSetBack(this.#day, day)
  }

  /** Renames the day's files and opens fresh ones for the day of `timeMs`. Nothing may be pending. Throws what the system says. */
  rotate(timeMs: number): void {
    if (this.pendingBytes > 0) throw new Error('rotation with lines pending: flush first')
    for (const open of this.#files) {
      if (open.file.length > 0) {
        open.file.sync()
        this.#putAside(open)
      }
      open.day = ''
    }
    this.#startDay(timeMs)
  }

  /** Appends the lines of a batch whose first event arrived at `timeMs`. They are in the files after `flush`; until then their bytes must not change. */
  write(timeMs: number, lines: FileLines): void {
    if (this.#dayEndsMs <= timeMs) this.#startDay(timeMs)
    for (const open of this.#files) {
      const fresh = withoutOverlap(open, lines[open.kind])
      if (!fresh || fresh.length === 0) continue
      if (open.day === '') open.day = this.#day
      open.file.append(completion(open, fresh))
    }
  }

  /** Writes what is pending, the JSON files before their text twins; null when all is written. Otherwise what is left has been copied. */
  flush(): FlushFailure | null {
    for (const { file } of this.#files) {
      const failure = file.flush()
      if (failure === null) continue
      for (const each of this.#files) each.file.hold()
      return failure
    }
    return null
  }

  /** What is in the files survives a power cut when this returns. Throws what the system says. */
  sync(): void {
    for (const { file } of this.#files) file.sync()
  }

  /** For the checkpoint; true to the files when nothing is pending. */
  state(): FilesState {
    return Object.fromEntries(
      this.#files.map(({ kind, day, file }) => [
        kind,
        { day, inode: file.inode, length: file.length } satisfies FileState,
      ]),
    )
  }

  /** Plain files of past days that wait to be put away. Ask only after a checkpoint that names the current files. */
  finishedDays(): FinishedDay[] {
    return this.#files.flatMap(({ kind }) => plainDays(this.#folder, kind))
  }

  close(): void {
    for (const { file } of this.#files) file.close()
  }

  #startDay(timeMs: number): void {
    this.#day = localDay(timeMs)
    this.#dayEndsMs = nextDayStartMs(timeMs)
  }

  #currentPath(kind: FileKind): string {
    return join(this.#folder, fileNames[kind].folder, fileNames[kind].current)
  }

  #putAside(open: OpenFile): void {
    const folder = join(this.#folder, fileNames[open.kind].folder)
    const target = freeHistoryPath(folder, open.kind, open.day || this.#day)
    mkdirSync(dirname(target), { recursive: true, mode: 0o750 })
    renameSync(this.#currentPath(open.kind), target)
    open.file.close()
    open.file = new LineFile(this.#currentPath(open.kind), this.#writev)
    syncFolder(dirname(target))
    syncFolder(folder)
  }

  /** Opens a current file and finds what it, and the day renamed since the checkpoint, hold beyond the checkpoint. */
  #open(kind: FileKind, state: FileState | null, jsonThrough: number): OpenFile {
    const path = this.#currentPath(kind)
    const file = new LineFile(path, this.#writev)
    const torn = file.tornEnd(separators[kind])
    if (torn.length > 0) this.tornLines += 1
    const renamed = state && file.inode !== state.inode ? renamedDay(this.#folder, kind, state) : null
    const from = renamed || !state || file.length < state.length ? 0 : state.length
    const parts = [...(renamed && state ? [{ path: renamed, from: state.length }] : []), { path, from }]
    const overlap: Overlap = { through: 0, bytes: Buffer.alloc(0) }
    for (const part of state ? parts : []) {
      if (kind === 'archivesText') overlap.bytes = Buffer.concat([overlap.bytes, wholeLines(part.path, part.from)])
      else if (kind === 'alertsText')
        overlap.through = Math.max(overlap.through, lastTextNumber(part.path, part.from, jsonThrough))
      else overlap.through = Math.max(overlap.through, lastJsonNumber(part.path, part.from))
    }
    const isFresh = file.length === 0
    const day = isFresh ? '' : (!renamed && state?.day) || dayOfFile(path)
    return { kind, file, day, overlap, torn }
  }
}

/** The lines that are not in the file yet. */
function withoutOverlap({ kind, overlap }: OpenFile, lines: Buffer | undefined): Buffer | undefined {
  if (!lines || lines.length === 0) return lines
  if (kind === 'archivesText') return withoutSameBytes(overlap, lines)
  if (overlap.through === 0) return lines
  const fresh = kind === 'alertsText' ? textAlertsAfter(lines, overlap.through) : jsonLinesAfter(lines, overlap.through)
  if (fresh.length > 0) overlap.through = 0
  return fresh
}

/** The bytes that go behind a half-written line so that `fresh` stands there whole. */
function completion(open: OpenFile, fresh: Buffer): Buffer {
  const { torn, kind } = open
  if (torn.length === 0) return fresh
  open.torn = Buffer.alloc(0)
  if (fresh.length > torn.length && torn.compare(fresh, 0, torn.length) === 0) return fresh.subarray(torn.length)
  const isLineEnd = torn.at(-1) === newline
  const gap = isLineEnd ? separators[kind].slice(1) : separators[kind]
  return Buffer.concat([Buffer.from(gap), fresh])
}

function withoutSameBytes(overlap: Overlap, lines: Buffer): Buffer {
  let at = 0
  while (overlap.bytes.length > 0 && at < lines.length) {
    const end = lines.indexOf(newline, at) + 1 || lines.length
    const length = end - at
    const known = overlap.bytes.subarray(0, overlap.bytes.indexOf(newline) + 1)
    const isSame = known.length === length && known.compare(lines, at, end) === 0
    // A line torn by an earlier crash and completed by a newline stands before its whole form.
    const isTorn =
      !isSame && known.length <= length && known.compare(lines, at, at + known.length - 1, 0, known.length - 1) === 0
    if (!isSame && !isTorn) overlap.bytes = Buffer.alloc(0)
    else overlap.bytes = overlap.bytes.subarray(known.length)
    if (isSame) at = end
    else if (!isTorn) break
  }
  return lines.subarray(at)
}

/** The plain file of the checkpoint's day that the current file was renamed to, when that happened after the checkpoint; null otherwise. */
function renamedDay(logsFolder: string, kind: FileKind, state: FileState): string | null {
  if (state.day === '') return null
  const found = plainDays(logsFolder, kind).find(
    ({ day, path }) => day === state.day && statSync(path).ino === state.inode,
  )
  return found?.path ?? null
}

/** All plain (not yet compressed) history files of a kind, oldest first. */
function plainDays(logsFolder: string, kind: FileKind): FinishedDay[] {
  const { folder, history, extension } = fileNames[kind]
  const base = join(logsFolder, folder)
  const name = new RegExp(`^${history}-(\\d{2})(?:-\\d{3})?\\.${extension}$`)
  const days: FinishedDay[] = []
  for (const year of namesOf(base).filter((each) => /^\d{4}$/.test(each))) {
    for (const month of namesOf(join(base, year)).filter((each) => each in monthNumbers)) {
      for (const each of namesOf(join(base, year, month))) {
        const dayOfMonth = name.exec(each)?.[1]
        if (dayOfMonth)
          days.push({ kind, day: `${year}-${monthNumbers[month]}-${dayOfMonth}`, path: join(base, year, month, each) })
      }
    }
  }
  return days.sort((a, b) => (a.day + a.path < b.day + b.path ? -1 : 1))
}

const monthNumbers: Readonly<Record<string, string>> = Object.assign(Object.create(null), {
  Jan: '01',
  Feb: '02',
  Mar: '03',
  Apr: '04',
  May: '05',
  Jun: '06',
  Jul: '07',
  Aug: '08',
  Sep: '09',
  Oct: '10',
  Nov: '11',
  Dec: '12',
})

function namesOf(folder: string): string[] {
  return existsSync(folder) && statSync(folder).isDirectory() ? readdirSync(folder) : []
}

function freeHistoryPath(folder: string, kind: FileKind, day: string): string {
  for (let copy = 0; ; copy += 1) {
    const path = join(folder, historyName(kind, day, copy))
    if (!existsSync(path) && !existsSync(`${path}.gz`)) return path
  }
}

/** The day of a file's first line, else of its last change. */
function dayOfFile(path: string): string {
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(512)
    const length = readSync(fd, head, 0, head.length, 0)
    return dayOfLine(head.latin1Slice(0, length)) ?? localDay(fstatSync(fd).mtimeMs)
  } finally {
    closeSync(fd)
  }
}

/** The whole lines of a file beyond `from`. */
function wholeLines(path: string, from: number): Buffer {
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    const bytes = Buffer.alloc(Math.max(0, Math.min(size - from, compareBytesMax)))
    readSync(fd, bytes, 0, bytes.length, from)
    return bytes.subarray(0, bytes.lastIndexOf(newline) + 1)
  } finally {
    closeSync(fd)
  }
}
