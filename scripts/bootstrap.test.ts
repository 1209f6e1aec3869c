import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { repositoryRoot } from './repository.ts'

/** A checkout in small: the bootstrap, the lock file, our own node_modules, and a manager that says what it sees. */
const root = mkdtempSync(join(tmpdir(), 'dogwatch-bootstrap-'))
const manager = join(root, 'packages/manager/src/main.ts')
const lock = (packages: object) => writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }))

beforeAll(() => {
  mkdirSync(join(root, 'packages/manager/src'), { recursive: true })
  mkdirSync(join(root, 'scripts'))
  cpSync(join(repositoryRoot, 'scripts/bootstrap.cjs'), join(root, 'scripts/bootstrap.cjs'))
  cpSync(join(repositoryRoot, 'bin'), join(root, 'bin'), { recursive: true })
  // What npm keeps about what it installed, and one package.
  mkdirSync(join(root, 'node_modules/a'), { recursive: true })
  const installed = { packages: { 'node_modules/a': { version: '1.0.0' } } }
  writeFileSync(join(root, 'node_modules/.package-lock.json'), JSON.stringify(installed))
  lock({ '': {}, ...installed.packages })
  writeFileSync(
    manager,
    `const seen: string[] = process.argv.slice(2)
     process.on('SIGTERM', () => process.exit(7))
     console.log(JSON.stringify({ seen, cwd: process.cwd() }))
     if (seen[0] === 'wait') setInterval(() => {}, 1000)`,
  )
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Runs the bootstrap on this Node; npm is not on the PATH, so that an attempt to install is seen and harmless. */
function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const whole = { PATH: '', DOGWATCH_NO_APT: '1', ...env }
  const script = join(root, 'scripts/bootstrap.cjs')
  return spawnSync(process.execPath, [script, ...args], { cwd: root, env: whole, encoding: 'utf8', timeout: 20_000 })
}

describe('the bootstrap', () => {
  test('runs the program of a verb with its arguments, and says nothing itself', () => {
    const { status, stdout, stderr } = run(['start', '--home', 'a b', '--', ''])
    expect([status, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toEqual({ seen: ['--home', 'a b', '--', ''], cwd: root })
  })
  test('stands where npm was called, for verbs that take paths', () => {
    expect(JSON.parse(run(['start'], { INIT_CWD: tmpdir() }).stdout).cwd).toBe(tmpdir())
  })
  const wrong: [says: string, args: string[], line: RegExp][] = [
    ['names an unknown verb', ['stop'], /^dogwatch: unknown verb "stop"; there are: start, /],
    ['does not take a property for a verb', ['constructor'], /^dogwatch: unknown verb "constructor"/],
    ['says that no verb was given', [], /^dogwatch: unknown verb ""/],
    ['names a program that is not there', ['bench'], /^dogwatch: bench is not part of this version \(bench\/index.ts/],
  ]
  test.each(wrong)('%s, on standard error', (_says, args, line) => {
    const { status, stdout, stderr } = run(args)
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(line)
  })
  const ways: [says: string, options: readonly string[]][] = [
    ['as the process itself', []],
    ['as its parent, on a Node that cannot replace its process', ['--require', './old-node.cjs']],
  ]
  test.each(ways)('hands a signal and the exit status through, %s', async (_says, options) => {
    writeFileSync(join(root, 'old-node.cjs'), 'process.execve = undefined')
    const args = [...options, join(root, 'scripts/bootstrap.cjs'), 'start', 'wait']
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([7, null])
  })
  test('is reached by the launcher, through a symbolic link too', () => {
    symlinkSync(join(root, 'bin/dogwatch'), join(root, 'link'))
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'link'), 'x'], { encoding: 'utf8' })
    expect([status, stderr]).toEqual([2, expect.stringContaining('packages/cli/src/main.ts')])
  })

  const states: [says: string, wanted: object, installs: boolean][] = [
    ['does not install what is there', { 'node_modules/a': { version: '1.0.0' } }, false],
    ['passes over what is optional', { 'node_modules/b': { version: '1.0.0', optional: true } }, false],
    ['passes over what only development needs', { 'node_modules/b': { version: '1.0.0', dev: true } }, false],
    ['installs another version', { 'node_modules/a': { version: '1.0.1' } }, true],
    ['installs what is missing', { 'node_modules/b': { version: '1.0.0' } }, true],
  ]
  test.each(states)('%s', (_says, wanted, installs) => {
    lock({ '': {}, ...wanted })
    const { status, stderr, stdout } = run(['start'])
    expect(stderr.includes('installing packages (npm ci)')).toBe(installs)
    // Without npm nothing can be installed: that is said, and the program is not run.
    expect([status, stdout === '']).toEqual(installs ? [1, true] : [0, false])
  })
})

describe('the page of the dashboard', () => {
  const room = join(root, 'packages/dashboard')
  const build = (text: string) => writeFileSync(join(room, 'src/build.ts'), text)
  const good = `import { mkdirSync, writeFileSync } from 'node:fs'
     mkdirSync('packages/dashboard/dist', { recursive: true })
     writeFileSync('packages/dashboard/dist/index.html', '')`
  beforeAll(() => {
    for (const folder of ['dashboard/src', 'client', 'query'])
      mkdirSync(join(root, 'packages', folder), { recursive: true })
    build(good)
    lock({ '': {}, 'node_modules/a': { version: '1.0.0' } })
  })
  afterAll(() => rmSync(room, { recursive: true }))

  test('is built once for its sources, which is said on standard error', () => {
    const first = run(['start'])
    expect(first.stderr).toMatch(/^dogwatch: building the page, .*\ndogwatch: page built in [\d.]+ s\n$/)
    expect(JSON.parse(first.stdout).seen).toEqual([])
    expect(run(['start']).stderr).toBe('')
  })
  test('is built anew when a source is another, and not for a test', () => {
    writeFileSync(join(room, 'src/some.test.ts'), '1')
    expect(run(['start']).stderr).toBe('')
    writeFileSync(join(root, 'packages/query/parse.ts'), '1')
    expect(run(['start']).stderr).toContain('page built')
  })
  test('is built anew when somebody has removed it', () => {
    rmSync(join(room, 'dist'), { recursive: true })
    expect(run(['start']).stderr).toContain('page built')
  })
  test('keeps nothing else from starting when it cannot be built', () => {
    build(`throw new Error('no page today')`)
    const { status, stdout, stderr } = run(['start'])
    expect([status, JSON.parse(stdout).seen]).toEqual([0, []])
    expect(stderr).toContain('no page today')
    expect(stderr).toContain('the page could not be built')
  })
  test('is no matter of verbs that do not show it', () => {
    expect(run(['conformance']).stderr).not.toContain('page')
  })
})
