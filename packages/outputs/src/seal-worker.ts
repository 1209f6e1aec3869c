/** Worker thread that puts finished days away one after another, at the lowest priority (Linux: of this thread alone), so that the hot path keeps its core. */
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { fileKinds } from './file-kind.ts'
import { type FinishedDay, sealDay } from './seal.ts'

/** What `sealInBackground` hands over; anything else is a bug of ours. */
interface Work {
  readonly logsFolder: string
  readonly days: readonly FinishedDay[]
}

function isWork(value: unknown): value is Work {
  if (typeof value !== 'object' || value === null || !('logsFolder' in value) || !('days' in value)) return false
  const { days } = value
  return Array.isArray(days) && days.every((day: FinishedDay) => fileKinds.includes(day.kind))
}

if (!isWork(workerData)) throw new Error('seal-worker: no work given')
try {
  setPriority(0, 19)
} catch {
  // A container may forbid it; it is a courtesy only.
}
for (const day of workerData.days) {
  try {
    parentPort?.postMessage({ sealed: await sealDay(workerData.logsFolder, day) })
  } catch (error) {
    parentPort?.postMessage({ failed: day.path, message: error instanceof Error ? error.message : String(error) })
  }
}
