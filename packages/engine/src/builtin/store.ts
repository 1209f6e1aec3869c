/** What the built-in decoders share: claiming an event, reading JSON members, storing fields by the rule of the JSON decoder (spec: engine, part 16). */
import { hash } from 'node:crypto'
import type { EventDecoder } from '../decode.ts'
import type { Event } from '../event.ts'
import { numberText } from '../json-number.ts'
import { JsonReader, type JsonValue, printCompact } from '../json-value.ts'
import { ownCopy } from '../latin1.ts'

/** Longest text that `bounded` keeps as it is. */
const boundedLengthMax = 256

export type JsonObject = Extract<JsonValue, { kind: 'object' }>

/** The body as an object; null when it is none. */
export function readObject(text: string): JsonObject | null {
  const reader = new JsonReader(text)
  reader.blanks()
  const value = reader.value()
  return value?.kind === 'object' ? value : null
}

/** A member by exact name, the first of equals; undefined when there is none. */
export function member(object: JsonObject | undefined, name: string): JsonValue | undefined {
  return object?.members.find(([key]) => key === name)?.[1]
}

export function objectMember(object: JsonObject | undefined, name: string): JsonObject | undefined {
  const value = member(object, name)
  return value?.kind === 'object' ? value : undefined
}

/** Text of a string member; undefined for anything else. */
export function textMember(object: JsonObject | undefined, name: string): string | undefined {
  const value = member(object, name)
  return value?.kind === 'string' ? value.text : undefined
}

/** Value of a number member; undefined for anything else. */
export function numberMember(object: JsonObject | undefined, name: string): number | undefined {
  const value = member(object, name)
  return value?.kind === 'number' ? value.value : undefined
}

/** Texts of an array's strings. */
export function textsMember(object: JsonObject | undefined, name: string): string[] {
  const value = member(object, name)
  return value?.kind === 'array' ? value.items.flatMap((item) => (item.kind === 'string' ? [item.text] : [])) : []
}

/** A scalar as field text; undefined for objects, arrays and nothing. */
export function scalarText(value: JsonValue | undefined): string | undefined {
  switch (value?.kind) {
    case 'string':
      return value.text
    case 'number':
      return numberText(value.literal)
    case 'literal':
      return value.text
    case 'array':
      return printCompact(value)
    default:
      return undefined
  }
}

/** Appends a dynamic field; an undefined value leaves it out. */
export function put(event: Event, key: string, value: string | undefined): void {
  if (value !== undefined) event.addDynamic(key, event.slots.of(key), value)
}

export function claim(event: Event, decoder: EventDecoder, name: string): void {
  decoder.claimBuiltin(event, name)
}

/** What stands for a latin1 text where it is only compared: 43 characters, whatever its length. Nobody finds two texts with the same one. */
export function digest(text: string): string {
  return hash('sha256', Buffer.from(text, 'latin1'), 'base64url')
}

/** A text to be remembered: a short one as a copy of its own, a longer one as its digest. */
export function bounded(text: string): string {
  return text.length <= boundedLengthMax ? ownCopy(text) : digest(text)
}
