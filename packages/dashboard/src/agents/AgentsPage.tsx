/** Agents: how many are there and well, all of them in a table, and one in full. */
import { Badge, Button, Group, MultiSelect } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useQueryClient } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { useItems } from '../data/hooks.ts'
import { client, may } from '../data/session.ts'
import { NewestAlerts } from '../overview/NewestAlerts.tsx'
import { eventParts, usePageParam } from '../url/url-state.ts'
import { DataTable } from '../widgets/DataTable.tsx'
import { DonutView } from '../widgets/Donut.tsx'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { Flyout } from '../widgets/Flyout.tsx'
import { PageHead } from '../widgets/PageHead.tsx'
import { PageLink } from '../widgets/PageLink.tsx'
import { Panel } from '../widgets/Panel.tsx'
import { SafeText } from '../widgets/SafeText.tsx'
import { Trouble } from '../widgets/Trouble.tsx'
import { type AgentItem, statusColors, statusWords, systemWords } from './agent-item.ts'
import './agents.css'

/** Between two looks, ms. */
const everyMs = 10_000

export default function AgentsPage() {
  const [open, setOpen] = usePageParam('agent')
  const [status, setStatus] = usePageParam('status')
  const all = useItems<AgentItem>('/agents', { limit: 10_000, q: 'id!=000' }, { refetchMs: everyMs })
  const agents = all.data?.items ?? []
  const slices = useMemo(() => {
    const count = (of: (agent: AgentItem) => readonly string[]) => {
      const counts = new Map<string, number>()
      for (const agent of agents) for (const name of of(agent)) counts.set(name, (counts.get(name) ?? 0) + 1)
      return [...counts].sort((a, b) => b[1] - a[1]).slice(0, 5)
    }
    return {
      status: count((agent) => [agent.status]).map(([name, value]) => ({
        name: name.replace('_', ' '),
        value,
        color: statusColors[name as AgentItem['status']],
      })),
      system: count((agent) => [agent.os?.platform ?? 'unknown']).map(([name, value]) => ({ name, value })),
      group: count((agent) => agent.group ?? []).map(([name, value]) => ({ name, value })),
    }
  }, [agents])
  if (all.error !== null) return <Trouble error={all.error} onRetry={() => void all.refetch()} />
  if (all.data !== undefined && agents.length === 0) {
    return (
      <>
        <PageHead title="Agents" />
        <EmptyState title="No agents yet" icon="screen">
          An agent watches the files and logs of a host. Kubernetes audit events need none.{' '}
          <PageLink to="/deploy">Deploy the first one</PageLink>.
        </EmptyState>
      </>
    )
  }
  return (
    <>
      <PageHead title="Agents">
        <PageLink to="/deploy" className="agents-deploy">
          Deploy an agent
        </PageLink>
      </PageHead>
      <div className="panels">
        <Panel title="By status">
          <DonutView
            label="Agents by status"
            slices={slices.status}
            onPick={(name) => setStatus(name.replace(' ', '_') === status ? '' : name.replace(' ', '_'))}
          />
        </Panel>
        <Panel title="By system">
          <DonutView label="Agents by system" slices={slices.system} />
        </Panel>
        <Panel title="By group">
          <DonutView label="Agents by group" slices={slices.group} />
        </Panel>
      </div>
      {status !== '' && (
        <p>
          Only those that are {status.replace('_', ' ')}.{' '}
          <Button size="compact-xs" variant="default" onClick={() => setStatus('')}>
            Show all
          </Button>
        </p>
      )}
      <DataTable<AgentItem>
        label="Agents"
        source={{ path: '/agents', query: { q: 'id!=000', ...(status === '' ? {} : { status }) } }}
        rowKey={({ id }) => id}
        onRow={({ id }) => setOpen(id)}
        searchPlaceholder="Name, address, system, group"
        csvName="agents"
        columns={[
          { id: 'id', label: 'ID', isSortable: true, width: 70 },
          { id: 'name', label: 'Name', isSortable: true },
          { id: 'status', label: 'Status', isSortable: true, width: 150, render: (agent) => <Status agent={agent} /> },
          { id: 'ip', label: 'Address', isWideOnly: true, render: (agent) => agent.ip ?? agent.registerIP },
          { id: 'group', label: 'Groups', isWideOnly: true, render: ({ group }) => (group ?? []).join(', ') },
          {
            id: 'os',
            label: 'System',
            isWideOnly: true,
            render: (agent) => <SafeText text={systemWords(agent)} max={60} />,
          },
          { id: 'version', label: 'Version', isWideOnly: true },
        ]}
      />
      <AgentFlyout id={open} onClose={() => setOpen('')} />
    </>
  )
}

function Status({ agent }: { readonly agent: AgentItem }) {
  return (
    <span className="agent-status" title={statusWords(agent)}>
      <span className="swatch" style={{ background: statusColors[agent.status] }} />
      {agent.status.replace('_', ' ')}
    </span>
  )
}

function AgentFlyout({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  const { data, refetch } = useItems<AgentItem>('/agents', { agents_list: id }, { enabled: /^\d{3,8}$/.test(id) })
  const agent = data?.items.find((each) => each.id === id)
  return (
    <Flyout
      isOpen={id !== ''}
      onClose={onClose}
      title={agent === undefined ? `Agent ${id}` : `${agent.id} ${agent.name}`}
    >
      {data !== undefined && agent === undefined && <p>There is no agent {id}.</p>}
      {agent !== undefined && <AgentDetail agent={agent} onChanged={() => void refetch()} onClose={onClose} />}
    </Flyout>
  )
}

function AgentDetail({
  agent,
  onChanged,
  onClose,
}: {
  readonly agent: AgentItem
  readonly onChanged: () => void
  readonly onClose: () => void
}) {
  const groups = useItems<{ readonly name: string }>('/groups')
  const [wanted, setWanted] = useState<readonly string[]>(agent.group ?? [])
  const [isSure, setSure] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const queries = useQueryClient()
  const where = `agent.id:"${agent.id}"`
  const run = async (says: string, work: () => Promise<unknown>): Promise<void> => {
    setError(null)
    try {
      const answer = await work()
      const failure = firstFailure(answer)
      if (failure !== null) throw new Error(failure)
      notifications.show({ message: says })
      await queries.invalidateQueries({ queryKey: ['items', '/agents'] })
      onChanged()
    } catch (trouble) {
      setError(trouble)
    }
  }
  const saveGroups = (): Promise<void> =>
    run(`${agent.name} is in ${wanted.join(', ')}.`, async () => {
      const [first = 'default', ...rest] = wanted
      await client.call('PUT', `/agents/${agent.id}/group/${encodeURIComponent(first)}`, {
        query: { force_single_group: true },
      })
      for (const group of rest) await client.call('PUT', `/agents/${agent.id}/group/${encodeURIComponent(group)}`)
    })
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['Status', statusWords(agent)],
    ['Address', agent.ip ?? agent.registerIP],
    ['System', systemWords(agent)],
    ['Processor', agent.os?.arch],
    ['Kernel', agent.os?.uname],
    ['Version', agent.version],
    ['Registered', agent.dateAdd],
    ['Last heard of', agent.lastKeepAlive],
    ['Configuration of its groups', agent.group_config_status],
    ...(agent.labels ?? []).map(({ key, value }) => [`Label ${key}`, value] as const),
  ]
  return (
    <>
      {error !== null && <Trouble error={error} />}
      <dl className="agent-facts">
        {facts.map(([name, value]) =>
          value === undefined || value === '' ? null : (
            <div key={name} className="agent-fact">
              <dt>{name}</dt>
              <dd>
                <SafeText text={value} max={400} />
              </dd>
            </div>
          ),
        )}
      </dl>
      <Group gap="xs" mb="md">
        <PageLink to="/discover" parts={eventParts({ query: where })}>
          Its alerts
        </PageLink>
        <PageLink to="/fim" parts={eventParts({ query: where })}>
          Its files
        </PageLink>
      </Group>
      {may('agent:modify_group') && (
        <Group align="end" gap="xs" mb="md">
          <MultiSelect
            className="agent-groups"
            label="Groups, the first one counts least"
            data={(groups.data?.items ?? []).map(({ name }) => name)}
            value={[...wanted]}
            onChange={setWanted}
          />
          <Button variant="default" disabled={wanted.length === 0} onClick={() => void saveGroups()}>
            Save groups
          </Button>
        </Group>
      )}
      <Group gap="xs" mb="md">
        {may('agent:restart') && (
          <Button
            variant="default"
            disabled={agent.status !== 'active'}
            onClick={() => void run(`${agent.name} restarts.`, () => client.call('PUT', `/agents/${agent.id}/restart`))}
          >
            Restart
          </Button>
        )}
        {may('syscheck:run') && (
          <Button
            variant="default"
            disabled={agent.status !== 'active'}
            onClick={() =>
              void run(`${agent.name} looks at its files.`, () =>
                client.call('PUT', '/syscheck', { query: { agents_list: agent.id } }),
              )
            }
          >
            Scan files now
          </Button>
        )}
        {may('agent:delete') && (
          <Button
            variant={isSure ? 'filled' : 'default'}
            color="red"
            onBlur={() => setSure(false)}
            onClick={() =>
              isSure
                ? void run(`${agent.name} is removed.`, async () => {
                    const answer = await client.call('DELETE', '/agents', {
                      query: { agents_list: agent.id, status: 'all', older_than: '0s' },
                    })
                    onClose()
                    return answer
                  })
                : setSure(true)
            }
          >
            {isSure ? 'Remove: its key no longer works' : 'Remove'}
          </Button>
        )}
      </Group>
      <h3>Newest alerts</h3>
      <NewestAlerts where={where} limit={8} />
      {(agent.group ?? []).map((group) => (
        <Badge key={group} variant="light" mr={4} mt="sm">
          {group}
        </Badge>
      ))}
    </>
  )
}

/** What an answer with failed items says of the first of them; null when all is done. */
function firstFailure(answer: unknown): string | null {
  const found = answer as {
    readonly data?: { readonly failed_items?: readonly { readonly error?: { readonly message?: string } }[] }
  } | null
  return found?.data?.failed_items?.[0]?.error?.message ?? null
}
