/**
 * The parts of the test run. Each runs as a child process, so that one that crashes or hangs is a failure that is said
 * and nothing else. In: nothing but the checkout. Out: counts, and for each failure what a reader needs to see.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { scenarios } from '../e2e/scenarios.ts'
import { importProblems } from './imports.ts'
import { arrayOf, numberOf, objectOf, readJsonFile, textOf } from './json-file.ts'
import { repositoryFiles, repositoryRoot, sharedFolder } from './repository.ts'
import { type Counts, countsOf, runTool, type ToolResult, toolPath } from './tools.ts'

/** What a part found. `details` are the lines that explain failures and skips. */
export interface PartResult extends Counts {
  readonly details: readonly string[]
}

/** One part: its name as printed, and how it runs. */
export interface Part {
  readonly name: string
  readonly run: () => Promise<PartResult>
}

/** Lines of a tool's output that are shown when it failed. */
const detailLinesMax = 60

/** The quick ones, `npm run check`. */
export const checkParts: readonly Part[] = [
  { name: 'types', run: runTypes },
  { name: 'format and lint', run: runLint },
  { name: 'import directions', run: runImports },
]

/** All of `npm test`, in order: what fails fastest comes first. */
export const testParts: readonly Part[] = [
  ...checkParts,
  { name: 'dead code', run: runKnip },
  { name: 'unit and property tests', run: runVitest },
  { name: 'conformance', run: runConformance },
  ...scenarios
    .filter(({ inTest }) => inTest)
    .map(({ name }) => ({ name: `e2e ${name}`, run: () => runScenario(name) })),
]

/** The programs, and the page: it has the browser's words instead of Node's, and elements in its sources. */
async function runTypes(): Promise<PartResult> {
  const projects = ['.', 'packages/dashboard']
  const results = await Promise.all(
    projects.map((project) => runTool(toolPath('tsc'), ['--noEmit', '--pretty', 'false', '-p', project], 180)),
  )
  const parts = results.map((result) => countedByLine(result, /error TS\d+/))
  const sum = (count: (part: PartResult) => number) => parts.reduce((total, part) => total + count(part), 0)
  return {
    passed: sum(({ passed }) => passed),
    failed: sum(({ failed }) => failed),
    skipped: 0,
    details: parts.flatMap(({ details }) => details),
  }
}

async function runLint(): Promise<PartResult> {
  const args = ['check', '--error-on-warnings', '--max-diagnostics=50', '--colors=off']
  const result = await runTool(toolPath('biome'), args, 120)
  return countedByLine(result, /^[\w./-]+(?::\d+:\d+)? .*━━/)
}

async function runImports(): Promise<PartResult> {
  const files = repositoryFiles()
    .filter((path) => path === 'package.json' || /^packages\/.*(?:\.tsx?|package\.json)$/.test(path))
    .map((path) => ({ path, text: readFileSync(join(repositoryRoot, path), 'utf8') }))
  const problems = importProblems(files)
  const passed = problems.length === 0 ? 1 : 0
  return { passed, failed: problems.length, skipped: 0, details: problems }
}

async function runKnip(): Promise<PartResult> {
  const result = await runTool(toolPath('knip'), ['--no-progress', '--no-config-hints'], 120)
  return countedByLine(result, /\.(?:ts|tsx|json|cjs)(?::\d+:\d+)?\s*$/)
}

/** A tool that prints its findings a line each: one test that passes, or as many failures as findings. */
function countedByLine(result: ToolResult, finding: RegExp): PartResult {
  if (result.status === 0) return { passed: 1, failed: 0, skipped: 0, details: [] }
  const found = result.output.split('\n').filter((line) => finding.test(line)).length
  return { passed: 0, failed: Math.max(1, found), skipped: 0, details: lastLines(result) }
}

function lastLines({ output, wasCutOff, signal }: ToolResult): string[] {
  const lines = output.trimEnd().split('\n').slice(-detailLinesMax)
  if (wasCutOff) lines.push('(cut off: it took too long)')
  else if (signal !== null) lines.push(`(ended by ${signal})`)
  return lines
}

async function runVitest(): Promise<PartResult> {
  const folder = mkdtempSync(join(tmpdir(), 'dogwatch-test-'))
  try {
    const report = join(folder, 'report.json')
    const args = ['run', '--reporter=json', `--outputFile=${report}`, '--no-color']
    const result = await runTool(toolPath('vitest'), args, 330)
    if (!existsSync(report)) {
      return { passed: 0, failed: 1, skipped: 0, details: ['no report was written', ...lastLines(result)] }
    }
    return vitestResult(readJsonFile(report), result)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function vitestResult(report: unknown, result: ToolResult): PartResult {
  const totals = objectOf(report)
  const details: string[] = []
  let failed = 0
  for (const suite of arrayOf(totals.testResults).map(objectOf)) {
    const file = textOf(suite.name).replace(`${repositoryRoot}/`, '')
    const failures = arrayOf(suite.assertionResults)
      .map(objectOf)
      .filter(({ status }) => status === 'failed')
    for (const { fullName, failureMessages } of failures) {
      details.push(`✗ ${file}: ${textOf(fullName)}`)
      details.push(...indented(arrayOf(failureMessages).map(textOf).join('\n')))
    }
    failed += failures.length
    if (suite.status === 'failed' && failures.length === 0) {
      failed += 1
      details.push(`✗ ${file}: the file could not be run`, ...indented(textOf(suite.message)))
    }
  }
  if (result.status !== 0 && failed === 0) {
    failed = 1
    details.push('the test runner failed without naming a test', ...lastLines(result))
  }
  const skipped = numberOf(totals.numPendingTests) + numberOf(totals.numTodoTests)
  return { passed: numberOf(totals.numPassedTests), failed, skipped, details }
}

/** The first lines of a failure's message, without the frames of the test runner itself. */
function indented(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => !line.includes('/node_modules/'))
    .slice(0, 24)
    .map((line) => `    ${line.slice(0, 400)}`)
}

async function runConformance(): Promise<PartResult> {
  const program = 'packages/cli/src/conformance.ts'
  const shared = sharedFolder()
  if (shared === null) return skippedPart('the shared corpus is not there (DOGWATCH_SHARED, default ../shared)')
  if (!existsSync(join(repositoryRoot, program))) return skippedPart(`${program} is not part of this version`)
  return countedByLastLine(await runTool(process.execPath, [program, '--corpus', join(shared, 'conformance')], 240))
}

async function runScenario(name: string): Promise<PartResult> {
  return countedByLastLine(await runTool(process.execPath, ['e2e/index.ts', name], 180))
}

/** A program that ends with `N passed, N failed`; anything else is a crash and counts as a failure. */
function countedByLastLine(result: ToolResult): PartResult {
  const counts = countsOf(result.output)
  if (counts === null) {
    return { passed: 0, failed: 1, skipped: 0, details: ['it ended without its counts', ...lastLines(result)] }
  }
  const failed = result.status !== 0 && counts.failed === 0 ? 1 : counts.failed
  return { ...counts, failed, details: failed > 0 || counts.skipped > 0 ? lastLines(result) : [] }
}

function skippedPart(reason: string): PartResult {
  return { passed: 0, failed: 0, skipped: 1, details: [`skipped: ${reason}`] }
}
