/**
 * Loops whose round may match nothing, `(a|)*`. PCRE2 takes such a round and leaves the loop behind it; V8 refuses it and looks for another. Whether the
 * whole matches is the same but for a few forms; where it ends, or what a group inside holds, may not be.
 */
import { canBeEmpty, visit } from './pcre2-emit.ts'
import type { Node } from './pcre2-syntax.ts'

/** Whether an empty round of some loop can be seen: a group inside takes it, or it is tried before a round that is not empty. */
export function hasVisibleEmptyRound(root: Node): boolean {
  let found = false
  visit(root, (node) => {
    if (node.type === 'repeat' && node.max > 1 && canBeEmpty(node.item) && isSeen(node.item)) found = true
  })
  return found
}

function isSeen(round: Node): boolean {
  let seen = false
  visit(round, (node) => {
    if (node.type === 'group') seen = true
    else if (node.type === 'alternation') seen ||= node.items.slice(0, -1).some(canBeEmpty)
    else if (node.type === 'repeat') seen ||= node.mode === 'lazy' && node.min === 0
  })
  return seen
}
