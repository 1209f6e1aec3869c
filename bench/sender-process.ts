/** A sender in a process of its own, so that its work does not count as the manager's. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { objectOf } from '../scripts/json-file.ts'
import { repositoryRoot } from '../scripts/repository.ts'

/**
 * Runs a file of this folder with an order as its one argument, and reads its report: one JSON object on standard output. Ends with this process. Throws
 * when the sender's status is not 0.
 */
export async function senderReport(file: string, order: object): Promise<Readonly<Record<string, unknown>>> {
  const path = join(repositoryRoot, 'bench', file)
  const child = spawn(process.execPath, [path, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const stop = () => child.kill('SIGKILL')
  process.once('exit', stop)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const [status] = await once(child, 'close')
  process.removeListener('exit', stop)
  if (status !== 0) throw new Error(`${file} ended with status ${status}`)
  return objectOf(JSON.parse(output))
}
