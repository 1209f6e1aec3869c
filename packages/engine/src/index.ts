export { type AttackTable, attackTable } from './attack.ts'
export { type DropReason, dropReasons, type MatchBatch, MatchWriter } from './batch.ts'
export { type ConsumeOptions, Correlator, type CorrelatorCounters } from './correlator.ts'
export type { DecoderStep, Explanation, FailedCondition, RuleStep } from './explain.ts'
export { openGeoip } from './geoip.ts'
export { JsonReader, type JsonValue, printCompact } from './json-value.ts'
export {
  type LogtestAnswer,
  type LogtestInput,
  LogtestSession,
  type LogtestWishes,
  logtestLocation,
} from './logtest.ts'
export {
  type BuiltinDecoder,
  type DecodeState,
  type EventInput,
  Matcher,
  type MatcherOptions,
  parseQueueMessage,
  queueMessageAt,
} from './matcher.ts'
export { type AlertInfo, OutputBuffers, type TakenOutput } from './output-buffers.ts'
export type { AgentFacts } from './render.ts'
export {
  baseName,
  compileRuleset,
  type ListSource,
  type Ruleset,
  type RulesetOptions,
  type RulesetSource,
  type RulesetSources,
} from './ruleset.ts'
