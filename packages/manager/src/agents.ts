/**
 * Agents, as a part of the manager: enrolment, the channel, their state, shared files, and what may be asked about them. In go the configuration and the journal; out
 * come ports, and an answer to each request. Wrong: a port that is taken throws with its name and flag.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { AgentsDesk } from '@dogwatch/api'
import { certPaths, ensureCertificates } from '@dogwatch/certs'
import type { Configuration, RemoteConfig } from '@dogwatch/config'
import {
  AgentChannel,
  channelRefusals,
  EnrolmentServer,
  enrolmentRefusals,
  type RecordSink,
  RequestFailure,
  SyslogReceiver,
} from '@dogwatch/inputs'
import { aesOnly, eventPayload, groupProblem, SenderCounter, withBlowfish } from '@dogwatch/protocol'
import type { AgentsAnswer, AgentsRequest } from './agents-control.ts'
import { agentsDesk } from './agents-desk.ts'
import { AgentInventories } from './agents-inventory.ts'
import { startLocal } from './agents-local.ts'
import { AgentRegistry } from './agents-registry.ts'
import { recoverSpools, type SpoolJournal, spoolsPath, writeSpools } from './agents-spools.ts'
import { type AgentRow, sortedRows } from './agents-state.ts'
import { UpgradeResults } from './agents-upgrade.ts'
import { type InternalOptions, readInternalOptions } from './internal-options.ts'
import type { Log } from './log.ts'
import type { AgentMetricFigures } from './metrics.ts'
import { explainListenError } from './port-holder.ts'
import { tokenReviewer } from './token-review.ts'

export interface AgentsOptions {
  readonly home: string
  readonly config: Configuration
  /** Ports of the command line. */
  readonly ports: { readonly agents: number | undefined; readonly enrol: number | undefined }
  readonly sink: RecordSink
  /** The journal behind the sink, to see how far agents of ours had come. */
  readonly journal: SpoolJournal
  readonly log: Log
  readonly hostname: string
  /** The node that a service-account token belongs to, by the word of its cluster (contracts.md 6); absent: as `<token_review>` says. */
  readonly reviewToken?: (token: string) => Promise<string | null>
  /** Told when something changed that alerts show of agents; at most once a second. */
  readonly onFacts: (facts: ReadonlyMap<string, AgentFacts>) => void
}

/** What an alert shows of an agent. */
export interface AgentFacts {
  readonly ip?: string
  readonly labels?: Readonly<Record<string, string>>
}

export interface Agents {
  readonly listening: readonly { readonly name: string; readonly address: string }[]
  readonly ports: { readonly agents: number | null; readonly enrol: number | null }
  answer(request: AgentsRequest): Promise<AgentsAnswer>
  /** For the API; null where no agents are taken. */
  readonly desk: AgentsDesk | null
  figures(): AgentMetricFigures
  /** Takes nothing new; what is under way becomes durable within `drainMs`. */
  close(drainMs: number): Promise<void>
}

const tickMs = 1000
const keysPollMs = 10_000
const dropsPollMs = 5000
const checkpointMs = 1000
/** How long an agent is left alone after a push of the same file, milliseconds: it may be restarting. */
const pushAgainMs = 60_000
const requestMs = 60_000
/** One line in the log for each reason and sender in this time, milliseconds. */
const tellAgainMs = 60_000
const toldMax = 10_000

/** Starts what `<remote>` and `<auth>` name. Without a `<remote>` nothing listens, and there is no enrolment. */
export async function startAgents(options: AgentsOptions): Promise<Agents> {
  const { home, config, ports, sink, log, hostname } = options
  const secure = config.remote.filter(({ connection }) => connection === 'secure')
  const closers: ((drainMs: number) => Promise<void> | void)[] = []
  const listening: { name: string; address: string }[] = []
  const told = new Map<string, number>()
  const warn = (reason: string, facts: Readonly<Record<string, unknown>>): void => {
    const key = `${reason} ${JSON.stringify(facts)}`
    const now = Date.now()
    if (now - (told.get(key) ?? 0) < tellAgainMs) return
    if (told.size >= toldMax) told.clear()
    told.set(key, now)
    log.warn(facts, reason)
  }
  const put = (input: 'agent' | 'internal', source: string, message: Buffer): void => {
    const meta = { input, source, peer: '', arrivalUs: Date.now() * 1000 } as const
    sink.put(meta, [message]).catch((error: unknown) => log.error({ err: error }, 'an event of ours is lost'))
  }

  let registry: AgentRegistry | null = null
  let channel: AgentChannel | null = null
  let enrolment: EnrolmentServer | null = null
  let inventories: AgentInventories | null = null
  const syslog: SyslogReceiver[] = []
  let kernelDrops = 0
  const portOf = { agents: null as number | null, enrol: null as number | null }
  const close = async (drainMs: number): Promise<void> => {
    for (const closer of closers.toReversed()) await closer(drainMs)
  }

  try {
    const [first] = secure
    if (first !== undefined) {
      const agents = await startSecure(first)
      registry = agents.registry
      channel = agents.channel
      // Said to whom it means that nobody was listening for a while; in a new home nobody was there to be heard.
      if (registry.rows.size > 0)
        put('internal', 'manager', eventPayload('1', 'wazuh-monitord', 'ossec: Manager started.'))
    }
    for (const remote of config.remote) if (remote.connection === 'syslog') await startSyslog(remote)
  } catch (error) {
    await close(0)
    throw error
  }

  async function startSecure(first: RemoteConfig): Promise<{ registry: AgentRegistry; channel: AgentChannel }> {
    const { auth, global } = config
    const kept = new AgentInventories({
      path: join(home, 'queue/inventory.db'),
      send: (id, text) => void channel?.send(id, Buffer.from(text, 'utf8')),
      onTrouble: (problem) => log.error({ problem }, 'queue/inventory.db'),
    })
    inventories = kept
    closers.push(() => kept.close())
    const upgrades = new UpgradeResults(async (id, target, command) => channel?.request(id, target, command, requestMs))
    const tapped: RecordSink = {
      async put(meta, body) {
        await sink.put(meta, body)
        for (const part of body) {
          kept.take(meta.source, part)
          upgrades.take(meta.source, part)
        }
      },
    }
    let facts: NodeJS.Timeout | null = null
    let factsToldMs = Number.NEGATIVE_INFINITY
    const opened = new AgentRegistry(
      {
        home,
        hostname,
        policy: {
          usesSourceIp: auth.useSourceIp,
          allowsHigherVersions: auth.allowHigherVersions,
          force: auth.force,
        },
        purges: auth.purge,
        password: auth.usePassword ? passwordOf(home, log) : null,
        disconnectionTimeS: global.agentsDisconnectionTimeS,
        disconnectionAlertTimeS: global.agentsDisconnectionAlertTimeS,
        activeResponses: config.activeResponses,
        deleteOldMin: internalOptionsOf(home, log).deleteOldAgentsMin,
        allowsHigherVersions: secure.some(({ allowHigherVersions }) => allowHigherVersions),
        reviewToken: options.reviewToken ?? reviewerOf(home, auth.tokenReview),
        notice: ({ agentId, message }) => put(agentId === null ? 'internal' : 'agent', agentId ?? 'manager', message),
        tell: (line, details) => log.info(details, line),
        trouble: (line) => log.warn(line),
        forget: (id) => {
          channel?.forget(id)
          // Another agent of this id, or the same one anew, tells all of its files again.
          kept.clear(id).catch((error: unknown) => log.error({ err: error, agent: id }, 'inventory'))
        },
        changed: () => {
          // The first change is told at once, since the events of a new agent follow it closely; more of them wait for each other.
          const sinceMs = performance.now() - factsToldMs
          facts ??= setTimeout(
            () => {
              facts = null
              factsToldMs = performance.now()
              options.onFacts(factsOf(opened))
            },
            Math.max(0, tickMs - sinceMs),
          )
        },
      },
      Date.now(),
    )
    closers.push(() => {
      if (facts !== null) clearTimeout(facts)
      opened.close()
    })
    const spools = await recoverSpools(spoolsPath(home), options.journal)
    writeSpools(spoolsPath(home), options.journal.end, spools)
    const pushes = new Map<string, { readonly sum: string; readonly atMs: number }>()
    const sender = new SenderCounter(join(home, 'queue/rids'))
    const speaker = new AgentChannel({
      listen: secure.flatMap(({ protocols, port, localIp, ipv6 }, n) =>
        protocols.map((protocol) => ({
          host: hostOf(localIp, ipv6),
          port: n === 0 ? (ports.agents ?? port) : port,
          protocol: protocol === 'udp' ? ('udp' as const) : ('tcp' as const),
        })),
      ),
      directory: opened,
      handlers: {
        startup: (agent, version, peer) => opened.startup(agent, version, peer, Date.now()),
        keepAlive(agent, text, peer) {
          const row = opened.keepAlive(agent, text, peer, Date.now())
          if (row !== null && row.mergedSum !== null && !row.isSynced) push(row)
        },
        shutdown: (agent) => opened.shutdown(agent, Date.now()),
        refused: (reason, peer, agent) => warn(`agent refused: ${channelRefusals[reason]}`, { peer, agent }),
      },
      sink: tapped,
      received: opened.received,
      spools,
      nextCounter: () => sender.next(),
      ciphers: secure.some(({ cryptoMethod }) => cryptoMethod === 'blowfish') ? await withBlowfish() : aesOnly,
      tls: await certificateOf(home, auth.sslManagerCert, auth.sslManagerKey, log),
      requiresTls: strictest(secure.map(({ requireTls }) => requireTls)),
      overtakeMs: first.connectionOvertakeTimeS * 1000,
      idleMs: Math.max(60, global.agentsDisconnectionTimeS) * 1000,
    })
    const push = ({ id, groups }: AgentRow): void => {
      const now = Date.now()
      const { bytes, sum } = opened.groups.merged(groups, now)
      const last = pushes.get(id)
      if (last?.sum === sum && now - last.atMs < pushAgainMs) return
      pushes.set(id, { sum, atMs: now })
      void speaker.pushMerged(id, bytes).then((isDone) => {
        if (isDone) log.info({ agent: id, groups, sum }, 'shared files sent')
        else pushes.delete(id)
      })
    }
    const wanted = ports.agents ?? first.port
    closers.push((drainMs) => speaker.close(drainMs))
    const addresses = await speaker.listen().catch((error: unknown) => {
      throw explainListenError(error, portIn(error) ?? wanted, 'agents', '--port-agents')
    })
    portOf.agents = addresses[0]?.port ?? null
    for (const { protocol, port } of addresses)
      listening.push({
        name: 'agents',
        address: `${protocol}://${bracketed(hostOf(first.localIp, first.ipv6))}:${port}`,
      })
    if (!auth.disabled && auth.remoteEnrollment) await startEnrolment(opened, first)
    if (!auth.disabled) {
      const onError = (error: unknown): void => log.error({ err: error }, 'queue/sockets/auth')
      closers.push(await startLocal(home, opened, { purges: auth.purge, onError }))
    }
    let isChecking = false
    const checkpoint = async (): Promise<void> => {
      if (isChecking) return
      isChecking = true
      try {
        const { end } = options.journal
        const positions = await speaker.positions()
        let isNew = false
        for (const [id, place] of positions) {
          const known = spools.get(id)
          if (known?.spool === place.spool && known.sequence === place.sequence) continue
          spools.set(id, place)
          isNew = true
        }
        if (isNew) writeSpools(spoolsPath(home), end, spools)
      } catch (error) {
        log.error({ err: error }, 'queue/agent-spools.json')
      } finally {
        isChecking = false
      }
    }
    const checkpoints = setInterval(() => void checkpoint(), checkpointMs)
    closers.push(() => clearInterval(checkpoints))
    const ticks = setInterval(() => opened.tick(Date.now(), performance.now()), tickMs)
    const polls = setInterval(() => opened.refreshKeys(Date.now()), keysPollMs)
    closers.push(() => {
      clearInterval(ticks)
      clearInterval(polls)
    })
    return { registry: opened, channel: speaker }
  }

  async function startEnrolment(opened: AgentRegistry, { localIp }: RemoteConfig): Promise<void> {
    const { auth } = config
    const wanted = ports.enrol ?? auth.port
    const host = hostOf(localIp, auth.ipv6)
    const pair = await certificateOf(home, auth.sslManagerCert, auth.sslManagerKey, log)
    const server = new EnrolmentServer({
      host,
      port: wanted,
      tls: {
        ...pair,
        ciphers: usableCiphers(auth.ciphers),
        acceptsOld: auth.sslAutoNegotiate,
        clientCa: auth.sslAgentCa === null ? null : readFileSync(placeIn(home, auth.sslAgentCa)),
        verifiesHost: auth.sslVerifyHost,
      },
      answer: (line, peer) => opened.enrol(line, peer, Date.now),
      onClosed: (reason, peer) => warn(`enrolment closed: ${enrolmentRefusals[reason]}`, { peer }),
    })
    enrolment = server
    closers.push(() => server.close())
    portOf.enrol = await server.listen().catch((error: unknown) => {
      throw explainListenError(error, wanted, 'enrolment', '--port-enrol')
    })
    listening.push({ name: 'enrolment', address: `tls://${bracketed(host)}:${portOf.enrol}` })
  }

  async function startSyslog(remote: RemoteConfig): Promise<void> {
    const protocol = syslogProtocol(remote)
    const host = hostOf(remote.localIp, remote.ipv6)
    const receiver = new SyslogReceiver({
      host,
      port: remote.port,
      protocol,
      ...(protocol === 'tls' ? { tls: await certificateOf(home, 'certs/server.pem', 'certs/server.key', log) } : {}),
      allowed: remote.allowedIps,
      denied: remote.deniedIps,
      sink,
      onRefused: (reason, peer) => warn(`syslog refused: ${reason}`, { peer }),
    })
    closers.push((drainMs) => receiver.close(drainMs))
    const port = await receiver.listen().catch((error: unknown) => {
      throw explainListenError(error, remote.port, 'syslog', '<remote><port>, not')
    })
    syslog.push(receiver)
    if (protocol === 'udp') {
      // Counted for each socket from its beginning, so the sum is only ever read whole.
      const polls = setInterval(() => void readKernelDrops(), dropsPollMs)
      closers.push(() => clearInterval(polls))
    }
    listening.push({ name: 'syslog', address: `${protocol}://${bracketed(host)}:${port}` })
  }

  async function readKernelDrops(): Promise<void> {
    const drops = await Promise.all(syslog.map((receiver) => receiver.kernelDrops()))
    kernelDrops = drops.reduce<number>((sum, count) => sum + (count ?? 0), 0)
  }

  return {
    listening,
    ports: portOf,
    desk:
      registry === null || channel === null || inventories === null
        ? null
        : agentsDesk(options.home, registry, channel, deskAnswers(registry, channel), inventories),
    answer: async (request) =>
      registry === null || channel === null
        ? { problem: 'this manager takes no agents: ossec.conf has no <remote> for them', agents: [], groups: [] }
        : answerAgents(registry, channel, request),
    figures: () => ({
      channel: channel?.counters ?? null,
      enrolment: enrolment?.counters ?? null,
      syslog: syslog.map(({ counters }) => counters),
      byStatus: countedBy([...(registry?.rows.values() ?? [])].map(({ status }) => status)),
      inventory: { ...inventories?.dropped },
      kernelDrops,
    }),
    close,
  }
}

function deskAnswers(registry: AgentRegistry, channel: AgentChannel) {
  return (request: AgentsRequest): Promise<AgentsAnswer> => answerAgents(registry, channel, request)
}

async function answerAgents(
  registry: AgentRegistry,
  channel: AgentChannel,
  request: AgentsRequest,
): Promise<AgentsAnswer> {
  const said = (problem: string | null): AgentsAnswer => ({ problem, agents: [], groups: [] })
  switch (request.verb) {
    case 'list':
      return { problem: null, agents: sortedRows(registry.rows), groups: [] }
    case 'show': {
      const row = registry.rows.get(request.id)
      return row === undefined ? said(`there is no agent ${request.id}`) : { ...said(null), agents: [row] }
    }
    case 'remove':
      return said(
        registry.remove([request.id], request.purge, Date.now()).length > 0 ? null : `there is no agent ${request.id}`,
      )
    case 'groups': {
      const counts = countedBy([...registry.rows.values()].flatMap(({ groups }) => groups))
      const groups = registry.groups.names().map((name) => ({
        name,
        agents: counts[name] ?? 0,
        sum: registry.groups.sum([name], Date.now()),
      }))
      return { ...said(null), groups }
    }
    case 'set-groups':
      return said(registry.setGroups(request.id, request.groups))
    case 'create-group': {
      const problem = groupProblem(request.group)
      if (problem === null) registry.groups.create(request.group)
      return said(problem === null ? null : `no name for a group: ${problem}`)
    }
    case 'remove-group': {
      if (!registry.groups.has(request.group)) return said(`there is no group ${request.group}`)
      if (request.group === 'default') return said('the group default stays: agents without another are in it')
      registry.groups.remove(request.group)
      for (const { id, groups } of registry.rows.values())
        if (groups.includes(request.group))
          registry.setGroups(
            id,
            groups.filter((group) => group !== request.group),
          )
      return said(null)
    }
    case 'restart':
      try {
        const answer = (await channel.request(request.id, 'com', Buffer.from('restart'), requestMs)).toString('utf8')
        return said(answer.startsWith('ok') ? null : `agent ${request.id} answers: ${answer.slice(0, 200)}`)
      } catch (error) {
        if (error instanceof RequestFailure) return said(error.message)
        throw error
      }
  }
}

function countedBy(words: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return Object.fromEntries(counts)
}

function factsOf(registry: AgentRegistry): Map<string, AgentFacts> {
  return new Map(
    [...registry.rows.values()].map(({ id, ip, registerIp, labels }) => {
      const shown = labels.filter(({ isHidden }) => !isHidden)
      const address = registerIp === 'any' ? ip : registerIp
      return [
        id,
        {
          ...(address === null ? {} : { ip: address }),
          ...(shown.length === 0 ? {} : { labels: Object.fromEntries(shown.map(({ key, value }) => [key, value])) }),
        },
      ]
    }),
  )
}

function internalOptionsOf(home: string, log: Log): InternalOptions {
  const path = join(home, 'etc/local_internal_options.conf')
  const { options, problems } = readInternalOptions(existsSync(path) ? readFileSync(path, 'utf8') : '')
  for (const problem of problems) log.warn(`${path}: ${problem}`)
  return options
}

/** The list itself, when TLS here knows one of its ciphers. */
function usableCiphers(ciphers: string): string {
  try {
    createSecureContext({ ciphers })
    return ciphers
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`<auth><ciphers> \`${ciphers}\` names no cipher that there is; write names of OpenSSL (${why})`)
  }
}

/** The first line of `etc/authd.pass`; made when it is missing. */
function passwordOf(home: string, log: Log): string {
  const path = join(home, 'etc/authd.pass')
  if (!existsSync(path)) {
    writeFileSync(path, `${randomBytes(16).toString('hex')}\n`, { mode: 0o640, flag: 'wx' })
    log.info({ path }, 'made a password for enrolment')
  }
  const [password = ''] = readFileSync(path, 'utf8').split(/\r?\n/, 1)
  if (password === '') throw new Error(`${path} is empty; its first line is the password that agents enrol with`)
  return password
}

/** The pair that the configuration names where it is there, else that of the home, made when it is missing. */
async function certificateOf(
  home: string,
  cert: string,
  key: string,
  log: Log,
): Promise<{ cert: Buffer; key: Buffer }> {
  const named = { cert: placeIn(home, cert), key: placeIn(home, key) }
  const own = certPaths(home)
  const pair = existsSync(named.cert) ? named : { cert: own.server, key: own.serverKey }
  if (pair.cert === own.server) {
    const { done } = await ensureCertificates(home, { names: [] })
    for (const line of done) log.info(line)
  }
  return { cert: readFileSync(pair.cert), key: readFileSync(pair.key) }
}

function reviewerOf(
  home: string,
  { url, ca, token, audience }: Configuration['auth']['tokenReview'],
): (token: string) => Promise<string | null> {
  if (url === null) return () => Promise.resolve(null)
  return tokenReviewer({ url, caFile: placeIn(home, ca), tokenFile: placeIn(home, token), audience, now: Date.now })
}

/** All ports of agents are one channel, so what one of them asks for holds for all. */
function strictest(needs: readonly RemoteConfig['requireTls'][]): RemoteConfig['requireTls'] {
  return needs.includes('all') ? 'all' : needs.includes('own') ? 'own' : 'no'
}

function syslogProtocol({ protocols }: RemoteConfig): 'udp' | 'tcp' | 'tls' {
  const [protocol] = protocols
  return protocol === 'udp' || protocol === 'tls' ? protocol : 'tcp'
}

function hostOf(localIp: string | null, ipv6: boolean): string {
  return localIp ?? (ipv6 ? '::' : '0.0.0.0')
}

function portIn(error: unknown): number | null {
  return error instanceof Error && 'port' in error && typeof error.port === 'number' ? error.port : null
}

function placeIn(home: string, path: string): string {
  return isAbsolute(path) ? path : join(home, path)
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}
