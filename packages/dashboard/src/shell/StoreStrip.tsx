/** A strip above every page while searches may not tell everything: the store is off, opens, or catches up. */
import { Alert } from '@mantine/core'
import { useStoreStatus } from '../data/hooks.ts'
import { may } from '../data/session.ts'
import { bytesText } from '../widgets/number-text.ts'

export function StoreStrip() {
  return may('search:read') ? <Strip /> : null
}

function Strip() {
  const { data, error } = useStoreStatus()
  const says = error === null ? stripText(data) : `The manager does not answer as it should: ${error.message}`
  return (
    <div role="status" aria-live="polite">
      {says !== null && (
        <Alert color={error === null ? 'yellow' : 'red'} variant="light" mb="sm" py={6} className="store-strip">
          {says}
        </Alert>
      )}
    </div>
  )
}

function stripText(status: ReturnType<typeof useStoreStatus>['data']): string | null {
  if (status === undefined || status.ready) return null
  if (!status.enabled)
    return 'The store is off (<store> in ossec.conf), so nothing can be searched. Alerts are in the files of logs/alerts.'
  const lag = status.lag_bytes > 0 ? `, ${bytesText(status.lag_bytes)} to go` : ''
  return `Searches may miss the newest alerts: ${status.says}${lag}. Nothing is lost.`
}
