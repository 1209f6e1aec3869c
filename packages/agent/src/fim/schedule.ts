/** When the next scan is due. In go the wishes and the time, out come milliseconds; pure. */
export interface ScanTimes {
  readonly frequencyS: number
  /** Minute of the local day; null says that no hour is asked for. */
  readonly scanMinute: number | null
  /** 0 Sunday … 6 Saturday; null says that no day is asked for. */
  readonly scanDay: number | null
}

const dayMs = 86_400_000

/** Milliseconds from `now` until the next scan, when the last one began at `last`. */
export function nextScanMs({ frequencyS, scanMinute, scanDay }: ScanTimes, now: Date, last: Date): number {
  if (scanMinute === null && scanDay === null) {
    // A clock that was set back must not put the next scan off for as long.
    return Math.min(frequencyS * 1000, Math.max(0, last.getTime() + frequencyS * 1000 - now.getTime()))
  }
  for (let days = 0; days <= 7; days++) {
    const day = new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, 0, scanMinute ?? 0)
    if (scanDay !== null && day.getDay() !== scanDay) continue
    if (day.getTime() > now.getTime()) return day.getTime() - now.getTime()
  }
  return dayMs
}

const days = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

/** Number of a day's name, or of its first three letters; null when it is none. */
export function parseDay(text: string): number | null {
  const name = text.trim().toLowerCase()
  const at = days.findIndex((day) => name === day || (name.length === 3 && day.startsWith(name)))
  return at === -1 ? null : at
}

/** Minute of the day of `8:30`, `21:00`, `9pm`, `9:15 pm`; null when it is no time. */
export function parseTime(text: string): number | null {
  const found = /^(\d{1,2})(?::(\d{2}))?\s*(am|pm)?$/i.exec(text.trim())
  if (found === null) return null
  const [, hourText, minuteText = '0', half] = found
  const minute = Number(minuteText)
  let hour = Number(hourText)
  if (half === undefined) {
    if (found[2] === undefined || hour > 23) return null
  } else {
    if (hour < 1 || hour > 12) return null
    hour = (hour % 12) + (half.toLowerCase() === 'pm' ? 12 : 0)
  }
  return minute > 59 ? null : hour * 60 + minute
}
