/**
 * Re-prints a JSON array in one pass, in the two forms that an event needs: with formatting for the field, without blanks for the alert (spec: engine,
 * parts 7.1, 13.4). Only plain arrays: a string with an escape or a control character, or a number that is no short integer, is left to the full reader.
 */

export interface PrintedArray {
  readonly formatted: string
  readonly compact: string
  /** Offset behind the closing bracket. */
  readonly end: number
}

/** Deeper nesting is left to the full reader. */
const depthMax = 60
/** Digits of an integer that certainly fits 32 bits. */
const digitsMax = 9

const tabs = Array.from({ length: depthMax + 2 }, (_, depth) => '\t'.repeat(depth))

/**
 * Prints the array that begins at an offset; null when it is not plain or no JSON. `slash` is the offset of the first backslash at or behind `start`,
 * -1 when there is none.
 */
export function printPlainArray(text: string, start: number, slash: number): PrintedArray | null {
  const bound = slash === -1 ? text.length : slash
  /** For each open bracket: whether it is an object's. */
  const objects: boolean[] = []
  let formatted = ''
  let compact = ''
  let at = start
  /** Whether a value may stand here; else a comma or a closing bracket must. */
  let wantsValue = true
  for (;;) {
    while (text.charCodeAt(at) === 32) at++
    if (at >= bound) return null
    const c = text.charCodeAt(at)
    const depth = objects.length
    if (!wantsValue) {
      const isObject = objects[depth - 1] as boolean
      if (c === 44 /* , */) {
        compact += ','
        at++
        if (isObject) {
          at = keyAt(text, at, bound)
          const colon = at === -1 ? -1 : keyEnd(text, at, bound)
          if (colon === -1) return null
          const key = text.slice(at, text.lastIndexOf('"', colon) + 1)
          formatted += `,\n${tabs[depth]}${key}:\t`
          compact += `${key}:`
          at = colon + 1
        } else formatted += ', '
        wantsValue = true
        continue
      }
      if (c !== (isObject ? 125 : 93)) return null
      formatted += isObject ? `\n${tabs[depth - 1]}}` : ']'
      compact += isObject ? '}' : ']'
      at++
      objects.pop()
      if (depth === 1) return { formatted, compact, end: at }
      continue
    }
    if (c === 34 /* " */) {
      const quote = text.indexOf('"', at + 1)
      if (quote === -1 || quote >= bound) return null
      const token = text.slice(at, quote + 1)
      formatted += token
      compact += token
      at = quote + 1
      wantsValue = false
    } else if (c === 91 /* [ */ || c === 123 /* { */) {
      if (depth >= depthMax) return null
      const isObject = c === 123
      at++
      while (text.charCodeAt(at) === 32) at++
      if (text.charCodeAt(at) === (isObject ? 125 : 93)) {
        formatted += isObject ? `{\n${tabs[depth]}}` : '[]'
        compact += isObject ? '{}' : '[]'
        at++
        if (depth === 0) return { formatted, compact, end: at }
        wantsValue = false
        continue
      }
      objects.push(isObject)
      if (isObject) {
        at = keyAt(text, at, bound)
        const colon = at === -1 ? -1 : keyEnd(text, at, bound)
        if (colon === -1) return null
        const key = text.slice(at, text.lastIndexOf('"', colon) + 1)
        formatted += `{\n${tabs[depth + 1]}${key}:\t`
        compact += `{${key}:`
        at = colon + 1
      } else {
        formatted += '['
        compact += '['
      }
    } else {
      const token = scalar(text, at)
      if (token === '') return null
      formatted += token
      compact += token
      at += token.length
      wantsValue = false
    }
  }
}

/** Offset of the quote that opens a key; -1 when none stands here. */
function keyAt(text: string, from: number, bound: number): number {
  let at = from
  while (text.charCodeAt(at) === 32) at++
  return at < bound && text.charCodeAt(at) === 34 ? at : -1
}

/** Offset of the colon behind the key that opens at `at`; -1 when it is not plain. */
function keyEnd(text: string, at: number, bound: number): number {
  const quote = text.indexOf('"', at + 1)
  if (quote === -1 || quote >= bound) return -1
  let colon = quote + 1
  while (text.charCodeAt(colon) === 32) colon++
  return text.charCodeAt(colon) === 58 ? colon : -1
}

/** A literal or a short integer; empty for anything else. */
function scalar(text: string, at: number): string {
  const c = text.charCodeAt(at)
  if (c === 116) return text.startsWith('true', at) ? 'true' : ''
  if (c === 102) return text.startsWith('false', at) ? 'false' : ''
  if (c === 110) return text.startsWith('null', at) ? 'null' : ''
  let end = c === 45 /* - */ ? at + 1 : at
  const first = end
  while (text.charCodeAt(end) >= 48 && text.charCodeAt(end) <= 57) end++
  const digits = end - first
  const next = text.charCodeAt(end)
  if (digits === 0 || digits > digitsMax || next === 46 || next === 101 || next === 69) return ''
  // A leading zero, and minus nought, are printed otherwise.
  if (text.charCodeAt(first) === 48 && (digits > 1 || first > at)) return ''
  return text.slice(at, end)
}
