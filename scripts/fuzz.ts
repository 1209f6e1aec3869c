/**
 * `npm run fuzz -- [SECONDS] [NAME] [--seed N]`: runs every `packages/<room>/src/*.fuzz.ts` for its share of the time.
 * A fuzz file exports `fuzz(seconds, seed)`, which throws when it finds something. The seed is printed, so that a
 * finding can be repeated. Status 1 when something was found.
 */
import { globSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { repositoryRoot } from './repository.ts'

const secondsDefault = 60
/** Seeds are unsigned 32-bit numbers, which is what fast-check takes. */
const seedEnd = 2 ** 32

const { values, positionals } = parseArgs({ allowPositionals: true, options: { seed: { type: 'string' } } })
const seconds = Number(positionals.find((word) => /^\d+$/.test(word)) ?? secondsDefault)
const names = positionals.filter((word) => !/^\d+$/.test(word))
const seed = values.seed === undefined ? Math.floor(Math.random() * seedEnd) : Number(values.seed)
if (!Number.isInteger(seed) || seed < 0 || seed >= seedEnd) stop(`--seed wants a whole number below ${seedEnd}`)

const files = globSync('packages/*/src/**/*.fuzz.ts', { cwd: repositoryRoot }).sort()
const known = new Map(files.map((file) => [nameOf(file), file]))
const unknown = names.filter((name) => !known.has(name))
if (unknown.length > 0) stop(`unknown: ${unknown.join(', ')}; there are: ${[...known.keys()].join(', ') || 'none'}`)
const chosen = [...known].filter(([name]) => names.length === 0 || names.includes(name))

process.stdout.write(`seed ${seed}\n`)
const share = seconds / Math.max(1, chosen.length)
let failed = 0
for (const [name, file] of chosen) {
  try {
    await fuzzOf(await import(pathToFileURL(join(repositoryRoot, file)).href), file)(share, seed)
    process.stdout.write(`✓ ${name} (${share.toFixed(0)} s)\n`)
  } catch (error) {
    failed += 1
    process.stdout.write(`✗ ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.stdout.write(`  again: npm run fuzz -- ${seconds} ${name} --seed ${seed}\n`)
  }
}
process.stdout.write(`${chosen.length - failed} passed, ${failed} failed\n`)
process.exit(failed > 0 ? 1 : 0)

/** `packages/bus/src/journal.fuzz.ts` is called `bus/journal`. */
function nameOf(file: string): string {
  return `${file.split('/')[1]}/${basename(file, '.fuzz.ts')}`
}

function fuzzOf(module: unknown, file: string): (seconds: number, seed: number) => unknown {
  const isModule = typeof module === 'object' && module !== null && 'fuzz' in module
  const fuzz = isModule ? module.fuzz : undefined
  if (typeof fuzz !== 'function') throw new Error(`${file} exports no function fuzz(seconds, seed)`)
  return (...args) => fuzz(...args)
}

function stop(line: string): never {
  process.stderr.write(`${line}\n`)
  process.exit(2)
}
