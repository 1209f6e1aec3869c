/**
 * Security rules: what the context of a login by `run_as` must look like for a rule to hold (spec: api, part 2).
 *
 * A rule is an object of one operator. `AND` and `OR` hold a list of rules, `NOT` holds one. `MATCH` holds a structure that the context must have at its root,
 * `FIND` one that it must have at any depth; a list there is met by a list that has all its values. `MATCH$` and `FIND$` want lists to be the same. Names and
 * texts written as `r'…'` are regular expressions that must fit from the beginning. The context comes from outside, the rules from an administrator.
 *
 * Can go wrong: a rule that is none (`ruleProblem`); expressions that run away on a context, which end the whole question (`rulesThatHold` gives null).
 */
import { withDeadline } from '@dogwatch/pattern'

/** Levels of a rule, and of a context. */
export const contextDepthMax = 20
/** Characters of a rule as JSON, and bytes of a context. */
export const ruleLengthMax = 8192
export const contextLengthMax = 65_536
/** Milliseconds that all rules together may look at a context. */
const millisecondsMax = 200

const searches = ['MATCH', 'MATCH$', 'FIND', 'FIND$']
const expression = /^r'(.*)'$/s

type JsonObject = Readonly<Record<string, unknown>>

/** What is wrong with a rule; null when nothing is. */
export function ruleProblem(rule: unknown): string | null {
  if (JSON.stringify(rule).length > ruleLengthMax) return `a rule has at most ${ruleLengthMax} characters`
  return operatorProblem(rule, 0)
}

function operatorProblem(rule: unknown, depth: number): string | null {
  if (depth > contextDepthMax) return `a rule has at most ${contextDepthMax} levels`
  if (!isObject(rule)) return 'a rule is an object of one operator: AND, OR, NOT, MATCH, MATCH$, FIND or FIND$'
  const [operator, ...others] = Object.keys(rule)
  if (operator === undefined || others.length > 0)
    return 'a rule is an object of one operator; join several by AND or OR'
  const held = rule[operator]
  if (operator === 'NOT') return operatorProblem(held, depth + 1)
  if (operator === 'AND' || operator === 'OR') {
    if (!Array.isArray(held) || held.length === 0) return `${operator} holds a list of rules`
    return held.map((each) => operatorProblem(each, depth + 1)).find((problem) => problem !== null) ?? null
  }
  if (!searches.includes(operator)) return `${operator} is no operator: AND, OR, NOT, MATCH, MATCH$, FIND, FIND$`
  if (!isObject(held) || Object.keys(held).length === 0) return `${operator} holds an object with at least one member`
  return structureProblem(held, depth + 1)
}

function structureProblem(wanted: unknown, depth: number): string | null {
  if (depth > contextDepthMax) return `a rule has at most ${contextDepthMax} levels`
  if (typeof wanted === 'string') return expressionProblem(wanted)
  if (!isObject(wanted) && !Array.isArray(wanted)) return null
  const parts = Array.isArray(wanted) ? wanted : [...Object.keys(wanted), ...Object.values(wanted)]
  return parts.map((part) => structureProblem(part, depth + 1)).find((problem) => problem !== null) ?? null
}

function expressionProblem(text: string): string | null {
  try {
    patternOf(text)
    return null
  } catch {
    return `${text.slice(0, 100)} is no regular expression`
  }
}

/** Which rules hold for a context, by their index; an empty context meets none. Null when they took too long. */
export function rulesThatHold(rules: readonly unknown[], context: unknown): readonly number[] | null {
  if (!isObject(context) || Object.keys(context).length === 0) return []
  const patterns = new Map<string, RegExp | null>()
  const guarded = withDeadline(millisecondsMax, () =>
    rules.flatMap((rule, index) => (holds(rule, context, patterns) ? [index] : [])),
  )
  return guarded.done ? guarded.value : null
}

/** Levels of a value: 1 for a text, one more for each object or list around it; stops at `max`. */
export function depthOf(value: unknown, max: number): number {
  if (max <= 0 || typeof value !== 'object' || value === null) return 1
  return 1 + Object.values(value).reduce<number>((most, part) => Math.max(most, depthOf(part, max - 1)), 0)
}

type Patterns = Map<string, RegExp | null>

function holds(rule: unknown, context: JsonObject, patterns: Patterns): boolean {
  if (!isObject(rule)) return false
  const [operator = ''] = Object.keys(rule)
  const held = rule[operator]
  const isStrict = operator.endsWith('$')
  switch (operator) {
    case 'AND':
      return Array.isArray(held) && held.every((each) => holds(each, context, patterns))
    case 'OR':
      return Array.isArray(held) && held.some((each) => holds(each, context, patterns))
    case 'NOT':
      return isObject(held) && !holds(held, context, patterns)
    case 'MATCH':
    case 'MATCH$':
      return has(context, held, isStrict, patterns)
    case 'FIND':
    case 'FIND$':
      return finds(context, held, isStrict, patterns)
    default:
      return false
  }
}

function finds(value: unknown, wanted: unknown, isStrict: boolean, patterns: Patterns): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (isObject(value) && has(value, wanted, isStrict, patterns)) return true
  return Object.values(value).some((part) => finds(part, wanted, isStrict, patterns))
}

/** Has a value what is wanted of it? */
function has(value: unknown, wanted: unknown, isStrict: boolean, patterns: Patterns): boolean {
  if (isObject(wanted)) {
    if (!isObject(value)) return false
    return Object.entries(wanted).every(([name, part]) =>
      Object.entries(value).some(([key, held]) => isText(key, name, patterns) && has(held, part, isStrict, patterns)),
    )
  }
  if (isObject(value)) return false
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  const parts: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted]
  if (isStrict && values.length !== parts.length) return false
  return parts.every((part) =>
    values.some((each) =>
      isObject(part) || isObject(each)
        ? has(each, part, isStrict, patterns)
        : isText(textOf(each), textOf(part), patterns),
    ),
  )
}

function isText(text: string, wanted: string, patterns: Patterns): boolean {
  let pattern = patterns.get(wanted)
  if (pattern === undefined) {
    pattern = patternOf(wanted)
    patterns.set(wanted, pattern)
  }
  return pattern === null ? text === wanted : pattern.test(text)
}

/** The expression of `r'…'`; null for a text that stands for itself. Throws SyntaxError. */
function patternOf(text: string): RegExp | null {
  const source = expression.exec(text)?.[1]
  return source === undefined ? null : new RegExp(`^(?:${source})`, 'u')
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
