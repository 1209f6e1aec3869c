/**
 * Who did what lately: actors by process and by file, so that a change seen by other means finds its actor. In go the
 * events of the audit, out come actors. Bound: the newest `actorsMax`; older than `keepMs` they count no more, since ids
 * are used again.
 */
import type { Actor } from '../fim/message.ts'

/** Most actors remembered by process, and by file. */
export const actorsMax = 16_384
/** How long an actor is remembered, in milliseconds. */
const keepMs = 10_000

interface Entry {
  readonly actor: Actor
  readonly atMs: number
}

export class Actors {
  readonly #byPid = new Map<number, Entry>()
  readonly #byFile = new Map<string, Entry>()
  readonly #now: () => number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Remembers who touched a file. */
  add(actor: Actor, files: readonly { readonly dev: string; readonly inode: string }[]): void {
    const entry = { actor, atMs: this.#now() }
    if (actor.processId !== undefined) put(this.#byPid, actor.processId, entry)
    for (const { dev, inode } of files) put(this.#byFile, `${dev}:${inode}`, entry)
  }

  ofProcess(pid: number): Actor | null {
    return this.#fresh(this.#byPid.get(pid))
  }

  ofFile(dev: string, inode: string): Actor | null {
    return this.#fresh(this.#byFile.get(`${dev}:${inode}`))
  }

  #fresh(entry: Entry | undefined): Actor | null {
    return entry !== undefined && this.#now() - entry.atMs <= keepMs ? entry.actor : null
  }
}

function put<K>(map: Map<K, Entry>, key: K, entry: Entry): void {
  map.delete(key)
  if (map.size >= actorsMax) {
    const oldest = map.keys().next().value
    if (oldest !== undefined) map.delete(oldest)
  }
  map.set(key, entry)
}
