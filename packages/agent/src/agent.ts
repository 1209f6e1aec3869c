/**
 * The agent: a list of steps to start, the same list backwards to stop. In goes its home folder, out comes a running
 * agent. Can go wrong: the configuration is wrong (all mistakes at once), or the spool is not to be opened. Everything
 * else (no manager, no audit, no identity yet) is told and tried again, while collectors go on into the spool.
 */
import { randomInt } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:net'
import { hostname, setPriority } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type KeyEntry, keepAliveText, keyHash, type ManagerControl, md5, SenderCounter } from '@dogwatch/protocol'
import { formatProblem } from '@dogwatch/schema'
import { BufferState } from './buffer-state.ts'
import { byteText } from './bytes.ts'
import { type AgentConf, type ConfText, readAgentConf } from './conf/agent-conf.ts'
import { firstConf } from './conf/first-conf.ts'
import { withInternalOptions } from './conf/internal-options.ts'
import { FimMonitor } from './fim/monitor.ts'
import type { FimConfig } from './fim/options.ts'
import type { AgentFlags } from './flags.ts'
import { lockHome } from './home-lock.ts'
import { unameText } from './host-facts.ts'
import type { EnrolOptions } from './link/enrol.ts'
import { readIdentity, readKeyHash, writeIdentity, writeKeyHash } from './link/identity.ts'
import { ManagerLink } from './link/manager-link.ts'
import { ownName } from './link/own-name.ts'
import { SharedFiles } from './link/shared-files.ts'
import { TlsManagers } from './link/tls-managers.ts'
import { LogCollector } from './logs/collector.ts'
import { answerRequest } from './requests.ts'
import type { Tell } from './send.ts'
import { Spool } from './spool.ts'
import { type AgentStatus, statusPath } from './status.ts'
import { pluginFolders } from './whodata/audit-control.ts'

export interface AgentOptions {
  readonly home: string
  readonly tell: Tell
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** May it have auditd write to it? Not in tests. */
  readonly isService?: boolean
  /** What goes before the configuration. */
  readonly flags?: AgentFlags
}

/** The configuration cannot be used; the message has every mistake. */
export class ConfFailure extends Error {}

/** The version that is told to managers: one that they know, in their form. */
const toldVersion = 'v4.14.7'
const portPreset = 1514
const lookMs = 1000
/** Looks between two writings of the status. */
const looksPerStatus = 5
const enrolRetryMsMax = 60_000

/** Starts an agent in its home folder. */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { home } = options
  if (existsSync(join(home, 'etc/webhook.token'))) {
    throw new ConfFailure(`${home} is the home of a manager; the agent needs another folder (--home)`)
  }
  for (const folder of ['etc', 'queue', 'queue/sockets'])
    mkdirSync(join(home, folder), { recursive: true, mode: 0o750 })
  const lock = await lockHome(home)
  try {
    const agent = new Agent(options, lock)
    await agent.start()
    return agent
  } catch (error) {
    lock.close()
    throw error
  }
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
  #looking: NodeJS.Timeout | null = null
  #looks = 0
  #connection: AgentStatus['connection']['state'] = 'connecting'
  #reason: string | null = null
  #hasEnded = false
  #hasSaidStarted = false
  #toldState = ''
  readonly #lock: Server
  readonly #buffer = new BufferState()
  readonly #startedAt = new Date()
  #turn: Promise<void> = Promise.resolve()
  #isReloadDue = false
  readonly #ending = new AbortController()
  #enrolling: Promise<void> = Promise.resolve()

  /** `lock`: of the home; closed when the agent stops. */
  constructor(options: AgentOptions, lock: Server) {
    const { home, tell } = options
    this.#options = options
    this.#lock = lock
    this.#shared = new SharedFiles(join(home, 'etc/shared'))
    this.#conf = this.#readConf(true)
    this.#spool = new Spool({ dir: join(home, 'queue/spool'), bytesMax: this.#conf.spoolMax, tell })
  }

  /** Collectors first: what they see waits in the spool until there is a manager. */
  async start(): Promise<void> {
    this.#lowerPriority()
    await this.#startCollectors()
    this.#enrolling = this.#connect().catch((error: unknown) => {
      this.#reason = error instanceof Error ? error.message : String(error)
      this.#options.tell('error', `no connection is made: ${this.#reason}`)
    })
    this.#looking = setInterval(() => this.#look(), lookMs)
    this.#looking.unref()
    this.#writeStatus()
  }

  /** What is running, for people and for `dogwatch agent status`. */
  get status(): AgentStatus {
    const [link, fim, logs] = [this.#link, this.#fim, this.#logs]
    return {
      at: new Date().toISOString(),
      pid: this.#hasEnded ? null : process.pid,
      startedAt: this.#startedAt.toISOString(),
      id: this.#identity?.id ?? null,
      name: this.#identity?.name ?? null,
      connection: {
        state: this.#connectionState(),
        manager: link?.server ?? this.#serverName(),
        lastAck: link?.lastAck?.toISOString() ?? null,
        isInTls: link?.isInTls ?? false,
        reason: link === null ? this.#reason : link.reason,
      },
      spool: {
        waiting: this.#spool.count,
        bytes: this.#spool.bytes,
        bytesMax: this.#conf.spoolMax,
        state: this.#buffer.level,
      },
      counts: { sent: link?.sent ?? 0, acknowledged: link?.confirmed ?? 0, cut: link?.cut ?? 0 },
      drops: { ...logs?.drops, ...(logs === null ? {} : { ignored: logs.ignored }) },
      fim: fim === null ? null : { ways: fim.ways, lastScan: fim.lastScan.toISOString() },
      logs: logs === null ? null : { files: logs.files },
      memoryBytes: process.memoryUsage.rss(),
    }
  }

  #connectionState(): AgentStatus['connection']['state'] {
    if (this.#hasEnded) return 'stopped'
    if (this.#link !== null) return this.#link.isConnected ? 'connected' : 'connecting'
    return this.#connection
  }

  #serverName(): string | null {
    const [server] = this.#conf.servers
    return server === undefined ? null : `${server.address}:${server.port}`
  }

  /** Reads the configuration again; one that is wrong leaves the old one running. */
  reload(): Promise<void> {
    // One that waits will read what the next one would.
    if (this.#isReloadDue) return this.#turn
    this.#isReloadDue = true
    this.#turn = this.#turn.then(async () => {
      this.#isReloadDue = false
      if (this.#ending.signal.aborted) return
      const { tell } = this.#options
      try {
        this.#conf = this.#readConf(false)
      } catch (error) {
        tell('error', `the old configuration goes on: ${error instanceof Error ? error.message : String(error)}`)
        return
      }
      try {
        await this.#stopCollectors()
        await this.#startCollectors()
        tell('info', 'the configuration was read anew')
      } catch (error) {
        tell('error', `not everything was started with the new configuration: ${String(error)}`)
      }
    })
    return this.#turn
  }

  /** Stops all, last first; each step has its turn whatever the others do. */
  async stop(): Promise<void> {
    this.#ending.abort()
    if (this.#looking !== null) clearInterval(this.#looking)
    const steps = [
      () => this.#turn,
      () => this.#stopCollectors(),
      () => this.#enrolling,
      () => this.#link?.stop(),
      () => this.#spool.close(),
      () => {
        this.#hasEnded = true
        this.#writeStatus()
      },
      () => this.#lock.close(),
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
    const own = this.#options.flags?.config ?? this.#path('etc/ossec.conf')
    if (!existsSync(own)) this.#writeFirstConf(own)
    const texts: ConfText[] = [{ path: own, text: readFileSync(own, 'latin1'), isLocal: true }]
    const { agentConf } = this.#shared
    if (agentConf !== null) texts.push({ path: this.#path('etc/shared/agent.conf'), text: agentConf, isLocal: false })
    const name = readIdentity(this.#path('etc/client.keys'))?.name ?? this.#options.flags?.name ?? hostname()
    const host = { name, os: this.#uname(), profiles: [] }
    const { conf, problems } = readAgentConf(texts, host)
    const isOwn = ({ at }: { readonly at: { readonly file: string } }): boolean => at.file === own
    const order = texts.map(({ path }) => path)
    const errors = problems
      .filter(({ severity }) => severity === 'error')
      .toSorted(
        (a, b) =>
          order.indexOf(a.at.file) - order.indexOf(b.at.file) || a.at.line - b.at.line || a.at.column - b.at.column,
      )
    for (const problem of problems) if (!errors.includes(problem)) this.#options.tell('warn', formatProblem(problem))
    if (conf !== null && errors.length === 0) return this.#withFlags(conf)
    // A shared file that is wrong must not keep the host from being watched.
    if (isFirst && errors.every((problem) => !isOwn(problem))) {
      for (const problem of errors) this.#options.tell('error', formatProblem(problem))
      const alone = readAgentConf(texts.slice(0, 1), host).conf
      if (alone !== null) return this.#withFlags(alone)
    }
    throw new ConfFailure(errors.map(formatProblem).join('\n'))
  }

  #writeFirstConf(file: string): void {
    const { flags } = this.#options
    if (flags?.config !== undefined) throw new ConfFailure(`${file} is not there`)
    if (flags?.manager === undefined) {
      throw new ConfFailure(`${file} is not there; name the manager (--manager ADDRESS), and one is written`)
    }
    writeFileSync(file, firstConf(flags), { mode: 0o640 })
    this.#options.tell('info', `wrote ${file}: what is watched and read; change it as you like`)
  }

  #withFlags(conf: AgentConf): AgentConf {
    const { flags } = this.#options
    if (flags === undefined) return conf
    const port = flags.port ?? conf.servers[0]?.port ?? portPreset
    const servers =
      flags.manager !== undefined
        ? [{ address: flags.manager, port }]
        : conf.servers.map((server) => ({ ...server, port: flags.port ?? server.port }))
    const { enrollment } = conf
    return {
      ...conf,
      servers,
      enrollment: {
        ...enrollment,
        address: flags.manager ?? enrollment.address,
        port: flags.portEnrol ?? enrollment.port,
        agentName: flags.name ?? enrollment.agentName,
        groups: flags.groups.length > 0 ? flags.groups : enrollment.groups,
        passwordPath: flags.passwordFile ?? enrollment.passwordPath,
        tokenPath: flags.tokenFile ?? enrollment.tokenPath,
      },
    }
  }

  #lowerPriority(): void {
    try {
      setPriority(this.#conf.syscheck.niceness)
    } catch {
      // Not allowed to; the work is the same.
    }
  }

  async #startCollectors(): Promise<void> {
    const { home, tell, environment, flags } = this.#options
    const send = this.#spool.append.bind(this.#spool)
    const { syscheck, sources } = this.#conf
    if (!syscheck.disabled && syscheck.directories.length > 0) {
      this.#fim = new FimMonitor({
        config: this.#tuned(syscheck),
        dir: join(home, 'queue/fim'),
        auditSocket: join(home, 'queue/sockets/audit'),
        auditPlugins: this.#options.isService === true ? pluginFolders : [],
        send,
        tell,
        ownPaths: [byteText(join(home, 'queue'))],
        hostRoot: flags?.hostRoot ?? '',
        ...(environment === undefined ? {} : { environment }),
      })
      await this.#fim.start()
    }
    if (sources.length > 0) {
      this.#logs = new LogCollector({ sources, dir: join(home, 'queue/logcollector'), send, tell })
      this.#logs.start()
    }
  }

  #tuned(syscheck: FimConfig): FimConfig {
    const file = this.#path('etc/local_internal_options.conf')
    const { config, problems } = withInternalOptions(syscheck, textOf(file) ?? '')
    for (const problem of problems) this.#options.tell('warn', `${file}: ${problem}`)
    return config
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
      this.#connection = 'no manager'
      tell('warn', 'no <server> in <client>: messages stay in the spool')
      return
    }
    this.#identity = readIdentity(this.#path('etc/client.keys')) ?? (await this.#enrol())
    const entry = this.#identity
    if (entry === null || this.#ending.signal.aborted) return
    this.#warnOfOtherName(entry)
    this.#keepKeyHash(entry)
    const { caPath } = this.#conf.enrollment
    const ca = caPath === '' ? undefined : textOf(this.#path(caPath))
    if (caPath !== '' && ca === undefined) tell('warn', `${this.#path(caPath)} cannot be read: no TLS to the manager`)
    this.#link = new ManagerLink({
      servers,
      ...(ca === undefined ? {} : { ca }),
      tls: this.#conf.tls,
      // Who names no authority any more has given up TLS.
      ...(caPath === '' ? {} : { tlsManagers: new TlsManagers(this.#path('queue/tls-managers')) }),
      entry,
      spool: this.#spool,
      counter: new SenderCounter(this.#path('queue/rids')),
      keepAlive: (address) => this.#keepAlive(address),
      version: toldVersion,
      notifyTimeS: this.#conf.notifyTimeS,
      reconnectTimeS: this.#conf.reconnectTimeS,
      epsMax: this.#conf.epsMax,
      retriesMax: this.#conf.retriesMax,
      retryMsMax: this.#conf.retryS * 1000,
      onReady: () => this.#sayStarted(),
      onRefused: () => this.#enrolAgain(),
      tell,
      onControl: (control) => this.#onControl(control),
      random: () => randomInt(0, 65_536),
    })
    this.#link.start()
  }

  /** Said once, behind the first answer of a manager: rules 501 and 503 know it (spec: agent-protocol, part 5). */
  #sayStarted(): void {
    if (this.#hasSaidStarted || this.#identity === null) return
    this.#hasSaidStarted = true
    const { name, ip } = this.#identity
    const text = `ossec: Agent started: '${name}->${ip}'.`
    this.#spool
      .append('1', 'wazuh-agent', text)
      .catch((error: unknown) => this.#options.tell('warn', `that the agent has started is not told: ${String(error)}`))
  }

  #keepKeyHash(entry: KeyEntry): void {
    try {
      writeKeyHash(this.#path('queue/key-hash'), entry)
    } catch (error) {
      this.#options.tell('warn', `the hash of the key cannot be kept: ${String(error)}`)
    }
  }

  #warnOfOtherName({ id, name }: KeyEntry): void {
    const asked = this.#options.flags?.name
    if (asked === undefined || asked === name) return
    const keys = this.#path('etc/client.keys')
    this.#options.tell('warn', `--name ${asked} has no effect: this home is agent ${id} ${name} already (${keys})`)
  }

  /** Until there is an identity, or the agent ends. */
  async #enrol(): Promise<KeyEntry | null> {
    const { tell } = this.#options
    if (this.#enrolServer() === null) {
      this.#connection = 'no identity'
      this.#reason = 'etc/client.keys has no key, and enrolment is switched off (<enrollment>)'
      tell('error', this.#reason)
      return null
    }
    this.#connection = 'enrolling'
    for (let pause = 1000; !this.#ending.signal.aborted; pause = Math.min(enrolRetryMsMax, pause * 2)) {
      const entry = await this.#enrolOnce()
      if (entry !== null) return entry
      await sleep(pause, undefined, { signal: this.#ending.signal }).catch(() => {})
    }
    return null
  }

  /** The manager does not know our key any more; where it does, it refuses another, and we go on. */
  async #enrolAgain(): Promise<KeyEntry | null> {
    if (this.#enrolServer() === null) return null
    this.#options.tell('warn', 'the manager seems not to know this agent’s key: another one is asked for')
    const entry = await this.#enrolOnce()
    if (entry === null) return null
    this.#identity = entry
    this.#keepKeyHash(entry)
    return entry
  }

  #enrolServer(): string | null {
    const { enrollment, servers } = this.#conf
    return enrollment.enabled ? enrollment.address || (servers[0]?.address ?? null) : null
  }

  async #enrolOnce(): Promise<KeyEntry | null> {
    const { tell } = this.#options
    const address = this.#enrolServer() ?? ''
    const { port } = this.#conf.enrollment
    try {
      // Loaded when it is needed: TLS is a good part of what a quiet agent would hold in memory.
      const { enrol } = await import('./link/enrol.ts')
      const entry = await enrol({ address, port, ...(await this.#enrolParts()) })
      writeIdentity(this.#path('etc/client.keys'), entry)
      tell('info', `enrolled at ${address}:${port} as ${entry.id} ${entry.name}`)
      this.#reason = null
      return entry
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#reason = `enrolment at ${address}:${port}: ${why}${this.#enrolHint(why)}`
      tell('warn', this.#reason)
      return null
    }
  }

  #enrolHint(why: string): string {
    if (!why.includes('Invalid password')) return ''
    const file = this.#path(this.#conf.enrollment.passwordPath)
    return `; put the manager’s etc/authd.pass into ${file}, or name it with --password-file`
  }

  async #enrolParts(): Promise<Pick<EnrolOptions, 'asks' | 'ca' | 'certificate' | 'key'>> {
    const { enrollment } = this.#conf
    const password = textOf(this.#path(enrollment.passwordPath))?.split('\n')[0]?.trim() ?? ''
    const pem = (path: string): string | null => (path === '' ? null : readFileSync(this.#path(path), 'utf8'))
    const [certificate, key] = [pem(enrollment.certificatePath), pem(enrollment.keyPath)]
    const old = readIdentity(this.#path('etc/client.keys'))
    const proof = await this.#nodeProof()
    // The hash of a key that is lost counts only where the node is named too: else it would say that the key is still good.
    const lostHash = proof.nodeUid === undefined ? null : readKeyHash(this.#path('queue/key-hash'))
    const hash = old === null ? lostHash : keyHash(old)
    return {
      asks: {
        name: enrollment.agentName || old?.name || ownName(hostname()),
        version: toldVersion,
        ...(enrollment.groups.length === 0 ? {} : { groups: enrollment.groups }),
        ...(password === '' ? {} : { password }),
        ...(hash === null ? {} : { keyHash: hash }),
        ...proof,
      },
      ca: pem(enrollment.caPath),
      ...(certificate === null ? {} : { certificate }),
      ...(key === null ? {} : { key }),
    }
  }

  /** On Kubernetes: which node this is, so that a node whose key was lost is the same agent again. */
  async #nodeProof(): Promise<{ readonly nodeUid?: string; readonly token?: string }> {
    const { tokenPath } = this.#conf.enrollment
    if (tokenPath === '') return {}
    const { environment = {}, tell } = this.#options
    const { askApiServer, readNodeProof } = await import('./link/node-proof.ts')
    const read = await readNodeProof(this.#path(tokenPath), environment.NODE_NAME, askApiServer(environment))
    if (read.proof !== null) return read.proof
    tell('warn', `enrolling without a proof of the node: ${read.why}`)
    return {}
  }

  #uname(): string {
    return unameText(this.#options.flags?.hostRoot)
  }

  #keepAlive(address: string): string {
    const { agentConf } = this.#shared
    return keepAliveText({
      uname: this.#uname(),
      version: `Wazuh ${toldVersion}`,
      configSum: agentConf === null ? null : md5(Buffer.from(agentConf, 'latin1')),
      labels: this.#conf.labels,
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
    if (control.kind === 'sync' && control.component === 'fim_file') this.#fim?.onSync(control.command, control.data)
    if (control.kind !== 'request') return null
    const command = control.command.toString('latin1').trim()
    const logs = this.#logs?.state(Date.now()) ?? null
    const asked = answerRequest(control.target, command, { conf: this.#conf, status: this.status, logs })
    if (asked.does === 'scan') this.#fim?.scanSoon()
    if (asked.does === 'reload') {
      this.#options.tell('info', 'the manager has the configuration read anew')
      // After the answer, which must not wait for collectors to end.
      setImmediate(() => void this.reload())
    }
    return asked.answer
  }

  /** Every second: does the spool fill up? Now and then the status is written. */
  #look(): void {
    const share = this.#spool.bytes / Math.max(1, this.#conf.spoolMax)
    const notice = this.#buffer.look(share, this.#spool.isFull, performance.now())
    if (notice !== null) {
      this.#options.tell(this.#buffer.level === 'normal' ? 'info' : 'warn', notice)
      // On a full disk it cannot be kept; the log has it.
      void this.#spool.appendNotice('1', 'wazuh-agent', notice).catch(() => {})
    }
    this.#looks = (this.#looks + 1) % looksPerStatus
    const isNews = notice !== null || this.#toldState !== this.#connectionState()
    if (this.#looks === 0 || isNews) this.#writeStatus()
  }

  #writeStatus(): void {
    this.#toldState = this.#connectionState()
    const file = statusPath(this.#options.home)
    try {
      writeFileSync(`${file}.new`, `${JSON.stringify(this.status)}\n`, { mode: 0o640 })
      renameSync(`${file}.new`, file)
    } catch {
      // A full disk: the next one may fit.
    }
  }
}

function textOf(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}
