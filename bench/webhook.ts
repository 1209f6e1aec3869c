/**
 * The webhook path at full speed: recorded bodies with fresh ids and times over TLS from a separate process, the
 * recipe's rules, archives on, until everything is on disk.
 *
 * --seconds N     how long to send (60)
 * --single        one event a POST
 * --bystander     what a polite sender pays while another one posts 31 MiB bodies back to back
 * --connections N connections of the sender (4; 16 with --single)
 *
 * Last line: events_s (until the last byte is on disk), p99_ack_ms, rss_mb (peak of the manager, all threads), lost
 * (acknowledged and not in archives.json), and figures that tell where the time goes.
 */
import { copyFileSync, createReadStream, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { alertsFile, archivesFile } from '../e2e/home-files.ts'
import { freePorts, type Ports, startManager, temporaryHome, tokenOf } from '../e2e/manager-process.ts'
import { numberOf } from '../scripts/json-file.ts'
import { sharedFolder } from '../scripts/repository.ts'
import { senderReport } from './sender-process.ts'
import type { SenderOrder, SenderReport } from './webhook-sender.ts'

/** When nothing is written for this long, everything is written. */
const quietMs = 3000
/** Longest wait for what is still in the journal when sending has ended. */
const drainMsMax = 300_000
/** Posts per second of the polite sender. */
const politePosts = 20
/** Clock ticks per second in /proc, on every Linux that Node runs on. */
const ticksPerSecond = 100

export async function run(args: readonly string[]): Promise<object> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '60' },
      single: { type: 'boolean', default: false },
      bystander: { type: 'boolean', default: false },
      connections: { type: 'string' },
    },
  })
  const corpus = corpusFile()
  const home = temporaryHome()
  writeHome(home)
  const ports = await freePorts()
  const manager = await startManager({ home, ports, through: 'node' })
  const start = { home, ports, corpus, seconds: Number(values.seconds) }
  if (values.bystander) {
    const result = await bystander(start)
    const rssMb = peakMb(manager.pid)
    await manager.stop()
    return { ...result, rss_mb: rssMb }
  }

  const bodies = values.single ? 'single' : 'recorded'
  const connections = Number(values.connections ?? (values.single ? 16 : 4))
  const cpuBefore = cpuSecondsOf(manager.pid)
  note(`sending for ${start.seconds} s over ${connections} connections, bodies: ${bodies}`)
  const sent = await sender(start, { bodies, connections, postsPerSecond: 0, sender: 1 })
  const sendingEndMs = Date.now()
  note(`${sent.acknowledged} events acknowledged in ${sent.posts} posts; waiting until all are on disk`)
  const endMs = await quiet(home)
  const cpu = cpuSecondsOf(manager.pid) - cpuBefore
  const rssMb = peakMb(manager.pid)
  await manager.stop()
  const archived = await lineCount(join(home, archivesFile))
  const wallSeconds = (Math.max(endMs, sent.startedMs + 1) - sent.startedMs) / 1000
  return {
    events_s: Math.round(archived / wallSeconds),
    p99_ack_ms: rounded(sent.p99Ms),
    rss_mb: rssMb,
    lost: sent.acknowledged - archived,
    events: sent.acknowledged,
    alerts: await lineCount(join(home, alertsFile)),
    acknowledged_s: Math.round(sent.acknowledged / ((sendingEndMs - sent.startedMs) / 1000)),
    p50_ack_ms: rounded(sent.p50Ms),
    max_ack_ms: rounded(sent.maxMs),
    drain_s: rounded(Math.max(0, endMs - sendingEndMs) / 1000),
    cpu_us_event: rounded((cpu / Math.max(1, archived)) * 1e6),
    sender_cpu_us_event: rounded((sent.cpuSeconds / Math.max(1, sent.acknowledged)) * 1e6),
    refused: sent.refused,
    failed: sent.failed,
    mb_s: rounded(sent.bytes / 1e6 / wallSeconds),
  }
}

interface Start {
  readonly home: string
  readonly ports: Ports
  readonly corpus: string
  readonly seconds: number
}

/** A polite sender alone, then beside one that floods. */
async function bystander(start: Start): Promise<object> {
  const polite = { bodies: 'single', connections: 2, postsPerSecond: politePosts } as const
  note(`a polite sender alone, ${start.seconds} s`)
  const alone = await sender(start, { ...polite, sender: 1 })
  note(`the same beside bodies of 31 MiB, ${start.seconds} s`)
  const [beside, flood] = await Promise.all([
    sender(start, { ...polite, sender: 2 }),
    sender(start, { bodies: 'large', connections: 1, postsPerSecond: 0, sender: 3 }),
  ])
  await quiet(start.home)
  const acknowledged = alone.acknowledged + beside.acknowledged + flood.acknowledged
  return {
    alone_p50_ms: rounded(alone.p50Ms),
    alone_p99_ms: rounded(alone.p99Ms),
    beside_p50_ms: rounded(beside.p50Ms),
    beside_p99_ms: rounded(beside.p99Ms),
    beside_max_ms: rounded(beside.maxMs),
    beside_refused: beside.refused + beside.failed,
    flood_posts: flood.posts,
    flood_refused: flood.refused + flood.failed,
    flood_p99_ms: rounded(flood.p99Ms),
    lost: acknowledged - (await lineCount(join(start.home, archivesFile))),
  }
}

function corpusFile(): string {
  const file = join(sharedFolder() ?? '', 'data', 'k8s-audit', 'apiserver-1.26-webhook.jsonl')
  if (sharedFolder() === null || !existsSync(file)) {
    throw new Error('this benchmark sends recorded bodies from the shared corpus: set DOGWATCH_SHARED to its folder')
  }
  return file
}

/** A home with the recipe's rules and no others, archives on, the store off. */
function writeHome(home: string): void {
  mkdirSync(join(home, 'etc', 'rules'), { recursive: true })
  const recipe = join(sharedFolder() ?? '', 'acceptance', 'local_rules.xml')
  copyFileSync(recipe, join(home, 'etc', 'rules', 'local_rules.xml'))
  writeFileSync(
    join(home, 'etc', 'ossec.conf'),
    `<ossec_config>
  <global>
    <logall_json>yes</logall_json>
  </global>
  <ruleset>
    <decoder_dir>ruleset/decoders</decoder_dir>
    <rule_include>ruleset/rules/0010-rules_config.xml</rule_include>
    <rule_dir>etc/rules</rule_dir>
  </ruleset>
  <store>
    <enabled>no</enabled>
  </store>
</ossec_config>
`,
  )
}

async function sender(
  { home, ports, corpus, seconds }: Start,
  order: Pick<SenderOrder, 'bodies' | 'connections' | 'postsPerSecond' | 'sender'>,
): Promise<SenderReport> {
  const whole: SenderOrder = {
    ...order,
    port: ports.webhook,
    caFile: join(home, 'certs', 'ca.pem'),
    token: tokenOf(home),
    corpus,
    seconds,
  }
  const report = await senderReport('webhook-sender.ts', whole)
  const number = (name: keyof SenderReport) => numberOf(report[name])
  return {
    acknowledged: number('acknowledged'),
    posts: number('posts'),
    refused: number('refused'),
    failed: number('failed'),
    startedMs: number('startedMs'),
    p50Ms: number('p50Ms'),
    p99Ms: number('p99Ms'),
    maxMs: number('maxMs'),
    bytes: number('bytes'),
    cpuSeconds: number('cpuSeconds'),
  }
}

/** Waits until the output files have been left alone for a while; returns when they were last written, epoch ms. */
async function quiet(home: string): Promise<number> {
  const limit = Date.now() + drainMsMax
  const lastWrite = () =>
    Math.max(
      ...[alertsFile, archivesFile]
        .map((file) => join(home, file))
        .map((path) => (existsSync(path) ? statSync(path).mtimeMs : 0)),
    )
  for (;;) {
    const last = lastWrite()
    if (Date.now() - last > quietMs || Date.now() > limit) return last
    await sleep(200)
  }
}

async function lineCount(file: string): Promise<number> {
  if (!existsSync(file)) return 0
  let count = 0
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) {
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) count += 1
  }
  return count
}

/** Largest memory the process has held, MB, all its threads together. */
function peakMb(pid: number): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Math.round(Number(kilobytes ?? 0) / 1024)
}

/** CPU time of the process so far, all threads, user and system. */
function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / ticksPerSecond
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}

function note(line: string): void {
  process.stderr.write(`${line}\n`)
}
