/**
 * Completes package-lock.json: an entry for each platform's binary package that npm left out because its registry did
 * not offer it when the lock file was written. `npm ci` refuses a lock file that lacks one, even for a system that
 * nobody here has. Run after adding a dependency: `node scripts/complete-lock.ts`; prints what it added.
 *
 * The entries carry no integrity, since there was nothing to hash; they are for systems other than the one at hand.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { objectOf, readJsonFile, textOf } from './json-file.ts'
import { repositoryRoot } from './repository.ts'

/** A package that the lock file names as somebody's optional dependency but has no entry for. */
export interface MissingEntry {
  readonly path: string
  readonly name: string
  readonly version: string
  /** Whether only development needs the package that asks for it. */
  readonly isDev: boolean
}

/** Optional dependencies without an entry, in the order of the lock file. */
export function missingEntries(lock: unknown): MissingEntry[] {
  const packages = objectOf(objectOf(lock).packages)
  const missing = new Map<string, MissingEntry>()
  for (const [owner, entry] of Object.entries(packages)) {
    for (const [name, wanted] of Object.entries(objectOf(objectOf(entry).optionalDependencies))) {
      const beside = `node_modules/${name}`
      if (packages[beside] === undefined && packages[`${owner}/${beside}`] === undefined) {
        missing.set(beside, { path: beside, name, version: textOf(wanted), isDev: objectOf(entry).dev === true })
      }
    }
  }
  return [...missing.values()]
}

/** Words of a binary package's name (`@scope/tool-linux-x64-musl`) that are processors to npm. */
const processors: Readonly<Record<string, string>> = {
  x64: 'x64',
  arm64: 'arm64',
  arm: 'arm',
  ia32: 'ia32',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  loong64: 'loong64',
  wasm32: 'wasm32',
}

/** Words that are systems to npm. */
const systems = ['linux', 'darwin', 'win32', 'freebsd', 'openbsd', 'netbsd', 'sunos', 'aix', 'android', 'openharmony']

/** What npm needs to know to leave the package alone on other systems; null when the name does not say it. */
export function platformOf(name: string): { os: string[]; cpu: string[]; libc?: string[] } | null {
  const words = name.split(/[-/]/)
  const os = words.find((word) => systems.includes(word))
  const cpu = words.find((word) => Object.hasOwn(processors, word))
  if (os === undefined || cpu === undefined) return null
  const isMusl = words.some((word) => word.startsWith('musl'))
  return { os: [os], cpu: [cpu], ...(os === 'linux' && isMusl ? { libc: ['musl'] } : {}) }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const file = join(repositoryRoot, 'package-lock.json')
  const lock = objectOf(readJsonFile(file))
  const packages: Record<string, unknown> = { ...objectOf(lock.packages) }
  for (const { path, name, version, isDev } of missingEntries(lock)) {
    const platform = platformOf(name)
    if (platform === null) {
      process.stderr.write(`${name}@${version}: its name does not tell the system it is for; left out\n`)
      process.exitCode = 1
      continue
    }
    packages[path] = { version, ...platform, ...(isDev ? { dev: true } : {}), optional: true }
    process.stdout.write(`${name}@${version}\n`)
  }
  const [[rootPath, rootEntry] = ['', {}], ...rest] = Object.entries(packages)
  rest.sort(([a], [b]) => (a < b ? -1 : 1))
  const sorted = Object.fromEntries([[rootPath, rootEntry], ...rest])
  const before = readFileSync(file, 'utf8')
  const after = `${JSON.stringify({ ...lock, packages: sorted }, null, 2)}\n`
  if (after !== before) writeFileSync(file, after)
}
