/**
 * Watching whole file systems with fanotify: one mark each, no watch per folder; events name the folder by a handle, the
 * entry by its name, and the process (fanotify(7), FAN_REPORT_DFID_NAME, Linux 5.9). Needs CAP_SYS_ADMIN and
 * CAP_DAC_READ_SEARCH. In go paths, out come hints. A file system that cannot be marked is given back with the reason.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs'
import { bytesOf, isWithin, joinPath } from '../bytes.ts'
import { readMounts } from '../fim/mounts.ts'
import { type Kernel, KernelError, loadKernel } from './kernel.ts'
import { changeBits, eventBit, KernelQueue } from './kernel-queue.ts'
import type { Watcher, WatcherOptions, WatchTarget } from './watcher.ts'

const initFlags = 0x1 | 0x2 | 0x400 | 0x800 // CLOEXEC, NONBLOCK, REPORT_DIR_FID, REPORT_NAME
const markAddFilesystem = 0x1 | 0x100
const markRemoveFilesystem = 0x2 | 0x100
const mask = changeBits | eventBit.isFolder
const infoDfidName = 2
const infoDfid = 3
const eventVersion = 3
const openPath = 0o10000000

/** One event as the kernel writes it. */
export interface FanotifyEvent {
  readonly mask: number
  readonly pid: number
  /** File system id and folder handle, as bytes; null for an overflow. */
  readonly fsid: string | null
  readonly handle: Buffer | null
  readonly name: string
}

/** Events of a buffer that read(2) filled; what is cut or of another version ends the list. */
export function parseFanotify(buffer: Buffer): FanotifyEvent[] {
  const events: FanotifyEvent[] = []
  for (let at = 0; at + 24 <= buffer.length; ) {
    const length = buffer.readUInt32LE(at)
    const metadataLength = buffer.readUInt16LE(at + 6)
    if (length < 24 || at + length > buffer.length || metadataLength < 24) break
    if (buffer.readUInt8(at + 4) !== eventVersion) break
    const head = { mask: buffer.readUInt32LE(at + 8), pid: buffer.readInt32LE(at + 20) }
    let place: Pick<FanotifyEvent, 'fsid' | 'handle' | 'name'> = { fsid: null, handle: null, name: '' }
    for (let info = at + metadataLength; info + 4 <= at + length; ) {
      const infoLength = buffer.readUInt16LE(info + 2)
      if (infoLength < 4 || info + infoLength > at + length) break
      const type = buffer.readUInt8(info)
      if (type === infoDfidName || type === infoDfid) {
        place = readPlace(buffer.subarray(info, info + infoLength)) ?? place
        break
      }
      info += infoLength
    }
    events.push({ ...head, ...place })
    at += length
  }
  return events
}

function readPlace(info: Buffer): Pick<FanotifyEvent, 'fsid' | 'handle' | 'name'> | null {
  if (info.length < 20) return null
  const handleEnd = 20 + info.readUInt32LE(12)
  if (handleEnd > info.length) return null
  const nameEnd = info.indexOf(0, handleEnd)
  return {
    fsid: info.toString('latin1', 4, 12),
    // A copy: the buffer is used again.
    handle: Buffer.from(info.subarray(12, handleEnd)),
    name: nameEnd === -1 ? '' : info.toString('latin1', handleEnd, nameEnd),
  }
}

/** Most folder names remembered. */
const foldersMax = 20_000

/** Opens fanotify. Throws KernelError where it is not allowed or not there. */
export function openFanotify(options: WatcherOptions): Watcher {
  const kernel = loadKernel()
  const fd = kernel.fanotifyInit(initFlags, constants.O_RDONLY)
  return new Fanotify(kernel, fd, options)
}

class Fanotify implements Watcher {
  readonly kind = 'fanotify'
  readonly #kernel: Kernel
  readonly #fd: number
  readonly #options: WatcherOptions
  readonly #queue: KernelQueue<FanotifyEvent>
  /** A descriptor on each marked file system; which of them a handle belongs to is found by trying, then remembered. */
  #mounts: readonly number[] = []
  readonly #mountOfFsid = new Map<string, number>()
  /** Folder handle → path, or null for a folder that is none of ours. */
  readonly #folders = new Map<string, string | null>()
  /** Marked places and their devices. */
  #marked: ReadonlyMap<string, bigint> = new Map()
  #targets: readonly WatchTarget[] = []

  constructor(kernel: Kernel, fd: number, options: WatcherOptions) {
    this.#kernel = kernel
    this.#fd = fd
    this.#options = options
    const { onProblem } = options
    const take = (event: FanotifyEvent): void => this.#take(event)
    this.#queue = new KernelQueue(kernel, { name: this.kind, fd, parse: parseFanotify, take, onProblem })
  }

  watch(targets: readonly WatchTarget[]): ReadonlyMap<string, string> {
    this.#targets = targets
    this.#folders.clear()
    this.#mountOfFsid.clear()
    for (const mount of this.#mounts) closeSync(mount)
    const refused = new Map<string, string>()
    const mounts: number[] = []
    const marked = new Map<string, bigint>()
    const allMounts = readMounts().map(({ path }) => path)
    for (const { path } of targets) {
      const below = allMounts.filter(
        (mount) => isWithin(path, mount) && mount !== path && !this.#options.isSkipped(mount),
      )
      for (const place of [path, ...below]) {
        if (marked.has(place)) continue
        let mountFd: number | null = null
        try {
          mountFd = openSync(bytesOf(place), constants.O_RDONLY | constants.O_NONBLOCK)
          this.#kernel.fanotifyMark(this.#fd, markAddFilesystem, mask, place)
          marked.set(place, fstatSync(mountFd, { bigint: true }).dev)
          mounts.push(mountFd)
        } catch (error) {
          if (mountFd !== null) closeSync(mountFd)
          if (place === path) refused.set(path, error instanceof KernelError ? error.message : String(error))
        }
      }
    }
    this.#unmark(marked)
    this.#mounts = mounts
    return refused
  }

  /** Takes marks off file systems that have no target any more. The others stay: between two marks events would be lost. */
  #unmark(marked: ReadonlyMap<string, bigint>): void {
    const needed = new Set(marked.values())
    for (const [place, dev] of this.#marked) {
      if (needed.has(dev)) continue
      try {
        this.#kernel.fanotifyMark(this.#fd, markRemoveFilesystem, mask, place)
      } catch {
        // Unmounted meanwhile: the mark went with it.
      }
    }
    this.#marked = marked
  }

  async close(): Promise<void> {
    await this.#queue.close()
    for (const mount of this.#mounts) closeSync(mount)
    this.#mounts = []
  }

  #take({ mask: what, pid, fsid, handle, name }: FanotifyEvent): void {
    if ((what & eventBit.overflow) !== 0) {
      this.#options.onOverflow()
      return
    }
    if (pid === process.pid || fsid === null || handle === null) return
    const folder = this.#folderOf(fsid, handle)
    const isFolder = (what & eventBit.isFolder) !== 0
    if (isFolder && (what & (eventBit.movedFrom | eventBit.movedTo | eventBit.delete)) !== 0) this.#folders.clear()
    if (folder === null) return
    const isSelf = name === '' || name === '.'
    // Attributes of a folder, and writes to one, are nothing that is watched.
    if (
      isSelf ||
      (isFolder && (what & (eventBit.movedFrom | eventBit.movedTo | eventBit.delete | eventBit.create)) === 0)
    )
      return
    const path = joinPath(folder, name)
    // A folder made further up may be one of ours, or lead to it.
    if (this.#targets.some((target) => isWithin(target.path, path) || (isFolder && isWithin(path, target.path)))) {
      this.#options.onHint({ path, isFolder, pid })
    }
  }

  #folderOf(fsid: string, handle: Buffer): string | null {
    const key = fsid + handle.toString('latin1')
    const known = this.#folders.get(key)
    if (known !== undefined) return known
    const path = this.#openFolder(fsid, handle)
    if (path === undefined) return null
    const isOurs = this.#targets.some((target) => isWithin(target.path, path) || isWithin(path, target.path))
    if (this.#folders.size >= foldersMax) this.#folders.clear()
    this.#folders.set(key, isOurs ? path : null)
    return isOurs ? path : null
  }

  /** Undefined when the folder is gone already: its parent’s event tells of that. */
  #openFolder(fsid: string, handle: Buffer): string | undefined {
    const known = this.#mountOfFsid.get(fsid)
    for (const mount of known === undefined ? this.#mounts : [known]) {
      try {
        const fd = this.#kernel.openByHandle(mount, handle, openPath)
        try {
          const path = readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }).toString('latin1')
          if (!path.startsWith('/') || path.endsWith(' (deleted)')) return undefined
          this.#mountOfFsid.set(fsid, mount)
          return path
        } finally {
          closeSync(fd)
        }
      } catch (error) {
        if (!(error instanceof KernelError)) throw error
      }
    }
    return undefined
  }
}
