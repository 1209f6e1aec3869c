/** `$(field)` in descriptions (spec: engine, part 9.6). */
import type { Event } from './event.ts'
import { type FieldSlots, staticIndex } from './fields.ts'

/** A description is cut here; one whose expansion would reach it is used unexpanded. Bytes. */
const descriptionLengthMax = 1024

export type DescriptionPart = string | ((event: Event) => string)

/** Parts of a description with variables; null when it has none. */
export function parseDescription(text: string, slots: FieldSlots): readonly DescriptionPart[] | null {
  const parts: DescriptionPart[] = []
  let from = 0
  for (let open = text.indexOf('$('); open !== -1; open = text.indexOf('$(', from)) {
    const close = text.indexOf(')', open)
    if (close === -1) break
    if (open > from) parts.push(text.slice(from, open))
    parts.push(variable(text.slice(open + 2, close), slots))
    from = close + 1
  }
  if (parts.length === 0) return null
  if (from < text.length) parts.push(text.slice(from))
  return parts
}

function variable(name: string, slots: FieldSlots): DescriptionPart {
  if (name === 'program_name') return (event) => event.programName ?? ''
  if (name === 'hostname') return (event) => event.hostname
  const index = staticIndex.get(name)
  if (index !== undefined) return (event) => event.statics[index] ?? ''
  const slot = slots.add(name)
  return (event) => event.dynamic(slot) ?? ''
}

export function cutDescription(text: string): string {
  return text.slice(0, descriptionLengthMax)
}

export function expandDescription(text: string, parts: readonly DescriptionPart[], event: Event): string {
  let out = ''
  for (const part of parts) out += typeof part === 'string' ? part : part(event)
  return out.length >= descriptionLengthMax ? cutDescription(text) : out
}
