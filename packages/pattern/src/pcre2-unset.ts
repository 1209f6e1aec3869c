/**
 * Back references to groups that may be unset. In PCRE2 such a reference fails, in V8 it matches nothing. Where every way to a reference that leaves its
 * group out is one that the reference then fails, those ways are taken out of the tree: `(a)?b\1` is `(a)b\1`. The ways that remain keep their order.
 */
import type { Node } from './pcre2-syntax.ts'

const empty: Node = { type: 'sequence', items: [] }

/** The tree without the ways that a back reference to an unset group ends; null when a reference remains that may meet one. */
export function withoutUnset(root: Node): Node | null {
  const forced = prune(root, new Set())
  return forced !== null && isSure(forced) ? forced : null
}

/** Whether each reference is to a group that is set on every way to it. */
function isSure(root: Node): boolean {
  return setBehind(root, new Set()) !== null
}

/** Whether a round of a repetition may leave one of its groups as an earlier round set it: V8 forgets it then. */
export function leavesOutInRound(node: Node): boolean {
  if (node.type === 'sequence' || node.type === 'alternation') return node.items.some(leavesOutInRound)
  if (!('item' in node)) return false
  if (node.type !== 'repeat' || node.max <= 1) return leavesOutInRound(node.item)
  return !groupsIn(node.item).isSubsetOf(setBehind(node.item, new Set()) ?? new Set())
}

/** Groups that are set behind the node on every way through it; null when it refers to one that may not be. */
function setBehind(node: Node, before: ReadonlySet<number>): ReadonlySet<number> | null {
  switch (node.type) {
    case 'set':
    case 'place':
      return before
    case 'sequence': {
      let set: ReadonlySet<number> | null = before
      for (const item of node.items) if (set !== null) set = setBehind(item, set)
      return set
    }
    case 'alternation': {
      let common: ReadonlySet<number> | null = null
      for (const item of node.items) {
        const set = setBehind(item, before)
        if (set === null) return null
        common = common === null ? set : common.intersection(set)
      }
      return common ?? before
    }
    case 'group': {
      const set = setBehind(node.item, before)
      return set === null ? null : new Set(set).add(node.index)
    }
    case 'repeat': {
      const set = setBehind(node.item, before)
      return set === null || node.min > 0 ? set : before
    }
    case 'atomic':
      return setBehind(node.item, before)
    case 'look': {
      const set = setBehind(node.item, before)
      return set === null || !node.negative ? set : before
    }
    case 'backreference':
      return before.has(node.index) ? before : null
  }
}

/** The node without its ways that leave out a group which is referred to behind it for certain; null when there is no other way. */
function prune(node: Node, needed: ReadonlySet<number>): Node | null {
  switch (node.type) {
    case 'sequence': {
      const items: Node[] = []
      let wanted = needed
      for (const item of node.items.toReversed()) {
        const pruned = prune(item, wanted)
        if (pruned === null) return null
        items.unshift(pruned)
        wanted = wanted.difference(groupsIn(item)).union(surelyReferred(item))
      }
      return { type: 'sequence', items }
    }
    case 'alternation': {
      const mine = needed.intersection(groupsIn(node))
      const kept = node.items
        .filter((item) => mine.isSubsetOf(groupsIn(item)))
        .flatMap((item) => prune(item, needed) ?? [])
      return kept.length === 0 ? null : { type: 'alternation', items: kept }
    }
    case 'group': {
      const item = prune(node.item, needed)
      return item === null ? null : { ...node, item }
    }
    case 'repeat': {
      // What one round leaves out another may have set.
      if (node.max !== 1) return node
      const wanted = node.mode === 'possessive' ? new Set<number>() : needed
      const item = prune(node.item, wanted)
      if (item === null) return node.min === 0 ? empty : null
      return wanted.isDisjointFrom(groupsIn(node)) ? { ...node, item } : { ...node, item, min: 1 }
    }
    // What is inside is settled before what stands behind is looked at.
    case 'atomic':
    case 'look': {
      const item = prune(node.item, new Set())
      if (item !== null) return { ...node, item }
      return node.type === 'look' && node.negative ? empty : null
    }
    default:
      return node
  }
}

function groupsIn(node: Node): ReadonlySet<number> {
  if (node.type === 'sequence' || node.type === 'alternation')
    return node.items.reduce<ReadonlySet<number>>((all, item) => all.union(groupsIn(item)), new Set())
  if (!('item' in node)) return new Set()
  const inner = groupsIn(node.item)
  return node.type === 'group' ? new Set(inner).add(node.index) : inner
}

/** Groups set before the node that it refers to on every way through it. */
function surelyReferred(node: Node): ReadonlySet<number> {
  switch (node.type) {
    case 'backreference':
      return new Set([node.index])
    case 'sequence': {
      const all = new Set<number>()
      const own = new Set<number>()
      for (const item of node.items) {
        for (const index of surelyReferred(item)) if (!own.has(index)) all.add(index)
        for (const index of groupsIn(item)) own.add(index)
      }
      return all
    }
    case 'group':
    case 'atomic':
      return surelyReferred(node.item)
    case 'repeat':
      return node.min > 0 ? surelyReferred(node.item) : new Set()
    case 'look':
      return node.negative ? new Set() : surelyReferred(node.item)
    default:
      return new Set()
  }
}
