/** What the API is handed: everything that it tells or does comes through here. */
import type { RulesetFiles } from '@dogwatch/config'
import type { Problem } from '@dogwatch/schema'
import type { InventoryEntry, InventoryQuery, LastScan, ProcessFigures, State, Store } from '@dogwatch/store'

export interface ApiParts {
  readonly state: State
  /** The store without its end; null where it is off. */
  readonly store: () => Omit<Store, 'close'> | null
  /** Null when the store answers. */
  readonly storeTrouble: () => string | null
  readonly storeFigures: () => ProcessFigures | null
  readonly manager: ManagerFacts
  /** Null where no agents are taken. */
  readonly agents: () => AgentsDesk | null
  /** The ruleset's files now. */
  readonly rulesetFiles: () => RulesetFiles
  /** Loads the ruleset anew. */
  readonly reload: () => Promise<{ readonly accepted: boolean; readonly problems: readonly Problem[] }>
  /** Takes an event in as a log line; resolves when it is durable, throws when there is no room. Absent where none are taken. */
  readonly putEvent?: (text: string) => Promise<void>
  readonly now: () => number
  readonly log: (level: 'info' | 'warn' | 'error', message: string, facts: object) => void
  /** Lowest level that is an alert. */
  readonly logAlertLevel: number
  readonly managerName: string
  /** A line for a shell on this machine that posts a sample event; null where no webhook listens. */
  readonly sampleCommand: () => string | null
}

/** An agent as the manager knows it; times are milliseconds since the epoch, null when it never was. */
export interface AgentFacts {
  readonly id: string
  readonly name: string
  readonly registerIp: string
  readonly ip: string | null
  readonly version: string | null
  readonly system: {
    readonly uname: string
    readonly name: string | null
    readonly platform: string | null
    readonly version: string | null
    readonly codename: string | null
    readonly major: string | null
    readonly minor: string | null
    readonly architecture: string | null
    readonly hostname: string | null
  } | null
  readonly labels: readonly { readonly key: string; readonly value: string; readonly isHidden: boolean }[]
  readonly configSum: string | null
  readonly mergedSum: string | null
  readonly addedMs: number
  readonly keepAliveMs: number | null
  readonly disconnectedMs: number | null
  readonly groups: readonly string[]
  readonly status: 'never_connected' | 'pending' | 'active' | 'disconnected'
  readonly statusCode: number
  readonly isSynced: boolean
}

export interface GroupFacts {
  readonly name: string
  readonly count: number
  readonly mergedSum: string
  readonly configSum: string
}

/** Agents and groups; problems are sentences, null when it is done. */
export interface AgentsDesk {
  agents(): readonly AgentFacts[]
  groups(): readonly GroupFacts[]
  /** Base64 of `id name ip key`; null when there is no such agent. */
  key(id: string): string | null
  /** Null when the name is taken. */
  add(name: string, ip: string): { readonly id: string } | null
  /** Takes an agent in with the id and key that it had elsewhere (null: new ones); says what of it another agent has. */
  insert(wanted: InsertedAgent): { readonly id: string } | { readonly taken: 'id' | 'name' | 'ip' }
  /** Ids of those that there were. */
  remove(ids: readonly string[], purge: boolean): readonly string[]
  setGroups(id: string, groups: readonly string[]): string | null
  createGroup(group: string): Promise<string | null>
  removeGroup(group: string): Promise<string | null>
  hasGroup(group: string): boolean
  groupFiles(group: string): readonly { readonly filename: string; readonly hash: string }[]
  groupFile(group: string, name: string): Uint8Array | null
  putGroupConfiguration(group: string, text: Uint8Array): void
  /** Asks a connected agent. */
  ask(id: string, target: string, command: string): Promise<{ readonly text: string } | { readonly problem: string }>
  /** Has the agent connect anew; false when it is not connected. */
  reconnect(id: string): boolean
  /** What agents have told of their files. */
  readonly files: FilesDesk
}

export interface InsertedAgent {
  readonly name: string
  readonly ip: string
  readonly id: string | null
  readonly key: string | null
}

export interface FilesDesk {
  find(
    id: string,
    query: InventoryQuery,
  ): Promise<{ readonly total: number; readonly entries: readonly InventoryEntry[] }>
  lastScan(id: string): Promise<LastScan>
  clear(id: string): Promise<void>
}

export interface ManagerFacts {
  readonly home: string
  readonly version: string
  readonly uuid: string
  /** Parts by name; `running`, `stopped` or `failed`. */
  status(): Readonly<Record<string, 'running' | 'stopped' | 'failed'>>
  /** Counters by name. */
  counters(): Readonly<Record<string, number>>
  /** Counters with more to them; absent where nothing counts so. */
  details?(): ManagerDetails
}

export interface ManagerDetails {
  /** Events that were dropped, by reason. */
  readonly drops: Readonly<Record<string, number>>
  /** The channel of agents; null where none are taken. */
  readonly channel:
    | ({
        readonly connected: number
        readonly events: number
        readonly keepAlives: number
        readonly messages: number
        readonly bytes: number
        readonly refused: Readonly<Record<string, number>>
      } & Readonly<Record<string, unknown>>)
    | null
}
