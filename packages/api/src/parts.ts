/** What the API is handed: everything that it tells or does comes through here. */
import type { RulesetFiles } from '@dogwatch/config'
import type { Problem } from '@dogwatch/schema'
import type { ProcessFigures, State, Store } from '@dogwatch/store'

export interface ApiParts {
  readonly state: State
  /** The store without its end; null where it is off. */
  readonly store: () => Omit<Store, 'close'> | null
  /** Null when the store answers. */
  readonly storeTrouble: () => string | null
  readonly storeFigures: () => ProcessFigures | null
  readonly manager: ManagerFacts
  /** The ruleset's files now. */
  readonly rulesetFiles: () => RulesetFiles
  /** Loads the ruleset anew. */
  readonly reload: () => Promise<{ readonly accepted: boolean; readonly problems: readonly Problem[] }>
  readonly now: () => number
  readonly log: (level: 'info' | 'warn' | 'error', message: string, facts: object) => void
  /** Lowest level that is an alert. */
  readonly logAlertLevel: number
  readonly managerName: string
  /** A line for a shell on this machine that posts a sample event; null where no webhook listens. */
  readonly sampleCommand: () => string | null
}

export interface ManagerFacts {
  readonly home: string
  readonly version: string
  readonly uuid: string
  /** Parts by name; `running`, `stopped` or `failed`. */
  status(): Readonly<Record<string, 'running' | 'stopped' | 'failed'>>
  /** Counters by name. */
  counters(): Readonly<Record<string, number>>
}
