/**
 * The Store contract: documents (alerts, and archived events) go in as JSON lines and are searched by any of their fields.
 *
 * An implementation passes `storeSuite`. Durable means: when `append` has resolved, the documents survive a kill. A document is known by its index and
 * its id; the same again is nothing new. Times are epoch milliseconds; ranges hold their beginning and not their end.
 */
import type { Query } from '@dogwatch/query'

/** What is kept apart: alerts, and every event where `logall_json` asks for it. */
export type IndexName = 'alerts' | 'archives'
export const indexNames: readonly IndexName[] = ['alerts', 'archives']

/** A line of alerts.json or archives.json. */
export interface Document {
  readonly id: string
  readonly timeMs: number
  /** The JSON object, as it stands in the file. */
  readonly text: string
}

export interface TimeRange {
  readonly fromMs: number
  readonly toMs: number
}

/** Which documents: every question has a time range, so that its cost has a bound. */
export interface Selection {
  readonly index: IndexName
  readonly query: Query
  readonly range: TimeRange
}

/** Fields that documents can be sorted by: what people look for first, in columns of their own. */
export const sortFields = ['rule.level', 'rule.id', 'agent.id', 'agent.name'] as const
export type SortField = (typeof sortFields)[number]

/** Another order than that of time. Documents without the field come last, those that are the same by `order`. */
export interface Sorting {
  readonly field: SortField
  readonly isDescending: boolean
}

export interface SearchRequest extends Selection {
  /** 0 asks for the total alone. */
  readonly limit: number
  readonly order: 'newest' | 'oldest'
  /** Pages of what is sorted are turned by `offset`, not by `after`; so there is an end to them at `offsetMax`. */
  readonly sort?: Sorting
  /** Goes on behind this document of an earlier page. */
  readonly after?: Place
  /** Documents to leave out first. */
  readonly offset?: number
}

/** Where a document stands in time; documents of one millisecond are ordered by their ids' numbers. */
export interface Place {
  readonly timeMs: number
  readonly sequence: number
}

export interface Found extends Document, Place {}

export interface SearchAnswer {
  /** All that match, whatever the limit. */
  readonly total: number
  readonly documents: readonly Found[]
}

export interface HistogramRequest extends Selection {
  readonly stepMs: number
  /** Added to UTC before cutting into steps, so that days begin where the viewer is. */
  readonly offsetMs?: number
  /** Splits each bucket by the most frequent values of a field. */
  readonly by?: { readonly field: string; readonly limit: number }
}

export interface Bucket {
  readonly fromMs: number
  readonly count: number
  /** Counts by value, where asked; a document with several values counts for each. */
  readonly by: Readonly<Record<string, number>>
}

export interface TermsRequest extends Selection {
  readonly field: string
  readonly limit: number
  /** Only values that begin so, case ignored. */
  readonly prefix?: string
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

export interface CombinationsRequest extends Selection {
  /** 1 to `combinationFieldsMax`; several values of one field count as one text, with commas. */
  readonly fields: readonly string[]
  /** At most `termsCountMax`. */
  readonly limit: number
  /** By the newest document, or by the count. */
  readonly order: 'newest' | 'most'
  /** Documents of a combination that are counted apart. */
  readonly apart?: Query
}

/** Documents that agree in the asked fields. */
export interface Combination {
  /** In the order of the fields; null where documents lack one. */
  readonly values: readonly (string | null)[]
  readonly count: number
  /** Of these, what `apart` finds. */
  readonly apart: number
  readonly firstMs: number
  readonly lastMs: number
  /** Highest level of a rule; null when none has one. */
  readonly levelMax: number | null
}

export interface CombinationsAnswer {
  readonly combinations: readonly Combination[]
  /** All that there are, whatever the limit. */
  readonly distinct: number
  /** Documents in all of them. */
  readonly documents: number
}

export interface FieldFacts {
  readonly name: string
  readonly type: 'text' | 'number' | 'boolean' | 'date'
}

/** A document with what came right before and after it, of the same index. */
export interface Neighbourhood {
  readonly document: Found
  readonly before: readonly Found[]
  readonly after: readonly Found[]
}

export interface PartitionFacts {
  readonly index: IndexName
  /** UTC day, `2026-11-24`. */
  readonly day: string
  readonly isSealed: boolean
  readonly documents: number
}

export interface StoreFigures {
  readonly partitions: readonly PartitionFacts[]
  /** On disk, in bytes. */
  readonly bytes: number
}

export interface Appended {
  readonly stored: number
  /** Known before, or twice in the batch. */
  readonly duplicates: number
}

/** Something that the feeder wants to find again, made durable together with the documents. */
export interface Mark {
  readonly name: string
  readonly value: string
}

export interface Retention {
  readonly nowMs: number
  /** Whole days that stay as they came; older ones are sealed. */
  readonly hotDays: number
  /** Age at which a day leaves. */
  readonly retentionMs: number
  /** Bytes on disk beyond which the oldest days leave; null is no bound. */
  readonly bytesMax: number | null
}

export interface Retained {
  readonly sealed: readonly string[]
  readonly dropped: readonly string[]
}

export interface Store {
  /** At most `appendCountMax` at a time. Throws STORE_BAD_DOCUMENT for text that is no JSON object. */
  append(index: IndexName, documents: readonly Document[], mark?: Mark): Promise<Appended>
  mark(name: string): Promise<string | null>
  search(request: SearchRequest): Promise<SearchAnswer>
  histogram(request: HistogramRequest): Promise<readonly Bucket[]>
  terms(request: TermsRequest): Promise<TermsAnswer>
  combinations(request: CombinationsRequest): Promise<CombinationsAnswer>
  /** Fields seen in the newest documents, by name. */
  fields(selection: Selection): Promise<readonly FieldFacts[]>
  /** Null when there is no such document. */
  event(index: IndexName, id: string, neighbourCount: number): Promise<Neighbourhood | null>
  figures(): Promise<StoreFigures>
  /** Seals and drops days. */
  retain(retention: Retention): Promise<Retained>
  /** Reads everything and names what is wrong, a line each. */
  verify(): Promise<readonly string[]>
  close(): Promise<void>
}

/** Most documents of one `append`, and of one page. */
export const appendCountMax = 2048
export const pageCountMax = 10_000
/** Most documents that `offset` leaves out; go on with `after`. */
export const offsetMax = 10_000
export const termsCountMax = 1000
export const combinationFieldsMax = 8
export const bucketCountMax = 2000
