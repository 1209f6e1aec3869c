/**
 * A file of the ruleset: read, and where it is the site's own, changed. Before it is saved the changes are shown; the manager compiles the file with all
 * others, and what it refuses is marked in the text. A saved file is in force at once.
 */

import { RequestFailed } from '@dogwatch/client'
import { Alert, Button, Group, Skeleton, TextInput } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { client, may } from '../data/session.ts'
import { CodeEditor } from '../widgets/CodeEditor.tsx'
import { Flyout } from '../widgets/Flyout.tsx'
import { Trouble } from '../widgets/Trouble.tsx'
import { Changes } from './Changes.tsx'
import { type FileKind, firstText, problemsOf } from './ruleset-files.ts'

export interface FileFlyoutProps {
  readonly kind: FileKind
  /** Empty: closed; `*`: a file that is to be made. */
  readonly filename: string
  readonly isOwn: boolean
  readonly onClose: () => void
  /** The file was saved under this name, or removed (empty). */
  readonly onSaved: (filename: string) => void
}

export function FileFlyout(props: FileFlyoutProps) {
  const { kind, filename, isOwn, onClose } = props
  const isNew = filename === '*'
  const file = useQuery({
    queryKey: ['file', kind, filename],
    queryFn: async ({ signal }) =>
      String(
        await client.call('GET', `/${kind}/files/${encodeURIComponent(filename)}`, { query: { raw: true }, signal }),
      ),
    enabled: filename !== '' && !isNew,
    staleTime: 0,
  })
  const before = isNew ? '' : file.data
  return (
    <Flyout isOpen={filename !== ''} onClose={onClose} title={isNew ? `A new file of ${kind}` : filename}>
      {file.error !== null && !isNew && <Trouble error={file.error} onRetry={() => void file.refetch()} />}
      {before === undefined && file.error === null && <Skeleton height={300} />}
      {before !== undefined && (
        <Editing
          key={`${filename} ${file.dataUpdatedAt}`}
          {...props}
          isNew={isNew}
          before={before}
          isOwn={isOwn || isNew}
        />
      )}
    </Flyout>
  )
}

function Editing({
  kind,
  filename,
  isOwn,
  isNew,
  before,
  onSaved,
}: FileFlyoutProps & { readonly isNew: boolean; readonly before: string }) {
  const [name, setName] = useState(isNew ? '' : filename)
  const [text, setText] = useState(isNew ? firstText[kind] : before)
  const [step, setStep] = useState<'edit' | 'review'>('edit')
  const [isBusy, setBusy] = useState(false)
  const [failure, setFailure] = useState<unknown>(null)
  const queries = useQueryClient()
  const mayChange = isOwn && may(`${kind}:update`)
  const isChanged = text !== before
  useEffect(() => {
    if (!isChanged) return
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault()
    window.addEventListener('beforeunload', ask)
    return () => window.removeEventListener('beforeunload', ask)
  }, [isChanged])
  const told = failure instanceof RequestFailed ? problemsOf(failure.problems, name) : { here: [], elsewhere: [] }

  const run = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true)
    setFailure(null)
    try {
      await work()
      await Promise.all(
        [`/${kind}`, `/${kind}/files`].map((path) => queries.invalidateQueries({ queryKey: ['items', path] })),
      )
      await queries.invalidateQueries({ queryKey: ['file', kind] })
    } catch (error) {
      setFailure(error)
      setStep('edit')
    } finally {
      setBusy(false)
    }
  }
  const save = (): Promise<void> =>
    run(async () => {
      const path = `/${kind}/files/${encodeURIComponent(name)}`
      const answer = await client.call<{ problems?: readonly unknown[] }>('PUT', path, {
        query: { overwrite: !isNew },
        text: { type: 'application/octet-stream', content: text },
      })
      const warnings = answer.problems?.length ?? 0
      notifications.show({
        message: `${name} is saved and in force${warnings === 0 ? '' : `, with ${warnings} warnings`}.`,
      })
      onSaved(name)
    })
  const remove = (): Promise<void> =>
    run(async () => {
      await client.call('DELETE', `/${kind}/files/${encodeURIComponent(name)}`)
      notifications.show({ message: `${name} is removed.` })
      onSaved('')
    })

  if (step === 'review') {
    return (
      <>
        <p>What changes in {name}. Nothing is in force before you save.</p>
        <Changes before={before} after={text} />
        <Group mt="md" gap="xs">
          <Button loading={isBusy} onClick={() => void save()}>
            Save and reload
          </Button>
          <Button variant="default" disabled={isBusy} onClick={() => setStep('edit')}>
            Back to the text
          </Button>
        </Group>
      </>
    )
  }
  return (
    <>
      {!isOwn && (
        <p>
          This file comes with the product and is not changed. To change what a rule does, write it again in a file of
          your own, with its number and overwrite="yes".
        </p>
      )}
      {failure !== null && (
        <Alert color="red" title="Not saved" mb="sm" role="alert">
          {failure instanceof Error ? failure.message : String(failure)}
          {told.elsewhere.length > 0 && (
            <ul>
              {told.elsewhere.slice(0, 10).map((line) => (
                <li key={line}>{line}</li>
              ))}
            </ul>
          )}
          {told.here.length > 0 && (
            <ul>
              {told.here.map(({ line, message }) => (
                <li key={`${line} ${message}`}>
                  Line {line}: {message}
                </li>
              ))}
            </ul>
          )}
        </Alert>
      )}
      {isNew && (
        <TextInput
          label="Name of the file"
          placeholder={kind === 'lists' ? 'my-addresses' : 'my_rules.xml'}
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
          mb="sm"
        />
      )}
      <CodeEditor
        label={`Text of ${isNew ? 'the new file' : filename}`}
        value={text}
        language={kind === 'lists' ? 'text' : 'xml'}
        height={420}
        {...(mayChange ? { onChange: setText } : {})}
        problems={told.here}
      />
      {mayChange && (
        <Group mt="md" gap="xs" justify="space-between">
          <Group gap="xs">
            <Button disabled={!isChanged || name === ''} onClick={() => setStep('review')}>
              Review changes
            </Button>
            {isChanged && !isNew && (
              <Button variant="default" onClick={() => setText(before)}>
                Undo all
              </Button>
            )}
          </Group>
          {!isNew && may(`${kind}:delete`) && (
            <RemoveButton name={name} isBusy={isBusy} onRemove={() => void remove()} />
          )}
        </Group>
      )}
    </>
  )
}

/** Asks once more before it removes. */
function RemoveButton({
  name,
  isBusy,
  onRemove,
}: {
  readonly name: string
  readonly isBusy: boolean
  readonly onRemove: () => void
}) {
  const [isSure, setSure] = useState(false)
  return (
    <Button
      variant={isSure ? 'filled' : 'default'}
      color="red"
      loading={isBusy}
      onClick={() => (isSure ? onRemove() : setSure(true))}
      onBlur={() => setSure(false)}
    >
      {isSure ? `Remove ${name} for good` : 'Remove'}
    </Button>
  )
}
