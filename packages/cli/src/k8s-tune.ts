/**
 * Tuning: past events are judged anew, and for each list a proposal is made whose entry would have silenced several alerts, with what it would have silenced. Alerts of the
 * highest level are never a reason for a proposal; they are named where an entry would silence them too.
 */

import type { Ruleset } from '@dogwatch/engine'
import type { PastEvent } from './archived-events.ts'
import { Bench, type Judged } from './k8s-ruleset.ts'

export interface Proposal {
  readonly list: string
  readonly key: string
  /** Alerts above information level that the entry silences, by rule. */
  readonly silences: ReadonlyMap<number, { readonly level: number; readonly count: number; readonly example: string }>
  readonly count: number
  readonly levelMax: number
}

interface AlertData {
  readonly rule: { readonly groups: readonly string[] }
  readonly data?: { readonly kubernetes?: Readonly<Record<string, unknown>> }
}

/** From here on alerts are too grave to propose silence for them. */
const criticalLevel = 14

/** Which list takes which member of the event, for rules of which groups (the silencing rules 201191 to 201194). */
const lists: readonly (readonly [list: string, member: string, groups: readonly string[]])[] = [
  ['k8s-trusted-accounts', 'actor', ['k8s_tunable']],
  ['k8s-trusted-networks', 'sourceIP', ['k8s_tunable_source']],
  ['k8s-trusted-namespaces', 'namespace', ['k8s_pod_host', 'k8s_network', 'k8s_config']],
  ['k8s-trusted-images', 'repositories', ['k8s_pod']],
]

export class Tuner {
  readonly #bench: Bench
  readonly #found = new Map<
    string,
    { list: string; key: string; silences: Map<number, { level: number; count: number; example: string }> }
  >()
  events = 0
  alerts = 0

  constructor(ruleset: Ruleset) {
    this.#bench = new Bench(ruleset)
  }

  take({ text, timeMs }: PastEvent): void {
    this.events++
    const judged = this.#bench.judge(text, timeMs)
    if (judged === null || judged.level <= 3) return
    this.alerts++
    const { rule, data }: AlertData = JSON.parse(judged.line)
    for (const [list, member, groups] of lists) {
      const key = data?.kubernetes?.[member]
      if (typeof key === 'string' && groups.some((group) => rule.groups.some((own) => own.includes(group))))
        this.#add(list, key, judged)
    }
  }

  #add(list: string, key: string, judged: Judged): void {
    const name = `${list}\n${key}`
    const entry = this.#found.get(name) ?? { list, key, silences: new Map() }
    this.#found.set(name, entry)
    const before = entry.silences.get(judged.rule)
    entry.silences.set(judged.rule, {
      level: judged.level,
      count: (before?.count ?? 0) + 1,
      example: before?.example ?? judged.description,
    })
  }

  /** Proposals that would silence at least so many alerts below the highest level, the most first. */
  proposals(least: number): Proposal[] {
    return [...this.#found.values()]
      .map(({ list, key, silences }) => {
        const all = [...silences.values()]
        const ordinary = all.filter(({ level }) => level < criticalLevel).reduce((sum, { count }) => sum + count, 0)
        return {
          list,
          key,
          silences,
          ordinary,
          count: all.reduce((sum, { count }) => sum + count, 0),
          levelMax: Math.max(...all.map(({ level }) => level)),
        }
      })
      .filter(({ ordinary }) => ordinary >= least)
      .sort((a, b) => b.count - a.count || (a.key < b.key ? -1 : 1))
      .map(({ ordinary: _, ...proposal }) => proposal)
  }
}

/** The line for the list: keys with colons or blanks in quotes. Null for a key that no list can hold. */
export function listLine(key: string): string | null {
  if (/["\r\n]/.test(key)) return null
  return key.includes(':') ? `"${key}":` : `${key}:`
}
