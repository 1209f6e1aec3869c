export { CliFailure, type ExitCode, exitCodes } from './failure.ts'
