/**
 * The events that correlation looks back at (spec: engine, part 10). Each list is kept once for every way in which rules search it: by agent and by the
 * values that must be the same, so a search touches only events that can count. Order within a key is the order of arrival.
 */
import type { Correlation, FieldRef, Rule } from './rule.ts'
import type { Ruleset } from './ruleset.ts'

/** Most remembered events, those that no rule looks back at included (spec: engine, part 10.1). */
export const rememberedMax = 8192
/** Most bytes of their logs: 8192 of the usual size are far from it, as many of the largest would be a gigabyte. */
const rememberedBytesMax = 192 * 2 ** 20
/** How many go at least when that is reached. */
const dropMin = 10

export interface Remembered {
  /** Id of the rule that it ended in. */
  readonly rule: number
  /** Seconds. */
  readonly time: number
  readonly agentId: string
  /** Level of the correlation that used it; 0 when none has. */
  matched: number
  readonly fullLog: string
  readonly log: string
  readonly category: number
  readonly hasDynamic: boolean
  /** Correlation values by field number. */
  readonly values: ReadonlyMap<number, string>
  /** Queues that hold it, to leave them when it is forgotten. */
  readonly queues: Queue[]
}

/** A first-in-first-out list that is read from its newest end. */
export class Queue {
  items: Remembered[] = []
  head = 0
  readonly key: string
  readonly view: View

  constructor(view: View, key: string) {
    this.view = view
    this.key = key
  }

  get isEmpty(): boolean {
    return this.head === this.items.length
  }

  dropOldest(): void {
    this.head++
    if (this.head > 64 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head)
      this.head = 0
    }
  }
}

/** One way of searching one list. */
export class View {
  readonly queues = new Map<string, Queue>()
  readonly #fields: readonly number[]
  readonly #byAgent: boolean

  constructor(fields: readonly number[], byAgent: boolean) {
    this.#fields = fields
    this.#byAgent = byAgent
  }

  /** The key of an event; null when a value that must be the same is not there. */
  key(agentId: string, values: ReadonlyMap<number, string>): string | null {
    let key = this.#byAgent ? agentId : ''
    for (const number of this.#fields) {
      const value = values.get(number)
      if (value === undefined) return null
      key += `\0${value.length}:${value}`
    }
    return key
  }

  append(event: Remembered): void {
    const key = this.key(event.agentId, event.values)
    if (key === null) return
    let queue = this.queues.get(key)
    if (queue === undefined) {
      queue = new Queue(this, key)
      this.queues.set(key, queue)
    }
    queue.items.push(event)
    event.queues.push(queue)
  }
}

export class Memory {
  /** Views of the list that each rule searches, by rule index. */
  readonly #searched: (View | null)[]
  /** Views of the list of each rule that is somebody's `if_matched_sid`, by rule index. */
  readonly #ofSid: (readonly View[])[]
  /** Views of a group rule's own list, by rule index. */
  readonly #ofGroup: (readonly View[])[]
  readonly #ofAll: readonly View[]
  readonly #ageMax: number
  readonly #isAsked: boolean
  /** In order of arrival; an event that no rule looks back at is its time alone. */
  #all: (Remembered | number)[] = []
  #head = 0
  #bytes = 0

  constructor({ rules, byId, fieldRefs, frequencyMax }: Ruleset) {
    // The reference takes the largest frequency, less 2 as it is kept, for seconds.
    this.#ageMax = frequencyMax
    this.#isAsked = rules.some(({ correlation }) => correlation !== null)
    const lists = new Map<string, Map<string, View>>()
    const numberOf = (ref: FieldRef): number => fieldRefs.findIndex((other) => sameRef(ref, other))
    const viewOf = (list: string, { same, global }: Correlation): View => {
      const fields = same.map(numberOf).sort((a, b) => a - b)
      const name = `${global}|${fields.join(',')}`
      let views = lists.get(list)
      if (views === undefined) lists.set(list, (views = new Map()))
      let view = views.get(name)
      if (view === undefined) views.set(name, (view = new View(fields, !global)))
      return view
    }
    const listName = (rule: Rule, correlation: Correlation): string =>
      correlation.source === 'all'
        ? 'all'
        : correlation.source === 'sid'
          ? `sid${byId.get(correlation.sid)?.index}`
          : `group${rule.index}`
    this.#searched = rules.map((rule) =>
      rule.correlation === null ? null : viewOf(listName(rule, rule.correlation), rule.correlation),
    )
    const views = (list: string): readonly View[] => [...(lists.get(list)?.values() ?? [])]
    this.#ofSid = rules.map(({ index }) => views(`sid${index}`))
    this.#ofGroup = rules.map(({ index }) => views(`group${index}`))
    this.#ofAll = views('all')
  }

  get size(): number {
    return this.#all.length - this.#head
  }

  /** The queue in which a rule has to look, newest last; undefined when nothing can count. */
  candidates(rule: Rule, agentId: string, values: ReadonlyMap<number, string>): Queue | undefined {
    const view = this.#searched[rule.index] as View
    const key = view.key(agentId, values)
    return key === null ? undefined : view.queues.get(key)
  }

  remember(rule: Rule, event: Remembered, now: number): void {
    if (rule.isMatchedSid) for (const view of this.#ofSid[rule.index] as readonly View[]) view.append(event)
    else
      for (const consumer of rule.groupConsumers)
        for (const view of this.#ofGroup[consumer.index] as readonly View[]) view.append(event)
    for (const view of this.#ofAll) view.append(event)
    this.#push(event, now)
  }

  /** Counts an event at which no rule looks back: it takes its place among the remembered ones all the same. */
  pass(now: number): void {
    if (this.#isAsked) this.#push(now, now)
  }

  #push(event: Remembered | number, now: number): void {
    this.#all.push(event)
    this.#bytes += bytesOf(event)
    if (this.size <= rememberedMax && this.#bytes <= rememberedBytesMax) return
    for (let n = 0; this.size > 1; n++) {
      const oldest = this.#all[this.#head] as Remembered | number
      const isOld = now - (typeof oldest === 'number' ? oldest : oldest.time) > this.#ageMax
      if (n >= dropMin && !isOld && this.#bytes <= rememberedBytesMax) break
      this.#forgetOldest(oldest)
    }
  }

  #forgetOldest(oldest: Remembered | number): void {
    if (typeof oldest !== 'number')
      for (const queue of oldest.queues) {
        queue.dropOldest()
        if (queue.isEmpty) queue.view.queues.delete(queue.key)
      }
    this.#bytes -= bytesOf(oldest)
    this.#head++
    if (this.#head > 1024) {
      this.#all = this.#all.slice(this.#head)
      this.#head = 0
    }
  }

  /** Remembered events, oldest first, and the times of those that only count. */
  *entries(): Iterable<Remembered | number> {
    for (let n = this.#head; n < this.#all.length; n++) yield this.#all[n] as Remembered | number
  }
}

/** Bytes of an event's logs. */
const bytesOf = (event: Remembered | number): number =>
  typeof event === 'number' ? 0 : event.fullLog.length + event.log.length

export function sameRef(a: FieldRef, b: FieldRef): boolean {
  if (a.kind === 'static') return b.kind === 'static' && a.index === b.index
  if (a.kind === 'dynamic') return b.kind === 'dynamic' && a.slot === b.slot
  return b.kind === 'location'
}
