/**
 * The state that the address holds, so that a link brings back what was seen: index, query, filters, time range, and what a page adds.
 * In: the address. Out: the state, and functions that change it. What the address holds is somebody else's text: odd parts fall back to the default.
 */
import type { IndexName } from '@dogwatch/client'
import { queryLengthMax } from '@dogwatch/query'
import { useSearch as useAddress, useNavigate } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import { type Filter, filtersInAddress, filtersOf, withFilter } from './filters.ts'
import { defaultRange, isTime, type TimeRange } from './time-range.ts'

export interface UrlState {
  readonly index: IndexName
  readonly query: string
  readonly filters: readonly Filter[]
  readonly range: TimeRange
}

/** Parts of the address that are kept when one goes to another page. */
const keptNames = ['from', 'to'] as const

function useAddressParts(): Readonly<Record<string, unknown>> {
  return useAddress({ strict: false })
}

/** What goes along to another page: the time range. */
export function useKeptParts(): Readonly<Record<string, unknown>> {
  const parts = useAddressParts()
  return Object.fromEntries(keptNames.filter((name) => name in parts).map((name) => [name, parts[name]]))
}

/** Parts of an address that select events: for links to a page with a query bar. */
export function eventParts(selected: {
  readonly query?: string
  readonly filters?: readonly Filter[]
}): Readonly<Record<string, unknown>> {
  return {
    ...(selected.query === undefined || selected.query === '' ? {} : { q: selected.query }),
    ...(selected.filters === undefined ? {} : { f: filtersInAddress(selected.filters) }),
  }
}

export function useUrlState(): UrlState {
  const { index, q, f, from, to } = useAddressParts()
  return useMemo(
    () => ({
      index: index === 'archives' ? 'archives' : 'alerts',
      query: textOf(q).slice(0, queryLengthMax),
      filters: filtersOf(f),
      range: rangeOf(from, to),
    }),
    [index, q, f, from, to],
  )
}

/** Changes the state; what is not named stays. The browser's back button returns. */
export function useChangeUrlState(): (change: Partial<UrlState>) => void {
  const setParts = useSetParts()
  return useCallback(
    ({ index, query, filters, range }) =>
      setParts({
        ...(index === undefined ? {} : { index: index === 'alerts' ? undefined : index }),
        ...(query === undefined ? {} : { q: query === '' ? undefined : query }),
        ...(filters === undefined ? {} : { f: filters.length === 0 ? undefined : filtersInAddress(filters) }),
        ...(range === undefined ? {} : { from: range.from, to: range.to }),
      }),
    [setParts],
  )
}

/** A function that adds a filter: for a value (null: for its being there) or against it. */
export function useAddFilter(): (field: string, value: string | null, isNegated?: boolean) => void {
  const { filters } = useUrlState()
  const change = useChangeUrlState()
  return useCallback(
    (field, value, isNegated = false) =>
      change({ filters: withFilter(filters, { field, value, isNegated, isDisabled: false }) }),
    [filters, change],
  )
}

/** A text that a page keeps in the address, as the open tab; the default is left out of the address. */
export function usePageParam(name: string, byDefault = ''): readonly [string, (value: string) => void] {
  const value = useAddressParts()[name]
  const setParts = useSetParts()
  const set = useCallback(
    (next: string) => setParts({ [name]: next === byDefault ? undefined : next }),
    [setParts, name, byDefault],
  )
  return [value === undefined ? byDefault : textOf(value), set]
}

/** Changes several page params at once. */
export function useSetParts(): (parts: Readonly<Record<string, unknown>>) => void {
  const navigate = useNavigate()
  return useCallback(
    (parts) => {
      // The search of whatever page is open: its type is not known here.
      void navigate({ to: '.', search: (old: object) => ({ ...old, ...parts }), resetScroll: false } as never)
    },
    [navigate],
  )
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''
}

function rangeOf(from: unknown, to: unknown): TimeRange {
  const [start, end] = [textOf(from), textOf(to)]
  return isTime(start) && isTime(end) ? { from: start, to: end } : defaultRange
}
