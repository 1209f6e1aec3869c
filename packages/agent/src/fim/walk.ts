/**
 * The files below a watched path, as byte texts. In go the path and its bounds, out come files in no promised order;
 * links, sockets, devices and other entries of the configuration are passed over. A folder that cannot be read is told.
 */
import { type Dirent, lstatSync, opendirSync } from 'node:fs'
import { joinPath, systemPath } from '../bytes.ts'
import { errorCode, isAbsence } from './file-state.ts'

export interface WalkOptions {
  /** Folders between the root and a file; 0 is directly inside. */
  readonly depthMax: number
  /** Is this folder not to be entered? */
  readonly isSkipped: (folder: string) => boolean
  readonly unreadable: (folder: string, reason: string) => void
}

/** Regular files below `root`, or `root` itself when it is one. Reads folders piece by piece: memory does not grow with them. */
export function* walkFiles(root: string, options: WalkOptions): Generator<string> {
  const stat = lstatSync(systemPath(root), { throwIfNoEntry: false })
  if (stat === undefined) return
  if (stat.isFile()) yield root
  if (!stat.isDirectory()) return
  const folders: [folder: string, depth: number][] = [[root, 0]]
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    const [folder, depth] = next
    for (const entry of entriesOf(folder, options)) {
      const path = joinPath(folder, entry.name)
      const kind = kindOf(entry, path)
      if (kind === 'file') yield path
      else if (kind === 'folder' && depth < options.depthMax && !options.isSkipped(path))
        folders.push([path, depth + 1])
    }
  }
}

/** Folders below `root`, itself included, within the same bounds. */
export function* walkFolders(root: string, options: WalkOptions): Generator<string> {
  const stat = lstatSync(systemPath(root), { throwIfNoEntry: false })
  if (!stat?.isDirectory()) return
  const folders: [folder: string, depth: number][] = [[root, 0]]
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    const [folder, depth] = next
    yield folder
    if (depth >= options.depthMax) continue
    for (const entry of entriesOf(folder, options)) {
      const path = joinPath(folder, entry.name)
      if (kindOf(entry, path) === 'folder' && !options.isSkipped(path)) folders.push([path, depth + 1])
    }
  }
}

function* entriesOf(folder: string, { unreadable }: WalkOptions): Generator<Dirent> {
  try {
    const dir = opendirSync(systemPath(folder), { encoding: 'latin1', bufferSize: 64 })
    try {
      for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) yield entry
    } finally {
      dir.closeSync()
    }
  } catch (error) {
    const code = errorCode(error)
    if (!isAbsence(code)) unreadable(folder, code)
  }
}

function kindOf(entry: Dirent, path: string): 'file' | 'folder' | 'other' {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'folder'
  if (entry.isSymbolicLink() || entry.isFIFO() || entry.isSocket()) return 'other'
  // Some file systems do not say what an entry is.
  const stat = lstatSync(systemPath(path), { throwIfNoEntry: false })
  return stat?.isFile() ? 'file' : stat?.isDirectory() ? 'folder' : 'other'
}
