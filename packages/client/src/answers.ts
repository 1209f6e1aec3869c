/** What the API answers, as the client hands it on. The server's schemas and tests vouch for the shapes (docs/search.md). */

export type IndexName = 'alerts' | 'archives'

/** A stored alert or event: `source` is the object as it was written. */
export interface EventDocument {
  readonly id: string
  readonly time_ms: number
  readonly place: string
  readonly source: Readonly<Record<string, unknown>>
}

export interface SearchAnswer {
  readonly total: number
  readonly documents: readonly EventDocument[]
  /** For `after` of the next page; null at the end. */
  readonly next: string | null
}

export interface Bucket {
  readonly from_ms: number
  readonly count: number
  /** Counts by value where the histogram was split. */
  readonly by: Readonly<Record<string, number>>
}

export interface HistogramAnswer {
  readonly from_ms: number
  readonly to_ms: number
  readonly step_ms: number
  readonly buckets: readonly Bucket[]
}

export interface Term {
  readonly value: string
  readonly count: number
}

export interface TermsAnswer {
  readonly terms: readonly Term[]
  /** Documents that have the field. */
  readonly documents: number
  readonly distinct: number
}

export interface FieldFacts {
  readonly name: string
  readonly type: 'text' | 'number' | 'boolean' | 'date'
}

export interface Neighbours {
  readonly document: EventDocument
  readonly before: readonly EventDocument[]
  readonly after: readonly EventDocument[]
}

/** What became of an event that was tried or explained. */
export interface TryAnswer {
  readonly output: Readonly<Record<string, unknown>>
  readonly alert: boolean
  readonly explanation: unknown
}

export interface SavedSearch {
  readonly id: number
  readonly name: string
  readonly owner: string
  readonly content: string
  readonly changed: string
}

export interface StoreStatus {
  readonly enabled: boolean
  readonly ready: boolean
  readonly says: string
  readonly documents: number
  readonly bytes: number
  readonly lag_bytes: number
}

export interface Me {
  readonly id: number
  readonly username: string
  readonly roles: readonly number[]
  readonly actions: readonly string[]
}

/** A page of a list, with the count of all. */
export interface Items<T> {
  readonly items: readonly T[]
  readonly total: number
}
