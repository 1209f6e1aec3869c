export { formatProblem, gatherProblems, type Problem, type Severity, type SourceSpan } from './problem.ts'
export { type InputKind, inputKinds, type RecordMeta } from './record.ts'
