/** Other rooms read what the agent says about itself; the agent is a program, `main.ts`. */
import { join } from 'node:path'

export { agentHome } from './environment.ts'
export { type AgentStatus, readAgentStatus } from './status.ts'

/** The file that runs the agent. */
export const agentMain: string = join(import.meta.dirname, 'main.ts')
/**
 * Memory flags of Node for it, measured: the young generation grows to many times what our short-lived strings need, and
 * helpers of the collector have heaps of their own. With them and compiled code from a cache (NODE_COMPILE_CACHE) an idle
 * agent has 72 MB rather than 114 (and 58 once `release-pages.ts` has been at work); a first scan takes as long.
 */
export const agentNodeFlags: readonly string[] = [
  '--max-semi-space-size=1',
  '--max-old-space-size=256',
  '--v8-pool-size=1',
]
/** Variables for the same end: one arena of the C library instead of one for each thread. */
export const agentNodeEnvironment: Readonly<Record<string, string>> = { MALLOC_ARENA_MAX: '1' }
