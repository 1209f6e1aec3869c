/** Days of an index, and what a day is called on disk. */
import type { IndexName, TimeRange } from './contract.ts'

export const dayMs = 86_400_000

/** UTC day of a time, `2026-11-24`: the day in the name of Wazuh's indices (spec: api, part 6). */
export function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}

export function dayStart(day: string): number {
  return Date.parse(`${day}T00:00:00Z`)
}

/** Name of a day's table or view. */
export function tableName(index: IndexName, day: string): string {
  return `${index}_${day.replaceAll('-', '')}`
}

/** Name of a day's sealed file: the index it would be in Wazuh's indexer. */
export function sealedName(index: IndexName, day: string): string {
  return `wazuh-${index}-4.x-${day.replaceAll('-', '.')}.parquet`
}

/** What a table's or a sealed file's name says; null for other names. */
export function partitionOf(name: string): { readonly index: IndexName; readonly day: string } | null {
  const parts =
    /^(alerts|archives)_(\d{4})(\d\d)(\d\d)$/.exec(name) ??
    /^wazuh-(alerts|archives)-4\.x-(\d{4})\.(\d\d)\.(\d\d)\.parquet$/.exec(name)
  if (parts === null) return null
  const [, index, ...day] = parts
  return index === 'alerts' || index === 'archives' ? { index, day: day.join('-') } : null
}

export function isDayWithin(day: string, { fromMs, toMs }: TimeRange): boolean {
  const start = dayStart(day)
  return start < toMs && start + dayMs > fromMs
}
