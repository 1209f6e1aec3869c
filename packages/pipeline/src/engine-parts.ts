/** The one place that puts the engine's parts together, so that every thread, the manager and offline analysis judge alike. */
import {
  type AgentFacts,
  Correlator,
  compileRuleset,
  Matcher,
  type MatcherOptions,
  type Ruleset,
  type RulesetSources,
} from '@dogwatch/engine'
import type { Problem } from '@dogwatch/schema'

/** What every thread must know alike; structured-cloneable. */
export interface EngineSettings {
  readonly managerName: string
  readonly outputs: MatcherOptions['outputs']
  readonly logAlertLevel: number
  readonly mailAlertLevel: number
}

/** Agents by id; replaced as a whole when one changes. */
export type AgentTable = ReadonlyMap<string, AgentFacts>

/** The ruleset, or null with the errors among the problems. */
export function compile(
  sources: RulesetSources,
  { logAlertLevel, mailAlertLevel }: EngineSettings,
): { readonly ruleset: Ruleset | null; readonly problems: readonly Problem[] } {
  return compileRuleset(sources, { logAlertLevel, mailAlertLevel })
}

/** A ruleset without anything in it: what it decodes is still an event, kept as it came. */
export function emptyRuleset(settings: EngineSettings): Ruleset {
  const { ruleset } = compile({ decoders: [], rules: [], lists: [] }, settings)
  if (ruleset === null) throw new Error('the empty ruleset does not compile')
  return ruleset
}

export function newMatcher(ruleset: Ruleset, settings: EngineSettings, agents: () => AgentTable): Matcher {
  return new Matcher(ruleset, optionsOf(settings, agents))
}

export function newCorrelator(ruleset: Ruleset, settings: EngineSettings, agents: () => AgentTable): Correlator {
  return new Correlator(ruleset, optionsOf(settings, agents))
}

function optionsOf({ managerName, outputs }: EngineSettings, agents: () => AgentTable): MatcherOptions {
  return { managerName, outputs, agents: (id) => agents().get(id) }
}
