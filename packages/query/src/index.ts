export { type Completion, completionAt } from './complete.ts'
export { parseQuery, type QueryReading } from './parse.ts'
export {
  type Bound,
  type Query,
  type QueryProblem,
  queryDepthMax,
  queryLengthMax,
  queryTermsMax,
  quoted,
  type WildcardPart,
} from './query.ts'
