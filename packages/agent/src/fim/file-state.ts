/**
 * A file's attributes, hashes included, read in one pass over its content. In goes a path (byte text); out comes its
 * state, or why there is none: it is gone, it is not a regular file, it cannot be read. Never waits on a FIFO or device;
 * a file that changes meanwhile is read once more; one above the bound has no hashes.
 */
import { createHash, type Hash, hash } from 'node:crypto'
import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import { systemPath } from '../bytes.ts'
import type { Names } from './names.ts'
import { checkBit, contentChecks } from './options.ts'
import { filtered } from './prefilter.ts'

/** What is known of a file. What is not checked is 0 or ''. Texts of bytes are latin1. */
export interface FileState {
  readonly size: number
  /** `rwxr-xr-x`. */
  readonly perm: string
  readonly uid: string
  readonly gid: string
  readonly userName: string
  readonly groupName: string
  /** Unix seconds. */
  readonly mtime: number
  readonly inode: string
  readonly md5: string
  readonly sha1: string
  readonly sha256: string
}

/** Where a file's content is, whatever is checked; for hard links. */
export interface FilePlace {
  readonly dev: string
  readonly inode: string
  readonly links: number
}

export type FileReading =
  | {
      readonly kind: 'file'
      readonly state: FileState
      readonly place: FilePlace
      /** Hashes were wished, but the file is above the bound. */
      readonly isTooLarge: boolean
    }
  /** Does not exist, or is no regular file (any more). */
  | { readonly kind: 'gone' }
  /** Exists, but its state cannot be had now. */
  | { readonly kind: 'unreadable'; readonly reason: string }

export interface ReadOptions {
  /** Mask of checks. */
  readonly checks: number
  readonly names: Names
  /** Larger files are not hashed, in bytes. */
  readonly hashSizeMax: number
  /** Words of a command whose output is hashed in place of the file; empty: none. */
  readonly prefilter?: readonly string[]
}

/** How much is read at once, in bytes. */
const chunkSize = 256 * 1024
/** How much is hashed before others get a turn, in bytes. */
const turnSize = 8 * 1024 * 1024
const chunk = Buffer.allocUnsafeSlow(chunkSize)

type Hashes = Pick<FileState, 'md5' | 'sha1' | 'sha256'>
const noHashes: Hashes = { md5: '', sha1: '', sha256: '' }

/** Reads a file's state. Does not follow a link at the end of the path. */
export async function readFileState(path: string, options: ReadOptions): Promise<FileReading> {
  try {
    const stat = lstatSync(systemPath(path), { bigint: true, throwIfNoEntry: false })
    if (stat === undefined || !stat.isFile()) return { kind: 'gone' }
    const wantsContent = (options.checks & contentChecks) !== 0
    if (!wantsContent || stat.size > options.hashSizeMax) return reading(stat, noHashes, options)
    if (stat.size === 0n) return reading(stat, emptyHashes, options)
    return await hashed(path, options)
  } catch (error) {
    const reason = errorCode(error)
    return isAbsence(reason) ? { kind: 'gone' } : { kind: 'unreadable', reason }
  }
}

async function hashed(path: string, options: ReadOptions): Promise<FileReading> {
  // O_NONBLOCK: between lstat and open the file may have become a FIFO.
  const fd = openSync(systemPath(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    let before = fstatSync(fd, { bigint: true })
    if (!before.isFile()) return { kind: 'gone' }
    for (let attempt = 0; ; attempt++) {
      const hashes = (await prefilteredHashes(path, options)) ?? (await hashContent(fd, options))
      const after = fstatSync(fd, { bigint: true })
      const isSame = after.size === before.size && after.mtimeNs === before.mtimeNs
      if (after.nlink === 0n) return { kind: 'gone' }
      // Twice is enough: a file that never rests is reported as it was last seen, and again when it is next looked at.
      if (isSame || attempt === 1) return reading(after, hashes, options)
      before = after
    }
  } finally {
    closeSync(fd)
  }
}

/** Hashes of what the command makes of the file; null where there is no command, or it fails. */
async function prefilteredHashes(path: string, options: ReadOptions): Promise<Hashes | null> {
  if (options.prefilter === undefined || options.prefilter.length === 0) return null
  const hashers = new Hashers(options.checks)
  const isWhole = await filtered(options.prefilter, path, options.hashSizeMax, (content) => hashers.update(content))
  return isWhole ? hashers.end() : null
}

async function hashContent(fd: number, { checks, hashSizeMax }: ReadOptions): Promise<Hashes> {
  const first = readSync(fd, chunk, 0, chunkSize, 0)
  if (first < chunkSize) {
    const content = chunk.subarray(0, first)
    const one = (name: keyof Hashes) => ((checks & checkBit(name)) === 0 ? '' : hash(name, content))
    return { md5: one('md5'), sha1: one('sha1'), sha256: one('sha256') }
  }
  const hashers = new Hashers(checks)
  let length = first
  let position = 0
  let sinceTurn = 0
  while (length > 0) {
    hashers.update(chunk.subarray(0, length))
    position += length
    sinceTurn += length
    if (position > hashSizeMax) return noHashes
    if (sinceTurn >= turnSize) {
      sinceTurn = 0
      await new Promise((resolve) => setImmediate(resolve))
    }
    length = readSync(fd, chunk, 0, chunkSize, position)
  }
  return hashers.end()
}

/** The digests that are checked, over content that comes in pieces. */
class Hashers {
  readonly #all: readonly (readonly [name: keyof Hashes, hasher: Hash])[]

  constructor(checks: number) {
    const names = (['md5', 'sha1', 'sha256'] as const).filter((name) => (checks & checkBit(name)) !== 0)
    this.#all = names.map((name) => [name, createHash(name)])
  }

  update(content: Buffer): void {
    for (const [, hasher] of this.#all) hasher.update(content)
  }

  end(): Hashes {
    const hashes: Record<keyof Hashes, string> = { ...noHashes }
    for (const [name, hasher] of this.#all) hashes[name] = hasher.digest('hex')
    return hashes
  }
}

const emptyHashes: Hashes = { md5: hash('md5', ''), sha1: hash('sha1', ''), sha256: hash('sha256', '') }

function reading(stat: BigIntStats, hashes: Hashes, { checks, names, hashSizeMax }: ReadOptions): FileReading {
  const has = (name: Parameters<typeof checkBit>[0]): boolean => (checks & checkBit(name)) !== 0
  const uid = String(stat.uid)
  const gid = String(stat.gid)
  const inode = String(stat.ino)
  return {
    kind: 'file',
    state: {
      size: has('size') ? Number(stat.size) : 0,
      perm: has('perm') ? permText(Number(stat.mode)) : '',
      uid: has('owner') ? uid : '',
      gid: has('group') ? gid : '',
      userName: has('owner') ? names.user(uid) : '',
      groupName: has('group') ? names.group(gid) : '',
      mtime: has('mtime') ? Number(stat.mtimeNs / 1_000_000_000n) : 0,
      inode: has('inode') ? inode : '',
      md5: has('md5') ? hashes.md5 : '',
      sha1: has('sha1') ? hashes.sha1 : '',
      sha256: has('sha256') ? hashes.sha256 : '',
    },
    place: { dev: String(stat.dev), inode, links: Number(stat.nlink) },
    isTooLarge: (checks & contentChecks) !== 0 && stat.size > hashSizeMax,
  }
}

/** `rwxr-xr-x` of a mode; setuid and setgid show `s`, sticky `t`, whether or not x is set (spec: fim, part 2). */
export function permText(mode: number): string {
  let text = ''
  for (const [shift, special, letter] of [
    [6, 0o4000, 's'],
    [3, 0o2000, 's'],
    [0, 0o1000, 't'],
  ] as const) {
    const bits = mode >> shift
    text += (bits & 4 ? 'r' : '-') + (bits & 2 ? 'w' : '-') + (mode & special ? letter : bits & 1 ? 'x' : '-')
  }
  return text
}

/** SHA-1 over the attributes as text (spec: fim, part 2). */
export function stateChecksum(state: FileState): string {
  const { size, perm, uid, gid, userName, groupName, mtime, inode, md5, sha1, sha256 } = state
  return hash('sha1', [size, perm, '', uid, gid, userName, groupName, mtime, inode, md5, sha1, sha256].join(':'))
}

/** Does the code say that nothing has that name (any more)? Where a folder was may be a file. */
export function isAbsence(code: string): boolean {
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** `EACCES` and the like, of what a file call threw. */
export function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
