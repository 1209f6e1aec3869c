/**
 * What components ask the API: each hook is one request, kept and shared by TanStack Query. Keys of everything that is about events begin with `events`,
 * so that the refresh button asks them anew at once. `where` adds a condition of the page's own to query and filters.
 */
import type {
  FieldFacts,
  HistogramAnswer,
  IndexName,
  Items,
  Neighbours,
  SearchAnswer,
  Selection,
  StoreStatus,
  TermsAnswer,
} from '@dogwatch/client'
import {
  type InfiniteData,
  keepPreviousData,
  type UseInfiniteQueryResult,
  type UseQueryResult,
  useInfiniteQuery,
  useQuery,
} from '@tanstack/react-query'
import { useMemo } from 'react'
import { type EventOrder, readOrder, searchOrder, sortedMax } from '../url/event-order.ts'
import { wholeQuery } from '../url/filters.ts'
import { zoneOffsetMs } from '../url/time-range.ts'
import { useUrlState } from '../url/url-state.ts'
import { client } from './session.ts'

/** What the address selects, with a condition more. */
export function useSelection(where = ''): Required<Selection> {
  const { index, query, filters, range } = useUrlState()
  return useMemo(
    () => ({ index, query: wholeQuery(query, filters, where), from: range.from, to: range.to }),
    [index, query, filters, range, where],
  )
}

/** The newest (or oldest) events, and the count of all. */
export function useSearch(
  wanted: { readonly where?: string; readonly limit?: number; readonly order?: 'newest' | 'oldest' } = {},
): UseQueryResult<SearchAnswer> {
  const { where = '', limit = 100, order = 'newest' } = wanted
  const selection = useSelection(where)
  return useQuery({
    queryKey: ['events', 'search', selection, limit, order],
    queryFn: ({ signal }) => client.search({ ...selection, limit, order }, signal),
    placeholderData: keepPreviousData,
  })
}

/** Page after page, for a grid that is scrolled. */
export function useSearchPages(
  wanted: { readonly where?: string; readonly order?: EventOrder; readonly limit?: number } = {},
): UseInfiniteQueryResult<InfiniteData<SearchAnswer, string | null>> {
  const { where = '', order = readOrder(''), limit = 200 } = wanted
  const selection = useSelection(where)
  const isSorted = order.sort !== null
  return useInfiniteQuery({
    queryKey: ['events', 'pages', selection, order, limit],
    queryFn: ({ pageParam, signal }) => {
      const place = pageParam === null ? {} : isSorted ? { offset: Number(pageParam) } : { after: pageParam }
      return client.search({ ...selection, ...searchOrder(order), limit, ...place }, signal)
    },
    initialPageParam: null as string | null,
    // By time a page goes on behind the last event; in another order, behind so many.
    getNextPageParam: ({ next, documents }, pages) => {
      if (!isSorted) return next
      const seen = pages.reduce((sum, page) => sum + page.documents.length, 0)
      return documents.length < limit || seen >= sortedMax ? null : String(seen)
    },
    placeholderData: keepPreviousData,
  })
}

/** Counts over time, split by a field where asked. */
export function useHistogram(
  wanted: { readonly where?: string; readonly by?: string; readonly byLimit?: number } = {},
): UseQueryResult<HistogramAnswer> {
  const { where = '', by, byLimit = 10 } = wanted
  const selection = useSelection(where)
  return useQuery({
    queryKey: ['events', 'histogram', selection, by ?? null, byLimit],
    queryFn: ({ signal }) =>
      client.histogram(
        {
          ...selection,
          offset_ms: zoneOffsetMs(Date.now()),
          ...(by === undefined ? {} : { by, by_limit: byLimit }),
        },
        signal,
      ),
    placeholderData: keepPreviousData,
  })
}

/** The most frequent values of a field. */
export function useTerms(
  field: string,
  wanted: { readonly where?: string; readonly limit?: number; readonly enabled?: boolean } = {},
): UseQueryResult<TermsAnswer> {
  const { where = '', limit = 10, enabled = true } = wanted
  const selection = useSelection(where)
  return useQuery({
    queryKey: ['events', 'terms', field, selection, limit],
    queryFn: ({ signal }) => client.terms({ ...selection, field, limit }, signal),
    placeholderData: keepPreviousData,
    enabled,
  })
}

/** How many events match; null while that is not known. */
export function useCount(where = ''): UseQueryResult<number> {
  const selection = useSelection(where)
  return useQuery({
    queryKey: ['events', 'count', selection],
    queryFn: async ({ signal }) => (await client.search({ ...selection, limit: 0 }, signal)).total,
    placeholderData: keepPreviousData,
  })
}

/** The fields there are in the range, whatever is filtered. */
export function useFields(): UseQueryResult<readonly FieldFacts[]> {
  const { index, range } = useUrlState()
  return useQuery({
    queryKey: ['fields', index, range],
    queryFn: ({ signal }) => client.fields({ index, from: range.from, to: range.to }, signal),
    staleTime: 60_000,
    placeholderData: keepPreviousData,
  })
}

/** One event with what came right before and after it. */
export function useEvent(id: string, index: IndexName): UseQueryResult<Neighbours> {
  return useQuery({
    queryKey: ['event', index, id],
    queryFn: ({ signal }) => client.event(id, index, 5, signal),
    enabled: id !== '',
    staleTime: 60_000,
  })
}

/** A list of the API: `path` with its parameters; a page of items and the count of all. */
export function useItems<T>(
  path: string,
  query: Readonly<Record<string, string | number | boolean | undefined>> = {},
  options: { readonly enabled?: boolean; readonly refetchMs?: number } = {},
): UseQueryResult<Items<T>> {
  return useQuery({
    queryKey: ['items', path, query],
    queryFn: ({ signal }) => client.items<T>(path, query, signal),
    placeholderData: keepPreviousData,
    enabled: options.enabled ?? true,
    ...(options.refetchMs === undefined ? {} : { refetchInterval: options.refetchMs }),
  })
}

/** How far the store is; asked every few seconds while it is behind. */
export function useStoreStatus(): UseQueryResult<StoreStatus> {
  return useQuery({
    queryKey: ['store'],
    queryFn: ({ signal }) => client.storeStatus(signal),
    refetchInterval: ({ state }) => (state.data?.ready === true ? 15_000 : 3000),
  })
}
