import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Rule } from './rule.ts'
import { loadTest } from './test-ruleset.ts'

/** The tree as the specification tells it: one node for each place, searched as it stands. */
interface Node {
  readonly id: number
  readonly weight: number
  readonly children: Node[]
}

interface Made {
  readonly level: number
  readonly kind: 'sid' | 'group' | 'level'
  /** How far back its parents were made. */
  readonly back: readonly number[]
}

function insert(siblings: Node[], id: number, weight: number): void {
  const at = siblings.findIndex((sibling) => sibling.weight < weight)
  siblings.splice(at === -1 ? siblings.length : at, 0, { id, weight, children: [] })
}

function belowId(siblings: Node[], parent: number, id: number, weight: number): void {
  for (const node of siblings) {
    if (node.id === parent) {
      insert(node.children, id, weight)
      return
    }
    belowId(node.children, parent, id, weight)
  }
}

function belowEvery(siblings: Node[], wanted: (node: Node) => boolean, id: number, weight: number): void {
  for (const node of siblings) {
    if (node.id !== id && wanted(node)) insert(node.children, id, weight)
    belowEvery(node.children, wanted, id, weight)
  }
}

const shown = (rule: Rule): unknown => [rule.id, ...rule.children.map(shown)]
const shownNode = (node: Node): unknown => [node.id, ...node.children.map(shownNode)]

const made = fc.record({
  level: fc.constantFrom(0, 3, 5, 5, 9),
  kind: fc.constantFrom('sid', 'sid', 'sid', 'group', 'level'),
  back: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
})

test('every place of every rule has the children that the search gives it', () => {
  let doubles = 0
  fc.assert(
    fc.property(fc.array(made, { minLength: 3, maxLength: 9 }), (list: Made[]) => {
      const tree: Node[] = Array.from({ length: 7 }, (_, n) => ({ id: n + 1, weight: 9900, children: [] }))
      const rules = list.map(({ level, kind, back }, n) => {
        const id = 100 + n
        const weight = (level === 0 ? 99 : level) * 100
        const parents = back.map((steps) => id - steps).filter((parent) => parent >= 100)
        let where = ''
        if (parents.length === 0) insert((tree[0] as Node).children, id, weight)
        else if (kind === 'sid') {
          where = `<if_sid>${parents.join(', ')}</if_sid>`
          for (const parent of parents) belowId(tree, parent, id, weight)
        } else if (kind === 'group') {
          where = `<if_group>of${parents[0]}_</if_group>`
          belowEvery(tree, (node) => node.id === parents[0], id, weight)
        } else {
          where = '<if_level>9</if_level>'
          belowEvery(tree, (node) => node.weight >= 900, id, weight)
        }
        return `<rule id="${id}" level="${level}">${where}<group>of${id}_,</group><description>x</description></rule>`
      })
      const { roots, rules: loaded, placed } = loadTest({ rules: rules.join('') })
      expect(roots.map(shown)).toEqual(tree.map(shownNode))
      const count = new Map<number, number>()
      const tally = (node: Node): void => {
        count.set(node.id, (count.get(node.id) ?? 0) + 1)
        node.children.forEach(tally)
      }
      tree.forEach(tally)
      expect(loaded.map(({ id, places }) => [id, places])).toEqual(loaded.map(({ id }) => [id, count.get(id)]))
      expect(placed.every(({ home, id }) => loaded[home]?.id === id)).toBe(true)
      doubles += placed.length - loaded.length
    }),
    { numRuns: 300 },
  )
  expect(doubles).toBeGreaterThan(50)
})
