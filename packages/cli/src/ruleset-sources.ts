/** A ruleset for commands that judge events here: the folders that were named, or what the home's configuration names. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  productDir,
  type RulesetFilesReading,
  type RulesetTexts,
  readConfiguration,
  readRulesetFiles,
  resolveRuleset,
  rulesetFromPaths,
  rulesOffByDefault,
} from '@dogwatch/config'
import { compileRuleset, type Ruleset } from '@dogwatch/engine'
import { compileOsregex, isPattern } from '@dogwatch/pattern'
import { formatProblem, type Problem } from '@dogwatch/schema'
import { CliFailure, exitCodes } from './failure.ts'

/** Files of the folders and files named, rule files of the names `leftOut` apart; without any, of the `<ruleset>` block of the home's ossec.conf. */
export function findRuleset(
  dirs: readonly string[] | undefined,
  home: () => string,
  leftOut: readonly string[] = rulesOffByDefault,
): RulesetFilesReading {
  return dirs !== undefined && dirs.length > 0 ? rulesetFromPaths(dirs, leftOut) : ofHome(home())
}

function ofHome(home: string): RulesetFilesReading {
  const path = join(home, 'etc/ossec.conf')
  let text: string
  try {
    text = readFileSync(path, 'latin1')
  } catch (cause) {
    const message = `${path} cannot be read; name the folders of the ruleset, or a home folder with --home`
    throw new CliFailure(message, exitCodes.impossible, { cause })
  }
  const { configuration } = readConfiguration(path, text)
  if (configuration === null) throw new CliFailure(`${path} has errors; see them with: dogwatch config check ${path}`)
  return resolveRuleset(configuration, home, { productDir, compilePattern: pathPattern })
}

/** As the manager does: a folder's pattern is an osregex on the whole path. */
function pathPattern(pattern: string): ((path: string) => boolean) | null {
  const compiled = compileOsregex(pattern, { captures: false })
  return isPattern(compiled) ? (path) => compiled.pattern.test(path) : null
}

export interface LoadedRuleset {
  readonly ruleset: Ruleset | null
  readonly problems: readonly Problem[]
}

/** Reads and compiles; `ruleset` is null when there is an error. */
export function loadRuleset(found: RulesetFilesReading): LoadedRuleset & { readonly texts: RulesetTexts } {
  const { texts, problems: unreadable } = readRulesetFiles(found.files)
  const { ruleset, problems } = compileRuleset(texts)
  const all = [...found.problems, ...unreadable, ...problems]
  return { ruleset: all.some(({ severity }) => severity === 'error') ? null : ruleset, problems: all, texts }
}

/** The ruleset, or a failure after all its errors were shown. Warnings are the caller's to show. */
export function rulesetOrFailure(
  dirs: readonly string[] | undefined,
  home: () => string,
  note: (line: string) => void,
  leftOut: readonly string[] = rulesOffByDefault,
): { readonly ruleset: Ruleset; readonly warnings: readonly Problem[] } {
  const { ruleset, problems } = loadRuleset(findRuleset(dirs, home, leftOut))
  if (ruleset !== null) return { ruleset, warnings: problems }
  for (const problem of problems) if (problem.severity === 'error') note(formatProblem(problem))
  throw new CliFailure('the ruleset has errors; correct those above')
}
