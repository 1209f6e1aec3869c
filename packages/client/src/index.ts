export type {
  Bucket,
  EventDocument,
  FieldFacts,
  HistogramAnswer,
  IndexName,
  Items,
  Me,
  Neighbours,
  SavedSearch,
  SearchAnswer,
  StoreStatus,
  Term,
  TermsAnswer,
  TryAnswer,
} from './answers.ts'
export {
  type Client,
  createClient,
  type Method,
  RequestFailed,
  type Selection,
  type SortField,
  sortFields,
} from './client.ts'
export type { TailEvent } from './event-stream.ts'
