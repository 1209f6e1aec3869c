/**
 * Real-time integrity: hints of the kernel become examinations, each path once however often it was named. In go targets,
 * out come calls of `examine`. Fanotify where it is allowed, else inotify. Bound: `pendingMax` paths wait; beyond that,
 * and when the kernel lost events, everything watched is compared again.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { openFanotify } from './fanotify.ts'
import { openInotify } from './inotify.ts'
import type { Hint, Watcher, WatcherOptions, WatchTarget } from './watcher.ts'

/** Most paths that wait, unless told. */
const pendingMax = 16_384
/** From a hint to looking at the path, in milliseconds, unless told (the original's syscheck.rt_delay). */
const delayMs = 5
/** Before work that failed is tried again, in milliseconds. */
const retryMs = 1000

export interface RealtimeOptions {
  readonly targets: readonly WatchTarget[]
  readonly isSkipped: (folder: string) => boolean
  /** Called at once, while the process may still be there; what it gives goes with the hint. */
  readonly onHint?: (hint: Hint) => void
  readonly examine: (hint: Hint) => Promise<void>
  /** Compares all below the targets. */
  readonly rescan: () => Promise<void>
  /** The kernel lost events. */
  readonly onOverflow: () => Promise<void>
  readonly tell: (message: string) => void
  /** Milliseconds from a hint to looking at its path; hints that come meanwhile are looked at together. */
  readonly delayMs?: () => number
  /** Most paths that wait, unless `pendingMax`. */
  readonly pendingMax?: number
  /** Ways to try, best first. */
  readonly kinds?: readonly ('fanotify' | 'inotify')[]
}

export class Realtime {
  readonly #options: RealtimeOptions
  readonly #watchers: Watcher[] = []
  readonly #pending = new Map<string, Hint>()
  #mustRescan = false
  #hasOverflowed = false
  #isHeld = true
  #isClosed = false
  #wake: (() => void) | null = null
  #work: Promise<void> = Promise.resolve()

  constructor(options: RealtimeOptions) {
    this.#options = options
  }

  /** Starts to watch; hints gather until `release`. Gives the paths that cannot be watched, with the reasons. */
  start(): ReadonlyMap<string, string> {
    const refused = this.watch(this.#options.targets)
    this.#work = this.#run()
    return refused
  }

  /** How the paths are watched. */
  get kinds(): readonly string[] {
    return this.#watchers.map(({ kind }) => kind)
  }

  /** Watches these paths from now on. */
  watch(targets: readonly WatchTarget[]): ReadonlyMap<string, string> {
    let left = targets
    let refused: ReadonlyMap<string, string> = new Map(targets.map(({ path }) => [path, 'no way of watching is there']))
    for (const kind of this.#options.kinds ?? (['fanotify', 'inotify'] as const)) {
      if (left.length === 0) break
      const watcher = this.#watchers.find((one) => one.kind === kind) ?? this.#open(kind)
      if (watcher === null) continue
      refused = watcher.watch(left)
      left = left.filter(({ path }) => refused.has(path))
    }
    return new Map([...refused].filter(([path]) => left.some((target) => target.path === path)))
  }

  /** Examines what gathered, and from now on what comes. */
  release(): void {
    this.#isHeld = false
    this.#wake?.()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const watcher of this.#watchers) await watcher.close()
    this.#wake?.()
    await this.#work
  }

  #open(kind: 'fanotify' | 'inotify'): Watcher | null {
    const options: WatcherOptions = {
      onHint: (hint) => {
        this.#options.onHint?.(hint)
        this.add(hint)
      },
      onOverflow: () => {
        this.#hasOverflowed = true
        this.#mustRescan = true
        this.#wake?.()
      },
      onProblem: this.#options.tell,
      isSkipped: this.#options.isSkipped,
    }
    try {
      const watcher = kind === 'fanotify' ? openFanotify(options) : openInotify(options)
      this.#watchers.push(watcher)
      return watcher
    } catch (error) {
      this.#options.tell(`${kind} cannot be used: ${error instanceof Error ? error.message : String(error)}`)
      return null
    }
  }

  /** Takes a hint from elsewhere, as from the audit. */
  add(hint: Hint): void {
    const known = this.#pending.get(hint.path)
    if (known === undefined && this.#pending.size >= (this.#options.pendingMax ?? pendingMax)) {
      this.#mustRescan = true
      return
    }
    const isFolder = hint.isFolder || known?.isFolder === true
    this.#pending.set(hint.path, { ...hint, isFolder, pid: hint.pid ?? known?.pid ?? null })
    this.#wake?.()
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      if (this.#isHeld || (this.#pending.size === 0 && !this.#mustRescan)) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#wake = null
        continue
      }
      await sleep(this.#options.delayMs?.() ?? delayMs)
      try {
        await this.#examineAll()
      } catch (error) {
        this.#options.tell(`a change could not be told, it is tried again: ${String(error)}`)
        await sleep(retryMs)
      }
    }
  }

  async #examineAll(): Promise<void> {
    if (this.#hasOverflowed) {
      await this.#options.onOverflow()
      this.#hasOverflowed = false
    }
    if (this.#mustRescan) {
      this.#mustRescan = false
      this.#pending.clear()
      try {
        await this.#options.rescan()
      } catch (error) {
        this.#mustRescan = true
        throw error
      }
    }
    for (const [path, hint] of this.#pending) {
      if (this.#isClosed) return
      this.#pending.delete(path)
      try {
        await this.#options.examine(hint)
      } catch (error) {
        this.#pending.set(path, hint)
        throw error
      }
    }
  }
}
