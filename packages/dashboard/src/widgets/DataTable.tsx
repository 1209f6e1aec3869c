/**
 * A table of things that are no events: rules, users, agents. In: columns, and either a path of the API, which then searches, sorts and pages, or the
 * rows themselves. Search, sort and page stand in the address. Out: rows that may be chosen; CSV of all that match.
 */
import { ActionIcon, Group, NativeSelect, Pagination, Skeleton, Table, TextInput, Tooltip } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { type ReactNode, useEffect, useState } from 'react'
import { useItems } from '../data/hooks.ts'
import { client } from '../data/session.ts'
import { csvOf, saveFile } from '../url/csv.ts'
import { usePageParam, useSetParts } from '../url/url-state.ts'
import { fieldText } from './document-fields.ts'
import { EmptyState } from './EmptyState.tsx'
import { Icon } from './icons.tsx'
import { countText } from './number-text.ts'
import { SafeText } from './SafeText.tsx'
import { Trouble } from './Trouble.tsx'

export interface Column<T> {
  /** A member of the row, its name joined by dots. */
  readonly id: string
  readonly label: string
  /** Left out: the member as text. */
  readonly render?: (row: T) => ReactNode
  readonly isSortable?: boolean
  readonly width?: number | string
  /** Left out below 48em. */
  readonly isWideOnly?: boolean
}

export interface DataTableProps<T extends object> {
  /** What the table lists, for readers by ear. */
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly source:
    | { readonly path: string; readonly query?: Readonly<Record<string, string | number | boolean | undefined>> }
    | { readonly rows: readonly T[] | undefined }
  readonly rowKey: (row: T) => string
  readonly onRow?: (row: T) => void
  /** Stands at the right of the search. */
  readonly actions?: ReactNode
  readonly searchPlaceholder?: string
  readonly empty?: ReactNode
  /** Of the file; left out: no export. */
  readonly csvName?: string
  /** Begins the names of its parts in the address; two tables on a page need two. */
  readonly urlPrefix?: string
}

const sizes = ['15', '25', '50', '100']
const exportMax = 10_000
/** Rows that are seen at a glance. */
const smallMax = 8

export function DataTable<T extends object>(props: DataTableProps<T>) {
  const {
    label,
    columns,
    source,
    rowKey,
    onRow,
    actions,
    searchPlaceholder = 'Search',
    empty,
    csvName,
    urlPrefix = 't',
  } = props
  const [search] = usePageParam(`${urlPrefix}q`)
  const [sort] = usePageParam(`${urlPrefix}sort`)
  const [pageText] = usePageParam(`${urlPrefix}page`, '1')
  const [sizeText] = usePageParam(`${urlPrefix}size`, '25')
  const setParts = useSetParts()
  const page = Math.max(1, Math.trunc(Number(pageText)) || 1)
  const size = Number(sizes.find((each) => each === sizeText) ?? 25)
  const asked = { ...(search === '' ? {} : { search }), ...(sort === '' ? {} : { sort }) }
  const isRemote = 'path' in source
  const remote = useItems<T>(
    isRemote ? source.path : '',
    { ...(isRemote ? source.query : {}), ...asked, offset: (page - 1) * size, limit: size },
    { enabled: isRemote },
  )
  const local = isRemote ? undefined : localPage(source.rows, search, sort)
  const rows = isRemote ? remote.data?.items : local?.slice((page - 1) * size, page * size)
  const total = isRemote ? (remote.data?.total ?? 0) : (local?.length ?? 0)
  const pages = Math.max(1, Math.ceil(total / size))
  // What fits at a glance needs no search and no pages.
  const isSmall = search === '' && page === 1 && total <= smallMax
  const hasSearch = isRemote || !isSmall
  const hasTools = hasSearch || actions !== undefined || csvName !== undefined
  const all = async (): Promise<readonly T[]> =>
    isRemote
      ? (await client.items<T>(source.path, { ...source.query, ...asked, limit: exportMax })).items
      : (local ?? [])
  return (
    <div className="data-table">
      {hasTools && (
        <Group gap="xs" mb="xs" className="data-table-tools">
          {hasSearch && (
            <SearchField
              value={search}
              placeholder={searchPlaceholder}
              onChange={(next) =>
                setParts({ [`${urlPrefix}q`]: next === '' ? undefined : next, [`${urlPrefix}page`]: undefined })
              }
            />
          )}
          <Group gap={6} ml="auto">
            {actions}
            {csvName !== undefined && <ExportRows name={csvName} columns={columns} all={all} />}
          </Group>
        </Group>
      )}
      {isRemote && remote.error !== null && <Trouble error={remote.error} onRetry={() => void remote.refetch()} />}
      {rows === undefined && !(isRemote && remote.error !== null) && <Skeleton height={240} />}
      {rows !== undefined &&
        rows.length === 0 &&
        (empty !== undefined && search === '' ? empty : <EmptyState title="Nothing matches" icon="search" />)}
      {rows !== undefined && rows.length > 0 && (
        <Table.ScrollContainer minWidth={0}>
          <Table highlightOnHover aria-label={label} stickyHeader>
            <Table.Thead>
              <Table.Tr>
                {columns.map((column) => (
                  <HeadCell
                    key={column.id}
                    column={column}
                    sort={sort}
                    onSort={(next) => setParts({ [`${urlPrefix}sort`]: next === '' ? undefined : next })}
                  />
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((row) => (
                <Table.Tr
                  key={rowKey(row)}
                  className={onRow === undefined ? undefined : 'clickable-row'}
                  onClick={() => {
                    if (onRow !== undefined && getSelection()?.isCollapsed !== false) onRow(row)
                  }}
                >
                  {columns.map((column, at) => (
                    <Table.Td key={column.id} className={column.isWideOnly === true ? 'wide-only' : undefined}>
                      <RowCell
                        row={row}
                        column={column}
                        onOpen={at === 0 && onRow !== undefined ? () => onRow(row) : undefined}
                      />
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {total > 0 && !isSmall && (
        <Group justify="space-between" mt="xs" gap="xs">
          <span className="grid-count" role="status">
            {countText(total)} in all
          </span>
          <Group gap="xs">
            <NativeSelect
              size="xs"
              aria-label="Rows on a page"
              data={sizes.map((value) => ({ value, label: `${value} rows` }))}
              value={String(size)}
              onChange={({ currentTarget }) =>
                setParts({ [`${urlPrefix}size`]: currentTarget.value, [`${urlPrefix}page`]: undefined })
              }
            />
            <Pagination
              size="sm"
              total={pages}
              value={Math.min(page, pages)}
              siblings={0}
              onChange={(next) => setParts({ [`${urlPrefix}page`]: next === 1 ? undefined : String(next) })}
              getControlProps={(control) => ({ 'aria-label': control === 'next' ? 'Next page' : 'Previous page' })}
            />
          </Group>
        </Group>
      )}
    </div>
  )
}

function RowCell<T extends object>({
  row,
  column,
  onOpen,
}: {
  readonly row: T
  readonly column: Column<T>
  readonly onOpen: (() => void) | undefined
}) {
  const content = column.render?.(row) ?? <SafeText text={fieldText(row, column.id)} max={400} />
  if (onOpen === undefined) return content
  return (
    <button type="button" className="link-button" onClick={onOpen}>
      {content}
    </button>
  )
}

interface HeadCellProps<T> {
  readonly column: Column<T>
  readonly sort: string
  readonly onSort: (sort: string) => void
}

function HeadCell<T>({ column: { id, label, isSortable = true, width, isWideOnly }, sort, onSort }: HeadCellProps<T>) {
  const isUp = sort === id || sort === `+${id}`
  const isDown = sort === `-${id}`
  return (
    <Table.Th
      w={width}
      className={isWideOnly === true ? 'wide-only' : undefined}
      aria-sort={isUp ? 'ascending' : isDown ? 'descending' : undefined}
    >
      {isSortable ? (
        <button type="button" className="head-button" onClick={() => onSort(isUp ? `-${id}` : isDown ? '' : id)}>
          {label} {isUp ? '↑' : isDown ? '↓' : ''}
        </button>
      ) : (
        label
      )}
    </Table.Th>
  )
}

/** What is typed stands in the address a moment later. */
function SearchField({
  value,
  placeholder,
  onChange,
}: {
  readonly value: string
  readonly placeholder: string
  readonly onChange: (value: string) => void
}) {
  const [text, setText] = useState(value)
  useEffect(() => setText(value), [value])
  const tell = useDebouncedCallback(onChange, 250)
  return (
    <TextInput
      aria-label={placeholder}
      placeholder={placeholder}
      value={text}
      maxLength={200}
      leftSection={<Icon name="search" size={14} />}
      className="data-table-search"
      onChange={({ currentTarget }) => {
        setText(currentTarget.value)
        tell(currentTarget.value)
      }}
    />
  )
}

interface ExportRowsProps<T> {
  readonly name: string
  readonly columns: readonly Column<T>[]
  readonly all: () => Promise<readonly T[]>
}

function ExportRows<T extends object>({ name, columns, all }: ExportRowsProps<T>) {
  const [says, setSays] = useState('Export as CSV')
  const save = async () => {
    try {
      const rows = await all()
      const cells = rows.map((row) => columns.map(({ id }) => fieldText(row, id)))
      saveFile(
        `dogwatch-${name}.csv`,
        'text/csv',
        csvOf(
          columns.map(({ id }) => id),
          cells,
        ),
      )
    } catch (error) {
      setSays(error instanceof Error ? error.message : 'The export did not work')
    }
  }
  return (
    <Tooltip label={says}>
      <ActionIcon variant="default" size={28} aria-label={says} onClick={() => void save()}>
        <Icon name="download" size={14} />
      </ActionIcon>
    </Tooltip>
  )
}

/** Rows that match, sorted, as the API would do it. */
function localPage<T extends object>(
  rows: readonly T[] | undefined,
  search: string,
  sort: string,
): readonly T[] | undefined {
  const wanted = search.toLowerCase()
  const found = rows?.filter((row) => wanted === '' || JSON.stringify(row).toLowerCase().includes(wanted))
  if (sort === '') return found
  const [name, sign] = sort.startsWith('-') ? [sort.slice(1), -1] : [sort.replace(/^\+/, ''), 1]
  return found?.toSorted((a, b) => sign * fieldText(a, name).localeCompare(fieldText(b, name), 'en', { numeric: true }))
}
