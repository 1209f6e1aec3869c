/**
 * Names of users and groups from passwd and group files. In goes an id, out comes its name or ''. Files are read again
 * when they change; one that cannot be read has no names.
 */
import { readFileSync, statSync } from 'node:fs'

/** Largest file that is read, in bytes. */
const fileMax = 16 * 1024 * 1024

class NameFile {
  readonly #path: string
  #version = ''
  #names: ReadonlyMap<string, string> = new Map()

  constructor(path: string) {
    this.#path = path
  }

  refresh(): void {
    const stat = statSync(this.#path, { throwIfNoEntry: false })
    const version = stat === undefined ? '' : `${stat.ino} ${stat.mtimeMs} ${stat.size}`
    if (version === this.#version) return
    this.#version = version
    this.#names = stat === undefined || stat.size > fileMax ? new Map() : read(this.#path)
  }

  name(id: string): string {
    return this.#names.get(id) ?? ''
  }
}

function read(path: string): ReadonlyMap<string, string> {
  const names = new Map<string, string>()
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return names
  }
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':')
    if (name !== undefined && id !== undefined && !names.has(id)) names.set(id, name)
  }
  return names
}

/** Looks names up; the files are looked at again at most every `refreshMs`. */
export class Names {
  readonly #users: NameFile
  readonly #groups: NameFile
  #refreshedAt = Number.NEGATIVE_INFINITY

  /** `root`: the folder that holds etc/passwd, '' for this system's own, a mounted host's otherwise. */
  constructor(root = '') {
    this.#users = new NameFile(`${root}/etc/passwd`)
    this.#groups = new NameFile(`${root}/etc/group`)
  }

  user(id: string): string {
    this.#refresh()
    return this.#users.name(id)
  }

  group(id: string): string {
    this.#refresh()
    return this.#groups.name(id)
  }

  #refresh(): void {
    const now = performance.now()
    if (now - this.#refreshedAt < refreshMs) return
    this.#refreshedAt = now
    this.#users.refresh()
    this.#groups.refresh()
  }
}

const refreshMs = 1000
