/**
 * How badly can a pattern backtrack? The tree becomes an automaton of positions (Glushkov); ways are counted, so that
 * two ways from one position to the next show. Exponential: a loop that can read one text in two ways. Polynomial: two
 * loops, one behind the other, that can share a text together with all that stands between them; the search for a
 * place to begin counts as a first loop over everything. The polynomial part errs on the side of caution.
 */
import { allBytes, type ByteSet, intersects, union } from './byte-set.ts'
import type { Node } from './pcre2-syntax.ts'

/** The verdict. `degree`: work grows as the subject's length to this power (1 = linear). */
export interface Hazard {
  readonly exponential: boolean
  readonly degree: number
  /** For people; null when there is none. */
  readonly reason: string | null
}

const positionsMax = 400
const unrolledMax = 10

interface Fragment {
  /** Ways to match nothing: 0, 1, or 2 for more. */
  readonly nothing: number
  readonly first: ReadonlyMap<number, number>
  readonly last: ReadonlyMap<number, number>
}

/** The reason given for a pattern whose automaton grows too large to be judged. */
export const tooBig = 'too big to be judged safe'

class TooBig extends Error {}

class Automaton {
  readonly sets: ByteSet[] = []
  readonly follow: Map<number, number>[] = []
  readonly looks: Node[] = []
  referenced = false
  /** Is there an assertion that can fail behind something consumed? */
  asserts = false

  build(node: Node): Fragment {
    switch (node.type) {
      case 'set': {
        if (this.sets.length >= positionsMax) throw new TooBig()
        const own = this.sets.push(node.set) - 1
        this.follow.push(new Map())
        const map = new Map([[own, 1]])
        return { nothing: 0, first: map, last: map }
      }
      case 'sequence':
        return node.items.reduce<Fragment>((before, item) => this.chain(before, this.build(item)), nothing)
      case 'alternation': {
        const parts = node.items.map((item) => this.build(item))
        return {
          nothing: Math.min(
            2,
            parts.reduce((sum, part) => sum + part.nothing, 0),
          ),
          first: merge(parts.map((part) => part.first)),
          last: merge(parts.map((part) => part.last)),
        }
      }
      case 'group':
      case 'atomic':
        return this.build(node.item)
      case 'repeat':
        return this.repeat(node.item, node.min, node.max)
      case 'look':
        this.looks.push(node.item)
        this.asserts = true
        return nothing
      case 'place':
        this.asserts = true
        return nothing
      case 'backreference':
        this.referenced = true
        return this.loop(this.build({ type: 'set', set: allBytes }))
    }
  }

  repeat(item: Node, min: number, max: number): Fragment {
    if (max === 0) return nothing
    if (min === 1 && max === 1) return this.build(item)
    const unbounded = max === Number.POSITIVE_INFINITY
    if (unbounded ? min > unrolledMax : max > unrolledMax) return this.loop(this.build(item))
    let result = nothing
    for (let round = unbounded && min > 0 ? 1 : 0; round < min; round++) result = this.chain(result, this.build(item))
    if (unbounded) {
      const looped = this.loop(this.build(item))
      return this.chain(result, min > 0 ? { ...looped, nothing: 0 } : looped)
    }
    let tail = nothing
    for (let round = min; round < max; round++) tail = optional(this.chain(this.build(item), tail))
    return this.chain(result, tail)
  }

  loop(part: Fragment): Fragment {
    this.connect(part.last, part.first)
    return optional(part)
  }

  chain(before: Fragment, after: Fragment): Fragment {
    this.connect(before.last, after.first)
    return {
      nothing: Math.min(2, before.nothing * after.nothing),
      first: before.nothing > 0 ? merge([before.first, scale(after.first, before.nothing)]) : before.first,
      last: after.nothing > 0 ? merge([scale(before.last, after.nothing), after.last]) : after.last,
    }
  }

  connect(lasts: ReadonlyMap<number, number>, firsts: ReadonlyMap<number, number>): void {
    for (const [from, exits] of lasts) {
      const edges = this.follow[from]
      if (edges === undefined) continue
      for (const [to, entries] of firsts) edges.set(to, Math.min(2, (edges.get(to) ?? 0) + exits * entries))
    }
  }
}

const nothing: Fragment = { nothing: 1, first: new Map(), last: new Map() }

function optional(part: Fragment): Fragment {
  return { ...part, nothing: 1 }
}

function merge(maps: readonly ReadonlyMap<number, number>[]): ReadonlyMap<number, number> {
  const merged = new Map<number, number>()
  for (const map of maps) for (const [key, ways] of map) merged.set(key, Math.min(2, (merged.get(key) ?? 0) + ways))
  return merged
}

function scale(map: ReadonlyMap<number, number>, factor: number): ReadonlyMap<number, number> {
  return factor === 1 ? map : new Map([...map].map(([key, ways]) => [key, Math.min(2, ways * factor)]))
}

/** Judges a pattern as a backtracking engine would run it. */
export function hazardOf(root: Node): Hazard {
  try {
    return judge(root, !isAnchored(root))
  } catch (thrown) {
    if (thrown instanceof TooBig) return { exponential: true, degree: 9, reason: tooBig }
    throw thrown
  }
}

function judge(root: Node, searching: boolean): Hazard {
  const automaton = new Automaton()
  const whole = automaton.build(root)
  const components = componentsOf(automaton.follow.map((edges) => [...edges.keys()]))
  const loops = components.filter(
    (component) => component.length > 1 || automaton.follow[component[0] ?? 0]?.has(component[0] ?? 0) === true,
  )
  const nested = automaton.looks.map((look) => judge(look, false))
  if (loops.some((loop) => isAmbiguous(automaton, loop)) || nested.some((hazard) => hazard.exponential)) {
    return {
      exponential: true,
      degree: 9,
      reason: 'a repetition inside a repetition can read the same text in many ways',
    }
  }
  let degree = degreeOf(automaton, loops, whole, searching)
  for (const hazard of nested) degree = Math.max(degree, hazard.degree + (searching && hazard.degree > 0 ? 1 : 0))
  if (automaton.looks.some(hasLoop) && searching) degree = Math.max(degree, 2)
  if (automaton.referenced) degree = Math.max(degree, searching ? 3 : 2)
  return {
    exponential: false,
    degree,
    reason: degree > 1 ? `work can grow with the subject's length to the power of ${degree}` : null,
  }
}

function hasLoop(node: Node): boolean {
  if (node.type === 'repeat' && node.max > unrolledMax) return true
  if (node.type === 'sequence' || node.type === 'alternation') return node.items.some(hasLoop)
  return 'item' in node && hasLoop(node.item)
}

/** Must every match begin at the subject's start? */
export function isAnchored(node: Node): boolean {
  if (node.type === 'place') return node.place === 'start'
  if (node.type === 'alternation') return node.items.every(isAnchored)
  if (node.type === 'sequence') return node.items[0] !== undefined && isAnchored(node.items[0])
  return (node.type === 'group' || node.type === 'atomic') && isAnchored(node.item)
}

/** Strongly connected components (Tarjan, without recursion). */
function componentsOf(edges: readonly (readonly number[])[]): number[][] {
  const order = new Int32Array(edges.length).fill(-1)
  const low = new Int32Array(edges.length)
  const onStack = new Uint8Array(edges.length)
  const stack: number[] = []
  const components: number[][] = []
  let counter = 0
  for (let root = 0; root < edges.length; root++) {
    if (order[root] !== -1) continue
    const calls: { readonly node: number; next: number }[] = [{ node: root, next: 0 }]
    order[root] = low[root] = counter++
    stack.push(root)
    onStack[root] = 1
    for (let call = calls.at(-1); call !== undefined; call = calls.at(-1)) {
      const { node } = call
      const target = edges[node]?.[call.next++]
      if (target !== undefined) {
        if (order[target] === -1) {
          order[target] = low[target] = counter++
          stack.push(target)
          onStack[target] = 1
          calls.push({ node: target, next: 0 })
        } else if (onStack[target] === 1) low[node] = Math.min(low[node] ?? 0, order[target] ?? 0)
        continue
      }
      calls.pop()
      const caller = calls.at(-1)
      if (caller !== undefined) low[caller.node] = Math.min(low[caller.node] ?? 0, low[node] ?? 0)
      if (low[node] !== order[node]) continue
      const component: number[] = []
      for (let member = stack.pop(); member !== undefined; member = stack.pop()) {
        onStack[member] = 0
        component.push(member)
        if (member === node) break
      }
      components.push(component)
    }
  }
  return components
}

/** Can the loop read one text in two ways? Searched in the product of the loop with itself. */
function isAmbiguous(automaton: Automaton, loop: readonly number[]): boolean {
  const place = new Map(loop.map((position, at) => [position, at]))
  const inside = loop.map((position) => [...(automaton.follow[position] ?? [])].filter(([to]) => place.has(to)))
  if (inside.some((edges) => edges.some(([, ways]) => ways > 1))) return true
  if (loop.length === 1) return false
  if (loop.length > 120) throw new TooBig()
  const size = loop.length
  const meets = new Map<number, boolean>()
  const meet = (one: number, other: number): boolean => {
    const key = one * size + other
    let result = meets.get(key)
    if (result === undefined) {
      result = intersects(automaton.sets[loop[one] ?? 0] ?? allBytes, automaton.sets[loop[other] ?? 0] ?? allBytes)
      meets.set(key, result)
    }
    return result
  }
  const pairs: number[][] = Array.from({ length: size * size }, (_, pair) => {
    const targets: number[] = []
    for (const [left] of inside[Math.floor(pair / size)] ?? []) {
      for (const [right] of inside[pair % size] ?? []) {
        const one = place.get(left) ?? 0
        const other = place.get(right) ?? 0
        if (meet(one, other)) targets.push(one * size + other)
      }
    }
    return targets
  })
  return componentsOf(pairs).some((component) => {
    const diagonal = component.some((pair) => Math.floor(pair / size) === pair % size)
    return diagonal && component.some((pair) => Math.floor(pair / size) !== pair % size)
  })
}

/** The longest chain of loops that can share a text; 1 for none. */
function degreeOf(
  automaton: Automaton,
  loops: readonly (readonly number[])[],
  whole: Fragment,
  searching: boolean,
): number {
  const reach = loops.map((loop) =>
    loop.reduce<ByteSet>((all, position) => union(all, automaton.sets[position] ?? allBytes), new Uint8Array(256)),
  )
  // A loop behind which nothing can fail is never left for a second try.
  const final = loops.map((loop) => {
    const [position = 0] = loop
    const edges = automaton.follow[position]
    return !automaton.asserts && loop.length === 1 && whole.last.has(position) && edges?.size === 1
  })
  const memo = new Map<number, number>()
  const from = (loop: number): number => {
    const known = memo.get(loop)
    if (known !== undefined) return known
    memo.set(loop, 1)
    const starts = (loops[loop] ?? []).flatMap((position) => [...(automaton.follow[position]?.keys() ?? [])])
    const result = 1 + longest(loop, starts, reach[loop] ?? allBytes)
    memo.set(loop, result)
    return result
  }
  const longest = (own: number, starts: readonly number[], bytes: ByteSet): number => {
    let best = 0
    for (let other = 0; other < loops.length; other++) {
      if (other === own || final[other] === true) continue
      if (shares(automaton, loops[other] ?? [], loops[own] ?? [], starts, bytes, reach[other] ?? allBytes))
        best = Math.max(best, from(other))
    }
    return best
  }
  let degree = 1
  for (let loop = 0; loop < loops.length; loop++) if (final[loop] !== true) degree = Math.max(degree, from(loop))
  if (searching) degree = Math.max(degree, 1 + longest(-1, [...whole.first.keys()], allBytes))
  return degree
}

/** Is there a way from `starts` to the loop `target` along positions that both loops' bytes can meet? */
function shares(
  automaton: Automaton,
  target: readonly number[],
  own: readonly number[],
  starts: readonly number[],
  bytes: ByteSet,
  targetBytes: ByteSet,
): boolean {
  const goal = new Set(target)
  const home = new Set(own)
  const seen = new Set<number>()
  const open = starts.filter((position) => !home.has(position))
  for (let position = open.pop(); position !== undefined; position = open.pop()) {
    if (seen.has(position)) continue
    seen.add(position)
    const set = automaton.sets[position] ?? allBytes
    if (!meetsAll(set, bytes, targetBytes)) continue
    if (goal.has(position)) return true
    for (const next of automaton.follow[position]?.keys() ?? []) if (!home.has(next)) open.push(next)
  }
  return false
}

function meetsAll(one: ByteSet, two: ByteSet, three: ByteSet): boolean {
  for (let byte = 0; byte < 256; byte++) if (one[byte] === 1 && two[byte] === 1 && three[byte] === 1) return true
  return false
}
