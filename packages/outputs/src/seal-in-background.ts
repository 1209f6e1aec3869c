/**
 * Sealing without holding up the thread that writes: a worker of its own, one at a time.
 *
 * In: the days of `AlertFiles.finishedDays()`. Out: what was put away, and what failed with the reason (it stays plain and is tried again with the
 * next call). Wrong: never throws; a worker that dies is a failure of the days it had left.
 */
import { Worker } from 'node:worker_threads'
import type { FinishedDay, Sealed } from './seal.ts'

export interface SealResult {
  readonly sealed: readonly Sealed[]
  readonly failed: readonly { readonly path: string; readonly message: string }[]
}

type Report = { readonly sealed: Sealed } | { readonly failed: string; readonly message: string }

/** See the head of this file. The worker does not keep the process alive: an unfinished day is finished after the next start. */
export function sealInBackground(logsFolder: string, days: readonly FinishedDay[]): Promise<SealResult> {
  const sealed: Sealed[] = []
  const failed: { path: string; message: string }[] = []
  if (days.length === 0) return Promise.resolve({ sealed, failed })
  return new Promise((resolve) => {
    const worker = new Worker(new URL('./seal-worker.ts', import.meta.url), { workerData: { logsFolder, days } })
    worker.unref()
    worker.on('message', (report: Report) => {
      if ('sealed' in report) sealed.push(report.sealed)
      else failed.push({ path: report.failed, message: report.message })
    })
    worker.on('error', (error) => {
      const known = new Set([...sealed.map(({ path }) => path), ...failed.map(({ path }) => path)])
      for (const { path } of days) if (!known.has(path)) failed.push({ path, message: String(error) })
    })
    worker.on('exit', () => resolve({ sealed, failed }))
  })
}
