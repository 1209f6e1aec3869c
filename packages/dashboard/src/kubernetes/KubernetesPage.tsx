/**
 * Kubernetes: what happened in the clusters, who did what to which object, changes of permissions, sessions in containers and looks at secrets. All of it
 * is the member `data.kubernetes`, which the webhook adds to each audit event.
 */
import { SegmentedControl, Select, Tabs } from '@mantine/core'
import { useCount, useTerms } from '../data/hooks.ts'
import { useAddFilter, useChangeUrlState, usePageParam, useUrlState } from '../url/url-state.ts'
import { visibleText } from '../url/visible-text.ts'
import { Donut } from '../widgets/Donut.tsx'
import { EventGrid } from '../widgets/EventGrid.tsx'
import { Histogram } from '../widgets/Histogram.tsx'
import { PageHead } from '../widgets/PageHead.tsx'
import { Panel } from '../widgets/Panel.tsx'
import { StatCard } from '../widgets/StatCard.tsx'
import { TopTerms } from '../widgets/TopTerms.tsx'
import { WhoDidWhat } from './WhoDidWhat.tsx'
import './kubernetes.css'

const inKubernetes = 'data.kubernetes.verb: exists'
/** Permission objects, and the verbs that change them. */
const permissions =
  'data.kubernetes.resource:(roles or rolebindings or clusterroles or clusterrolebindings or serviceaccounts or certificatesigningrequests) and data.kubernetes.verb:(create or update or patch or delete or deletecollection or approve)'
const sessions =
  'data.kubernetes.resource:(pods/exec or pods/attach or pods/portforward or pods/ephemeralcontainers or nodes/proxy)'
const secrets = 'data.kubernetes.resource:(secrets or serviceaccounts/token)'

const columns = {
  all: [
    'data.kubernetes.actor',
    'data.kubernetes.verb',
    'data.kubernetes.resource',
    'data.kubernetes.namespace',
    'data.kubernetes.name',
    'rule.level',
    'rule.description',
  ],
  sessions: [
    'data.kubernetes.actor',
    'data.kubernetes.resource',
    'data.kubernetes.namespace',
    'data.kubernetes.name',
    'data.kubernetes.command',
    'rule.level',
  ],
}

export default function KubernetesPage() {
  const { index } = useUrlState()
  const change = useChangeUrlState()
  const [view, setView] = usePageParam('view', 'overview')
  return (
    <>
      <PageHead title="Kubernetes">
        <Choice field="data.kubernetes.cluster" label="Cluster" />
        <Choice field="data.kubernetes.namespace" label="Namespace" />
        <SegmentedControl
          aria-label="What is shown"
          value={index}
          data={[
            { value: 'alerts', label: 'Alerts' },
            { value: 'archives', label: 'All events' },
          ]}
          onChange={(value) => change({ index: value === 'archives' ? 'archives' : 'alerts' })}
        />
      </PageHead>
      <Tabs value={view} onChange={(next) => setView(next ?? 'overview')} keepMounted={false}>
        <Tabs.List mb="sm" className="kubernetes-tabs">
          <Tabs.Tab value="overview">Overview</Tabs.Tab>
          <Tabs.Tab value="who">Who did what</Tabs.Tab>
          <Tabs.Tab value="permissions">Permissions</Tabs.Tab>
          <Tabs.Tab value="sessions">Exec and secrets</Tabs.Tab>
          <Tabs.Tab value="events">Events</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="overview">
          <Overview />
        </Tabs.Panel>
        <Tabs.Panel value="who">
          <WhoDidWhat />
        </Tabs.Panel>
        <Tabs.Panel value="permissions">
          <Permissions />
        </Tabs.Panel>
        <Tabs.Panel value="sessions">
          <Sessions />
        </Tabs.Panel>
        <Tabs.Panel value="events">
          <EventGrid where={inKubernetes} columns={columns.all} />
        </Tabs.Panel>
      </Tabs>
    </>
  )
}

/** Narrows the page to one value of a field, as a filter that stands in the address. */
function Choice({ field, label }: { readonly field: string; readonly label: string }) {
  const { filters } = useUrlState()
  const change = useChangeUrlState()
  const add = useAddFilter()
  const { data } = useTerms(field, { limit: 100 })
  const chosen = filters.find((filter) => filter.field === field && !filter.isNegated && !filter.isDisabled)?.value
  const values = [...new Set([...(chosen == null ? [] : [chosen]), ...(data?.terms ?? []).map(({ value }) => value)])]
  return (
    <Select
      aria-label={label}
      placeholder={`${label}: all`}
      data={values.map((value) => ({ value, label: visibleText(value) }))}
      value={chosen ?? null}
      clearable
      searchable
      w={170}
      onChange={(value) => {
        const others = filters.filter((filter) => filter.field !== field || filter.isNegated)
        if (value === null || chosen != null) {
          const next = value === null ? [] : [{ field, value, isNegated: false, isDisabled: false }]
          change({ filters: [...others, ...next] })
        } else add(field, value)
      }}
    />
  )
}

function Overview() {
  const all = useCount(inKubernetes)
  const serious = useCount(`${inKubernetes} and rule.level >= 12`)
  const permitted = useCount(permissions)
  const entered = useCount(sessions)
  const looked = useCount(secrets)
  return (
    <>
      <div className="panels" data-columns="4">
        <StatCard label="Events" value={all.data} />
        <StatCard label="Level 12 or above" value={serious.data} tone="high" />
        <StatCard label="Changes of permissions" value={permitted.data} tone="medium" />
        <StatCard label="Sessions in containers" value={entered.data} tone="medium" />
        <StatCard label="Touched secrets" value={looked.data} tone="medium" />
      </div>
      <div className="panels" data-columns="1">
        <Panel title="Verbs over time">
          <Histogram where={inKubernetes} by="data.kubernetes.verb" byLimit={8} height={180} />
        </Panel>
      </div>
      <div className="panels">
        <Panel title="Detections">
          <TopTerms field="rule.description" where={inKubernetes} limit={10} />
        </Panel>
        <Panel title="Actors">
          <TopTerms field="data.kubernetes.actor" where={inKubernetes} limit={10} />
        </Panel>
        <Panel title="Namespaces">
          <TopTerms field="data.kubernetes.namespace" where={inKubernetes} limit={10} />
        </Panel>
        <Panel title="Resources">
          <TopTerms field="data.kubernetes.resource" where={inKubernetes} limit={10} />
        </Panel>
        <Panel title="Clusters">
          <Donut field="data.kubernetes.cluster" where={inKubernetes} label="Clusters" limit={6} />
        </Panel>
        <Panel title="Kinds of actor">
          <Donut field="data.kubernetes.actorKind" where={inKubernetes} label="Kinds of actor" limit={6} />
        </Panel>
        <Panel title="From where">
          <TopTerms field="data.kubernetes.sourceIP" where={inKubernetes} limit={10} />
        </Panel>
        <Panel title="Findings in pod templates">
          <TopTerms
            field="data.kubernetes.podSecurity"
            where={inKubernetes}
            limit={10}
            empty="No pod template of this range asks for more than an ordinary pod has"
          />
        </Panel>
      </div>
    </>
  )
}

function Permissions() {
  return (
    <>
      <div className="panels" data-columns="2">
        <Panel title="Changes over time">
          <Histogram where={permissions} by="data.kubernetes.resource" height={160} />
        </Panel>
        <Panel title="Who changed permissions">
          <TopTerms
            field="data.kubernetes.actor"
            where={permissions}
            empty="Nobody changed permissions in this range"
          />
        </Panel>
      </div>
      <EventGrid where={permissions} columns={columns.all} />
    </>
  )
}

function Sessions() {
  return (
    <>
      <div className="panels">
        <Panel title="Sessions over time">
          <Histogram where={sessions} by="data.kubernetes.resource" height={150} />
        </Panel>
        <Panel title="Commands">
          <TopTerms field="data.kubernetes.command" where={sessions} empty="No command was run in a container" />
        </Panel>
        <Panel title="Who read secrets">
          <TopTerms field="data.kubernetes.actor" where={secrets} empty="Nobody touched a secret in this range" />
        </Panel>
      </div>
      <EventGrid where={`(${sessions}) or (${secrets})`} columns={columns.sessions} />
    </>
  )
}
