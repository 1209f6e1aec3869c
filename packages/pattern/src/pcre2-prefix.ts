/**
 * A quick native test that every match of a PCRE2 pattern passes: where a sequence of items matches, its first items
 * match at the same place. So the longest beginning that V8 runs in linear time says no, soundly, before a slower
 * engine is asked about the whole.
 */
import { emitV8, visit } from './pcre2-emit.ts'
import { hazardOf } from './pcre2-hazard.ts'
import type { Node } from './pcre2-syntax.ts'

/** Fewest single bytes that make a beginning selective. */
const setsMin = 4

/** The beginnings of all branches as one expression; null when one of them has none that is both linear and selective. */
export function linearPrefix(root: Node): RegExp | null {
  const beginnings: Node[] = []
  for (const branch of root.type === 'alternation' ? root.items : [root]) {
    const beginning = beginningOf(branch)
    if (beginning === null) return null
    beginnings.push(beginning)
  }
  const whole: Node = { type: 'alternation', items: beginnings }
  if (!isLinear(whole)) return null
  const source = emitV8(whole)
  return source === null ? null : new RegExp(source.source, source.flags)
}

function beginningOf(branch: Node): Node | null {
  const items = branch.type === 'sequence' ? branch.items : [branch]
  for (let count = items.length; count > 0; count--) {
    const beginning: Node = { type: 'sequence', items: items.slice(0, count) }
    if (isLinear(beginning)) return fixedSets(beginning) < setsMin ? null : beginning
  }
  return null
}

/** Back references are left out: V8 and PCRE2 do not forget groups at the same time. */
function isLinear(node: Node): boolean {
  let refers = false
  visit(node, (inner) => {
    if (inner.type === 'backreference') refers = true
  })
  return !refers && hazardOf(node).degree <= 1
}

/** Bytes that the node must consume at least; what stands in alternations or may be left out does not count. */
function fixedSets(node: Node): number {
  switch (node.type) {
    case 'set':
      return 1
    case 'sequence':
      return node.items.reduce((sum, item) => sum + fixedSets(item), 0)
    case 'group':
    case 'atomic':
      return fixedSets(node.item)
    case 'repeat':
      return node.min > 0 ? fixedSets(node.item) : 0
    default:
      return 0
  }
}
