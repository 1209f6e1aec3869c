/**
 * A record: what came in, as it came in, with where it came from (spec: contracts, part 1). The bus keeps records; splitting one into events
 * happens behind it, in the match workers.
 */

/** Which input took the record in. The numbers are written to disk: never reuse one. */
export const inputKinds = { webhook: 1, agent: 2, syslog: 3, file: 4, internal: 5 } as const
export type InputKind = keyof typeof inputKinds

export interface RecordMeta {
  readonly input: InputKind
  /** Cluster name (webhook), agent id (agent), else the input's own name; at most 255 bytes of UTF-8. */
  readonly source: string
  /** Address of the sender as text, empty when there is none; at most 255 bytes. */
  readonly peer: string
  /** Arrival, microseconds since the epoch. All later stages take time from here, never from a clock. */
  readonly arrivalUs: number
}
