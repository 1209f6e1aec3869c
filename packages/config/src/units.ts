/** Lengths of time and sizes as ossec.conf writes them: `10s`, `15m`, `1h`, `1d`, `1w`; `512`, `64KB`, `32MB`, `10GB`. In goes text, out comes a number or null. */

const secondsPer = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 } as const
const bytesPer = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 } as const

/** Seconds; a number without a unit is seconds. Null when it is not a length of time. */
export function parseDuration(text: string): number | null {
  const found = /^(\d{1,10})([smhdw]?)$/.exec(text)
  if (found === null) return null
  const unit = found[2]
  return Number(found[1]) * (isKey(secondsPer, unit) ? secondsPer[unit] : 1)
}

/** Bytes; a number without a unit is bytes, units are powers of 1024 in upper or lower case. Null when it is not a size. */
export function parseSize(text: string): number | null {
  const found = /^(\d{1,12})([kmgt]?b?)$/i.exec(text)
  if (found === null) return null
  const letters = (found[2] ?? '').toUpperCase()
  const unit = letters === '' || letters.endsWith('B') ? letters : `${letters}B`
  const bytes = Number(found[1]) * (isKey(bytesPer, unit) ? bytesPer[unit] : 1)
  return Number.isSafeInteger(bytes) ? bytes : null
}

/** Seconds in the largest unit that gives a whole number: 900 is `15m`. */
export function formatDuration(seconds: number): string {
  for (const unit of ['w', 'd', 'h', 'm'] as const) {
    if (seconds > 0 && seconds % secondsPer[unit] === 0) return `${seconds / secondsPer[unit]}${unit}`
  }
  return `${seconds}s`
}

/** Bytes in the largest unit that gives a whole number: 33554432 is `32MB`. */
export function formatSize(bytes: number): string {
  for (const unit of ['TB', 'GB', 'MB', 'KB'] as const) {
    if (bytes > 0 && bytes % bytesPer[unit] === 0) return `${bytes / bytesPer[unit]}${unit}`
  }
  return `${bytes}B`
}

function isKey<T extends object>(table: T, key: string | undefined): key is Extract<keyof T, string> {
  return key !== undefined && Object.hasOwn(table, key)
}
