/** The home folder: made with its first files when it is new, completed when something is missing; what is there is never changed. */
import { chmodSync, constants, copyFileSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Folders of a home (spec: design, part 1), with their modes. */
const folders: readonly (readonly [path: string, mode: number])[] = [
  ['', 0o750],
  ['etc', 0o750],
  ['etc/decoders', 0o750],
  ['etc/rules', 0o750],
  ['etc/lists', 0o750],
  ['etc/shared', 0o750],
  ['etc/shared/default', 0o750],
  ['certs', 0o750],
  ['logs', 0o750],
  ['logs/alerts', 0o750],
  ['logs/archives', 0o750],
  ['queue', 0o700],
  ['store', 0o700],
]

/** First files: the configuration, and the rules of the audit recipe as the user's own (spec: contracts, part 2). */
const files: readonly (readonly [from: string, to: string])[] = [
  ['ossec.conf', 'etc/ossec.conf'],
  ['local_rules.xml', 'etc/rules/local_rules.xml'],
]

/** The installation's own copies may be read-only; a home's files are their owner's to change. */
const fileMode = 0o640

export interface HomeLayout {
  readonly home: string
  /** Paths made now. */
  readonly made: readonly string[]
}

/** Makes what is missing. First files are put where nothing can have been taken away on purpose: rules into a folder that was not there before. */
export function layOutHome(home: string): HomeLayout {
  const made: string[] = []
  for (const [path, mode] of folders) {
    const folder = join(home, path)
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) continue
    mkdirSync(folder, { recursive: true, mode })
    made.push(folder)
  }
  for (const [from, to] of files) {
    const target = join(home, to)
    const isWanted = to === 'etc/ossec.conf' || made.includes(dirname(target))
    if (!isWanted || statSync(target, { throwIfNoEntry: false }) !== undefined) continue
    copyFileSync(join(import.meta.dirname, '../initial', from), target, constants.COPYFILE_EXCL)
    chmodSync(target, fileMode)
    made.push(target)
  }
  return { home, made }
}
