/** The store as the manager runs it: its settings from the configuration, and its figures as metrics and status say them. */
import { isAbsolute, join } from 'node:path'
import type { Configuration } from '@dogwatch/config'
import type { ProcessFigures, StoreSettings } from '@dogwatch/store'
import type { StoreMetricFigures } from './metrics.ts'

/** For the engine's buffers; with the rest of its process it stays below 500 MB (spec: contracts, part 4). */
const memoryMax = 104e6
const threads = 2
const dayS = 86_400

/** Settings of the store's process. */
export function storeSettings({ store, global }: Configuration, home: string): StoreSettings {
  const files = (folder: string, current: string, history: string) => ({
    folder: join(home, 'logs', folder),
    current,
    history,
  })
  return {
    folder: isAbsolute(store.path) ? store.path : join(home, store.path),
    memoryMax,
    threads,
    searchMsMax: store.searchTimeoutS * 1000,
    feeds: [
      ...(global.jsonoutOutput
        ? [{ index: 'alerts' as const, files: files('alerts', 'alerts.json', 'ossec-alerts') }]
        : []),
      ...(global.logallJson
        ? [{ index: 'archives' as const, files: files('archives', 'archives.json', 'ossec-archive') }]
        : []),
    ],
    retention: {
      hotDays: Math.ceil(store.hotS / dayS),
      retentionMs: store.retentionS * 1000,
      bytesMax: store.diskMax,
    },
  }
}

/** What the store's process told last, for metrics. */
export function storeMetrics({ feeds, store, rssBytes }: ProcessFigures): StoreMetricFigures {
  return {
    documents: store.partitions.reduce((sum, { documents }) => sum + documents, 0),
    bytes: store.bytes,
    rssBytes,
    lagBytes: Object.fromEntries(feeds.map(({ index, lagBytes }) => [index, lagBytes])),
    skipped: Object.fromEntries(feeds.map(({ index, skipped }) => [index, skipped])),
  }
}
