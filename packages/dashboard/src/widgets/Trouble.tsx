/** A request that failed, in words, where its answer would have stood. */
import { RequestFailed } from '@dogwatch/client'
import { Alert, Button } from '@mantine/core'

export function Trouble({ error, onRetry }: { readonly error: unknown; readonly onRetry?: () => void }) {
  const message = error instanceof Error ? error.message : String(error)
  const isRefused = error instanceof RequestFailed && error.status === 403
  return (
    <Alert
      color={isRefused ? 'gray' : 'red'}
      title={isRefused ? 'Not for this user' : 'That did not work'}
      p="xs"
      role="alert"
    >
      {message}
      {onRetry !== undefined && !isRefused && (
        <Button variant="subtle" ml="xs" h={22} onClick={onRetry}>
          Try again
        </Button>
      )}
    </Alert>
  )
}
