/** Narrows a rule's children to those that an event can match at all, without changing their order. */
import type { Event } from './event.ts'
import type { Rule } from './rule.ts'
import type { Ruleset } from './ruleset.ts'

export class RuleFilter {
  readonly #byDecoder: Map<number, readonly Rule[]>[]
  #decoderId = 0

  constructor(ruleset: Ruleset) {
    this.#byDecoder = ruleset.rules.map(() => new Map())
  }

  begin(event: Event): void {
    this.#decoderId = event.decoderId
  }

  children(rule: Rule): readonly Rule[] {
    const { children } = rule
    if (children.length < 4) return children
    const byDecoder = this.#byDecoder[rule.index] as Map<number, readonly Rule[]>
    const id = this.#decoderId
    let kept = byDecoder.get(id)
    if (kept === undefined) {
      kept = children.filter((child) => child.decodedAs === 0 || child.decodedAs === id)
      byDecoder.set(id, kept)
    }
    return kept
  }
}
