/** The accumulator: parts of one happening, spread over several messages with the same id, fill one another in (spec: engine, part 5.7). */
import type { Event } from './event.ts'
import { field } from './fields.ts'
import { ownCopy } from './latin1.ts'

/** Seconds that a record lives, look-ups between purges, longest value taken over, longest key. */
const lifeSeconds = 120
const purgeEvery = 200
const valueLengthMax = 80
const keyLengthMax = 255

const accumulated = [field.dstuser, field.srcuser, field.dstip, field.srcip, field.dstport, field.srcport, field.data]

interface AccumulatedRecord {
  time: number
  readonly values: Map<number, string>
}

export class Accumulator {
  readonly records = new Map<string, AccumulatedRecord>()
  #lookups = 0

  run(event: Event): void {
    const id = event.statics[field.id] ?? null
    const { decoder } = event
    if (id === null || decoder === null) return
    const now = Math.floor(event.timeMs / 1000)
    if (++this.#lookups >= purgeEvery) {
      this.#lookups = 0
      for (const [key, record] of this.records) if (now - record.time > lifeSeconds) this.records.delete(key)
    }
    const key = ownCopy(`${event.hostname} ${decoder.name} ${id}`.slice(0, keyLengthMax))
    let record = this.records.get(key)
    if (record !== undefined && now - record.time < lifeSeconds) {
      for (const index of accumulated) {
        const known = record.values.get(index)
        if (known !== undefined && (event.statics[index] ?? '') === '') event.setStatic(index, known)
      }
    } else {
      record = { time: now, values: new Map() }
      this.records.set(key, record)
    }
    for (const index of accumulated) {
      const value = event.statics[index] ?? ''
      if (value !== '' && value.length <= valueLengthMax && !record.values.has(index))
        record.values.set(index, ownCopy(value))
    }
    record.time = now
  }
}
