/** The one place that puts the engine's parts together, so that every thread, the manager and offline analysis judge alike. */
import { readFileSync } from 'node:fs'
import {
  type AgentFacts,
  Correlator,
  compileRuleset,
  Matcher,
  type MatcherOptions,
  openGeoip,
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
  /** Path of a MaxMind database for the GeoIP fields; none without it. */
  readonly geoipDb?: string | null
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

function optionsOf({ managerName, outputs, geoipDb }: EngineSettings, agents: () => AgentTable): MatcherOptions {
  const options = { managerName, outputs, agents: (id: string) => agents().get(id) }
  return geoipDb == null ? options : { ...options, geoip: geoipOf(geoipDb) }
}

const databases = new Map<string, (address: string) => string | null>()

/** The look-up in a database file, opened once a thread. Throws with the path when it cannot be read or is none. */
export function geoipOf(path: string): (address: string) => string | null {
  let lookUp = databases.get(path)
  if (lookUp === undefined) {
    try {
      lookUp = openGeoip(readFileSync(path))
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new Error(`${path}: cannot be used as a GeoIP database (${why}); correct or remove <geoipdb>`, { cause })
    }
    databases.set(path, lookUp)
  }
  return lookUp
}
