/** Events of our own: what the pipeline has to say about itself goes the way of all events, as JSON at the location `dogwatch`. */
import type { EventInput } from '@dogwatch/engine'

/** Char code of the queue of local logs. */
export const localQueue = 49
export const syslogQueue = 50

/** What may be said; the names are part of the product (rules match on them). */
export type OwnEvent =
  | {
      readonly event: 'event_oversize'
      readonly input: string
      readonly source: string
      readonly length: number
      readonly limit: number
      readonly auditID?: string
    }
  | {
      readonly event: 'pattern_runaway'
      readonly pattern: string | null
      readonly rules: readonly number[]
      readonly decoders: readonly string[]
      readonly location: string
      readonly length: number
    }
  | { readonly event: 'record_skipped'; readonly record: number; readonly reason: string }

/** Latin1 JSON: what is not ASCII is escaped, so that one code unit is one byte. */
export function ownEventBody(event: OwnEvent): string {
  return JSON.stringify({ dogwatch: event }).replace(
    /[\u0080-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

export function ownEvent(event: OwnEvent, timeMs: number): EventInput {
  return { queue: localQueue, location: 'dogwatch', body: ownEventBody(event), timeMs }
}
