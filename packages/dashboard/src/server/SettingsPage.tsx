/** The configuration: whether the file is good, every value in force with its default, and the file itself. */
import { Alert, SegmentedControl, Skeleton } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useItems } from '../data/hooks.ts'
import { client } from '../data/session.ts'
import { problemsOf } from '../ruleset/ruleset-files.ts'
import { usePageParam } from '../url/url-state.ts'
import { CodeEditor } from '../widgets/CodeEditor.tsx'
import { PageHead } from '../widgets/PageHead.tsx'
import { Panel } from '../widgets/Panel.tsx'
import { SafeText } from '../widgets/SafeText.tsx'
import { Trouble } from '../widgets/Trouble.tsx'
import './server.css'

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

function TheFile({ problems }: { readonly problems: ReturnType<typeof problemsOf>['here'] }) {
  const file = useQuery({
    queryKey: ['configuration', 'file'],
    queryFn: async ({ signal }) =>
      String(await client.call('GET', '/manager/configuration', { query: { raw: true }, signal })),
  })
  if (file.error !== null) return <Trouble error={file.error} onRetry={() => void file.refetch()} />
  if (file.data === undefined) return <Skeleton height={300} />
  return (
    <>
      <p className="grid-count">
        Changed on the manager’s machine; <code>dogwatch config check</code> tells what each element does. The manager
        reads it at its start.
      </p>
      <CodeEditor label="ossec.conf" value={file.data} language="xml" height={520} problems={problems} />
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
  if (Array.isArray(value) && value.length === 0) return 'none'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
