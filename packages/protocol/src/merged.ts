/**
 * merged.mg: the shared files of a group in one (spec: agent-protocol, part 8).
 *
 * In: a group's name and its files, or the bytes of a merged file. Out: bytes, or files. Wrong: a merged file that is cut or names a path outside of its folder
 * gives null, so that nobody writes it out.
 */
import { createHash } from 'node:crypto'
import { isControl } from './control.ts'

export interface SharedFile {
  /** Relative, with forward slashes. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** Longest piece of a pushed file, bytes (part 8). */
const chunkLengthMax = 900
/** Most files that are read out of a merged file, and longest name, bytes. */
const filesMax = 10_000
const nameLengthMax = 512

/** Name of the file as it is pushed. */
export const mergedName = 'merged.mg'

/** Whether a group's file may be shared: not hidden, no merged file itself (part 8). */
export function isSharedName(name: string): boolean {
  const parts = name.split('/')
  return (
    isPlainPath(name) && parts.every((part) => !part.startsWith('.')) && !(parts.at(-1) ?? '').startsWith(mergedName)
  )
}

/** Whether bytes can be pushed: agents take chunks as text, and a NUL ends them. */
export function isSharedText(bytes: Uint8Array): boolean {
  return !bytes.includes(0)
}

/** The first line's name of a set of groups: the group's own, or eight digits of a hash for several. */
export function mergedTitle(groups: readonly string[]): string {
  const [only = 'default', ...more] = groups
  return more.length === 0 ? only : createHash('sha256').update(groups.join(',')).digest('hex').slice(0, 8)
}

/** The commands of active responses, the first file of every group. */
export const responsesName = 'ar.conf'

/** What it says: a line for each, `name - executable - timeout` (part 8). */
export function responsesText(
  responses: readonly { readonly name: string; readonly executable: string; readonly timeoutS: number }[],
): Buffer {
  const lines = responses.map(({ name, executable, timeoutS }) => `${name} - ${executable} - ${timeoutS}\n`)
  return Buffer.from(lines.join(''), 'utf8')
}

/** Builds a merged file; `ar.conf` goes first and may be empty. Files that cannot be shared are left out. */
export function mergeFiles(title: string, activeResponses: Uint8Array, files: readonly SharedFile[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`#${title}\n`, 'utf8')]
  const shared = files.filter(({ name, bytes }) => name !== responsesName && isSharedName(name) && isSharedText(bytes))
  for (const { name, bytes } of [{ name: responsesName, bytes: activeResponses }, ...shared]) {
    parts.push(Buffer.from(`!${bytes.length} ${name}\n`, 'utf8'), bytes)
  }
  return Buffer.concat(parts)
}

/** Files of several groups as one set: later ones go over earlier ones, and `agent.conf` is joined, each part after a line that says whose it is. */
export function joinGroups(
  groups: readonly { readonly group: string; readonly files: readonly SharedFile[] }[],
): SharedFile[] {
  const byName = new Map<string, Uint8Array>()
  for (const { group, files } of groups) {
    for (const { name, bytes } of files) {
      if (name !== 'agent.conf') byName.set(name, bytes)
      else {
        const head = Buffer.from(`<!-- Source file: ${group}/agent.conf -->\n`, 'utf8')
        byName.set(name, Buffer.concat([byName.get(name) ?? new Uint8Array(), head, bytes]))
      }
    }
  }
  return [...byName].map(([name, bytes]) => ({ name, bytes })).sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Cuts a file into pieces to be pushed. None begins as a control message does: an agent would take it for one, and never have the file. */
export function* piecesOf(merged: Buffer): Generator<Buffer> {
  for (let at = 0; at < merged.length; ) {
    const end = at + chunkLengthMax
    const cut = isControl(merged.subarray(end, end + 3)) ? end - 1 : end
    yield merged.subarray(at, cut)
    at = cut
  }
}

/** Takes a merged file apart; null when it is cut, has too many files, or a name leads outside. */
export function splitMerged(merged: Buffer): SharedFile[] | null {
  const files: SharedFile[] = []
  for (let at = 0; at < merged.length; ) {
    const newline = merged.indexOf(10, at)
    if (newline === -1) return merged[at] === 0x21 ? null : files
    const line = merged.subarray(at, Math.min(newline, at + nameLengthMax + 32))
    const head = /^!(\d{1,10}) (.+)$/.exec(line.toString('utf8'))
    at = newline + 1
    if (line[0] !== 0x21) continue
    const [, size = '', name = ''] = head ?? []
    const end = at + Number(size)
    if (head === null || !isPlainPath(name) || end > merged.length || files.length >= filesMax) return null
    files.push({ name, bytes: merged.subarray(at, end) })
    at = end
  }
  return files
}

/** A relative path that stays below its folder. */
function isPlainPath(name: string): boolean {
  if (name === '' || Buffer.byteLength(name) > nameLengthMax || /[\0\n\r\\]/.test(name)) return false
  return name.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
}
