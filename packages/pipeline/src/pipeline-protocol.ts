/** What the manager's thread and the pipeline thread say to each other. */
import type { RecordRef } from '@dogwatch/bus'
import type { AgentFacts, RulesetSources } from '@dogwatch/engine'
import type { Redaction } from '@dogwatch/k8s'
import type { FileKind } from '@dogwatch/outputs'
import type { Problem } from '@dogwatch/schema'
import type { EngineSettings } from './engine-parts.ts'

export type AgentEntries = readonly (readonly [string, AgentFacts])[]

/** What the pipeline thread needs to begin. */
export interface ConductorOptions {
  readonly sources: RulesetSources
  readonly settings: EngineSettings
  readonly redact: Redaction
  readonly eventLengthMax: number
  /** Match workers. */
  readonly threads: number
  readonly journalFolder: string
  /** Checkpoint, correlator state, duplicate window. */
  readonly stateFolder: string
  /** Holds `alerts`, `archives`, `quarantine`. */
  readonly logsFolder: string
  readonly kinds: readonly FileKind[]
}

export type ToConductor =
  | { readonly kind: 'refs'; readonly refs: readonly RecordRef[] }
  | { readonly kind: 'reload'; readonly sources: RulesetSources }
  | { readonly kind: 'agents'; readonly agents: AgentEntries }
  | { readonly kind: 'stop' }

export interface PipelineStats {
  readonly events: number
  readonly matched: number
  readonly archived: number
  readonly alertsByLevel: readonly number[]
  readonly duplicates: number
  readonly drops: Readonly<Record<string, number>>
  readonly depths: Readonly<Record<string, number>>
  /** Things that should be rare: worker restarts, runaways, failed writes, torn lines, checkpoints … */
  readonly incidents: Readonly<Record<string, number>>
}

export type FromConductor =
  /** `position` is null when there has never been a checkpoint. */
  | { readonly kind: 'ready'; readonly position: number | null; readonly problems: readonly Problem[] }
  | { readonly kind: 'refused'; readonly problems: readonly Problem[] }
  | { readonly kind: 'done'; readonly records: number }
  | { readonly kind: 'checkpoint'; readonly position: number }
  | { readonly kind: 'stats'; readonly stats: PipelineStats }
  /** An event of ours, a queue message for the journal. */
  | { readonly kind: 'own'; readonly message: string }
  | { readonly kind: 'reloaded'; readonly problems: readonly Problem[] }
  | { readonly kind: 'trouble'; readonly message: string | null }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'failed'; readonly message: string }

/** References that may be on their way or waiting in the pipeline thread: the journal is the queue. */
export const refsMax = 4096
