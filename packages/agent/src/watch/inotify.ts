/**
 * Watching with inotify (inotify(7)): a watch per folder, kept up as folders come and go. In go paths, out come hints;
 * when the kernel's queue overflows, or watches run out, that is told.
 */
import { dirname } from 'node:path/posix'
import { isWithin, joinPath, shownText } from '../bytes.ts'
import { walkFolders } from '../fim/walk.ts'
import { type Kernel, KernelError, loadKernel } from './kernel.ts'
import { changeBits, eventBit, KernelQueue } from './kernel-queue.ts'
import type { Watcher, WatcherOptions, WatchTarget } from './watcher.ts'

const initFlags = 0o2004000 // IN_NONBLOCK, IN_CLOEXEC
const deleteSelf = 0x400
const moveSelf = 0x800
const ignored = 0x8000
const mask = changeBits | deleteSelf | moveSelf
const onlyDir = 0x0100_0000
const dontFollow = 0x0200_0000

export interface InotifyEvent {
  readonly watch: number
  readonly mask: number
  readonly name: string
}

/** Events of a buffer that read(2) filled; a cut one ends the list. */
export function parseInotify(buffer: Buffer): InotifyEvent[] {
  const events: InotifyEvent[] = []
  for (let at = 0; at + 16 <= buffer.length; ) {
    const nameLength = buffer.readUInt32LE(at + 12)
    const end = at + 16 + nameLength
    if (end > buffer.length) break
    const zero = buffer.indexOf(0, at + 16)
    const nameEnd = zero === -1 || zero > end ? end : zero
    events.push({
      watch: buffer.readInt32LE(at),
      mask: buffer.readUInt32LE(at + 4),
      name: buffer.toString('latin1', at + 16, nameEnd),
    })
    at = end
  }
  return events
}

/** Opens inotify. Throws KernelError when no instance is left. */
export function openInotify(options: WatcherOptions): Watcher {
  const kernel = loadKernel()
  return new Inotify(kernel, kernel.inotifyInit(initFlags), options)
}

class Inotify implements Watcher {
  readonly kind = 'inotify'
  readonly #kernel: Kernel
  readonly #fd: number
  readonly #options: WatcherOptions
  readonly #queue: KernelQueue<InotifyEvent>
  readonly #folders = new Map<number, string>()
  readonly #watches = new Map<string, number>()
  #targets: readonly WatchTarget[] = []
  #hasToldLimit = false

  constructor(kernel: Kernel, fd: number, options: WatcherOptions) {
    this.#kernel = kernel
    this.#fd = fd
    this.#options = options
    const { onProblem } = options
    const take = (event: InotifyEvent): void => this.#take(event)
    this.#queue = new KernelQueue(kernel, { name: this.kind, fd, parse: parseInotify, take, onProblem })
  }

  watch(targets: readonly WatchTarget[]): ReadonlyMap<string, string> {
    this.#targets = targets
    const refused = new Map<string, string>()
    for (const [folder, watch] of this.#watches) {
      if (!targets.some(({ path }) => isWithin(path, folder))) this.#drop(folder, watch)
    }
    for (const { path, recursionLevel } of targets) {
      const reason = this.#addBelow(path, recursionLevel)
      if (reason !== null) refused.set(path, reason)
    }
    return refused
  }

  close(): Promise<void> {
    return this.#queue.close()
  }

  #addBelow(folder: string, depthMax: number): string | null {
    let reason: string | null = null
    let isFolder = false
    const options = { depthMax, isSkipped: this.#options.isSkipped, unreadable: () => {} }
    for (const path of walkFolders(folder, options)) {
      isFolder = true
      reason ??= this.#add(path)
    }
    // A single file is watched through its folder, so that its replacement is seen too.
    return isFolder ? reason : this.#add(dirname(folder))
  }

  #add(folder: string): string | null {
    try {
      const watch = this.#kernel.inotifyAdd(this.#fd, folder, mask | onlyDir | dontFollow)
      const before = this.#folders.get(watch)
      if (before !== undefined && before !== folder) this.#watches.delete(before)
      this.#folders.set(watch, folder)
      this.#watches.set(folder, watch)
      return null
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      if (error.code !== 'ENOSPC') return `${shownText(folder)}: ${error.message}`
      const says = 'no inotify watches are left; raise fs.inotify.max_user_watches'
      if (!this.#hasToldLimit) this.#options.onProblem(`${shownText(folder)}: ${says}`)
      this.#hasToldLimit = true
      return says
    }
  }

  #drop(folder: string, watch: number): void {
    this.#kernel.inotifyRemove(this.#fd, watch)
    this.#folders.delete(watch)
    this.#watches.delete(folder)
  }

  #take({ watch, mask: what, name }: InotifyEvent): void {
    if ((what & eventBit.overflow) !== 0) {
      this.#options.onOverflow()
      return
    }
    const folder = this.#folders.get(watch)
    if (folder === undefined) return
    if ((what & ignored) !== 0) {
      this.#folders.delete(watch)
      if (this.#watches.get(folder) === watch) this.#watches.delete(folder)
      return
    }
    if ((what & (deleteSelf | moveSelf)) !== 0) {
      // Moved: its path is another now, so the old one is looked at, and the new one watched by its new parent.
      if ((what & moveSelf) !== 0) this.#dropBelow(folder)
      this.#options.onHint({ path: folder, isFolder: true, pid: null })
      return
    }
    if (name === '') return
    const path = joinPath(folder, name)
    const isFolder = (what & eventBit.isFolder) !== 0
    if (isFolder && (what & (eventBit.create | eventBit.movedTo)) !== 0) this.#addNew(path)
    if (isFolder && (what & (eventBit.create | eventBit.movedTo | eventBit.movedFrom | eventBit.delete)) === 0) return
    const isOurs = this.#targets.some(
      (target) => isWithin(target.path, path) || (isFolder && isWithin(path, target.path)),
    )
    if (isOurs) this.#options.onHint({ path, isFolder, pid: null })
  }

  #addNew(folder: string): void {
    if (this.#options.isSkipped(folder)) return
    for (const { path, recursionLevel } of this.#targets) {
      if (!isWithin(path, folder)) continue
      const depth = folder
        .slice(path.length)
        .split('/')
        .filter((part) => part !== '').length
      if (depth <= recursionLevel) this.#addBelow(folder, recursionLevel - depth)
    }
  }

  #dropBelow(folder: string): void {
    for (const [path, watch] of this.#watches) if (isWithin(folder, path)) this.#drop(path, watch)
  }
}
