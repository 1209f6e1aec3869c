/**
 * What the manager tells Prometheus. Parts count for themselves, in plain numbers; here they are read when somebody asks. In go functions that give the
 * present figures (null before the part has started), out comes the text of `/metrics`.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'

/** A histogram that a part keeps: counts per bucket, not added up, one more than there are bounds. */
export interface Histogram {
  readonly boundsMs: readonly number[]
  readonly counts: readonly number[]
  readonly sumMs: number
  readonly count: number
}

export interface WebhookFigures {
  readonly requests: number
  readonly bodyBytes: number
  readonly records: number
  readonly recordsByCluster: ReadonlyMap<string, number>
  readonly answered: ReadonlyMap<number, number>
  readonly refused: Readonly<Record<string, number>>
  readonly ack: Histogram
  readonly connectionsOpen: number
  readonly requestsOpen: number
  readonly reservedBytes: number
}

export interface JournalFigures {
  readonly appendedRecords: number
  readonly appendedBytes: number
  readonly groups: number
  readonly syncMs: number
  readonly diskBytes: number
  readonly refusedFull: number
  readonly failedWrites: number
  readonly lostRecords: number
}

export interface PipelineFigures {
  /** Events that came out of records. */
  readonly events: number
  readonly matched: number
  readonly archived: number
  readonly alertsByLevel: ReadonlyMap<number, number>
  readonly duplicates: number
  /** By reason, from closed lists of the rooms that drop. */
  readonly drops: Readonly<Record<string, number>>
  /** How much waits, by the queue's name. */
  readonly depths: Readonly<Record<string, number>>
  /** Things that should be rare, by name: restarts of threads, runaway patterns, failed writes. */
  readonly incidents: Readonly<Record<string, number>>
  readonly lagRecords: number
  readonly lagBytes: number
}

export interface StoreMetricFigures {
  readonly documents: number
  readonly bytes: number
  readonly rssBytes: number
  /** By index. */
  readonly lagBytes: Readonly<Record<string, number>>
  readonly skipped: Readonly<Record<string, number>>
}

/** What the agent channel, enrolment and syslog have counted. */
export interface AgentMetricFigures {
  readonly channel: {
    readonly messages: number
    readonly bytes: number
    readonly events: number
    readonly connected: number
    readonly recovered: number
    readonly keepAlives: number
    readonly resent: number
    readonly tlsOpened: number
    readonly connectionsOpened: number
    readonly refused: Readonly<Record<string, number>>
  } | null
  readonly enrolment: {
    readonly accepted: number
    readonly refused: number
    readonly closed: Readonly<Record<string, number>>
  } | null
  readonly syslog: readonly { readonly messages: number; readonly refused: Readonly<Record<string, number>> }[]
  readonly byStatus: Readonly<Record<string, number>>
  /** Messages about files that changed nothing in the inventory, by reason. */
  readonly inventory: Readonly<Record<string, number>>
  /** Datagrams of syslog that the kernel dropped. */
  readonly kernelDrops: number
}

export interface MetricSources {
  readonly agents?: () => AgentMetricFigures | null
  readonly webhook: () => WebhookFigures | null
  readonly journal: () => JournalFigures | null
  readonly pipeline: () => PipelineFigures | null
  readonly store: () => StoreMetricFigures | null
  readonly storeRestarts: () => number
  readonly ready: () => boolean
  readonly rulesetReloads: () => { readonly accepted: number; readonly refused: number }
}

export interface Metrics {
  text(): Promise<{ readonly contentType: string; readonly text: string }>
  close(): void
}

type Labels = Readonly<Record<string, string | number>>
type Reading = readonly (readonly [labels: Labels, value: number])[]

/** Builds the registry. Event-loop delay is measured from now on. */
export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()

  const counter = (name: string, help: string, labelNames: readonly string[], read: () => Reading): void => {
    new Counter({
      name: `dogwatch_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset()
        for (const [labels, value] of read()) this.inc({ ...labels }, value)
      },
    })
  }
  const gauge = (name: string, help: string, labelNames: readonly string[], read: () => Reading): void => {
    new Gauge({
      name: `dogwatch_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset()
        for (const [labels, value] of read()) this.set({ ...labels }, value)
      },
    })
  }
  const one = (value: number | undefined): Reading => (value === undefined ? [] : [[{}, value]])
  const by = (label: string, figures: Readonly<Record<string, number>> | undefined): Reading =>
    Object.entries(figures ?? {}).map(([key, value]) => [{ [label]: key }, value])
  const byMap = (label: string, figures: ReadonlyMap<string | number, number> | undefined): Reading =>
    [...(figures ?? [])].map(([key, value]) => [{ [label]: key }, value])
  const { webhook, journal, pipeline, store } = sources

  const agents = sources.agents ?? (() => null)
  gauge('agents', 'Enrolled agents by status', ['status'], () => by('status', agents()?.byStatus))
  gauge('agent_connections', 'Agents that are connected', [], () => one(agents()?.channel?.connected))
  counter('agent_messages_total', 'Messages of agents', [], () => one(agents()?.channel?.messages))
  counter('agent_received_bytes_total', 'Bytes of them on the wire', [], () => one(agents()?.channel?.bytes))
  counter('agent_events_total', 'Events among them', [], () => one(agents()?.channel?.events))
  counter('agent_recoveries_total', 'Agents that lost their counters and proved themselves', [], () =>
    one(agents()?.channel?.recovered),
  )
  counter('agent_keep_alives_total', 'Keep-alives of agents', [], () => one(agents()?.channel?.keepAlives))
  counter('agent_resent_events_total', 'Events that an agent sent again though they had come', [], () =>
    one(agents()?.channel?.resent),
  )
  counter('agent_connections_opened_total', 'Connections of agents', [], () =>
    one(agents()?.channel?.connectionsOpened),
  )
  counter('agent_tls_connections_total', 'Those among them that were in TLS', [], () =>
    one(agents()?.channel?.tlsOpened),
  )
  counter('enrolments_total', 'Requests to enrol, by outcome', ['outcome'], () => {
    const figures = agents()?.enrolment
    return figures == null ? [] : by('outcome', { accepted: figures.accepted, refused: figures.refused })
  })
  counter('syslog_messages_total', 'Messages of syslog', [], () =>
    one(agents()?.syslog.reduce((sum, { messages }) => sum + messages, 0)),
  )

  gauge('ready', '1 when events are taken and analysed', [], () => one(sources.ready() ? 1 : 0))
  counter('webhook_requests_total', 'Requests to the webhook', [], () => one(webhook()?.requests))
  counter('webhook_answers_total', 'Answers of the webhook by status', ['status'], () =>
    byMap('status', webhook()?.answered),
  )
  counter('received_records_total', 'Records acknowledged, by input and source', ['input', 'source'], () =>
    [...(webhook()?.recordsByCluster ?? [])].map(([source, value]) => [{ input: 'webhook', source }, value]),
  )
  counter('received_bytes_total', 'Bytes of bodies received, unpacked', ['input'], () => {
    const figures = webhook()
    return figures === null ? [] : [[{ input: 'webhook' }, figures.bodyBytes]]
  })
  gauge('webhook_connections', 'Open connections to the webhook', [], () => one(webhook()?.connectionsOpen))
  gauge('webhook_reserved_bytes', 'Memory reserved for bodies under way', [], () => one(webhook()?.reservedBytes))
  ackHistogram(counter, () => webhook()?.ack ?? null)

  counter('journaled_records_total', 'Records made durable', [], () => one(journal()?.appendedRecords))
  counter('journaled_bytes_total', 'Bytes of records made durable', [], () => one(journal()?.appendedBytes))
  counter('journal_commits_total', 'Group commits', [], () => one(journal()?.groups))
  counter('journal_sync_seconds_total', 'Time spent in syncing to disk', [], () => {
    const figures = journal()
    return figures === null ? [] : [[{}, figures.syncMs / 1000]]
  })
  gauge('journal_disk_bytes', 'Disk space of the journal', [], () => one(journal()?.diskBytes))

  counter('events_total', 'Events that came out of records', [], () => one(pipeline()?.events))
  counter('matched_events_total', 'Events decoded and matched', [], () => one(pipeline()?.matched))
  counter('archived_events_total', 'Events written to the archives', [], () => one(pipeline()?.archived))
  counter('alerts_total', 'Alerts by level', ['level'], () => byMap('level', pipeline()?.alertsByLevel))
  counter('duplicates_total', 'Events that had come before', [], () => one(pipeline()?.duplicates))
  counter('drops_total', 'What was refused or dropped, by stage and reason', ['stage', 'reason'], () => [
    ...staged('webhook', webhook()?.refused),
    ...staged('journal', journalDrops(journal())),
    ...staged('pipeline', pipeline()?.drops),
    ...staged('agents', agents()?.channel?.refused),
    ...staged('enrolment', agents()?.enrolment?.closed),
    ...staged('inventory', agents()?.inventory),
    ...staged('syslog', syslogDrops(agents())),
  ])
  counter('incidents_total', 'Things that should be rare, by kind', ['kind'], () => by('kind', pipeline()?.incidents))
  gauge('queue_depth', 'What waits, by queue', ['queue'], () => by('queue', pipeline()?.depths))
  gauge('lag_records', 'Records in the journal that are not analysed yet', [], () => one(pipeline()?.lagRecords))
  gauge('lag_bytes', 'Bytes of the same', [], () => one(pipeline()?.lagBytes))
  gauge('store_documents', 'Documents in the store', [], () => one(store()?.documents))
  gauge('store_disk_bytes', 'Disk space of the store', [], () => one(store()?.bytes))
  gauge('store_resident_memory_bytes', 'Memory of the store’s process', [], () => one(store()?.rssBytes))
  gauge('store_lag_bytes', 'Bytes of the alert files that the store has not taken in yet', ['index'], () =>
    by('index', store()?.lagBytes),
  )
  counter(
    'store_skipped_lines_total',
    'Lines of the alert files that are no alerts: torn, or too long',
    ['index'],
    () => by('index', store()?.skipped),
  )
  counter('store_restarts_total', 'Restarts of the store’s process', [], () => one(sources.storeRestarts()))
  counter('ruleset_reloads_total', 'Reloads of the ruleset, by outcome', ['outcome'], () =>
    by('outcome', { ...sources.rulesetReloads() }),
  )
  gauge('event_loop_delay_seconds', 'Delay of the main event loop since the last reading', ['quantile'], () =>
    loopDelay(delay),
  )
  return {
    async text() {
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
    close() {
      delay.disable()
      registry.clear()
    },
  }
}

/**
 * The receiver keeps the buckets itself, and prom-client's histogram takes single observations only; so the three series of a histogram are
 * written as counters. Prometheus goes by the names.
 */
function ackHistogram(
  counter: (name: string, help: string, labelNames: readonly string[], read: () => Reading) => void,
  read: () => Histogram | null,
): void {
  const help = 'From the last byte of a body to its acknowledgement'
  counter('ack_latency_seconds_bucket', help, ['le'], () => {
    const histogram = read()
    if (histogram === null) return []
    let below = 0
    return histogram.counts.map((count, n) => {
      below += count
      const bound = histogram.boundsMs[n]
      return [{ le: bound === undefined ? '+Inf' : String(bound / 1000) }, below]
    })
  })
  counter('ack_latency_seconds_sum', help, [], () => {
    const histogram = read()
    return histogram === null ? [] : [[{}, histogram.sumMs / 1000]]
  })
  counter('ack_latency_seconds_count', help, [], () => {
    const histogram = read()
    return histogram === null ? [] : [[{}, histogram.count]]
  })
}

function staged(stage: string, figures: Readonly<Record<string, number>> | undefined): Reading {
  return Object.entries(figures ?? {}).map(([reason, value]) => [{ stage, reason }, value])
}

function syslogDrops(figures: AgentMetricFigures | null): Record<string, number> | undefined {
  if (figures === null || figures.syslog.length === 0) return undefined
  const sums: Record<string, number> = { kernel: figures.kernelDrops }
  for (const { refused } of figures.syslog)
    for (const [reason, count] of Object.entries(refused)) sums[reason] = (sums[reason] ?? 0) + count
  return sums
}

function journalDrops(figures: JournalFigures | null): Record<string, number> | undefined {
  if (figures === null) return undefined
  return { full: figures.refusedFull, write_failed: figures.failedWrites, damaged: figures.lostRecords }
}

function loopDelay(delay: ReturnType<typeof monitorEventLoopDelay>): Reading {
  const quantiles = [0.5, 0.99, 1].map((quantile): readonly [Labels, number] => {
    const nanoseconds = quantile === 1 ? delay.max : delay.percentile(quantile * 100)
    return [{ quantile: String(quantile) }, nanoseconds / 1e9]
  })
  delay.reset()
  return quantiles
}
