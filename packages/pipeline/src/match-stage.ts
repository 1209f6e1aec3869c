/**
 * The stage that runs in parallel: records or lines in, matched events out (design.md 2). It has no state that matters: the same job gives the same
 * events in the same number, on whatever thread.
 *
 * In: a job, which is a few records of the bus by reference, or a piece of a file in whole lines. Out: parts, each a batch of at most
 * `chunkEventsMax` events with what goes beside it. Wrong: items that are no events are handed out as quarantined, longer ones than `eventLengthMax` become an
 * event of ours, a record that cannot be read counts as lost; nothing throws on input.
 *
 * An event's count must never depend on the ruleset, on time or on the thread: the number of an event is counted from the events before it.
 */
import type { BusRecord, RecordRef } from '@dogwatch/bus'
import {
  type EventInput,
  type MatchBatch,
  MatchWriter,
  parseQueueMessage,
  queueMessageAt,
  type Ruleset,
} from '@dogwatch/engine'
import { type Redaction, type SplitContext, splitInto } from '@dogwatch/k8s'
import { hashWords } from './duplicates.ts'
import type { AgentTable, EngineSettings } from './engine-parts.ts'
import { GuardedMatcher, type Runaway } from './guarded-matcher.ts'
import { localQueue, ownEvent, syslogQueue } from './own-event.ts'
import type { QuarantinedItem } from './quarantine.ts'

/** How a file's lines are read: queue messages, plain logs at a location, or Kubernetes audit objects. */
export type LineFormat = 'queue' | 'lines' | 'k8s'

export interface RecordsJob {
  readonly kind: 'records'
  readonly job: number
  readonly refs: readonly RecordRef[]
  /** Leave out so many events: they were delivered by a worker that is gone. */
  readonly fromEvent: number
  /** Hand out a part behind each record, so that it shows over which one a worker dies. */
  readonly isStepwise?: boolean
}

export interface LinesJob {
  readonly kind: 'lines'
  readonly job: number
  /** Whole lines; the last one may lack its newline. */
  readonly bytes: Uint8Array
  readonly format: LineFormat
  readonly location: string
  /** Arrival of all its events. */
  readonly timeMs: number
  readonly fromEvent: number
}

export type MatchJob = RecordsJob | LinesJob

export interface MatchPart {
  readonly job: number
  /** The last part of its job. */
  readonly isLast: boolean
  /** Null in a part that only carries what is beside the events. */
  readonly batch: MatchBatch | null
  readonly count: number
  /** Arrival of the first event; all events of a part lie in the same quarter of an hour (UTC), so in the same day of any time zone. */
  readonly timeMs: number
  /** Duplicate keys, three words an event; null when duplicates do not matter here. A key of zeros is none. */
  readonly keys: Uint32Array | null
  /** Sequence of the record that ends exactly behind this part; 0 inside a record. */
  readonly endsRecord: number
  /** So many of the job's records are handed out whole, with this part. */
  readonly recordsDone: number
  readonly quarantined: readonly QuarantinedItem[]
  readonly runaways: readonly Runaway[]
  /** Records that could not be read, and events too long. */
  readonly lostRecords: number
  readonly oversizeEvents: number
}

/** What a batch is written into; it grows as needed. */
export interface BatchBuffers {
  readonly words: ArrayBuffer
  readonly bytes: ArrayBuffer
}

export interface MatchStageOptions {
  readonly ruleset: Ruleset
  readonly settings: EngineSettings
  readonly split: { readonly redact: Redaction; readonly hash: boolean }
  /** Longest event, bytes (contracts.md 1); longer ones become an event of ours. */
  readonly eventLengthMax: number
  /** The bytes of a record; null when they are damaged or gone. */
  readonly read: (ref: RecordRef) => BusRecord | null
  readonly emit: (part: MatchPart) => void
  /** Buffers in place of those that `emit` sent away with a batch. Without it a batch is good until `emit` returns. */
  readonly refill?: () => BatchBuffers
}

/** Most events, and most bytes of text, of one part. */
export const chunkEventsMax = 2048
const chunkBytesMax = 2048 * 1024
/** Events whose texts are held until the chunk is matched count so many times: what lives long is dear to collect. */
const heldWeight = 8
/** An event of ours must fit. */
const eventLengthMin = 4096
const quarterMs = 900_000
/** Most quarantined items of one part. */
const quarantinedMax = 64

export class MatchStage {
  readonly #options: MatchStageOptions
  readonly #matcher: GuardedMatcher
  readonly #writer = new MatchWriter()
  readonly #contexts = new Map<string, SplitContext>()
  #agents: AgentTable = new Map()
  #inputs: EventInput[] = []
  #inputBytes = 0
  #keys = new Uint32Array(chunkEventsMax * hashWords)
  #hasKeys = false
  #quarantined: QuarantinedItem[] = []
  #lostRecords = 0
  #oversizeEvents = 0
  #job = 0
  #skip = 0
  #recordsDone = 0

  constructor(options: MatchStageOptions) {
    if (options.eventLengthMax < eventLengthMin) throw new Error(`eventLengthMax is below ${eventLengthMin}`)
    this.#options = options
    this.#matcher = new GuardedMatcher(options.ruleset, options.settings, () => this.#agents)
  }

  setAgents(agents: AgentTable): void {
    this.#agents = agents
  }

  /** Does a job; its parts are emitted before this returns. */
  run(job: MatchJob): void {
    this.#job = job.job
    this.#skip = job.fromEvent
    this.#recordsDone = 0
    if (job.kind === 'lines') {
      this.#lines(job)
      this.#finish(true, 0)
      return
    }
    let quarter = -1
    let before = 0
    for (const ref of job.refs) {
      const record = this.#options.read(ref)
      if (record === null) this.#lostRecords += 1
      else {
        const now = Math.floor(record.meta.arrivalUs / 1000 / quarterMs)
        if (now !== quarter && this.#inputs.length > 0) this.#finish(false, before)
        quarter = now
        this.#record(record)
      }
      before = ref.sequence
      this.#recordsDone += 1
      // While events are left out, a place between two records lies behind what was delivered and must not be told.
      if (job.isStepwise === true && this.#skip === 0) this.#finish(false, before)
    }
    this.#finish(true, before)
  }

  #record({ sequence, meta, body }: BusRecord): void {
    const timeMs = Math.floor(meta.arrivalUs / 1000)
    if (meta.input === 'webhook') {
      this.#split(body, this.#context(meta.source), {
        timeMs,
        input: meta.input,
        source: meta.source,
        record: sequence,
      })
      return
    }
    if (meta.input === 'syslog') {
      this.#add({ queue: syslogQueue, location: meta.peer, body: latin1(body), timeMs }, meta.input, meta.source)
      return
    }
    const message = parseQueueMessage(latin1(body))
    if (message) this.#add({ ...message, timeMs }, meta.input, meta.source)
    else
      this.#refuse(
        body,
        'queue-message',
        'no <queue>:<location>:<log>',
        { timeMs, input: meta.input, source: meta.source, record: sequence },
        0,
      )
  }

  #context(cluster: string): SplitContext {
    let context = this.#contexts.get(cluster)
    if (!context) {
      const { split, eventLengthMax } = this.#options
      context = { cluster, redact: split.redact, eventLengthMax, hash: split.hash }
      this.#contexts.set(cluster, context)
    }
    return context
  }

  #split(body: Uint8Array, context: SplitContext, from: Origin): void {
    splitInto(body, context, {
      event: ({ text, hash }) => {
        this.#add(
          { queue: localQueue, location: 'k8s', body: text, timeMs: from.timeMs },
          from.input,
          from.source,
          hash,
        )
      },
      rejected: ({ reason, detail, offset, length, sample, auditID }) => {
        if (reason === 'oversize') this.#oversize(length, from, auditID)
        this.#refuse(sample, reason, detail, from, offset, length, auditID)
      },
    })
  }

  #lines({ bytes, format, location, timeMs, job }: LinesJob): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const from: Origin = { timeMs, input: 'file', source: location || format, record: job }
    for (let at = 0; at < buffer.length; ) {
      const newline = buffer.indexOf(10, at)
      const end = newline < 0 ? buffer.length : newline
      if (format === 'k8s') {
        if (end > at) this.#split(buffer.subarray(at, end), this.#context('default'), from)
      } else if (end > at) {
        const message =
          format === 'lines' ? { queue: localQueue, location, bodyAt: at } : queueMessageAt(buffer, at, end)
        const escaped = message === null ? parseQueueMessage(buffer.latin1Slice(at, end)) : null
        if (message !== null) this.#add(new LineInput(message, buffer, end, timeMs), 'file', location)
        else if (escaped !== null) this.#add({ ...escaped, timeMs }, 'file', location)
        else this.#refuse(buffer.subarray(at, end), 'queue-message', 'no <queue>:<location>:<log>', from, at)
      }
      at = end + 1
    }
  }

  #add(input: EventInput, kind: string, source: string, hash = ''): void {
    const { eventLengthMax } = this.#options
    const length = input instanceof LineInput ? input.length : input.body.length
    if (length > eventLengthMax) {
      this.#oversize(length, { timeMs: input.timeMs, input: kind, source, record: 0 })
      return
    }
    if (this.#skip > 0) {
      this.#skip -= 1
      return
    }
    if (hash !== '') {
      if (!this.#hasKeys) this.#keys.fill(0)
      this.#hasKeys = true
      const at = this.#inputs.length * hashWords
      for (let word = 0; word < hashWords; word += 1) this.#keys[at + word] = wordAt(hash, word * 4)
    }
    this.#inputs.push(input)
    this.#inputBytes += length
    const isWhole = input instanceof LineInput ? 1 : heldWeight
    if (this.#inputs.length * isWhole >= chunkEventsMax || this.#inputBytes * isWhole >= chunkBytesMax)
      this.#finish(false, 0)
  }

  #oversize(length: number, { timeMs, input, source }: Origin, auditID?: string): void {
    this.#oversizeEvents += 1
    const limit = this.#options.eventLengthMax
    const said = {
      event: 'event_oversize',
      input,
      source,
      length,
      limit,
      ...(auditID === undefined ? {} : { auditID }),
    } as const
    this.#add(ownEvent(said, timeMs), input, source)
  }

  #refuse(
    bytes: Uint8Array,
    reason: string,
    detail: string,
    from: Origin,
    offset: number,
    length = bytes.length,
    auditID?: string,
  ): void {
    const sample = Uint8Array.prototype.slice.call(bytes, 0, 65_536)
    this.#quarantined.push({
      ...from,
      reason,
      detail,
      offset,
      length,
      sample,
      ...(auditID === undefined ? {} : { auditID }),
    })
    if (this.#quarantined.length >= quarantinedMax) this.#finish(false, 0)
  }

  /** Matches what has been collected and hands it out as a part. */
  #finish(isLast: boolean, endsRecord: number): void {
    const { emit, refill } = this.#options
    const inputs = this.#inputs
    const writer = this.#writer
    if (inputs.length === 0 && !isLast && endsRecord === 0 && this.#quarantined.length === 0) return
    const runaways = inputs.length > 0 ? this.#matcher.match(inputs, writer) : []
    const part: MatchPart = {
      job: this.#job,
      isLast,
      batch: inputs.length === 0 ? null : writer.view(),
      count: inputs.length,
      timeMs: inputs[0]?.timeMs ?? 0,
      keys: this.#hasKeys ? this.#keys.slice(0, inputs.length * hashWords) : null,
      endsRecord,
      recordsDone: this.#recordsDone,
      quarantined: this.#quarantined,
      runaways,
      lostRecords: this.#lostRecords,
      oversizeEvents: this.#oversizeEvents,
    }
    this.#inputs = []
    this.#inputBytes = 0
    this.#hasKeys = false
    this.#quarantined = []
    this.#lostRecords = 0
    this.#oversizeEvents = 0
    emit(part)
    writer.clear()
    if (!refill || part.batch === null) return
    const { words, bytes } = refill()
    writer.words = new Int32Array(words)
    writer.bytes = Buffer.from(bytes)
  }
}

/**
 * A line of a file whose body becomes a text only when it is matched: a chunk of texts would be young garbage that the collector copies about. The
 * bytes are those of the job at hand.
 */
class LineInput implements EventInput {
  readonly queue: number
  readonly location: string
  readonly timeMs: number
  readonly #bytes: Buffer
  readonly #start: number
  readonly #end: number

  constructor(
    { queue, location, bodyAt }: { queue: number; location: string; bodyAt: number },
    bytes: Buffer,
    end: number,
    timeMs: number,
  ) {
    this.queue = queue
    this.location = location
    this.timeMs = timeMs
    this.#bytes = bytes
    this.#start = bodyAt
    this.#end = end
  }

  get length(): number {
    return this.#end - this.#start
  }

  get body(): string {
    return this.#bytes.latin1Slice(this.#start, this.#end)
  }
}

interface Origin {
  readonly timeMs: number
  readonly input: string
  readonly source: string
  readonly record: number
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).latin1Slice()
}

function wordAt(text: string, at: number): number {
  return (
    (text.charCodeAt(at) |
      (text.charCodeAt(at + 1) << 8) |
      (text.charCodeAt(at + 2) << 16) |
      (text.charCodeAt(at + 3) << 24)) >>>
    0
  )
}
