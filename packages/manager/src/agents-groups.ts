/**
 * Groups of agents: folders below `etc/shared`, and the merged file that an agent of some groups should have (spec: agent-protocol, part 8).
 *
 * In: the folder, the commands of active responses. Out: names, merged files with their sums. Wrong: files that cannot be read or are too large are left out and told about
 * once a scan.
 */
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { examineAgentConf } from '@dogwatch/config'
import { replaceFile } from '@dogwatch/outputs'
import {
  groupProblem,
  isSharedName,
  joinGroups,
  md5,
  mergedName,
  mergedTitle,
  mergeFiles,
  responsesName,
  type SharedFile,
} from '@dogwatch/protocol'
import { formatProblem } from '@dogwatch/schema'

export interface MergedFile {
  readonly bytes: Buffer
  /** MD5, hex. */
  readonly sum: string
}

interface GroupScan {
  readonly atMs: number
  /** Tells one state of the folder from another. */
  readonly stamp: string
  readonly paths: readonly string[]
}

/** Most bytes and files of a group that are shared. */
const groupBytesMax = 32 * 1024 * 1024
const groupFilesMax = 5000
/** Bytes of merged files that are remembered, those used last; a file that is not is read and joined again when an agent needs it. */
const mergedBytesMax = 64 * 1024 * 1024
/** Sums that are remembered: sets of groups, each in a hundred bytes and the list of its files. */
const sumsMax = 10_000
/** Mistakes of one agent.conf that are told. */
const toldMax = 20
/** How long a scan holds, milliseconds (part 8). */
const scanMs = 10_000

export class AgentGroups {
  readonly #folder: string
  readonly #multigroups: string
  readonly #tell: (line: string) => void
  readonly #responses: Uint8Array
  readonly #bytesMax: number
  /** By set of groups, those used last at the end. */
  readonly #sums = new Map<string, { readonly stamp: string; readonly sum: string }>()
  readonly #merged = new Map<string, MergedFile>()
  /** Sums of the agent.conf that were examined, by group. */
  readonly #examined = new Map<string, string>()
  #held = 0
  readonly #scans = new Map<string, GroupScan>()

  /** `folder` has the groups, `multigroups` gets the merged files of agents that are in several, `responses` is `ar.conf`. */
  constructor(
    {
      folder,
      multigroups,
      responses,
      bytesMax = mergedBytesMax,
    }: {
      readonly folder: string
      readonly multigroups: string
      readonly responses: Uint8Array
      readonly bytesMax?: number
    },
    tell: (line: string) => void,
  ) {
    this.#folder = folder
    this.#multigroups = multigroups
    this.#responses = responses
    this.#bytesMax = bytesMax
    this.#tell = tell
    const isKept = responses.length > 0 || existsSync(join(folder, responsesName))
    if (isKept && existsSync(folder)) this.#put(folder, responsesName, responses)
  }

  /** Bytes of merged files in memory. */
  get held(): number {
    return this.#held
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

  /** MD5 of what an agent of these groups should have; unknown groups count as empty. Scans at most every ten seconds. */
  sum(groups: readonly string[], nowMs: number): string {
    const scans = groups.map((group) => this.#scan(group, nowMs))
    const key = groups.join(',')
    const known = this.#sums.get(key)
    if (known?.stamp === stampOf(scans)) return known.sum
    return this.#make(groups, scans).sum
  }

  /** The file itself. */
  merged(groups: readonly string[], nowMs: number): MergedFile {
    const sum = this.sum(groups, nowMs)
    const key = groups.join(',')
    const file = this.#merged.get(key)
    if (file?.sum !== sum)
      return this.#make(
        groups,
        groups.map((group) => this.#scan(group, nowMs)),
      )
    this.#merged.delete(key)
    this.#merged.set(key, file)
    return file
  }

  #make(groups: readonly string[], scans: readonly GroupScan[]): MergedFile {
    const read = this.#read(groups, scans)
    for (const { group, files } of read) this.#examine(group, files)
    const [only] = read
    const files = read.length === 1 && only !== undefined ? only.files : joinGroups(read)
    const bytes = mergeFiles(mergedTitle(groups), this.#responses, files)
    const file = { bytes, sum: md5(bytes) }
    const key = groups.join(',')
    this.#sums.delete(key)
    this.#sums.set(key, { stamp: stampOf(scans), sum: file.sum })
    const [oldest] = this.#sums.keys()
    if (this.#sums.size > sumsMax && oldest !== undefined) this.#sums.delete(oldest)
    this.#hold(key, file)
    this.#show(groups, bytes)
    return file
  }

  /** Agents refuse an agent.conf with a mistake and go on with the old one, each for itself: it is told here too, once for each text. */
  #examine(group: string, files: readonly SharedFile[]): void {
    const bytes = files.find(({ name }) => name === 'agent.conf')?.bytes ?? new Uint8Array()
    const sum = md5(bytes)
    if (this.#examined.get(group) === sum) return
    this.#examined.set(group, sum)
    const { problems } = examineAgentConf(`etc/shared/${group}/agent.conf`, Buffer.from(bytes).toString('latin1'))
    for (const problem of problems.slice(0, toldMax)) this.#tell(formatProblem(problem))
    if (problems.length > toldMax) this.#tell(`etc/shared/${group}/agent.conf has ${problems.length} mistakes`)
  }

  /** Keeps the file, and lets those go that were used longest ago. */
  #hold(key: string, file: MergedFile): void {
    this.#held += file.bytes.length - (this.#merged.get(key)?.bytes.length ?? 0)
    this.#merged.delete(key)
    this.#merged.set(key, file)
    for (const [old, { bytes }] of this.#merged) {
      if (this.#held <= this.#bytesMax) return
      this.#merged.delete(old)
      this.#held -= bytes.length
    }
  }

  /** Puts the merged file where sites look for it: with the group, or below `var/multigroups`. What agents get does not come from there. */
  #show(groups: readonly string[], bytes: Buffer): void {
    if (!groups.every((group) => this.has(group))) return
    const [only] = groups
    const folder =
      groups.length === 1 && only !== undefined
        ? join(this.#folder, only)
        : join(this.#multigroups, mergedTitle(groups))
    this.#put(folder, mergedName, bytes)
  }

  /** Writes a file that is there for others to see. */
  #put(folder: string, name: string, bytes: Uint8Array): void {
    const path = join(folder, name)
    try {
      if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === true && readFileSync(path).equals(bytes)) return
      mkdirSync(folder, { recursive: true, mode: 0o750 })
      replaceFile(path, bytes)
    } catch (error) {
      this.#tell(`${path} is not written: ${reasonOf(error)}`)
    }
  }

  #scan(group: string, nowMs: number): GroupScan {
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
      stamp: md5(fitting.map(({ path, mark }) => `${path} ${mark}`).join('\n')),
      paths: fitting.map(({ path }) => path),
    }
    // A name that no folder has is not remembered: whoever asks may ask for many.
    if (this.has(group)) this.#scans.set(group, scan)
    else this.#scans.delete(group)
    return scan
  }

  /** The files of some groups, as far as they are no more than one group may share. */
  #read(groups: readonly string[], scans: readonly GroupScan[]): { group: string; files: SharedFile[] }[] {
    let room = groupBytesMax
    return groups.map((group, n) => ({
      group,
      files: (scans[n]?.paths ?? []).flatMap((name) => {
        try {
          const bytes = room < 0 ? null : readFileSync(join(this.#folder, group, name))
          room -= bytes?.length ?? 0
          if (bytes !== null && room >= 0) return [{ name, bytes }]
          this.#tell(`etc/shared/${group}/${name} is not shared with agents of ${groups.join(',')}: too many bytes`)
        } catch (error) {
          this.#tell(`etc/shared/${group}/${name} is not shared: ${reasonOf(error)}`)
        }
        return []
      }),
    }))
  }
}

function stampOf(scans: readonly GroupScan[]): string {
  return scans.map(({ stamp }) => stamp).join(' ')
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
