/** A profile of the ruleset, as the API tells it, in words. */
import { countText } from '../widgets/number-text.ts'

export interface ProfileRow {
  readonly kind: 'rule' | 'decoder'
  readonly name: string
  readonly filename: string
  readonly line: number
  readonly runs: number
  readonly hits: number
  readonly ms: number
  /** Percent of what conditions and patterns took. */
  readonly share: number
  readonly alerts?: number
}

export interface Profile {
  readonly index: 'alerts' | 'archives'
  readonly events: number
  readonly us_per_event: number
  readonly rows: readonly ProfileRow[]
  readonly total_rows: number
}

export function costSentence({ index, events, us_per_event: each, rows, total_rows: total }: Profile): string {
  if (events === 0) return 'There are no events of the last seven days in the store whose text is kept.'
  const of = index === 'alerts' ? 'alerts (events that raised none are not kept: logall_json keeps them)' : 'events'
  const cut = total > rows.length ? ` The ${countText(rows.length)} dearest of ${countText(total)} are shown.` : ''
  return `Over the newest ${countText(events)} ${of}: ${countText(each)} µs each, clocks included.${cut}`
}
