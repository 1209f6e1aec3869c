/** What the manager and the store's process say to each other. Both ends are this room, started together, so messages are typed and not checked. */
import type { Retention, Store, StoreFigures } from './contract.ts'
import type { DuckDbOptions } from './duckdb-store.ts'
import type { StoreErrorCode } from './error.ts'
import type { FeedFigures } from './feed.ts'
import type { LineFiles } from './line-source.ts'

/** Store methods that may be called from outside the process. */
export type StoreMethod = Exclude<keyof Store, 'close'>

export interface StoreSettings extends DuckDbOptions {
  readonly feeds: readonly { readonly index: 'alerts' | 'archives'; readonly files: LineFiles }[]
  readonly retention: Omit<Retention, 'nowMs'>
}

export type ToStore =
  | { readonly kind: 'open'; readonly settings: StoreSettings }
  | { readonly kind: 'call'; readonly id: number; readonly method: StoreMethod; readonly args: readonly unknown[] }
  | { readonly kind: 'close' }

/** What the process tells by itself, once a second. */
export interface ProcessFigures {
  readonly feeds: readonly FeedFigures[]
  readonly store: StoreFigures
  readonly rssBytes: number
}

export type FromStore =
  | { readonly kind: 'opened' }
  | { readonly kind: 'cannot open'; readonly message: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly code: StoreErrorCode; readonly message: string }
  | { readonly kind: 'figures'; readonly figures: ProcessFigures }
  | { readonly kind: 'notice'; readonly message: string }
