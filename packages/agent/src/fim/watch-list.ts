/**
 * The configured paths made concrete: variables and wildcards expanded, links resolved, deepest first. In go the
 * configuration and the environment, out comes the list that scans and real-time go by. Expanded again before every scan.
 */
import { lstatSync, realpathSync } from 'node:fs'
import { bytesOf, byteText, tidyPath } from '../bytes.ts'
import { expandGlob, isGlob } from '../glob.ts'
import type { WatchedPath } from './options.ts'

/** A path to watch. `link` is the configured link that led to it, or ''. */
export interface ConcretePath extends WatchedPath {
  readonly link: string
  /** As the configuration has it, before anything was expanded: the word for whether it is new to us. */
  readonly configured: string
}

/** `$VAR` and `%VAR%`; a name that is not set stays as it is. */
export function expandVariables(path: string, environment: Readonly<Record<string, string | undefined>>): string {
  return path.replace(/\$(\w+)|%(\w+)%/g, (all, dollar: string | undefined, percent: string | undefined) => {
    const value = environment[dollar ?? percent ?? '']
    return value === undefined ? all : byteText(value)
  })
}

/** The list, deepest path first; of one path given twice the later definition counts. */
export function watchList(
  directories: readonly WatchedPath[],
  environment: Readonly<Record<string, string | undefined>> = {},
): ConcretePath[] {
  const byPath = new Map<string, ConcretePath>()
  for (const entry of directories) {
    const path = expandVariables(entry.path, environment)
    if (!path.startsWith('/')) continue
    for (const found of isGlob(path) ? expandGlob(path) : [tidyPath(path)]) {
      const concrete = resolveLink(entry, found)
      byPath.delete(concrete.path)
      byPath.set(concrete.path, concrete)
    }
  }
  return [...byPath.values()].sort((a, b) => b.path.length - a.path.length || (a.path < b.path ? -1 : 1))
}

function resolveLink(entry: WatchedPath, path: string): ConcretePath {
  const here = { ...entry, path, link: '', configured: entry.path }
  if (!entry.followsLink) return here
  try {
    if (lstatSync(bytesOf(path)).isSymbolicLink()) {
      return { ...here, path: realpathSync(bytesOf(path), { encoding: 'buffer' }).toString('latin1'), link: path }
    }
  } catch {
    // Not there, or leads nowhere: looked at again before the next scan.
  }
  return here
}
