/**
 * Runs recorded matcher results (arrays of `{p, s, compiles?, match?, end?, groups?}`, text in UTF-8) against this
 * room. Reads no files: the caller hands over the parsed array and the base name of its file, which tells the dialect.
 */
import { type Compiled, noMatch } from './contract.ts'
import { compileOsmatch } from './osmatch.ts'
import { compileOsregex } from './osregex.ts'

/** The outcome of a run. `failures` holds a sentence for each case that went wrong, at most `failuresMax`. */
export interface CorpusResult {
  readonly passed: number
  readonly failed: number
  readonly failures: readonly string[]
}

const failuresMax = 50

/** Runs one file's cases. `name` begins with the dialect: `osregex-...` (recorded with groups wanted) or `osmatch-...`. */
export function runRegexCorpus(name: string, cases: readonly unknown[]): CorpusResult {
  const osmatch = name.startsWith('osmatch')
  let passed = 0
  let failed = 0
  const failures: string[] = []
  for (const item of cases) {
    const reason = judge(item, (source) =>
      osmatch ? compileOsmatch(source) : compileOsregex(source, { captures: true }),
    )
    if (reason === null) {
      passed++
      continue
    }
    failed++
    if (failures.length < failuresMax) failures.push(`${name}: ${JSON.stringify(item).slice(0, 300)}: ${reason}`)
  }
  return { passed, failed, failures }
}

function judge(item: unknown, compile: (source: string) => Compiled): string | null {
  if (!isCase(item)) return 'not a case: p and s must be texts'
  const { pattern, error } = compile(latin1(item.p))
  if (pattern === undefined) return item.compiles === false ? null : `does not compile: ${error.message}`
  if (item.compiles === false) return 'compiles, and should not'
  const groups: string[] = []
  const end = pattern.exec(latin1(item.s), groups)
  if ((end !== noMatch) !== item.match) return end === noMatch ? 'no match' : 'matches, and should not'
  if (pattern.test(latin1(item.s)) !== item.match) return 'test() differs from exec()'
  if (end === noMatch || item.end === undefined) return null
  if (end !== item.end) return `ends at ${end}`
  const wanted = (item.groups ?? []).map(latin1)
  return JSON.stringify(groups) === JSON.stringify(wanted) ? null : `groups ${JSON.stringify(groups)}`
}

interface Case {
  readonly p: string
  readonly s: string
  readonly compiles?: boolean
  readonly match?: boolean
  readonly end?: number
  readonly groups?: readonly string[]
}

function isCase(item: unknown): item is Case {
  return (
    typeof item === 'object' &&
    item !== null &&
    'p' in item &&
    's' in item &&
    typeof item.p === 'string' &&
    typeof item.s === 'string'
  )
}

function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}
