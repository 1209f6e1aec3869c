/** `time` and `weekday` conditions, judged by the event's arrival in local time (spec: engine, part 9.3). */

export interface TimeWindow {
  /** `HH:MM`, both ends inclusive. */
  readonly from: string
  readonly to: string
  readonly negate: boolean
}

const clock = /^\s*(\d{1,2})(?::(\d{2}))?\s*(am|pm)?\s*$/i

/** `hh[:mm] [am|pm] - hh[:mm] [am|pm]` with an optional leading `!`; null when it is not that. */
export function parseTimeWindow(text: string): TimeWindow | null {
  const trimmed = text.trim()
  const negate = trimmed.startsWith('!')
  const parts = (negate ? trimmed.slice(1) : trimmed).split('-')
  if (parts.length !== 2) return null
  const [from, to] = parts.map(hourMinute)
  if (from == null || to == null) return null
  return from > to ? { from: to, to: from, negate: !negate } : { from, to, negate }
}

function hourMinute(text: string): string | null {
  const match = clock.exec(text)
  if (match === null) return null
  let hour = Number(match[1])
  const minute = Number(match[2] ?? '0')
  const half = match[3]?.toLowerCase()
  if (half !== undefined) {
    if (hour < 1 || hour > 12) return null
    hour = (hour % 12) + (half === 'pm' ? 12 : 0)
  }
  if (hour > 23 || minute > 59) return null
  return `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`
}

/** Whether a local `HH:MM` lies in the window. */
export function inTimeWindow({ from, to, negate }: TimeWindow, hourMinuteNow: string): boolean {
  return (hourMinuteNow >= from && hourMinuteNow <= to) !== negate
}

const dayNames = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']

/** Days of the week as a bit set (bit 0 is Sunday); null when a name is unknown. A leading `!` is a mistake, as in the reference. */
export function parseWeekdays(text: string): number | null {
  let days = 0
  for (const name of text.toLowerCase().split(/[\s,]+/)) {
    if (name === '') continue
    if (name === 'weekdays') days |= 0b0111110
    else if (name === 'weekends') days |= 0b1000001
    else {
      const day = dayNames.findIndex((full) => full === name || full.slice(0, 3) === name)
      if (day === -1) return null
      days |= 1 << day
    }
  }
  return days === 0 ? null : days
}
