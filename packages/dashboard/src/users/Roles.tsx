/** Roles and policies: those of the product to read, those of one's own to make, change and remove. A change counts at once. */
import { Badge, MultiSelect, SegmentedControl, TagsInput, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useItems } from '../data/hooks.ts'
import { client, may } from '../data/session.ts'
import { usePageParam } from '../url/url-state.ts'
import { DataTable } from '../widgets/DataTable.tsx'
import { Flyout } from '../widgets/Flyout.tsx'
import { SafeText } from '../widgets/SafeText.tsx'
import { Trouble } from '../widgets/Trouble.tsx'
import { at, Ending, MakeButton, made, useChange } from './changing.tsx'

interface Role {
  readonly id: number
  readonly name: string
  readonly policies?: readonly number[]
  readonly actions?: readonly string[]
}

type Effect = 'allow' | 'deny'
const everything = '*:*:*'

interface Policy {
  readonly id: number
  readonly name: string
  readonly policy: {
    readonly actions: readonly string[]
    readonly resources: readonly string[]
    readonly effect: Effect
  }
  readonly roles: readonly number[]
}

/** Roles and policies of one's own have numbers from here on. */
const customIdMin = 100
const isOwn = ({ id }: { readonly id: number }): boolean => id >= customIdMin

export function Roles() {
  const [open, setOpen] = usePageParam('role')
  const roles = useItems<Role>('/security/roles', { limit: 500 })
  const policies = useItems<Policy>('/security/policies', { limit: 500 })
  const role = roles.data?.items.find(({ id }) => String(id) === open)
  const isReady = (open === 'new' || role !== undefined) && policies.data !== undefined
  return (
    <>
      <DataTable<Role>
        label="Roles"
        source={{ path: '/security/roles' }}
        rowKey={({ id }) => String(id)}
        onRow={({ id }) => setOpen(String(id))}
        actions={<MakeButton onClick={() => setOpen('new')}>New role</MakeButton>}
        columns={[
          { id: 'name', label: 'Role', width: 180, isSortable: true },
          { id: 'own', label: 'Whose', width: 120, isSortable: false, render: whose },
          {
            id: 'actions',
            label: 'May',
            isSortable: false,
            isWideOnly: true,
            render: ({ actions }) => <SafeText text={(actions ?? []).join(', ')} max={1000} />,
          },
        ]}
      />
      <Flyout
        isOpen={open !== ''}
        onClose={() => setOpen('')}
        title={open === 'new' ? 'A new role' : `Role ${role?.name ?? ''}`}
      >
        {isReady && (
          <RoleForm key={open} role={role ?? null} policies={policies.data?.items ?? []} onClose={() => setOpen('')} />
        )}
      </Flyout>
    </>
  )
}

function RoleForm({
  role,
  policies,
  onClose,
}: {
  readonly role: Role | null
  readonly policies: readonly Policy[]
  readonly onClose: () => void
}) {
  const [name, setName] = useState(role?.name ?? '')
  const had = (role?.policies ?? []).map(String)
  const [wanted, setWanted] = useState<readonly string[]>(had)
  const { run, error, isBusy } = useChange(onClose)
  const mayChange = role === null ? may('security:create') : isOwn(role) && may('security:update')
  const save = (): Promise<void> =>
    run(`The role ${name} is kept.`, async () => {
      const id = role === null ? await made('/security/roles', { name }) : role.id
      if (role !== null && role.name !== name) await client.call('PUT', `/security/roles/${id}`, { body: { name } })
      const link = async (method: 'POST' | 'DELETE', ids: readonly string[]): Promise<void> => {
        if (ids.length > 0)
          await client.call(method, `/security/roles/${id}/policies`, { query: { policy_ids: ids.join(',') } })
      }
      await link(
        'DELETE',
        had.filter((policy) => !wanted.includes(policy)),
      )
      await link(
        'POST',
        wanted.filter((policy) => !had.includes(policy)),
      )
    })
  return (
    <>
      {error !== null && <Trouble error={error} />}
      {role !== null && !isOwn(role) && <p>This role comes with the product and stays as it is.</p>}
      <TextInput label="Name" value={name} disabled={!mayChange} onChange={at(setName)} mb="sm" />
      <MultiSelect
        label="Policies"
        description="what the role allows or denies; later ones count over earlier"
        data={policies.map(({ id, name: label }) => ({ value: String(id), label }))}
        value={[...wanted]}
        onChange={setWanted}
        disabled={!mayChange}
        searchable
        mb="sm"
      />
      {role !== null && (
        <p>
          May:{' '}
          {(role.actions ?? []).map((action) => (
            <Badge key={action} variant="light" mr={4} tt="none">
              {action}
            </Badge>
          ))}
        </p>
      )}
      <Ending
        isBusy={isBusy}
        {...(mayChange && name !== '' ? { onSave: () => void save() } : {})}
        {...(role !== null && isOwn(role) && may('security:delete')
          ? {
              onRemove: () =>
                void run(`The role ${role.name} is removed.`, () =>
                  client.call('DELETE', '/security/roles', { query: { role_ids: String(role.id) } }),
                ),
            }
          : {})}
      />
    </>
  )
}

export function Policies() {
  const [open, setOpen] = usePageParam('policy')
  const policies = useItems<Policy>('/security/policies', { limit: 500 })
  const policy = policies.data?.items.find(({ id }) => String(id) === open)
  return (
    <>
      <DataTable<Policy>
        label="Policies"
        source={{ path: '/security/policies' }}
        rowKey={({ id }) => String(id)}
        onRow={({ id }) => setOpen(String(id))}
        actions={<MakeButton onClick={() => setOpen('new')}>New policy</MakeButton>}
        columns={[
          { id: 'name', label: 'Policy', width: 220, isSortable: true },
          { id: 'own', label: 'Whose', width: 120, isSortable: false, render: whose },
          { id: 'effect', label: 'Effect', width: 90, isSortable: false, render: (each) => each.policy.effect },
          {
            id: 'resources',
            label: 'On',
            width: 220,
            isSortable: false,
            isWideOnly: true,
            render: (each) => <SafeText text={each.policy.resources.join(', ')} max={300} />,
          },
          {
            id: 'actions',
            label: 'Actions',
            isSortable: false,
            isWideOnly: true,
            render: (each) => <SafeText text={each.policy.actions.join(', ')} max={1000} />,
          },
        ]}
      />
      <Flyout
        isOpen={open !== ''}
        onClose={() => setOpen('')}
        title={open === 'new' ? 'A new policy' : `Policy ${policy?.name ?? ''}`}
      >
        {(open === 'new' || policy !== undefined) && (
          <PolicyForm key={open} policy={policy ?? null} onClose={() => setOpen('')} />
        )}
      </Flyout>
    </>
  )
}

function PolicyForm({ policy, onClose }: { readonly policy: Policy | null; readonly onClose: () => void }) {
  const [name, setName] = useState(policy?.name ?? '')
  const [wanted, setWanted] = useState<readonly string[]>(policy?.policy.actions ?? [])
  const [effect, setEffect] = useState<Effect>(policy?.policy.effect ?? 'allow')
  const [resources, setResources] = useState<readonly string[]>(policy?.policy.resources ?? [everything])
  const known = useQuery({
    queryKey: ['security', 'actions'],
    queryFn: async ({ signal }) => {
      const { data } = await client.call<{ data: Readonly<Record<string, unknown>> }>('GET', '/security/actions', {
        signal,
      })
      return Object.keys(data).sort()
    },
  })
  const { run, error, isBusy } = useChange(onClose)
  const mayChange = policy === null ? may('security:create') : isOwn(policy) && may('security:update')
  const save = (): Promise<void> => {
    const body = { name, policy: { actions: wanted, resources, effect } }
    return run(`The policy ${name} is kept.`, () =>
      policy === null
        ? client.call('POST', '/security/policies', { body })
        : client.call('PUT', `/security/policies/${policy.id}`, { body }),
    )
  }
  return (
    <>
      {error !== null && <Trouble error={error} />}
      {policy !== null && !isOwn(policy) && <p>This policy comes with the product and stays as it is.</p>}
      <TextInput label="Name" value={name} disabled={!mayChange} onChange={at(setName)} mb="sm" />
      <SegmentedControl
        aria-label="Effect"
        value={effect}
        disabled={!mayChange}
        data={['allow', 'deny']}
        onChange={(value) => setEffect(value === 'deny' ? 'deny' : 'allow')}
        mb="sm"
      />
      <MultiSelect
        label="Actions"
        data={known.data ?? [...wanted]}
        value={[...wanted]}
        onChange={setWanted}
        disabled={!mayChange}
        searchable
        mb="sm"
      />
      <TagsInput
        label="On"
        description="everything, or what each action is for: agent:id:001, agent:group:web, group:id:web, rule:file:local_rules.xml, user:id:7"
        value={[...resources]}
        onChange={setResources}
        disabled={!mayChange}
        mb="sm"
      />
      <Ending
        isBusy={isBusy}
        {...(mayChange && name !== '' && wanted.length > 0 && resources.length > 0
          ? { onSave: () => void save() }
          : {})}
        {...(policy !== null && isOwn(policy) && may('security:delete')
          ? {
              onRemove: () =>
                void run(`The policy ${policy.name} is removed.`, () =>
                  client.call('DELETE', '/security/policies', { query: { policy_ids: String(policy.id) } }),
                ),
            }
          : {})}
      />
    </>
  )
}

const whose = (item: { readonly id: number }): string => (isOwn(item) ? 'yours' : 'the product’s')
