/** What a scenario says as it goes: a line per check, counts at the end. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Thrown to end a scenario whose further checks make no sense; the reason has been said. */
export class GaveUp extends Error {}

/** Collects checks. One sentence each; what the check returns is said behind it. */
export class Checks {
  passed = 0
  failed = 0
  skipped = 0

  /** Runs a check and counts it; what it throws is a failure. Returns whether it passed. */
  async check(sentence: string, look: () => unknown): Promise<boolean> {
    try {
      const found = await look()
      this.passed += 1
      say(`✓ ${sentence}${typeof found === 'string' ? ` (${found})` : ''}`)
      return true
    } catch (error) {
      this.failed += 1
      say(`✗ ${sentence}`)
      for (const line of messageOf(error).split('\n').slice(0, 40)) say(`    ${line}`)
      return false
    }
  }

  /** A check without which nothing else can be looked at. */
  async must(sentence: string, look: () => unknown): Promise<void> {
    if (!(await this.check(sentence, look))) throw new GaveUp(sentence)
  }

  /** Counts a check that cannot be made here, with the reason. */
  skip(sentence: string, reason: string): void {
    this.skipped += 1
    say(`- ${sentence}: skipped, ${reason}`)
  }

  /** A line that is no check. */
  note(line: string): void {
    say(`  ${line}`)
  }
}

/** Looks every 20 ms until `look` returns something other than undefined; an error with `what` after `msMax`. */
export async function until<T>(
  what: string,
  msMax: number,
  look: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const end = performance.now() + msMax
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > end) throw new Error(`waited ${msMax / 1000} s for ${what}`)
    await sleep(20)
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
