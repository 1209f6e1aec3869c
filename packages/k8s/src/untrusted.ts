/** Reading untrusted JSON: every step may meet another type than hoped for. */

export type JsonRecord = Readonly<Record<string, unknown>>

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function recordOf(value: unknown): JsonRecord | undefined {
  return isRecord(value) ? value : undefined
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function textIn(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** The texts of a list, other elements left out. */
export function textsOf(value: unknown): string[] {
  return listOf(value).filter((element) => typeof element === 'string')
}
