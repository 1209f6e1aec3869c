export { type ActorKind, actorKindOf } from './actor.ts'
export type { Reason } from './json-bytes.ts'
export { type Redaction, redactionDefault } from './redact.ts'
export {
  eventLengthDefault,
  inflatedLengthDefault,
  parseLine,
  type Rejected,
  type Sink,
  type SplitContext,
  type SplitEvent,
  sampleLengthMax,
  splitBody,
  splitInto,
} from './split.ts'
