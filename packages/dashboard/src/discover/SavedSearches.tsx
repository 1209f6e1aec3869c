/** Searches under a name: what the address holds is saved, and an own one of the same name replaced. Everybody sees them, the owner removes. */
import { ActionIcon, Button, Group, Popover, Stack, Text, TextInput, UnstyledButton } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useLocation } from '@tanstack/react-router'
import { useState } from 'react'
import { client, may, useSession } from '../data/session.ts'
import { useSetParts } from '../url/url-state.ts'
import { visibleText } from '../url/visible-text.ts'
import { Icon } from '../widgets/icons.tsx'
import { SafeText } from '../widgets/SafeText.tsx'
import { Trouble } from '../widgets/Trouble.tsx'

/** Parts of the address that make a search; what is open, or live, is no part of it. */
const savedParts = ['q', 'f', 'from', 'to', 'index', 'cols', 'sort', 'view'] as const

export function SavedSearches() {
  const [isOpen, { toggle, close }] = useDisclosure()
  return (
    <Popover
      opened={isOpen}
      onChange={(next) => !next && close()}
      position="bottom-end"
      shadow="md"
      trapFocus
      returnFocus
    >
      <Popover.Target>
        <Button variant="default" leftSection={<Icon name="save" size={14} />} onClick={toggle} aria-expanded={isOpen}>
          Searches
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Saved searches">{isOpen && <SearchList onDone={close} />}</Popover.Dropdown>
    </Popover>
  )
}

function SearchList({ onDone }: { readonly onDone: () => void }) {
  const session = useSession()
  const queries = useQueryClient()
  const setParts = useSetParts()
  const { search: address } = useLocation()
  const [name, setName] = useState('')
  const { data: searches = [], error } = useQuery({ queryKey: ['searches'], queryFn: () => client.savedSearches() })
  const refresh = () => queries.invalidateQueries({ queryKey: ['searches'] })
  const save = useMutation({
    mutationFn: () => {
      const parts = Object.entries(address).filter(([part]) => savedParts.some((each) => each === part))
      return client.saveSearch(name.trim(), JSON.stringify(Object.fromEntries(parts)))
    },
    onSuccess: () => {
      setName('')
      return refresh()
    },
  })
  const remove = useMutation({ mutationFn: (id: number) => client.removeSearch(id), onSuccess: refresh })
  const trouble = error ?? save.error ?? remove.error
  const me = session.status === 'in' ? session.me.username : ''
  return (
    <Stack gap="xs" w={300}>
      {trouble !== null && <Trouble error={trouble} />}
      {searches.length === 0 && (
        <Text size="xs" c="dimmed">
          Nothing saved yet. A search holds query, filters, time range and columns.
        </Text>
      )}
      <ul className="saved-list">
        {searches.map(({ id, name: saved, owner, content }) => (
          <li key={id}>
            <UnstyledButton
              className="saved-name"
              onClick={() => {
                setParts(partsOf(content))
                onDone()
              }}
            >
              <SafeText text={saved} max={100} />
              <span className="saved-owner">{visibleText(owner)}</span>
            </UnstyledButton>
            {owner === me && (
              <ActionIcon
                size={22}
                aria-label={`Remove the search ${visibleText(saved)}`}
                onClick={() => remove.mutate(id)}
              >
                <Icon name="trash" size={13} />
              </ActionIcon>
            )}
          </li>
        ))}
      </ul>
      {may('search:save') && (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            save.mutate()
          }}
        >
          <Group gap="xs" wrap="nowrap">
            <TextInput
              aria-label="Name"
              placeholder="Save this search as"
              value={name}
              maxLength={200}
              flex={1}
              onChange={({ currentTarget }) => setName(currentTarget.value)}
            />
            <Button type="submit" disabled={name.trim() === ''} loading={save.isPending}>
              Save
            </Button>
          </Group>
        </form>
      )}
    </Stack>
  )
}

/** The parts of a saved search; each that it does not have is cleared. Somebody else may have written it. */
function partsOf(content: string): Readonly<Record<string, unknown>> {
  let found: unknown = null
  try {
    found = JSON.parse(content)
  } catch {
    // Saved by another program, in another form: an empty search.
  }
  const entries = typeof found === 'object' && found !== null ? Object.entries(found) : []
  return Object.fromEntries(savedParts.map((part) => [part, entries.find(([name]) => name === part)?.[1]]))
}
