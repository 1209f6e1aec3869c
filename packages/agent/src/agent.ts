/**
 * The agent: a list of steps to start, the same list backwards to stop. In goes its home folder, out comes a running
 * agent. Can go wrong: the configuration is wrong (all mistakes at once), or the spool is not to be opened. Everything
 * else (no manager, no audit, no identity yet) is told and tried again, while collectors go on into the spool.
 */
import { randomInt } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { hostname, release, setPriority, version } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type KeyEntry, keepAliveText, type ManagerControl, SenderCounter } from '@dogwatch/protocol'
import { formatProblem } from '@dogwatch/schema'
import { byteText } from './bytes.ts'
import { type AgentConf, type ConfText, readAgentConf } from './conf/agent-conf.ts'
import { FimMonitor } from './fim/monitor.ts'
import { enrol, readIdentity, writeIdentity } from './link/enrol.ts'
import { ManagerLink } from './link/manager-link.ts'
import { SharedFiles } from './link/shared-files.ts'
import { LogCollector } from './logs/collector.ts'
import type { Tell } from './send.ts'
import { Spool } from './spool.ts'
import { pluginFolders } from './whodata/audit-control.ts'

export interface AgentOptions {
  readonly home: string
  readonly tell: Tell
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** May it have auditd write to it? Not in tests. */
  readonly isService?: boolean
}

/** The configuration cannot be used; the message has every mistake. */
export class ConfFailure extends Error {}

/** The version that is told to managers: one that they know, in their form. */
const toldVersion = 'v4.14.7'
const statusMs = 5000
const enrolRetryMsMax = 60_000

/** Starts an agent in its home folder. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const agent = new Agent(options)
  await agent.start()
  return agent
}

export class Agent {
  readonly #options: AgentOptions
  readonly #shared: SharedFiles
  readonly #spool: Spool
  #conf: AgentConf
  #fim: FimMonitor | null = null
  #logs: LogCollector | null = null
  #link: ManagerLink | null = null
  #identity: KeyEntry | null = null
  #status: NodeJS.Timeout | null = null
  #turn: Promise<void> = Promise.resolve()
  readonly #ending = new AbortController()
  #enrolling: Promise<void> = Promise.resolve()

  constructor(options: AgentOptions) {
    const { home, tell } = options
    this.#options = options
    for (const folder of ['etc', 'queue', 'queue/sockets'])
      mkdirSync(join(home, folder), { recursive: true, mode: 0o750 })
    this.#shared = new SharedFiles(join(home, 'etc/shared'))
    this.#conf = this.#readConf(true)
    this.#spool = new Spool({ dir: join(home, 'queue/spool'), bytesMax: this.#conf.spoolMax, tell })
  }

  /** Collectors first: what they see waits in the spool until there is a manager. */
  async start(): Promise<void> {
    this.#lowerPriority()
    await this.#startCollectors()
    this.#enrolling = this.#connect()
    this.#status = setInterval(() => this.#writeStatus(), statusMs)
    this.#status.unref()
    this.#writeStatus()
  }

  /** What is running, for people and for `status`. */
  get status(): Readonly<Record<string, unknown>> {
    return {
      id: this.#identity?.id ?? null,
      name: this.#identity?.name ?? null,
      connected: this.#link?.isConnected ?? false,
      waiting: this.#spool.count,
      spoolBytes: this.#spool.bytes,
      fim: this.#fim === null ? null : { ways: this.#fim.ways, lastScan: this.#fim.lastScan.toISOString() },
      logs:
        this.#logs === null
          ? null
          : { files: this.#logs.files, dropped: this.#logs.drops, ignored: this.#logs.ignored },
    }
  }

  /** Reads the configuration again; one that is wrong leaves the old one running. */
  reload(): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (this.#ending.signal.aborted) return
      try {
        this.#conf = this.#readConf(false)
      } catch (error) {
        this.#options.tell(
          'error',
          `the old configuration goes on: ${error instanceof Error ? error.message : String(error)}`,
        )
        return
      }
      await this.#stopCollectors()
      await this.#startCollectors()
    })
    return this.#turn
  }

  /** Stops all, last first; each step has its turn whatever the others do. */
  async stop(): Promise<void> {
    this.#ending.abort()
    if (this.#status !== null) clearInterval(this.#status)
    const steps = [
      () => this.#turn,
      () => this.#stopCollectors(),
      () => this.#enrolling,
      () => this.#link?.stop(),
      () => this.#spool.close(),
      () => this.#writeStatus(),
    ]
    for (const step of steps) {
      try {
        await step()
      } catch (error) {
        this.#options.tell('error', `stopping: ${String(error)}`)
      }
    }
  }

  #path(path: string): string {
    return isAbsolute(path) ? path : join(this.#options.home, path)
  }

  #readConf(isFirst: boolean): AgentConf {
    const own = this.#path('etc/ossec.conf')
    if (!existsSync(own)) throw new ConfFailure(`${own} is missing; write at least <ossec_config></ossec_config>`)
    const texts: ConfText[] = [{ path: own, text: readFileSync(own, 'latin1'), isLocal: true }]
    const { agentConf } = this.#shared
    if (agentConf !== null) texts.push({ path: this.#path('etc/shared/agent.conf'), text: agentConf, isLocal: false })
    const { conf, problems } = readAgentConf(texts)
    const isOwn = ({ at }: { readonly at: { readonly file: string } }): boolean => at.file === own
    const errors = problems.filter(({ severity }) => severity === 'error')
    for (const problem of problems) if (!errors.includes(problem)) this.#options.tell('warn', formatProblem(problem))
    if (conf !== null && errors.length === 0) return conf
    // A shared file that is wrong must not keep the host from being watched.
    if (isFirst && errors.every((problem) => !isOwn(problem))) {
      for (const problem of errors) this.#options.tell('error', formatProblem(problem))
      const alone = readAgentConf(texts.slice(0, 1)).conf
      if (alone !== null) return alone
    }
    throw new ConfFailure(errors.map(formatProblem).join('\n'))
  }

  #lowerPriority(): void {
    try {
      setPriority(this.#conf.syscheck.niceness)
    } catch {
      // Not allowed to; the work is the same.
    }
  }

  async #startCollectors(): Promise<void> {
    const { home, tell, environment } = this.#options
    const send = this.#spool.append.bind(this.#spool)
    const { syscheck, sources } = this.#conf
    if (!syscheck.disabled && syscheck.directories.length > 0) {
      this.#fim = new FimMonitor({
        config: syscheck,
        dir: join(home, 'queue/fim'),
        auditSocket: join(home, 'queue/sockets/audit'),
        auditPlugins: this.#options.isService === true ? pluginFolders : [],
        send,
        tell,
        ownPaths: [byteText(join(home, 'queue'))],
        ...(environment === undefined ? {} : { environment }),
      })
      await this.#fim.start()
    }
    if (sources.length > 0) {
      this.#logs = new LogCollector({ sources, dir: join(home, 'queue/logcollector'), send, tell })
      this.#logs.start()
    }
  }

  async #stopCollectors(): Promise<void> {
    const [fim, logs] = [this.#fim, this.#logs]
    this.#fim = null
    this.#logs = null
    await logs?.stop()
    await fim?.stop()
  }

  async #connect(): Promise<void> {
    const { servers } = this.#conf
    const { tell } = this.#options
    if (servers.length === 0) {
      tell('warn', 'no <server> in <client>: messages stay in the spool')
      return
    }
    this.#identity = readIdentity(this.#path('etc/client.keys')) ?? (await this.#enrol())
    const entry = this.#identity
    if (entry === null || this.#ending.signal.aborted) return
    this.#link = new ManagerLink({
      servers,
      entry,
      spool: this.#spool,
      counter: new SenderCounter(this.#path('queue/rids')),
      keepAlive: (address) => this.#keepAlive(address),
      version: toldVersion,
      notifyTimeS: this.#conf.notifyTimeS,
      reconnectTimeS: this.#conf.reconnectTimeS,
      epsMax: this.#conf.epsMax,
      tell,
      onControl: (control) => this.#onControl(control),
      random: () => randomInt(0, 65_536),
    })
    this.#link.start()
  }

  async #enrol(): Promise<KeyEntry | null> {
    const { enrollment, servers } = this.#conf
    const { tell } = this.#options
    const address = enrollment.address || servers[0]?.address
    if (!enrollment.enabled || address === undefined) {
      tell('error', 'no identity in etc/client.keys, and enrolment is switched off')
      return null
    }
    for (let pause = 1000; !this.#ending.signal.aborted; pause = Math.min(enrolRetryMsMax, pause * 2)) {
      try {
        const entry = await enrol({ address, port: enrollment.port, ...this.#enrolParts() })
        writeIdentity(this.#path('etc/client.keys'), entry)
        tell('info', `enrolled at ${address} as ${entry.id} ${entry.name}`)
        return entry
      } catch (error) {
        tell(
          'warn',
          `enrolment at ${address}:${enrollment.port}: ${error instanceof Error ? error.message : String(error)}`,
        )
      }
      await sleep(pause, undefined, { signal: this.#ending.signal }).catch(() => {})
    }
    return null
  }

  #enrolParts(): Pick<Parameters<typeof enrol>[0], 'asks' | 'ca' | 'certificate' | 'key'> {
    const { enrollment } = this.#conf
    const password = textOf(this.#path(enrollment.passwordPath))?.trim()
    const pem = (path: string): string | null => (path === '' ? null : readFileSync(this.#path(path), 'utf8'))
    const [certificate, key] = [pem(enrollment.certificatePath), pem(enrollment.keyPath)]
    return {
      asks: {
        name: enrollment.agentName || hostname(),
        version: toldVersion,
        ...(enrollment.groups.length === 0 ? {} : { groups: enrollment.groups }),
        ...(password === undefined || password === '' ? {} : { password }),
      },
      ca: pem(enrollment.caPath),
      ...(certificate === null ? {} : { certificate }),
      ...(key === null ? {} : { key }),
    }
  }

  #keepAlive(address: string): string {
    return keepAliveText({
      uname: `Linux |${hostname()} |${release()} |${version().replaceAll('|', ' ')} |${process.arch} [Linux|linux: ${release()}]`,
      version: `Wazuh ${toldVersion}`,
      configSum: null,
      labels: [],
      mergedSum: this.#shared.sum,
      address: address.replace(/^::ffff:/, ''),
    })
  }

  /** What the manager sends is data: it may set what is watched, and ask for a new look, nothing more. */
  async #onControl(control: ManagerControl): Promise<string | null> {
    if (this.#shared.take(control)) {
      this.#options.tell('info', 'a new shared configuration has come')
      await this.reload()
      return null
    }
    if (control.kind === 'scan') this.#fim?.scanSoon()
    if (control.kind !== 'request') return null
    const command = control.command.toString('latin1').trim()
    if (control.target === 'agent' && command === 'restart') {
      await this.reload()
      return 'ok '
    }
    return `err ${control.target} is not asked here`
  }

  #writeStatus(): void {
    const file = this.#path('queue/agent-status.json')
    try {
      writeFileSync(`${file}.new`, JSON.stringify({ at: new Date().toISOString(), ...this.status }), { mode: 0o640 })
      renameSync(`${file}.new`, file)
    } catch {
      // A full disk: the next one may fit.
    }
  }
}

function textOf(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}
