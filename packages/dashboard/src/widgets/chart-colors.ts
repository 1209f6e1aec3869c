/** Colours of charts that people with any colour vision tell apart (after Okabe and Ito, 2008, with lightness that works on both schemes). */

const palette = [
  '#3b82c4',
  '#e0922f',
  '#2a9d7c',
  '#c65b9b',
  '#8f79d6',
  '#b8a12a',
  '#5bb0d9',
  '#d0603a',
  '#7a8b99',
  '#4f6fb5',
]

/** Colour of the nth series or slice. */
export function seriesColor(n: number): string {
  return palette[n % palette.length] ?? '#7a8b99'
}

/** The name of a level's band: how serious an alert is (0 to 6, 7 to 11, 12 to 14, 15). */
export type LevelBand = 'low' | 'medium' | 'high' | 'critical'

export function levelBand(level: number): LevelBand {
  if (level >= 15) return 'critical'
  if (level >= 12) return 'high'
  return level >= 7 ? 'medium' : 'low'
}

export const bandColors: Readonly<Record<LevelBand, string>> = {
  low: '#5b9bd5',
  medium: '#d9a514',
  high: '#e0722f',
  critical: '#c93545',
}

/** Levels of a band apart from each other: the lower, the paler. */
const levelColors = [
  ...['#d3e3f4', '#bcd5ee', '#a5c6e8', '#8db8e2', '#76aadb', '#5b9bd5', '#428acb'],
  ...['#efd27a', '#e8c454', '#e0b52e', '#d0a010', '#b78a08'],
  ...['#f0a06b', '#e98547', '#dd6b24'],
  '#c93545',
]

/** Colour of a value of `rule.level`; of anything else, the nth of the palette. */
export function colorOf(field: string | undefined, value: string, n: number): string {
  if (field !== 'rule.level') return seriesColor(n)
  return levelColors[Math.min(15, Math.max(0, Number(value)))] ?? seriesColor(n)
}
