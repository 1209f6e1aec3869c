/**
 * Subroutine calls of PCRE2, `(?1)`, `(?&name)`, `\g<name>`: the called group's content is put in their place. Its groups do not capture there, for PCRE2
 * restores them behind a call. A group that calls itself would never end, and has no such form.
 */
import type { Node } from './pcre2-syntax.ts'

/** Most nodes that calls may add: each call of a group with calls multiplies them. */
const nodesMax = 20_000
/** Most calls that hang in one another. */
const depthMax = 100

/** A call: an empty sequence in the tree, to be filled, and which group it calls. */
export interface Call {
  readonly node: { readonly type: 'sequence'; items: readonly Node[] }
  /** Group number, or its name, which may be given later in the pattern. */
  readonly target: number | string
  readonly offset: number
}

/** Fills all calls. What cannot be is told with its offset. */
export function fillCalls(
  calls: readonly Call[],
  bodies: ReadonlyMap<number, Node>,
  names: ReadonlyMap<string, number>,
): { readonly message: string; readonly offset: number } | null {
  const byNode = new Map<Node, Call>(calls.map((call) => [call.node, call]))
  const filled = new Set<Call>()
  const busy = new Set<Call>()
  let nodes = 0
  /** Why the call cannot be filled; null when it is. */
  const fill = (call: Call): string | null => {
    if (filled.has(call)) return null
    if (busy.has(call)) return 'recursion is not supported'
    if (busy.size >= depthMax) return `calls in calls deeper than ${depthMax} are not supported`
    busy.add(call)
    const index = typeof call.target === 'number' ? call.target : names.get(call.target)
    const body = index === undefined ? undefined : bodies.get(index)
    if (body === undefined) return `there is no group ${call.target} to call`
    let problem: string | null = null
    const copy = (node: Node): Node => {
      if (++nodes > nodesMax) problem ??= 'calls that make the pattern too large are not supported'
      if (problem !== null) return node
      const inner = byNode.get(node)
      if (inner !== undefined) problem = fill(inner)
      if (node.type === 'backreference') problem = 'calls of a group with back references are not supported'
      if (node.type === 'sequence' || node.type === 'alternation') return { ...node, items: node.items.map(copy) }
      if (node.type === 'group') return { type: 'sequence', items: [copy(node.item)] }
      return 'item' in node ? { ...node, item: copy(node.item) } : node
    }
    call.node.items = [copy(body)]
    busy.delete(call)
    filled.add(call)
    return problem
  }
  for (const call of calls) {
    const message = fill(call)
    if (message !== null) return { message, offset: call.offset }
  }
  return null
}
