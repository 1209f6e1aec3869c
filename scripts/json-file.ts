/** Reading JSON whose shape is not known: narrow first, then use. */
import { readFileSync } from 'node:fs'

/** The parsed file; throws with the file's name when it is not there or is not JSON. */
export function readJsonFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** The object, or an empty one when the value is something else. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {}
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The array, or an empty one when the value is something else. */
export function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** The text, or an empty one when the value is something else. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** The number, or zero when the value is something else. */
export function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0
}
