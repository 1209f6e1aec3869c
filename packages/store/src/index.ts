export {
  type Appended,
  appendCountMax,
  type Bucket,
  bucketCountMax,
  type Combination,
  type CombinationsAnswer,
  type CombinationsRequest,
  combinationFieldsMax,
  type Document,
  type FieldFacts,
  type Found,
  type HistogramRequest,
  type IndexName,
  indexNames,
  type Neighbourhood,
  offsetMax,
  type Place,
  pageCountMax,
  type SearchAnswer,
  type SearchRequest,
  type Selection,
  type SortField,
  type Store,
  type StoreFigures,
  sortFields,
  type TermsAnswer,
  type TermsRequest,
  type TimeRange,
  termsCountMax,
} from './contract.ts'
export { documentOf } from './document-line.ts'
export type { DuckDbOptions } from './duckdb-store.ts'
export { StoreError, type StoreErrorCode } from './error.ts'
export type { FeedFigures } from './feed.ts'
export {
  componentOf,
  type Inventory,
  type InventoryComponent,
  type InventoryEntry,
  type InventoryQuery,
  type LastScan,
  openInventory,
} from './inventory.ts'
export { isStoreThere, openEmbeddedStore } from './open-store.ts'
export type { ProcessFigures, StoreSettings } from './process-protocol.ts'
export { type Deed, openState, type SavedSearch, type State, type User } from './state.ts'
export { type StoreProcess, startStoreProcess } from './store-process.ts'
export { exportLines, type Imported, importFile } from './transfer.ts'
