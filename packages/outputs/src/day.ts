/**
 * Local calendar days, as the history of alerts is filed by them: `2026/Nov/ossec-alerts-22.json`.
 *
 * A day is the text `2026-11-22`, which sorts as time does.
 */

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** The local day (zone of the process, TZ) of a time in epoch ms. */
export function localDay(timeMs: number): string {
  const date = new Date(timeMs)
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}

/** First ms after `timeMs` that belongs to another local day; days of 23 and 25 hours included. */
export function nextDayStartMs(timeMs: number): number {
  const date = new Date(timeMs)
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime()
}

/** `2026/Nov` and `22` of a day. */
export function dayParts(day: string): { readonly folder: string; readonly dayOfMonth: string } {
  const [year = '', month = '', dayOfMonth = ''] = day.split('-')
  return { folder: `${year}/${months[Number(month) - 1] ?? month}`, dayOfMonth }
}

/** The calendar day before. */
export function dayBefore(day: string): string {
  const [year = 0, month = 1, dayOfMonth = 1] = day.split('-').map(Number)
  return new Date(Date.UTC(year, month - 1, dayOfMonth - 1)).toISOString().slice(0, 10)
}

/** Is `later` more than one calendar day before `current`? Then the clock was wrong before and has been put right. */
export function isClockSetBack(current: string, next: string): boolean {
  return next < dayBefore(current)
}

/** The day that a line of one of our files was written on, from its own time; null when it shows none. */
export function dayOfLine(line: string): string | null {
  const json = /^\{"timestamp":"(\d{4}-\d{2}-\d{2})T/.exec(line)
  if (json?.[1]) return json[1]
  const text = /^(\d{4}) ([A-Z][a-z]{2}) (\d{2}) \d{2}:/m.exec(line)
  const month = text?.[2] ? months.indexOf(text[2]) + 1 : 0
  return text && month > 0 ? `${text[1]}-${String(month).padStart(2, '0')}-${text[3]}` : null
}
