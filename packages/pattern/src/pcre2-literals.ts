/**
 * Necessary literals of a PCRE2 tree: texts of which one must occur in every subject that matches. Sound, not
 * complete: what is not a plain text is left out.
 */
import { onlyByte, onlyFolded } from './byte-set.ts'
import type { Needs } from './contract.ts'
import type { Node } from './pcre2-syntax.ts'

const exactCountMax = 16
const exactLengthMax = 64
const anyOfMax = 64

/** What a node says about texts: all that it can match (null: too many), and a necessary set (null: none). */
interface Facts {
  readonly exact: readonly string[] | null
  readonly best: readonly string[] | null
}

/** The best necessary literals; case-sensitive ones unless ignoring case gives longer ones. */
export function needsOf(root: Node): Needs | null {
  const sensitive = bestOf(factsOf(root, onlyByte))
  const folded = bestOf(factsOf(root, onlyFolded))
  if (folded !== null && (sensitive === null || weight(folded) > weight(sensitive)))
    return { anyOf: folded, fold: true }
  return sensitive === null ? null : { anyOf: sensitive, fold: false }
}

/** Texts of which one must stand at the start of every subject that matches. */
export function prefixesOf(root: Node): Needs | null {
  for (const [only, fold] of [
    [onlyByte, false],
    [onlyFolded, true],
  ] as const) {
    const texts = anchoredTexts(root, only)
    if (texts?.every((text) => text !== '')) return { anyOf: distinct(texts), fold }
  }
  return null
}

function anchoredTexts(node: Node, only: (set: Uint8Array) => number): readonly string[] | null {
  if (node.type === 'group' || node.type === 'atomic') return anchoredTexts(node.item, only)
  if (node.type === 'alternation') {
    const all: string[] = []
    for (const item of node.items) {
      const texts = anchoredTexts(item, only)
      if (texts === null) return null
      all.push(...texts)
    }
    return all.length <= anyOfMax ? all : null
  }
  if (node.type !== 'sequence') return null
  const [first, ...rest] = node.items
  if (first?.type !== 'place' || first.place !== 'start') return null
  let texts: readonly string[] = ['']
  for (const item of rest) {
    const facts = factsOf(item, only)
    const next = facts.exact === null ? null : cross(texts, facts.exact)
    if (next === null) {
      if (item.type === 'repeat' && item.min > 0) {
        const once = factsOf(item.item, only).exact
        return (once === null ? null : cross(texts, once)) ?? texts
      }
      return texts
    }
    texts = next
  }
  return texts
}

function factsOf(node: Node, only: (set: Uint8Array) => number): Facts {
  switch (node.type) {
    case 'set': {
      const byte = only(node.set)
      return byte < 0 ? { exact: null, best: null } : { exact: [String.fromCharCode(byte)], best: null }
    }
    case 'sequence':
      return sequenceFacts(node.items, only)
    case 'alternation': {
      const all = node.items.map((item) => factsOf(item, only))
      const exact: string[] = []
      const best: string[] = []
      let allExact = true
      let allBest = true
      for (const facts of all) {
        if (facts.exact === null) allExact = false
        else exact.push(...facts.exact)
        const own = bestOf(facts)
        if (own === null) allBest = false
        else best.push(...own)
      }
      return {
        exact: allExact && exact.length <= exactCountMax ? distinct(exact) : null,
        best: allBest && best.length <= anyOfMax ? distinct(best) : null,
      }
    }
    case 'group':
    case 'atomic':
      return factsOf(node.item, only)
    case 'repeat': {
      const once = factsOf(node.item, only)
      if (node.min === 0) {
        return { exact: node.max === 1 && once.exact !== null ? distinct([...once.exact, '']) : null, best: null }
      }
      if (node.max === 1) return once
      return { exact: null, best: bestOf(once) }
    }
    case 'look':
      return { exact: [''], best: node.negative ? null : bestOf(factsOf(node.item, only)) }
    case 'place':
      return { exact: [''], best: null }
    case 'backreference':
      return { exact: null, best: null }
  }
}

function sequenceFacts(items: readonly Node[], only: (set: Uint8Array) => number): Facts {
  let run: readonly string[] = ['']
  let whole = true
  let best: readonly string[] | null = null
  const offer = (texts: readonly string[] | null): void => {
    if (texts === null || texts.length === 0 || texts.some((text) => text === '')) return
    if (best === null || weight(texts) > weight(best)) best = texts
  }
  for (const item of items) {
    const facts = factsOf(item, only)
    offer(facts.best)
    const joined = facts.exact === null ? null : cross(run, facts.exact)
    if (joined !== null) {
      run = joined
      continue
    }
    whole = false
    if (facts.exact !== null) {
      offer(run)
      run = facts.exact
      continue
    }
    // One round of a repetition still touches the text before it, and another the text behind it.
    const once = item.type === 'repeat' && item.min > 0 ? factsOf(item.item, only).exact : null
    const touching = once === null ? null : cross(run, once)
    offer(touching ?? run)
    run = once ?? ['']
  }
  if (whole) return { exact: run, best }
  offer(run)
  return { exact: null, best }
}

function bestOf(facts: Facts): readonly string[] | null {
  const exact = facts.exact?.every((text) => text !== '') ? facts.exact : null
  if (exact === null || facts.best === null) return exact ?? facts.best
  return weight(exact) >= weight(facts.best) ? exact : facts.best
}

function cross(starts: readonly string[], ends: readonly string[]): readonly string[] | null {
  if (starts.length * ends.length > exactCountMax) return null
  const joined = starts.flatMap((start) => ends.map((end) => start + end))
  return joined.every((text) => text.length <= exactLengthMax) ? distinct(joined) : null
}

/** How much a set of literals excludes: its shortest text, less a little for each further one. */
function weight(texts: readonly string[]): number {
  let shortest = Number.POSITIVE_INFINITY
  for (const text of texts) shortest = Math.min(shortest, text.length)
  return shortest - (texts.length - 1) / 8
}

function distinct(texts: readonly string[]): readonly string[] {
  return texts.length === 1 ? texts : [...new Set(texts)]
}
