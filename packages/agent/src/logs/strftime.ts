/** Times as C's strftime prints them in the C locale, for names of files and templates; local time. Pure. */
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]

const pad = (value: number, width = 2, fill = '0'): string => String(value).padStart(width, fill)

function zone(time: Date): string {
  const minutes = -time.getTimezoneOffset()
  return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(Math.abs(minutes) / 60))}${pad(Math.abs(minutes) % 60)}`
}

function dayOfYear(time: Date): number {
  const noon = (month: number, day: number): number => Date.UTC(time.getFullYear(), month, day)
  return Math.round((noon(time.getMonth(), time.getDate()) - noon(0, 1)) / 86_400_000) + 1
}

const tokens: Readonly<Record<string, (time: Date) => string>> = {
  Y: (t) => pad(t.getFullYear(), 4),
  y: (t) => pad(t.getFullYear() % 100),
  m: (t) => pad(t.getMonth() + 1),
  d: (t) => pad(t.getDate()),
  e: (t) => pad(t.getDate(), 2, ' '),
  H: (t) => pad(t.getHours()),
  I: (t) => pad(t.getHours() % 12 || 12),
  M: (t) => pad(t.getMinutes()),
  S: (t) => pad(t.getSeconds()),
  p: (t) => (t.getHours() < 12 ? 'AM' : 'PM'),
  j: (t) => pad(dayOfYear(t), 3),
  a: (t) => (days[t.getDay()] ?? '').slice(0, 3),
  A: (t) => days[t.getDay()] ?? '',
  b: (t) => (months[t.getMonth()] ?? '').slice(0, 3),
  B: (t) => months[t.getMonth()] ?? '',
  u: (t) => String(t.getDay() || 7),
  w: (t) => String(t.getDay()),
  s: (t) => String(Math.floor(t.getTime() / 1000)),
  z: zone,
  F: (t) => strftime('%Y-%m-%d', t),
  T: (t) => strftime('%H:%M:%S', t),
  D: (t) => strftime('%m/%d/%y', t),
  R: (t) => strftime('%H:%M', t),
  '%': () => '%',
}

/** Fills the tokens in; one that is not known stays as it is. */
export function strftime(template: string, time: Date): string {
  return template.replace(/%(.)/g, (all, letter: string) => {
    const token = Object.hasOwn(tokens, letter) ? tokens[letter] : undefined
    return token === undefined ? all : token(time)
  })
}
