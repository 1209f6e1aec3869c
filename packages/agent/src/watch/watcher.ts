/** What real-time watching is, whichever of the kernel's ways is used. */

/** Something happened at a path (byte text). */
export interface Hint {
  readonly path: string
  /** A folder was made, moved or removed, so all below is in question. */
  readonly isFolder: boolean
  /** The process that did it, where the kernel says so. */
  readonly pid: number | null
}

export interface WatchTarget {
  readonly path: string
  readonly recursionLevel: number
}

export interface WatcherOptions {
  readonly onHint: (hint: Hint) => void
  /** The kernel lost events: everything must be compared. */
  readonly onOverflow: () => void
  readonly onProblem: (message: string) => void
  /** Folders that are not watched. */
  readonly isSkipped: (folder: string) => boolean
}

export interface Watcher {
  readonly kind: 'fanotify' | 'inotify'
  /** Watches these paths and no others. Gives those that this kind cannot watch, with the reason. */
  watch(targets: readonly WatchTarget[]): ReadonlyMap<string, string>
  close(): Promise<void>
}
