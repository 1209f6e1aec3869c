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

/** The name of a level's band: how serious an alert is. */
export type LevelBand = 'low' | 'medium' | 'high' | 'critical'

/**
 * The bands, the most serious first, each with its lowest level. Everything that sorts levels reads this list. Our own detections end at level 14, so
 * critical begins there.
 */
export const levelBands: readonly { readonly band: LevelBand; readonly from: number }[] = [
  { band: 'critical', from: 14 },
  { band: 'high', from: 12 },
  { band: 'medium', from: 7 },
  { band: 'low', from: 0 },
]

export function levelBand(level: number): LevelBand {
  return levelBands.find(({ from }) => level >= from)?.band ?? 'low'
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
  ...['#f0a06b', '#dd6b24'],
  ...['#d6545f', '#c93545'],
]

/** Colour of a value of `rule.level`; of anything else, the nth of the palette. */
export function colorOf(field: string | undefined, value: string, n: number): string {
  if (field !== 'rule.level') return seriesColor(n)
  return levelColors[Math.min(15, Math.max(0, Number(value)))] ?? seriesColor(n)
}
