/** CDB lists in their text form, indexed in memory (spec: engine, part 12). */

export interface CdbList {
  readonly name: string
  readonly values: ReadonlyMap<string, string>
}

export type Lookup =
  | 'match_key'
  | 'not_match_key'
  | 'match_key_value'
  | 'address_match_key'
  | 'not_address_match_key'
  | 'address_match_key_value'
export const lookups: readonly Lookup[] = [
  'match_key',
  'not_match_key',
  'match_key_value',
  'address_match_key',
  'not_address_match_key',
  'address_match_key_value',
]

/** Reads a list's text (latin1). Lines that are no entry are passed over; the first of equal keys wins. */
export function parseCdb(name: string, text: string): CdbList {
  const values = new Map<string, string>()
  for (const line of text.split(/[\r\n]+/)) {
    const [key, value] = parseLine(line) ?? []
    if (key !== undefined && value !== undefined && !values.has(key)) values.set(key, value)
  }
  return { name, values }
}

function parseLine(line: string): [key: string, value: string] | null {
  const colon = line.indexOf(':')
  if (colon === -1) return null
  const quote = line.indexOf('"')
  if (quote === -1 || quote > colon) return entry(line.slice(0, colon), line.slice(colon + 1))
  const close = line.indexOf('"', quote + 1)
  if (close === -1) return null
  const after = line.indexOf(':', close)
  if (after === -1) return null
  return entry(line.slice(quote + 1, close), line.slice(after + 1))
}

/** A quote that is never closed takes the line away, in the value as in the key. */
function entry(key: string, text: string): [key: string, value: string] | null {
  const open = text.indexOf('"')
  if (open === -1) return [key, text]
  const close = text.indexOf('"', open + 1)
  return close === -1 ? null : [key, text.slice(open + 1, close)]
}

/** The entry under an address or one of its dotted prefixes, with the dot (`10.2.3.`, `10.2.`, `10.`); undefined when there is none. */
export function lookupAddress(list: CdbList, address: string): string | undefined {
  const exact = list.values.get(address)
  if (exact !== undefined) return exact
  for (let dot = address.lastIndexOf('.'); dot > 0; dot = address.lastIndexOf('.', dot - 1)) {
    const value = list.values.get(address.slice(0, dot + 1))
    if (value !== undefined) return value
  }
  return undefined
}
