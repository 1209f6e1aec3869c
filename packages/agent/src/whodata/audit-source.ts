/**
 * The audit as a source of actors: rules kept in place, records read from auditd's plug-in socket, each of our events
 * handed on with its paths and its actor (spec: fim, part 5). Falls silent, and says so, when auditd is not there, does
 * not let the rules be changed, or somebody keeps on removing them: the caller then goes by real-time alone.
 */
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { bytesOf, joinPath, shownText } from '../bytes.ts'
import type { Actor } from '../fim/message.ts'
import type { Names } from '../fim/names.ts'
import type { Tell } from '../send.ts'
import {
  auditKey,
  auditState,
  changeRule,
  healthKey,
  ourRules,
  type Run,
  runProgram,
  writeRules,
} from './audit-control.ts'
import { type AuditEvent, AuditReader, concernedPaths } from './audit-records.ts'
import { parentFacts, podOf } from './process-facts.ts'

/** A path that somebody touched. */
export interface WhoHint {
  readonly path: string
  readonly isFolder: boolean
  readonly actor: Actor
}

export interface AuditSourceOptions {
  readonly socketPath: string
  readonly folders: readonly string[]
  /** Keys besides ours. */
  readonly keys: readonly string[]
  readonly names: Names
  readonly onActor: (actor: Actor, files: readonly { readonly dev: string; readonly inode: string }[]) => void
  readonly onHint: (hint: WhoHint) => void
  /** A notice for the manager (queue 1, location syscheck). */
  readonly notice: (text: string) => void
  readonly tell: Tell
  /** A folder of our own in which a file is made to see whether records arrive; null: that is not tried. */
  readonly healthFolder: string | null
  /** Where rules for the next start of the system go; null: nowhere. */
  readonly rulesFolder: string | null
  readonly run?: Run
  /** Most milliseconds for the record of our own file. */
  readonly healthMs?: number
  /** Seconds between looks at the rules. */
  readonly checkS?: number
}

/** How often the rules may be removed before we give up (spec: fim, part 5.1). */
const removalsMax = 5
const reconnectsMax = 5
const reconnectMs = 1000
/** How long the record of our own file may take, in milliseconds (spec: fim, part 5.1). */
const healthMs = 10_000
/** Between two tries of it, in milliseconds. */
const healthStepMs = 500
/** After this silence an event is taken as whole, in milliseconds. */
const silenceMs = 1000
const unsetId = '4294967295'

export class AuditSource {
  readonly #options: AuditSourceOptions
  readonly #run: Run
  readonly #reader: AuditReader
  readonly #added = new Set<string>()
  #folders: readonly string[]
  #socket: Socket | null = null
  #silence: NodeJS.Timeout | null = null
  #check: NodeJS.Timeout | null = null
  #removals = 0
  #isLive = false
  #isClosed = false
  /** The rules cannot be changed before the system starts again. */
  #isLocked = false
  #onHealthy: (() => void) | null = null

  constructor(options: AuditSourceOptions) {
    this.#options = options
    this.#run = options.run ?? runProgram
    this.#folders = options.folders
    this.#reader = new AuditReader((event) => this.#take(event))
  }

  /** Do records arrive? */
  get isLive(): boolean {
    return this.#isLive
  }

  /** Events dropped by reason. */
  get dropped(): Readonly<Record<string, number>> {
    return this.#reader.dropped
  }

  /** Connects and sets the rules. Null when it works, else why it does not. */
  async start(): Promise<string | null> {
    const state = await auditState(this.#run)
    if (state === null) return 'auditctl cannot be run; install auditd'
    this.#isLocked = state.enabled === 2
    if (this.#isLocked && !(await this.#areRulesThere())) return this.#ruleNextStart()
    if (!(await this.#connect()))
      return `nobody listens on ${this.#options.socketPath}; is auditd running with the plug-in?`
    const reason = (await this.#keepRules()) ?? (await this.#tryHealth())
    if (reason !== null) {
      await this.close()
      return reason
    }
    this.#isLive = true
    const checkMs = (this.#options.checkS ?? 30) * 1000
    this.#check = setInterval(() => void this.#keepRules().catch(() => {}), checkMs)
    this.#check.unref()
    return null
  }

  /** Watches these folders from now on. */
  async watch(folders: readonly string[]): Promise<void> {
    const gone = [...this.#added].filter((folder) => !folders.includes(folder))
    this.#folders = folders
    for (const folder of gone) {
      this.#added.delete(folder)
      await changeRule('remove', folder, this.#run)
    }
    if (this.#isLive) await this.#keepRules()
  }

  /** Ends and takes our rules away. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#isLive = false
    if (this.#check !== null) clearInterval(this.#check)
    if (this.#silence !== null) clearTimeout(this.#silence)
    this.#socket?.destroy()
    if (!this.#isLocked) for (const folder of this.#added) await changeRule('remove', folder, this.#run)
    this.#added.clear()
  }

  async #areRulesThere(): Promise<boolean> {
    const present = await ourRules(this.#run)
    return present !== null && this.#folders.every((folder) => present.has(shownText(folder)))
  }

  #ruleNextStart(): string {
    const { rulesFolder } = this.#options
    const says = 'the audit rules are locked (enabled 2)'
    if (rulesFolder === null) return `${says}; put the rules in /etc/audit/rules.d and restart the system`
    const failure = writeRules(rulesFolder, this.#folders)
    return failure === null
      ? `${says}; ours are in ${rulesFolder} for the next start of the system: restart it`
      : `${says}, and ours cannot be written for its next start: ${failure}`
  }

  /** Makes a file and waits for its record. Null when it came, else that it did not. */
  async #tryHealth(): Promise<string | null> {
    const { healthFolder } = this.#options
    // Where rules are locked none can be added for this.
    if (healthFolder === null || this.#isLocked) return null
    mkdirSync(bytesOf(healthFolder), { recursive: true, mode: 0o700 })
    const reason = await changeRule('add', healthFolder, this.#run, healthKey)
    if (reason !== null) return `no audit rule for ${reason}`
    const file = bytesOf(joinPath(healthFolder, 'file'))
    const limitMs = this.#options.healthMs ?? healthMs
    try {
      let hasArrived = false
      const arrived = new Promise<void>((resolve) => {
        this.#onHealthy = () => {
          hasArrived = true
          resolve()
        }
      })
      // Again and again: an auditd that has just started listens before it has the kernel record.
      for (let leftMs = limitMs; leftMs > 0 && !this.#isClosed; leftMs -= healthStepMs) {
        writeFileSync(file, '')
        const ending = new AbortController()
        const step = sleep(Math.min(leftMs, healthStepMs), undefined, { signal: ending.signal }).catch(() => {})
        await Promise.race([arrived, step])
        ending.abort()
        if (hasArrived) return null
      }
      return `the record of a file that we made did not come within ${limitMs / 1000} s`
    } finally {
      this.#onHealthy = null
      rmSync(file, { force: true })
      await changeRule('remove', healthFolder, this.#run, healthKey)
    }
  }

  async #connect(): Promise<boolean> {
    for (let attempt = 0; attempt < reconnectsMax && !this.#isClosed; attempt++) {
      if (attempt > 0) await sleep(reconnectMs)
      const socket = await open(this.#options.socketPath)
      if (socket === null) continue
      this.#socket = socket
      socket.on('data', (bytes) => {
        this.#reader.push(bytes)
        this.#watchSilence()
      })
      socket.on('error', () => {})
      socket.once('close', () => void this.#onClosed())
      return true
    }
    return false
  }

  async #onClosed(): Promise<void> {
    this.#reader.flush()
    if (this.#isClosed) return
    this.#isLive = false
    if (await this.#connect()) {
      this.#isLive = true
      return
    }
    if (this.#isClosed) return
    this.#options.notice('ossec: Audit: Connection closed')
    this.#options.tell('warn', 'auditd closed the connection; who-data goes on with what fanotify and /proc tell')
  }

  #watchSilence(): void {
    if (this.#silence !== null) clearTimeout(this.#silence)
    this.#silence = this.#reader.openCount === 0 ? null : setTimeout(() => this.#reader.flush(), silenceMs)
    this.#silence?.unref()
  }

  /** Adds rules that are missing. Null, or why none of them could be added. */
  async #keepRules(): Promise<string | null> {
    const present = await ourRules(this.#run)
    if (present === null) return 'the audit rules cannot be listed'
    let failure: string | null = null
    let isAnyThere = false
    for (const folder of this.#folders) {
      if (this.#isClosed) return null
      if (present.has(shownText(folder)) || !exists(folder)) {
        isAnyThere ||= exists(folder)
        if (exists(folder)) this.#added.add(folder)
        continue
      }
      const reason = this.#isLocked
        ? `${shownText(folder)}: the rules are locked`
        : await changeRule('add', folder, this.#run)
      if (reason === null) {
        this.#added.add(folder)
        isAnyThere = true
      } else {
        failure ??= reason
        this.#options.tell('warn', `no audit rule for ${reason}`)
      }
    }
    return isAnyThere ? null : failure
  }

  #take(event: AuditEvent): void {
    if (event.configChange !== null) {
      void this.#onConfigChange(event).catch(() => {})
      return
    }
    const { syscall } = event
    if (syscall === null || syscall.get('success') !== 'yes') return
    if (event.keys.includes(healthKey)) this.#onHealthy?.()
    if (!event.keys.some((key) => key === auditKey || this.#options.keys.includes(key))) return
    const pid = Number(syscall.get('pid'))
    if (pid === process.pid) return
    const actor = actorOf(event, this.#options.names)
    const concerned = concernedPaths(event)
    this.#options.onActor(actor, concerned)
    for (const { path, isFolder, parent } of concerned) {
      // A folder that is not the one that it is called: what happened elsewhere is told by real-time.
      if (parent !== null && !isInode(parent.path, parent.inode)) continue
      this.#options.onHint({ path, isFolder, actor })
    }
  }

  /** The record does not always name the folder, so the rules themselves are asked which one is missing. */
  async #onConfigChange({ keys, configChange }: AuditEvent): Promise<void> {
    if (configChange?.op !== 'remove_rule' || !keys.includes(auditKey) || this.#isClosed) return
    const present = await ourRules(this.#run)
    if (present === null || this.#isClosed) return
    const missing = [...this.#added].filter((folder) => !present.has(shownText(folder)))
    if (missing.length === 0) return
    for (const folder of missing) this.#added.delete(folder)
    if (missing.every((folder) => !exists(folder))) {
      this.#options.notice('ossec: Audit: Monitored directory was removed: Audit rule removed')
      return
    }
    this.#removals++
    this.#options.notice('ossec: Audit: Detected rules manipulation: Audit rules removed')
    if (this.#removals > removalsMax) {
      this.#options.notice('ossec: Audit: Detected rules manipulation: Max rules reload retries')
      await this.close()
      return
    }
    await this.#keepRules()
  }
}

/** The actor of an event, names looked up, as long as they live the parent and the pod too. */
export function actorOf(event: AuditEvent, names: Names): Actor {
  const field = (name: string): string => event.syscall?.get(name) ?? ''
  const auid = field('auid')
  const pid = Number(field('pid'))
  const ppid = Number(field('ppid'))
  return {
    userId: field('uid'),
    userName: names.user(field('uid')),
    groupId: field('gid'),
    groupName: names.group(field('gid')),
    effectiveUid: field('euid'),
    effectiveName: names.user(field('euid')),
    ...(auid === '' || auid === unsetId ? {} : { auditUid: auid, auditName: names.user(auid) }),
    processId: pid,
    processName: shownText(field('exe')),
    cwd: shownText(event.cwd),
    ppid,
    ...parentFacts(ppid),
    pod: podOf(pid) ?? undefined,
  }
}

function isInode(path: string, inode: string): boolean {
  // Gone again: nothing speaks against it.
  const stat = statSync(bytesOf(path), { bigint: true, throwIfNoEntry: false })
  return stat === undefined || inode === '' || String(stat.ino) === inode
}

function exists(path: string): boolean {
  return statSync(bytesOf(path), { throwIfNoEntry: false }) !== undefined
}

function open(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', () => {
      socket.destroy()
      resolve(null)
    })
  })
}
