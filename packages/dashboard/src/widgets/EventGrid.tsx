/**
 * Events in rows, as many as there are: only rows in sight are drawn, more are asked for as one scrolls. Columns are chosen by the user and held in the
 * address; a row opens the flyout. Sorted by time, to the end of it, or by level, rule or agent, of which the store gives the first ten thousand.
 */
import type { EventDocument } from '@dogwatch/client'
import {
  ActionIcon,
  Button,
  Checkbox,
  Group,
  NativeSelect,
  Popover,
  ScrollArea,
  Skeleton,
  TextInput,
  Tooltip,
} from '@mantine/core'
import { useDisclosure, useElementSize, useMediaQuery } from '@mantine/hooks'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useFields, useSearchPages, useSelection } from '../data/hooks.ts'
import { client } from '../data/session.ts'
import { csvOf, saveFile } from '../url/csv.ts'
import { type EventOrder, isSortField, nextOrder, readOrder, searchOrder, sortedMax } from '../url/event-order.ts'
import { exactTime } from '../url/time-range.ts'
import { usePageParam } from '../url/url-state.ts'
import { visibleText } from '../url/visible-text.ts'
import { fieldNumber, fieldText } from './document-fields.ts'
import { EmptyState } from './EmptyState.tsx'
import { EventFlyout } from './EventFlyout.tsx'
import { Icon } from './icons.tsx'
import { LevelBadge } from './LevelBadge.tsx'
import { countText } from './number-text.ts'
import { SafeText } from './SafeText.tsx'
import { Trouble } from './Trouble.tsx'

export interface EventGridProps {
  /** Columns beside the time until the user chooses others. */
  readonly columns?: readonly string[]
  /** A condition beside query and filters. */
  readonly where?: string
  /** In pixels; left out: as much as the window has, but for what stands above. */
  readonly height?: number
  /** Put before the rows that were asked for: what a live tail brought. */
  readonly fresh?: readonly EventDocument[]
}

export const baseColumns = ['agent.name', 'rule.description', 'rule.level', 'rule.id'] as const
/** Rows that an export holds at most. */
const exportMax = 10_000
/** Rows that an export asks for at a time. */
const exportPage = 1000
const rowHeight = 30
const narrowRowHeight = 54
/** Widths in pixels by field; others take what is left. */
const widths: Readonly<Record<string, string>> = {
  'rule.level': '118px',
  'rule.id': '104px',
  'agent.id': '108px',
  'rule.description': 'minmax(220px, 3fr)',
  full_log: 'minmax(260px, 4fr)',
}

export function EventGrid({ columns: byDefault = baseColumns, where = '', height, fresh = [] }: EventGridProps) {
  const [columnText, setColumnText] = usePageParam('cols', byDefault.join(','))
  const [order, setOrder] = usePageParam('sort', 'newest')
  const [open, setOpen] = usePageParam('open')
  const columns = useMemo(() => columnText.split(',').filter((name) => name !== ''), [columnText])
  const isNarrow = useMediaQuery('(max-width: 48em)') ?? false
  const sorting = useMemo(() => readOrder(order), [order])
  const direction = sorting.order
  const isByTime = sorting.sort === null
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage, isPending } = useSearchPages({
    where,
    order: sorting,
  })
  const rows = useMemo(() => {
    // What is new stands at the top of time, and nowhere in another order.
    const first = isByTime ? fresh : []
    // Between two pages of another order than that of time, new events push others on.
    const known = new Set(first.map(({ id }) => id))
    const found = data?.pages.flatMap(({ documents }) => documents) ?? []
    return [...first, ...found.filter(({ id }) => !known.has(id) && known.add(id))]
  }, [data, fresh, isByTime])
  const total = Math.max(data?.pages[0]?.total ?? 0, rows.length)
  const scroller = useRef<HTMLDivElement>(null)
  const head = useElementSize()
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => (isNarrow ? narrowRowHeight : rowHeight),
    overscan: 12,
  })
  const items = virtual.getVirtualItems()
  const lastShown = items.at(-1)?.index ?? 0
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows have another height then
  useEffect(() => virtual.measure(), [isNarrow, virtual])
  useEffect(() => {
    if (lastShown >= rows.length - 40 && hasNextPage && !isFetchingNextPage && error === null) void fetchNextPage()
  }, [lastShown, rows.length, hasNextPage, isFetchingNextPage, fetchNextPage, error])
  const template = `34px 200px ${columns.map((name) => widths[name] ?? 'minmax(110px, 1fr)').join(' ')}`
  const minWidth =
    234 + columns.reduce((sum, name) => sum + Number(/(\d+)px/.exec(widths[name] ?? '110px')?.[1] ?? 110), 0)
  const setColumns = (next: readonly string[]) => setColumnText(next.join(','))
  const openAt = rows.findIndex(({ id }) => id === open)
  return (
    <div className="grid">
      <Group justify="space-between" gap="xs" className="grid-tools">
        <span className="grid-count" role="status">
          {data === undefined ? 'Searching' : `${countText(total)} ${total === 1 ? 'event' : 'events'}`}
          {!isByTime && total > sortedMax && `, of which ${countText(sortedMax)} in this order`}
        </span>
        <Group gap={6}>
          {isNarrow && <OrderChooser order={order} onChange={setOrder} />}
          <ColumnChooser columns={columns} onChange={setColumns} byDefault={byDefault} />
          <ExportButton columns={columns} where={where} order={sorting} total={total} />
        </Group>
      </Group>
      {error !== null && <Trouble error={error} onRetry={() => void refetch()} />}
      {error === null && isPending && <Skeleton height={height ?? 300} />}
      {data !== undefined && rows.length === 0 && error === null && (
        <EmptyState title="No events match" icon="search">
          A longer time range, or fewer filters, may show some. Text without a field is looked for in the log and the
          description.
        </EmptyState>
      )}
      {rows.length > 0 && (
        <div
          ref={scroller}
          className="grid-scroller"
          style={height === undefined ? undefined : { height }}
          role="table"
          aria-label="Events"
          aria-rowcount={total + 1}
          tabIndex={0}
        >
          <div style={isNarrow ? undefined : { minWidth }} role="rowgroup">
            {!isNarrow && (
              <div
                ref={head.ref}
                className="grid-head"
                role="row"
                style={{ gridTemplateColumns: template }}
                aria-rowindex={1}
              >
                <span role="columnheader">
                  <span className="visually-hidden">Open</span>
                </span>
                <span
                  role="columnheader"
                  aria-sort={isByTime ? (direction === 'newest' ? 'descending' : 'ascending') : undefined}
                >
                  <button
                    type="button"
                    onClick={() => setOrder(isByTime && direction === 'newest' ? 'oldest' : 'newest')}
                  >
                    Time {isByTime && (direction === 'newest' ? '↓' : '↑')}
                  </button>
                </span>
                {columns.map((name) => (
                  <span
                    role="columnheader"
                    key={name}
                    className="grid-head-cell"
                    aria-sort={sorting.sort === name ? (sorting.descending ? 'descending' : 'ascending') : undefined}
                  >
                    {isSortField(name) ? (
                      <button
                        type="button"
                        className="grid-sort"
                        title={`Sort by ${name}`}
                        onClick={() => setOrder(nextOrder(order, name))}
                      >
                        {name} {sorting.sort === name && (sorting.descending ? '↓' : '↑')}
                      </button>
                    ) : (
                      <span title={visibleText(name)}>{visibleText(name)}</span>
                    )}
                    <button
                      type="button"
                      className="grid-remove"
                      aria-label={`Remove the column ${visibleText(name)}`}
                      onClick={() => setColumns(columns.filter((each) => each !== name))}
                    >
                      <Icon name="close" size={11} />
                    </button>
                  </span>
                ))}
              </div>
            )}
          </div>
          <div
            role="rowgroup"
            style={{ height: virtual.getTotalSize(), position: 'relative', ...(isNarrow ? {} : { minWidth }) }}
          >
            {items.map(({ index, start, size }) => {
              const document = rows[index]
              if (document === undefined) return null
              return (
                // biome-ignore lint/a11y/useKeyWithClickEvents: the button in the row does the same for the keyboard
                <div
                  key={document.id}
                  role="row"
                  aria-rowindex={index + 2}
                  className={isNarrow ? 'grid-row grid-row-narrow' : 'grid-row'}
                  data-open={document.id === open || undefined}
                  data-fresh={index < fresh.length || undefined}
                  style={{
                    transform: `translateY(${start}px)`,
                    height: size,
                    ...(isNarrow ? {} : { gridTemplateColumns: template }),
                  }}
                  onClick={() => {
                    // Who marks text to copy it does not want to open anything.
                    if (getSelection()?.isCollapsed !== false) setOpen(document.id)
                  }}
                >
                  {isNarrow ? <NarrowRow document={document} /> : <WideRow document={document} columns={columns} />}
                </div>
              )
            })}
          </div>
        </div>
      )}
      <EventFlyout
        id={open}
        document={rows[openAt] ?? null}
        onClose={() => setOpen('')}
        onPrevious={openAt > 0 ? () => setOpen(rows[openAt - 1]?.id ?? '') : null}
        onNext={openAt >= 0 && openAt < rows.length - 1 ? () => setOpen(rows[openAt + 1]?.id ?? '') : null}
        columns={columns}
        onColumns={setColumns}
      />
    </div>
  )
}

function WideRow({ document, columns }: { readonly document: EventDocument; readonly columns: readonly string[] }) {
  return (
    <>
      <span role="cell">
        <button type="button" className="grid-open" aria-label={`Open the event of ${exactTime(document.time_ms)}`}>
          <Icon name="chevron" size={13} />
        </button>
      </span>
      <span role="cell" className="grid-time">
        {exactTime(document.time_ms)}
      </span>
      {columns.map((name) => (
        <span role="cell" key={name} className="grid-cell">
          <FieldCell source={document.source} name={name} />
        </span>
      ))}
    </>
  )
}

function NarrowRow({ document: { source, time_ms: timeMs } }: { readonly document: EventDocument }) {
  const level = fieldNumber(source, 'rule.level')
  return (
    <span role="cell" className="grid-narrow">
      <button type="button" className="grid-open">
        <span className="grid-narrow-top">
          {level !== null && <LevelBadge level={level} />}
          <span>{exactTime(timeMs).slice(5, 19)}</span>
          <span className="grid-narrow-who">
            <SafeText text={fieldText(source, 'data.user.username') || fieldText(source, 'agent.name')} max={60} />
          </span>
        </span>
        <span className="grid-narrow-text">
          <SafeText text={fieldText(source, 'rule.description') || fieldText(source, 'full_log')} max={200} />
        </span>
      </button>
    </span>
  )
}

function FieldCell({ source, name }: { readonly source: EventDocument['source']; readonly name: string }) {
  const text = fieldText(source, name)
  if (name === 'rule.level' && text !== '') return <LevelBadge level={Number(text)} />
  return <SafeText text={text} max={300} />
}

/** Where there is no head to click on. */
function OrderChooser({ order, onChange }: { readonly order: string; readonly onChange: (order: string) => void }) {
  return (
    <NativeSelect
      aria-label="Order of events"
      size="xs"
      value={order}
      data={[
        { value: 'newest', label: 'Newest first' },
        { value: 'oldest', label: 'Oldest first' },
        { value: '-rule.level', label: 'Highest level' },
        { value: 'rule.id', label: 'By rule' },
        { value: 'agent.name', label: 'By agent' },
      ]}
      onChange={({ currentTarget }) => onChange(currentTarget.value)}
    />
  )
}

interface ChooserProps {
  readonly columns: readonly string[]
  readonly byDefault: readonly string[]
  readonly onChange: (columns: readonly string[]) => void
}

function ColumnChooser({ columns, byDefault, onChange }: ChooserProps) {
  const [isOpen, { toggle, close }] = useDisclosure()
  return (
    <Popover
      opened={isOpen}
      onChange={(next) => !next && close()}
      position="bottom-end"
      shadow="md"
      trapFocus
      returnFocus
    >
      <Popover.Target>
        <Button
          variant="default"
          h={26}
          px={8}
          leftSection={<Icon name="columns" size={14} />}
          onClick={toggle}
          aria-expanded={isOpen}
        >
          Columns
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Columns">
        {isOpen && <ChooserList columns={columns} byDefault={byDefault} onChange={onChange} />}
      </Popover.Dropdown>
    </Popover>
  )
}

function ChooserList({ columns, byDefault, onChange }: ChooserProps) {
  const { data: fields = [] } = useFields()
  const [wanted, setWanted] = useState('')
  const names = [...new Set([...columns, ...fields.map(({ name }) => name)])]
  const shown = names.filter((name) => name.toLowerCase().includes(wanted.toLowerCase())).slice(0, 200)
  return (
    <>
      <TextInput
        aria-label="Find a field"
        placeholder="Find a field"
        value={wanted}
        onChange={({ currentTarget }) => setWanted(currentTarget.value)}
        mb="xs"
      />
      <ScrollArea.Autosize mah={300} w={280} type="auto" scrollbars="y" className="chooser-list">
        {shown.map((name) => (
          <Checkbox
            key={name}
            label={visibleText(name)}
            checked={columns.includes(name)}
            className="chooser-field"
            onChange={({ currentTarget }) =>
              onChange(currentTarget.checked ? [...columns, name] : columns.filter((each) => each !== name))
            }
          />
        ))}
      </ScrollArea.Autosize>
      <Group justify="flex-end" mt="xs">
        <Button variant="subtle" color="gray" onClick={() => onChange(byDefault)}>
          As at first
        </Button>
      </Group>
    </>
  )
}

interface ExportProps {
  readonly columns: readonly string[]
  readonly where: string
  readonly order: EventOrder
  readonly total: number
}

function ExportButton({ columns, where, order, total }: ExportProps) {
  const selection = useSelection(where)
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  const save = async () => {
    setBusy(true)
    setProblem(null)
    try {
      const rows: (readonly string[])[] = []
      let after: string | null = null
      let isMore = false
      do {
        const place = after !== null ? { after } : order.sort !== null ? { offset: rows.length } : {}
        const page = await client.search({ ...selection, ...searchOrder(order), limit: exportPage, ...place })
        for (const { source, time_ms: ms } of page.documents)
          rows.push([new Date(ms).toISOString(), ...columns.map((name) => fieldText(source, name))])
        after = page.next
        isMore = after !== null || (order.sort !== null && page.documents.length === exportPage)
      } while (isMore && rows.length < exportMax)
      saveFile(
        `dogwatch-events-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.csv`,
        'text/csv',
        csvOf(['timestamp', ...columns], rows.slice(0, exportMax)),
      )
    } catch (error) {
      setProblem(error instanceof Error ? error.message : 'The export did not work')
    } finally {
      setBusy(false)
    }
  }
  const says =
    problem ?? (total > exportMax ? `The first ${countText(exportMax)} events, as CSV` : 'All of these, as CSV')
  return (
    <Tooltip label={says}>
      <ActionIcon
        variant="default"
        size={26}
        aria-label={`Export: ${says}`}
        loading={isBusy}
        color={problem === null ? undefined : 'red'}
        onClick={() => void save()}
      >
        <Icon name="download" size={14} />
      </ActionIcon>
    </Tooltip>
  )
}
