/** Other rooms ask the running manager; the manager itself is a program, `main.ts`. */
import { join } from 'node:path'

export type { AgentsAnswer, AgentsRequest, GroupSummary } from './agents-control.ts'
export type { AgentRow } from './agents-state.ts'
export { askManager, ControlError } from './control-client.ts'
export type { ControlAnswers, ReloadAnswer, StatusAnswer } from './control-protocol.ts'

/** The file that runs the manager. */
export const managerMain: string = join(import.meta.dirname, 'main.ts')
