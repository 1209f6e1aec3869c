/** The files of an agent as it last told of them; one in full, with what happened to it lately. */
import { quoted } from '@dogwatch/query'
import { Select } from '@mantine/core'
import { useItems, useSearch } from '../data/hooks.ts'
import { shortTime } from '../url/time-range.ts'
import { eventParts, usePageParam, useSetParts } from '../url/url-state.ts'
import { visibleText } from '../url/visible-text.ts'
import { CopyButton } from '../widgets/CopyButton.tsx'
import { DataTable } from '../widgets/DataTable.tsx'
import { fieldNumber, fieldText } from '../widgets/document-fields.ts'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { Flyout } from '../widgets/Flyout.tsx'
import { LevelBadge } from '../widgets/LevelBadge.tsx'
import { bytesText } from '../widgets/number-text.ts'
import { PageLink } from '../widgets/PageLink.tsx'
import { SafeText } from '../widgets/SafeText.tsx'
import { Trouble } from '../widgets/Trouble.tsx'
import './fim.css'

interface Agent {
  readonly id: string
  readonly name: string
}

interface FileEntry {
  readonly file: string
  readonly type: string
  readonly date: string
  readonly changes: number
  readonly mtime?: string
  readonly size?: number
  readonly perm?: string
  readonly uname?: string
  readonly gname?: string
  readonly uid?: string
  readonly gid?: string
  readonly inode?: number
  readonly md5?: string
  readonly sha1?: string
  readonly sha256?: string
  readonly attributes?: string
  readonly arch?: string
}

export function Inventory() {
  const [chosen] = usePageParam('agent')
  const [open, setOpen] = usePageParam('file')
  const setParts = useSetParts()
  const agents = useItems<Agent>('/agents', { limit: 1000, q: 'id!=000', select: 'id,name' })
  if (agents.error !== null) return <Trouble error={agents.error} onRetry={() => void agents.refetch()} />
  const items = agents.data?.items ?? []
  if (agents.data !== undefined && items.length === 0) {
    return (
      <EmptyState title="No agents yet" icon="screen">
        Files are watched by agents. <PageLink to="/deploy">Deploy the first one</PageLink>.
      </EmptyState>
    )
  }
  const agent = chosen === '' ? (items[0]?.id ?? '') : chosen
  return (
    <>
      <Select
        label="Agent"
        data={items.map(({ id, name }) => ({ value: id, label: `${visibleText(name)} (${id})` }))}
        value={agent}
        searchable
        allowDeselect={false}
        maw={320}
        mb="sm"
        onChange={(id) => setParts({ agent: id ?? undefined, file: undefined })}
      />
      {agent !== '' && (
        <>
          <DataTable<FileEntry>
            key={agent}
            label="Files of the agent"
            source={{ path: `/syscheck/${agent}` }}
            rowKey={({ type, file }) => `${type} ${file}`}
            onRow={({ file }) => setOpen(file)}
            searchPlaceholder="Part of a path"
            csvName={`files-${agent}`}
            empty={
              <EmptyState title="This agent has told of no files">
                It tells of the folders in its <code>&lt;syscheck&gt;</code> block after its first scan.
              </EmptyState>
            }
            columns={[
              { id: 'file', label: 'Path', isSortable: true },
              { id: 'uname', label: 'Owner', width: 110, isWideOnly: true },
              { id: 'perm', label: 'Permissions', width: 120, isWideOnly: true },
              {
                id: 'size',
                label: 'Size',
                width: 90,
                isWideOnly: true,
                render: ({ size }) => (size === undefined ? '' : bytesText(size)),
              },
              { id: 'mtime', label: 'Modified', width: 130, render: ({ mtime }) => timeText(mtime) },
              {
                id: 'sha256',
                label: 'SHA-256',
                width: 130,
                isWideOnly: true,
                render: ({ sha256 = '' }) => <code title={sha256}>{sha256.slice(0, 12)}</code>,
              },
            ]}
          />
          <Flyout isOpen={open !== ''} onClose={() => setOpen('')} title={visibleText(open)}>
            {open !== '' && <OneFile agent={agent} path={open} />}
          </Flyout>
        </>
      )}
    </>
  )
}

function OneFile({ agent, path }: { readonly agent: string; readonly path: string }) {
  const { data, error } = useItems<FileEntry>(`/syscheck/${agent}`, { file: path, limit: 1 })
  const where = `agent.id:${agent} and syscheck.path:${quoted(path)}`
  const events = useSearch({ where, limit: 10 })
  if (error !== null) return <Trouble error={error} />
  const entry = data?.items[0]
  return (
    <>
      {data !== undefined && entry === undefined && (
        <EmptyState title="The agent does not tell of this file any more" />
      )}
      {entry !== undefined && (
        <dl className="fim-facts">
          {Object.entries(entry).map(([name, value]) => (
            <div key={name}>
              <dt>{names[name] ?? name}</dt>
              <dd>
                <SafeText text={typeof value === 'object' ? JSON.stringify(value) : String(value)} max={4096} />
                {/^(?:md5|sha1|sha256|file)$/.test(name) && (
                  <CopyButton text={String(value)} label={`Copy ${names[name] ?? name}`} />
                )}
              </dd>
            </div>
          ))}
        </dl>
      )}
      <h3>Recent events</h3>
      {events.data?.documents.length === 0 && <p>None in the time that is chosen above.</p>}
      <ul className="fim-events">
        {(events.data?.documents ?? []).map(({ id, time_ms: time, source }) => (
          <li key={id}>
            <PageLink to="/discover" parts={{ ...eventParts({ query: where }), open: id }}>
              {shortTime(time)}
            </PageLink>{' '}
            <LevelBadge level={fieldNumber(source, 'rule.level') ?? 0} />{' '}
            <SafeText text={fieldText(source, 'rule.description')} max={160} />
          </li>
        ))}
      </ul>
    </>
  )
}

/** Of what the API tells. */
const names: Readonly<Record<string, string>> = {
  file: 'Path',
  type: 'Kind',
  date: 'Told of',
  changes: 'Changes',
  mtime: 'Modified',
  size: 'Size in bytes',
  perm: 'Permissions',
  uid: 'User id',
  gid: 'Group id',
  uname: 'Owner',
  gname: 'Group',
  inode: 'Inode',
  md5: 'MD5',
  sha1: 'SHA-1',
  sha256: 'SHA-256',
}

function timeText(time: string | undefined): string {
  const ms = time === undefined ? Number.NaN : Date.parse(time)
  return Number.isNaN(ms) ? '' : shortTime(ms)
}
