/** Bounds of the webhook receiver, with their defaults and where each comes from. */

export interface WebhookLimits {
  /** Largest body, after unpacking, in bytes. Real batches reach many MB (spec: kubernetes, part 2). */
  readonly bodyBytesMax: number
  /** Bytes of all bodies under way together. */
  readonly memoryBytesMax: number
  /** Bodies beyond this are written in parts of this size when the sink can, and fill at most three quarters of the memory. */
  readonly partBytes: number
  /**
   * A gzip body may unpack to `bombFloorBytes` freely, beyond that to this many times its size. Lists of one repeated event reach 200 to 500,
   * a megabyte of one byte 1,030.
   */
  readonly gzipRatioMax: number
  readonly bombFloorBytes: number
  readonly connectionsMax: number
  /** From the first byte, or the TLS handshake, to the end of the headers. */
  readonly headersTimeoutMs: number
  /** From the headers to the end of the body. API servers give up after 30 s. */
  readonly requestTimeoutMs: number
  /** An idle connection is kept this long: longer than the 90 s of Go's client, so that the client closes first and no POST meets a closing port. */
  readonly idleTimeoutMs: number
  /** From the connection to the end of the TLS handshake. */
  readonly handshakeTimeoutMs: number
  /** After a refusal the rest of a body is read and thrown away for this long and this much, so that the sender gets to see the answer. */
  readonly lingerMs: number
  readonly lingerBytes: number
  /** Requests under way at once on one HTTP/2 connection. */
  readonly streamsMax: number
  /** Time that checking bodies may take before the event loop turns. */
  readonly turnMs: number
}

export const webhookLimits: WebhookLimits = {
  bodyBytesMax: 32 * 1024 * 1024,
  memoryBytesMax: 64 * 1024 * 1024,
  partBytes: 1024 * 1024,
  gzipRatioMax: 800,
  bombFloorBytes: 1024 * 1024,
  connectionsMax: 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 120_000,
  handshakeTimeoutMs: 10_000,
  lingerMs: 2000,
  lingerBytes: 64 * 1024 * 1024,
  streamsMax: 128,
  turnMs: 4,
}
