/**
 * The embedded journal alone: how many records a second become durable, and what one costs in CPU time of this process (kernel included), for
 * small records from many senders at once, for bodies as an API server sends them, and for large ones.
 */
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import { openJournal } from '@dogwatch/bus'

interface Case {
  readonly name: string
  readonly bodyLength: number
  /** Appends waiting at any time. */
  readonly senders: number
}

const cases: readonly Case[] = [
  { name: 'body_1kb', bodyLength: 1024, senders: 256 },
  { name: 'body_1kb_one_sender', bodyLength: 1024, senders: 1 },
  { name: 'body_600kb', bodyLength: 600 * 1024, senders: 4 },
  { name: 'body_31mb', bodyLength: 31 * 1024 * 1024, senders: 1 },
]

interface Figures {
  readonly records_s: number
  readonly mb_s: number
  readonly cpu_us_record: number
  readonly p99_ms: number
  readonly groups: number
  readonly sync_ms_mean: number
}

/** `--seconds N` for each case, 3 by default. The records are deleted as they are consumed, so that the disk need not hold them all. */
export async function run(args: readonly string[] = []): Promise<object> {
  const seconds = Number(args[args.indexOf('--seconds') + 1]) || 3
  const figures: Record<string, Figures> = {}
  for (const one of cases) figures[one.name] = await measure(one, seconds)
  return { bench: 'journal', seconds, ...figures }
}

export default run

async function measure({ bodyLength, senders }: Case, seconds: number): Promise<Figures> {
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'dogwatch-bench-journal-'))
  const journal = await openJournal({ folder, retainMs: 0, bytesMax: 2 * 1024 ** 3 })
  try {
    const consumer = await journal.consumer('bench')
    const meta = { input: 'webhook', source: 'default', peer: '192.0.2.7', arrivalUs: Date.now() * 1000 } as const
    const body = [Buffer.alloc(bodyLength, 'x')]
    const latenciesMs: number[] = []
    const startMs = performance.now()
    const startCpu = process.cpuUsage()
    const endMs = startMs + seconds * 1000
    let nextCommit = 0
    const send = async () => {
      while (performance.now() < endMs) {
        const beforeMs = performance.now()
        const { sequence } = await journal.append(meta, body)
        latenciesMs.push(performance.now() - beforeMs)
        if (journal.counters().appendedBytes < nextCommit) continue
        nextCommit += 128 * 1024 * 1024
        void consumer.commit(sequence)
      }
    }
    await Promise.all(Array.from({ length: senders }, send))
    const elapsedS = (performance.now() - startMs) / 1000
    const cpu = process.cpuUsage(startCpu)
    const { groups, syncMs } = journal.counters()
    const records = latenciesMs.length
    latenciesMs.sort((a, b) => a - b)
    return {
      records_s: Math.round(records / elapsedS),
      mb_s: Math.round((records * bodyLength) / elapsedS / 1e6),
      cpu_us_record: round((cpu.user + cpu.system) / records),
      p99_ms: round(latenciesMs[Math.floor(records * 0.99)] ?? 0),
      groups,
      sync_ms_mean: round(syncMs / Math.max(1, groups)),
    }
  } finally {
    await journal.close()
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
