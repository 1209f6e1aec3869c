/**
 * The tree of rules as it grows (spec: engine, part 8.5). A rule hangs in many places, each with a list of children of its own, since a search for a parent
 * does not reach all of them. When all is loaded, places whose lists are the same become one again: most rules have no others.
 */
import type { Rule } from './rule.ts'

/** Most places in all: the reference's ruleset has 8,500; rules with several parents each, one below the other, double them at every step. */
const placesMax = 250_000

/** Where a rule hangs. */
export interface Place {
  readonly rule: Rule
  readonly parent: Place | null
  readonly children: Place[]
}

export class RuleTree {
  readonly #roots: Place[] = []
  /** Parents before their children. */
  readonly #all: Place[] = []
  readonly #byRule = new Map<Rule, Place[]>()

  /** The root of a category, the first in order. */
  rootOf(category: number): Place | undefined {
    return this.#roots.find(({ rule }) => rule.category === category)
  }

  /** All places of a rule. */
  placesOf(rule: Rule): readonly Place[] {
    return this.#byRule.get(rule) ?? []
  }

  /**
   * Places that a search for the rule reaches: it goes through each list of siblings from the left, below each before it goes on, and leaves a list where it
   * finds the rule. What is to the right of that, with all below it, is not looked at.
   */
  reached(rule: Rule): Place[] {
    const places = this.placesOf(rule)
    const ends = new Map<readonly Place[], number>()
    for (const place of places) {
      const siblings = this.#siblings(place)
      ends.set(siblings, Math.min(siblings.indexOf(place), ends.get(siblings) ?? Number.POSITIVE_INFINITY))
    }
    return places.filter((place) => {
      for (let at: Place | null = place; at !== null; at = at.parent) {
        const siblings = this.#siblings(at)
        const end = ends.get(siblings)
        if (end !== undefined && end < siblings.indexOf(at)) return false
      }
      return true
    })
  }

  addRoot(rule: Rule): void {
    this.#add(rule, null)
  }

  /** Hangs a rule below each of the places; false, and nothing done, when the tree would become too large. */
  hang(rule: Rule, parents: readonly Place[]): boolean {
    if (this.#all.length + parents.length > placesMax) return false
    for (const parent of parents) this.#add(rule, parent)
    return true
  }

  /**
   * Gives the rules their children. Of a rule whose places have different children, all lists but one go to doubles, whose indices follow those of the rules.
   * The rules, with the doubles behind them, and the roots in order.
   */
  finish(rules: readonly Rule[]): { readonly placed: readonly Rule[]; readonly roots: readonly Rule[] } {
    const placed = [...rules]
    const known = new Map<string, Rule>()
    const filled = new Set<Rule>()
    const ofPlace = new Map<Place, Rule>()
    for (const place of this.#all.toReversed()) {
      const children = place.children.map((child) => ofPlace.get(child) as Rule)
      const key = `${place.rule.index} ${children.map(({ index }) => index).join(' ')}`
      let rule = known.get(key)
      if (rule === undefined) {
        if (filled.has(place.rule)) {
          rule = { ...place.rule, index: placed.length, children }
          placed.push(rule)
        } else {
          rule = place.rule
          rule.children = children
          filled.add(rule)
        }
        known.set(key, rule)
      }
      ofPlace.set(place, rule)
    }
    return { placed, roots: this.#roots.map((place) => ofPlace.get(place) as Rule) }
  }

  #siblings({ parent }: Place): Place[] {
    return parent === null ? this.#roots : parent.children
  }

  /** Before the first sibling with a strictly smaller weight, so equal weights stay in load order. */
  #add(rule: Rule, parent: Place | null): void {
    const place: Place = { rule, parent, children: [] }
    const siblings = this.#siblings(place)
    const at = siblings.findIndex((sibling) => sibling.rule.weight < rule.weight)
    siblings.splice(at === -1 ? siblings.length : at, 0, place)
    this.#all.push(place)
    const places = this.#byRule.get(rule)
    if (places === undefined) this.#byRule.set(rule, [place])
    else places.push(place)
    rule.places++
  }
}
