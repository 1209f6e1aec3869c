/** JSON objects of log lines, as byte texts: checked, made compact, labelled. Numbers and strings stay as they were written. */
import type { Label } from './config.ts'

/** The object without blanks between its parts; null when the line is no JSON object, or has the member `without`. */
export function compactJson(line: string, without: string | null = null): string | null {
  const text = line.trim()
  if (!text.startsWith('{')) return null
  const parsed = parse(text)
  if (!isObject(parsed) || (without !== null && Object.hasOwn(parsed, without))) return null
  return text.replace(/("(?:[^"\\]|\\.)*")|[ \t\r\n]+/g, '$1')
}

/** The object with labels added; a label takes the place of a member of its name. Names that begin with `_` are left out. */
export function mergeLabels(compact: string, labels: readonly Label[]): string {
  const tree: Record<string, unknown> = Object.create(null)
  for (const { key, value } of labels) {
    const parts = key.split('.')
    if (parts.some((part) => part === '' || part.startsWith('_'))) continue
    setAt(tree, parts, value)
  }
  const names = Object.keys(tree)
  if (names.length === 0) return compact
  const parsed: unknown = JSON.parse(compact)
  const members = isObject(parsed) ? parsed : {}
  if (names.every((name) => !Object.hasOwn(members, name))) {
    // Nothing to merge: the text stays as it is, numbers that JavaScript cannot hold included.
    const added = JSON.stringify(tree).slice(1)
    return compact === '{}' ? `{${added}` : `${compact.slice(0, -1)},${added}`
  }
  return JSON.stringify(mergeInto(members, tree))
}

function setAt(tree: Record<string, unknown>, parts: readonly string[], value: string): void {
  const [first = '', ...rest] = parts
  if (rest.length === 0) {
    tree[first] = value
    return
  }
  const below = tree[first]
  const next: Record<string, unknown> = isObject(below) ? below : Object.create(null)
  tree[first] = next
  setAt(next, rest, value)
}

function mergeInto(members: Record<string, unknown>, tree: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const merged: Record<string, unknown> = Object.assign(Object.create(null), members)
  for (const [name, value] of Object.entries(tree)) {
    const old = merged[name]
    merged[name] = isObject(old) && isObject(value) ? mergeInto(old, value) : value
  }
  return merged
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
