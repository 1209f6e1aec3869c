import { describe, expect, test } from 'vitest'
import { importProblems, roomsKnownBy, type SourceFile } from './imports.ts'

const manifest = (room: string, dependencies: Record<string, string> = {}): SourceFile => ({
  path: `packages/${room}/package.json`,
  text: JSON.stringify({ name: `@dogwatch/${room}`, exports: './src/index.ts', dependencies }),
})
const source = (path: string, text: string): SourceFile => ({ path: `packages/${path}`, text })
const engine = manifest('engine', { '@dogwatch/schema': '0.1.0', re2js: '2.10.0' })
const root: SourceFile = { path: 'package.json', text: JSON.stringify({ devDependencies: { vitest: '5.1.1' } }) }

const cases: [says: string, files: SourceFile[], problems: string[]][] = [
  ['lets a room know a lower one', [engine, source('engine/src/a.ts', `import { x } from '@dogwatch/schema'`)], []],
  ['lets a room use what it lists', [engine, source('engine/src/a.ts', `import { x } from 're2js'`)], []],
  [
    'names a room that is above',
    [manifest('schema'), source('schema/src/a.ts', `const a = 1\nimport { x } from '@dogwatch/engine'`)],
    ['packages/schema/src/a.ts:2: schema may not know engine'],
  ],
  [
    'names a dependency that is above',
    [manifest('bus', { '@dogwatch/manager': '0.1.0' })],
    ['packages/bus/package.json:1: bus may not know manager'],
  ],
  [
    'names an import that package.json does not list',
    [engine, source('engine/src/a.ts', `export { x } from 'yaml'`)],
    ['packages/engine/src/a.ts:1: yaml is not in packages/engine/package.json'],
  ],
  [
    'keeps the inside inside, by name',
    [engine, source('engine/src/a.ts', `import '@dogwatch/schema/src/x.ts'`)],
    ['packages/engine/src/a.ts:1: @dogwatch/schema/src/x.ts reaches into schema; import from @dogwatch/schema'],
  ],
  [
    'keeps the inside inside, by path',
    [engine, source('engine/src/a.ts', `const x = await import('../../schema/src/x.ts')`)],
    ['packages/engine/src/a.ts:1: ../../schema/src/x.ts reaches outside of engine'],
  ],
  [
    'sees an import over several lines',
    [engine, source('engine/src/a.ts', `import {\n  x,\n  y,\n} from 'yaml'`)],
    ['packages/engine/src/a.ts:4: yaml is not in packages/engine/package.json'],
  ],
  [
    'keeps I/O out of the engine',
    [engine, source('engine/src/a.ts', `import { readFileSync } from 'node:fs'`)],
    ['packages/engine/src/a.ts:1: engine has no I/O, no clock and no randomness: node:fs'],
  ],
  [
    'keeps the clock out of the engine',
    [engine, source('engine/src/a.ts', `/** Date.now in a comment */\nconst t = Date.now()`)],
    ['packages/engine/src/a.ts:2: engine has no I/O, no clock and no randomness: Date.now'],
  ],
  [
    'takes a call of a function `from` for no import',
    [engine, source('engine/src/a.ts', `const x = from('1000')`)],
    [],
  ],
  ['lets a test use the tools of the root', [root, engine, source('engine/src/a.test.ts', `import 'vitest'`)], []],
  [
    'lets a test use a room that devDependencies list',
    [
      {
        path: 'packages/bus/package.json',
        text: JSON.stringify({
          name: '@dogwatch/bus',
          exports: './src/index.ts',
          devDependencies: { '@dogwatch/certs': '0.1.0' },
        }),
      },
      source('bus/src/bus-suite.ts', `import '@dogwatch/certs'`),
    ],
    [],
  ],
  [
    'wants a test to list that room',
    [manifest('bus'), source('bus/src/a.test.ts', `import '@dogwatch/certs'`)],
    ['packages/bus/src/a.test.ts:1: @dogwatch/certs is not in packages/bus/package.json'],
  ],
  ['tells a field from the global of its name', [engine, source('engine/src/a.ts', `const a = event.process.env`)], []],
  [
    'keeps the tools of the root out of the program',
    [root, engine, source('engine/src/a.ts', `import 'vitest'`)],
    ['packages/engine/src/a.ts:1: vitest is not in packages/engine/package.json'],
  ],
  ['passes over comments', [engine, source('engine/src/a.ts', `// import 'yaml'\n/* from 'yaml' */`)], []],
  [
    'wants exact versions',
    [manifest('k8s', { yaml: '^2.9.1' })],
    ['packages/k8s/package.json:1: yaml is not pinned exactly'],
  ],
  [
    'wants every room to have its place',
    [manifest('attic')],
    ['packages/attic/package.json:1: attic has no place among the shelves; add it to scripts/imports.ts'],
  ],
]
test.each(cases)('%s', (_says, files, problems) => expect(importProblems(files)).toEqual(problems))

describe('the table of rooms', () => {
  test.each(Object.keys(roomsKnownBy))('leads from %s to no circle', (room) => {
    const seen = new Set<string>()
    const visit = (name: string) => {
      for (const other of roomsKnownBy[name] ?? []) {
        expect(other, `${room} → ${name}`).not.toBe(room)
        if (!seen.has(other)) {
          seen.add(other)
          visit(other)
        }
      }
    }
    visit(room)
  })
})
