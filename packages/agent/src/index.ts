/** The node agent: file integrity with who-data, logs, a spool on disk, the line to the manager. */
export { Agent, type AgentOptions, ConfFailure, startAgent } from './agent.ts'
export type { Send, Tell } from './send.ts'
