/** What a decoder is, once loaded (spec: engine, part 5). */
import type { Pattern } from '@dogwatch/pattern'
import type { SourceSpan } from '@dogwatch/schema'

/** Where a name of `order` sends its group: a static field by index, or a dynamic one by key and slot. */
export type Target =
  | { readonly kind: 'static'; readonly index: number; readonly name: string }
  | { readonly kind: 'dynamic'; readonly key: string; readonly slot: number }

export type PluginName =
  | 'PF_Decoder'
  | 'SymantecWS_Decoder'
  | 'SonicWall_Decoder'
  | 'OSSECAlert_Decoder'
  | 'JSON_Decoder'

/** From where a child's pattern or plugin reads. */
export type Offset = 'none' | 'after_parent' | 'after_prematch' | 'after_regex'

/** Which values make up a first-time-seen key, in the fixed order of part 5.6. */
export interface FirstTimeSeen {
  readonly name: boolean
  readonly location: boolean
  /** Static indices in key order, `location` and dynamic ones apart. */
  readonly statics: ReadonlySet<number>
  readonly dynamic: readonly number[]
}

export interface Decoder {
  /** Reported name: the parent's for a child without `use_own_name`. */
  name: string
  /** Number of the reported name; rules compare it. Never 0. */
  id: number
  readonly ownName: string
  readonly parent: string | null
  readonly programName: Pattern | null
  readonly prematch: Pattern | null
  readonly prematchOffset: Offset
  readonly regex: Pattern | null
  readonly regexOffset: Offset
  readonly order: readonly Target[]
  readonly plugin: PluginName | null
  readonly pluginOffset: Offset
  readonly category: number
  readonly fts: FirstTimeSeen | null
  readonly ftscomment: string | null
  readonly accumulate: boolean
  readonly jsonNull: 'string' | 'discard'
  readonly jsonArray: 'array' | 'csv'
  readonly useOwnName: boolean
  readonly at: SourceSpan
  /** Children of a top-level decoder, in load order. */
  readonly children: Child[]
  /** Ready-made JSON of the alert's `decoder` member. */
  json: string
}

/** A child in one parent's list; `next` marks the earlier links of a same-name chain. */
export interface Child {
  readonly decoder: Decoder
  next: boolean
}

export interface DecoderSet {
  /** Top-level decoders that ask for a program name, in load order. */
  readonly withProgram: readonly Decoder[]
  /** Top-level decoders that do not. */
  readonly withoutProgram: readonly Decoder[]
  /** Number of each distinct decoder name, the built-in ones included. */
  readonly ids: ReadonlyMap<string, number>
}

/** Names that rules may use in `decoded_as` though no file defines them (spec: engine, part 5.2). */
export const builtinDecoderNames = [
  'rootcheck',
  'syscheck_integrity_changed',
  'syscheck_new_entry',
  'syscheck_deleted',
  'syscheck_registry_key_modified',
  'syscheck_registry_key_added',
  'syscheck_registry_key_deleted',
  'syscheck_registry_value_modified',
  'syscheck_registry_value_added',
  'syscheck_registry_value_deleted',
  'hostinfo_new',
  'hostinfo_modified',
  'syscollector',
  'ciscat',
  'windows_eventchannel',
  'sca',
] as const
