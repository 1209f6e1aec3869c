/**
 * Starting on a folder in whatever state a crash or a bad disk has left it: which segments and positions there are, where the numbers go on, and
 * a torn end cut off. Damage is reported, never an exception.
 */
import { randomBytes } from 'node:crypto'
import fs from 'node:fs/promises'
import { join } from 'node:path'
import type { Position } from './contract.ts'
import { firstFrameOffset, segmentFileName, segmentOfFileName } from './frame.ts'
import type { SegmentFile } from './group-commit.ts'
import { loadPositions } from './positions.ts'
import { readSegmentHeader } from './record-reading.ts'
import { AsyncSegments } from './segment-files.ts'
import { type Damage, SegmentScan } from './segment-scan.ts'

/** Creation time of a segment whose header was lost. */
export const unknownMs = 0

type Report = (notice: string) => void

/** What was found on disk at start. */
export interface FoundState {
  readonly segments: SegmentFile[]
  readonly consumers: Map<string, Position>
  readonly nextSequence: number
  readonly nextSegment: number
  readonly tornBytes: number
  readonly damage: readonly Damage[]
}

/** Reads what is there and repairs its end. `report` is told of damage and repairs. Rejects with BUS_FORMAT_NEWER, or a file system error. */
export async function findState(folder: string, report: Report): Promise<FoundState> {
  const saved = await loadPositions(folder)
  if (saved === null) report(`${join(folder, 'consumers.json')} is damaged: consumers begin at the oldest record again`)
  const reading = new AsyncSegments(folder)
  try {
    const segments: SegmentFile[] = []
    for (const name of (await fs.readdir(folder)).sort()) {
      const number = segmentOfFileName(name)
      if (number !== null) segments.push(await findSegment(folder, number, reading, report))
    }
    const repaired = await repairEnd(folder, segments, reading, report)
    guessLostNumbers(segments, repaired.nextSequence)
    const positions = [...(saved?.consumers.values() ?? [])]
    return {
      ...repaired,
      segments,
      consumers: new Map(saved?.consumers),
      // A consumer's position is never ahead of what comes next, or it would pass over it.
      nextSequence: Math.max(repaired.nextSequence, saved?.nextSequence ?? 1, ...positions),
      nextSegment: Math.max((segments.at(-1)?.header.segment ?? 0) + 1, saved?.nextSegment ?? 1),
    }
  } finally {
    await reading.close()
  }
}

async function findSegment(
  folder: string,
  number: number,
  reading: AsyncSegments,
  report: Report,
): Promise<SegmentFile> {
  const header = await reading.run(readSegmentHeader(number, new Map()))
  const { size, mtimeMs } = await fs.stat(join(folder, segmentFileName(number)))
  if (header === null && size >= firstFrameOffset)
    report(`journal segment ${number} has no readable header; its ${size} bytes are passed over`)
  const unknown = { segment: number, firstSequence: 0, salt: randomBytes(8), createdMs: unknownMs, partsFrom: 1 }
  return { header: header ?? unknown, length: size, writtenMs: mtimeMs }
}

/**
 * Gives segments whose header was lost a first number that is too high rather than too low: reading then begins before them, and nothing is
 * deleted too early. The first of all is not passed over.
 */
function guessLostNumbers(segments: SegmentFile[], nextSequence: number): void {
  let next = nextSequence
  for (let n = segments.length - 1; n >= 0; n -= 1) {
    const segment = segments[n]
    if (segment === undefined) continue
    const { header, ...rest } = segment
    const firstSequence = n === 0 ? 1 : next
    if (header.createdMs === unknownMs) segments[n] = { ...rest, header: { ...header, firstSequence } }
    next = segments[n]?.header.firstSequence ?? next
  }
}

/**
 * Cuts what is torn off the last segment; nothing was ever acknowledged behind the last sound record. Also finds the number that comes next:
 * from the last segment whose header says where it began, and all after it.
 */
async function repairEnd(
  folder: string,
  segments: SegmentFile[],
  reading: AsyncSegments,
  report: Report,
): Promise<Pick<FoundState, 'nextSequence' | 'tornBytes' | 'damage'>> {
  const last = segments.at(-1)
  if (last === undefined) return { nextSequence: 1, tornBytes: 0, damage: [] }
  const { segment, createdMs } = last.header
  const scan = await scanWhole(last, reading)
  const damage = [...scan.damage]
  let nextSequence = scan.sequence
  for (let n = segments.length - 1; n > 0 && segments[n]?.header.createdMs === unknownMs; n -= 1) {
    const before = segments[n - 1]
    const found = before === undefined ? null : await scanWhole(before, reading)
    nextSequence = Math.max(nextSequence, found?.sequence ?? 1)
  }
  const tornBytes = Math.max(0, last.length - scan.soundEnd)
  const path = join(folder, segmentFileName(segment))
  if (last.length < firstFrameOffset) {
    // Died while beginning it: nothing can be in it.
    await fs.unlink(path)
    segments.pop()
  } else if (tornBytes > 0 && createdMs !== unknownMs) {
    report(`journal segment ${segment}: cut ${tornBytes} bytes behind the last sound record`)
    await cut(path, scan.soundEnd)
    last.length = scan.soundEnd
  }
  return { nextSequence: Math.max(1, nextSequence), tornBytes, damage }
}

async function scanWhole({ header }: SegmentFile, reading: AsyncSegments): Promise<SegmentScan> {
  const scan = new SegmentScan(header, firstFrameOffset, header.firstSequence)
  while (!scan.done) {
    const bytes = await reading.read({ segment: header.segment, ...scan.want })
    scan.take(bytes ?? Buffer.alloc(0))
  }
  return scan
}

async function cut(path: string, length: number): Promise<void> {
  const file = await fs.open(path, 'r+')
  try {
    await file.truncate(length)
    await file.sync()
  } finally {
    await file.close()
  }
}
