/** What to read and how: the shape of `<localfile>` (spec: modules, part 1). */
import type { Pattern } from '@dogwatch/pattern'

/** How the lines of a source become events. */
export type LogFormat =
  | { readonly kind: 'line' }
  | { readonly kind: 'json' }
  | { readonly kind: 'audit' }
  | { readonly kind: 'cri' }
  | { readonly kind: 'lines'; readonly count: number }
  | {
      readonly kind: 'regex'
      readonly pattern: Pattern
      readonly match: 'start' | 'all' | 'end'
      /** What stands between joined lines. */
      readonly joint: string
      readonly timeoutMs: number
    }

/** One field to add to JSON objects. */
export interface Label {
  /** Dots nest. */
  readonly key: string
  readonly value: string
}

interface Common {
  readonly labels: readonly Label[]
  /** Template of the message; null: the log as it is. */
  readonly outFormat: string | null
  readonly ignore: readonly Pattern[]
  readonly restrict: readonly Pattern[]
}

export interface FileSource extends Common {
  readonly kind: 'file'
  /** Byte text with wildcards and strftime tokens. */
  readonly location: string
  readonly format: LogFormat
  /** yes: begin at the end each time. no: go on where the last run ended. */
  readonly onlyFuture: boolean
  /** How far back at most, in bytes; 0: no limit. */
  readonly backMax: number
  /** Files not modified for longer are passed over, in seconds; null: none is. */
  readonly ageMaxS: number | null
  /** Globs of files to leave out. */
  readonly exclude: readonly string[]
  readonly ignoresBinaries: boolean
}

export interface CommandSource extends Common {
  readonly kind: 'command'
  readonly command: string
  /** How it is called in messages; the command itself unless told. */
  readonly alias: string
  readonly frequencyS: number
  /** One event for the whole output, not one for each line. */
  readonly isFull: boolean
}

export interface JournalSource extends Common {
  readonly kind: 'journald'
  readonly onlyFuture: boolean
  /** One of these groups must match; within a group all filters. */
  readonly filters: readonly (readonly JournalFilter[])[]
}

export interface JournalFilter {
  readonly field: string
  readonly pattern: Pattern
  readonly ignoresMissing: boolean
}

export type LogSource = FileSource | CommandSource | JournalSource

/** Longest event, in bytes (spec: modules, part 1). */
export const eventLengthMax = 65_279
