/** A console for the API: a request as it would be sent, and the answer. Paths come from the API's own description. */

import { type Method, RequestFailed } from '@dogwatch/client'
import { Autocomplete, Button, Group, Select } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { client } from '../data/session.ts'
import { usePageParam } from '../url/url-state.ts'
import { CodeEditor } from '../widgets/CodeEditor.tsx'
import { EmptyState } from '../widgets/EmptyState.tsx'
import { PageHead } from '../widgets/PageHead.tsx'
import { Panel } from '../widgets/Panel.tsx'
import './server.css'

const methods: readonly Method[] = ['GET', 'POST', 'PUT', 'DELETE']

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly summary?: string }>>>>
}

export default function DevToolsPage() {
  const [method, setMethod] = usePageParam('method', 'GET')
  const [path, setPath] = usePageParam('path', '/manager/info')
  const [body, setBody] = useState('')
  const [answer, setAnswer] = useState<{ readonly says: string; readonly text: string } | null>(null)
  const [isBusy, setBusy] = useState(false)
  const description = useQuery({
    queryKey: ['openapi'],
    queryFn: ({ signal }) => client.call<Description>('GET', '/openapi.json', { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  })
  const offered = Object.entries(description.data?.paths ?? {})
    .filter(([, operations]) => method.toLowerCase() in operations)
    .map(([name]) => name)
  const summary = description.data?.paths[path.split('?')[0] ?? '']?.[method.toLowerCase()]?.summary
  const hasBody = method !== 'GET'
  const send = async (): Promise<void> => {
    setBusy(true)
    const started = performance.now()
    try {
      const text = body.trim()
      const found = await client.call(methods.find((each) => each === method) ?? 'GET', path, {
        ...(hasBody && text !== '' ? { text: { type: 'application/json', content: text } } : {}),
      })
      const ms = Math.round(performance.now() - started)
      setAnswer({
        says: `answered in ${ms} ms`,
        text: typeof found === 'string' ? found : JSON.stringify(found, null, 2),
      })
    } catch (error) {
      const says = error instanceof RequestFailed ? `refused: ${error.status} ${error.message}` : String(error)
      const problems = error instanceof RequestFailed ? error.problems : []
      setAnswer({ says, text: problems.length === 0 ? '' : JSON.stringify(problems, null, 2) })
    } finally {
      setBusy(false)
    }
  }
  return (
    <>
      <PageHead title="Dev tools">
        <a href="/openapi.json" target="_blank" rel="noreferrer">
          Description of the API
        </a>
      </PageHead>
      <div className="panels" data-columns="2">
        <Panel title="Request">
          <Group gap="xs" wrap="nowrap" align="end">
            <Select
              label="Method"
              data={[...methods]}
              value={method}
              allowDeselect={false}
              w={110}
              onChange={(value) => setMethod(value ?? 'GET')}
            />
            <Autocomplete label="Path" className="dev-path" data={offered} value={path} limit={30} onChange={setPath} />
          </Group>
          <p className="grid-count">{summary ?? 'A path of the API, with its parameters'}</p>
          {hasBody && (
            <CodeEditor
              label="Body as JSON"
              value={body}
              language="json"
              height={220}
              onChange={setBody}
              onSubmit={() => void send()}
            />
          )}
          <Button mt="sm" loading={isBusy} disabled={!path.startsWith('/')} onClick={() => void send()}>
            Send
          </Button>
        </Panel>
        <Panel title="Answer">
          {answer === null ? (
            <EmptyState title="Nothing sent yet">Requests run with your own rights.</EmptyState>
          ) : (
            <>
              <p role="status">{answer.says}</p>
              <CodeEditor label="Answer" value={answer.text} language="json" height={420} />
            </>
          )}
        </Panel>
      </div>
    </>
  )
}
