/** Walking through a journal in order while it grows at one end and is deleted at the other. Damage is told to the source and passed over. */
import type { Position, RecordRef } from './contract.ts'
import { firstFrameOffset } from './frame.ts'
import type { SegmentFile } from './group-commit.ts'
import { type Damage, SegmentScan } from './segment-scan.ts'

/** What a cursor walks over. */
export interface CursorSource {
  readonly end: () => Position
  readonly recent: () => readonly RecordRef[]
  readonly segments: () => readonly SegmentFile[]
  readonly read: (segment: number, offset: number, length: number) => Promise<Buffer | null>
  readonly damaged: (damage: Damage) => void
}

/** Walks the references in order: from memory near the end, from the files before that. */
export class Cursor {
  readonly #source: CursorSource
  #position: Position
  /** Where in the files the position is, when that is known. */
  #place: { readonly segment: number; readonly offset: number } | null = null
  #scan: { readonly segment: SegmentFile; readonly scan: SegmentScan } | null = null
  #ahead: RecordRef[] = []

  constructor(position: Position, source: CursorSource) {
    this.#position = position
    this.#source = source
  }

  /** At most `max` references; none when the end is reached. */
  async next(max: number): Promise<readonly RecordRef[]> {
    if (this.#ahead.length === 0) this.#position = Math.max(this.#position, this.#oldest())
    const refs = this.#ahead.length === 0 ? this.#fromRecent(max) : null
    if (refs !== null) return this.#deliver(refs)
    while (this.#ahead.length === 0) {
      if (this.#position >= this.#source.end()) return []
      if (!(await this.#readAhead())) return []
    }
    return this.#deliver(this.#ahead.splice(0, max))
  }

  #deliver(refs: readonly RecordRef[]): readonly RecordRef[] {
    const last = refs.at(-1)
    if (last !== undefined) this.#position = last.sequence + 1
    return refs
  }

  /** Null when memory does not reach back that far. */
  #fromRecent(max: number): readonly RecordRef[] | null {
    const recent = this.#source.recent()
    const first = recent[0]
    if (first === undefined || first.sequence > this.#position) return null
    let low = 0
    let high = recent.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((recent[middle]?.sequence ?? 0) < this.#position) low = middle + 1
      else high = middle
    }
    const refs = recent.slice(low, low + max)
    const last = refs.at(-1)
    if (last !== undefined) {
      this.#scan = null
      this.#place = { segment: last.place[0], offset: last.place[1] + last.place[2] }
    }
    return refs
  }

  #oldest(): Position {
    return this.#source.segments()[0]?.header.firstSequence ?? this.#source.end()
  }

  /** Reads one window of a segment; false when there is none left. */
  async #readAhead(): Promise<boolean> {
    this.#scan ??= this.#startScan()
    if (this.#scan === null) return false
    const { segment, scan } = this.#scan
    const { offset, length } = scan.want
    const wanted = Math.max(0, Math.min(length, segment.length - offset))
    const bytes = await this.#source.read(segment.header.segment, offset, wanted)
    const end = this.#source.end()
    for (const ref of scan.take(bytes ?? Buffer.alloc(0))) {
      if (ref.sequence >= this.#position && ref.sequence < end) this.#ahead.push(ref)
    }
    for (const damage of scan.damage.splice(0)) this.#source.damaged(damage)
    return !scan.done || this.#endScan(segment, scan, bytes?.length === wanted)
  }

  #startScan(): { readonly segment: SegmentFile; readonly scan: SegmentScan } | null {
    const segments = this.#source.segments()
    const place = this.#place
    const segment =
      place === null
        ? (segments.findLast(({ header }) => header.firstSequence <= this.#position) ?? segments[0])
        : segments.find(({ header }) => header.segment >= place.segment)
    if (segment === undefined) return null
    const isThere = place !== null && place.segment === segment.header.segment
    const scan = isThere
      ? new SegmentScan(segment.header, place.offset, this.#position)
      : new SegmentScan(segment.header, firstFrameOffset, segment.header.firstSequence)
    return { segment, scan }
  }

  /** Decides where reading goes on; false when it cannot before more is written. */
  #endScan(segment: SegmentFile, scan: SegmentScan, isWhole: boolean): boolean {
    this.#scan = null
    const number = segment.header.segment
    const isLast = this.#source.segments().at(-1) === segment
    if (isWhole && (isLast || scan.fileEnd < segment.length)) {
      this.#place = { segment: number, offset: scan.fileEnd }
      return scan.fileEnd < segment.length || this.#ahead.length > 0
    }
    if (scan.soundEnd < scan.fileEnd) {
      const length = scan.fileEnd - scan.soundEnd
      this.#source.damaged({ segment: number, offset: scan.soundEnd, length, lostRecords: 0 })
    }
    this.#place = { segment: number + 1, offset: firstFrameOffset }
    return true
  }
}
