/**
 * Who the agents are and how they are: keys, rows, and the life of an agent (spec: agent-protocol, parts 1.4, 1.5 and 10).
 *
 * In: what agents say, requests to enrol, the time. Out: answers, rows, and notices that become events (rules 502 to 506). Time is an argument, so that a test is a
 * function call; the files are the home's.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ActiveResponse } from '@dogwatch/config'
import type { AgentDirectory, KnownAgent } from '@dogwatch/inputs'
import { replaceFile } from '@dogwatch/outputs'
import {
  CounterFiles,
  cipherKeys,
  type EnrolmentRequest,
  enrolledAnswer,
  eventPayload,
  groupsMax,
  isNewerVersion,
  type KeyEntry,
  parseEnrolment,
  parseKeepAlive,
  refusedAnswer,
  responsesText,
  withOrigin,
} from '@dogwatch/protocol'
import { decideEnrolment, type EnrolmentFacts, type EnrolmentPolicy, managerVersion } from './agents-enrol.ts'
import { AgentGroups } from './agents-groups.ts'
import { ClientKeys } from './agents-keys.ts'
import { type AgentRow, AgentState, newAgentRow, sortedRows, statusCodes } from './agents-state.ts'

/** An event of ours about an agent: whose it is (null: the manager's own), and its queue message. */
export interface AgentNotice {
  readonly agentId: string | null
  readonly message: Buffer
}

export interface RegistryOptions {
  readonly home: string
  readonly hostname: string
  readonly policy: EnrolmentPolicy
  readonly purges: boolean
  readonly password: string | null
  readonly disconnectionTimeS: number
  readonly disconnectionAlertTimeS: number
  /** Minutes after which an agent that is away is removed; 0: never. */
  readonly deleteOldMin: number
  /** What agents are told of in `ar.conf`. */
  readonly activeResponses: readonly ActiveResponse[]
  readonly allowsHigherVersions: boolean
  /** The node that a token belongs to, by the word of its cluster; null when it proves nothing. */
  readonly reviewToken: (token: string) => Promise<string | null>
  readonly notice: (notice: AgentNotice) => void
  readonly tell: (line: string, facts: Readonly<Record<string, unknown>>) => void
  /** Told of files of groups that are not shared, or that agents would refuse. */
  readonly trouble: (line: string) => void
  /** The agent is no longer enrolled, or has another key. */
  readonly forget: (id: string) => void
  /** Something that alerts show has changed. */
  readonly changed: () => void
}

/** An agent that a program of this machine wants taken in (part 1.7). Null: a new id or key, the group `default`, no hash; without `force` it replaces nobody. */
export interface LocalRequest {
  readonly name: string
  readonly ip: string
  readonly id: string | null
  readonly key: string | null
  readonly groups: readonly string[] | null
  readonly keyHash: string | null
  readonly force: EnrolmentPolicy['force'] | null
}

export interface EnrolmentOutcome {
  readonly text: string
  readonly isAccepted: boolean
}

/** Times of keep-alives go to disk in parts: in how many ticks all of them, and how many at least in one. */
const touchedTicks = 20
/** What a clock may be off without being set, milliseconds. */
const jumpMsMin = 5000
const touchedMin = 50
const minuteMs = 60_000

export class AgentRegistry implements AgentDirectory {
  readonly groups: AgentGroups
  readonly received: CounterFiles
  readonly #options: RegistryOptions
  readonly #keys: ClientKeys
  readonly #state: AgentState
  readonly #known = new Map<string, KnownAgent & KeyEntry>()
  #byAddress = new Map<string, KnownAgent | null>()
  /** When a disconnection becomes an alert, by agent. */
  readonly #alertsDue = new Map<string, number>()
  /** The last keep-alive of each agent, as a hash of its text: an equal one says nothing new. */
  readonly #lastSums = new Map<string, string>()
  /** The reading of client.keys that everything here is in line with. */
  #syncedReads = 0

  /** When to look for agents that have been away for too long. */
  #removeDueMs = 0
  /** How far the clock is ahead of the steady one; null before the first tick. */
  #clockMs: number | null = null

  constructor(options: RegistryOptions, nowMs: number) {
    const { home, purges } = options
    this.#options = options
    this.#state = new AgentState(join(home, 'queue/agents.db'))
    this.#keys = new ClientKeys(join(home, 'etc/client.keys'), purges)
    this.groups = new AgentGroups(
      {
        folder: join(home, 'etc/shared'),
        multigroups: join(home, 'var/multigroups'),
        responses: responsesText(options.activeResponses),
      },
      options.trouble,
    )
    this.received = new CounterFiles(join(home, 'queue/rids'))
    this.#sync(nowMs)
    for (const row of this.#state.rows.values()) {
      if (row.status !== 'active' && row.status !== 'pending') continue
      this.#put({ ...row, status: 'disconnected', statusCode: statusCodes.reset, disconnectedMs: nowMs })
      // Who was there gets the time of a silent agent to come back before anybody is alarmed.
      this.#alertsDue.set(row.id, nowMs + (options.disconnectionTimeS + options.disconnectionAlertTimeS) * 1000)
    }
  }

  get rows(): ReadonlyMap<string, AgentRow> {
    return this.#state.rows
  }

  byId(id: string): KnownAgent | null {
    return this.#known.get(id) ?? null
  }

  byAddress(address: string): KnownAgent | null {
    return this.#byAddress.get(address) ?? null
  }

  /** A start-up message; the answer refuses it, null lets it in. An empty version is that of an agent too old to say one: let in, as the original does. */
  startup({ id }: { readonly id: string }, version: string | null, peer: string, nowMs: number): string | null {
    const row = this.#state.rows.get(id)
    if (row === undefined) return null
    const isRefused =
      !this.#options.allowsHigherVersions && (version === null || isNewerVersion(version, managerVersion))
    if (version === null || isRefused === true) {
      const statusCode = version === null ? statusCodes.noVersion : statusCodes.badVersion
      if (row.statusCode !== statusCode) this.#put({ ...row, statusCode })
      return version === null ? "Couldn't retrieve version" : 'Agent version must be lower or equal to manager version'
    }
    this.#lastSums.delete(id)
    this.#put({ ...row, status: 'pending', statusCode: statusCodes.none, ip: row.ip ?? peer, keepAliveMs: nowMs })
    return null
  }

  /** A keep-alive: the agent is active. Gives the row as it is now. */
  keepAlive({ id }: { readonly id: string }, text: Buffer, peer: string, nowMs: number): AgentRow | null {
    const row = this.#state.rows.get(id)
    if (row === undefined) return null
    this.#alertsDue.delete(id)
    const sum = createHash('sha256').update(text).digest('base64')
    const isActive = {
      status: 'active',
      statusCode: statusCodes.none,
      keepAliveMs: nowMs,
      disconnectedMs: null,
    } as const
    if (this.#lastSums.get(id) === sum && row.status === 'active') {
      this.#state.touch({ ...row, ...isActive })
      return this.#state.rows.get(id) ?? null
    }
    this.#lastSums.set(id, sum)
    const says = parseKeepAlive(text)
    this.#put({
      ...row,
      ...isActive,
      ip: says.address ?? peer,
      version: says.version ?? row.version,
      system: says.system ?? row.system,
      labels: says.labels,
      configSum: says.configSum,
      mergedSum: says.mergedSum,
      isSynced: says.mergedSum === this.groups.sum(row.groups, nowMs),
    })
    return this.#state.rows.get(id) ?? null
  }

  shutdown({ id }: { readonly id: string }, nowMs: number): void {
    const row = this.#state.rows.get(id)
    if (row === undefined) return
    this.#put({ ...row, status: 'disconnected', statusCode: statusCodes.shutdown, disconnectedMs: nowMs })
    this.#say(row, 'wazuh-remoted', `ossec: Agent stopped: '${row.name}->${row.registerIp}'.`)
  }

  /** What time alone changes: agents that fall silent, disconnections that become alerts, a changed client.keys. Call it about once a second; `steadyMs` is of a clock that
   * nobody sets. */
  tick(nowMs: number, steadyMs: number = nowMs): void {
    const { disconnectionTimeS, disconnectionAlertTimeS } = this.#options
    this.#followClock(nowMs, steadyMs)
    this.#state.flushTouched(Math.max(touchedMin, Math.ceil(this.#state.rows.size / touchedTicks)))
    for (const row of this.#state.rows.values()) {
      if (row.status !== 'active' && row.status !== 'pending') continue
      if (nowMs - (row.keepAliveMs ?? nowMs) < disconnectionTimeS * 1000) continue
      this.#put({ ...row, status: 'disconnected', statusCode: statusCodes.silent, disconnectedMs: nowMs })
      this.#alertsDue.set(row.id, nowMs + disconnectionAlertTimeS * 1000)
    }
    for (const [id, dueMs] of this.#alertsDue) {
      if (nowMs < dueMs) continue
      this.#alertsDue.delete(id)
      const row = this.#state.rows.get(id)
      if (row?.status === 'disconnected')
        this.#say(row, 'wazuh-monitord', `ossec: Agent disconnected: '${row.name}-${row.registerIp}'.`)
    }
    this.#removeOld(nowMs)
  }

  /** Removes agents that have been away for longer than wanted; those that never came stay. */
  #removeOld(nowMs: number): void {
    const { deleteOldMin, purges, tell } = this.#options
    if (deleteOldMin === 0 || nowMs < this.#removeDueMs) return
    this.#removeDueMs = nowMs + minuteMs
    const old = [...this.#state.rows.values()].filter(
      ({ status, keepAliveMs, disconnectedMs }) =>
        status === 'disconnected' && nowMs - (keepAliveMs ?? disconnectedMs ?? nowMs) > deleteOldMin * minuteMs,
    )
    const removed = this.remove(
      old.map(({ id }) => id),
      purges,
      nowMs,
    )
    for (const id of removed) tell('removed: away for too long', { id, minutes: deleteOldMin })
  }

  /** A clock that is set, or a machine that slept, makes no agent silent, and hides no silent one. */
  #followClock(nowMs: number, steadyMs: number): void {
    const jumpMs = this.#clockMs === null ? 0 : nowMs - steadyMs - this.#clockMs
    this.#clockMs = nowMs - steadyMs
    if (Math.abs(jumpMs) < jumpMsMin) return
    this.#options.tell('the clock was set', { seconds: Math.round(jumpMs / 1000) })
    for (const row of this.#state.rows.values())
      if (row.keepAliveMs !== null && (row.status === 'active' || row.status === 'pending'))
        this.#state.touch({ ...row, keepAliveMs: row.keepAliveMs + jumpMs })
    // Nobody is removed by the hand that sets the clock: they have that long to come back, or it to be set right.
    this.#removeDueMs = nowMs + this.#options.deleteOldMin * minuteMs
    for (const [id, dueMs] of this.#alertsDue) this.#alertsDue.set(id, dueMs + jumpMs)
  }

  /** Reads client.keys again when somebody changed it. */
  refreshKeys(nowMs: number): void {
    this.#keys.refresh()
    this.#catchUp(nowMs)
  }

  /** Takes over what client.keys has had since the last time, whoever has read it. */
  #catchUp(nowMs: number): void {
    if (this.#keys.reads !== this.#syncedReads) this.#sync(nowMs)
  }

  /** Answers an enrolment line. Nobody waits for another one's token: what must not mix, so that no two get one name, happens in one go. */
  enrol(line: string, peer: string, now: () => number): Promise<EnrolmentOutcome> {
    return this.#enrol(line, peer, now)
  }

  /** The agent's line of client.keys; null when there is none. */
  keyOf(id: string): KeyEntry | null {
    return this.#keys.entries.get(id) ?? null
  }

  /** Takes an agent in that did not ask itself; its name must be free. */
  add(name: string, ip: string, nowMs: number): KeyEntry | null {
    this.refreshKeys(nowMs)
    if ([...this.#keys.entries.values()].some((entry) => entry.name === name)) return null
    const idMin = Math.max(this.#keys.idMax, this.#state.idMax) + 1
    this.#state.idMax = idMin
    const entry = this.#keys.add({ name, ip }, idMin)
    this.#welcome(entry, nowMs)
    return entry
  }

  /** Takes an agent in that is known elsewhere, with its id and key; says what of it another agent has. Null: new ones. */
  insert(
    {
      id,
      name,
      ip,
      key,
    }: { readonly [member in 'id' | 'key']: string | null } & { readonly name: string; readonly ip: string },
    nowMs: number,
  ): { readonly id: string } | { readonly taken: 'id' | 'name' | 'ip' } {
    this.refreshKeys(nowMs)
    const { entries, idMax } = this.#keys
    const all = [...entries.values()]
    if (id !== null && all.some((entry) => Number(entry.id) === Number(id))) return { taken: 'id' }
    if (all.some((entry) => entry.name === name)) return { taken: 'name' }
    if (ip !== 'any' && all.some((entry) => entry.ip === ip)) return { taken: 'ip' }
    const number = id === null ? Math.max(idMax, this.#state.idMax) + 1 : Number(id)
    // Kept before the line is written: an id that was given out is not given to another agent by itself.
    this.#state.idMax = Math.max(number, this.#state.idMax)
    const entry = this.#keys.insert({ name, ip }, number, key)
    this.#welcome(entry, nowMs)
    return { id: entry.id }
  }

  /** Takes an agent in at the word of a program of this machine, or says what stands against it. */
  addLocal(
    wanted: LocalRequest,
    nowMs: number,
  ): { readonly entry: KeyEntry } | { readonly refused: 'id' | 'name' | 'ip' | 'group' } {
    this.refreshKeys(nowMs)
    const { name, ip, id, key, groups, keyHash } = wanted
    const { policy, purges } = this.#options
    if (id !== null && [...this.#keys.entries.keys()].some((taken) => Number(taken) === Number(id)))
      return { refused: 'id' }
    const force = wanted.force ?? { ...policy.force, enabled: false }
    const decision = decideEnrolment(
      { name, ip, groups, keyHash, version: null, nodeUid: null, token: null },
      { ...policy, usesSourceIp: false, force },
      {
        hostname: this.#options.hostname,
        peer: ip,
        nowMs,
        hasGroup: (group) => this.groups.has(group),
        agents: this.#agents(),
        provenNode: null,
      },
    )
    if (decision.kind === 'refused') return { refused: decision.about === 'version' ? 'name' : decision.about }
    if (decision.kind === 'new') this.remove(decision.replaces, purges, nowMs)
    const number = id === null ? Math.max(this.#keys.idMax, this.#state.idMax) + 1 : Number(id)
    this.#state.idMax = Math.max(number, this.#state.idMax)
    const entry = this.#keys.insert({ name, ip }, number, key)
    this.#welcome(entry, nowMs)
    const row = this.#state.rows.get(entry.id)
    if (row !== undefined && groups !== null) this.#put({ ...row, groups })
    this.#state.flush()
    return { entry }
  }

  #agents(): EnrolmentFacts['agents'] {
    return [...this.#keys.entries.values()].map((entry) => ({ entry, row: this.#state.rows.get(entry.id) }))
  }

  /** Removes agents in one go; gives the ids of those that there were. */
  remove(ids: readonly string[], purges: boolean, nowMs: number): readonly string[] {
    this.refreshKeys(nowMs)
    const rows = new Map(this.#state.rows)
    const removed = this.#keys.remove(ids, purges)
    this.#catchUp(nowMs)
    for (const id of removed) {
      const row = rows.get(id)
      if (row === undefined) continue
      const message = eventPayload('1', 'wazuh-monitord', `ossec: Agent removed: '${row.name}-${row.registerIp}'.`)
      this.#options.notice({ agentId: null, message })
    }
    return removed
  }

  /** Puts an agent into groups, in this order; a problem as text, null when it is done. */
  setGroups(id: string, groups: readonly string[]): string | null {
    const row = this.#state.rows.get(id)
    if (row === undefined) return `there is no agent ${id}`
    if (groups.length > groupsMax) return `an agent is in ${groupsMax} groups at most, not in ${groups.length}`
    const missing = groups.find((group) => !this.groups.has(group))
    if (missing !== undefined) return `there is no group ${missing}`
    this.#put({ ...row, groups: groups.length === 0 ? ['default'] : groups, isSynced: false })
    return null
  }

  close(): void {
    this.received.close()
    this.#state.close()
  }

  async #enrol(line: string, peer: string, now: () => number): Promise<EnrolmentOutcome> {
    const { password, tell } = this.#options
    const refuse = (reason: string): EnrolmentOutcome => {
      tell('enrolment refused', { peer, reason })
      return { text: refusedAnswer(reason), isAccepted: false }
    }
    const reading = parseEnrolment(line, { password, isSame: isSameText })
    if ('reason' in reading) return refuse(reading.reason)
    const { request } = reading
    try {
      const { nodeUid, token } = request
      const provenNode = nodeUid === null || token === null ? null : await this.#nodeOf(token, peer)
      return this.#admit(request, peer, provenNode, now(), refuse)
    } catch (error) {
      tell('enrolment failed', { peer, error: error instanceof Error ? error.message : String(error) })
      return { text: refusedAnswer(`Internal manager error adding agent: ${request.name}`), isAccepted: false }
    }
  }

  /** A token that cannot be reviewed proves nothing; the operator is told why. */
  async #nodeOf(token: string, peer: string): Promise<string | null> {
    const { reviewToken, tell } = this.#options
    try {
      return await reviewToken(token)
    } catch (error) {
      tell('a token could not be reviewed', { peer, error: error instanceof Error ? error.message : String(error) })
      return null
    }
  }

  #admit(
    request: EnrolmentRequest,
    peer: string,
    provenNode: string | null,
    nowMs: number,
    refuse: (reason: string) => EnrolmentOutcome,
  ): EnrolmentOutcome {
    const { policy, hostname, tell } = this.#options
    this.refreshKeys(nowMs)
    const decision = decideEnrolment(request, policy, {
      hostname,
      peer,
      nowMs,
      hasGroup: (group) => this.groups.has(group),
      agents: this.#agents(),
      provenNode,
    })
    if (decision.kind === 'refused') return refuse(decision.reason)
    const { name, groups, nodeUid } = request
    const { ip } = decision
    let entry: KeyEntry
    if (decision.kind === 'renewed') entry = this.#keys.renew(decision.id, { name, ip })
    else {
      this.remove(decision.replaces, this.#options.purges, nowMs)
      const idMin = Math.max(this.#keys.idMax, this.#state.idMax) + 1
      this.#state.idMax = idMin
      entry = this.#keys.add({ name, ip }, idMin)
    }
    this.#welcome(entry, nowMs)
    const row = this.#state.rows.get(entry.id)
    // Who the node is may only be said by who proved it, or by the first.
    const isNodeTaken = nodeUid !== null && [...this.#state.rows.values()].some((other) => other.nodeUid === nodeUid)
    const node = nodeUid !== null && (!isNodeTaken || provenNode === nodeUid) ? nodeUid : (row?.nodeUid ?? null)
    if (row !== undefined) this.#put({ ...row, groups: groups ?? row.groups, nodeUid: node })
    // The agent is told no sooner than its groups are kept.
    this.#state.flush()
    tell('enrolled', { id: entry.id, name, ip, peer, how: decision.kind })
    return { text: enrolledAnswer(entry), isAccepted: true }
  }

  /** An agent that client.keys has anew. Where nothing else has changed in it, nobody else is looked at: a thousand agents enrol one after the other. */
  #welcome(entry: KeyEntry, nowMs: number): void {
    if (this.#keys.reads !== this.#syncedReads || this.#known.has(entry.id)) {
      this.#sync(nowMs)
      return
    }
    const { id, name, ip } = entry
    this.#know(entry)
    const row = newAgentRow({ id, name, registerIp: ip }, nowMs)
    this.#put(row)
    appendFileSync(this.#timestamps, timestampLine(row))
    this.#options.changed()
  }

  /** Brings rows, keys and connections in line with client.keys. */
  #sync(nowMs: number): void {
    const { entries, reads } = this.#keys
    this.#syncedReads = reads
    for (const [id, known] of this.#known) {
      const entry = entries.get(id)
      const isSame = entry !== undefined && entry.name === known.name && entry.key === known.key
      if (isSame && entry.ip === known.ip) continue
      if (!isSame) this.#drop(id)
      this.#known.delete(id)
    }
    this.#byAddress = new Map()
    for (const entry of entries.values()) {
      this.#know(entry)
      const row = this.#state.rows.get(entry.id)
      const { id, name, ip } = entry
      if (row === undefined) this.#put(newAgentRow({ id, name, registerIp: ip }, nowMs))
      else if (row.name !== name || row.registerIp !== ip) this.#put({ ...row, name, registerIp: ip })
    }
    for (const id of [...this.#state.rows.keys()]) if (!entries.has(id)) this.#state.delete(id)
    if (this.#keys.idMax > this.#state.idMax) this.#state.idMax = this.#keys.idMax
    this.#writeTimestamps()
    this.#options.changed()
  }

  /** Lets the agent be found by id and address. */
  #know(entry: KeyEntry): void {
    const known = this.#known.get(entry.id) ?? { ...entry, keys: cipherKeys(entry) }
    this.#known.set(entry.id, known)
    // A network of one address is that address: such an agent sends no id either (part 3.2).
    const address = entry.ip.replace(/\/32$/, '')
    this.#byAddress.set(address, this.#byAddress.has(address) ? null : known)
  }

  /** The agent is gone or has another key: its counters begin anew. */
  #drop(id: string): void {
    this.#options.forget(id)
    this.received.forget(id)
    this.#lastSums.delete(id)
    this.#alertsDue.delete(id)
  }

  #put(row: AgentRow): void {
    const old = this.#state.rows.get(row.id)
    this.#state.put(row)
    const isShownAlike = old !== undefined && old.ip === row.ip && old.registerIp === row.registerIp
    if (!isShownAlike || JSON.stringify(old.labels) !== JSON.stringify(row.labels)) this.#options.changed()
  }

  /** `queue/agents-timestamp`: when each agent was added (part 1.5). */
  #writeTimestamps(): void {
    const lines = sortedRows(this.#state.rows).map(timestampLine)
    replaceFile(this.#timestamps, Buffer.from(lines.join(''), 'utf8'))
  }

  get #timestamps(): string {
    return join(this.#options.home, 'queue/agents-timestamp')
  }

  #say({ id, name, registerIp }: AgentRow, location: string, text: string): void {
    const message = withOrigin(eventPayload('1', location, text), { id, name, ip: registerIp })
    this.#options.notice({ agentId: id, message })
  }
}

/** Compares in constant time for one length. */
function isSameText(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function timestampLine({ id, name, registerIp, addedMs }: AgentRow): string {
  return `${id} ${name} ${registerIp} ${localTime(addedMs)}\n`
}

/** `YYYY-MM-DD HH:MM:SS` in the time zone of the process. */
function localTime(ms: number): string {
  return new Date(ms).toLocaleString('sv-SE')
}
