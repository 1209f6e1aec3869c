/** What becomes of a log line: the three phases of decoding and rules, and why the rules that were tried did not match. A session remembers what came before. */
import { Button, Group, SegmentedControl, Textarea, TextInput } from '@mantine/core'
import { useState } from 'react'
import { client } from '../data/session.ts'
import { CodeEditor } from '../widgets/CodeEditor.tsx'
import { fieldNumber, fieldText, flatFields } from '../widgets/document-fields.ts'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { ExplainView } from '../widgets/ExplainView.tsx'
import { LevelBadge } from '../widgets/LevelBadge.tsx'
import { PageHead } from '../widgets/PageHead.tsx'
import { Panel } from '../widgets/Panel.tsx'
import { SafeText } from '../widgets/SafeText.tsx'
import { Trouble } from '../widgets/Trouble.tsx'
import { logtestPhases } from './phases.ts'
import '../ruleset/ruleset.css'

/** Lines that are tried at once. */
const linesMax = 100

const sample = 'Dec 10 01:02:02 host sshd[1234]: Failed password for invalid user admin from 192.0.2.7 port 1066 ssh2'

interface Answer {
  readonly line: string
  readonly output: Readonly<Record<string, unknown>>
  readonly isAlert: boolean
  readonly explanation: unknown
}

export default function RulesetTestPage() {
  const [text, setText] = useState('')
  const [location, setLocation] = useState('stdin')
  const [answers, setAnswers] = useState<readonly Answer[]>([])
  const [token, setToken] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>(null)

  const run = async (lines: readonly string[]): Promise<void> => {
    setBusy(true)
    setError(null)
    let session = token
    const found: Answer[] = []
    try {
      for (const event of lines.slice(0, linesMax)) {
        const { data } = await client.call<{
          data: { token: string; output: Readonly<Record<string, unknown>>; alert: boolean }
        }>('PUT', '/logtest', {
          body: { event, location, log_format: 'syslog', ...(session === null ? {} : { token: session }) },
        })
        session = data.token
        const explained = await client.explain({ event })
        found.push({ line: event, output: data.output, isAlert: data.alert, explanation: explained.explanation })
      }
    } catch (failure) {
      setError(failure)
    } finally {
      setToken(session)
      setAnswers(found)
      setBusy(false)
    }
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const forget = async (): Promise<void> => {
    if (token !== null) await client.call('DELETE', `/logtest/sessions/${token}`).catch(() => null)
    setToken(null)
    setAnswers([])
  }
  return (
    <>
      <PageHead title="Ruleset test" />
      <Panel title="Logs, one a line">
        <Textarea
          aria-label="Logs, one a line"
          placeholder={sample}
          autosize
          minRows={4}
          maxRows={14}
          value={text}
          onChange={({ currentTarget }) => setText(currentTarget.value)}
          onKeyDown={(event) => {
            if ((event.ctrlKey || event.metaKey) && event.key === 'Enter' && lines.length > 0) void run(lines)
          }}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', fontSize: 13 } }}
        />
        <Group mt="sm" gap="xs" align="end">
          <TextInput
            label="Location"
            description="where it is said to come from"
            value={location}
            onChange={({ currentTarget }) => setLocation(currentTarget.value)}
          />
          <Button loading={isBusy} disabled={lines.length === 0} onClick={() => void run(lines)}>
            Test
          </Button>
          <Button variant="default" disabled={token === null} onClick={() => void forget()}>
            Clear session
          </Button>
          {text === '' && (
            <Button variant="subtle" onClick={() => setText(sample)}>
              Take an example
            </Button>
          )}
        </Group>
        <p className="grid-count">
          Nothing here becomes an alert. A session lasts until it is cleared, so that rules which count see what came
          before.
        </p>
      </Panel>
      {error !== null && <Trouble error={error} />}
      {answers.length === 0 && error === null && (
        <EmptyState title="No test yet">
          Put in a log as it came, or a Kubernetes audit event as one line of JSON.
        </EmptyState>
      )}
      <div aria-live="polite">
        {answers.map((answer, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the same line may be tested twice
          <Result key={at} answer={answer} />
        ))}
      </div>
    </>
  )
}

function Result({ answer: { line, output, isAlert, explanation } }: { readonly answer: Answer }) {
  const [view, setView] = useState('phases')
  const level = fieldNumber(output, 'rule.level')
  return (
    <div className="panels" data-columns="1">
      <Panel
        title={level === null ? 'No rule matched' : `Rule ${fieldText(output, 'rule.id')}`}
        actions={
          <SegmentedControl
            size="xs"
            aria-label="What is shown of this log"
            value={view}
            data={[
              { value: 'phases', label: 'Phases' },
              { value: 'explain', label: 'Explain' },
              { value: 'json', label: 'JSON' },
            ]}
            onChange={setView}
          />
        }
      >
        <p>
          <code>
            <SafeText text={line} max={300} />
          </code>
        </p>
        {level !== null && (
          <p>
            <LevelBadge level={level} /> <SafeText text={fieldText(output, 'rule.description')} max={300} />{' '}
            {isAlert ? '— an alert' : '— no alert: its level is below the bound'}
          </p>
        )}
        {view === 'explain' && <ExplainView explanation={explanation} />}
        {view === 'json' && (
          <CodeEditor label="The answer as JSON" value={JSON.stringify(output, null, 2)} language="json" height={320} />
        )}
        {view === 'phases' &&
          logtestPhases(flatFields(output)).map(({ title, facts }) => (
            <section key={title}>
              <h3>{title}</h3>
              {facts.length === 0 ? (
                <p>nothing was found</p>
              ) : (
                <dl className="rule-facts">
                  {facts.map(([name, value]) => (
                    <div key={name} style={{ display: 'contents' }}>
                      <dt>{name}</dt>
                      <dd>
                        <SafeText text={value} max={2000} />
                      </dd>
                    </div>
                  ))}
                </dl>
              )}
            </section>
          ))}
      </Panel>
    </div>
  )
}
