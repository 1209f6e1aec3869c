/**
 * What a file already holds beyond its last checkpoint: the number of the last event that is written there whole (contracts.md 3, text files).
 *
 * In: a file and the length that the checkpoint knows. Out: the event number n of the last whole line's id `<seconds>.<n>`, 0 when there is none.
 * Files of ours only grow in event order, so the last id tells all. Wrong: a line that shows no id (a torn one, completed earlier) is passed over.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

const newline = 0x0a
const chunkBytes = 1 << 18

/** Largest event number accepted from a file; beyond it arithmetic would no longer be exact. */
const numberMax = Number.MAX_SAFE_INTEGER

/** The number n of a JSON line's top-level `"id":"<seconds>.<n>"`; null when it has none. */
export function numberOfJsonLine(line: string): number | null {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null || !('id' in value) || typeof value.id !== 'string') return null
  return numberOfId(value.id)
}

/** The n of `<seconds>.<n>`. */
export function numberOfId(id: string): number | null {
  const match = /^\d{1,12}\.(\d{1,16})$/.exec(id)
  const number = match ? Number(match[1]) : Number.NaN
  return number <= numberMax ? number : null
}

/** The last event number in `path` beyond `from`, of a JSON file. */
export function lastJsonNumber(path: string, from: number): number {
  return scanBackwards(path, from, (line) => numberOfJsonLine(line)) ?? 0
}

/** The head line of a text alert: `** Alert 1763770000.17: mail  - group,`. */
const textHead = /^\*\* Alert (\d{1,12}\.\d{1,16}):(?: mail )? - /

/**
 * The last event number in `path` beyond `from`, of alerts.log. The alert's own text may hold lines that look like a head, so a number above
 * `atMost` (what the JSON twin, written first, has seen) is not believed.
 */
export function lastTextNumber(path: string, from: number, atMost: number): number {
  let isComplete = false
  const found = scanBackwards(path, from, (line) => {
    if (line === '') isComplete = true
    const match = isComplete ? textHead.exec(line) : null
    const number = match?.[1] ? numberOfId(match[1]) : null
    return number !== null && number <= atMost ? number : null
  })
  return found ?? 0
}

/**
 * Offers lines (latin1, without newline) from the last to the first until `take` answers. A last line without its newline is offered too: when
 * nothing but the newline is missing it is whole, and `take` can tell.
 */
function scanBackwards(path: string, from: number, take: (line: string) => number | null): number | null {
  const fd = openSync(path, 'r')
  try {
    let end = fstatSync(fd).size
    let carried: Buffer = Buffer.alloc(0)
    let isAtEnd = true
    while (end > from) {
      const start = Math.max(from, end - chunkBytes)
      const chunk = Buffer.alloc(end - start)
      readSync(fd, chunk, 0, chunk.length, start)
      let text = Buffer.concat([chunk, carried])
      end = start
      for (let at = text.lastIndexOf(newline); at >= 0; at = text.lastIndexOf(newline)) {
        const isNoLine = isAtEnd && at === text.length - 1
        const number = isNoLine ? null : take(text.latin1Slice(at + 1))
        if (number !== null) return number
        isAtEnd = false
        text = text.subarray(0, at)
      }
      carried = text
    }
    return carried.length === 0 ? null : take(carried.latin1Slice())
  } finally {
    closeSync(fd)
  }
}

/** The lines of `lines` that belong to events after `through`. JSON files: a line is an event. */
export function jsonLinesAfter(lines: Buffer, through: number): Buffer {
  for (let at = 0; at < lines.length; ) {
    const next = lines.indexOf(newline, at)
    const end = next < 0 ? lines.length : next
    if ((numberOfJsonLine(lines.latin1Slice(at, end)) ?? through + 1) > through) return lines.subarray(at)
    at = end + 1
  }
  return lines.subarray(lines.length)
}

/** The alerts of `lines` (whole blocks of alerts.log) that belong to events after `through`. */
export function textAlertsAfter(lines: Buffer, through: number): Buffer {
  for (let at = 0; at < lines.length; ) {
    const next = lines.indexOf(newline, at)
    const end = next < 0 ? lines.length : next
    const match = textHead.exec(lines.latin1Slice(at, Math.min(end, at + 64)))
    const number = match?.[1] ? numberOfId(match[1]) : null
    if (number !== null && number > through) return lines.subarray(at)
    at = end + 1
  }
  return lines.subarray(lines.length)
}
