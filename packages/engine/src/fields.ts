/** Names of an event's parts: the static fields with a place of their own, and slots for the dynamic ones that a ruleset asks for (spec: engine, part 1). */

import { ownCopy } from './latin1.ts'

/** Static fields in the order in which an alert's `data` lists them (spec: engine, part 13.4), then the GeoIP pair. The index is the field's number. */
export const staticFields = [
  'protocol',
  'action',
  'srcip',
  'srcport',
  'srcuser',
  'dstip',
  'dstport',
  'dstuser',
  'id',
  'status',
  'url',
  'data',
  'extra_data',
  'system_name',
  'srcgeoip',
  'dstgeoip',
] as const
export type StaticField = (typeof staticFields)[number]

/** How many of them stand in `data`. */
export const staticDataCount = 14

export const staticIndex: ReadonlyMap<string, number> = new Map(staticFields.map((name, n) => [name, n]))

export const field = Object.fromEntries(staticFields.map((name, n) => [name, n])) as Readonly<
  Record<StaticField, number>
>

/** Most dynamic fields of one event, names of one `order` and `field` conditions of one rule (spec: engine, part 17). */
export const dynamicFieldsMax = 256

/** Decoder categories; the index is the category's number. The last is private to the OSSECAlert plugin. */
export const categories = [
  'syslog',
  'firewall',
  'ids',
  'web-log',
  'squid',
  'windows',
  'host-information',
  'ossec',
  'ossec-alert',
] as const
export type CategoryName = (typeof categories)[number]
export const category = Object.fromEntries(categories.map((name, n) => [name, n])) as Readonly<
  Record<CategoryName, number>
>

/** Folds ASCII letters only, as every comparison of names does. */
export function foldName(name: string): string {
  for (let n = 0; n < name.length; n++) {
    const c = name.charCodeAt(n)
    if (c >= 65 && c <= 90) return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
  }
  return name
}

/** Keys of events that are remembered, and their longest, in bytes. */
const seenMax = 20_000
const seenLengthMax = 512

/**
 * Dynamic field names that rules and decoders refer to, numbered. Names compare without ASCII case. Keys seen in events are cached by their exact
 * spelling; the cache is bounded, in their count and their length, since senders choose the keys.
 */
export class FieldSlots {
  readonly #slots = new Map<string, number>()
  #seen = new Map<string, number>()

  get size(): number {
    return this.#slots.size
  }

  /** The slot of a name that the ruleset uses; made when new. */
  add(name: string): number {
    const folded = foldName(name)
    const known = this.#slots.get(folded)
    if (known !== undefined) return known
    this.#slots.set(folded, this.#slots.size)
    this.#seen = new Map()
    return this.#slots.size - 1
  }

  /** The slot of a key met in an event, -1 when no rule asks for it. */
  of(key: string): number {
    const seen = this.#seen.get(key)
    if (seen !== undefined) return seen
    const slot = this.#slots.get(foldName(key)) ?? -1
    if (this.#seen.size < seenMax && key.length <= seenLengthMax) this.#seen.set(ownCopy(key), slot)
    return slot
  }
}
