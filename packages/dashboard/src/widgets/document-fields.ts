/** An event's object as fields with dotted names, the way searches name them; and single fields out of it. */

export interface FlatField {
  readonly name: string
  /** One value or, of a list, each. */
  readonly values: readonly string[]
}

/** Fields in the order of the object; a list of plain values is one field, a list of objects a field per name. */
export function flatFields(source: Readonly<Record<string, unknown>>): readonly FlatField[] {
  const found = new Map<string, string[]>()
  const add = (name: string, value: unknown) => {
    if (Array.isArray(value)) for (const each of value) add(name, each)
    else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) add(name === '' ? key : `${name}.${key}`, inner)
    else if (value !== undefined) found.set(name, [...(found.get(name) ?? []), String(value)])
  }
  add('', source)
  return [...found].map(([name, values]) => ({ name, values }))
}

/** All values at a dotted name, lists joined; empty where the field is not there. */
export function fieldText(source: unknown, name: string): string {
  return valuesAt(source, name.split('.')).map(textOf).join(', ')
}

/** As a number; null where it is none. */
export function fieldNumber(source: unknown, name: string): number | null {
  const text = fieldText(source, name)
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : null
}

function valuesAt(value: unknown, names: readonly string[]): readonly unknown[] {
  if (Array.isArray(value)) return value.flatMap((each) => valuesAt(each, names))
  if (names.length === 0) return value === undefined || value === null ? [] : [value]
  if (typeof value !== 'object' || value === null) return []
  // A name may hold dots itself: the longest that is there wins.
  for (let n = names.length; n > 0; n -= 1) {
    const key = names.slice(0, n).join('.')
    if (Object.hasOwn(value, key))
      return valuesAt(Object.entries(value).find(([each]) => each === key)?.[1], names.slice(n))
  }
  return []
}

function textOf(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
