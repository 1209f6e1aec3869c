import { expect, test } from 'vitest'
import { createMetrics, type MetricSources } from './metrics.ts'

const nothing: MetricSources = {
  webhook: () => null,
  journal: () => null,
  pipeline: () => null,
  store: () => null,
  storeRestarts: () => 0,
  ready: () => false,
  rulesetReloads: () => ({ accepted: 0, refused: 0 }),
}

test('before anything has started there are figures of the process', async () => {
  const metrics = createMetrics(nothing)
  const { text, contentType } = await metrics.text()
  expect(contentType).toContain('text/plain')
  expect(text).toContain('dogwatch_ready 0\n')
  expect(text).toContain('process_resident_memory_bytes')
  expect(text).toContain('dogwatch_event_loop_delay_seconds{quantile="0.99"}')
  metrics.close()
})

test('figures are read anew each time, not added up', async () => {
  let records = 5
  const ack = { boundsMs: [1, 10], counts: [3, 1, 1], sumMs: 40, count: 5 }
  const metrics = createMetrics({
    ...nothing,
    ready: () => true,
    webhook: () => ({
      requests: 6,
      bodyBytes: 100,
      records,
      recordsByCluster: new Map([['default', records]]),
      answered: new Map([[200, records]]),
      refused: { unauthorized: 1 },
      ack,
      connectionsOpen: 1,
      requestsOpen: 0,
      reservedBytes: 0,
    }),
    pipeline: () => ({
      events: 9,
      matched: 9,
      archived: 0,
      alertsByLevel: new Map([
        [3, 1],
        [5, 2],
      ]),
      duplicates: 4,
      drops: { too_deep: 1 },
      depths: { reorder: 7 },
      incidents: { runaways: 1 },
      lagRecords: 2,
      lagBytes: 20,
    }),
  })
  await metrics.text()
  records = 6
  const { text } = await metrics.text()
  for (const line of [
    'dogwatch_ready 1',
    'dogwatch_received_records_total{input="webhook",source="default"} 6',
    'dogwatch_webhook_answers_total{status="200"} 6',
    'dogwatch_ack_latency_seconds_bucket{le="0.001"} 3',
    'dogwatch_ack_latency_seconds_bucket{le="0.01"} 4',
    'dogwatch_ack_latency_seconds_bucket{le="+Inf"} 5',
    'dogwatch_ack_latency_seconds_sum 0.04',
    'dogwatch_ack_latency_seconds_count 5',
    'dogwatch_alerts_total{level="5"} 2',
    'dogwatch_duplicates_total 4',
    'dogwatch_drops_total{stage="webhook",reason="unauthorized"} 1',
    'dogwatch_drops_total{stage="pipeline",reason="too_deep"} 1',
    'dogwatch_queue_depth{queue="reorder"} 7',
    'dogwatch_lag_records 2',
    'dogwatch_incidents_total{kind="runaways"} 1',
  ]) {
    expect(text).toContain(`${line}\n`)
  }
  metrics.close()
})
