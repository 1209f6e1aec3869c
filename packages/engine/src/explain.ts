/**
 * Why an event ended as it did: which decoders and rules were tried, in order, and in each candidate the first condition that failed with the text it
 * looked at. Slow and thorough: nothing is filtered beforehand. State is told from the correlator's own judgement, so the story is the real one.
 */

import type { DecodeTrace, EventDecoder } from './decode.ts'
import type { Decoder } from './decoder.ts'
import type { Event } from './event.ts'
import { categories } from './fields.ts'
import type { Condition, Rule } from './rule.ts'
import type { Ruleset } from './ruleset.ts'

/** Bytes of a looked-at text that are shown. */
const shownLength = 240

export interface DecoderStep {
  readonly decoder: string
  readonly file: string
  readonly line: number
  /** What was tried: the pattern's element. */
  readonly tried: 'program_name' | 'prematch' | 'regex'
  readonly pattern: string
  readonly lookedAt: string
  readonly matched: boolean
}

export interface FailedCondition {
  readonly element: string
  /** Name of the field or list, where there is one. */
  readonly name?: string
  readonly wanted: string
  readonly negate?: boolean
  /** The text it looked at; null when the event has no such part. */
  readonly lookedAt: string | null
}

export interface RuleStep {
  readonly rule: number
  readonly level: number
  readonly description: string
  readonly file: string
  readonly line: number
  readonly matched: boolean
  readonly failed?: FailedCondition
  /** What state had to say: counts of a frequency rule, first time seen, open ignore window. */
  readonly state?: string
  readonly children: readonly RuleStep[]
  /** Children ruled out because they are for another decoder; counted, not listed. */
  readonly otherDecoders: number
}

export interface Explanation {
  readonly decoder: string | null
  readonly decoders: readonly DecoderStep[]
  readonly category: string
  readonly rules: readonly RuleStep[]
  /** Id of the rule that the event ended in; null when none matched. */
  readonly result: number | null
  readonly alert: boolean
}

/** Collects the decoders that are tried while `decode` runs. */
export function traceDecoders(decoder: EventDecoder, decode: () => void): DecoderStep[] {
  const steps: DecoderStep[] = []
  const trace: DecodeTrace = {
    tried: ({ ownName, at }: Decoder, tried, pattern, subject, matched) => {
      steps.push({
        decoder: ownName,
        file: at.file,
        line: at.line,
        tried,
        pattern: pattern.source,
        lookedAt: cut(subject),
        matched,
      })
    },
    ran: () => undefined,
  }
  decoder.trace = trace
  try {
    decode()
  } finally {
    decoder.trace = null
  }
  return steps
}

export interface StateStory {
  /** Whether the rule's state conditions held, and what they said; undefined when the rule was not asked. */
  of(rule: Rule): { readonly held: boolean; readonly says: string } | undefined
}

/** Walks the rule tree the way the reference does and says of every rule tried what became of it; `listsAll` lists those of other decoders too. */
export function explainRules(ruleset: Ruleset, event: Event, story: StateStory, listsAll: boolean): RuleStep[] {
  const steps: RuleStep[] = []
  for (const root of ruleset.roots) {
    if (root.category !== event.category) continue
    const { step, isResult } = explainRule(root, event, story, listsAll)
    steps.push(step)
    if (isResult) break
  }
  return steps
}

function explainRule(
  rule: Rule,
  event: Event,
  story: StateStory,
  listsAll: boolean,
): { readonly step: RuleStep; readonly isResult: boolean } {
  const base = {
    rule: rule.id,
    level: rule.level,
    description: rule.description,
    file: rule.at.file,
    line: rule.at.line,
  }
  const failed = firstFailed(rule, event)
  if (failed !== null)
    return { step: { ...base, matched: false, failed, children: [], otherDecoders: 0 }, isResult: false }
  const state = story.of(rule)
  if (state?.held === false) {
    return { step: { ...base, matched: false, state: state.says, children: [], otherDecoders: 0 }, isResult: false }
  }
  const children: RuleStep[] = []
  let otherDecoders = 0
  let isResult = false
  for (const child of rule.children) {
    if (!listsAll && child.decodedAs !== 0 && child.decodedAs !== event.decoderId) {
      otherDecoders++
      continue
    }
    const inner = explainRule(child, event, story, listsAll)
    children.push(inner.step)
    if (inner.isResult) {
      isResult = true
      break
    }
  }
  const step = {
    ...base,
    matched: true,
    ...(state === undefined ? {} : { state: state.says }),
    children,
    otherDecoders,
  }
  return { step, isResult: isResult || !rule.noalert }
}

function firstFailed(rule: Rule, event: Event): FailedCondition | null {
  if (rule.decodedAs !== 0 && rule.decodedAs !== event.decoderId) {
    return { element: 'decoded_as', wanted: rule.decodedAsName ?? '', lookedAt: event.decoder?.name ?? null }
  }
  for (const condition of rule.conditions) if (!condition.test(event)) return told(condition, event)
  if (rule.firstTimeSeen && event.decoder?.fts == null && !event.isNewEntry) {
    return { element: 'if_fts', wanted: 'a decoder with <fts>', lookedAt: event.decoder?.name ?? null }
  }
  for (const condition of rule.lists) if (!condition.test(event)) return told(condition, event)
  return null
}

function told({ element, name, wanted, negate, subject }: Condition, event: Event): FailedCondition {
  const text = subject(event)
  return {
    element,
    ...(name === null ? {} : { name }),
    wanted,
    ...(negate ? { negate } : {}),
    lookedAt: text === null ? null : cut(text),
  }
}

function cut(text: string): string {
  return text.length <= shownLength ? text : `${text.slice(0, shownLength)}...[${text.length - shownLength} bytes more]`
}

export function categoryName(event: Event): string {
  return categories[event.category] ?? 'unknown'
}

/** Lines of rules_debug (spec: engine, part 15.1). */
export function debugLines(steps: readonly RuleStep[]): string[] {
  return steps.flatMap((step) => [
    `Trying rule: ${step.rule} - ${step.description}`,
    ...(step.matched
      ? [
          `*Rule ${step.rule} matched`,
          ...(step.children.length > 0 ? ['*Trying child rules', ...debugLines(step.children)] : []),
        ]
      : []),
  ])
}
