/** Runs parts one after the other, a line for each, and the line of all counts at the end. */
import type { Part, PartResult } from './parts.ts'
import { countText } from './tools.ts'

/** Runs the parts in order and prints; the last line printed is `N passed, N failed`. Sets the exit status. */
export async function runParts(parts: readonly Part[]): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  const started = performance.now()
  const total = { passed: 0, failed: 0, skipped: 0 }
  const nameWidth = Math.max(...parts.map(({ name }) => name.length))
  for (const { name, run } of parts) {
    const partStarted = performance.now()
    const result = await outcomeOf(run)
    total.passed += result.passed
    total.failed += result.failed
    total.skipped += result.skipped
    const mark = result.failed > 0 ? '✗' : '✓'
    const seconds = ((performance.now() - partStarted) / 1000).toFixed(1)
    say(`${mark} ${name.padEnd(nameWidth)}  ${countText(result)}  (${seconds} s)`)
    for (const line of result.details) say(`    ${line}`)
  }
  say(`${((performance.now() - started) / 1000).toFixed(0)} s`)
  say(countText(total))
  process.exitCode = total.failed > 0 ? 1 : 0
}

async function outcomeOf(run: Part['run']): Promise<PartResult> {
  try {
    return await run()
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { passed: 0, failed: 1, skipped: 0, details: reason.split('\n') }
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
