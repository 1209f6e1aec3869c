/**
 * Groups of agents: folders below `etc/shared`, and the merged file that an agent of some groups should have (spec: agent-protocol, part 8).
 *
 * In: the folder. Out: names, merged files with their sums. Wrong: files that cannot be read or are too large are left out and told about once a scan.
 */
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from '@dogwatch/outputs'
import {
  groupProblem,
  isSharedName,
  joinGroups,
  mergedName,
  mergedSum,
  mergedTitle,
  mergeFiles,
  type SharedFile,
} from '@dogwatch/protocol'

export interface MergedFile {
  readonly bytes: Buffer
  /** MD5, hex. */
  readonly sum: string
}

/** Most bytes and files of a group that are shared. */
const groupBytesMax = 32 * 1024 * 1024
const groupFilesMax = 5000
/** How long a scan holds, milliseconds (part 8). */
const scanMs = 10_000

export class AgentGroups {
  readonly #folder: string
  readonly #multigroups: string
  readonly #tell: (line: string) => void
  readonly #merged = new Map<string, { readonly stamp: string; readonly file: MergedFile }>()
  readonly #scans = new Map<
    string,
    { readonly atMs: number; readonly stamp: string; readonly paths: readonly string[] }
  >()

  /** `folder` has the groups, `multigroups` gets the merged files of agents that are in several. */
  constructor(
    { folder, multigroups }: { readonly folder: string; readonly multigroups: string },
    tell: (line: string) => void,
  ) {
    this.#folder = folder
    this.#multigroups = multigroups
    this.#tell = tell
  }

  names(): string[] {
    if (!existsSync(this.#folder)) return []
    const entries = readdirSync(this.#folder, { withFileTypes: true })
    return entries
      .filter((entry) => entry.isDirectory() && groupProblem(entry.name) === null)
      .map(({ name }) => name)
      .sort()
  }

  has(group: string): boolean {
    if (groupProblem(group) !== null) return false
    return lstatSync(join(this.#folder, group), { throwIfNoEntry: false })?.isDirectory() === true
  }

  create(group: string): void {
    mkdirSync(join(this.#folder, group), { recursive: true, mode: 0o750 })
  }

  /** Removes a group with its files. */
  remove(group: string): void {
    rmSync(join(this.#folder, group), { recursive: true, force: true })
    this.#scans.delete(group)
  }

  /** What an agent of these groups should have; unknown groups count as empty. Scans at most every ten seconds. */
  merged(groups: readonly string[], nowMs: number): MergedFile {
    const scans = groups.map((group) => ({ group, ...this.#scan(group, nowMs) }))
    const key = groups.join(',')
    const stamp = scans.map((scan) => scan.stamp).join('\n')
    const known = this.#merged.get(key)
    if (known?.stamp === stamp) return known.file
    const read = scans.map(({ group, paths }) => ({ group, files: this.#read(group, paths) }))
    const [only] = read
    const files = read.length === 1 && only !== undefined ? only.files : joinGroups(read)
    const bytes = mergeFiles(mergedTitle(groups), new Uint8Array(), files)
    const file = { bytes, sum: mergedSum(bytes) }
    if (this.#merged.size > 1000) this.#merged.clear()
    this.#merged.set(key, { stamp, file })
    this.#show(groups, bytes)
    return file
  }

  /** Puts the merged file where sites look for it: with the group, or below `var/multigroups`. What agents get does not come from there. */
  #show(groups: readonly string[], bytes: Buffer): void {
    if (!groups.every((group) => this.has(group))) return
    const [only] = groups
    const folder =
      groups.length === 1 && only !== undefined
        ? join(this.#folder, only)
        : join(this.#multigroups, mergedTitle(groups))
    const path = join(folder, mergedName)
    try {
      if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === true && readFileSync(path).equals(bytes)) return
      mkdirSync(folder, { recursive: true, mode: 0o750 })
      replaceFile(path, bytes)
    } catch (error) {
      this.#tell(`${path} is not written: ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  #scan(group: string, nowMs: number): { readonly stamp: string; readonly paths: readonly string[] } {
    const known = this.#scans.get(group)
    if (known !== undefined && nowMs - known.atMs < scanMs && nowMs >= known.atMs) return known
    const found: { readonly path: string; readonly mark: string; readonly size: number }[] = []
    const folder = join(this.#folder, group)
    const visit = (below: string): void => {
      for (const { name } of readdirSync(join(folder, below), { withFileTypes: true })) {
        const path = below === '' ? name : `${below}/${name}`
        if (!isSharedName(path) || found.length >= groupFilesMax) continue
        const stat = lstatSync(join(folder, path), { throwIfNoEntry: false })
        // Links are not followed: a group shares what is in its folder.
        if (stat?.isDirectory()) visit(path)
        else if (stat?.isFile()) found.push({ path, mark: `${stat.ino} ${stat.size} ${stat.mtimeMs}`, size: stat.size })
      }
    }
    if (this.has(group)) visit('')
    found.sort((a, b) => (a.path < b.path ? -1 : 1))
    let bytes = 0
    const fitting = found.filter(({ size }) => (bytes += size) <= groupBytesMax)
    if (fitting.length < found.length)
      this.#tell(`etc/shared/${group} has more than ${groupBytesMax} bytes; the rest is not shared`)
    const scan = {
      atMs: nowMs,
      stamp: fitting.map(({ path, mark }) => `${path} ${mark}`).join('\n'),
      paths: fitting.map(({ path }) => path),
    }
    this.#scans.set(group, scan)
    return scan
  }

  #read(group: string, paths: readonly string[]): SharedFile[] {
    return paths.flatMap((name) => {
      try {
        return [{ name, bytes: readFileSync(join(this.#folder, group, name)) }]
      } catch (error) {
        this.#tell(
          `etc/shared/${group}/${name} is not shared: ${error instanceof Error ? error.message : String(error)}`,
        )
        return []
      }
    })
  }
}
