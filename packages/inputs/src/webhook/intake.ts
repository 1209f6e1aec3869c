/**
 * One request, whatever its HTTP version: judged by its headers, its body unpacked, checked and gathered as it arrives, the record handed to
 * the sink, the answer given when it is durable. Everything that can go wrong ends in one refusal with a reason.
 */
import type { Readable } from 'node:stream'
import { createGunzip, type Gunzip } from 'node:zlib'
import type { RecordMeta } from '@dogwatch/schema'
import type { RecordSink, RecordWriter } from '../record-sink.ts'
import type { AccessTable, Credentials } from './access.ts'
import { BodyCheck, type BodyVerdict } from './body-check.ts'
import { ChunkList } from './chunk-list.ts'
import { countAck, countAnswer, type WebhookCounters } from './counters.ts'
import type { WebhookLimits } from './limits.ts'
import type { MemoryBudget, Reservation } from './memory-budget.ts'
import { type RefusalReason, refusals } from './refusal.ts'
import type { Turns } from './turns.ts'

/** What an HTTP version must offer. */
export interface Exchange extends Credentials {
  readonly method: string
  /** The request target with its query. */
  readonly path: string
  readonly contentEncoding: string | undefined
  readonly contentLength: string | undefined
  readonly peer: string
  readonly body: Readable
  /** At the end of the body: whether the sender ended it, rather than going away. */
  isWhole(): boolean
  /** Says that the body is wanted, for senders that wait for `100 Continue`. */
  proceed(): void
  /** Sends the whole answer. `isLast`: the rest of the body is not wanted, and the connection (or stream) ends after it. */
  answer(status: number, headers: Readonly<Record<string, string>>, text: string, isLast: boolean): void
}

/** What all requests of a receiver share. */
export interface IntakeShared {
  readonly access: AccessTable
  readonly sink: RecordSink
  readonly limits: WebhookLimits
  readonly budget: MemoryBudget
  readonly turns: Turns
  readonly counters: WebhookCounters
  /** Milliseconds since the epoch, the arrival time of records. */
  readonly nowMs: () => number
  readonly isStopping: () => boolean
  readonly tell: (reason: RefusalReason, status: number | null, message: string, peer: string, cluster?: string) => void
  /** Called once per request, when nothing of it is left. */
  readonly onEnd: (intake: Intake) => void
}

const helpText = `Dogwatch webhook receiver for Kubernetes audit events.
POST audit.k8s.io/v1 EventList or Event as JSON to / or to /audit/<cluster>, plain or gzip,
with "Authorization: Bearer <token>" or a client certificate.
`
const received = 'Webhook received!'
/** The recipe's listener is a Flask application, which answers in this type. */
const receivedHeaders = { 'content-type': 'text/html; charset=utf-8', 'content-length': `${received.length}` } as const
/** Pieces in which a body is checked: about 80 µs each. */
const sliceBytes = 65_536
/** Reserved for a body whose length is not announced; it grows with the body. */
const unknownBytes = 65_536
/** What a request itself takes, and what unpacking takes (window, state, one piece of output), beside the body. */
const requestBytes = 4096
const gunzipBytes = 163_840

/** The life of one request. `begin` once; the rest follows from its events. */
export class Intake {
  readonly #shared: IntakeShared
  readonly #exchange: Exchange
  readonly #check = new BodyCheck()
  readonly #chunks = new ChunkList()
  #cluster = ''
  #reservation: Reservation | null = null
  #timer: NodeJS.Timeout | null = null
  #gunzip: Gunzip | null = null
  /** Where checked bytes come from: the body itself, or what unpacks it. */
  #flow: Readable
  #waiting: Buffer[] = []
  #isInLine = false
  #wireBytes = 0
  #bodyBytes = 0
  #ownBytes = requestBytes
  #writer: RecordWriter | null = null
  /** The part being written; parts follow each other. */
  #writing: Promise<void> | null = null
  #hasEnded = false
  #isStoring = false
  #isOver = false

  constructor(shared: IntakeShared, exchange: Exchange) {
    this.#shared = shared
    this.#exchange = exchange
    this.#flow = exchange.body
  }

  get isOver(): boolean {
    return this.#isOver
  }

  begin(): void {
    const { access, budget, counters, limits, isStopping } = this.#shared
    const { method, path, contentEncoding = 'identity', contentLength, body } = this.#exchange
    counters.requests++
    counters.requestsOpen++
    body.on('error', () => this.refuse('sender_gone'))
    if (isStopping()) return void this.refuse('stopping')
    if (method !== 'POST') {
      if (method === 'GET' && /^\/(?:\?|$)/.test(path)) return void this.#help()
      return void this.refuse('method')
    }
    const granted = access.judge(path, this.#exchange)
    this.#cluster = granted.cluster ?? ''
    if ('refused' in granted) return void this.refuse(granted.refused)
    if (!/^(?:identity|gzip|x-gzip)$/i.test(contentEncoding.trim())) return void this.refuse('encoding')
    const isPacked = /gzip/i.test(contentEncoding)
    const length = contentLength !== undefined && /^\d+$/.test(contentLength) ? Number(contentLength) : null
    if (length !== null && length > limits.bodyBytesMax) return void this.#refuseBig()
    if (isPacked) this.#ownBytes += gunzipBytes
    this.#reservation = budget.reserve(Math.min(length ?? unknownBytes, this.#heldMax()) + this.#ownBytes)
    if (!this.#reservation) return void this.refuse('memory')
    this.#timer = setTimeout(() => this.refuse('timeout'), limits.requestTimeoutMs)
    body.on('end', () => {
      if (!this.#exchange.isWhole()) this.refuse('sender_gone')
    })
    this.#exchange.proceed()
    if (isPacked) this.#unpack()
    else this.#listen(body)
    body.on('close', () => {
      if (!body.readableEnded) this.refuse('sender_gone')
    })
  }

  /** Ends the request with the answer that the reason has; nothing of it is kept. */
  refuse(reason: RefusalReason, detail = ''): void {
    // A sender that leaves while its record is being stored has sent everything: the record counts.
    if (this.#isOver || (reason === 'sender_gone' && this.#isStoring)) return
    const { status, says, ...more } = refusals[reason]
    const line = detail === '' ? says : `${says}: ${detail}`
    this.#writer?.abort()
    this.#shared.counters.refused[reason]++
    this.#shared.tell(reason, status, line, this.#exchange.peer, this.#cluster)
    if (status !== null) {
      const text = `${status} ${line}\n`
      countAnswer(this.#shared.counters, status)
      this.#exchange.answer(
        status,
        { ...textHeaders(text), ...refusalHeaders(reason, more) },
        text,
        !this.#exchange.body.readableEnded,
      )
    }
    this.#finish()
  }

  #help(): void {
    countAnswer(this.#shared.counters, 200)
    this.#exchange.answer(200, textHeaders(helpText), helpText, false)
    this.#exchange.body.resume()
    this.#finish()
  }

  #refuseBig(): void {
    this.refuse(
      'too_big',
      `at most ${this.#shared.limits.bodyBytesMax} bytes; lower --audit-webhook-batch-max-size or raise the limit`,
    )
  }

  /** Most bytes of this body in memory at once: everything, or three parts where the sink takes parts. */
  #heldMax(): number {
    const { sink, limits } = this.#shared
    return sink.begin ? limits.partBytes * 3 : limits.bodyBytesMax
  }

  #listen(flow: Readable): void {
    this.#flow = flow
    flow.on('data', (chunk: Buffer) => this.#onData(chunk))
    flow.on('end', () => {
      this.#hasEnded = true
      if (!this.#isInLine) this.#onEnd()
    })
  }

  #unpack(): void {
    const { body } = this.#exchange
    const gunzip = createGunzip({ chunkSize: sliceBytes })
    this.#gunzip = gunzip
    gunzip.on('error', (error) => this.refuse('gzip', error.message))
    gunzip.on('drain', () => body.resume())
    body.on('data', (chunk: Buffer) => {
      if (this.#isOver) return
      this.#countWire(chunk)
      if (!gunzip.write(chunk)) body.pause()
    })
    body.on('end', () => gunzip.end())
    this.#listen(gunzip)
  }

  #countWire(chunk: Buffer): void {
    this.#wireBytes += chunk.length
    this.#shared.counters.wireBytes += chunk.length
    if (this.#wireBytes > this.#shared.limits.bodyBytesMax) this.#refuseBig()
  }

  #onData(chunk: Buffer): void {
    if (this.#isOver) return
    if (!this.#gunzip) this.#countWire(chunk)
    if (this.#waiting.length === 0 && this.#shared.turns.hasTime && chunk.length <= sliceBytes) {
      this.#shared.turns.run(() => this.#take(chunk))
      return
    }
    for (let at = 0; at < chunk.length; at += sliceBytes) this.#waiting.push(chunk.subarray(at, at + sliceBytes))
    this.#flow.pause()
    this.#standInLine()
  }

  #standInLine(): void {
    if (this.#isInLine) return
    this.#isInLine = true
    this.#shared.turns.later(() => {
      this.#isInLine = false
      const chunk = this.#waiting.shift()
      if (this.#isOver) return
      if (chunk) this.#take(chunk)
      if (this.#waiting.length > 0) this.#standInLine()
      else if (this.#hasEnded) this.#onEnd()
      else this.#resume()
    })
  }

  /** Lets the flow go on unless a part must be written first. */
  #resume(): void {
    if (!this.#isOver && this.#waiting.length === 0 && !this.#isFull()) this.#flow.resume()
  }

  #isFull(): boolean {
    return this.#writing !== null && this.#chunks.bytes >= this.#shared.limits.partBytes
  }

  /** One slice: bounds, check, keep. */
  #take(chunk: Buffer): void {
    if (this.#isOver) return
    const { limits, counters, sink } = this.#shared
    this.#bodyBytes += chunk.length
    counters.bodyBytes += chunk.length
    if (this.#gunzip && this.#isBomb())
      return void this.refuse('gzip_bomb', `more than ${limits.gzipRatioMax} times its size`)
    if (this.#bodyBytes > limits.bodyBytesMax) return void this.#refuseBig()
    if (!this.#check.push(chunk)) return void this.#refuseVerdict(this.#check.end())
    this.#chunks.add(chunk)
    if (!this.#reserve()) return void this.refuse('memory')
    if (sink.begin && this.#chunks.bytes >= limits.partBytes) this.#writePart()
  }

  /** A body may grow beyond what it announced (packed) or announce nothing (chunked): the reservation follows. */
  #reserve(): boolean {
    const held = Math.min(this.#bodyBytes, this.#heldMax()) + this.#ownBytes
    if (!this.#reservation || held <= this.#reservation.bytes) return true
    return this.#reservation.grow(held)
  }

  #isBomb(): boolean {
    const { gzipRatioMax, bombFloorBytes } = this.#shared.limits
    return this.#bodyBytes > bombFloorBytes && this.#bodyBytes > this.#wireBytes * gzipRatioMax
  }

  #refuseVerdict(verdict: BodyVerdict): void {
    if (!verdict.ok) this.refuse(verdict.reason, verdict.message)
  }

  /** Hands the gathered bytes to the sink, one part after the other; the flow stands still when a second part is full meanwhile. */
  #writePart(): void {
    if (this.#writing) {
      this.#flow.pause()
      return
    }
    this.#writing = this.#givePart().then(
      () => {
        this.#writing = null
        if (this.#isOver) return
        if (this.#hasEnded && this.#waiting.length === 0) return void this.#onEnd()
        if (this.#chunks.bytes >= this.#shared.limits.partBytes) this.#writePart()
        this.#resume()
      },
      (error: unknown) => this.#refuseSink(error),
    )
  }

  /** Asynchronous from its first line, so that a sink that throws is one that rejects. */
  async #givePart(): Promise<void> {
    this.#writer ??= this.#shared.sink.begin?.(this.#meta()) ?? null
    await this.#writer?.part(joined(this.#chunks.take()))
  }

  #onEnd(): void {
    // A part under way comes back here when it is written.
    if (this.#isOver || this.#writing) return
    const verdict = this.#check.end()
    if (!verdict.ok) return void this.#refuseVerdict(verdict)
    if (this.#timer) clearTimeout(this.#timer)
    this.#isStoring = true
    const completeMs = performance.now()
    this.#store().then(
      () => this.#acknowledge(verdict.values, completeMs),
      (error: unknown) => this.#refuseSink(error),
    )
  }

  async #store(): Promise<void> {
    const chunks = this.#chunks.take()
    if (!this.#writer) return this.#shared.sink.put(this.#meta(), chunks)
    if (chunks.length > 0) await this.#writer.part(joined(chunks))
    await this.#writer.commit()
  }

  #acknowledge(values: number, completeMs: number): void {
    if (this.#isOver) return
    const { counters } = this.#shared
    countAck(counters, this.#cluster, performance.now() - completeMs)
    counters.extraValues += values - 1
    countAnswer(counters, 200)
    this.#exchange.answer(200, receivedHeaders, received, false)
    this.#finish()
  }

  #refuseSink(error: unknown): void {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (code === 'JOURNAL_FULL') this.refuse('journal_full')
    else this.refuse('journal_error', code)
  }

  #meta(): RecordMeta {
    const arrivalUs = Math.round(this.#shared.nowMs() * 1000)
    return { input: 'webhook', source: this.#cluster, peer: this.#exchange.peer, arrivalUs }
  }

  #finish(): void {
    this.#isOver = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#reservation?.free()
    this.#waiting = []
    this.#chunks.take()
    if (this.#gunzip) {
      this.#exchange.body.removeAllListeners('data')
      this.#gunzip.destroy()
    }
    this.#shared.counters.requestsOpen--
    this.#shared.onEnd(this)
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const [first] = chunks
  return first && chunks.length === 1 ? first : Buffer.concat(chunks)
}

function textHeaders(text: string): Record<string, string> {
  return { 'content-type': 'text/plain; charset=utf-8', 'content-length': `${Buffer.byteLength(text)}` }
}

function refusalHeaders(
  reason: RefusalReason,
  { retryAfterS }: { readonly retryAfterS?: number },
): Record<string, string> {
  if (reason === 'method') return { allow: 'POST' }
  if (reason === 'unauthorized') return { 'www-authenticate': 'Bearer realm="dogwatch"' }
  if (reason === 'encoding') return { 'accept-encoding': 'gzip' }
  return retryAfterS === undefined ? {} : { 'retry-after': `${retryAfterS}` }
}
