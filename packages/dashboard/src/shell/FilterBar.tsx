/** What a page's events are selected by: query, time range, refresh, and the filters' chips. All of it is in the address. */
import { ActionIcon, Group, Tooltip } from '@mantine/core'
import { useIsFetching, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useChangeUrlState, usePageParam, useUrlState } from '../url/url-state.ts'
import { Icon } from '../widgets/icons.tsx'
import { FilterChips } from './FilterChips.tsx'
import { QueryInput } from './QueryInput.tsx'
import { TimePicker } from './TimePicker.tsx'

export function FilterBar() {
  const { query, index, range } = useUrlState()
  const change = useChangeUrlState()
  const queries = useQueryClient()
  const isBusy = useIsFetching({ queryKey: ['events'] }) > 0
  const [every] = usePageParam('every', '0')
  const seconds = Number(every)
  useEffect(() => {
    if (!(seconds >= 5)) return
    const timer = setInterval(() => {
      if (!document.hidden) void queries.invalidateQueries({ queryKey: ['events'] })
    }, seconds * 1000)
    return () => clearInterval(timer)
  }, [seconds, queries])
  return (
    <section className="filter-bar" aria-label="Query and filters">
      <div className="filter-bar-row">
        <QueryInput
          value={query}
          selection={{ index, from: range.from, to: range.to }}
          onSubmit={(next) => {
            if (next === query) void queries.invalidateQueries({ queryKey: ['events'] })
            else change({ query: next })
          }}
        />
        <Group gap={4} wrap="nowrap" className="filter-bar-side">
          <TimePicker />
          <Tooltip label="Refresh">
            <ActionIcon
              variant="default"
              size={30}
              aria-label="Refresh"
              loading={isBusy}
              onClick={() => void queries.invalidateQueries({ queryKey: ['events'] })}
            >
              <Icon name="refresh" />
            </ActionIcon>
          </Tooltip>
        </Group>
      </div>
      <FilterChips />
    </section>
  )
}
