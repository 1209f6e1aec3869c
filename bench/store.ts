/**
 * The store's process as the manager runs it: it takes in `--alerts` alerts of two days from alerts.json, then answers the questions of an overview page while
 * 2,000 alerts a second arrive. CPU and memory are the store process's own, read from /proc, so Linux only.
 */
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { parseQuery, type Query } from '@dogwatch/query'
import { type StoreProcess, startStoreProcess } from '@dogwatch/store'

const dayMs = 86_400_000
const arrivalsPerSecond = 2000
const ticksPerSecond = 100

/** Options: `--alerts N` (1,000,000), `--seconds N` of questions (20). */
export async function run(args: readonly string[]): Promise<object> {
  const { values } = parseArgs({
    args: [...args],
    options: { alerts: { type: 'string', default: '1000000' }, seconds: { type: 'string', default: '20' } },
  })
  const alerts = Number(values.alerts)
  const folder = mkdtempSync(join(tmpdir(), 'dogwatch-bench-store-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'alerts'))
  const file = join(folder, 'alerts/alerts.json')
  const now = Date.now()
  for (let from = 0; from < alerts; from += 10_000) {
    const count = Math.min(10_000, alerts - from)
    const timeOf = (n: number) => Math.floor(now - 2 * dayMs + (n * 2 * dayMs) / alerts)
    appendFileSync(file, Array.from({ length: count }, (_, n) => alertLine(from + n, timeOf(from + n))).join(''))
  }
  const store = startStoreProcess({
    settings: {
      folder: join(folder, 'store'),
      memoryMax: 104e6,
      threads: 2,
      searchMsMax: 30_000,
      feeds: [
        { index: 'alerts', files: { folder: join(folder, 'alerts'), current: 'alerts.json', history: 'ossec-alerts' } },
      ],
      retention: { hotDays: 14, retentionMs: 90 * dayMs, bytesMax: null },
    },
    report: (level, message) => void (level === 'info' || process.stderr.write(`${message}\n`)),
  })
  let peak = 0
  const watch = setInterval(() => (peak = Math.max(peak, store.figures()?.rssBytes ?? 0)), 200)
  const started = performance.now()
  while (documentsOf(store) < alerts) await sleep(100)
  const wallS = (performance.now() - started) / 1000
  const cpuS = cpuSeconds(store.pid())
  const bytes = store.figures()?.store.bytes ?? 0

  let arrived = alerts
  const arriving = setInterval(() => {
    const lines = Array.from({ length: arrivalsPerSecond / 10 }, (_, n) => alertLine(arrived + n, Date.now()))
    appendFileSync(file, lines.join(''))
    arrived += lines.length
  }, 100)
  const times = await ask(store, Number(values.seconds))
  clearInterval(arriving)
  clearInterval(watch)
  const all = [...times.values()].flat().sort((a, b) => a - b)
  const figures = {
    bench: 'store',
    alerts,
    ingest_s: Math.round(alerts / wallS),
    ingest_per_cpu_s: Math.round(alerts / cpuS),
    questions: all.length,
    p95_query_ms: Math.round(all[Math.floor(all.length * 0.95)] ?? 0),
    max_query_ms: Math.round(all.at(-1) ?? 0),
    max_ms: Object.fromEntries([...times].map(([name, ms]) => [name, Math.round(Math.max(...ms))])),
    bytes_per_alert: Math.round(bytes / alerts),
    rss_mb: Math.round(peak / 1e6),
  }
  await store.stop(20_000)
  return figures
}

/** The questions of an overview, one after the other, a second apart in rounds. */
async function ask({ store }: StoreProcess, seconds: number): Promise<Map<string, number[]>> {
  const times = new Map<string, number[]>()
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    const base = {
      index: 'alerts',
      query: queryOf(''),
      range: { fromMs: Date.now() - dayMs, toMs: Date.now() + 1000 },
    } as const
    const top = (field: string) => () => store.terms({ ...base, field, limit: 10 })
    const questions: readonly (readonly [name: string, question: () => Promise<unknown>])[] = [
      ['histogram', () => store.histogram({ ...base, stepMs: 1_800_000, by: { field: 'rule.level', limit: 16 } })],
      ['top_rules', top('rule.id')],
      ['top_agents', top('agent.name')],
      ['top_users', top('data.user.username')],
      ['top_namespaces', top('data.objectRef.namespace')],
      ['newest', () => store.search({ ...base, limit: 100, order: 'newest' })],
      [
        'filter_text',
        () => store.search({ ...base, query: queryOf('rule.level >= 8 and user77'), limit: 100, order: 'newest' }),
      ],
    ]
    for (const [name, question] of questions) {
      const since = performance.now()
      await question()
      times.set(name, [...(times.get(name) ?? []), performance.now() - since])
    }
    await sleep(1000)
  }
  return times
}

function queryOf(text: string): Query {
  return parseQuery(text).query ?? { kind: 'all' }
}

function documentsOf(store: StoreProcess): number {
  return store.figures()?.store.partitions.reduce((sum, { documents }) => sum + documents, 0) ?? 0
}

/** CPU time of a process so far, user and system. */
function cpuSeconds(pid: number | null): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

function alertLine(n: number, timeMs: number): string {
  const user = `system:serviceaccount:ns${n % 40}:sa${n % 300}`
  const namespace = `ns${n % 40}`
  const alert = {
    timestamp: new Date(timeMs).toISOString().replace('Z', '+0000'),
    rule: {
      level: 3 + (n % 10),
      description: `Rule number ${n % 200}`,
      id: String(5000 + (n % 200)),
      firedtimes: n,
      mail: false,
      groups: ['k8s', 'sample'],
    },
    agent: { id: '000', name: `agent${n % 50}` },
    manager: { name: 'manager' },
    id: `${Math.floor(timeMs / 1000)}.${n}`,
    full_log: `user${n % 999} asked for pod web-${n} in ${namespace} from 192.0.2.${n % 250}: ${'x'.repeat(150)}`,
    decoder: { name: 'json' },
    data: {
      verb: n % 3 === 0 ? 'create' : 'delete',
      user: { username: user },
      objectRef: { resource: 'pods', namespace, name: `web-${n}` },
      kubernetes: { cluster: 'default', actor: user, verb: 'create', resource: 'pods', namespace },
    },
    location: 'k8s',
  }
  return `${JSON.stringify(alert)}\n`
}
