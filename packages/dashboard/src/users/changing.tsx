/** What the forms of roles, policies and role mappings have in common: the way they end, what they ask, and what is asked anew behind them. */
import { Button, Group } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { client, may } from '../data/session.ts'
import { Icon } from '../widgets/icons.tsx'

/** Save, and remove after asking once more. */
export function Ending({
  isBusy,
  onSave,
  onRemove,
}: {
  readonly isBusy: boolean
  readonly onSave?: () => void
  readonly onRemove?: () => void
}) {
  const [isSure, setSure] = useState(false)
  return (
    <Group justify="space-between" mt="md">
      <Button loading={isBusy} disabled={onSave === undefined} onClick={onSave}>
        Save
      </Button>
      {onRemove !== undefined && (
        <Button
          variant={isSure ? 'filled' : 'default'}
          color="red"
          onBlur={() => setSure(false)}
          onClick={() => (isSure ? onRemove() : setSure(true))}
        >
          {isSure ? 'Remove for good' : 'Remove'}
        </Button>
      )}
    </Group>
  )
}

export function MakeButton({ onClick, children }: { readonly onClick: () => void; readonly children: ReactNode }) {
  if (!may('security:create')) return null
  return (
    <Button variant="default" leftSection={<Icon name="plus" size={14} />} onClick={onClick}>
      {children}
    </Button>
  )
}

export const at =
  (set: (value: string) => void) =>
  ({ currentTarget }: { readonly currentTarget: { readonly value: string } }): void =>
    set(currentTarget.value)

/** Makes something, and gives its number. */
export async function made(path: string, body: object): Promise<number> {
  const { data } = await client.call<{ data: { affected_items: readonly { readonly id: number }[] } }>('POST', path, {
    body,
  })
  const id = data.affected_items[0]?.id
  if (id === undefined) throw new Error('The manager did not say what it made.')
  return id
}

export function useChange(onDone: () => void) {
  const [error, setError] = useState<unknown>(null)
  const [isBusy, setBusy] = useState(false)
  const queries = useQueryClient()
  const run = async (says: string, work: () => Promise<unknown>): Promise<void> => {
    setBusy(true)
    setError(null)
    try {
      await work()
      notifications.show({ message: says })
      onDone()
    } catch (failure) {
      setError(failure)
    } finally {
      setBusy(false)
      await Promise.all(
        ['roles', 'policies', 'rules', 'users'].map((kind) =>
          queries.invalidateQueries({ queryKey: ['items', `/security/${kind}`] }),
        ),
      )
    }
  }
  return { run, error, isBusy }
}
