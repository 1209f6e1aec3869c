/**
 * The manager's own log: lines to read on a terminal, JSON elsewhere, both on standard error; and always JSON in `logs/dogwatch.log`. Standard output
 * stays free for what is said once at the start.
 */
import pino from 'pino'
import { LogFile } from './log-file.ts'

export type Log = pino.Logger

export interface OpenLog {
  readonly log: Log
  close(): Promise<void>
}

/** Opens the log of a home. */
export function openLog(home: string, isTerminal: boolean, level = 'info'): OpenLog {
  const file = new LogFile(home)
  const screen = isTerminal
    ? { write: (line: string) => void process.stderr.write(readableLine(line)) }
    : { write: (line: string) => void process.stderr.write(line) }
  const log = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.multistream([
      { level: 'trace', stream: screen },
      { level: 'trace', stream: file },
    ]),
  )
  return { log, close: () => file.close() }
}

const levelNames: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'ERROR',
  60: 'FATAL',
}

/** One JSON line of pino as one line for people: time, level, text, then the rest. */
export function readableLine(json: string): string {
  let entry: Record<string, unknown>
  try {
    const parsed: unknown = JSON.parse(json)
    if (typeof parsed !== 'object' || parsed === null) return json
    entry = { ...parsed }
  } catch {
    return json
  }
  const { time, level, msg, err, ...rest } = entry
  const clock = typeof time === 'string' ? time.slice(11, 19) : ''
  const name = typeof level === 'number' ? (levelNames[level] ?? String(level)) : ''
  const extras = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const cause = typeof err === 'object' && err !== null && 'message' in err ? [`: ${String(err.message)}`] : []
  return `${clock} ${name.padEnd(5)} ${[`${String(msg ?? '')}${cause.join('')}`, ...extras].join('  ')}\n`
}
