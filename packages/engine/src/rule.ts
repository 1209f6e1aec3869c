/** What a rule is, once loaded (spec: engine, parts 8 to 11). */
import type { Pattern } from '@dogwatch/pattern'
import type { SourceSpan } from '@dogwatch/schema'
import type { Event } from './event.ts'

/** A condition that needs only the event. `test` answers; the rest serves guards and explanations. */
export interface Condition {
  /** The element that stated it: `match`, `field`, `srcip`, … */
  readonly element: string
  /** Evaluation order (spec: engine, part 9.2). */
  readonly order: number
  /** Field name of a `field` or `list` condition. */
  readonly name: string | null
  readonly negate: boolean
  readonly pattern: Pattern | null
  /** What was asked for, as text for explanations. */
  readonly wanted: string
  readonly test: (event: Event) => boolean
  /** The text it looks at; null when the event has none. */
  readonly subject: (event: Event) => string | null
  /** Slot of the dynamic field that must be there, -1 when none. */
  readonly slot: number
}

/** A part of an event that correlation compares: a static field, a dynamic one, or the location. */
export type FieldRef =
  | { readonly kind: 'static'; readonly index: number; readonly name: string }
  | { readonly kind: 'dynamic'; readonly slot: number; readonly name: string }
  | { readonly kind: 'location'; readonly name: string }

export interface Correlation {
  /** Which list is searched. */
  readonly source: 'sid' | 'group' | 'all'
  /** Rule id of `if_matched_sid`. */
  readonly sid: number
  readonly groupPattern: Pattern | null
  readonly groupText: string
  readonly regex: Pattern | null
  readonly same: readonly FieldRef[]
  readonly different: readonly FieldRef[]
  /** Names of the `same_field` and `different_field` conditions need at least one dynamic field on both sides. */
  readonly sameDynamic: boolean
  readonly differentDynamic: boolean
  readonly global: boolean
}

export interface RuleMitre {
  readonly ids: readonly string[]
  /** `[tactic id, technique id]` pairs of the newer form; null for the older one. */
  readonly pairs: readonly (readonly [string, string])[] | null
}

/** Everything that an `overwrite="yes"` takes over. */
export interface RuleBody {
  level: number
  weight: number
  /** As written less 2; 0 when the attribute is absent. */
  frequency: number
  hasFrequency: boolean
  /** Seconds. */
  timeframe: number
  /** Seconds; 0 when there is no `ignore`. */
  ignoreSeconds: number
  noalert: boolean
  description: string
  groupText: string
  info: string | null
  cve: string | null
  mitre: RuleMitre | null
  /** Whether alerts are written, mail is marked, full_log and firedtimes are shown. */
  log: boolean
  mail: boolean
  noFullLog: boolean
  noCounter: boolean
  /** Decoder number of `decoded_as`; 0 when any will do. */
  decodedAs: number
  decodedAsName: string | null
  conditions: readonly Condition[]
  /** List conditions, judged behind the stateful ones. */
  lists: readonly Condition[]
  firstTimeSeen: boolean
  checkDiff: boolean
  same: Correlation['same']
  different: Correlation['different']
  global: boolean
  matchedRegex: Pattern | null
  at: SourceSpan
}

export interface Rule extends RuleBody {
  readonly id: number
  /** Position in the ruleset's table of placed rules. */
  readonly index: number
  /** Position in the table of rules: another than `index` for a double, the same rule in places where it has other children. */
  readonly home: number
  category: number
  correlation: Correlation | null
  readonly ifSid: string
  readonly ifGroup: string
  readonly ifLevel: string
  readonly ifMatchedSid: string
  readonly ifMatchedGroup: string
  children: readonly Rule[]
  /** In how many places of the tree it hangs. */
  places: number
  /** Correlation rules whose group list this rule's events join, once for each place (spec: engine, part 10.1). */
  readonly groupConsumers: Rule[]
  /** Whether some rule asks for this one's id in `if_matched_sid`. */
  isMatchedSid: boolean
}
