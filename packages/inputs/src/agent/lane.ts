/**
 * The way of one agent's events into the journal: in order, many under way at once, tried again while the journal is full.
 *
 * In: records. Out: they are durable, in the order in which they came. Wrong: the sink's errors are not handed on; the record is tried again, and meanwhile
 * `isFull` says that the sender must wait. Order holds as far as the sink keeps it: after a refusal nothing new is begun before the refused ones are in.
 */
import type { RecordMeta } from '@dogwatch/schema'
import type { RecordSink } from '../record-sink.ts'

/** What all lanes hold together, bytes; shared between them. */
export interface LaneBudget {
  held: number
}

/** Bytes of one lane, and of all lanes, beyond which senders wait. */
export const laneBytesMax = 512 * 1024
export const lanesBytesMax = 64 * 1024 * 1024
/** Until the sink is tried again, milliseconds. */
const retryMs = 500
/** What a record costs beside its bytes, roughly. */
const recordBytes = 256

interface Item {
  readonly order: number
  readonly meta: RecordMeta
  readonly body: Buffer
}

export class Lane {
  readonly #sink: RecordSink
  readonly #budget: LaneBudget
  readonly #onRoom: () => void
  readonly #outstanding = new Set<number>()
  readonly #waiters: { readonly order: number; readonly resolve: () => void }[] = []
  #refused: Item[] = []
  #waiting: Item[] = []
  #underWay = 0
  #next = 0
  #held = 0
  #timer: NodeJS.Timeout | null = null
  #isClosed = false

  /** `onRoom` is called whenever something became durable. */
  constructor(sink: RecordSink, budget: LaneBudget, onRoom: () => void) {
    this.#sink = sink
    this.#budget = budget
    this.#onRoom = onRoom
  }

  get isFull(): boolean {
    return this.#held > laneBytesMax || this.#budget.held > lanesBytesMax
  }

  /** Bytes on their way. */
  get held(): number {
    return this.#held
  }

  put(meta: RecordMeta, body: Buffer): void {
    const item = { order: this.#next++, meta, body }
    this.#hold(body.length + recordBytes)
    this.#outstanding.add(item.order)
    if (this.#refused.length > 0 || this.#timer !== null) this.#waiting.push(item)
    else this.#begin(item)
  }

  /** Resolves when everything put so far is durable; at once when nothing is under way. Never, when the lane is closed before. */
  settled(): Promise<void> {
    if (this.#outstanding.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiters.push({ order: this.#next - 1, resolve }))
  }

  /** Gives up what was refused; what is under way goes on. */
  close(): void {
    this.#isClosed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    for (const { body } of [...this.#refused, ...this.#waiting]) this.#hold(-body.length - recordBytes)
    this.#refused = []
    this.#waiting = []
  }

  #begin(item: Item): void {
    this.#underWay++
    this.#sink.put(item.meta, [item.body]).then(
      () => {
        this.#underWay--
        this.#outstanding.delete(item.order)
        this.#hold(-item.body.length - recordBytes)
        this.#wake()
        this.#onRoom()
        this.#retryLater()
      },
      () => {
        this.#underWay--
        if (this.#isClosed) this.#hold(-item.body.length - recordBytes)
        else this.#refused.push(item)
        this.#retryLater()
      },
    )
  }

  #retryLater(): void {
    if (this.#underWay > 0 || this.#refused.length === 0 || this.#timer !== null || this.#isClosed) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      const items = [...this.#refused.sort((a, b) => a.order - b.order), ...this.#waiting]
      this.#refused = []
      this.#waiting = []
      for (const item of items) this.#begin(item)
    }, retryMs)
  }

  #wake(): void {
    // Orders went in growing, so the first one left is the lowest.
    const [oldest = Number.POSITIVE_INFINITY] = this.#outstanding
    while ((this.#waiters[0]?.order ?? Number.POSITIVE_INFINITY) < oldest) this.#waiters.shift()?.resolve()
  }

  #hold(bytes: number): void {
    this.#held += bytes
    this.#budget.held += bytes
  }
}
