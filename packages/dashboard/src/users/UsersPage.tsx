/** Users, the roles that give them their rights, and the record of what users did. */
import { Badge, Button, Group, MultiSelect, PasswordInput, SegmentedControl, Switch, TextInput } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useItems } from '../data/hooks.ts'
import { client, may, useSession } from '../data/session.ts'
import { usePageParam } from '../url/url-state.ts'
import { DataTable } from '../widgets/DataTable.tsx'
import { Flyout } from '../widgets/Flyout.tsx'
import { Icon } from '../widgets/icons.tsx'
import { PageHead } from '../widgets/PageHead.tsx'
import { Trouble } from '../widgets/Trouble.tsx'
import { Mapping } from './Mapping.tsx'
import { Policies, Roles } from './Roles.tsx'

interface UserItem {
  readonly id: number
  readonly username: string
  readonly roles: readonly number[]
  readonly disabled: boolean
  readonly allow_run_as: boolean
  readonly created: string
}

interface RoleItem {
  readonly id: number
  readonly name: string
}

interface Deed {
  readonly time: string
  readonly user: string
  readonly address: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly note: string
}

export default function UsersPage() {
  const [view, setView] = usePageParam('view', 'users')
  const [open, setOpen] = usePageParam('user')
  const roles = useItems<RoleItem>('/security/roles')
  const names = new Map((roles.data?.items ?? []).map(({ id, name }) => [id, name]))
  return (
    <>
      <PageHead title="Users and roles">
        <SegmentedControl
          aria-label="View"
          value={view}
          data={[
            { value: 'users', label: 'Users' },
            { value: 'roles', label: 'Roles' },
            { value: 'policies', label: 'Policies' },
            { value: 'mapping', label: 'Mapping' },
            ...(may('audit:read') ? [{ value: 'audit', label: 'Audit' }] : []),
          ]}
          onChange={setView}
        />
        {may('security:create_user') && (
          <Button leftSection={<Icon name="plus" size={14} />} onClick={() => setOpen('new')}>
            New user
          </Button>
        )}
      </PageHead>
      {view === 'users' && (
        <DataTable<UserItem>
          label="Users"
          source={{ path: '/security/users' }}
          rowKey={({ id }) => String(id)}
          onRow={({ id }) => setOpen(String(id))}
          csvName="users"
          columns={[
            { id: 'username', label: 'Name', isSortable: true },
            {
              id: 'roles',
              label: 'Roles',
              render: ({ roles: ids }) =>
                ids.length === 0
                  ? 'none: may log in and see nothing'
                  : ids.map((id) => (
                      <Badge key={id} variant="light" mr={4}>
                        {names.get(id) ?? id}
                      </Badge>
                    )),
            },
            {
              id: 'disabled',
              label: 'State',
              width: 110,
              render: ({ disabled }) => (disabled ? 'disabled' : 'enabled'),
            },
            { id: 'created', label: 'Made', width: 210, isWideOnly: true },
          ]}
        />
      )}
      {view === 'roles' && <Roles />}
      {view === 'policies' && <Policies />}
      {view === 'mapping' && <Mapping roles={roles.data?.items ?? []} />}
      {view === 'audit' && (
        <DataTable<Deed>
          label="What users did"
          source={{ path: '/dogwatch/audit' }}
          rowKey={({ time, path, note }) => `${time} ${path} ${note}`}
          csvName="audit"
          columns={[
            { id: 'time', label: 'Time', width: 210 },
            { id: 'user', label: 'User', width: 140 },
            { id: 'address', label: 'From', width: 130, isWideOnly: true },
            { id: 'method', label: 'Did', width: 90, isWideOnly: true },
            { id: 'path', label: 'What' },
            { id: 'status', label: 'Status', width: 80 },
            { id: 'note', label: 'Note', isWideOnly: true },
          ]}
        />
      )}
      <UserFlyout key={open} open={open} roles={roles.data?.items ?? []} onClose={() => setOpen('')} />
    </>
  )
}

function UserFlyout({
  open,
  roles,
  onClose,
}: {
  readonly open: string
  readonly roles: readonly RoleItem[]
  readonly onClose: () => void
}) {
  const isNew = open === 'new'
  const { data } = useItems<UserItem>('/security/users', { limit: 500 }, { enabled: open !== '' && !isNew })
  const user = data?.items.find(({ id }) => String(id) === open)
  return (
    <Flyout isOpen={open !== ''} onClose={onClose} title={isNew ? 'A new user' : `User ${user?.username ?? ''}`}>
      {(isNew || user !== undefined) && <UserForm user={user ?? null} roles={roles} onClose={onClose} />}
    </Flyout>
  )
}

/** Of a new password. */
const passwordLengthMin = 12

function UserForm({
  user,
  roles,
  onClose,
}: {
  readonly user: UserItem | null
  readonly roles: readonly RoleItem[]
  readonly onClose: () => void
}) {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [wanted, setWanted] = useState((user?.roles ?? []).map(String))
  const [isDisabled, setDisabled] = useState(user?.disabled ?? false)
  const [mayRunAs, setRunAs] = useState(user?.allow_run_as ?? false)
  const [isSure, setSure] = useState(false)
  const [error, setError] = useState<unknown>(null)
  const queries = useQueryClient()
  const session = useSession()
  const isMe = session.status === 'in' && session.me.id === user?.id
  const run = async (says: string, work: () => Promise<unknown>): Promise<void> => {
    setError(null)
    try {
      await work()
      await queries.invalidateQueries({ queryKey: ['items', '/security/users'] })
      notifications.show({ message: says })
      onClose()
    } catch (failure) {
      setError(failure)
    }
  }
  const save = (): Promise<void> => {
    const common = { roles: wanted.map(Number), ...(password === '' ? {} : { password }) }
    return user === null
      ? run(`${name} may log in.`, () =>
          client.call('POST', '/security/users', { body: { username: name, ...common } }),
        )
      : run(`${user.username} is changed.`, async () => {
          await client.call('PUT', `/security/users/${user.id}`, {
            body: { ...common, ...(isMe ? {} : { disabled: isDisabled }) },
          })
          if (mayRunAs !== user.allow_run_as)
            await client.call('PUT', `/security/users/${user.id}/run_as`, { query: { allow_run_as: mayRunAs } })
        })
  }
  const isReady = user !== null || (name !== '' && password.length >= passwordLengthMin)
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        void save()
      }}
    >
      {error !== null && <Trouble error={error} />}
      {user === null && (
        <TextInput
          label="Name"
          description="letters, digits and . _ @ -, from three on"
          value={name}
          autoComplete="off"
          onChange={({ currentTarget }) => setName(currentTarget.value)}
          mb="sm"
        />
      )}
      <PasswordInput
        label={user === null ? 'Password' : 'New password'}
        description={`at least ${passwordLengthMin} characters${user === null ? '' : '; empty: it stays'}`}
        value={password}
        autoComplete="new-password"
        onChange={({ currentTarget }) => setPassword(currentTarget.value)}
        mb="sm"
      />
      <MultiSelect
        label="Roles"
        data={roles.map(({ id, name: label }) => ({ value: String(id), label }))}
        value={wanted}
        onChange={setWanted}
        searchable
        mb="sm"
      />
      {user !== null && !isMe && (
        <Switch
          label="Disabled: may not log in"
          checked={isDisabled}
          onChange={({ currentTarget }) => setDisabled(currentTarget.checked)}
          mb="md"
        />
      )}
      {user !== null && may('security:edit_run_as') && (
        <Switch
          label="Logs others in (run_as), with the roles of the role mapping"
          checked={mayRunAs}
          onChange={({ currentTarget }) => setRunAs(currentTarget.checked)}
          mb="md"
        />
      )}
      <Group justify="space-between">
        <Button type="submit" disabled={!isReady}>
          {user === null ? 'Make the user' : 'Save'}
        </Button>
        {user !== null && !isMe && may('security:delete') && (
          <Button
            variant={isSure ? 'filled' : 'default'}
            color="red"
            onBlur={() => setSure(false)}
            onClick={() =>
              isSure
                ? void run(`${user.username} is removed.`, () => client.call('DELETE', `/security/users/${user.id}`))
                : setSure(true)
            }
          >
            {isSure ? 'Remove for good' : 'Remove'}
          </Button>
        )}
      </Group>
    </form>
  )
}
