/** Role mapping: which roles a login by `run_as` gets, for what another system tells of somebody. */
import { MultiSelect, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useItems } from '../data/hooks.ts'
import { client, may } from '../data/session.ts'
import { usePageParam } from '../url/url-state.ts'
import { CodeEditor } from '../widgets/CodeEditor.tsx'
import { DataTable } from '../widgets/DataTable.tsx'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { Flyout } from '../widgets/Flyout.tsx'
import { SafeText } from '../widgets/SafeText.tsx'
import { Trouble } from '../widgets/Trouble.tsx'
import { at, Ending, MakeButton, made, useChange } from './changing.tsx'
import { changesOf, readRule } from './mapping.ts'

interface Rule {
  readonly id: number
  readonly name: string
  readonly rule: unknown
  readonly roles: readonly number[]
}

interface RoleItem {
  readonly id: number
  readonly name: string
}

export function Mapping({ roles }: { readonly roles: readonly RoleItem[] }) {
  const [open, setOpen] = usePageParam('mapping')
  const rules = useItems<Rule>('/security/rules', { limit: 500 })
  const rule = rules.data?.items.find(({ id }) => String(id) === open)
  const nameOf = (id: number): string => roles.find((role) => role.id === id)?.name ?? String(id)
  return (
    <>
      <DataTable<Rule>
        label="Role mapping"
        source={{ path: '/security/rules' }}
        rowKey={({ id }) => String(id)}
        onRow={({ id }) => setOpen(String(id))}
        actions={<MakeButton onClick={() => setOpen('new')}>New mapping</MakeButton>}
        empty={
          <EmptyState title="No mapping yet">
            A mapping gives roles to whoever another system logs in (run_as), by what it says of them.
          </EmptyState>
        }
        columns={[
          { id: 'name', label: 'Mapping', width: 200, isSortable: true },
          {
            id: 'roles',
            label: 'Gives',
            width: 220,
            isSortable: false,
            render: (each) => <SafeText text={each.roles.map(nameOf).join(', ') || 'nothing yet'} max={300} />,
          },
          {
            id: 'rule',
            label: 'When the login says',
            isSortable: false,
            isWideOnly: true,
            render: (each) => <SafeText text={JSON.stringify(each.rule)} max={300} />,
          },
        ]}
      />
      <Flyout
        isOpen={open !== ''}
        onClose={() => setOpen('')}
        title={open === 'new' ? 'A new mapping' : `Mapping ${rule?.name ?? ''}`}
      >
        {(open === 'new' || rule !== undefined) && (
          <MappingForm key={open} rule={rule ?? null} roles={roles} onClose={() => setOpen('')} />
        )}
      </Flyout>
    </>
  )
}

function MappingForm({
  rule,
  roles,
  onClose,
}: {
  readonly rule: Rule | null
  readonly roles: readonly RoleItem[]
  readonly onClose: () => void
}) {
  const [name, setName] = useState(rule?.name ?? '')
  const [text, setText] = useState(JSON.stringify(rule?.rule ?? { FIND: { teams: 'web' } }, null, 2))
  const had = rule?.roles ?? []
  const [wanted, setWanted] = useState<readonly number[]>(had)
  const { run, error, isBusy } = useChange(onClose)
  const mayChange = rule === null ? may('security:create') : may('security:update')
  const { value, problem } = readRule(text)
  const save = (): Promise<void> =>
    run(`The mapping ${name} is kept.`, async () => {
      const body = { name, rule: value }
      const id = rule === null ? await made('/security/rules', body) : rule.id
      if (rule !== null) await client.call('PUT', `/security/rules/${id}`, { body })
      const { added, removed } = changesOf(had, wanted)
      const query = { rule_ids: String(id) }
      for (const role of added) await client.call('POST', `/security/roles/${role}/rules`, { query })
      for (const role of removed) await client.call('DELETE', `/security/roles/${role}/rules`, { query })
    })
  return (
    <>
      {error !== null && <Trouble error={error} />}
      <TextInput label="Name" value={name} disabled={!mayChange} onChange={at(setName)} mb="sm" />
      <MultiSelect
        label="Roles"
        description="what whoever logs in so may do"
        data={roles.map(({ id, name: label }) => ({ value: String(id), label }))}
        value={wanted.map(String)}
        onChange={(next) => setWanted(next.map(Number))}
        disabled={!mayChange}
        searchable
        mb="sm"
      />
      <p>
        When what the other system says of somebody looks so: MATCH at its root, FIND anywhere, with $ for lists as they
        are; AND, OR and NOT join them; <code>r'…'</code> is a regular expression.
      </p>
      <CodeEditor
        value={text}
        language="json"
        label="Rule"
        height={200}
        {...(mayChange ? { onChange: setText } : {})}
        problems={problem === null ? [] : [{ line: 1, message: problem, severity: 'error' }]}
      />
      <Ending
        isBusy={isBusy}
        {...(mayChange && name !== '' && problem === null ? { onSave: () => void save() } : {})}
        {...(rule !== null && may('security:delete')
          ? {
              onRemove: () =>
                void run(`The mapping ${rule.name} is removed.`, () =>
                  client.call('DELETE', '/security/rules', { query: { rule_ids: String(rule.id) } }),
                ),
            }
          : {})}
      />
    </>
  )
}
