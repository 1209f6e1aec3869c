/**
 * The agent channel with many agents: a manager as it is run, and agents in a process of their own that keep their connections, send events and, all at the same moment, their
 * keep-alives.
 *
 * --agents N      agents (1000)
 * --rate N        events a second of all together (5000)
 * --seconds N     how long (30)
 * --keepalive N   seconds between two keep-alives (10)
 *
 * Last line: events_s, p99_ack_ms (from a keep-alive to its acknowledgement, which waits until what came before is durable), loop_max_ms (longest stop of the manager's
 * event loop), rss_mb (peak of the manager, all threads), lost (sent and not in archives.json).
 */
import { createReadStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { archivesFile } from '../e2e/home-files.ts'
import { freePorts, startManager, temporaryHome } from '../e2e/manager-process.ts'
import { numberOf } from '../scripts/json-file.ts'
import type { AgentsReport } from './agents-sender.ts'
import { senderReport } from './sender-process.ts'

/** All agents of the benchmark have one key, and still none can read what another one says: the id goes into it. */
const key = '5'.repeat(64)
const drainMsMax = 120_000

export async function run(args: readonly string[]): Promise<object> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      agents: { type: 'string', default: '1000' },
      rate: { type: 'string', default: '5000' },
      seconds: { type: 'string', default: '30' },
      keepalive: { type: 'string', default: '10' },
    },
  })
  const count = Number(values.agents)
  const home = temporaryHome()
  writeHome(home, count)
  const ports = { ...(await freePorts()), agents: (await freePorts()).webhook }
  const manager = await startManager({ home, ports, through: 'node' })
  const idleMb = memoryMb(manager.pid, 'VmRSS')
  const loop = watchLoop(ports.metrics)
  process.stderr.write(`${count} agents, ${values.rate} events a second for ${values.seconds} s\n`)
  const sent = await sender({
    port: ports.agents,
    agents: count,
    key,
    eventsPerSecond: Number(values.rate),
    seconds: Number(values.seconds),
    keepAliveS: Number(values.keepalive),
  })
  const loopMaxMs = await loop.stop()
  const archived = await archivedWithin(home, sent.sent)
  const rssMb = memoryMb(manager.pid, 'VmHWM')
  await manager.stop()
  return {
    events_s: Math.round(sent.sent / ((sent.endedMs - sent.startedMs) / 1000)),
    p99_ack_ms: rounded(sent.p99Ms),
    loop_max_ms: rounded(loopMaxMs),
    rss_mb: rssMb,
    lost: sent.sent - archived,
    agents: sent.connected,
    confirmed: sent.confirmed,
    closed: sent.closed,
    events: sent.sent,
    connect_s: rounded(sent.connectS),
    p50_ack_ms: rounded(sent.p50Ms),
    max_ack_ms: rounded(sent.maxMs),
    rss_idle_mb: idleMb,
    sender_cpu_s: rounded(sent.cpuSeconds),
  }
}

/** No rules beside the few that the ruleset needs: the channel is measured. */
function writeHome(home: string, count: number): void {
  mkdirSync(join(home, 'etc/rules'), { recursive: true })
  writeFileSync(
    join(home, 'etc/ossec.conf'),
    `<ossec_config>
  <global><logall_json>yes</logall_json></global>
  <ruleset>
    <decoder_dir>ruleset/decoders</decoder_dir>
    <rule_include>ruleset/rules/0010-rules_config.xml</rule_include>
    <rule_dir>etc/rules</rule_dir>
  </ruleset>
  <store><enabled>no</enabled></store>
  <remote><local_ip>127.0.0.1</local_ip></remote>
  <auth><disabled>yes</disabled></auth>
</ossec_config>
`,
  )
  const ids = Array.from({ length: count }, (_, n) => String(n + 1).padStart(3, '0'))
  writeFileSync(join(home, 'etc/client.keys'), ids.map((id) => `${id} bench-${id} any ${key}\n`).join(''))
}

async function sender(order: object): Promise<AgentsReport> {
  const report = await senderReport('agents-sender.ts', order)
  const number = (name: keyof AgentsReport) => numberOf(report[name])
  return {
    sent: number('sent'),
    connected: number('connected'),
    confirmed: number('confirmed'),
    closed: number('closed'),
    startedMs: number('startedMs'),
    endedMs: number('endedMs'),
    connectS: number('connectS'),
    p50Ms: number('p50Ms'),
    p99Ms: number('p99Ms'),
    maxMs: number('maxMs'),
    cpuSeconds: number('cpuSeconds'),
  }
}

/** Asks for the longest stop of the event loop every second, since each reading begins it anew. */
function watchLoop(port: number): { stop(): Promise<number> } {
  let maxMs = 0
  let isOver = false
  const work = (async () => {
    for (let isFirst = true; ; isFirst = false) {
      const text = await fetch(`http://127.0.0.1:${port}/metrics`).then((answer) => answer.text())
      const lag = Number(/^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text)?.[1] ?? 0)
      // What the first reading tells of is the start.
      if (!isFirst) maxMs = Math.max(maxMs, lag * 1000)
      if (isOver) return
      await sleep(1000)
    }
  })()
  return {
    async stop() {
      isOver = true
      await work
      return maxMs
    },
  }
}

async function archivedWithin(home: string, wanted: number): Promise<number> {
  const path = join(home, archivesFile)
  const end = performance.now() + drainMsMax
  for (;;) {
    let count = 0
    if (existsSync(path))
      for await (const line of createInterface({ input: createReadStream(path) }))
        if (line.includes(' bench[1]: number=')) count++
    if (count >= wanted || performance.now() > end) return count
    await sleep(2000)
  }
}

function memoryMb(pid: number, which: 'VmHWM' | 'VmRSS'): number {
  const kilobytes = new RegExp(`^${which}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Math.round(Number(kilobytes ?? 0) / 1024)
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
