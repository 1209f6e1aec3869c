/** One event of a logtest session, with a deadline: patterns may backtrack, and senders choose the text. */
import type { LogtestAnswer, LogtestInput, LogtestSession, LogtestWishes } from '@dogwatch/engine'
import { withDeadline } from '@dogwatch/pattern'

/** Longest work on one event, in milliseconds: long enough for an explanation under thousands of rules. */
export const eventMsMax = 5_000

export type BoundedAnswer =
  | { readonly answer: LogtestAnswer; readonly failure?: undefined }
  | { readonly answer: null; readonly failure: string; readonly isSpoilt: boolean }

/** The answer, or why there is none. After `isSpoilt` the session is of no more use: it was cut off in the middle. */
export function processBounded(
  session: LogtestSession,
  input: LogtestInput,
  wishes: LogtestWishes,
  msMax = eventMsMax,
): BoundedAnswer {
  const outcome = withDeadline(msMax, () => session.process(input, wishes))
  if (!outcome.done) {
    const pattern = outcome.running === null ? 'no single pattern' : `the pattern '${outcome.running.source}'`
    return { answer: null, failure: `the event took more than ${msMax} ms; ${pattern} was at work`, isSpoilt: true }
  }
  const answer = outcome.value
  if (answer !== null) return { answer }
  return { answer: null, failure: 'the location is malformed: a `[` without `]`', isSpoilt: false }
}
