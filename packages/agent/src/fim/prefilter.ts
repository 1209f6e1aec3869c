/**
 * `<prefilter_cmd>`: a command run on each file, whose output is hashed in its place, as `prelink -y` gives the file as it
 * was before prelinking. In go its words and a path, out come bytes as they are made. Bounds: `runMsMax`, and the bytes
 * that may be hashed. It runs without a shell; a command that cannot be run, fails, or goes on too long makes nothing.
 */
import { spawn } from 'node:child_process'
import { bytesOf, shownText } from '../bytes.ts'

/** Longest run of the command on one file, in milliseconds. */
const runMsMax = 60_000

/** Gives the output in pieces. True: that was all of it, and the command ended well. */
export function filtered(
  command: readonly string[],
  path: string,
  bytesMax: number,
  take: (content: Buffer) => void,
): Promise<boolean> {
  const [program = '', ...words] = command
  const name = shownText(path)
  // Arguments are text to Node; a name that is not UTF-8 cannot be handed over.
  if (!Buffer.from(name).equals(bytesOf(path))) return Promise.resolve(false)
  return new Promise((resolve) => {
    let bytes = 0
    const child = spawn(program, [...words, name], {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: runMsMax,
      killSignal: 'SIGKILL',
    })
    child.stdout.on('data', (content: Buffer) => {
      bytes += content.length
      if (bytes > bytesMax) child.kill('SIGKILL')
      else take(content)
    })
    child.once('error', () => resolve(false))
    child.once('close', (status) => resolve(status === 0))
  })
}
