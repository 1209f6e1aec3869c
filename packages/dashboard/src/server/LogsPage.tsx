/** The manager's own log, newest first; filtered by level and words, followed while it grows. */
import { SegmentedControl, Switch } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { shortTime } from '../url/time-range.ts'
import { usePageParam } from '../url/url-state.ts'
import { DataTable } from '../widgets/DataTable.tsx'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { PageHead } from '../widgets/PageHead.tsx'
import { SafeText } from '../widgets/SafeText.tsx'
import './server.css'

interface LogItem {
  readonly timestamp: string
  readonly tag: string
  readonly level: string
  readonly description: string
}

const everyMs = 3000

export default function LogsPage() {
  const [level, setLevel] = usePageParam('level', 'all')
  const [live, setLive] = usePageParam('live', '')
  const queries = useQueryClient()
  useEffect(() => {
    if (live !== '1') return
    const timer = setInterval(() => void queries.invalidateQueries({ queryKey: ['items', '/manager/logs'] }), everyMs)
    return () => clearInterval(timer)
  }, [live, queries])
  return (
    <>
      <PageHead title="Logs">
        <SegmentedControl
          aria-label="Level"
          value={level}
          data={['all', 'error', 'warning', 'info']}
          onChange={setLevel}
        />
        <Switch
          label="Follow"
          checked={live === '1'}
          onChange={({ currentTarget }) => setLive(currentTarget.checked ? '1' : '')}
        />
      </PageHead>
      <DataTable<LogItem>
        label="The manager’s log"
        source={{ path: '/manager/logs', query: { ...(level === 'all' ? {} : { level }) } }}
        rowKey={({ timestamp, description }) => `${timestamp} ${description}`}
        csvName="manager-logs"
        searchPlaceholder="Words"
        empty={<EmptyState title="No lines">No line of that level, or none with those words.</EmptyState>}
        columns={[
          { id: 'timestamp', label: 'Time', width: 125, render: ({ timestamp }) => shortTime(Date.parse(timestamp)) },
          { id: 'level', label: 'Level', width: 80 },
          {
            id: 'description',
            label: 'Says',
            render: ({ description }) => (
              <span className="server-says">
                <SafeText text={description} max={1000} />
              </span>
            ),
          },
        ]}
      />
    </>
  )
}
