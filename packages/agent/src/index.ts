/** The node agent: file integrity and logs, kept on disk until the manager has them. */
export type { Send, Tell } from './send.ts'
