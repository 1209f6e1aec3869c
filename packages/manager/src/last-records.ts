/** When each cluster last sent something, kept over restarts in `queue/clusters.json`: what `k8s doctor` asks first. Losing half a minute of it is no harm. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Clusters kept; they are named in the configuration, so more are a mistake. */
const clustersMax = 10_000
const saveEveryMs = 30_000

export interface LastRecords {
  /** Milliseconds since the epoch, by cluster. */
  readonly times: ReadonlyMap<string, number>
  note(cluster: string, timeMs: number): void
  /** Writes what is new and stops the timer. */
  close(): void
}

/** Opens the file of a home; one that is missing or damaged begins empty. `onError` is told when it cannot be written. */
export function openLastRecords(home: string, onError: (error: unknown) => void): LastRecords {
  const path = join(home, 'queue/clusters.json')
  const times = readTimes(path)
  let isSaved = true
  const save = (): void => {
    if (isSaved) return
    isSaved = true
    try {
      const clusters = Object.fromEntries([...times].map(([name, lastEventMs]) => [name, { lastEventMs }]))
      writeFileSync(`${path}.new`, `${JSON.stringify({ clusters })}\n`, { mode: 0o640 })
      renameSync(`${path}.new`, path)
    } catch (error) {
      onError(error)
    }
  }
  const timer = setInterval(save, saveEveryMs)
  timer.unref()
  return {
    times,
    note(cluster, timeMs) {
      if (!times.has(cluster) && times.size >= clustersMax) return
      times.set(cluster, timeMs)
      isSaved = false
    },
    close() {
      clearInterval(timer)
      save()
    },
  }
}

function readTimes(path: string): Map<string, number> {
  const times = new Map<string, number>()
  try {
    const file: unknown = JSON.parse(readFileSync(path, 'utf8'))
    const clusters = typeof file === 'object' && file !== null && 'clusters' in file ? file.clusters : null
    if (typeof clusters !== 'object' || clusters === null) return times
    for (const [name, entry] of Object.entries(clusters)) {
      const time: unknown =
        typeof entry === 'object' && entry !== null && 'lastEventMs' in entry ? entry.lastEventMs : null
      if (typeof time === 'number' && Number.isFinite(time) && times.size < clustersMax) times.set(name, time)
    }
  } catch {
    // Not there yet, or damaged: it fills again with the next records.
  }
  return times
}
