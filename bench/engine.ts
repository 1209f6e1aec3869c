/**
 * `bench -- engine`: events per second of the engine with a whole Wazuh ruleset, output included (spec: engine-speed).
 *
 * In: the shared folder (tools, ruleset, recipe rules). Out: for `mixed` and `k8s` the figures of `dogwatch analyze --archives` in a child process, and `eps_cpu_at_1`:
 * per CPU-second, divided by the machine's score just before and after (1.00 is the machine on which the reference was measured).
 */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const root = resolve(import.meta.dirname, '..')
const shared = resolve(root, process.env.DOGWATCH_SHARED ?? '../shared')
/** The stock rule file that the comparison leaves out (it depends on the time of day). */
const leftOut = '0215-policy_rules.xml'
/** Longest a child may take, ms. */
const childMs = 600_000

interface Wanted {
  readonly events: number
  readonly threads: number
  readonly rules: number
  readonly only: readonly string[]
}

/** Runs both kinds (or the one of `--only`). */
export async function run(args: readonly string[]): Promise<object> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      events: { type: 'string', default: '500000' },
      threads: { type: 'string', default: '1' },
      rules: { type: 'string', default: '0' },
      only: { type: 'string', default: 'mixed,k8s' },
    },
  })
  const wanted: Wanted = {
    events: Number(values.events),
    threads: Number(values.threads),
    rules: Number(values.rules),
    only: values.only.split(','),
  }
  if (!existsSync(join(shared, 'tools/mkevents.py')))
    throw new Error(`${shared} lacks tools/mkevents.py: set DOGWATCH_SHARED`)
  const folder = mkdtempSync(join(tmpdir(), 'dogwatch-bench-engine-'))
  try {
    const ruleset = layOutRuleset(folder, wanted.rules)
    return Object.fromEntries(wanted.only.map((kind) => [kind, measure(kind, wanted, ruleset, folder)]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function measure(kind: string, { events, threads }: Wanted, ruleset: string, folder: string): object {
  const input = eventFile(kind, events)
  const before = calibrate()
  const out = join(folder, `out-${kind}`)
  const child = spawnSync(
    process.execPath,
    [
      join(root, 'bin/dogwatch'),
      ...['analyze', '--ruleset', ruleset, '--in', input, '--format', 'queue'],
      ...['--out', out, '--archives', '--threads', String(threads)],
    ],
    { encoding: 'utf8', timeout: childMs, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  rmSync(out, { recursive: true, force: true })
  const figures: unknown = JSON.parse(child.stdout.trimEnd().split('\n').at(-1) || 'null')
  if (child.status !== 0 || !isFigures(figures)) throw new Error(`analyze ended with ${child.status ?? child.signal}`)
  const after = calibrate()
  const score = (before + after) / 2
  return { ...figures, threads, score: Number(score.toFixed(3)), eps_cpu_at_1: Math.round(figures.eps_cpu / score) }
}

function isFigures(value: unknown): value is { readonly eps_cpu: number } {
  return typeof value === 'object' && value !== null && 'eps_cpu' in value && typeof value.eps_cpu === 'number'
}

/** The file of `mkevents.py`, kept in the temporary folder from run to run. */
function eventFile(kind: string, events: number): string {
  const folder = join(tmpdir(), 'dogwatch-bench-events')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${kind}-${events}`)
  if (!existsSync(path)) {
    process.stderr.write(`making ${path}\n`)
    execFileSync('python3', [join(shared, 'tools/mkevents.py'), kind, String(events), `${path}.tmp`], {
      timeout: childMs,
    })
    renameSync(`${path}.tmp`, path)
  }
  return path
}

function calibrate(): number {
  const text = execFileSync(process.execPath, [join(shared, 'tools/calibrate.mjs')], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  const answer: unknown = JSON.parse(text)
  return typeof answer === 'object' && answer !== null && 'score' in answer ? Number(answer.score) : Number.NaN
}

/** A folder with links to the stock files and the recipe's rules. With `rules` above 0: only so many, whole files in the order of their names. */
function layOutRuleset(folder: string, rules: number): string {
  const stock = join(shared, 'conformance/ruleset')
  const ruleset = join(folder, 'ruleset')
  mkdirSync(join(ruleset, 'rules'), { recursive: true })
  for (const kind of ['decoders', 'lists']) symlinkSync(join(stock, kind), join(ruleset, kind))
  let count = 0
  for (const name of readdirSync(join(stock, 'rules'))
    .filter((each) => each !== leftOut)
    .sort()) {
    const text = readFileSync(join(stock, 'rules', name), 'latin1')
    if (rules > 0 && count >= rules) break
    count += text.match(/<rule id=/g)?.length ?? 0
    symlinkSync(join(stock, 'rules', name), join(ruleset, 'rules', name))
  }
  const recipe = join(shared, 'acceptance/local_rules.xml')
  writeFileSync(join(ruleset, 'rules', basename(recipe)), readFileSync(recipe))
  return ruleset
}
