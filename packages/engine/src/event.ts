/** One event while it is decoded and matched. A matcher reuses a single object, so nothing here outlives the next event. */
import type { Decoder } from './decoder.ts'
import { category, dynamicFieldsMax, type FieldSlots, staticFields } from './fields.ts'
import type { Run } from './kernels.ts'
import { nextStamp } from './stamp.ts'

export class Event {
  /** The body as received, latin1. */
  fullLog = ''
  /** What patterns look at: the body less its recognised header. */
  log = ''
  /** Where `log` begins in `fullLog`; -1 when it is not a tail of it. */
  logStart = 0
  /** Origin, the agent id cut off. */
  location = ''
  agentId = '000'
  hostname = ''
  /** Whether the header has a place for a host; the name there may be empty. */
  hasHost = false
  programName: string | null = null
  timestamp: string | null = null
  timeMs = 0
  /** The decoder object of the event: it names the decoder and its flags apply. */
  decoder: Decoder | null = null
  decoderId = 0
  category: number = category.syslog
  /** Values of the static fields, null when unset. */
  readonly statics: (string | null)[] = staticFields.map(() => null)
  hasStatics = false
  readonly keys: string[] = []
  readonly values: string[] = []
  dynamicCount = 0
  /** A rootcheck entry that is new, which counts as first time seen (spec: engine, part 9.2, 24). */
  isNewEntry = false
  /** Ready-made JSON for the alert's `syscheck` member, empty when it is no FIM event. */
  syscheck = ''
  /** The FIM block of the text alert (spec: engine, part 14.2). */
  syscheckText = ''
  /** Compliance arrays that the event itself brings (spec: engine, part 13.2): name, values. */
  compliance: [string, string[]][] | null = null
  /** The `data` object's dynamic part as JSON members, when the decoder made it on the way; null when it has to be written from the fields. */
  rendered: Run | null = null
  /** Rule set by the OSSECAlert plugin; -1 when none. */
  presetRule = -1
  readonly slots: FieldSlots
  /** Marks of the slots that have a value: those that equal `stamp`. Read by the rule filter, written here only. */
  stamp = 0
  stamps = new Int32Array(64)
  #places = new Int32Array(64)

  constructor(slots: FieldSlots) {
    this.slots = slots
  }

  reset(): void {
    this.programName = null
    this.timestamp = null
    this.hasHost = false
    this.decoder = null
    this.decoderId = 0
    this.category = category.syslog
    if (this.hasStatics) this.statics.fill(null)
    this.hasStatics = false
    this.dynamicCount = 0
    this.isNewEntry = false
    this.syscheck = ''
    this.syscheckText = ''
    this.compliance = null
    this.rendered = null
    this.presetRule = -1
    this.stamp = nextStamp(this.stamp, this.stamps)
    if (this.stamps.length < this.slots.size) {
      this.stamps = new Int32Array(this.slots.size + 64)
      this.#places = new Int32Array(this.slots.size + 64)
      this.stamp = 1
    }
  }

  setStatic(index: number, value: string): void {
    this.statics[index] = value
    this.hasStatics = true
  }

  /** Appends a dynamic field; false when the event has no room for more. */
  addDynamic(key: string, slot: number, value: string): boolean {
    const at = this.dynamicCount
    if (at >= dynamicFieldsMax) return false
    this.keys[at] = key
    this.values[at] = value
    this.dynamicCount = at + 1
    if (slot >= 0 && this.stamps[slot] !== this.stamp) {
      this.stamps[slot] = this.stamp
      this.#places[slot] = at
    }
    return true
  }

  /** Drops the dynamic fields from a position on. */
  truncateDynamic(count: number): void {
    if (count >= this.dynamicCount) return
    const keep = count
    this.dynamicCount = 0
    this.stamp = nextStamp(this.stamp, this.stamps)
    for (let n = 0; n < keep; n++)
      this.addDynamic(this.keys[n] as string, this.slots.of(this.keys[n] as string), this.values[n] as string)
  }

  clearStatics(): void {
    this.statics.fill(null)
    this.hasStatics = false
  }

  /** Static fields that are unset, a bit each. */
  missingStatics(): number {
    if (!this.hasStatics) return -1
    let bits = 0
    for (let n = 0; n < this.statics.length; n++) if (this.statics[n] === null) bits |= 1 << n
    return bits
  }

  /** The first value under a slot's name; undefined when the event has none. */
  dynamic(slot: number): string | undefined {
    return this.stamps[slot] === this.stamp ? this.values[this.#places[slot] as number] : undefined
  }
}
