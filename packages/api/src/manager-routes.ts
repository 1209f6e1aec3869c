/** What the manager is and does (spec: api, part 5, root and manager). */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Configuration, readConfiguration } from '@dogwatch/config'
import { Type } from 'typebox'
import { configurationWriting } from './configuration-writing.ts'
import { answerSchema, commonQuery, itemsAnswer, listAnswer, pagingQuery } from './envelope.ts'
import { ApiError } from './error.ts'
import { type LogLevel, logItems } from './manager-log.ts'
import type { ApiParts } from './parts.ts'
import { runningConfiguration } from './running-configuration.ts'
import { withoutSecrets } from './secrets.ts'
import type { ApiServer } from './server.ts'

const tags = ['manager']
const security = [{ jwt: [] }]
const response = { 200: answerSchema }
const querystring = Type.Object(commonQuery)

export function managerRoutes(server: ApiServer, parts: ApiParts): void {
  const { manager } = parts

  server.get(
    '/manager/info',
    {
      schema: { tags, security, response, querystring, summary: 'What the manager is' },
      config: { permission: 'manager:read' },
    },
    () => {
      const zone = new Intl.DateTimeFormat('en', { timeZoneName: 'longOffset' }).formatToParts(parts.now())
      const offset = zone.find(({ type }) => type === 'timeZoneName')?.value.replace(/^GMT/, '') || '+00:00'
      const item = {
        path: manager.home,
        version: `v${manager.version}`,
        type: 'server',
        max_agents: 'unlimited',
        openssl_support: 'yes',
        tz_offset: offset.replace(':', ''),
        tz_name: Intl.DateTimeFormat().resolvedOptions().timeZone,
        uuid: manager.uuid,
      }
      return itemsAnswer([item], 'Basic information was successfully read')
    },
  )

  server.get(
    '/manager/status',
    {
      schema: { tags, security, response, querystring, summary: 'Which parts run' },
      config: { permission: 'manager:read' },
    },
    () => itemsAnswer([manager.status()], 'Processes status was successfully read'),
  )

  server.get(
    '/manager/stats',
    {
      schema: { tags, security, response, querystring, summary: 'Counters of the manager, and how far the store is' },
      config: { permission: 'manager:read' },
    },
    () =>
      itemsAnswer(
        [{ ...manager.counters(), store: storeItem(parts) }],
        'Statistical information was successfully read',
      ),
  )

  server.get(
    '/manager/stats/analysisd',
    {
      schema: { tags, security, response, querystring, summary: 'Counters of the pipeline since it started' },
      config: { permission: 'manager:read' },
    },
    () => {
      const counters = manager.counters()
      // Names are Wazuh's; what nothing here counts is left out, not told as 0.
      const named = {
        events_received: counters.records,
        events_processed: counters.events,
        events_dropped: counters.drops,
        alerts_written: counters.alerts,
        event_queue_usage_records: counters.lagRecords,
      }
      const item = Object.fromEntries(Object.entries(named).filter(([, count]) => count !== undefined))
      return itemsAnswer([item], 'Statistical information was successfully read')
    },
  )

  server.get(
    '/manager/logs',
    {
      schema: {
        tags,
        security,
        response,
        summary: 'The manager’s own log, newest first',
        querystring: Type.Object({
          ...pagingQuery,
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 500 })),
          level: Type.Optional(
            Type.Union(['critical', 'debug', 'debug2', 'error', 'info', 'warning'].map((level) => Type.Literal(level))),
          ),
        }),
      },
      config: { permission: 'manager:read' },
    },
    async ({ query }) => {
      const items = (await logItems(manager.home)).filter(
        ({ level }) => query.level === undefined || query.level === level,
      )
      return listAnswer(items, query, 'Logs were successfully read')
    },
  )

  server.get(
    '/manager/logs/summary',
    {
      schema: { tags, security, response, querystring, summary: 'How many lines of each level the end of the log has' },
      config: { permission: 'manager:read' },
    },
    async () => {
      const tags = new Map<string, LogSummary>()
      for (const { tag, level } of await logItems(manager.home)) {
        const counts = tags.get(tag) ?? { all: 0, critical: 0, debug: 0, error: 0, info: 0, warning: 0 }
        tags.set(tag, counts)
        counts.all += 1
        counts[level === 'debug2' ? 'debug' : level] += 1
      }
      const items = [...tags].map(([tag, counts]) => ({ [tag]: counts }))
      return itemsAnswer(items, 'Log was successfully summarized')
    },
  )

  const configurationPath = join(manager.home, 'etc/ossec.conf')
  configurationWriting(server, { parts, path: configurationPath })
  server.get(
    '/manager/configuration',
    {
      schema: {
        tags,
        security,
        response: { 200: Type.Unknown() },
        summary:
          'ossec.conf: every value with its default, or the file as it is; without its secrets for who may not change it',
        querystring: Type.Object({
          ...commonQuery,
          raw: Type.Optional(Type.Boolean()),
          section: Type.Optional(Type.String({ maxLength: 64 })),
        }),
      },
      config: { permission: 'manager:read' },
    },
    async (request, reply) => {
      const { raw, section } = request.query
      const bytes = await readFile(configurationPath)
      if (raw === true) {
        const text = bytes.toString('utf8')
        const isWhole = request.rights.all('manager:update_config')
        return reply.type('application/xml; charset=utf-8').send(isWhole ? text : withoutSecrets(text))
      }
      const { configuration } = readConfiguration(configurationPath, bytes.toString('latin1'))
      if (configuration === null)
        throw new ApiError(400, 'ossec.conf has errors; ask /manager/configuration/validation', 1113)
      const found = Object.entries(configuration).filter(([name]) => section === undefined || section === name)
      if (found.length === 0) throw new ApiError(404, `ossec.conf has no section ${section}`, 1102)
      return itemsAnswer([Object.fromEntries(found)], 'Configuration was successfully read')
    },
  )

  // What the manager started with: what the file says later counts from the next start.
  const started = configurationIn(configurationPath)
  server.get(
    '/manager/configuration/:component/:configuration',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary: 'What a component of the manager runs with, as it was at the start of the process',
        params: Type.Object({
          component: Type.String({ pattern: '^[a-z-]{2,20}$' }),
          configuration: Type.String({ pattern: '^[a-z0-9_-]{2,40}$' }),
        }),
      },
      config: { permission: 'manager:read' },
    },
    ({ params: { component, configuration } }) => {
      if (started === null) throw new ApiError(400, 'ossec.conf had errors when the manager started', 1113)
      const running = runningConfiguration(started, component, configuration)
      if ('code' in running) throw new ApiError(400, running.problem, running.code)
      return { data: running.data, error: 0 }
    },
  )

  server.get(
    '/manager/configuration/validation',
    {
      schema: { tags, security, response, querystring, summary: 'Whether ossec.conf is good as it stands in the file' },
      config: { permission: 'manager:read' },
    },
    async () => {
      const text = await readFile(configurationPath, 'latin1')
      const { configuration, problems } = readConfiguration(configurationPath, text)
      const item = {
        name: parts.managerName,
        status: configuration === null ? 'KO' : 'OK',
        details: problems.slice(0, 100),
      }
      return itemsAnswer([item], 'Validation was successfully checked')
    },
  )

  server.get(
    '/dogwatch/store',
    {
      schema: {
        tags: ['search'],
        security,
        response,
        querystring,
        summary: 'How far the store is, and what days it holds',
      },
      config: { permission: 'search:read', isNarrowed: true },
    },
    () => ({ data: { ...storeItem(parts), partitions: parts.storeFigures()?.store.partitions ?? [] }, error: 0 }),
  )

  server.get(
    '/dogwatch/first-event',
    {
      schema: {
        tags: ['manager'],
        security,
        response,
        querystring,
        summary: 'A line for a shell on the manager’s machine that posts a sample event',
      },
      config: { permission: 'manager:read' },
    },
    () => ({ data: { command: parts.sampleCommand() }, error: 0 }),
  )

  server.get(
    '/cluster/status',
    {
      schema: {
        tags: ['cluster'],
        security,
        response,
        querystring,
        summary: 'Whether there is a cluster: one manager is a whole',
      },
      config: { permission: 'cluster:read' },
    },
    () => ({ data: { enabled: 'no', running: 'no' }, error: 0 }),
  )

  server.put(
    '/manager/restart',
    {
      schema: {
        tags,
        security,
        response,
        querystring,
        summary:
          'Examine ossec.conf and load the ruleset anew; ossec.conf itself counts from the next start of the process',
      },
      config: { permission: 'manager:restart' },
    },
    async () => {
      const text = await readFile(configurationPath, 'latin1')
      const { configuration, problems } = readConfiguration(configurationPath, text)
      if (configuration === null) {
        throw new ApiError(
          400,
          'ossec.conf has errors; the manager would not start with it, and nothing was done',
          1908,
          {
            problems: problems.slice(0, 100),
          },
        )
      }
      const { accepted, problems: ofRuleset } = await parts.reload()
      const answer = itemsAnswer(
        accepted ? [parts.managerName] : [],
        accepted
          ? 'The ruleset was loaded anew; ossec.conf counts when the process is started again'
          : 'The new ruleset has errors; the old one goes on',
      )
      return { ...answer, error: accepted ? 0 : 1, problems: [...problems, ...ofRuleset].slice(0, 200) }
    },
  )
  server.put(
    '/manager/analysisd/reload',
    {
      schema: { tags, security, response, querystring, summary: 'Load decoders, rules and lists anew' },
      config: { permission: 'manager:restart' },
    },
    async () => {
      const { accepted, problems } = await parts.reload()
      return {
        data: { accepted, problems: problems.slice(0, 200) },
        message: accepted ? 'The new ruleset is in use' : 'The new ruleset has errors; the old one goes on',
        error: accepted ? 0 : 1,
      }
    },
  )
}

/** Null where there is none, or none without errors. */
function configurationIn(path: string): Configuration | null {
  try {
    return readConfiguration(path, readFileSync(path, 'latin1')).configuration
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null // no file to be read
    throw error
  }
}

type LogSummary = Record<'all' | Exclude<LogLevel, 'debug2'>, number>

/** How far the store is; `ready` false with the reason while it opens or catches up. */
function storeItem({ storeTrouble, storeFigures, store }: ApiParts) {
  if (store() === null)
    return { enabled: false, ready: false, says: 'the store is off', documents: 0, bytes: 0, lag_bytes: 0 }
  const trouble = storeTrouble()
  const figures = storeFigures()
  const lag = figures?.feeds.reduce((sum, { lagBytes }) => sum + lagBytes, 0) ?? 0
  const isCaughtUp = figures?.feeds.every((feed) => feed.isCaughtUp) === true
  return {
    enabled: true,
    ready: trouble === null && isCaughtUp,
    says: trouble ?? (isCaughtUp ? 'up to date' : 'catching up with the alert files'),
    documents: figures?.store.partitions.reduce((sum, { documents }) => sum + documents, 0) ?? 0,
    bytes: figures?.store.bytes ?? 0,
    lag_bytes: lag,
    memory_bytes: figures?.rssBytes ?? 0,
  }
}
