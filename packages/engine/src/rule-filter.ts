/**
 * Narrows a rule's children to those that an event can match at all, without changing their order: by decoder, by a dynamic field that must be there, and by
 * literals that the log must hold. The literals of all rules that a decoder's events can reach are looked for in one pass, made when first asked for.
 */
import type { Needs } from '@dogwatch/pattern'
import type { Event } from './event.ts'
import { staticIndex } from './fields.ts'
import { LiteralScanner } from './literal-scanner.ts'
import type { Rule } from './rule.ts'
import type { Ruleset } from './ruleset.ts'

/** Decoders whose scanners are kept. */
const scannersMax = 512

const none = new Int32Array(0)

/** Program names whose narrowed children are kept for one rule; senders choose the names. */
const programsMax = 1000
/** A list of children is narrowed by program name when at least so many of them ask for one. */
const programRulesMin = 4

/** Narrowed children by program name. */
type ByProgram = Map<string | null, Int32Array>

interface DecoderView {
  readonly scanner: LiteralScanner
  /** Children by rule index, narrowed to the decoder; undefined for a rule that its events never reach. */
  readonly children: (Int32Array | undefined)[]
  /** By rule index, for rules with many children that ask for a program name. */
  readonly byProgram: (ByProgram | undefined)[]
}

export class RuleFilter {
  readonly rules: readonly Rule[]
  readonly #ruleset: Ruleset
  readonly #views = new Map<number, DecoderView>()
  /** Slot of the dynamic field that a rule asks for first; -1 when it asks for none. */
  readonly #slots: Int32Array
  readonly #needs: readonly (Needs | null)[]
  readonly #needy: Uint8Array
  /** Static fields that a rule's conditions need, a bit each. */
  readonly #statics: Int32Array
  #missing = 0
  #view: DecoderView
  #event: Event | null = null
  #stamp = 0

  constructor(ruleset: Ruleset) {
    this.#ruleset = ruleset
    this.rules = ruleset.rules
    this.#slots = Int32Array.from(
      ruleset.rules,
      (rule) =>
        rule.conditions.find(({ slot }) => slot >= 0)?.slot ?? rule.lists.find(({ slot }) => slot >= 0)?.slot ?? -1,
    )
    this.#needs = ruleset.rules.map(({ conditions }) => logNeeds(conditions))
    this.#needy = Uint8Array.from(this.#needs, (need) => (need === null ? 0 : 1))
    this.#statics = Int32Array.from(ruleset.rules, ({ conditions }) =>
      conditions.reduce((bits, { element }) => bits | neededStatic(element), 0),
    )
    this.#view = { scanner: new LiteralScanner([]), children: [], byProgram: [] }
  }

  begin(event: Event): void {
    this.#event = event
    this.#stamp = 0
    this.#missing = event.missingStatics()
    const hasProgram = event.programName !== null
    const key = event.decoderId * 2 + (hasProgram ? 1 : 0)
    let view = this.#views.get(key)
    if (view === undefined) {
      view = this.#makeView(event.decoderId, hasProgram)
      if (this.#views.size >= scannersMax) this.#views.clear()
      this.#views.set(key, view)
    }
    this.#view = view
  }

  /** Indices of the children that the event's decoder does not rule out. */
  children(rule: Rule): Int32Array {
    const view = this.#view
    const { index } = rule
    const byProgram = view.byProgram[index]
    if (byProgram === undefined) return view.children[index] ?? none
    const program = (this.#event as Event).programName
    return byProgram.get(program) ?? this.#narrow(view.children[index] ?? none, byProgram, program)
  }

  #narrow(children: Int32Array, byProgram: ByProgram, program: string | null): Int32Array {
    const kept = children.filter((index) => {
      const condition = (this.rules[index] as Rule).conditions.find(({ element }) => element === 'program_name')
      return condition === undefined || (program !== null && condition.pattern?.test(program) !== condition.negate)
    })
    if (byProgram.size >= programsMax) byProgram.clear()
    if (program === null || program.length <= 64) byProgram.set(program, kept)
    return kept
  }

  /** Whether the event may match a rule at all. */
  isPossible(index: number): boolean {
    if (((this.#statics[index] as number) & this.#missing) !== 0) return false
    const slot = this.#slots[index] as number
    if (slot >= 0 && !(this.#event as Event).hasSlot(slot)) return false
    if (this.#needy[index] === 0) return true
    const { scanner } = this.#view
    if (this.#stamp === 0) {
      const event = this.#event as Event
      this.#stamp = event.logStart >= 0 ? scanner.scan(event.fullLog, event.logStart) : scanner.scan(event.log, 0)
    }
    return scanner.seen[index] === this.#stamp
  }

  #makeView(decoderId: number, hasProgram: boolean): DecoderView {
    const asksProgram = ({ conditions }: Rule): boolean => conditions.some(({ element }) => element === 'program_name')
    const children: (Int32Array | undefined)[] = Array<undefined>(this.rules.length).fill(undefined)
    const reached: Rule[] = [...this.#ruleset.roots]
    for (const rule of reached) children[rule.index] = new Int32Array(0)
    for (let n = 0; n < reached.length; n++) {
      const rule = reached[n] as Rule
      const kept = rule.children.filter(
        (child) => (child.decodedAs === 0 || child.decodedAs === decoderId) && (hasProgram || !asksProgram(child)),
      )
      children[rule.index] = Int32Array.from(kept, ({ index }) => index)
      for (const child of kept) {
        if (children[child.index] !== undefined) continue
        children[child.index] = new Int32Array(0)
        reached.push(child)
      }
    }
    const isReached = new Set(reached.map(({ index }) => index))
    return {
      scanner: new LiteralScanner(this.#needs.map((need, index) => (isReached.has(index) ? need : null))),
      children,
      byProgram: children.map((list) =>
        list !== undefined && list.filter((index) => asksProgram(this.rules[index] as Rule)).length >= programRulesMin
          ? new Map()
          : undefined,
      ),
    }
  }
}

/** Bit of the static field that a condition cannot do without. */
function neededStatic(element: string): number {
  const index = staticIndex.get(element)
  return index === undefined ? 0 : 1 << index
}

/** The best necessary literals among a rule's conditions on the log: the set whose shortest member is longest. */
function logNeeds(conditions: Rule['conditions']): Needs | null {
  let best: Needs | null = null
  let bestLength = 1
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
