/** What the agent says about itself, `queue/agent-status.json`: its shape, and reading it from elsewhere. Can go wrong: the file is not there, or is of something else. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Times are ISO 8601, counts since the agent's start unless they say otherwise. */
export interface AgentStatus {
  readonly at: string
  /** Null when the agent has ended in order. */
  readonly pid: number | null
  readonly startedAt: string
  readonly id: string | null
  readonly name: string | null
  readonly connection: {
    readonly state: 'connected' | 'connecting' | 'enrolling' | 'no manager' | 'no identity' | 'stopped'
    /** `address:port` of the manager that it is, was, or wants to be connected to. */
    readonly manager: string | null
    readonly lastAck: string | null
    /** Whether the connection that stands is in TLS. */
    readonly isInTls: boolean
    /** Why it is not connected. */
    readonly reason: string | null
  }
  readonly spool: {
    /** Messages that the manager has not confirmed. */
    readonly waiting: number
    readonly bytes: number
    readonly bytesMax: number
    readonly state: 'normal' | '90%' | 'full' | 'flooded'
  }
  readonly counts: {
    readonly sent: number
    readonly acknowledged: number
    /** Messages longer than the protocol carries, cut. */
    readonly cut: number
  }
  /** Events lost or left out, by reason. */
  readonly drops: Readonly<Record<string, number>>
  readonly fim: { readonly ways: readonly string[]; readonly lastScan: string } | null
  readonly logs: { readonly files: readonly string[] } | null
  readonly memoryBytes: number
}

export function statusPath(home: string): string {
  return join(home, 'queue/agent-status.json')
}

/** The status of the agent of a home; null when there has been none. */
export function readAgentStatus(home: string): AgentStatus | null {
  let text: string
  try {
    text = readFileSync(statusPath(home), 'utf8')
  } catch {
    return null
  }
  const value: unknown = JSON.parse(text)
  return isStatus(value) ? value : null
}

function isStatus(value: unknown): value is AgentStatus {
  return typeof value === 'object' && value !== null && 'connection' in value && 'spool' in value && 'counts' in value
}
