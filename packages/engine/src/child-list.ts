/**
 * The children of one rule, for the events of one decoder. Long lists whose members ask the same part of an event (the program name, or one dynamic field)
 * are narrowed by that part's value; what a value leaves is remembered, since the same few values come again and again.
 */
import type { Event } from './event.ts'
import { ownCopy } from './latin1.ts'
import type { Condition, Rule } from './rule.ts'

/** A list is narrowed when at least so many of its members ask for the same part. */
const askersMin = 4
/** Values remembered for one list, and the longest one; senders choose the values. */
const valuesMax = 512
const valueLengthMax = 200
/** When so many values were new and more than half of all were, the list is no longer narrowed. */
const missesMax = 2_000

const programSlot = -2
const noSlot = -1

export class ChildList {
  readonly #rules: readonly Rule[]
  readonly #all: Int32Array
  /** Slot of the dynamic field that narrows; `programSlot` for the program name, `noSlot` for none. */
  #slot: number
  readonly #byValue = new Map<string | null, Int32Array>()
  #hits = 0
  #misses = 0

  /** `indices` are the children in order. */
  constructor(rules: readonly Rule[], indices: Int32Array) {
    this.#rules = rules
    this.#all = indices
    this.#slot = bestSlot(rules, indices)
  }

  /** Indices of the children that the event may match, in order. */
  of(event: Event): Int32Array {
    const slot = this.#slot
    if (slot === noSlot) return this.#all
    const value = slot === programSlot ? event.programName : (event.dynamic(slot) ?? null)
    const known = this.#byValue.get(value)
    if (known !== undefined) {
      this.#hits++
      return known
    }
    if (value !== null && value.length > valueLengthMax) return this.#all
    const kept = this.#all.filter((index) => this.#admits(this.#rules[index] as Rule, value))
    if (this.#byValue.size >= valuesMax) this.#byValue.clear()
    this.#byValue.set(value === null ? null : ownCopy(value), kept)
    if (++this.#misses > missesMax && this.#misses > this.#hits) {
      this.#slot = noSlot
      this.#byValue.clear()
    }
    return kept
  }

  #admits({ conditions }: Rule, value: string | null): boolean {
    for (const condition of conditions) {
      if (partOf(condition) !== this.#slot) continue
      if (value === null || condition.pattern?.test(value) === condition.negate) return false
    }
    return true
  }
}

/** The part that a condition asks: a slot, `programSlot`, or `noSlot` for any other. */
function partOf({ element, slot }: Condition): number {
  return element === 'program_name' ? programSlot : element === 'field' ? slot : noSlot
}

function bestSlot(rules: readonly Rule[], indices: Int32Array): number {
  const askers = new Map<number, number>()
  for (const index of indices) {
    const parts = new Set((rules[index] as Rule).conditions.map(partOf))
    for (const part of parts) if (part !== noSlot) askers.set(part, (askers.get(part) ?? 0) + 1)
  }
  let best = noSlot
  let most = askersMin - 1
  for (const [part, count] of askers) {
    if (count > most) {
      best = part
      most = count
    }
  }
  return best
}
