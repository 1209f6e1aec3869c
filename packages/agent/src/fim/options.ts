/** What to watch and how: the shape of `<syscheck>` (spec: fim, part 1), and which of its entries decides for a path. */
import type { Pattern } from '@dogwatch/pattern'
import { isWithin } from '../bytes.ts'

/** Attributes that can be compared, in the order of their bits. */
export const checkNames = ['size', 'perm', 'owner', 'group', 'mtime', 'inode', 'md5', 'sha1', 'sha256'] as const
export type Check = (typeof checkNames)[number]

/** The bit of a check in a mask. */
export function checkBit(check: Check): number {
  return 1 << checkNames.indexOf(check)
}
/** Every check. */
export const allChecks = (1 << checkNames.length) - 1
/** Checks that need the file's content. */
export const contentChecks = checkBit('md5') | checkBit('sha1') | checkBit('sha256')

/** How a change was noticed. */
export type Mode = 'scheduled' | 'realtime' | 'whodata'

/** One path of `<directories>`. Paths and patterns are byte texts. */
export interface WatchedPath {
  readonly path: string
  readonly mode: Mode
  /** Mask of checks. */
  readonly checks: number
  readonly reportChanges: boolean
  /** Largest file whose text is kept for a diff, in bytes; null: as `<diff><file_size>` says. */
  readonly diffSizeMax: number | null
  /** Only files whose whole path matches. */
  readonly restrict: Pattern | null
  /** Comma list, copied to the event. */
  readonly tags: string
  /** 0: files directly inside only; at most 320. */
  readonly recursionLevel: number
  /** Where `path` is a link, watch what it points to. */
  readonly followsLink: boolean
}

/** Paths that begin with one of `prefixes` or match one of `patterns`. */
export interface PathSet {
  readonly prefixes: readonly string[]
  readonly patterns: readonly Pattern[]
}

/** Is the path one of the set? */
export function isOneOf({ prefixes, patterns }: PathSet, path: string): boolean {
  return prefixes.some((prefix) => path.startsWith(prefix)) || patterns.some((pattern) => pattern.test(path))
}

/** Telling the manager's inventory what is known (spec: agent-protocol, part 9). */
export interface SyncConfig {
  readonly isOn: boolean
  /** Seconds between comparisons. */
  readonly intervalS: number
  /** Seconds that it may grow to while the manager's answers still come in. */
  readonly intervalMaxS: number
  /** Seconds after an answer in which no new comparison begins. */
  readonly responseTimeoutS: number
  /** Most answers that wait. */
  readonly queueSize: number
  /** Messages a second; 0: no limit. */
  readonly epsMax: number
}

export interface WhodataConfig {
  /** Keys besides our own whose records count. */
  readonly keys: readonly string[]
  readonly restartsAudit: boolean
  readonly healthcheck: boolean
  /** Most audit rules; paths beyond them are watched in real time alone. */
  readonly rulesMax: number
  /** Most paths that wait to be looked at; beyond that everything watched is compared. */
  readonly queueSize: number
}

/** All of `<syscheck>`. */
export interface FimConfig {
  readonly disabled: boolean
  /** Seconds between scans. */
  readonly frequencyS: number
  /** Minute of the day at which a scan runs; null: by frequency. */
  readonly scanMinute: number | null
  /** 0 Sunday … 6 Saturday. */
  readonly scanDay: number | null
  readonly scansOnStart: boolean
  /** Wildcards and variables not yet expanded. */
  readonly directories: readonly WatchedPath[]
  readonly ignore: PathSet
  readonly nodiff: PathSet
  readonly skipsNfs: boolean
  readonly skipsDev: boolean
  readonly skipsProc: boolean
  readonly skipsSys: boolean
  /** Messages a second; 0: no limit. */
  readonly epsMax: number
  /** Files a second; 0: no limit. */
  readonly filesPerSecondMax: number
  /** Nice value. */
  readonly niceness: number
  /** Most files in the baseline; 0: no limit. */
  readonly fileLimit: number
  /** Bytes of stored texts altogether; 0: no limit. */
  readonly diffQuota: number
  /** Bytes of the largest file whose text is stored; 0: no limit. */
  readonly diffSizeMax: number
  /** Larger files get no hashes, in bytes. */
  readonly hashSizeMax: number
  /** Milliseconds from a hint in real time to looking at the file. */
  readonly realtimeDelayMs: number
  /** Seconds between looks at where links lead, and whether watched paths are there. */
  readonly linkCheckS: number
  /** no: as the original, the baseline is forgotten at start and the first scan says nothing. */
  readonly alertsAfterRestart: boolean
  /** The baseline is in memory only. */
  readonly isInMemory: boolean
  /** Words of a command whose output is hashed in place of each file; empty: none. */
  readonly prefilter: readonly string[]
  /** May the shared configuration set `prefilter`? Only this host's own can say so. */
  readonly allowsSharedPrefilter: boolean
  readonly sync: SyncConfig
  readonly whodata: WhodataConfig
}

/** Which configured path decides for a file, and how far the file is below it. */
export interface Covering {
  readonly watched: WatchedPath
  /** Folders between the configured path and the file; 0 is directly inside. */
  readonly depth: number
}

/** The deepest configured path that covers `path`; null when none does or the file is too deep. `watched` is sorted, deepest first. */
export function coveringPath(watched: readonly WatchedPath[], path: string): Covering | null {
  for (const entry of watched) {
    if (!isWithin(entry.path, path)) continue
    const depth = depthBelow(entry.path, path)
    return depth > entry.recursionLevel ? null : { watched: entry, depth }
  }
  return null
}

function depthBelow(folder: string, path: string): number {
  let depth = -1
  for (let at = folder === '/' ? 0 : folder.length; at !== -1 && at < path.length; at = path.indexOf('/', at + 1))
    depth++
  return Math.max(0, depth)
}
