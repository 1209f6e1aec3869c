/** Times as a request writes them: `now`, `now-24h`, epoch milliseconds, or ISO 8601. */

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** Epoch milliseconds; null when the text says no time. */
export function timeOf(text: string, nowMs: number): number | null {
  const relative = /^now(?:-(\d{1,6})([smhdw]))?$/.exec(text)
  if (relative !== null) return nowMs - Number(relative[1] ?? 0) * (units[relative[2] ?? 's'] ?? 1000)
  if (/^\d{10,14}$/.test(text)) return Number(text)
  if (!/^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?$/.test(text)) return null
  const ms = Date.parse(text.replace(/([+-]\d\d)(\d\d)$/, '$1:$2'))
  return Number.isNaN(ms) ? null : ms
}
