/**
 * The manager: what it is made of, as a list of steps in the order of starting. In go the home folder and the flags; out comes a running manager,
 * or a StartFailure that names the step. Stopping walks the list back.
 */
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { type Journal, openJournal } from '@dogwatch/bus'
import { certPaths, ensureCertificates, loadTls } from '@dogwatch/certs'
import type { Configuration, RulesetFiles } from '@dogwatch/config'
import { createWebhookReceiver, type WebhookCluster, type WebhookReceiver, type WebhookTls } from '@dogwatch/inputs'
import { type Pipeline, startPipeline } from '@dogwatch/pipeline'
import { eventPayload } from '@dogwatch/protocol'
import { formatProblem, type Problem } from '@dogwatch/schema'
import { type StoreProcess, startStoreProcess } from '@dogwatch/store'
import { type Agents, startAgents } from './agents.ts'
import { type ApiPart, startApi } from './api-part.ts'
import { bannerText, sampleCommand } from './banner.ts'
import { type ClusterToken, clusterToken } from './cluster-tokens.ts'
import type { ReloadAnswer, StatusAnswer } from './control-protocol.ts'
import { type ControlServer, startControl } from './control-server.ts'
import type { Flags } from './flags.ts'
import { layOutHome } from './home-layout.ts'
import { type HomeLock, lockHome } from './home-lock.ts'
import { journalSink } from './journal-sink.ts'
import { type LastRecords, openLastRecords } from './last-records.ts'
import { type Log, type OpenLog, openLog } from './log.ts'
import { createMetrics, type Metrics, type PipelineFigures } from './metrics.ts'
import { type MetricsServer, startMetricsServer } from './metrics-server.ts'
import { explainListenError } from './port-holder.ts'
import { configPath, readConfigFile, rulesetFilesOf } from './ruleset-source.ts'
import { slot } from './slot.ts'
import { explainStartError } from './start-trouble.ts'
import { StartFailure, type Step, type StepFailure, startSteps } from './steps.ts'
import { storeMetrics, storeSettings } from './store-part.ts'
import { tellOnce } from './told-problems.ts'

export interface ManagerOptions {
  readonly home: string
  readonly flags: Flags
  readonly isTerminal: boolean
  readonly logLevel: string
}

export interface Manager {
  readonly log: Log
  readonly ports: {
    readonly webhook: number | null
    readonly metrics: number | null
    readonly agents: number | null
    readonly api: number | null
    readonly enrol: number | null
  }
  /** What to show a person, once. */
  readonly banner: string
  /** Loads ossec.conf's ruleset anew; the old one goes on when there is an error. Calls wait for each other. */
  reload(): Promise<ReloadAnswer>
  /** Ends in order: nothing new is taken, what is under way is finished within the bounds. Gives what went wrong. */
  stop(): Promise<readonly StepFailure[]>
}

/** The configuration or the ruleset has errors; all of them are in the message, a line each. */
export class ProblemsFound extends Error {
  readonly problems: readonly Problem[]
  constructor(summary: string, problems: readonly Problem[]) {
    super([summary, ...problems.map(formatProblem)].join('\n'))
    this.name = 'ProblemsFound'
    this.problems = problems
  }
}

/** How long requests under way, and then events under way, may take when the manager stops; and any one step at most. In milliseconds. */
const receiverDrainMs = 5000
const pipelineDrainMs = 10_000
const storeStopMs = 10_000
const stepStopMs = 15_000

/** Starts everything. */
export async function startManager({ home, flags, isTerminal, logLevel }: ManagerOptions): Promise<Manager> {
  const startedAt = performance.now()
  const lock = slot<HomeLock>('the lock')
  const openedLog = slot<OpenLog>('the log')
  const config = slot<Configuration>('the configuration')
  const tokens = slot<readonly ClusterToken[]>('the tokens')
  const tls = slot<WebhookTls>('the certificate')
  const files = slot<RulesetFiles>('the ruleset')
  const journal = slot<Journal>('the journal')
  const receiver = slot<WebhookReceiver>('the webhook')
  const webhookPort = slot<number>('the port of the webhook')
  const metrics = slot<Metrics>('the metrics')
  const metricsServer = slot<MetricsServer>('the metrics server')
  const pipeline = slot<Pipeline>('the pipeline')
  const agents = slot<Agents>('the agents')
  const control = slot<ControlServer>('the control socket')
  const store = slot<StoreProcess>('the store')
  const api = slot<ApiPart>('the API')
  const lastRecords = slot<LastRecords>('the times of the last records')
  const reloads = { accepted: 0, refused: 0 }
  let phase: 'starting' | 'running' | 'stopping' = 'starting'
  let pipelineTrouble: string | null = null

  /** Warnings of the configuration and the ruleset in use. */
  let told: ReadonlySet<string> = new Set()
  const tell = (problems: readonly Problem[]): void => {
    const { log } = openedLog.value
    const { errors, warnings, againCount, holding } = tellOnce(problems, told)
    for (const line of errors) log.error(line)
    for (const line of warnings) log.warn(line)
    if (againCount > 0) log.info({ warnings: againCount }, 'warnings that were told before still hold')
    // While starting, each part tells its own; a reload tells all at once.
    told = phase === 'starting' ? told.union(holding) : holding
  }
  const notReady = (): string[] => [
    ...(phase === 'running' ? [] : [phase]),
    ...(pipelineTrouble === null ? [] : [`the pipeline: ${pipelineTrouble}`]),
  ]
  const listening = (): StatusAnswer['listening'] => [
    ...(webhookPort.present === null
      ? []
      : [{ name: 'webhook', address: `https://${bracketed(config.value.webhook.bind)}:${webhookPort.value}/` }]),
    ...(metricsServer.present === null
      ? []
      : [
          {
            name: 'metrics',
            address: `http://${bracketed(config.value.metrics.bind)}:${metricsServer.value.port}/metrics`,
          },
        ]),
    ...(agents.present?.listening ?? []),
    ...(api.present === null
      ? []
      : [{ name: 'API', address: `https://${bracketed(config.value.dashboard.bind)}:${api.value.port}/` }]),
  ]
  const sampleFacts = () => ({
    webhookHost: sampleHost(config.value.webhook.bind),
    auth: config.value.webhook.clusters[0]?.auth ?? 'token',
    caPath: certPaths(home).ca,
    tokenPath: tokens.present?.find(({ cluster }) => cluster === 'default')?.path ?? '',
  })
  const figures = (): PipelineFigures | null => pipeline.present?.figures() ?? null

  const steps: readonly Step[] = [
    {
      name: 'home',
      start: () => void layOutHome(home),
    },
    {
      name: 'lock',
      start: () => void lock.put(lockHome(home)),
      stop: () => lock.value.release(),
    },
    {
      name: 'log',
      start: () =>
        void openedLog.put(openLog(home, isTerminal, logLevel)).log.info({ home, pid: process.pid }, 'starting'),
      stop: () => openedLog.value.close(),
    },
    {
      name: 'configuration',
      start() {
        const { configuration, problems } = readConfigFile(home)
        if (configuration === null) throw new ProblemsFound(`${configPath(home)} has errors`, onlyErrors(problems))
        tell(problems)
        config.put(configuration)
      },
    },
    {
      name: 'certificates',
      async start() {
        const { webhook, dashboard } = config.value
        if (!webhook.enabled && !dashboard.enabled) return
        tls.put(await loadCertificates(home, config.value, openedLog.value.log))
        if (!webhook.enabled) return
        const wanted = config.value.webhook.clusters.filter(({ auth }) => auth === 'token')
        tokens.put(await Promise.all(wanted.map((cluster) => clusterToken(home, cluster))))
        for (const { cluster, path, created } of tokens.value) {
          if (created) openedLog.value.log.info({ cluster, path }, 'made a token')
        }
      },
    },
    {
      name: 'journal',
      start: async () =>
        void journal.put(
          await openJournal({
            folder: placeIn(home, config.value.bus.path),
            bytesMax: config.value.bus.diskMax,
            segmentLengthMax: config.value.bus.segmentSize,
            report: (notice) => openedLog.value.log.warn(notice),
          }),
        ),
      stop: () => journal.value.close(),
    },
    {
      name: 'last records',
      start: () =>
        void lastRecords.put(
          openLastRecords(home, (error) => openedLog.value.log.warn({ err: error }, 'queue/clusters.json')),
        ),
      stop: () => lastRecords.value.close(),
    },
    {
      name: 'metrics',
      async start() {
        metrics.put(
          createMetrics({
            webhook: () => receiver.present?.counters ?? null,
            journal: () => journal.present?.counters() ?? null,
            pipeline: figures,
            agents: () => agents.present?.figures() ?? null,
            store: () => {
              const told = store.present?.figures() ?? null
              return told === null ? null : storeMetrics(told)
            },
            storeRestarts: () => store.present?.restarts() ?? 0,
            ready: () => notReady().length === 0,
            rulesetReloads: () => reloads,
          }),
        )
        const { enabled, bind, port } = config.value.metrics
        if (!enabled) return
        const wanted = flags.portMetrics ?? port
        const pages = { notReady, metrics: () => metrics.value.text() }
        metricsServer.put(
          await startMetricsServer(bind, wanted, pages).catch((error: unknown) => {
            throw explainListenError(error, wanted, 'metrics', '--port-metrics')
          }),
        )
      },
      async stop() {
        await metricsServer.present?.close()
        metrics.value.close()
      },
    },
    {
      // Opened by `openStore` once everything else has started: it is fed from the alert files, so that nothing waits for it.
      name: 'store',
      start: () => {},
      stop: () => store.present?.stop(storeStopMs),
    },
    {
      name: 'webhook',
      async start() {
        const { enabled, bind, port, bodyMax, memoryMax } = config.value.webhook
        if (!enabled) return
        const wanted = flags.portWebhook ?? port
        receiver.put(
          createWebhookReceiver({
            host: bind,
            port: wanted,
            tls: tls.value,
            clusters: webhookClusters(config.value, tokens.value),
            defaultCluster: 'default',
            sink: journalSink(journal.value, ({ source, arrivalUs }) =>
              lastRecords.value.note(source, Math.floor(arrivalUs / 1000)),
            ),
            limits: { bodyBytesMax: bodyMax, memoryBytesMax: memoryMax },
            onRefused: ({ message, ...facts }) => openedLog.value.log.warn(facts, `refused: ${message}`),
          }),
        )
        const listened = await receiver.value.listen().catch((error: unknown) => {
          throw explainListenError(error, wanted, 'the webhook', '--port-webhook')
        })
        webhookPort.put(listened.port)
      },
      stop: () => receiver.present?.close(receiverDrainMs),
    },
    {
      name: 'ruleset',
      start() {
        const { files: found, problems } = rulesetFilesOf(config.value, home)
        tell(problems)
        files.put(found)
      },
    },
    {
      name: 'pipeline',
      async start() {
        pipeline.put(
          await startPipeline({
            home,
            config: config.value,
            rulesetFiles: files.value,
            journal: journal.value,
            threads: config.value.match.threads,
            managerName: hostname().split('.')[0] ?? 'manager',
            onStatus: (status) => {
              pipelineTrouble = status
            },
          }),
        )
        tell(pipeline.value.problems)
      },
      stop: () => pipeline.value.stop(pipelineDrainMs),
    },
    {
      name: 'agents',
      start: async () =>
        void agents.put(
          await startAgents({
            home,
            config: config.value,
            ports: { agents: flags.portAgents, enrol: flags.portEnrol },
            sink: journalSink(journal.value),
            journal: journal.value,
            log: openedLog.value.log,
            hostname: hostname(),
            onFacts: (facts) => pipeline.value.setAgents(facts),
          }),
        ),
      stop: () => agents.value.close(receiverDrainMs),
    },
    {
      name: 'api',
      async start() {
        const { enabled, bind, port } = config.value.dashboard
        if (!enabled) return
        api.put(
          await startApi({
            home,
            bind,
            port: flags.portApi ?? port,
            tls: tls.value,
            version: version(),
            status: partsStatus,
            counters: () => status().counters,
            details: () => {
              const channel = agents.present?.figures().channel ?? null
              return { drops: { ...figures()?.drops }, channel: channel === null ? null : { ...channel } }
            },
            parts: {
              store: () => store.present?.store ?? null,
              storeTrouble: () => store.present?.trouble() ?? null,
              storeFigures: () => store.present?.figures() ?? null,
              agents: () => agents.present?.desk ?? null,
              rulesetFiles: () => files.value,
              reload,
              putEvent: (text) =>
                journalSink(journal.value).put(
                  { input: 'internal', source: 'manager', peer: '', arrivalUs: Date.now() * 1000 },
                  [eventPayload('1', 'API-Webhook', text)],
                ),
              log: (level, message, facts) => openedLog.value.log[level](facts, message),
              logAlertLevel: config.value.alerts.logAlertLevel,
              managerName: hostname().split('.')[0] ?? 'manager',
              sampleCommand: () =>
                webhookPort.present === null
                  ? null
                  : sampleCommand({ ...sampleFacts(), webhookPort: webhookPort.value, now: new Date() }),
            },
          }),
        )
      },
      stop: () => api.present?.close(),
    },
    {
      name: 'control',
      start: async () =>
        void control.put(
          await startControl(home, { reload, status, agents: ({ agents: asked }) => agents.value.answer(asked) }),
        ),
      stop: () => control.value.close(),
    },
  ]

  let lastReload: Promise<unknown> = Promise.resolve()
  function reload(): Promise<ReloadAnswer> {
    const next = lastReload.then(reloadNow)
    lastReload = next.catch(() => {}) // whoever asked is told; the next one starts afresh
    return next
  }

  async function reloadNow(): Promise<ReloadAnswer> {
    const { log } = openedLog.value
    const { configuration, problems: configProblems } = readConfigFile(home)
    const found = configuration === null ? null : rulesetFilesOf(configuration, home)
    const isSound = found !== null
    const problems = [
      ...configProblems,
      ...(found?.problems ?? []),
      ...(isSound ? await pipeline.value.reload(found.files) : []),
    ]
    const accepted = isSound && onlyErrors(problems).length === 0
    const { decoders, rules, lists } = found?.files ?? files.value
    tell(problems)
    if (configuration !== null && besideRuleset(configuration) !== besideRuleset(config.value)) {
      log.warn('ossec.conf has changed outside of <ruleset>; that takes effect at the next start')
    }
    if (accepted) {
      files.put(found.files)
      api.present?.rulesetChanged()
      reloads.accepted++
      log.info(
        { decoderFiles: decoders.length, ruleFiles: rules.length, lists: lists.length },
        'the new ruleset is in use',
      )
    } else {
      reloads.refused++
      log.error({ errors: onlyErrors(problems).length }, 'the new ruleset is refused; the old one goes on')
    }
    if (tls.present !== null && configuration !== null) {
      const fresh = await loadCertificates(home, config.value, log)
      receiver.present?.setTls(fresh)
      api.present?.setTls(fresh)
    }
    return { accepted, decoderFiles: decoders.length, ruleFiles: rules.length, lists: lists.length, problems }
  }

  function status(): StatusAnswer {
    const now = figures()
    return {
      version: version(),
      pid: process.pid,
      uptimeS: Math.round((performance.now() - startedAt) / 1000),
      ready: notReady().length === 0,
      listening: listening(),
      counters: {
        records: journal.present?.counters().appendedRecords ?? 0,
        events: now?.events ?? 0,
        alerts: sum(now?.alertsByLevel.values() ?? []),
        duplicates: now?.duplicates ?? 0,
        drops: sum(Object.values(now?.drops ?? {})),
        lagRecords: now?.lagRecords ?? 0,
        ...storeCounters(),
      },
      lastRecordMs: Object.fromEntries(lastRecords.present?.times ?? []),
    }
  }

  /** What runs, by the names of the API. */
  function partsStatus(): Record<string, 'running' | 'stopped' | 'failed'> {
    const isRunning = (isPresent: boolean) => (isPresent ? 'running' : 'stopped')
    const storeState = store.present === null ? 'stopped' : store.value.trouble() === null ? 'running' : 'failed'
    return {
      'dogwatch-webhook': isRunning(receiver.present !== null),
      'dogwatch-journal': isRunning(journal.present !== null),
      'dogwatch-pipeline': pipelineTrouble !== null ? 'failed' : isRunning(pipeline.present !== null),
      'dogwatch-agents': isRunning((agents.present?.listening ?? []).length > 0),
      'dogwatch-store': storeState,
      'dogwatch-api': isRunning(api.present !== null),
    }
  }

  function openStore(): void {
    if (!config.value.store.enabled) return
    const { log } = openedLog.value
    if (!config.value.global.jsonoutOutput) {
      log.warn('no alerts reach the store: it reads alerts.json, and <jsonout_output> is no')
    }
    store.put(
      startStoreProcess({
        settings: storeSettings(config.value, home),
        report: (level, message) => log[level](message),
      }),
    )
  }

  function storeCounters(): Record<string, number> {
    const told = store.present?.figures() ?? null
    if (told === null) return {}
    const { documents, lagBytes } = storeMetrics(told)
    return { stored: documents, storeLagBytes: sum(Object.values(lagBytes)) }
  }

  const started = await startSteps(steps, (step, what, tookMs) => {
    openedLog.present?.log.debug({ step, ms: Math.round(tookMs) }, what)
  }).catch((error: unknown) => {
    if (!(error instanceof StartFailure)) throw error
    const message = explainStartError(error.cause, home, process.getuid?.() ?? null)
    throw new StartFailure(error.step, new Error(message, { cause: error.cause }), error.alsoFailed)
  })
  openStore()
  phase = 'running'
  const { log } = openedLog.value
  const ports = {
    webhook: webhookPort.present,
    metrics: metricsServer.present?.port ?? null,
    api: api.present?.port ?? null,
    ...agents.value.ports,
  }
  log.info({ ...ports, ms: Math.round(performance.now() - startedAt) }, 'ready')
  return {
    log,
    ports,
    banner: bannerText({
      home,
      listening: listening(),
      ...sampleFacts(),
      webhookPort: ports.webhook,
      pageAddress:
        api.present === null ? null : `https://${sampleHost(config.value.dashboard.bind)}:${api.value.port}/app/`,
      firstPassword: api.present?.firstPassword ?? null,
      now: new Date(),
    }),
    reload,
    stop() {
      if (phase !== 'stopping') log.info('stopping: nothing new is taken, what is under way is finished')
      phase = 'stopping'
      return started.stop(stepStopMs)
    },
  }
}

/** Certificates of the home are made or renewed; those named elsewhere are taken as they are. */
async function loadCertificates(home: string, { webhook }: Configuration, log: Log): Promise<WebhookTls> {
  const [cert, key] = [placeIn(home, webhook.certificate), placeIn(home, webhook.key)]
  if (cert === certPaths(home).server) {
    const names = isWildcard(webhook.bind) ? [] : [webhook.bind]
    const { done } = await ensureCertificates(home, { names })
    for (const line of done) log.info(line)
  }
  const wantsClients = webhook.clusters.some(({ auth }) => auth === 'certificate')
  const { warnings, ...loaded } = await loadTls({
    cert,
    key,
    ...(wantsClients ? { clientCa: placeIn(home, webhook.clientCa) } : {}),
  })
  for (const { message } of warnings) log.warn(message)
  return loaded
}

function webhookClusters({ webhook }: Configuration, tokens: readonly ClusterToken[]): WebhookCluster[] {
  return webhook.clusters.map(({ name, auth, commonName }): WebhookCluster => {
    if (auth === 'none') return { name, auth: [{ kind: 'none' }] }
    if (auth === 'certificate') return { name, auth: [{ kind: 'certificate', names: [commonName] }] }
    const token = tokens.find(({ cluster }) => cluster === name)?.token
    if (token === undefined) throw new Error(`the cluster ${name} has no token`)
    return { name, auth: [{ kind: 'token', token }] }
  })
}

function placeIn(home: string, path: string): string {
  return isAbsolute(path) ? path : join(home, path)
}

/** All of a configuration that a reload does not take over, to compare. */
function besideRuleset({ ruleset: _, ...rest }: Configuration): string {
  return JSON.stringify(rest)
}

function onlyErrors(problems: readonly Problem[]): Problem[] {
  return problems.filter(({ severity }) => severity === 'error')
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

function sampleHost(bind: string): string {
  return isWildcard(bind) ? 'localhost' : bracketed(bind)
}

function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

function version(): string {
  return (
    /"version": *"([^"]+)"/.exec(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'))?.[1] ?? 'unknown'
  )
}
