/** The filters, each a chip: negate, disable, remove; and one more. */
import {
  ActionIcon,
  Autocomplete,
  Button,
  Group,
  Menu,
  NativeSelect,
  Popover,
  Stack,
  UnstyledButton,
} from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useState } from 'react'
import { useFields, useTerms } from '../data/hooks.ts'
import type { Filter } from '../url/filters.ts'
import { useAddFilter, useChangeUrlState, useUrlState } from '../url/url-state.ts'
import { visibleText } from '../url/visible-text.ts'
import { Icon } from '../widgets/icons.tsx'
import { SafeText } from '../widgets/SafeText.tsx'

export function FilterChips() {
  const { filters } = useUrlState()
  const change = useChangeUrlState()
  const replace = (at: number, next: Filter | null) =>
    change({ filters: filters.flatMap((filter, n) => (n === at ? (next === null ? [] : [next]) : [filter])) })
  return (
    <Group gap={6} className="filter-chips">
      {filters.map((filter, at) => (
        <Chip key={`${filter.field} ${filter.value}`} filter={filter} onChange={(next) => replace(at, next)} />
      ))}
      <AddFilter />
      {filters.length > 1 && (
        <Button variant="subtle" color="gray" h={22} px={6} onClick={() => change({ filters: [] })}>
          Remove all
        </Button>
      )}
    </Group>
  )
}

function Chip({ filter, onChange }: { readonly filter: Filter; readonly onChange: (next: Filter | null) => void }) {
  const { field, value, isNegated, isDisabled } = filter
  const says = visibleText(`${isNegated ? 'not ' : ''}${field}: ${value ?? 'exists'}`)
  return (
    <span className="chip" data-negated={isNegated || undefined} data-disabled={isDisabled || undefined}>
      <Menu position="bottom-start">
        <Menu.Target>
          <UnstyledButton className="chip-label" aria-label={`Filter ${says}${isDisabled ? ' (disabled)' : ''}`}>
            {isNegated && <b>not </b>}
            {visibleText(field)}: {value === null ? <i>exists</i> : <SafeText text={value} max={60} />}
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => onChange({ ...filter, isNegated: !isNegated })}>
            {isNegated ? 'Do not negate' : 'Negate'}
          </Menu.Item>
          <Menu.Item onClick={() => onChange({ ...filter, isDisabled: !isDisabled })}>
            {isDisabled ? 'Enable' : 'Disable'}
          </Menu.Item>
          <Menu.Item onClick={() => onChange(null)}>Remove</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <ActionIcon size={18} aria-label={`Remove the filter ${says}`} onClick={() => onChange(null)}>
        <Icon name="close" size={12} />
      </ActionIcon>
    </span>
  )
}

const kinds = ['is', 'is not', 'exists', 'does not exist'] as const
type Kind = (typeof kinds)[number]

function AddFilter() {
  const [isOpen, { toggle, close }] = useDisclosure()
  return (
    <Popover
      opened={isOpen}
      onChange={(open) => !open && close()}
      position="bottom-start"
      shadow="md"
      trapFocus
      returnFocus
    >
      <Popover.Target>
        <Button
          variant="subtle"
          h={22}
          px={6}
          leftSection={<Icon name="plus" size={13} />}
          onClick={toggle}
          aria-expanded={isOpen}
        >
          Add filter
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Add filter">{isOpen && <AddForm onDone={close} />}</Popover.Dropdown>
    </Popover>
  )
}

function AddForm({ onDone }: { readonly onDone: () => void }) {
  const add = useAddFilter()
  const [field, setField] = useState('')
  const [kind, setKind] = useState<Kind>('is')
  const [value, setValue] = useState('')
  const { data: fields = [] } = useFields()
  const { data: terms } = useTerms(field, { limit: 20, enabled: fields.some(({ name }) => name === field) })
  const hasValue = kind === 'is' || kind === 'is not'
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        add(field.trim(), hasValue ? value : null, kind === 'is not' || kind === 'does not exist')
        onDone()
      }}
    >
      <Stack gap="xs" w={280}>
        <Autocomplete
          label="Field"
          data={fields.map(({ name }) => name)}
          limit={50}
          value={field}
          onChange={setField}
          required
          comboboxProps={{ withinPortal: false }}
        />
        <NativeSelect
          size="xs"
          label="Condition"
          data={[...kinds]}
          value={kind}
          onChange={({ currentTarget }) => setKind(kinds.find((each) => each === currentTarget.value) ?? 'is')}
        />
        {hasValue && (
          <Autocomplete
            label="Value"
            data={[...new Set((terms?.terms ?? []).map((term) => term.value))]}
            value={value}
            onChange={setValue}
            comboboxProps={{ withinPortal: false }}
          />
        )}
        <Group justify="flex-end">
          <Button type="submit" disabled={field.trim() === ''}>
            Add filter
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
