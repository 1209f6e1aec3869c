/**
 * Narrows a rule's children to those that an event can match at all, without changing their order: by decoder, by a dynamic field that must be there, and by
 * literals that the log must hold. The literals of all rules that a decoder's events can reach are looked for in one pass, made when first asked for.
 */
import type { Needs } from '@dogwatch/pattern'
import { ChildList } from './child-list.ts'
import type { Event } from './event.ts'
import { staticIndex } from './fields.ts'
import type { Kernels } from './kernels.ts'
import { LiteralScanner, literalLengthMin } from './literal-scanner.ts'
import type { Rule } from './rule.ts'
import type { Ruleset } from './ruleset.ts'

/** Decoders whose scanners are kept. */
const scannersMax = 512

interface DecoderView {
  readonly scanner: LiteralScanner
  readonly decoderId: number
  readonly hasProgram: boolean
  /** Children by rule index, narrowed to the decoder; made when first asked for. */
  readonly children: Map<number, ChildList>
}

const none = new Int32Array(0)
/** Words of `#facts` for a rule; one is spare, so that they lie in one line of the cache. */
const factsLength = 4

export class RuleFilter {
  readonly rules: readonly Rule[]
  readonly #ruleset: Ruleset
  readonly #kernels: Kernels | null
  readonly #views = new Map<number, DecoderView>()
  /**
   * Four words a rule, side by side since all are asked for at once: the static fields that its conditions need, a bit each; slot of the dynamic field that it
   * asks for first, -1 when it asks for none; whether it needs a literal.
   */
  readonly #facts: Int32Array
  readonly #needs: readonly (Needs | null)[]
  #missing = 0
  #view: DecoderView
  #event: Event | null = null
  #stamp = 0

  constructor(ruleset: Ruleset, kernels: Kernels | null = null) {
    this.#kernels = kernels
    this.#ruleset = ruleset
    this.rules = ruleset.placed
    this.#needs = this.rules.map(({ conditions }) => logNeeds(conditions))
    this.#facts = new Int32Array(this.rules.length * factsLength)
    for (const [index, rule] of this.rules.entries()) {
      const { conditions } = rule
      // What is asked for before a list may have to be remembered though the list fails.
      const lists = rule.firstTimeSeen || rule.checkDiff ? [] : rule.lists
      const slot = [...conditions, ...lists].find((one) => one.slot >= 0)?.slot ?? -1
      const statics = conditions.reduce((bits, { element }) => bits | neededStatic(element), 0)
      this.#facts.set([statics, slot, this.#needs[index] === null ? 0 : 1], index * factsLength)
    }
    this.#view = { scanner: new LiteralScanner([]), decoderId: 0, hasProgram: false, children: new Map() }
  }

  begin(event: Event): void {
    this.#event = event
    this.#stamp = 0
    this.#missing = event.missingStatics()
    const hasProgram = event.programName !== null
    const key = (event.decoderId * 16 + event.category) * 2 + (hasProgram ? 1 : 0)
    let view = this.#views.get(key)
    if (view === undefined) {
      view = this.#makeView(event, hasProgram)
      if (this.#views.size >= scannersMax) this.#views.clear()
      this.#views.set(key, view)
    }
    this.#view = view
  }

  /** Indices of the children that the event's decoder and the part that most of them ask for do not rule out. */
  children(rule: Rule): Int32Array {
    if (rule.children.length === 0) return none
    const view = this.#view
    let list = view.children.get(rule.index)
    if (list === undefined) {
      const kept = rule.children.filter((child) => isOpen(child, view))
      list = new ChildList(
        this.rules,
        Int32Array.from(kept, ({ index }) => index),
      )
      view.children.set(rule.index, list)
    }
    return list.of(this.#event as Event)
  }

  /** The first of the listed rules, from a place on, that the event may match at all: its place; the list's length when there is none. */
  next(list: Int32Array, from: number): number {
    const facts = this.#facts
    const missing = this.#missing
    const { stamps, stamp } = this.#event as Event
    const { seen } = this.#view.scanner
    const { length } = list
    for (let place = from; place < length; place++) {
      const index = list[place] as number
      const at = index * factsLength
      if (((facts[at] as number) & missing) !== 0) continue
      const slot = facts[at + 1] as number
      if (slot >= 0 && stamps[slot] !== stamp) continue
      if (facts[at + 2] === 0) return place
      if (this.#stamp === 0) this.#scan()
      if (seen[index] === this.#stamp) return place
    }
    return length
  }

  #scan(): void {
    const { scanner } = this.#view
    const event = this.#event as Event
    this.#stamp = event.logStart >= 0 ? scanner.scan(event.fullLog, event.logStart) : scanner.scan(event.log, 0)
  }

  #makeView({ decoderId, category }: Event, hasProgram: boolean): DecoderView {
    const reached = new Set<Rule>(this.#ruleset.roots.filter((root) => root.category === category))
    for (const rule of reached) {
      for (const child of rule.children) if (isOpen(child, { decoderId, hasProgram })) reached.add(child)
    }
    const needs = this.#needs.map((need, index) => (reached.has(this.rules[index] as Rule) ? need : null))
    return { scanner: new LiteralScanner(needs, this.#kernels), decoderId, hasProgram, children: new Map() }
  }
}

/** Whether events of a decoder, with or without a program name, can match a rule at all. */
function isOpen(
  { decodedAs, conditions }: Rule,
  { decoderId, hasProgram }: { decoderId: number; hasProgram: boolean },
): boolean {
  if (decodedAs !== 0 && decodedAs !== decoderId) return false
  return hasProgram || !conditions.some(({ element }) => element === 'program_name')
}

/** Bit of the static field that a condition cannot do without. */
function neededStatic(element: string): number {
  const index = staticIndex.get(element)
  return index === undefined ? 0 : 1 << index
}

/** The best necessary literals among a rule's conditions on the log: the set whose shortest member is longest. */
function logNeeds(conditions: Rule['conditions']): Needs | null {
  let best: Needs | null = null
  let bestLength = literalLengthMin - 1
  for (const { element, negate, pattern } of conditions) {
    if ((element !== 'match' && element !== 'regex') || negate || pattern === null || pattern.needs === null) continue
    const shortest = Math.min(...pattern.needs.anyOf.map(({ length }) => length))
    if (shortest > bestLength) {
      best = pattern.needs
      bestLength = shortest
    }
  }
  return best
}
