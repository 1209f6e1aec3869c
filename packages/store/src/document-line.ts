/** A line of alerts.json or archives.json as a document: its id and time are read from it. */
import { createHash } from 'node:crypto'
import { parseObject } from './columns.ts'
import type { Document } from './contract.ts'

/** Null when the line is no JSON object or bears no time. A line without an id, from elsewhere, is known by its text. */
export function documentOf(line: string): Document | null {
  const value = parseObject(line)
  if (value === null) return null
  const timeMs = timeOf(Object.hasOwn(value, 'timestamp') ? value.timestamp : undefined)
  if (timeMs === null) return null
  const { id } = value
  const isNamed = Object.hasOwn(value, 'id') && typeof id === 'string' && id !== '' && id.length <= 256
  return { id: isNamed ? id : createHash('sha256').update(line).digest('hex').slice(0, 32), timeMs, text: line }
}

/** `2026-11-24T06:00:00.000+0000`, as it stands in alerts. */
function timeOf(timestamp: unknown): number | null {
  if (typeof timestamp !== 'string' || timestamp.length > 40) return null
  const ms = Date.parse(timestamp.replace(/([+-]\d\d)(\d\d)$/, '$1:$2'))
  return Number.isNaN(ms) || ms < 0 ? null : ms
}
