/**
 * Which files make up a ruleset, and in which order (spec: engine, part 4.3). In goes the `<ruleset>` block or a list of folders, out come paths:
 * decoders, rules, lists; what is missing is a warning, since the reference passes over it too.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import type { Problem } from '@dogwatch/schema'
import type { Configuration, RulesetFolder } from './configuration.ts'
import { readXml } from './xml.ts'

export interface ListFile {
  /** As rules refer to it: `etc/lists/audit-keys`. */
  readonly name: string
  readonly path: string
}

/** Paths are absolute; decoders and rules are sorted by base name, bytewise. */
export interface RulesetFiles {
  readonly decoders: readonly string[]
  readonly rules: readonly string[]
  readonly lists: readonly ListFile[]
}

export interface RulesetFilesReading {
  readonly files: RulesetFiles
  readonly problems: readonly Problem[]
}

/** A file with its text in latin1: one code unit per byte. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

export interface RulesetTexts {
  readonly decoders: readonly SourceFile[]
  readonly rules: readonly SourceFile[]
  readonly lists: readonly (SourceFile & { readonly name: string })[]
}

export interface ResolveOptions {
  /** Folder of the product: what the home lacks of `ruleset/…` and `etc/lists/…` is taken from its `ruleset`. */
  readonly productDir?: string
  /** Compiles the osregex of a `pattern` attribute; null when it is bad. Without it only literal text with `^` and `$` is understood. */
  readonly compilePattern?: (pattern: string) => ((path: string) => boolean) | null
}

/** Largest file of a ruleset, in bytes; the stock ruleset's largest has 0.4 MB. */
export const rulesetFileLengthMax = 64 * 1024 * 1024
/** Deepest folder below `lists`. */
const listDepthMax = 8

/** Files of the `<ruleset>` block: folders in their order, includes, less the excluded; each file once. Codes: RULESET_FILE_MISSING, RULESET_PATTERN. */
export function resolveRuleset(
  { ruleset }: Pick<Configuration, 'ruleset'>,
  home: string,
  options: ResolveOptions = {},
): RulesetFilesReading {
  const problems: Problem[] = []
  const place = (path: string): string => locate(path, home, options.productDir)
  const files = (
    kind: string,
    folders: readonly RulesetFolder[],
    includes: readonly string[],
    excludes: readonly string[],
  ): string[] => {
    const found = [
      ...folders.flatMap(({ path, pattern }) => {
        const folder = place(path)
        const matches = compile(pattern, options) ?? null
        if (matches === null) {
          problems.push(
            warning(folder, 'RULESET_PATTERN', `pattern="${pattern}" is no pattern; the folder is passed over`),
          )
          return []
        }
        return filesIn(folder, kind, problems)
          .filter((name) => matches(join(path, name)))
          .map((name) => ({ asWritten: join(path, name), path: join(folder, name) }))
      }),
      ...includes.flatMap((asWritten) => {
        const path = place(asWritten)
        if (isFile(path)) return [{ asWritten, path }]
        problems.push(warning(path, 'RULESET_FILE_MISSING', `this file of ${kind} is not there; it is passed over`))
        return []
      }),
    ]
    const kept = found.filter(
      ({ asWritten, path }) =>
        !excludes.some(
          (exclude) => exclude === basename(path) || exclude === asWritten || resolve(home, exclude) === path,
        ),
    )
    return sortByBaseName([...new Set(kept.map(({ path }) => path))])
  }
  const lists = ruleset.lists.flatMap((name): ListFile[] => {
    const path = place(name)
    if (isFile(path)) return [{ name, path }]
    const message = `the list ${name} is not there; rules that need it are passed over`
    problems.push({ ...warning(path, 'RULESET_FILE_MISSING', message), about: name })
    return []
  })
  const decoders = files('decoders', ruleset.decoderDirs, ruleset.decoderIncludes, ruleset.decoderExcludes)
  const rules = files('rules', ruleset.ruleDirs, ruleset.ruleIncludes, ruleset.ruleExcludes)
  return { files: { decoders, rules, lists }, problems }
}

/** Rule files that Wazuh's and our own default configuration exclude: they stand in the folder and are switched on by who wants them. */
export const rulesOffByDefault: readonly string[] = ['0215-policy_rules.xml', 'zz-k8s-activity.xml']

/**
 * Files of `--ruleset DIR…`. A DIR holds `decoders/`, `rules/`, `lists/`; or is one of these folders; or a folder of loose files or one
 * file, which are told apart by what stands in them. Lists bear the name `etc/lists/<path below lists>`. Rule files of the names `leftOut` are passed
 * over in folders and taken when they are named themselves.
 */
export function rulesetFromPaths(
  paths: readonly string[],
  leftOut: readonly string[] = rulesOffByDefault,
): RulesetFilesReading {
  const problems: Problem[] = []
  const decoders: string[] = []
  const rules: string[] = []
  const lists: ListFile[] = []
  const addFile = (path: string, severity: Problem['severity']): void => {
    const kind = kindOfFile(path)
    if (kind === 'decoders') decoders.push(path)
    else if (kind === 'rules') rules.push(path)
    else if (kind === 'list') lists.push({ name: `etc/lists/${belowLists(path)}`, path })
    else problems.push(warning(path, 'RULESET_FILE_KIND', 'neither decoders nor rules stand in this file', severity))
  }
  const addFolder = (folder: string, kind: string): void => {
    const xml = filesIn(folder, kind, problems).filter((name) => name.endsWith('.xml'))
    if (kind === 'decoders') decoders.push(...xml.map((name) => join(folder, name)))
    else if (kind === 'rules') {
      rules.push(...xml.filter((name) => !leftOut.includes(name)).map((name) => join(folder, name)))
    } else if (kind === 'lists') lists.push(...listsBelow(folder, folder, listDepthMax))
    else for (const name of xml) addFile(join(folder, name), 'warning')
  }
  for (const given of paths) {
    const path = resolve(given)
    if (!isFolder(path)) {
      if (isFile(path)) addFile(path, 'error')
      else problems.push(warning(path, 'RULESET_FILE_MISSING', 'this file or folder is not there', 'error'))
      continue
    }
    const parts = ['decoders', 'rules', 'lists'].filter((kind) => isFolder(join(path, kind)))
    if (['decoders', 'rules', 'lists'].includes(basename(path))) addFolder(path, basename(path))
    else if (parts.length > 0) for (const kind of parts) addFolder(join(path, kind), kind)
    else addFolder(path, 'loose files')
  }
  const once = new Map(lists.map((list) => [list.name, list]))
  return {
    files: {
      decoders: sortByBaseName([...new Set(decoders)]),
      rules: sortByBaseName([...new Set(rules)]),
      lists: [...once.values()],
    },
    problems,
  }
}

/** Reads all files as latin1. A file that cannot be read, or is too large, is an error. Codes: RULESET_FILE_UNREADABLE, RULESET_FILE_TOO_LARGE. */
export function readRulesetFiles(files: RulesetFiles): {
  readonly texts: RulesetTexts
  readonly problems: readonly Problem[]
} {
  const problems: Problem[] = []
  const read = (path: string): SourceFile[] => {
    try {
      const { size } = statSync(path)
      if (size <= rulesetFileLengthMax) return [{ path, text: readFileSync(path, 'latin1') }]
      const message = `the file has ${size} bytes; at most ${rulesetFileLengthMax} are read`
      problems.push(warning(path, 'RULESET_FILE_TOO_LARGE', message, 'error'))
    } catch (error) {
      const message = `the file cannot be read: ${error instanceof Error ? error.message : String(error)}`
      problems.push(warning(path, 'RULESET_FILE_UNREADABLE', message, 'error'))
    }
    return []
  }
  const texts = {
    decoders: files.decoders.flatMap(read),
    rules: files.rules.flatMap(read),
    lists: files.lists.flatMap(({ name, path }) => read(path).map((file) => ({ ...file, name }))),
  }
  return { texts, problems }
}

/** Stable sort by the base name's bytes (UTF-8 order, as strcmp has it). */
export function sortByBaseName(paths: readonly string[]): string[] {
  return paths
    .map((path) => ({ path, key: Buffer.from(basename(path)) }))
    .sort((a, b) => Buffer.compare(a.key, b.key))
    .map(({ path }) => path)
}

function locate(path: string, home: string, productDir: string | undefined): string {
  if (isAbsolute(path)) return path
  const own = join(home, path)
  if (productDir === undefined || exists(own)) return own
  const below = path.startsWith('etc/lists/') ? path.replace('etc/lists/', 'ruleset/lists/') : path
  const product = join(productDir, below)
  return below.startsWith('ruleset/') && exists(product) ? product : own
}

function compile(pattern: string, { compilePattern }: ResolveOptions): ((path: string) => boolean) | null {
  if (pattern === '.xml$') return (path) => path.endsWith('.xml')
  if (compilePattern !== undefined) return compilePattern(pattern)
  const literal = pattern.replace(/^\^/, '').replace(/\$$/, '')
  if (/[\\|()$^+*]/.test(literal)) return null
  const [starts, ends] = [pattern.startsWith('^'), pattern.endsWith('$')]
  if (starts && ends) return (path) => path === literal
  if (starts) return (path) => path.startsWith(literal)
  return ends ? (path) => path.endsWith(literal) : (path) => path.includes(literal)
}

/** Names of the files right in a folder, sorted; a folder that is not there is a warning. */
function filesIn(folder: string, kind: string, problems: Problem[]): string[] {
  try {
    return readdirSync(folder)
      .sort()
      .filter((name) => isFile(join(folder, name)))
  } catch {
    problems.push(warning(folder, 'RULESET_FILE_MISSING', `this folder of ${kind} is not there; it is passed over`))
    return []
  }
}

function listsBelow(root: string, folder: string, depthLeft: number): ListFile[] {
  if (depthLeft === 0) return []
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return listsBelow(root, path, depthLeft - 1)
      if (!isFile(path) || entry.name.endsWith('.cdb') || entry.name.startsWith('.')) return []
      return [{ name: `etc/lists/${relative(root, path).split(sep).join('/')}`, path }]
    })
}

/** What a single file is: by its folder's name, else by its first root element. */
function kindOfFile(path: string): 'decoders' | 'rules' | 'list' | null {
  const folder = basename(dirname(path))
  if (path.endsWith('.xml')) {
    if (folder === 'decoders' || folder === 'rules') return folder
    const text = readFileSync(path, 'latin1')
    const read = readXml(path, text)
    const roots = 'file' in read ? read.file.roots.map(({ name }) => name) : [/<(decoder|group)[\s>]/.exec(text)?.[1]]
    if (roots.includes('decoder')) return 'decoders'
    return roots.includes('group') || /rules?\.xml$/.test(path) ? 'rules' : null
  }
  return path.split(sep).includes('lists') ? 'list' : null
}

function belowLists(path: string): string {
  const parts = path.split(sep)
  return parts.slice(parts.lastIndexOf('lists') + 1).join('/')
}

function warning(file: string, code: string, message: string, severity: Problem['severity'] = 'warning'): Problem {
  return { severity, code, at: { file, line: 1, column: 1 }, message }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}
