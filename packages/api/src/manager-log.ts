/** The manager's own log as the API tells it: the end of `logs/dogwatch.log`, newest first. Reading is bounded; what lies further back is in the file. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'

export type LogLevel = 'critical' | 'debug' | 'debug2' | 'error' | 'info' | 'warning'

export interface LogItem {
  readonly timestamp: string
  readonly tag: string
  readonly level: LogLevel
  readonly description: string
}

/** Bytes of the file's end that are read. */
const tailLength = 2 << 20
const levels: Readonly<Record<number, LogLevel>> = {
  10: 'debug2',
  20: 'debug',
  30: 'info',
  40: 'warning',
  50: 'error',
  60: 'critical',
}

/** Empty when there is no log yet. */
export async function logItems(home: string): Promise<LogItem[]> {
  const file = await open(join(home, 'logs/dogwatch.log'), 'r').catch(() => null)
  if (file === null) return []
  try {
    const { size } = await file.stat()
    const start = Math.max(0, size - tailLength)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start)
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n')
    // The first line of a piece may have lost its beginning.
    return lines
      .slice(start === 0 ? 0 : 1)
      .flatMap(itemOf)
      .reverse()
  } finally {
    await file.close()
  }
}

function itemOf(line: string): LogItem[] {
  let entry: unknown
  try {
    entry = JSON.parse(line)
  } catch {
    return [] // empty, or torn by a kill
  }
  if (typeof entry !== 'object' || entry === null) return []
  const { level, time, msg, ...rest } = { level: 30, time: '', msg: '', ...entry }
  const more = Object.keys(rest).length === 0 ? '' : ` ${JSON.stringify(rest)}`
  return [
    {
      timestamp: `${String(time).slice(0, 19)}+00:00`,
      tag: 'dogwatch',
      level: levels[Number(level)] ?? 'info',
      description: `${String(msg)}${more}`.slice(0, 4000),
    },
  ]
}
