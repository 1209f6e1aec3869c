/** Where things are in this repository, and which files belong to it. */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Absolute path of the checkout. */
export const repositoryRoot: string = dirname(dirname(fileURLToPath(import.meta.url)))

/** Folder of the shared corpus: DOGWATCH_SHARED, else `../shared` beside the checkout; null when it is not there. */
export function sharedFolder(): string | null {
  const folder = resolve(repositoryRoot, process.env.DOGWATCH_SHARED ?? '../shared')
  return existsSync(folder) ? folder : null
}

/** Files that git knows or would take in, relative to the root; what .gitignore names is left out. */
export function repositoryFiles(): string[] {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const git = spawnSync('git', list, { cwd: repositoryRoot, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  const names = git.status === 0 ? git.stdout.split('\0') : filesWithoutGit()
  return names.filter((name) => name !== '' && existsSync(join(repositoryRoot, name))).sort()
}

/** For an unpacked archive, where git knows nothing. */
function filesWithoutGit(): string[] {
  const isKept = (name: string) => !/(^|\/)(node_modules|coverage|dist|var|\.git)(\/|$)/.test(name)
  const entries = globSync('**/*', {
    cwd: repositoryRoot,
    withFileTypes: true,
    exclude: (entry) => !isKept(entry.name),
  })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(repositoryRoot.length + 1))
    .filter(isKept)
}
