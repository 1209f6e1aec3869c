/** How to put an agent on a host, on the nodes of a cluster, or how to point one of Wazuh's here: commands to copy, and whether it has come. */
import { Group, Tabs, TextInput } from '@mantine/core'
import { useItems } from '../data/hooks.ts'
import { usePageParam } from '../url/url-state.ts'
import { CopyButton } from '../widgets/CopyButton.tsx'
import { PageHead } from '../widgets/PageHead.tsx'
import { PageLink } from '../widgets/PageLink.tsx'
import { Panel } from '../widgets/Panel.tsx'
import type { AgentItem } from './agent-item.ts'
import { clusterCommands, hostCommands, isHost, serviceCommands, wazuhCommands } from './deploy-commands.ts'
import './agents.css'

const everyMs = 5000

export default function DeployPage() {
  const [where, setWhere] = usePageParam('where', 'host')
  const [manager, setManager] = usePageParam('manager', window.location.hostname)
  const [name, setName] = usePageParam('name')
  const [groups, setGroups] = usePageParam('groups')
  const newest = useItems<AgentItem>('/agents', { sort: '-dateAdd', q: 'id!=000', limit: 3 }, { refetchMs: everyMs })
  const wanted = { manager, name, groups }
  const isGood = isHost(manager)
  return (
    <>
      <PageHead title="Deploy an agent" />
      <div className="panels" data-columns="1">
        <Panel title="1. Where it finds the manager">
          <Group align="end" gap="sm">
            <TextInput
              label="Name or address of the manager, as the host sees it"
              value={manager}
              error={isGood ? null : 'a host name or an address'}
              onChange={({ currentTarget }) => setManager(currentTarget.value)}
              className="deploy-field"
            />
            <TextInput
              label="Name of the agent"
              placeholder="the host’s own"
              value={name}
              onChange={({ currentTarget }) => setName(currentTarget.value)}
              className="deploy-field"
            />
            <TextInput
              label="Groups"
              placeholder="default"
              value={groups}
              onChange={({ currentTarget }) => setGroups(currentTarget.value)}
              className="deploy-field"
            />
          </Group>
          <p className="grid-count">
            The host must reach the manager’s ports 1514 (messages) and 1515 (enrolment). Agents enrol with the password
            in <code>var/etc/authd.pass</code> of the manager, which it made at its first start.
          </p>
        </Panel>
        <Panel title="2. Commands">
          <Tabs value={where} onChange={(next) => setWhere(next ?? 'host')} keepMounted={false}>
            <Tabs.List mb="sm">
              <Tabs.Tab value="host">A host</Tabs.Tab>
              <Tabs.Tab value="cluster">Kubernetes nodes</Tabs.Tab>
              <Tabs.Tab value="wazuh">A Wazuh agent</Tabs.Tab>
            </Tabs.List>
            <Tabs.Panel value="host">
              <Commands text={isGood ? hostCommands(wanted) : ''} label="try it by hand" />
              <Commands text={serviceCommands()} label="run it as a service" />
            </Tabs.Panel>
            <Tabs.Panel value="cluster">
              <p>
                A DaemonSet: one agent on each node, with the host’s folders mounted to be read. Put your own registry
                in.
              </p>
              <Commands text={isGood ? clusterCommands(wanted) : ''} label="build and deploy" />
            </Tabs.Panel>
            <Tabs.Panel value="wazuh">
              <p>
                An unmodified Wazuh 4.x agent that is installed reports here when it knows the address and the password.
              </p>
              <Commands text={isGood ? wazuhCommands(wanted) : ''} label="point it here" />
            </Tabs.Panel>
          </Tabs>
        </Panel>
        <Panel title="3. Has it come?">
          <ul className="deploy-newest" aria-live="polite">
            {(newest.data?.items ?? []).map((agent) => (
              <li key={agent.id}>
                <PageLink to="/agents" parts={{ agent: agent.id }}>
                  {agent.id} {agent.name}
                </PageLink>{' '}
                {agent.status.replace('_', ' ')}, registered {agent.dateAdd}
              </li>
            ))}
          </ul>
          {newest.data?.total === 0 && <p>No agent yet. This list looks again every few seconds.</p>}
        </Panel>
      </div>
    </>
  )
}

function Commands({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    <div className="deploy-commands">
      <div className="deploy-head">
        <h3>{label}</h3>
        <CopyButton text={text} label="Copy" />
      </div>
      {/* A box that scrolls must be reachable by keyboard. */}
      <pre className="code-block" tabIndex={0}>
        {text === '' ? 'Put the address of the manager in first.' : text}
      </pre>
    </div>
  )
}
