/** An agent as a process of its own, started as a user starts it. Every process started here ends with this one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AgentStatus, readAgentStatus } from '@dogwatch/agent'
import { repositoryRoot } from '../scripts/repository.ts'
import { until } from './checks.ts'

export interface AgentProcess {
  readonly pid: number
  output(): string
  /** What the agent says about itself; null while it has said nothing since this start. */
  status(): AgentStatus | null
  /** Waits until it is connected. */
  connected(): Promise<AgentStatus>
  /** SIGTERM; returns the exit status, or the signal's name. */
  stop(): Promise<number | string>
  /** kill -9. */
  kill(): Promise<void>
}

const connectMsMax = 60_000
const stopMsMax = 30_000
const outputMax = 200_000
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts `dogwatch agent` with a home and further flags; `before` are words in front, as of `ip netns exec`. */
export function startAgent(home: string, flags: readonly string[], before: readonly string[] = []): AgentProcess {
  const main = join(repositoryRoot, 'packages/cli/src/main.ts')
  const [command = '', ...args] = [...before, process.execPath, main, 'agent', '--home', home, ...flags]
  const startedAt = new Date().toISOString()
  const child = spawn(command, args, { cwd: repositoryRoot, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let output = ''
  const take = (text: string): void => {
    output = (output + text).slice(-outputMax)
  }
  child.stdout.setEncoding('utf8').on('data', take)
  child.stderr.setEncoding('utf8').on('data', take)
  child.on('error', (error) => take(`${error.message}\n`))
  const ended = new Promise<number | string>((resolve) => {
    child.on('error', () => resolve('not started'))
    child.on('exit', (status, signal) => {
      running.delete(child)
      resolve(status ?? signal ?? 'ended')
    })
  })
  const status = (): AgentStatus | null => {
    const read = readAgentStatus(home)
    return read !== null && read.startedAt > startedAt ? read : null
  }
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  return {
    pid: child.pid ?? 0,
    output: () => output,
    status,
    kill,
    connected: () =>
      until('the agent to be connected', connectMsMax, () => {
        if (!running.has(child)) throw new Error(`the agent ended:\n${output}`)
        const now = status()
        return now?.connection.state === 'connected' ? now : undefined
      }).catch((error: Error) => {
        throw new Error(`${error.message}\n${output}`)
      }),
    stop: async () => {
      child.kill('SIGTERM')
      const code = await Promise.race([ended, sleep(stopMsMax, 'still running', { ref: false })])
      if (code === 'still running') await kill()
      return code
    },
  }
}
