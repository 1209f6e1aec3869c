/** What is shown in the place of a page that threw: its words, and a way on. Other pages go on working. */
import { Button, Code, Group } from '@mantine/core'
import { EmptyState } from '../widgets/EmptyState.tsx'

export function PageFailed({ error, reset }: { readonly error: unknown; readonly reset?: () => void }) {
  const message = error instanceof Error ? error.message : String(error)
  // A part of the page that a newer version of the manager does not have any more.
  const isOld = /dynamically imported module|module script/i.test(message)
  return (
    <EmptyState title={isOld ? 'The manager has a newer page' : 'This page has failed'} icon="alert">
      {isOld ? <p>Load the page anew to get it.</p> : <Code block>{message}</Code>}
      <Group justify="center">
        <Button onClick={() => location.reload()}>Load anew</Button>
        {reset !== undefined && (
          <Button variant="default" onClick={reset}>
            Try again
          </Button>
        )}
      </Group>
    </EmptyState>
  )
}
