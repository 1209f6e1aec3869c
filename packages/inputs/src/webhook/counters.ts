/** What the webhook receiver counts, as plain numbers; the manager exposes them. All but the gauges only grow. */
import { byReason, type RefusalReason } from './refusal.ts'

/** Upper bounds of the acknowledgement histogram, milliseconds; one more bucket holds the rest. */
export const ackBoundsMs = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000] as const

export interface WebhookCounters {
  /** Requests whose headers were read, of any method. */
  requests: number
  /** Body bytes as they came over the wire, and after unpacking. */
  wireBytes: number
  bodyBytes: number
  /** Records acknowledged. */
  records: number
  /** Values in acknowledged bodies beyond the first (one event a line). */
  extraValues: number
  readonly recordsByCluster: Map<string, number>
  /** Answers by status. */
  readonly answered: Map<number, number>
  readonly refused: Record<RefusalReason, number>
  /** From the last byte of a body to its 200. */
  readonly ack: { readonly boundsMs: readonly number[]; readonly counts: number[]; sumMs: number; count: number }
  connectionsOpened: number
  /** Gauges. */
  connectionsOpen: number
  requestsOpen: number
  reservedBytes: number
}

export function newCounters(): WebhookCounters {
  return {
    requests: 0,
    wireBytes: 0,
    bodyBytes: 0,
    records: 0,
    extraValues: 0,
    recordsByCluster: new Map(),
    answered: new Map(),
    refused: byReason(0),
    ack: { boundsMs: ackBoundsMs, counts: new Array<number>(ackBoundsMs.length + 1).fill(0), sumMs: 0, count: 0 },
    connectionsOpened: 0,
    connectionsOpen: 0,
    requestsOpen: 0,
    reservedBytes: 0,
  }
}

export function countAnswer({ answered }: WebhookCounters, status: number): void {
  answered.set(status, (answered.get(status) ?? 0) + 1)
}

export function countAck(counters: WebhookCounters, cluster: string, tookMs: number): void {
  const { ack, recordsByCluster } = counters
  counters.records++
  recordsByCluster.set(cluster, (recordsByCluster.get(cluster) ?? 0) + 1)
  const bucket = ack.boundsMs.findIndex((bound) => tookMs <= bound)
  const at = bucket === -1 ? ack.counts.length - 1 : bucket
  ack.counts[at] = (ack.counts[at] ?? 0) + 1
  ack.sumMs += tookMs
  ack.count++
}
