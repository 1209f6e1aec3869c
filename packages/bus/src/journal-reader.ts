/**
 * Reading a journal from a worker thread, or from another process, while its owner writes it. In go references that the owner has sent, out
 * come records; nothing is shared but the files. Synchronous: it is meant for threads that have nothing else to do.
 */
import fs from 'node:fs'
import type { BusRecord, Position, RecordRef } from './contract.ts'
import { firstFrameOffset, segmentOfFileName } from './frame.ts'
import { type HeaderCache, readRecord, readSegmentHeader } from './record-reading.ts'
import { SyncSegments } from './segment-files.ts'
import { SegmentScan } from './segment-scan.ts'

export interface JournalReader {
  /**
   * The record with one read (large ones: one for each MiB), its CRC checked; null when it is damaged or its segment is deleted (counted). The
   * body is a view into `into` when that is at least `ref.place[2]` long, else fresh; with `into` it is good until the next read.
   */
  read(ref: RecordRef, into?: Uint8Array): BusRecord | null
  /** References from `from` to before `until`, as they lie on disk. `until` should come from the owner: what is behind it may not be durable. */
  refs(from: Position, until: Position): Generator<RecordRef, void, undefined>
  /** Reads that found no sound record. */
  readonly lost: { readonly damaged: number; readonly gone: number }
  close(): void
}

/** Opens the journal in `folder` for reading; needs no lock. Reading throws BUS_FORMAT_NEWER, and file system errors as they are. */
export function openJournalReader(folder: string): JournalReader {
  const segments = new SyncSegments(folder)
  const headers: HeaderCache = new Map()
  const lost = { damaged: 0, gone: 0 }

  function* refs(from: Position, until: Position): Generator<RecordRef, void, undefined> {
    const numbers = fs
      .readdirSync(folder)
      .map(segmentOfFileName)
      .filter((segment) => segment !== null)
      .sort((a, b) => a - b)
    const found = numbers.map((segment) => segments.run(readSegmentHeader(segment, headers)))
    const start = found.findLastIndex(
      (header) => header !== null && header.firstSequence > 0 && header.firstSequence <= from,
    )
    for (const header of found.slice(Math.max(0, start))) {
      if (header === null) continue
      if (header.firstSequence >= until) return
      const scan = new SegmentScan(header, firstFrameOffset, header.firstSequence)
      while (!scan.done) {
        const bytes = segments.read({ segment: header.segment, ...scan.want })
        if (bytes === null) break
        for (const ref of scan.take(bytes)) {
          if (ref.sequence >= until) return
          if (ref.sequence >= from) yield ref
        }
      }
    }
  }

  return {
    read(ref, into) {
      const record = segments.run(readRecord(ref, headers, into))
      if (typeof record !== 'string') return record
      lost[record] += 1
      return null
    },
    refs,
    lost,
    close: () => segments.close(),
  }
}
