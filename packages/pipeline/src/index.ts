export { AnalyzeError, type AnalyzeFigures, type AnalyzeOptions, runAnalyze } from './analyze.ts'
export type { LineFormat } from './match-stage.ts'
