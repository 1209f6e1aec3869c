/** Running a tool as a child process with bounded output and time; the counts that its output tells. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { repositoryRoot } from './repository.ts'

/** What a child process said and how it ended. */
export interface ToolResult {
  /** Exit status; null when a signal or the time limit ended it. */
  readonly status: number | null
  readonly signal: string | null
  readonly wasCutOff: boolean
  /** Standard output and standard error as they came, the last `outputMax` characters. */
  readonly output: string
  readonly seconds: number
}

/** Counts of one part of the test run. */
export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** Characters of output kept of one tool; the end is what says why. */
export const outputMax = 200_000

/** Path of a tool that npm installed. */
export function toolPath(name: string): string {
  return join(repositoryRoot, 'node_modules', '.bin', name)
}

/** Runs a program to its end, at most `secondsMax` long. `onText` sees the output as it comes. Never throws. */
export function runTool(
  command: string,
  args: readonly string[],
  secondsMax: number,
  onText: (text: string) => void = () => {},
): Promise<ToolResult> {
  const started = performance.now()
  return new Promise((resolve) => {
    let output = ''
    let wasCutOff = false
    const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' }
    const child = spawn(command, args, { cwd: repositoryRoot, stdio: ['ignore', 'pipe', 'pipe'], env, detached: true })
    const take = (chunk: string) => {
      output = (output + chunk).slice(-outputMax)
      onText(chunk)
    }
    child.stdout.setEncoding('utf8').on('data', take)
    child.stderr.setEncoding('utf8').on('data', take)
    const limit = setTimeout(() => {
      wasCutOff = true
      endGroup(child.pid)
    }, secondsMax * 1000)
    const stop = () => endGroup(child.pid)
    process.once('exit', stop)
    const finish = (status: number | null, signal: string | null) => {
      clearTimeout(limit)
      process.removeListener('exit', stop)
      // What a tool left running would hold ports and memory of the parts after it.
      endGroup(child.pid)
      resolve({ status, signal, wasCutOff, output, seconds: (performance.now() - started) / 1000 })
    }
    child.on('error', (error) => {
      take(`${error.message}\n`)
      finish(null, null)
    })
    child.on('exit', (status, signal) => {
      // The last output may still be on its way when the process has ended.
      setTimeout(() => finish(status, signal), 50)
    })
  })
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The group has ended by itself.
  }
}

const countLine = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$/

/** The counts in the last line of an output that ends with `N passed, N failed`; null when it does not. */
export function countsOf(output: string): Counts | null {
  const match = countLine.exec(output.trimEnd().split('\n').at(-1) ?? '')
  if (match === null) return null
  return { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3] ?? 0) }
}

/** `N passed, N failed`, and what was skipped when something was. */
export function countText({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}
