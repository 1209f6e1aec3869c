/**
 * Who may import whom, checked on the text of the sources: rooms of lower shelves only, through their one entry, and
 * only what the room's package.json lists. In: the repository's files. Out: problems as `file:line: what is wrong`.
 */
import { builtinModules } from 'node:module'
import { posix } from 'node:path'
import { arrayOf, objectOf, textOf } from './json-file.ts'

const words = ['schema', 'pattern', 'config', 'query']
const machinery = ['engine', 'protocol', 'store', 'bus', 'k8s', 'certs', 'sca']
const edges = ['inputs', 'outputs', 'api', 'client', 'pipeline']

/** For each room, the rooms it may know. Arrows go down; rooms of one shelf do not know each other unless said here. */
export const roomsKnownBy: Readonly<Record<string, readonly string[]>> = {
  schema: [],
  pattern: ['schema'],
  config: ['schema'],
  query: ['schema'],
  engine: words,
  protocol: words,
  store: words,
  bus: words,
  k8s: words,
  certs: words,
  sca: words,
  inputs: [...words, 'protocol'],
  outputs: words,
  api: [...words, 'store', 'engine'],
  client: words,
  // What happens behind the bus, used by the manager and by offline analysis alike.
  pipeline: [...words, 'bus', 'engine', 'outputs', 'k8s'],
  manager: [...words, ...machinery, ...edges],
  // Runs as root on every host, hence its short list.
  agent: [...words, 'protocol', 'sca', 'k8s'],
  dashboard: ['client', 'query'],
  // The one command offers the other programs too.
  cli: [...words, ...machinery, ...edges, 'manager', 'agent'],
}

/** The room whose answers depend on nothing but its arguments: no I/O, no clock, no randomness (ARCHITECTURE.md). */
const pureRoom = 'engine'
const pureBuiltins = ['node:buffer', 'node:net', 'node:util', 'node:vm', 'node:crypto', 'node:assert']
/** Of `node:net` and `node:crypto` the pure room may use what computes only. */
const impureWords =
  /(?<![.\w])(?:Date\.now|new Date\(\)|Math\.random|performance\.now|hrtime|setTimeout|setInterval|setImmediate|randomBytes|randomUUID|getRandomValues|createServer|createConnection|fetch\(|console\.|process\.(?:env|argv|pid|cwd|on|exit|stdout|stderr|memoryUsage|cpuUsage|uptime|nextTick))/

/** Files that only tests load; they may use the tools of the root, and rooms that devDependencies list. */
const testFile = /(?:\.(?:test|fuzz)|-(?:suite|fixture)|\/test-[\w-]+)\.tsx?$/

/** A file of the repository. */
export interface SourceFile {
  /** Relative to the root, with forward slashes. */
  readonly path: string
  readonly text: string
}

/** An import line: the module named, and where. */
interface ImportLine {
  readonly specifier: string
  readonly line: number
}

const importPattern = /(?:^|[\s;])(?:from\s*|import\s*\(?\s*)(['"])([^'"\n]+)\1/g

/** Problems of all rooms, in the order of the files; empty when there is none. Files that are no room's are passed over. */
export function importProblems(files: readonly SourceFile[]): string[] {
  const manifests = new Map<string, Readonly<Record<string, unknown>>>()
  const problems: string[] = []
  for (const { path, text } of files) {
    const room = /^packages\/([^/]+)\/package\.json$/.exec(path)?.[1]
    if (room === undefined) continue
    const manifest = objectOf(JSON.parse(text))
    manifests.set(room, manifest)
    problems.push(...manifestProblems(room, path, manifest))
  }
  const root = files.find(({ path }) => path === 'package.json')
  const rootManifest = root === undefined ? {} : objectOf(JSON.parse(root.text))
  for (const file of files) {
    const room = /^packages\/([^/]+)\/src\/.*\.tsx?$/.exec(file.path)?.[1]
    if (room === undefined) continue
    problems.push(...fileProblems(room, file, listedIn(manifests.get(room) ?? {}), listedIn(rootManifest)))
  }
  return problems
}

function manifestProblems(room: string, path: string, manifest: Readonly<Record<string, unknown>>): string[] {
  const known = roomsKnownBy[room]
  if (known === undefined) return [`${path}:1: ${room} has no place among the shelves; add it to scripts/imports.ts`]
  const problems: string[] = []
  if (textOf(manifest.name) !== `@dogwatch/${room}`) problems.push(`${path}:1: the name is not @dogwatch/${room}`)
  if (manifest.exports !== './src/index.ts') problems.push(`${path}:1: exports is not the one entry ./src/index.ts`)
  for (const [name, version] of Object.entries(objectOf(manifest.dependencies))) {
    const other = roomNamed(name)
    if (other !== null && !known.includes(other)) problems.push(`${path}:1: ${room} may not know ${other}`)
    if (!/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(textOf(version))) problems.push(`${path}:1: ${name} is not pinned exactly`)
  }
  return problems
}

function fileProblems(
  room: string,
  { path, text }: SourceFile,
  listed: readonly string[],
  listedAtRoot: readonly string[],
): string[] {
  const isTest = testFile.test(path)
  const problems: string[] = []
  for (const { specifier, line } of importLines(text)) {
    const reason = importProblem(room, path, specifier, isTest ? [...listed, ...listedAtRoot] : listed, isTest)
    if (reason !== null) problems.push(`${path}:${line}: ${reason}`)
  }
  if (room === pureRoom && !isTest) {
    for (const [at, line] of text.split('\n').entries()) {
      const found = /^\s*(?:\/?\*|\/\/)/.test(line) ? null : impureWords.exec(line)
      if (found !== null)
        problems.push(`${path}:${at + 1}: ${room} has no I/O, no clock and no randomness: ${found[0]}`)
    }
  }
  return problems
}

function importProblem(
  room: string,
  path: string,
  specifier: string,
  listed: readonly string[],
  isTest: boolean,
): string | null {
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier)
    return target.startsWith(`packages/${room}/`) ? null : `${specifier} reaches outside of ${room}`
  }
  if (specifier.startsWith('node:')) {
    const isForbidden = room === pureRoom && !isTest && !pureBuiltins.includes(specifier)
    return isForbidden ? `${room} has no I/O, no clock and no randomness: ${specifier}` : null
  }
  if (builtinModules.includes(specifier)) return `write node:${specifier}`
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const other = roomNamed(name)
  if (other === room) return `${room} imports itself by name; use a relative path`
  if (other !== null) {
    if (specifier !== name) return `${specifier} reaches into ${other}; import from ${name}`
    if (!isTest && !(roomsKnownBy[room] ?? []).includes(other)) return `${room} may not know ${other}`
  }
  return listed.includes(name) ? null : `${name} is not in packages/${room}/package.json`
}

function roomNamed(name: string): string | null {
  return name.startsWith('@dogwatch/') ? name.slice('@dogwatch/'.length) : null
}

function listedIn(manifest: Readonly<Record<string, unknown>>): string[] {
  return ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'].flatMap((kind) => [
    ...Object.keys(objectOf(manifest[kind])),
    ...arrayOf(manifest[kind]).map(textOf),
  ])
}

/** Import and export-from lines of a TypeScript source; comments are not looked at. */
function importLines(text: string): ImportLine[] {
  const bare = text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
  const lines: ImportLine[] = []
  for (const match of bare.matchAll(importPattern)) {
    const start = bare.lastIndexOf('\n', match.index) + 1
    const before = bare.slice(start, match.index)
    if (/\/\/|['"`]/.test(before)) continue
    lines.push({ specifier: match[2] ?? '', line: bare.slice(0, match.index + 1).split('\n').length })
  }
  return lines
}
