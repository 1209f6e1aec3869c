/** One answer of logtest in the three phases that people know (spec: engine, part 15.3). In goes the answer's JSON, out come lines. */
import { pythonText } from './python-text.ts'

/** A JSON object. */
export type JsonObject = { readonly [key: string]: unknown }

export interface PhaseInput {
  /** The object that an alert would be. */
  readonly output: JsonObject
  readonly alert: boolean
  readonly rulesDebug?: readonly string[] | undefined
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Lines from `**Phase 1` on. */
export function phaseLines({ output, alert, rulesDebug }: PhaseInput): string[] {
  const lines = ['**Phase 1: Completed pre-decoding.']
  if (output.full_log !== undefined) lines.push(`\tfull event: '${pythonText(output.full_log)}'`)
  lines.push(...members(output.predecoder, ['timestamp', 'hostname', 'program_name']))
  lines.push('', '**Phase 2: Completed decoding.')
  if (isObject(output.decoder) && Object.keys(output.decoder).length > 0) {
    lines.push(...members(output.decoder, ['name', 'parent']), ...members(output.data, []))
  } else lines.push('\tNo decoder matched.')
  if (rulesDebug !== undefined) {
    lines.push('', '**Rule debugging:', ...rulesDebug.map((line) => `${line.startsWith('*') ? '\t\t' : '\t'}${line}`))
  }
  if (output.rule !== undefined) {
    lines.push('', '**Phase 3: Completed filtering (rules).')
    lines.push(...members(output.rule, ['id', 'level', 'description', 'groups', 'firedtimes']))
  }
  if (alert) lines.push('**Alert to be generated.')
  return lines
}

/** Members as lines: those named first, then the others by key; nested ones under their joined keys. */
function members(value: unknown, first: readonly string[], prefix = ''): string[] {
  if (!isObject(value)) return []
  const keys = Object.keys(value)
  const order = [
    ...first.filter((key) => keys.includes(key)),
    ...keys.filter((key) => !first.includes(key)).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
  ]
  return order.flatMap((key) => {
    const member = value[key]
    return isObject(member) ? members(member, [], `${prefix}${key}.`) : [`\t${prefix}${key}: '${pythonText(member)}'`]
  })
}
