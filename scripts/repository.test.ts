/** A test that reads the repository: what no single room can say about itself. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { missingEntries, platformOf } from './complete-lock.ts'
import { objectOf, readJsonFile, textOf } from './json-file.ts'
import { repositoryFiles, repositoryRoot } from './repository.ts'

const files = repositoryFiles()
const textFiles = files.filter((path) => !/\.(?:png|jpg|gif|ico|woff2?|gz|mmdb|bin|der|p12)$/.test(path))
const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8')

/** Places of a pattern, as `file:line: text`. */
function found(pattern: RegExp, paths: readonly string[]): string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}: ${line.trim().slice(0, 120)}`] : [])),
  )
}

// Written so that this file does not find itself.
const machinePath = new RegExp(`(?:^|[^\\w.])/${'work'}/(?!\\*)`)
const unfinished = new RegExp(
  `\\b(?:${['TO', 'FIX', 'XX'].map((head, n) => head + (['DO', 'ME', 'X'][n] ?? '')).join('|')})\\b`,
)
const sources = textFiles.filter((path) => /\.(?:ts|tsx|cjs|mjs|js)$/.test(path) || path.startsWith('bin/'))
const tests = sources.filter((path) => /\.test\.tsx?$|\/test-[\w-]+\.tsx?$/.test(path))

const rules: [says: string, pattern: RegExp, paths: readonly string[]][] = [
  ['names no path of the machine it was written on', machinePath, textFiles],
  ['leaves nothing for later', unfinished, sources],
  ['runs every test: none is marked only', new RegExp(`\\.${'only'}\\(`), tests],
  ['skips a test for a reason only, by skipIf', new RegExp(`\\b(?:test|it|describe)\\.${'skip'}\\(`), tests],
  [
    'uses no any',
    new RegExp(`(?:: |<|as )${'any'}\\b(?!\\w)[^'"\`]*$`),
    sources.filter((path) => !tests.includes(path)),
  ],
  ['never tells the compiler to look away', new RegExp(`@ts-${'(?:ignore|nocheck|expect-error)'}`), sources],
  ['names no registry in the lock file', /"resolved": "(?:https?|git)/, ['package-lock.json']],
]
test.each(rules)('the repository %s', (_says, pattern, paths) => expect(found(pattern, paths)).toEqual([]))

test('package-lock.json has an entry for every platform’s binary, or npm ci refuses it', () => {
  // When this fails after adding a dependency: node scripts/complete-lock.ts
  expect(missingEntries(readJsonFile(join(repositoryRoot, 'package-lock.json')))).toEqual([])
})

const platforms: [says: string, name: string, platform: ReturnType<typeof platformOf>][] = [
  ['a system and a processor', '@a/tool-darwin-arm64', { os: ['darwin'], cpu: ['arm64'] }],
  ['a C library', '@a/tool-linux-x64-musl', { os: ['linux'], cpu: ['x64'], libc: ['musl'] }],
  ['an ABI that npm does not know', '@a/binding-linux-arm-musleabihf', { os: ['linux'], cpu: ['arm'], libc: ['musl'] }],
  ['nothing', '@a/tool', null],
]
test.each(platforms)('a binary package’s name tells %s', (_says, name, platform) =>
  expect(platformOf(name)).toEqual(platform),
)

const manifests = files.filter((path) => /^(?:packages\/[^/]+\/)?package\.json$/.test(path))
test.each(manifests)('%s says its licence, is private and has its versions exact', (path) => {
  const manifest = objectOf(readJsonFile(join(repositoryRoot, path)))
  expect(manifest.license).toBe('Apache-2.0')
  expect(manifest.private).toBe(true)
  const versions = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((kind) =>
    Object.values(objectOf(manifest[kind])).map(textOf),
  )
  expect(versions.filter((version) => !/^\d+\.\d+\.\d+/.test(version))).toEqual([])
})

test('each room’s files are kebab-case, components apart', () => {
  const names = sources.filter((path) => /^packages\/[^/]+\/src\//.test(path))
  const odd = names.filter(
    (path) => !/^(?:[a-z0-9]+(?:-[a-z0-9]+)*|[A-Z]\w*)(?:\.\w+)*\.(?:ts|tsx)$/.test(path.split('/').at(-1) ?? ''),
  )
  expect(odd).toEqual([])
})

const documents: [path: string, words: readonly string[]][] = [
  ['README.md', ['npm start', 'npm test', 'Apache-2.0', 'CONTRIBUTING.md', 'ARCHITECTURE.md']],
  ['CONTRIBUTING.md', ['npm test', 'npm run check', 'npm run record', 'npm run -s bench', 'npm run fuzz']],
  ['NOTICE', ['The MITRE Corporation']],
  ['LICENSE', ['Apache License', 'Version 2.0, January 2004', 'END OF TERMS AND CONDITIONS']],
]
test.each(documents)('%s says what its readers look for', (path, words) => {
  const text = read(path)
  expect(words.filter((word) => !text.includes(word))).toEqual([])
})

test('every room is in ARCHITECTURE.md', () => {
  const rooms = new Set(files.flatMap((path) => /^packages\/([^/]+)\/package\.json$/.exec(path)?.[1] ?? []))
  const text = read('ARCHITECTURE.md')
  expect([...rooms].filter((room) => !text.includes(`\`${room}\``))).toEqual([])
})

test('every file that a document links to is there', () => {
  const pages = files.filter((path) => path.endsWith('.md'))
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)\s#]+)/g)].flatMap(([, target = '']) => {
      const path = join(page, '..', target)
      return files.some((file) => file === path || file.startsWith(`${path.replace(/\/$/, '')}/`))
        ? []
        : [`${page}: ${target}`]
    }),
  )
  expect(broken).toEqual([])
})
