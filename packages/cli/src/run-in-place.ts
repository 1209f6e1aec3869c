/** Becoming another program of ours: the same process id where Node can do that, so that signals and supervisors reach it, else a child that is waited for. */
import { spawn } from 'node:child_process'
import { ownEnvironment } from './environment.ts'

/** Runs Node with these arguments and further variables. Gives the exit status; does not return where the process is replaced. */
export async function runInPlace(
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
): Promise<number> {
  const env = { ...variables, ...ownEnvironment }
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    // Node prints a warning that this call is experimental; the user can do nothing with it.
    process.removeAllListeners('warning')
    process.execve(process.execPath, [process.execPath, ...args], env)
  }
  const child = spawn(process.execPath, args, { stdio: 'inherit', env })
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void child.kill(signal))
  process.on('SIGINT', () => {}) // the terminal has sent it to the child as well
  return await new Promise((resolve, reject) => {
    child.once('exit', (code) => resolve(code ?? 1))
    child.once('error', reject)
  })
}
