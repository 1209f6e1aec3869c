/**
 * Output of commands as events (`command`, `full_command`). In goes a command of this host’s own configuration, out come
 * messages; it is ended after its time, its output is bounded. Never given anything that came over the network.
 */
import { execFile } from 'node:child_process'
import { type CommandSource, eventLengthMax } from './config.ts'

/** How long a command may run, in milliseconds. */
const commandTimeoutMs = 60_000
const outputMax = 1024 * 1024

/** Runs it once. The messages, or why there is none. */
export function runCommand({
  command,
  alias,
  isFull,
}: CommandSource): Promise<{ messages: string[]; wrong: string | null }> {
  return new Promise((resolve) => {
    const options = {
      timeout: commandTimeoutMs,
      maxBuffer: outputMax,
      encoding: 'latin1',
      killSignal: 'SIGKILL',
    } as const
    execFile('/bin/sh', ['-c', command], options, (error, stdout) => {
      const isCut = error !== null && 'code' in error && error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER'
      const wrong = isCut ? 'its output is too long' : error?.killed === true ? 'it took too long' : null
      resolve({ messages: commandMessages(alias, stdout, isFull), wrong })
    })
  })
}

/** The messages of an output; blank lines are left out. */
export function commandMessages(alias: string, output: string, isFull: boolean): string[] {
  const lines = output.split(/\r?\n/).filter((line) => line.trim() !== '')
  if (lines.length === 0) return []
  if (isFull) return [`ossec: output: '${alias}':\n${lines.join('\n')}`.slice(0, eventLengthMax)]
  return lines.map((line) => `ossec: output: '${alias}': ${line}`.slice(0, eventLengthMax))
}
