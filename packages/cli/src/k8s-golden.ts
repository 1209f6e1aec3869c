/**
 * Golden events of the Kubernetes rules: `ruleset/tests/<rule file>/<family>.json`, a list of cases. Each has events, and the rule that the last of them must, or must
 * not, end in. Events of format `k8s` are audit events as an API server sends them; `log` are lines as an agent reads them.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ruleset } from '@dogwatch/engine'
import { splitBody } from '@dogwatch/k8s'
import { Bench, rulesetDir } from './k8s-ruleset.ts'

export interface GoldenCase {
  readonly rule: number
  readonly level: number
  readonly says: string
  readonly format: 'k8s' | 'log'
  readonly log: readonly (string | object)[]
  readonly expect: { readonly rule: string } | { readonly not: string }
}

/** All cases of a rules file, such as `0380-k8s-detections.xml`; none when it has no folder. */
export function goldenCases(rulesFile: string): GoldenCase[] {
  const folder = join(rulesetDir, 'tests', rulesFile.replace(/\.xml$/, ''))
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .flatMap((name): GoldenCase[] => JSON.parse(readFileSync(join(folder, name), 'utf8')))
}

/** Event texts, latin1, that a case's entry becomes. */
export function eventTexts(format: GoldenCase['format'], entry: string | object): string[] {
  const bytes = Buffer.from(typeof entry === 'string' ? entry : JSON.stringify(entry))
  if (format === 'log') return [bytes.toString('latin1')]
  return splitBody(bytes, { cluster: 'golden', hash: false }).events.map(({ text }) => text)
}

/** Time of the first event of a case, epoch ms; the next ones come a second later each. */
const firstMs = Date.UTC(2026, 0, 5, 10)

/** Number of the rule in whose alert the last event of the entries ends; 0 when it raises none. */
export function lastRule(ruleset: Ruleset, format: GoldenCase['format'], log: GoldenCase['log']): number {
  const bench = new Bench(ruleset)
  let last = 0
  const texts = log.flatMap((entry) => eventTexts(format, entry))
  for (const [n, text] of texts.entries()) last = bench.judge(text, firstMs + n * 1000)?.rule ?? 0
  return last
}
