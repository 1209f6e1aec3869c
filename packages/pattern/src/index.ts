/** Pattern languages of rules and decoders: one contract, a file per dialect. */
export {
  type Compiled,
  type Dialect,
  isPattern,
  type Needs,
  noMatch,
  type Pattern,
  type PatternError,
  patternLengthMax,
} from './contract.ts'
export { classify } from './hazard.ts'
export { compileOsmatch } from './osmatch.ts'
export { compileOsregex } from './osregex.ts'
export { catastropheOf, compilePcre2, emptyRoundOf } from './pcre2.ts'
export { type CorpusResult, runRegexCorpus } from './regex-corpus.ts'
export { compileString } from './string.ts'
export { type Guarded, mayRun, withDeadline, withoutPatterns } from './watchdog.ts'
export { wordMatch } from './word-match.ts'
