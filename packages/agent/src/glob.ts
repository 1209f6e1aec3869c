/**
 * Paths with wildcards: `*`, `?` and `[a-z]` within a part of the path. In goes a pattern as a byte text, out come the
 * paths that exist, sorted. A folder that cannot be read has no paths. Bound: `globResultsMax`.
 */
import { lstatSync, readdirSync, type Stats } from 'node:fs'
import { bytesOf, joinPath } from './bytes.ts'

/** Most paths of one pattern; more are left out. */
export const globResultsMax = 100_000

/** Has it a wildcard? */
export function isGlob(path: string): boolean {
  return /[*?[]/.test(path)
}

/** Does the whole of `path` match `pattern`? A wildcard never matches a slash. */
export function globMatches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/')
  const parts = path.split('/')
  return wanted.length === parts.length && wanted.every((part, at) => partMatches(part, parts[at] ?? ''))
}

/** Existing paths that match, in byte order; a pattern without wildcards is given back when it exists. */
export function expandGlob(pattern: string): string[] {
  let found: string[] = ['/']
  for (const part of pattern.split('/').filter((word) => word !== '')) {
    found = found.flatMap((folder) => step(folder, part)).slice(0, globResultsMax)
  }
  return found.filter((path) => statOf(path) !== null)
}

function step(folder: string, part: string): string[] {
  if (!isGlob(part)) return [joinPath(folder, part)]
  let names: string[]
  try {
    names = readdirSync(bytesOf(folder), 'latin1')
  } catch {
    return []
  }
  return names
    .filter((name) => partMatches(part, name))
    .sort()
    .map((name) => joinPath(folder, name))
}

function statOf(path: string): Stats | null {
  return lstatSync(bytesOf(path), { throwIfNoEntry: false }) ?? null
}

const compiledParts = new Map<string, RegExp>()
const compiledPartsMax = 1000

function partMatches(pattern: string, name: string): boolean {
  if (!isGlob(pattern)) return pattern === name
  // As the shell has it, a leading dot must be asked for.
  if (name.startsWith('.') && !pattern.startsWith('.')) return false
  let compiled = compiledParts.get(pattern)
  if (compiled === undefined) {
    if (compiledParts.size >= compiledPartsMax) compiledParts.clear()
    compiled = compilePart(pattern)
    compiledParts.set(pattern, compiled)
  }
  return compiled.test(name)
}

function compilePart(pattern: string): RegExp {
  let source = ''
  // Several stars in a row are one star, so that a match costs no more than it must.
  const text = pattern.replace(/\*+/g, '*')
  for (let at = 0; at < text.length; at++) {
    const letter = text[at] ?? ''
    if (letter === '*') source += '[^/]*'
    else if (letter === '?') source += '[^/]'
    else if (letter === '[') {
      const end = text.indexOf(']', at + 2)
      if (end === -1) source += '\\['
      else {
        const inside = text.slice(at + 1, end).replace(/[\\\]^]/g, '\\$&')
        source += `[${inside.startsWith('!') ? `^${inside.slice(1)}` : inside}]`
        at = end
      }
    } else source += letter.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
  }
  try {
    return new RegExp(`^${source}$`, 's')
  } catch {
    // A range such as [z-a] matches nothing.
    return /(?!)/
  }
}
