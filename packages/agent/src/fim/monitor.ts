/**
 * File integrity as one part of the program: baseline opened, kernel and audit listened to, scans on time. In go the
 * configuration and `send`, out come messages. Who-data comes from the audit where it runs; else from what fanotify and
 * /proc tell of the process; else a change is told without who did it. A scan that cannot send is tried again.
 */
import { lstatSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bytesOf, byteText, isWithin, shownText, systemPath } from '../bytes.ts'
import type { Send, Tell } from '../send.ts'
import { Realtime } from '../watch/realtime.ts'
import type { Hint } from '../watch/watcher.ts'
import { Actors } from '../whodata/actors.ts'
import { auditState, rulesFolder, writePlugin } from '../whodata/audit-control.ts'
import { AuditSource } from '../whodata/audit-source.ts'
import { type HostPaths, ownHost, podOf, processActor } from '../whodata/process-facts.ts'
import { Baseline, isDamage } from './baseline.ts'
import { Contents } from './contents.ts'
import { FileIntegrity, type ScanReport } from './fim.ts'
import type { Actor } from './message.ts'
import { Names } from './names.ts'
import type { FimConfig, Mode } from './options.ts'
import { nextScanMs } from './schedule.ts'
import { FimSync } from './sync.ts'
import type { ConcretePath } from './watch-list.ts'

export interface MonitorOptions {
  readonly config: FimConfig
  /** Folder for the baseline and the stored texts. */
  readonly dir: string
  /** Where auditd's plug-in makes its socket. */
  readonly auditSocket: string
  /** Folders in which auditd looks for plug-ins; none: auditd's files are left alone. */
  readonly auditPlugins?: readonly string[]
  readonly send: Send
  readonly tell: Tell
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly ownPaths?: readonly string[]
  readonly host?: HostPaths
  /** Folder that holds the host's etc/passwd; '' for this system's own. */
  readonly hostRoot?: string
}

/** How long a hint waits for the audit to tell who did it, in milliseconds. */
const auditDelayMs = 250
/** Before a scan that failed is tried again, in milliseconds. */
const retryMs = 30_000
/** Most processes whose facts wait for the hint to be looked at. */
const seenMax = 16_384

export class FimMonitor {
  readonly #options: MonitorOptions
  readonly #names: Names
  readonly #actors = new Actors()
  readonly #seen = new Map<number, Actor>()
  readonly #baseline: Baseline
  readonly #fim: FileIntegrity
  readonly #realtime: Realtime
  readonly #audit: AuditSource
  readonly #sync: FimSync
  #lastScan = new Date(0)
  #isStopped = false
  /** A scan was asked for. */
  #isWanted = false
  #wake: (() => void) | null = null
  #scans: Promise<void> = Promise.resolve()

  constructor(options: MonitorOptions) {
    const { config, dir, send, tell } = options
    this.#options = options
    this.#names = new Names(options.hostRoot)
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const file = join(dir, 'baseline.db')
    const keeps = config.alertsAfterRestart && !config.isInMemory
    if (!keeps) for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true })
    this.#baseline = new Baseline(config.isInMemory ? ':memory:' : file)
    if (this.#baseline.resetReason !== null) {
      this.#tellDamage(this.#baseline.resetReason)
    }
    const contents = new Contents({ dir: join(dir, 'diff'), quota: config.diffQuota }, keeps)
    this.#fim = new FileIntegrity({
      config,
      baseline: this.#baseline,
      contents,
      names: this.#names,
      send,
      tell,
      now: unixNow,
      ownPaths: [byteText(dir), ...(options.ownPaths ?? [])],
      ...(options.environment === undefined ? {} : { environment: options.environment }),
    })
    this.#realtime = new Realtime({
      targets: this.#live(),
      isSkipped: (folder) => this.#fim.isSkipped(folder),
      onHint: (hint) => this.#see(hint),
      examine: (hint) => this.#examine(hint),
      rescan: () => this.#rescan(),
      onOverflow: () =>
        send(
          '1',
          'syscheck',
          'ossec: Real-time inotify kernel queue is full. Some events may be lost. Next scheduled scan will recover lost data.',
        ),
      pendingMax: config.whodata.queueSize,
      delayMs: () => (this.#audit.isLive ? auditDelayMs : config.realtimeDelayMs),
      tell: (message) => tell('warn', message),
    })
    this.#audit = new AuditSource({
      socketPath: options.auditSocket,
      folders: this.#whoFolders(),
      keys: config.whodata.keys,
      names: this.#names,
      onActor: (actor, files) => this.#actors.add(actor, files),
      onHint: ({ path, isFolder, actor }) => this.#realtime.add({ path, isFolder, pid: actor.processId ?? null }),
      healthFolder: config.whodata.healthcheck ? byteText(join(dir, 'healthcheck')) : null,
      rulesFolder: (options.auditPlugins?.length ?? 0) > 0 ? rulesFolder : null,
      notice: (text) => void send('1', 'syscheck', text).catch(() => {}),
      tell,
    })
    this.#sync = new FimSync({
      config: config.sync,
      baseline: this.#baseline,
      send,
      now: unixNow,
      onFailure: (error) => tell('warn', `the manager's inventory could not be compared: ${String(error)}`),
    })
  }

  /** The manager's answer to a comparison of its inventory (spec: agent-protocol, part 9). */
  onSync(command: string, data: Uint8Array): void {
    this.#sync.take(command, data)
  }

  /** Listens first, then scans: what changes during the scan is looked at after it. */
  async start(): Promise<void> {
    const { tell } = this.#options
    if (this.#live().length > 0) {
      for (const [path, reason] of this.#realtime.start()) {
        tell('warn', `${shownText(path)} is watched by scans only: ${reason}`)
      }
    }
    const { rulesMax } = this.#options.config.whodata
    const whoPaths = this.#whoPaths()
    if (whoPaths.length > rulesMax) {
      const says = 'the rest goes by what fanotify and /proc tell (syscheck.max_audit_entries)'
      tell('warn', `who-data has ${whoPaths.length} paths, and audit rules for ${rulesMax}; ${says}`)
    }
    if (whoPaths.length > 0) {
      await this.#preparePlugin()
      const reason = await this.#audit.start()
      if (reason !== null) tell('warn', `who-data without the audit: ${reason}`)
    }
    this.#scans = this.#runScans()
  }

  /** How changes are noticed, for the status. */
  get ways(): readonly string[] {
    return [...this.#realtime.kinds, ...(this.#audit.isLive ? ['audit'] : [])]
  }

  /** When the last scan began; the epoch before the first. */
  get lastScan(): Date {
    return this.#lastScan
  }

  /** Scans now rather than when it is due. */
  scanSoon(): void {
    this.#isWanted = true
    this.#wake?.()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#wake?.()
    await this.#sync.stop()
    await this.#audit.close()
    if (this.#realtime.kinds.length > 0) await this.#realtime.close()
    await this.#fim.stop()
    await this.#scans
    this.#baseline.close()
  }

  /** Has auditd write to our socket. A running one is told to read its plug-ins again, where that is allowed. */
  async #preparePlugin(): Promise<void> {
    const { auditPlugins = [], auditSocket, config, tell } = this.#options
    if (auditPlugins.length === 0 || !(await writePlugin(auditSocket, auditPlugins))) return
    const pid = (await auditState())?.pid ?? 0
    if (pid > 0 && config.whodata.restartsAudit) process.kill(pid, 'SIGHUP')
    else tell('warn', 'auditd has a new plug-in file; restart it, or who-data goes without the audit')
  }

  #live(): ConcretePath[] {
    return this.#fim.watched.filter(({ mode }) => mode !== 'scheduled')
  }

  #whoPaths(): string[] {
    return this.#fim.watched.filter(({ mode }) => mode === 'whodata').map(({ path }) => path)
  }

  /** Those that get an audit rule. */
  #whoFolders(): string[] {
    return this.#whoPaths().slice(0, this.#options.config.whodata.rulesMax)
  }

  async #runScans(): Promise<void> {
    const { config } = this.#options
    const isNew = config.directories.some(({ path }) => !this.#baseline.hasWatched(path))
    if (config.scansOnStart || isNew) await this.#scan()
    else {
      this.#lastScan = new Date()
      this.#realtime.release()
      this.#sync.start()
    }
    let before = this.#places()
    while (!this.#isStopped) {
      const waitMs = this.#isWanted ? 0 : nextScanMs(config, new Date(), this.#lastScan)
      const lookMs = config.linkCheckS * 1000
      await this.#wait(Math.min(waitMs, lookMs))
      if (this.#isStopped) return
      if (waitMs > lookMs && !this.#isWanted) {
        this.#fim.refresh()
        if (this.#places() === before) continue
      }
      this.#isWanted = false
      // What is watched now is watched before it is compared.
      this.#fim.refresh()
      if (this.#places() !== before) await this.#watchAgain()
      before = this.#places()
      await this.#scan()
    }
  }

  /** The paths that are watched as they are now: where links lead, and which folders are there. */
  #places(): string {
    const place = (path: string): string => {
      const stat = lstatSync(systemPath(path), { bigint: true, throwIfNoEntry: false })
      return `${path} ${stat === undefined ? 'gone' : `${stat.dev}:${stat.ino}`}`
    }
    const isLook = ({ mode, followsLink }: ConcretePath): boolean => mode !== 'scheduled' || followsLink
    return this.#fim.watched
      .filter(isLook)
      .map(({ path }) => place(path))
      .join('\0')
  }

  async #watchAgain(): Promise<void> {
    const { tell } = this.#options
    for (const { path } of this.#live()) {
      if (lstatSync(systemPath(path), { throwIfNoEntry: false }) !== undefined) continue
      tell('warn', `${shownText(path)} is not there; it is watched again when it is`)
    }
    for (const [path, reason] of this.#realtime.watch(this.#live())) {
      tell('warn', `${shownText(path)} is watched by scans only: ${reason}`)
    }
    await this.#audit.watch(this.#whoFolders())
  }

  async #scan(): Promise<void> {
    while (!this.#isStopped) {
      this.#lastScan = new Date()
      try {
        const report = await this.#fim.scan()
        this.#realtime.release()
        this.#options.tell('info', scanText(report))
        this.#sync.start()
        return
      } catch (error) {
        if (this.#mend(error)) continue
        this.#options.tell('error', `the scan could not be finished, it is tried again: ${String(error)}`)
        await this.#wait(retryMs)
      }
    }
  }

  async #wait(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      timer = setTimeout(resolve, ms)
      if (this.#isStopped) resolve()
    })
    clearTimeout(timer)
    this.#wake = null
  }

  /** A process may be gone in a moment: what it is, is looked at now. */
  #see({ path, pid }: Hint): void {
    if (pid === null) return
    const mode = this.#fim.covering(path)?.mode ?? this.#modeBelow(path)
    const { host = ownHost } = this.#options
    if (mode === 'whodata') {
      const actor = processActor(pid, this.#names, host)
      if (actor !== null) this.#remember(pid, actor)
    } else if (!this.#seen.has(pid)) {
      const pod = podOf(pid, host)
      if (pod !== null) this.#remember(pid, { pod })
    }
  }

  #remember(pid: number, actor: Actor): void {
    if (this.#seen.size >= seenMax) this.#seen.clear()
    this.#seen.set(pid, actor)
  }

  #modeBelow(folder: string): Mode {
    return this.#fim.watched.find(({ path }) => isWithin(path, folder) || isWithin(folder, path))?.mode ?? 'scheduled'
  }

  async #examine({ path, isFolder, pid }: Hint): Promise<void> {
    const configured = this.#fim.covering(path)?.mode ?? (isFolder ? this.#modeBelow(path) : 'scheduled')
    if (configured === 'scheduled' && !isFolder) return
    const actor = configured === 'whodata' ? this.#actorOf(path, pid) : this.#podOnly(pid)
    const mode = configured === 'whodata' && actor?.processId !== undefined ? 'whodata' : 'realtime'
    try {
      if (isFolder) await this.#fim.examineBelow(path, mode, actor)
      else await this.#fim.examine(path, mode, actor)
      this.#fim.flush()
      await this.#fim.tellFillLevel()
    } catch (error) {
      if (this.#mend(error)) this.scanSoon()
      else throw error
    }
  }

  /** Begins another baseline where the error says that this one is damaged. */
  #mend(error: unknown): boolean {
    if (!isDamage(error)) return false
    this.#tellDamage(String(error))
    this.#baseline.startOver()
    return true
  }

  #tellDamage(reason: string): void {
    const says =
      'a new one is taken, changes meanwhile are not told; the old one stays beside it as baseline.db.damaged'
    this.#options.tell('error', `the baseline was damaged (${reason}); ${says}`)
  }

  #podOnly(pid: number | null): Actor | null {
    const pod = pid === null ? undefined : this.#seen.get(pid)?.pod
    return pod === undefined ? null : { pod }
  }

  /** The audit's word first: it has the login user of a process that is gone. */
  #actorOf(path: string, pid: number | null): Actor | null {
    const seen = pid === null ? null : (this.#seen.get(pid) ?? null)
    const audited =
      (pid === null ? null : this.#actors.ofProcess(pid)) ?? (pid === null ? this.#actorOfFile(path) : null)
    if (audited === null) return seen
    return seen === null ? audited : { ...audited, pod: audited.pod ?? seen.pod }
  }

  #actorOfFile(path: string): Actor | null {
    const stat = lstatSync(bytesOf(path), { bigint: true, throwIfNoEntry: false })
    const place =
      stat === undefined ? this.#baseline.get(path)?.place : { dev: String(stat.dev), inode: String(stat.ino) }
    return place === undefined ? null : this.#actors.ofFile(place.dev, place.inode)
  }

  async #rescan(): Promise<void> {
    for (const { path } of this.#live()) await this.#fim.examineBelow(path, 'realtime')
    this.#fim.flush()
  }
}

const unixNow = (): number => Math.floor(Date.now() / 1000)

function scanText({ files, added, modified, deleted, silentPaths, unreadable, overLimit }: ScanReport): string {
  const parts = [`${files} files compared: ${added} added, ${modified} modified, ${deleted} deleted`]
  if (silentPaths > 0) parts.push(`${silentPaths} paths taken in for the first time`)
  if (unreadable > 0) parts.push(`${unreadable} unreadable`)
  if (overLimit > 0) parts.push(`${overLimit} left out at the file limit`)
  return parts.join('; ')
}
