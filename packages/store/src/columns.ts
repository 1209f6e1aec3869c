/**
 * What of a document has a column of its own, because people ask for it all day; everything else is looked up in the JSON text. A column makes a
 * question faster, never possible: what is asked and answered is the same with and without.
 */

/** `text` has one value as a rule; a list found there is kept as its JSON text, which begins with `[`, and looked up in the document. */
export type ColumnType = 'text' | 'list' | 'number'

export interface Column {
  /** The field, and the column's name. */
  readonly field: string
  readonly type: ColumnType
}

/** In the order of the table, behind id, time and sequence. To add one: a new format version, since tables on disk have these. */
export const columns: readonly Column[] = [
  { field: 'rule.level', type: 'number' },
  { field: 'rule.id', type: 'text' },
  { field: 'rule.description', type: 'text' },
  { field: 'rule.groups', type: 'list' },
  { field: 'rule.mitre.id', type: 'list' },
  { field: 'rule.mitre.tactic', type: 'list' },
  { field: 'agent.id', type: 'text' },
  { field: 'agent.name', type: 'text' },
  { field: 'manager.name', type: 'text' },
  { field: 'decoder.name', type: 'text' },
  { field: 'location', type: 'text' },
  { field: 'data.srcip', type: 'text' },
  { field: 'data.srcuser', type: 'text' },
  { field: 'data.dstuser', type: 'text' },
  { field: 'data.verb', type: 'text' },
  { field: 'data.user.username', type: 'text' },
  { field: 'data.objectRef.resource', type: 'text' },
  { field: 'data.objectRef.namespace', type: 'text' },
  { field: 'data.objectRef.name', type: 'text' },
  { field: 'data.kubernetes.cluster', type: 'text' },
  { field: 'data.kubernetes.actor', type: 'text' },
  { field: 'data.kubernetes.actorKind', type: 'text' },
  { field: 'data.kubernetes.verb', type: 'text' },
  { field: 'data.kubernetes.resource', type: 'text' },
  { field: 'data.kubernetes.namespace', type: 'text' },
  { field: 'data.kubernetes.name', type: 'text' },
]

const byField = new Map(columns.map((column) => [column.field, column]))

export function columnOf(field: string): Column | null {
  return byField.get(field) ?? null
}

/** Names of the time of a document. */
export function isTimeField(field: string): boolean {
  return field === 'timestamp' || field === '@timestamp'
}

type JsonObject = Readonly<Record<string, unknown>>

/** What the row of a document holds, besides id and time. */
export interface RowValues {
  readonly sequence: number
  readonly columns: readonly (string | number | readonly string[] | null)[]
  /** Lower-cased, for free text. */
  readonly searchText: string
}

const paths = columns.map(({ field }) => field.split('.'))

/** Reads a document; null when its text is no JSON object. */
export function rowValuesOf(id: string, text: string): RowValues | null {
  const document = parseObject(text)
  if (document === null) return null
  const fullLog = valueAt(document, ['full_log'])
  const description = valueAt(document, ['rule', 'description'])
  const said = typeof fullLog === 'string' ? fullLog : text
  return {
    sequence: sequenceOf(id),
    columns: columns.map(({ type }, n) => columnValue(type, valueAt(document, paths[n] ?? []))),
    searchText: (typeof description === 'string' ? `${said}\n${description}` : said).toLowerCase(),
  }
}

/** The number of an id `<epoch seconds>.<number>`; 0 for ids of another shape. */
export function sequenceOf(id: string): number {
  const number = /^\d+\.(\d{1,15})$/.exec(id)?.[1]
  return number === undefined ? 0 : Number(number)
}

export function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

/** Own members only, so that no name reaches a prototype. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  let found = value
  for (const name of path) {
    if (!isObject(found) || !Object.hasOwn(found, name)) return undefined
    found = found[name]
  }
  return found
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function columnValue(type: ColumnType, value: unknown): string | number | readonly string[] | null {
  if (value === undefined || value === null) return null
  if (type === 'number') {
    const number = typeof value === 'number' ? value : typeof value === 'string' && value !== '' ? Number(value) : NaN
    return Number.isFinite(number) ? number : null
  }
  if (type === 'list') return (Array.isArray(value) ? value : [value]).filter((one) => one !== null).map(scalarText)
  return scalarText(value)
}

function scalarText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
