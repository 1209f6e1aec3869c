/**
 * auditctl and auditd's plug-in file: which watch rules there are, adding and removing ours, and having auditd write its
 * records to our socket (spec: fim, part 5.1). Every call is bounded in time; failures are values.
 */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bytesOf, shownText } from '../bytes.ts'

/** The key of our rules, by which our records are known. It is the original's, so that dashboards and rules go on. */
export const auditKey = 'wazuh_fim'
/** The key of the rule by which it is tried whether records arrive. */
export const healthKey = 'wazuh_hc'

export type RunResult = { readonly isOk: boolean; readonly output: string }
/** Runs a program; for tests another can be put in its place. */
export type Run = (file: string, args: readonly string[]) => Promise<RunResult>

const runTimeoutMs = 10_000

export const runProgram: Run = (file, args) =>
  new Promise((resolve) => {
    execFile(file, args, { timeout: runTimeoutMs, maxBuffer: 4 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ isOk: error === null, output: `${stdout}${stderr}`.trim() || (error?.message ?? '') })
    })
  })

/** `enabled` of auditctl -s: 0 off, 1 on, 2 unchangeable; null when auditctl cannot be run. */
export async function auditState(
  run: Run = runProgram,
): Promise<{ readonly enabled: number; readonly pid: number } | null> {
  const { isOk, output } = await run('auditctl', ['-s'])
  if (!isOk) return null
  const number = (name: string): number => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(output)?.[1] ?? 0)
  return { enabled: number('enabled'), pid: number('pid') }
}

/** Paths that rules with our key watch; null when they cannot be listed. */
export async function ourRules(run: Run = runProgram): Promise<ReadonlySet<string> | null> {
  const { isOk, output } = await run('auditctl', ['-l'])
  return isOk ? parseRules(output) : null
}

/** Paths of rules of the key in a listing, both forms of it: `-w PATH -p wa -k KEY` and `-a … -F dir=PATH … -F key=KEY`. */
export function parseRules(listing: string, key = auditKey): ReadonlySet<string> {
  const paths = new Set<string>()
  for (const line of listing.split('\n')) {
    const keys = [...line.matchAll(/(?:-k |-F key=)(\S+)/g)].map((found) => found[1])
    if (!keys.includes(key)) continue
    const path = /^-w (.+?) -p /.exec(line)?.[1] ?? /-F (?:dir|path)=(\S+)/.exec(line)?.[1]
    if (path !== undefined) paths.add(path.length > 1 ? path.replace(/\/$/, '') : path)
  }
  return paths
}

/** Adds or removes the watch rule of a path. Null when it worked, else why not. */
export async function changeRule(
  change: 'add' | 'remove',
  path: string,
  run: Run = runProgram,
  key = auditKey,
): Promise<string | null> {
  // auditctl takes names as text; one that is not UTF-8 cannot be given to it.
  const name = shownText(path)
  if (!Buffer.from(name).equals(bytesOf(path))) return `${name}: its name is not UTF-8, which auditctl does not take`
  const { isOk, output } = await run('auditctl', [change === 'add' ? '-w' : '-W', name, '-p', 'wa', '-k', key])
  return isOk || (change === 'add' && /exists/.test(output)) ? null : `${name}: ${output.split('\n')[0]}`
}

/** What the plug-in file has to hold for a version of audit, as `auditctl -v` prints it. */
export function pluginText(version: string, socketPath: string, isOldFolder = false): string {
  const [major = 0, minor = 0, patch = 0] = (/(\d+)\.(\d+)(?:\.(\d+))?/.exec(version) ?? [])
    .slice(1)
    .map((part) => Number(part ?? 0))
  const number = major * 10_000 + minor * 100 + patch
  const head = 'active = yes\ndirection = out\n'
  if (isOldFolder || number < 30_101) {
    return `${head}path = builtin_af_unix\ntype = builtin\nargs = 0640 ${socketPath}\nformat = string\n`
  }
  const isOwnFormat = (number >= 30_105 && number < 40_000) || number >= 40_003
  return `${head}path = /sbin/audisp-af_unix\ntype = always\nargs = 0640 ${socketPath}${isOwnFormat ? ' string' : ''}\nformat = ${isOwnFormat ? 'binary' : 'string'}\n`
}

/** Folders that hold plug-in files, the newer one first. */
export const pluginFolders = ['/etc/audit/plugins.d', '/etc/audisp/plugins.d']

/** Writes the plug-in file. Gives whether it changed; null when auditd is not installed. */
export async function writePlugin(
  socketPath: string,
  folders: readonly string[],
  run: Run = runProgram,
): Promise<boolean | null> {
  const at = folders.findIndex((folder) => existsSync(folder))
  const folder = folders[at]
  if (folder === undefined) return null
  const version = await run('auditctl', ['-v'])
  const text = pluginText(version.output, socketPath, folder.includes('/audisp/'))
  const file = join(folder, 'af_wazuh.conf')
  mkdirSync(folder, { recursive: true })
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return false
  writeFileSync(file, text, { mode: 0o640 })
  return true
}

/** Where rules stand that are loaded when the system starts. */
export const rulesFolder = '/etc/audit/rules.d'

/** Writes our rules for the next start, for where they cannot be changed before. Null when that is done, else why not. */
export function writeRules(folder: string, paths: readonly string[]): string | null {
  const named = paths.map(shownText).filter((name, at) => Buffer.from(name).equals(bytesOf(paths[at] ?? '')))
  // A line is one rule: a name with a line break would be another.
  const lines = named.filter((name) => !/[\n\r]/.test(name)).map((name) => `-w ${name} -p wa -k ${auditKey}\n`)
  try {
    writeFileSync(join(folder, 'audit_rules_wazuh.rules'), lines.join(''), { mode: 0o640 })
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
