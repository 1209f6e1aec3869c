/** The time range of a page, as it stands in the address and as people read it. Times are shown in the viewer's zone. */

export interface TimeRange {
  /** `now-24h`, or a time in ISO 8601. */
  readonly from: string
  readonly to: string
}

export const defaultRange: TimeRange = { from: 'now-24h', to: 'now' }

/** Ranges to choose from. */
export const quickRanges: readonly { readonly from: string; readonly label: string }[] = [
  { from: 'now-15m', label: 'Last 15 minutes' },
  { from: 'now-1h', label: 'Last hour' },
  { from: 'now-4h', label: 'Last 4 hours' },
  { from: 'now-24h', label: 'Last 24 hours' },
  { from: 'now-7d', label: 'Last 7 days' },
  { from: 'now-30d', label: 'Last 30 days' },
  { from: 'now-90d', label: 'Last 90 days' },
  { from: 'now-365d', label: 'Last year' },
]

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** Whether the text is a time that the address may hold. */
export function isTime(text: string): boolean {
  return (
    /^now(?:-\d{1,6}[smhdw])?$/.test(text) ||
    (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) && !Number.isNaN(Date.parse(text)))
  )
}

/** Epoch milliseconds of a time that `isTime` took. */
export function timeMsOf(text: string, nowMs: number): number {
  const relative = /^now(?:-(\d{1,6})([smhdw]))?$/.exec(text)
  return relative === null ? Date.parse(text) : nowMs - Number(relative[1] ?? 0) * (unitMs[relative[2] ?? 's'] ?? 1000)
}

/** What stands on the button of the time picker. */
export function rangeLabel({ from, to }: TimeRange): string {
  if (to === 'now') {
    const quick = quickRanges.find((range) => range.from === from)
    if (quick !== undefined) return quick.label
    const found = /^now-(\d+)([smhdw])$/.exec(from)
    const units: Readonly<Record<string, string>> = { s: 'seconds', m: 'minutes', h: 'hours', d: 'days', w: 'weeks' }
    if (found !== null) return `Last ${found[1]} ${units[found[2] ?? ''] ?? ''}`
  }
  return `${timeLabel(from)} – ${timeLabel(to)}`
}

function timeLabel(text: string): string {
  return text.startsWith('now') ? text : shortTime(Date.parse(text))
}

const twoDigits = (n: number) => String(n).padStart(2, '0')

/** `2026-11-24 08:00:00` in the viewer's zone. */
export function fullTime(ms: number): string {
  const at = new Date(ms)
  if (Number.isNaN(at.getTime())) return 'no time'
  const date = `${at.getFullYear()}-${twoDigits(at.getMonth() + 1)}-${twoDigits(at.getDate())}`
  return `${date} ${twoDigits(at.getHours())}:${twoDigits(at.getMinutes())}:${twoDigits(at.getSeconds())}`
}

/** As `fullTime`, with milliseconds. */
export function exactTime(ms: number): string {
  return `${fullTime(ms)}.${String(new Date(ms).getMilliseconds()).padStart(3, '0')}`
}

/** `Nov 24, 08:00` in the viewer's zone. */
export function shortTime(ms: number): string {
  const at = new Date(ms)
  const month = at.toLocaleString('en', { month: 'short' })
  return `${month} ${at.getDate()}, ${twoDigits(at.getHours())}:${twoDigits(at.getMinutes())}`
}

/** How long ago, in one unit: `12 s ago`, `3 h ago`. */
export function ago(ms: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - ms) / 1000))
  if (seconds < 90) return `${seconds} s ago`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`
  return seconds < 129_600 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86_400)} d ago`
}

/** The viewer's zone by name, as Europe/Berlin. */
export function zoneName(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** What is to be added to UTC for the viewer's wall clock, in milliseconds. */
export function zoneOffsetMs(nowMs: number): number {
  return -new Date(nowMs).getTimezoneOffset() * 60_000
}
