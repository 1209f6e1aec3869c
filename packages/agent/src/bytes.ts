/**
 * Paths as the kernel has them: bytes, one code unit per byte (latin1), so that a name that is not UTF-8 is a name like
 * any other and patterns see what they see on the manager. In go and come out texts; nothing can go wrong.
 */

/** The bytes of a path or line for a system call. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** A path for Node's file calls: most are ASCII, which needs no copy. */
export function systemPath(text: string): string | Buffer {
  return /[^\0-\x7f]/.test(text) ? bytesOf(text) : text
}

/** The bytes of an ordinary (UTF-16) text, as a byte text. */
export function byteText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A byte text for people and JSON: its UTF-8 meaning, or, where it is not UTF-8, ASCII kept and the other bytes as `\xNN`. */
export function shownText(text: string): string {
  if (!/[\x80-\xff]/.test(text)) return text
  try {
    return utf8.decode(bytesOf(text))
  } catch {
    return text.replace(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`)
  }
}

/** `parent/name` with one slash between. */
export function joinPath(parent: string, name: string): string {
  return parent.endsWith('/') ? parent + name : `${parent}/${name}`
}

/** Is `path` the folder itself or below it? */
export function isWithin(folder: string, path: string): boolean {
  if (folder === '/') return path.startsWith('/')
  return path === folder || (path.startsWith(folder) && path[folder.length] === '/')
}

/** Without repeated and trailing slashes and without `.` and `..`; the path is absolute. */
export function tidyPath(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return `/${parts.join('/')}`
}
