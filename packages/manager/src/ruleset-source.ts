/** The ruleset that ossec.conf names now: read anew at the start and for each reload. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Configuration, productDir, type RulesetFiles, readConfiguration, resolveRuleset } from '@dogwatch/config'
import { compileOsregex, isPattern } from '@dogwatch/pattern'
import type { Problem } from '@dogwatch/schema'

export function configPath(home: string): string {
  return join(home, 'etc/ossec.conf')
}

export interface ConfigFile {
  /** Null when there is an error among the problems. */
  readonly configuration: Configuration | null
  readonly problems: readonly Problem[]
}

/** Reads etc/ossec.conf of a home. Errors of the file system are thrown. */
export function readConfigFile(home: string): ConfigFile {
  const path = configPath(home)
  const { configuration, problems } = readConfiguration(path, readFileSync(path, 'latin1'))
  return { configuration, problems }
}

/** The files of the ruleset; what is missing is a warning each. */
export function rulesetFilesOf(
  configuration: Configuration,
  home: string,
): { readonly files: RulesetFiles; readonly problems: readonly Problem[] } {
  return resolveRuleset(configuration, home, { productDir, compilePattern: pathPattern })
}

function pathPattern(pattern: string): ((path: string) => boolean) | null {
  const compiled = compileOsregex(pattern, { captures: false })
  return isPattern(compiled) ? (path) => compiled.pattern.test(path) : null
}
