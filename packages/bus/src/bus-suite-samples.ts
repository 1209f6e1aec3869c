/** What the tests write. */
import type { RecordMeta } from '@dogwatch/schema'

export const sampleMeta: RecordMeta = {
  input: 'webhook',
  source: 'default',
  peer: '192.0.2.7',
  arrivalUs: 1_700_000_000_000_001,
}

/** A body that differs at every length and number. */
export function sampleBody(length: number, number = 0): Uint8Array {
  const body = new Uint8Array(length)
  let state = (number * 2_654_435_761 + length) >>> 0
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    body[at] = state >>> 24
  }
  return body
}
