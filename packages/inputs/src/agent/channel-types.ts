/** What the agent channel is handed and what it counts. */
import type { CipherKeys, Ciphers, Counter } from '@dogwatch/protocol'
import type { RecordSink } from '../record-sink.ts'

/** An agent that may connect. */
export interface KnownAgent {
  readonly id: string
  readonly name: string
  /** The registered address: `any`, an address, or a network. */
  readonly ip: string
  readonly keys: CipherKeys
}

/** Who may connect; asked for each message, so it must be quick. */
export interface AgentDirectory {
  byId(id: string): KnownAgent | null
  /** The agent registered with exactly this address; null also when several are. */
  byAddress(address: string): KnownAgent | null
}

/** Told what agents say about themselves. */
export interface AgentHandlers {
  /**
   * A new connection. The answer refuses it, with the text for the agent; null lets it in. `version` is null when the agent should have said it and has not, and
   * empty when it is of a kind that never does.
   */
  startup(agent: KnownAgent, version: string | null, peer: string): string | null
  /** `text` is what stands behind `#!-`; good until the call returns. */
  keepAlive(agent: KnownAgent, text: Buffer, peer: string): void
  shutdown(agent: KnownAgent): void
  /** Something was refused; may be called very often. `agent` is null while nobody is known. */
  refused(reason: ChannelRefusal, peer: string, agent: string | null): void
}

/** Last counters received, by agent; they must outlive the process. */
export interface ReceivedCounters {
  read(id: string): Counter | null
  write(id: string, counter: Counter): void
}

/** How far an agent of ours has come: the last number of its spool that was taken. */
export interface SpoolPosition {
  readonly spool: string
  readonly sequence: number
}

/** Why a message or a connection was refused: a closed list. */
export const channelRefusals = {
  frame_too_long: 'a length beyond 65536 bytes',
  no_message: 'it is no message of an agent',
  unknown_agent: 'no agent of that id or address is enrolled',
  wrong_address: 'the agent is registered with another address',
  wrong_key: 'the message was not made with the key of the agent',
  bad_content: 'the message opens, yet its content is damaged',
  cipher: 'the cipher is not accepted here',
  replayed: 'its counter has been seen before',
  key_in_use: 'the agent is connected already',
  other_agent: 'the connection belongs to another agent',
  version: 'the version of the agent is refused',
  queue_full: 'a datagram came while the journal was behind',
  idle: 'nothing was heard for too long',
  slow_reader: 'the agent does not read what it is sent',
  too_many: 'too many connections',
  tls: 'TLS failed',
  no_tls: 'the agent must wrap its connection in TLS here',
} as const
export type ChannelRefusal = keyof typeof channelRefusals

/** Grow only, except `connected`. */
export interface ChannelCounters {
  messages: number
  bytes: number
  events: number
  keepAlives: number
  connectionsOpened: number
  /** Agents with a connection now. */
  connected: number
  /** Connections that were wrapped in TLS. */
  tlsOpened: number
  /** Agents that lost their counters and proved to be themselves. */
  recovered: number
  /** Numbered events that had come before: an agent of ours sends again what it does not know to be on disk. */
  resent: number
  readonly refused: Record<ChannelRefusal, number>
}

export interface ChannelAddress {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
}

export interface AgentChannelOptions {
  readonly listen: readonly ChannelAddress[]
  readonly directory: AgentDirectory
  readonly handlers: AgentHandlers
  readonly sink: RecordSink
  readonly received: ReceivedCounters
  /** How far agents of ours had come before this process, by the journal; absent: nowhere. */
  readonly spools?: ReadonlyMap<string, SpoolPosition>
  /** Counters of what is sent: each is greater than all before, over restarts too. */
  readonly nextCounter: () => Counter
  readonly ciphers: Ciphers
  /** Certificate and key, PEM, for agents of ours that wrap their connection in TLS; absent: such a connection is refused. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer }
  /** Who must use it: nobody, agents of ours, every agent; absent: nobody. */
  readonly requiresTls?: 'no' | 'own' | 'all'
  /** Silence after which a second connection takes over, milliseconds; 0: never. */
  readonly overtakeMs: number
  /** Silence after which a connection is closed, milliseconds. */
  readonly idleMs: number
  /** Most connections at once. */
  readonly connectionsMax?: number
}

export function newChannelCounters(): ChannelCounters {
  return {
    messages: 0,
    bytes: 0,
    events: 0,
    keepAlives: 0,
    connectionsOpened: 0,
    connected: 0,
    tlsOpened: 0,
    recovered: 0,
    resent: 0,
    refused: { ...zeros },
  }
}

const zeros: Record<ChannelRefusal, number> = {
  frame_too_long: 0,
  no_message: 0,
  unknown_agent: 0,
  wrong_address: 0,
  wrong_key: 0,
  bad_content: 0,
  cipher: 0,
  replayed: 0,
  key_in_use: 0,
  other_agent: 0,
  version: 0,
  queue_full: 0,
  idle: 0,
  slow_reader: 0,
  too_many: 0,
  tls: 0,
  no_tls: 0,
}
