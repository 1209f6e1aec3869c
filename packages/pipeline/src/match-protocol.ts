/** What the thread with the pool and a match worker say to each other. */
import type { MessagePort } from 'node:worker_threads'
import type { AgentFacts, RulesetSources } from '@dogwatch/engine'
import type { Redaction } from '@dogwatch/k8s'
import type { Problem } from '@dogwatch/schema'
import type { EngineSettings } from './engine-parts.ts'
import type { MatchJob, MatchPart } from './match-stage.ts'

/** Given to a worker when it is made. */
export interface MatchWorkerData {
  readonly sources: RulesetSources
  readonly settings: EngineSettings
  readonly split: { readonly redact: Redaction; readonly hash: boolean }
  readonly eventLengthMax: number
  /** Where `openJournalReader` finds records; null when jobs are lines. */
  readonly journalFolder: string | null
  /** Shared words, see `shared`. */
  readonly shared: SharedArrayBuffer
  readonly agents: readonly (readonly [string, AgentFacts])[]
  /** Where buffers (`BatchBuffers`) come back when their batch is done with. */
  readonly buffers: MessagePort
}

export type ToMatchWorker =
  | { readonly kind: 'job'; readonly job: MatchJob }
  | { readonly kind: 'agents'; readonly agents: readonly (readonly [string, AgentFacts])[] }
  | { readonly kind: 'close' }

export type FromMatchWorker =
  | { readonly kind: 'ready'; readonly problems: readonly Problem[]; readonly isUsable: boolean }
  | { readonly kind: 'part'; readonly part: MatchPart }

/** Places in the shared words. */
export const shared = {
  /** KiB of parts that were sent and not taken yet: the worker waits while it is above its bound. */
  outstandingKib: 0,
  /** Grows with every part, so that a hung worker can be told from a busy one. */
  progress: 1,
  /** 1 while the worker waits for room. */
  isWaiting: 2,
  length: 3,
} as const

/** A worker waits while so much of what it sent has not been taken, KiB. */
export const outstandingKibMax = 16 * 1024

/** What a part weighs in these words. */
export function partKib({ batch }: MatchPart): number {
  return batch === null ? 1 : 1 + ((batch.words.byteLength + batch.bytes.byteLength) >> 10)
}
