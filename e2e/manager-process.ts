/**
 * A manager as a process of its own, used through what it promises to users: flags, files in its home, ports, signals.
 * Every process started here ends with this one.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { repositoryRoot } from '../scripts/repository.ts'
import { until } from './checks.ts'

/** How a manager is started and where it lives. */
export interface ManagerOptions {
  readonly home: string
  readonly ports: Ports
  /** `npm` as a user starts it; `node` to have the manager's own process id, with the same launcher and so the same memory flags. */
  readonly through: 'npm' | 'node'
}

export interface Ports {
  readonly webhook: number
  readonly metrics: number
  /** Left out: one that nobody knows. */
  readonly agents?: number
  readonly enrol?: number
  readonly api: number
}

export interface ManagerProcess {
  /** Of the manager when started through node, of npm otherwise. */
  readonly pid: number
  /** Milliseconds from the start to the first answer that it is ready. */
  readonly readyMs: number
  /** What it has printed so far, both streams, the last 200,000 characters. */
  output(): string
  /** SIGTERM; returns the exit status, or the signal's name. */
  stop(): Promise<number | string>
  /** kill -9. */
  kill(): Promise<void>
}

/** A started process that may not be ready yet. */
export interface Starting {
  readonly pid: number
  readonly ready: Promise<ManagerProcess>
  kill(): Promise<void>
}

/** Longest time a start may take here, first-time certificates included. */
const startMsMax = 30_000
/** Longest time an orderly end may take. */
const stopMsMax = 30_000
const outputMax = 200_000

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) killGroup(child)
})

/** Ports that were free a moment ago, on 127.0.0.1. */
export async function freePorts(): Promise<Ports> {
  const servers = [createServer(), createServer(), createServer()]
  const [webhook = 0, metrics = 0, api = 0] = await Promise.all(
    servers.map(async (server) => {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return portOf(server.address())
    }),
  )
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return { webhook, metrics, api }
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** An empty home folder; removed when the process ends. */
export function temporaryHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'dogwatch-home-'))
  process.on('exit', () => rmSync(home, { recursive: true, force: true }))
  return home
}

/** The default cluster's token. */
export function tokenOf(home: string): string {
  return readFileSync(join(home, 'etc', 'webhook.token'), 'utf8').trim()
}

/** The authority's certificate, PEM. */
export function caOf(home: string): Buffer {
  return readFileSync(join(home, 'certs', 'ca.pem'))
}

/** Starts a manager and waits until it is ready; an error with its output when it ends instead. */
export function startManager(options: ManagerOptions): Promise<ManagerProcess> {
  return beginManager(options).ready
}

/** Starts a manager without waiting, for who wants to kill it while it starts. */
export function beginManager({ home, ports, through }: ManagerOptions): Starting {
  const flags = [
    '--home',
    home,
    '--port-webhook',
    `${ports.webhook}`,
    '--port-metrics',
    `${ports.metrics}`,
    '--port-api',
    `${ports.api}`,
  ]
  // Whatever the configuration says of agents, several managers must not meet on its ports.
  flags.push('--port-agents', `${ports.agents ?? 0}`, '--port-enrol', `${ports.enrol ?? 0}`)
  const [command, args] =
    through === 'npm'
      ? ['npm', ['start', '--', ...flags]]
      : [process.execPath, [join(repositoryRoot, 'scripts/bootstrap.cjs'), 'start', ...flags]]
  const started = performance.now()
  const env = { ...process.env, NO_COLOR: '1', INIT_CWD: repositoryRoot }
  const child = spawn(command, args, { cwd: repositoryRoot, stdio: ['ignore', 'pipe', 'pipe'], env, detached: true })
  running.add(child)
  let output = ''
  const take = (text: string) => {
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
  const hasEnded = () => !running.has(child)
  const kill = async () => {
    killGroup(child)
    await ended
  }
  const waitReady = async (): Promise<ManagerProcess> => {
    await until(`the manager in ${home} to be ready\n${output}`, startMsMax, async () => {
      if (hasEnded()) throw new Error(`the manager ended (${await ended}) before it was ready:\n${output}`)
      return (await statusOf(ports.metrics, '/readyz')) === 200 ? true : undefined
    })
    const readyMs = performance.now() - started
    const stop = async () => {
      child.kill('SIGTERM')
      const status = await Promise.race([ended, sleep(stopMsMax, 'still running', { ref: false })])
      if (status === 'still running') await kill()
      return status
    }
    return { pid: child.pid ?? 0, readyMs, output: () => output, stop, kill }
  }
  const ready = waitReady()
  // Who kills it while it starts never asks for this answer.
  ready.catch(() => {})
  return { pid: child.pid ?? 0, ready, kill }
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

/** Status of a page on 127.0.0.1; null when nobody answers. */
function statusOf(port: number, path: string): Promise<number | null> {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false, timeout: 2000 }, (response) => {
      response.resume()
      resolve(response.statusCode ?? null)
    })
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('error', () => resolve(null))
  })
}

/** Text of a page on 127.0.0.1, as `/metrics`. */
export async function pageOf(port: number, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5000) })
  return response.text()
}
