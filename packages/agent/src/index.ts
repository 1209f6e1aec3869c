/** Other rooms read what the agent says about itself; the agent is a program, `main.ts`. */
import { join } from 'node:path'

export { agentHome } from './environment.ts'
export { type AgentStatus, readAgentStatus } from './status.ts'

/** The file that runs the agent. */
export const agentMain: string = join(import.meta.dirname, 'main.ts')
/** Memory flags of Node for it: by default the young generation grows to many times what our short-lived strings need. */
export const agentNodeFlags: readonly string[] = ['--max-semi-space-size=1', '--max-old-space-size=256']
