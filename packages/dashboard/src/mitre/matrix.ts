/** The ATT&CK matrix with counts: sub-techniques are counted with their technique too. */
import type { Term } from '@dogwatch/client'

export interface Tactic {
  readonly id: string
  readonly name: string
  readonly techniques: readonly { readonly id: string; readonly name: string }[]
}

export interface Cell {
  readonly id: string
  readonly name: string
  /** Alerts that name it or one of its sub-techniques. */
  readonly count: number
  readonly parts: readonly { readonly id: string; readonly name: string; readonly count: number }[]
}

/** The techniques of a tactic, most alerts first; without sub-techniques of their own. */
export function cellsOf(tactic: Tactic, terms: readonly Term[]): readonly Cell[] {
  const counts = new Map(terms.map(({ value, count }) => [value, count]))
  const own = (id: string): number => counts.get(id) ?? 0
  return tactic.techniques
    .filter(({ id }) => !id.includes('.'))
    .map(({ id, name }) => {
      const parts = tactic.techniques
        .filter((part) => part.id.startsWith(`${id}.`))
        .map((part) => ({ ...part, count: own(part.id) }))
      return { id, name, parts, count: own(id) + parts.reduce((sum, { count }) => sum + count, 0) }
    })
    .sort((a, b) => b.count - a.count || a.name.localeCompare(b.name))
}
