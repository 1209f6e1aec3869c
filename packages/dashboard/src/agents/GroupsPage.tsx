/** Groups of agents: who is in them, and the configuration that their agents share. */

import { RequestFailed } from '@dogwatch/client'
import { Alert, Button, Group, TextInput } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { client, may } from '../data/session.ts'
import { problemsOf } from '../ruleset/ruleset-files.ts'
import { usePageParam } from '../url/url-state.ts'
import { CodeEditor } from '../widgets/CodeEditor.tsx'
import { DataTable } from '../widgets/DataTable.tsx'
import { Flyout } from '../widgets/Flyout.tsx'
import { PageHead } from '../widgets/PageHead.tsx'
import { Trouble } from '../widgets/Trouble.tsx'
import { type AgentItem, statusWords } from './agent-item.ts'
import './agents.css'

interface GroupItem {
  readonly name: string
  readonly count: number
  readonly mergedSum: string
  readonly configSum: string
}

export default function GroupsPage() {
  const [open, setOpen] = usePageParam('group')
  return (
    <>
      <PageHead title="Groups">{may('group:create') && <NewGroup />}</PageHead>
      <DataTable<GroupItem>
        label="Groups"
        source={{ path: '/groups' }}
        rowKey={({ name }) => name}
        onRow={({ name }) => setOpen(name)}
        csvName="groups"
        columns={[
          { id: 'name', label: 'Name', isSortable: true },
          { id: 'count', label: 'Agents', isSortable: true, width: 100 },
          { id: 'mergedSum', label: 'Checksum of what agents get', isWideOnly: true },
        ]}
      />
      <Flyout isOpen={open !== ''} onClose={() => setOpen('')} title={`Group ${open}`}>
        {open !== '' && <GroupDetail key={open} name={open} onRemoved={() => setOpen('')} />}
      </Flyout>
    </>
  )
}

function NewGroup() {
  const [name, setName] = useState('')
  const queries = useQueryClient()
  const make = async (): Promise<void> => {
    try {
      await client.call('POST', '/groups', { body: { group_id: name } })
      notifications.show({ message: `Group ${name} is there.` })
      setName('')
      await queries.invalidateQueries({ queryKey: ['items', '/groups'] })
    } catch (error) {
      notifications.show({ color: 'red', message: error instanceof Error ? error.message : String(error) })
    }
  }
  return (
    <form
      className="group-new"
      onSubmit={(event) => {
        event.preventDefault()
        void make()
      }}
    >
      <TextInput
        aria-label="Name of a new group"
        placeholder="Name of a new group"
        value={name}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
      />
      <Button type="submit" disabled={!/^[\w.-]+$/.test(name)}>
        Make it
      </Button>
    </form>
  )
}

const emptyConfiguration = `<agent_config>

  <!-- What agents of this group do beside their own configuration. -->

</agent_config>
`

function GroupDetail({ name, onRemoved }: { readonly name: string; readonly onRemoved: () => void }) {
  const path = `/groups/${encodeURIComponent(name)}`
  const file = useQuery({
    queryKey: ['group', name],
    queryFn: async ({ signal }) =>
      String(await client.call('GET', `${path}/configuration`, { query: { raw: true }, signal })),
    staleTime: 0,
  })
  const [text, setText] = useState<string | null>(null)
  const [failure, setFailure] = useState<unknown>(null)
  const [isSure, setSure] = useState(false)
  const queries = useQueryClient()
  if (file.error !== null) return <Trouble error={file.error} onRetry={() => void file.refetch()} />
  const before = file.data === undefined || file.data === '' ? emptyConfiguration : file.data
  const run = async (says: string, work: () => Promise<unknown>): Promise<boolean> => {
    setFailure(null)
    try {
      await work()
      notifications.show({ message: says })
      await queries.invalidateQueries({ queryKey: ['items', '/groups'] })
      return true
    } catch (error) {
      setFailure(error)
      return false
    }
  }
  const problems = failure instanceof RequestFailed ? problemsOf(failure.problems, 'agent.conf').here : []
  return (
    <>
      {failure !== null && (
        <Alert color="red" title="Not done" mb="sm" role="alert">
          {failure instanceof Error ? failure.message : String(failure)}
        </Alert>
      )}
      <h3>agent.conf</h3>
      <CodeEditor
        label={`agent.conf of ${name}`}
        language="xml"
        value={text ?? before}
        height={300}
        problems={problems}
        {...(may('group:update_config') ? { onChange: setText } : {})}
      />
      <Group justify="space-between" mt="sm" mb="md">
        {may('group:update_config') && (
          <Button
            disabled={text === null || text === before}
            onClick={() =>
              void run('Saved; agents get it with their next keep-alive.', () =>
                client.call('PUT', `${path}/configuration`, { text: { type: 'application/xml', content: text ?? '' } }),
              )
            }
          >
            Save
          </Button>
        )}
        {may('group:delete') && name !== 'default' && (
          <Button
            variant={isSure ? 'filled' : 'default'}
            color="red"
            onBlur={() => setSure(false)}
            onClick={() => {
              if (!isSure) setSure(true)
              else
                void run(`Group ${name} is removed; its agents stay.`, () =>
                  client.call('DELETE', '/groups', { query: { groups_list: name } }),
                ).then((isDone) => isDone && onRemoved())
            }}
          >
            {isSure ? 'Remove with its files' : 'Remove'}
          </Button>
        )}
      </Group>
      <h3>Agents</h3>
      <DataTable<AgentItem>
        label={`Agents of ${name}`}
        urlPrefix="g"
        source={{ path: `${path}/agents` }}
        rowKey={({ id }) => id}
        columns={[
          { id: 'id', label: 'ID', width: 70, isSortable: true },
          { id: 'name', label: 'Name', isSortable: true },
          { id: 'status', label: 'Status', render: statusWords },
        ]}
      />
    </>
  )
}
