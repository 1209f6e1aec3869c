/** ATT&CK ids to names, for `rule.mitre` (spec: engine, part 13.2). */
import table from './attack-table.json' with { type: 'json' }
import { jsonText } from './json-text.ts'
import type { RuleMitre } from './rule.ts'

export interface AttackTable {
  /** Of ATT&CK Enterprise: `13.1`. */
  readonly version: string
  readonly tactics: Readonly<Record<string, { readonly shortName: string; readonly name: string }>>
  readonly techniques: Readonly<Record<string, { readonly name: string; readonly tactics: readonly string[] }>>
}

/** The table that comes with the product: ATT&CK Enterprise 13.1. */
export const attackTable: AttackTable = table

/** JSON of `rule.mitre`; empty when no id is known. In the older form a technique is named for each id, though another has the same name. */
export function mitreJson(mitre: RuleMitre, attack: AttackTable): string {
  const tactics = new Set<string>()
  const techniques: string[] = []
  const ids = new Set<string>()
  const names = new Map(Object.values(attack.tactics).map(({ shortName, name }) => [shortName, name]))
  for (const id of mitre.pairs === null ? mitre.ids : []) {
    const technique = Object.hasOwn(attack.techniques, id) ? attack.techniques[id] : undefined
    if (technique === undefined) continue
    techniques.push(technique.name)
    for (const short of technique.tactics) tactics.add(names.get(short) ?? short)
  }
  for (const [tacticId, id] of mitre.pairs ?? []) {
    const technique = Object.hasOwn(attack.techniques, id) ? attack.techniques[id] : undefined
    const tactic = Object.hasOwn(attack.tactics, tacticId) ? attack.tactics[tacticId] : undefined
    if (technique === undefined || tactic === undefined || !technique.tactics.includes(tactic.shortName)) continue
    ids.add(id)
    tactics.add(tactic.name)
    if (!techniques.includes(technique.name)) techniques.push(technique.name)
  }
  if (techniques.length === 0) return ''
  const list = (values: Iterable<string>): string => `[${[...values].map(jsonText).join(',')}]`
  return `{"id":${list(mitre.pairs === null ? mitre.ids : ids)},"tactic":${list(tactics)},"technique":${list(techniques)}}`
}
