/** What the form of a role mapping works out. */

/** A rule as somebody typed it; the API judges what is in it. */
export function readRule(text: string): { readonly value: unknown; readonly problem: string | null } {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? { value, problem: null } : { value: null, problem: 'A rule is an object: {"FIND": {…}}' }
  } catch {
    return { value: null, problem: 'This is no JSON yet' }
  }
}

/** What is to be linked and unlinked. */
export function changesOf<T>(had: readonly T[], wanted: readonly T[]) {
  return {
    added: wanted.filter((each) => !had.includes(each)),
    removed: had.filter((each) => !wanted.includes(each)),
  }
}
