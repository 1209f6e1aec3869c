/**
 * Kubernetes events of the past: from archives.json of a home, its days before (plain or packed), or files of audit events as an API server writes them. Event texts out,
 * latin1, with their time. Lines that are neither are counted.
 */
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'
import { splitBody } from '@dogwatch/k8s'

export interface PastEvent {
  readonly text: string
  /** Epoch ms; 0 when the line does not say. */
  readonly timeMs: number
}

/** Longest line that is read, in code units: a body of 32 MiB with its wrapping. */
const lineLengthMax = 40 * 1024 * 1024

/** Archive files of a home that were written in the last `days` days, oldest first. */
export function archiveFiles(home: string, days: number, nowMs: number): string[] {
  const folder = join(home, 'logs/archives')
  if (!existsSync(folder)) return []
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /archives?[^/]*\.json(?:\.gz)?$/.test(name))
    .map((name) => join(folder, name))
    .map((path) => ({ path, ...statSync(path) }))
    .filter(({ mtimeMs }) => mtimeMs >= nowMs - days * 86_400_000)
  const live = join(folder, 'archives.json')
  // The current day's file has a second name in its folder.
  const inodes = new Set<string>()
  return files
    .sort((a, b) => (a.path === live ? -1 : b.path === live ? 1 : a.mtimeMs - b.mtimeMs))
    .filter(({ dev, ino }) => !inodes.has(`${dev} ${ino}`) && inodes.add(`${dev} ${ino}`).size > 0)
    .sort((a, b) => a.mtimeMs - b.mtimeMs)
    .map(({ path }) => path)
}

/** Hands over each Kubernetes event of a file; returns the number of lines that are none. Errors of the file system are thrown. */
export async function readPast(path: string, take: (event: PastEvent) => void): Promise<number> {
  const stream = createReadStream(path)
  const bytes = path.endsWith('.gz') ? stream.pipe(createGunzip()) : stream
  let others = 0
  let last = 0
  for await (const line of createInterface({ input: bytes, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue
    const found = line.length > lineLengthMax ? [] : eventsOf(line, last)
    if (found.length === 0) others++
    for (const event of found) {
      last = Math.max(last, event.timeMs)
      take(event)
    }
  }
  return others
}

function eventsOf(line: string, last: number): PastEvent[] {
  let record: unknown
  try {
    record = JSON.parse(line)
  } catch {
    return []
  }
  if (typeof record !== 'object' || record === null) return []
  if ('full_log' in record && typeof record.full_log === 'string') {
    const text = Buffer.from(record.full_log, 'utf8').toString('latin1')
    const timestamp = 'timestamp' in record && typeof record.timestamp === 'string' ? record.timestamp : ''
    const timeMs = Date.parse(timestamp.replace(/([+-]\d\d)(\d\d)$/, '$1:$2'))
    return text.includes('"kubernetes": {') ? [{ text, timeMs: Number.isFinite(timeMs) ? timeMs : last }] : []
  }
  return splitBody(Buffer.from(line), { cluster: 'file', hash: false }).events.map(({ text }) => {
    const timeMs = Date.parse(/"stageTimestamp": "([^"]{10,40})"/.exec(text)?.[1] ?? '')
    return { text, timeMs: Number.isFinite(timeMs) ? timeMs : last }
  })
}
