/** The configuration: whether the file is good, every value in force with its default, and the file itself, which can be changed. */
import { RequestFailed } from '@dogwatch/client'
import { Alert, Button, Group, SegmentedControl, Skeleton } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { useItems } from '../data/hooks.ts'
import { client, may } from '../data/session.ts'
import { Changes } from '../ruleset/Changes.tsx'
import { problemsOf } from '../ruleset/ruleset-files.ts'
import { usePageParam } from '../url/url-state.ts'
import { CodeEditor } from '../widgets/CodeEditor.tsx'
import { PageHead } from '../widgets/PageHead.tsx'
import { Panel } from '../widgets/Panel.tsx'
import { SafeText } from '../widgets/SafeText.tsx'
import { Trouble } from '../widgets/Trouble.tsx'
import '../ruleset/ruleset.css'
import './server.css'

type Problems = ReturnType<typeof problemsOf>['here']

interface Validation {
  readonly name: string
  readonly status: string
  readonly details: readonly unknown[]
}

export default function SettingsPage() {
  const [view, setView] = usePageParam('view', 'values')
  const checked = useItems<Validation>('/manager/configuration/validation')
  const result = checked.data?.items[0]
  const problems = problemsOf(result?.details ?? [], 'ossec.conf')
  return (
    <>
      <PageHead title="Settings">
        <SegmentedControl
          aria-label="View"
          value={view}
          data={[
            { value: 'values', label: 'Values' },
            { value: 'file', label: 'ossec.conf' },
          ]}
          onChange={setView}
        />
      </PageHead>
      {result !== undefined && result.status !== 'OK' && (
        <Alert color="red" title="ossec.conf has errors" mb="sm">
          The manager goes on with what it read at its start. Mend the lines that are marked in the file.
        </Alert>
      )}
      {view === 'file' ? <TheFile problems={problems.here} /> : <Values />}
    </>
  )
}

function TheFile({ problems }: { readonly problems: Problems }) {
  const file = useQuery({
    queryKey: ['configuration', 'file'],
    queryFn: async ({ signal }) =>
      String(await client.call('GET', '/manager/configuration', { query: { raw: true }, signal })),
  })
  if (file.error !== null) return <Trouble error={file.error} onRetry={() => void file.refetch()} />
  if (file.data === undefined) return <Skeleton height={300} />
  return <Editing key={file.dataUpdatedAt} before={file.data} problems={problems} />
}

/** The text, what changes in it, and the manager's word on it. A file that would not be read at a start is not taken. */
function Editing({ before, problems }: { readonly before: string; readonly problems: Problems }) {
  const [text, setText] = useState(before)
  const [step, setStep] = useState<'edit' | 'review'>('edit')
  const [isBusy, setBusy] = useState(false)
  const [failure, setFailure] = useState<unknown>(null)
  const queries = useQueryClient()
  const mayChange = may('manager:update_config')
  const told = useMemo(
    () => (failure instanceof RequestFailed ? problemsOf(failure.problems, 'ossec.conf') : { here: [], elsewhere: [] }),
    [failure],
  )
  const save = async (): Promise<void> => {
    setBusy(true)
    setFailure(null)
    try {
      await client.call('PUT', '/manager/configuration', {
        text: { type: 'application/octet-stream', content: text },
      })
      notifications.show({ message: 'ossec.conf is saved. It counts from the next start of the manager.' })
      await Promise.all([
        queries.invalidateQueries({ queryKey: ['configuration'] }),
        queries.invalidateQueries({ queryKey: ['items', '/manager/configuration/validation'] }),
      ])
    } catch (error) {
      setFailure(error)
    } finally {
      setStep('edit')
      setBusy(false)
    }
  }
  if (step === 'review') {
    return (
      <>
        <p>What changes in ossec.conf. The manager reads it at its next start.</p>
        <Changes before={before} after={text} />
        <Group mt="md" gap="xs">
          <Button loading={isBusy} onClick={() => void save()}>
            Save
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
      <p className="grid-count">
        The manager reads this file at its start; until then the values on the other side of this page are in force.
        What a file had before a change is kept beside it, as <code>ossec.conf.before</code>.
      </p>
      {failure !== null && (
        <Alert color="red" title="Not saved" mb="sm" role="alert">
          {failure instanceof Error ? failure.message : String(failure)}
          <ul>
            {[...told.here.map(({ line, message }) => `Line ${line}: ${message}`), ...told.elsewhere].map((says) => (
              <li key={says}>{says}</li>
            ))}
          </ul>
        </Alert>
      )}
      <CodeEditor
        label="ossec.conf"
        value={text}
        language="xml"
        height={480}
        problems={failure === null ? problems : told.here}
        {...(mayChange ? { onChange: setText } : {})}
      />
      {mayChange && (
        <Group mt="md" gap="xs">
          <Button disabled={text === before} onClick={() => setStep('review')}>
            Review changes
          </Button>
          {text !== before && (
            <Button variant="default" onClick={() => setText(before)}>
              Undo all
            </Button>
          )}
        </Group>
      )}
    </>
  )
}

function Values() {
  const { data, error, refetch } = useItems<Readonly<Record<string, unknown>>>('/manager/configuration')
  if (error !== null) return <Trouble error={error} onRetry={() => void refetch()} />
  if (data === undefined) return <Skeleton height={400} />
  return (
    <div className="panels">
      {Object.entries(data.items[0] ?? {}).map(([section, values]) => (
        <Panel key={section} title={words(section)}>
          <dl className="server-facts">
            {rowsOf(values).map(([name, value]) => (
              <div key={name} className="server-fact">
                <dt>{words(name)}</dt>
                <dd>
                  <SafeText text={value} max={400} />
                </dd>
              </div>
            ))}
          </dl>
        </Panel>
      ))}
    </div>
  )
}

/** `agentsDisconnectionTimeS` as words. */
function words(name: string): string {
  const spaced = name.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()
  return spaced === '' ? 'value' : spaced[0]?.toUpperCase() + spaced.slice(1)
}

function rowsOf(values: unknown): readonly (readonly [string, string])[] {
  if (typeof values !== 'object' || values === null) return [['', shown(values)]]
  if (Array.isArray(values)) {
    return values.length === 0 ? [['', 'none']] : values.map((value, at) => [`${at + 1}`, shown(value)] as const)
  }
  return Object.entries(values).map(([name, value]) => [name, shown(value)] as const)
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return 'not set'
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(shown).join('; ')
  if (typeof value !== 'object') return String(value)
  return Object.entries(value)
    .map(([name, part]) => `${words(name).toLowerCase()} ${shown(part)}`)
    .join(', ')
}
