/**
 * File integrity: the baseline compared with what is there. In go scans and hints that a path may have changed; out come
 * messages through `send` (spec: fim, parts 2 and 3). A row is written after its event is kept, so a crash between the two
 * repeats an event and never loses one. What cannot be read now is left as it is known, and told.
 */
import { lstatSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { isWithin, shownText, systemPath } from '../bytes.ts'
import { Pace } from '../pace.ts'
import type { Send, Tell } from '../send.ts'
import type { Baseline, Row } from './baseline.ts'
import type { Contents } from './contents.ts'
import { errorCode, type FileReading, type FileState, isAbsence, readFileState } from './file-state.ts'
import { type Actor, type Change, changedAttributes, changeMessage, scanMark } from './message.ts'
import { readMounts, skippedPaths } from './mounts.ts'
import type { Names } from './names.ts'
import { coveringPath, type FimConfig, isOneOf, type Mode } from './options.ts'
import { walkFiles } from './walk.ts'
import { type ConcretePath, watchList } from './watch-list.ts'

export interface FimParts {
  readonly config: FimConfig
  readonly baseline: Baseline
  readonly contents: Contents
  readonly names: Names
  readonly send: Send
  readonly tell: Tell
  /** Unix seconds, for the messages. */
  readonly now: () => number
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Paths of our own, never watched: they change because we watch. */
  readonly ownPaths?: readonly string[]
}

/** What a scan did. */
export interface ScanReport {
  readonly files: number
  readonly added: number
  readonly modified: number
  readonly deleted: number
  /** Paths that were new to us: taken in without events. */
  readonly silentPaths: number
  readonly unreadable: number
  /** Files left out because the baseline is full. */
  readonly overLimit: number
}

export type Outcome = Change | 'same' | 'unwatched' | 'unreadable' | 'over-limit' | 'silent'

/** Rows written before they are made durable together. */
const groupSize = 1000
/** How long a scan holds the thread, in milliseconds. */
const holdMs = 20

export class FileIntegrity {
  readonly #parts: FimParts
  readonly #pace: Pace
  readonly #filePace: Pace
  #watched: readonly ConcretePath[] = []
  #skipped: ReadonlySet<string> = new Set()
  #scan = 0
  #inGroup = 0
  #fillLevel = 'normal'
  /** Examinations are one after the other: a scan and a hint never report one change twice. */
  #last: Promise<unknown> = Promise.resolve()
  #isStopped = false

  constructor(parts: FimParts) {
    this.#parts = parts
    this.#pace = new Pace(parts.config.epsMax)
    this.#filePace = new Pace(parts.config.filesPerSecondMax)
    // Numbers of an earlier run differ from ours, so that what it saw counts as not yet seen.
    this.#scan = parts.now() * 1000
    this.refresh()
  }

  /** The configured paths as they are on this machine now, deepest first. */
  get watched(): readonly ConcretePath[] {
    return this.#watched
  }

  /** Expands wildcards and links again, and looks at what is mounted. */
  refresh(): void {
    this.#watched = watchList(this.#parts.config.directories, this.#parts.environment)
    this.#skipped = skippedPaths(this.#parts.config, readMounts())
  }

  /** Is the folder one that is not entered: mounted from elsewhere, ignored, ours, or an entry of its own? */
  isSkipped(folder: string): boolean {
    return (
      this.#skipped.has(folder) ||
      this.#isOwn(folder) ||
      this.#watched.some(({ path }) => path === folder) ||
      isOneOf(this.#parts.config.ignore, folder)
    )
  }

  /** Which entry decides for this path; null when it is not watched. */
  covering(path: string): ConcretePath | null {
    const covering = coveringPath(this.#watched, path)
    if (covering === null || this.#isOwn(path)) return null
    const watched = this.#watched.find(({ path: own }) => own === covering.watched.path)
    if (watched === undefined || isOneOf(this.#parts.config.ignore, path)) return null
    if (watched.restrict !== null && !watched.restrict.test(path)) return null
    for (const skipped of this.#skipped) if (isWithin(skipped, path) && !isWithin(skipped, watched.path)) return null
    return watched
  }

  /** Compares everything. The first time that a path is scanned, its files are taken in without a word. */
  async scan(): Promise<ScanReport> {
    const { baseline, now, send } = this.#parts
    this.refresh()
    this.#scan++
    const scan = this.#scan
    await send('8', 'syscheck', scanMark('scan_start', now()))
    const counts = { files: 0, added: 0, modified: 0, deleted: 0, silentPaths: 0, unreadable: 0, overLimit: 0 }
    const unreadable: string[] = []
    let held = performance.now()
    for (const watched of this.#watched) {
      const isSilent = !baseline.hasWatched(watched.configured)
      if (isSilent) counts.silentPaths++
      const files = walkFiles(watched.path, {
        depthMax: watched.recursionLevel,
        isSkipped: (folder) => this.isSkipped(folder),
        unreadable: (folder, reason) => {
          unreadable.push(folder)
          this.#parts.tell('warn', `cannot read ${shownText(folder)} (${reason}); its files are left as they are known`)
        },
      })
      for (const path of files) {
        if (this.#isStopped) return counts
        await this.#filePace.turn()
        const outcome = await this.examine(path, 'scheduled', null, isSilent)
        if (outcome === 'unwatched') continue
        counts.files++
        if (outcome === 'over-limit') counts.overLimit++
        else if (outcome !== 'same' && outcome !== 'silent') counts[outcome]++
        if (performance.now() - held > holdMs) {
          await turn()
          held = performance.now()
        }
      }
    }
    for (const row of baseline.unseen(scan)) {
      if (this.#isStopped) return counts
      const outcome = await this.#inTurn(() => this.#lookAtUnseen(row, unreadable))
      if (outcome === 'deleted') counts.deleted++
      if (performance.now() - held > holdMs) {
        await turn()
        held = performance.now()
      }
    }
    baseline.setWatched(this.#parts.config.directories.map(({ path }) => path))
    this.flush()
    await this.tellFillLevel(counts.overLimit > 0)
    await send('8', 'syscheck', scanMark('scan_end', now()))
    return { ...counts, unreadable: counts.unreadable + unreadable.length }
  }

  /** Compares one path with what is known of it. `isSilent` takes it in without an event. */
  examine(path: string, mode: Mode, actor: Actor | null = null, isSilent = false): Promise<Outcome> {
    return this.#inTurn(() => this.#examine(path, mode, actor, isSilent))
  }

  /** A folder was made, moved or removed: compares what is there and what was known below it. Gives how many changed. */
  async examineBelow(folder: string, mode: Mode, actor: Actor | null = null): Promise<number> {
    let changed = 0
    const seen = (outcome: Outcome): void => {
      if (outcome === 'added' || outcome === 'modified' || outcome === 'deleted') changed++
    }
    for (const path of this.#parts.baseline.below(folder)) {
      if (this.#isStopped) return changed
      seen(await this.examine(path, mode, actor))
    }
    for (const watched of this.#watched) {
      const root = isWithin(watched.path, folder) ? folder : isWithin(folder, watched.path) ? watched.path : null
      if (root === null) continue
      const options = { depthMax: 320, isSkipped: (path: string) => this.isSkipped(path), unreadable: () => {} }
      for (const path of walkFiles(root, options)) {
        if (this.#isStopped) return changed
        if (coveringPath(this.#watched, path)?.watched.path === watched.path)
          seen(await this.examine(path, mode, actor))
      }
    }
    return changed
  }

  /** Tells how near the file limit is, when that has changed (spec: fim, part 3.4). `isOver`: files are left out already. */
  async tellFillLevel(isOver = false): Promise<void> {
    const limit = this.#parts.config.fileLimit
    if (limit === 0) return
    const count = this.#parts.baseline.count
    const share = count / limit
    const level =
      isOver || share >= 1 ? 'full' : share >= 0.9 ? '90_percentage' : share >= 0.8 ? '80_percentage' : 'normal'
    if (level === this.#fillLevel) return
    const text = { fim_db_table: 'file_entry', file_limit: limit, file_count: count, alert_type: level }
    await this.#parts.send('1', 'syscheck', `wazuh: FIM DB: ${JSON.stringify(text)}`)
    this.#fillLevel = level
  }

  /** Makes all rows durable. */
  flush(): void {
    this.#parts.baseline.commit()
    this.#inGroup = 0
  }

  /** Ends a running scan at its next file; what it found is kept. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#last
    this.flush()
  }

  #isOwn(path: string): boolean {
    return this.#parts.ownPaths?.some((own) => isWithin(own, path)) ?? false
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work)
    this.#last = next.catch(() => {})
    return next
  }

  async #examine(path: string, mode: Mode, actor: Actor | null, isSilent: boolean): Promise<Outcome> {
    const { baseline, config, names, tell } = this.#parts
    const watched = this.covering(path)
    if (watched === null) return 'unwatched'
    const row = baseline.get(path)
    const reading = await readFileState(path, {
      checks: watched.checks,
      names,
      hashSizeMax: config.hashSizeMax,
      prefilter: config.prefilter,
    })
    if (reading.kind === 'unreadable') {
      tell('warn', `cannot read ${shownText(path)} (${reading.reason}); it is left as it is known`)
      if (row !== null) this.#mark(path)
      return 'unreadable'
    }
    if (reading.kind === 'file' && reading.isTooLarge && (row === null || hasHashes(row.state))) {
      const text = `${shownText(path)} is larger than ${config.hashSizeMax} bytes: it has no hashes, its other attributes are compared`
      tell('warn', text)
    }
    if (reading.kind === 'gone') return row === null ? 'same' : this.#deleted(row, watched, mode, actor)
    if (row === null) return this.#added(path, reading, watched, mode, actor, isSilent)
    return this.#compared(row, reading, watched, mode, actor, isSilent)
  }

  async #added(
    path: string,
    { state, place }: FileReading & { kind: 'file' },
    watched: ConcretePath,
    mode: Mode,
    actor: Actor | null,
    isSilent: boolean,
  ): Promise<Outcome> {
    const { baseline, config, now } = this.#parts
    if (config.fileLimit > 0 && baseline.count >= config.fileLimit) return 'over-limit'
    if (watched.reportChanges && !isOneOf(config.nodiff, path))
      this.#parts.contents.keep(path, this.#diffSizeMax(watched))
    const row: Row = { path, mode, checks: watched.checks, lastEvent: now(), state, place }
    if (!isSilent) await this.#report(row, watched, 'added', null, [], actor, null)
    this.#put(row)
    return isSilent ? 'silent' : 'added'
  }

  async #compared(
    row: Row,
    { state, place }: FileReading & { kind: 'file' },
    watched: ConcretePath,
    mode: Mode,
    actor: Actor | null,
    isSilent: boolean,
  ): Promise<Outcome> {
    const changed = changedAttributes(row.state, state, row.checks & watched.checks)
    const fresh: Row = { path: row.path, mode, checks: watched.checks, lastEvent: row.lastEvent, state, place }
    if (changed.length === 0) {
      const isKnown = row.checks === watched.checks && row.place.inode === place.inode && row.place.dev === place.dev
      if (isKnown && row.place.links === place.links) this.#mark(row.path)
      else this.#put(fresh)
      return 'same'
    }
    const isNodiff = isOneOf(this.#parts.config.nodiff, row.path)
    const diff = watched.reportChanges
      ? this.#parts.contents.compare(row.path, this.#diffSizeMax(watched), isNodiff)
      : null
    const told = { ...fresh, lastEvent: this.#parts.now() }
    if (!isSilent) await this.#report(told, watched, 'modified', row, changed, actor, diff)
    this.#put(told)
    return isSilent ? 'silent' : 'modified'
  }

  async #deleted(row: Row, watched: ConcretePath, mode: Mode, actor: Actor | null): Promise<Outcome> {
    await this.#report({ ...row, mode }, watched, 'deleted', null, [], actor, null)
    this.#forget(row.path)
    return 'deleted'
  }

  /** A row that the scan did not come upon: gone, no longer watched, or made while the scan went on. */
  async #lookAtUnseen(row: Row, unreadable: readonly string[]): Promise<Outcome> {
    if (unreadable.some((folder) => isWithin(folder, row.path))) return 'unreadable'
    const watched = this.covering(row.path)
    if (watched === null) {
      this.#forget(row.path)
      return 'unwatched'
    }
    let exists = false
    try {
      exists = lstatSync(systemPath(row.path), { throwIfNoEntry: false })?.isFile() ?? false
    } catch (error) {
      if (!isAbsence(errorCode(error))) return 'unreadable'
    }
    return exists ? 'same' : this.#deleted(row, watched, 'scheduled', null)
  }

  async #report(
    row: Row,
    watched: ConcretePath,
    change: Change,
    old: Row | null,
    changed: readonly string[],
    actor: Actor | null,
    contentChanges: string | null,
  ): Promise<void> {
    await this.#pace.turn()
    const message = changeMessage({
      path: row.path,
      mode: row.mode,
      change,
      timestamp: this.#parts.now(),
      checks: row.checks & watched.checks,
      state: row.state,
      old: old?.state ?? null,
      changed,
      tags: watched.tags,
      hardLinks: this.#parts.baseline.otherNames(row.path, row.place),
      symlink: watched.link,
      actor,
      contentChanges,
    })
    await this.#parts.send('8', 'syscheck', message)
  }

  #diffSizeMax(watched: ConcretePath): number {
    return watched.diffSizeMax ?? this.#parts.config.diffSizeMax
  }

  #put(row: Row): void {
    this.#begin()
    this.#parts.baseline.put(row, this.#scan)
  }

  #mark(path: string): void {
    this.#begin()
    this.#parts.baseline.mark(path, this.#scan)
  }

  #forget(path: string): void {
    this.#begin()
    this.#parts.baseline.remove(path)
    this.#parts.contents.forget(path)
  }

  #begin(): void {
    if (this.#inGroup >= groupSize) this.flush()
    this.#parts.baseline.begin()
    this.#inGroup++
  }
}

function hasHashes({ md5, sha1, sha256 }: FileState): boolean {
  return md5 !== '' || sha1 !== '' || sha256 !== ''
}
