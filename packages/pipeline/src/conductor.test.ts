/** The conductor with its journal and real match workers: workers that die, midnight, a ruleset that changes while events flow. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker, WorkerOptions } from 'node:worker_threads'
import { type Journal, openJournal } from '@dogwatch/bus'
import { defaultConfiguration } from '@dogwatch/config'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Conductor } from './conductor.ts'
import type { RecordsJob } from './match-stage.ts'
import { startPipeline } from './pipeline.ts'
import type { FromConductor } from './pipeline-protocol.ts'

/** Hears what is said to and by match workers, which are real ones. */
const overheard = vi.hoisted(() => ({
  toWorker: (_message: unknown): void => {},
  /** True ends the thread that said this. */
  isLastWord: (_message: unknown): boolean => false,
  /** So many threads made from now on end before they are ready. */
  stillborn: 0,
}))
vi.mock(import('node:worker_threads'), async (original) => {
  const real = await original()
  // A thread that looks at the word `poison` ends on the spot, as one does whose memory is over.
  const dies = `const { latin1Slice } = Buffer.prototype
    Buffer.prototype.latin1Slice = function (...args) {
      const text = latin1Slice.apply(this, args)
      if (text.includes('poison')) process.exit(7)
      return text
    }`
  class WatchedWorker extends real.Worker {
    constructor(url: URL, options: WorkerOptions) {
      const first = overheard.stillborn > 0 ? 'process.exit(8)' : dies
      overheard.stillborn = Math.max(0, overheard.stillborn - 1)
      super(url, { ...options, execArgv: ['--import', `data:text/javascript,${encodeURIComponent(first)}`] })
      this.on('message', (message: unknown) => {
        if (overheard.isLastWord(message)) void this.terminate()
      })
    }
    override postMessage(...message: Parameters<Worker['postMessage']>): void {
      overheard.toWorker(message[0])
      super.postMessage(...message)
    }
  }
  return { ...real, Worker: WatchedWorker }
})
// Days stay as they are put aside, so that a test can go back to an earlier checkpoint.
vi.mock(import('@dogwatch/outputs'), async (original) => ({
  ...(await original()),
  sealInBackground: async () => ({ sealed: [], failed: [] }),
}))

let home = ''
let journal: Journal
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'dogwatch-conductor-'))
  journal = await openJournal({ folder: join(home, 'queue/journal') })
})
afterEach(async () => {
  overheard.toWorker = () => {}
  overheard.isLastWord = () => false
  vi.useRealTimers()
  await journal.close()
  rmSync(home, { recursive: true, force: true })
})

const decoders = [
  {
    path: 'd.xml',
    text: '<decoder name="json">\n<prematch>^{</prematch>\n<plugin_decoder>JSON_Decoder</plugin_decoder>\n</decoder>\n',
  },
]
const ruleText = (says: string): string =>
  `<group name="test,"><rule id="1" level="0" noalert="1"><category>syslog</category><description>root</description></rule>
<rule id="200001" level="5"><if_sid>1</if_sid><match>event</match><description>${says}</description></rule></group>\n`

interface Running {
  readonly conductor: Conductor
  readonly told: FromConductor[]
  /** Takes all records of the journal that have not been taken, and waits until they are done. */
  run(): Promise<void>
}

async function start(threads = 1, onTold: (message: FromConductor) => void = () => {}): Promise<Running> {
  const told: FromConductor[] = []
  const conductor = await Conductor.start(
    {
      sources: { decoders, rules: [{ path: 'r.xml', text: ruleText('old') }], lists: [] },
      settings: {
        managerName: 'manager',
        outputs: { alertsJson: true, alertsText: true, archivesJson: true, archivesText: false },
        logAlertLevel: 3,
        mailAlertLevel: 12,
      },
      redact: { secrets: true, tokens: true, configMaps: false },
      eventLengthMax: 1 << 20,
      threads,
      journalFolder: journal.folder,
      stateFolder: join(home, 'queue/pipeline'),
      logsFolder: join(home, 'logs'),
      kinds: ['alertsJson', 'alertsText', 'archivesJson'],
    },
    (message) => {
      told.push(message)
      onTold(message)
    },
  )
  const consumer = await journal.consumer('pipeline', 'oldest')
  const [ready] = told
  if (ready?.kind === 'ready' && ready.position !== null) consumer.seek(ready.position)
  const done = (): number => told.reduce((sum, each) => sum + (each.kind === 'done' ? each.records : 0), 0)
  let taken = 0
  const run = async (): Promise<void> => {
    for (;;) {
      const refs = await consumer.next(4096, AbortSignal.timeout(20))
      if (refs.length === 0) break
      taken += refs.length
      conductor.take(refs)
    }
    await vi.waitUntil(() => done() === taken, { timeout: 20_000, interval: 5 })
  }
  return {
    conductor: Object.assign(conductor, {
      stop: async () => {
        consumer.close()
        await Conductor.prototype.stop.call(conductor)
      },
    }),
    told,
    run,
  }
}

/** Puts events `from` to `to` (not included) into the journal, a record each; answers the sequence of each. */
async function append(from: number, to: number, timeMs = Date.now(), text = (n: number): string => `event ${n}.`) {
  const bodies = Array.from({ length: to - from }, (_, n) => Buffer.from(`1:log:${text(from + n)}`))
  const meta = { input: 'agent', source: 'x', peer: '', arrivalUs: timeMs * 1000 } as const
  const sequences: number[] = []
  for (const body of bodies) sequences.push((await journal.append(meta, [body])).sequence)
  return sequences
}

const read = (name: string): string => readFileSync(join(home, 'logs', name), 'utf8')
const eventsIn = (text: string): number[] => [...text.matchAll(/"full_log":"event (\d+)\./g)].map(([, n]) => Number(n))
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n)

const statsOf = (told: readonly FromConductor[]) =>
  told.flatMap((each) => (each.kind === 'stats' ? [each.stats] : [])).at(-1)

describe('match workers that die', () => {
  test.each([
    ['in the middle of a job', 100, [57]],
    ['first of a job', 70, [0]],
    ['alone in its job', 1, [0]],
    ['one of two next to each other and last', 64, [62, 63]],
  ])(
    'a record that no worker survives, %s, is passed over, counted and told; all others are there once',
    async (_says, count, deadly) => {
      const { conductor, told, run } = await start()
      const says = (n: number): string => (deadly.includes(n) ? 'poison' : `event ${n}.`)
      const sequences = await append(0, count, Date.now(), says)
      await run()
      await conductor.stop()
      const own = told.flatMap((each) =>
        each.kind === 'own' ? [JSON.parse(each.message.slice('1:dogwatch:'.length))] : [],
      )
      expect(own.map(({ dogwatch }) => dogwatch)).toMatchObject(
        deadly.map((n) => ({ event: 'record_skipped', record: sequences[n] })),
      )
      const stats = told.flatMap((each) => (each.kind === 'stats' ? [each.stats] : [])).at(-1)
      expect(stats).toMatchObject({
        events: count - deadly.length,
        drops: { lost_record: deadly.length },
        incidents: { skippedRecords: deadly.length },
      })
      const others = range(0, count).filter((n) => !deadly.includes(n))
      expect(eventsIn(read('archives/archives.json'))).toEqual(others)
      expect(eventsIn(read('alerts/alerts.json'))).toEqual(others)
    },
  )

  test('threads that end before they are ready cost time and no record', async () => {
    const { conductor, told, run } = await start()
    await append(0, 100)
    let isEnded = false
    overheard.isLastWord = () => {
      if (!isEnded) overheard.stillborn = 4
      const isNow = !isEnded
      isEnded = true
      return isNow
    }
    await run()
    await append(100, 200)
    await run()
    await conductor.stop()
    expect(statsOf(told)).toMatchObject({ events: 200, incidents: { restarts: 5, skippedRecords: 0 } })
    expect(eventsIn(read('archives/archives.json'))).toEqual(range(0, 200))
  })

  test('one that is ended in the middle of its work is replaced: the next does what is left, no event is lost or there twice', async () => {
    const { conductor, told, run } = await start()
    const count = 12_000
    const items = range(0, count).map((n) => ({ auditID: `a${n}`, stage: 'ResponseComplete', verb: `event ${n}.` }))
    const body = JSON.stringify({ kind: 'EventList', apiVersion: 'audit.k8s.io/v1', items })
    const meta = { input: 'webhook', source: 'default', peer: '', arrivalUs: Date.now() * 1000 } as const
    await journal.append(meta, [Buffer.from(body)])
    await append(count, count + 200)
    const begun: number[] = []
    overheard.toWorker = (message) => {
      const { kind, job } = message as { readonly kind: string; readonly job: RecordsJob }
      if (kind === 'job') begun.push(job.fromEvent)
    }
    let isEnded = false
    overheard.isLastWord = (message) => {
      const { kind } = message as { readonly kind: string }
      const isNow = kind === 'part' && !isEnded
      isEnded ||= isNow
      return isNow
    }
    await run()
    await conductor.stop()
    expect(begun.some((from) => from > 0 && from < count)).toBe(true)
    expect(statsOf(told)).toMatchObject({
      events: count + 200,
      drops: { lost_record: 0 },
      incidents: { restarts: 1, skippedRecords: 0 },
    })
    const seen = [...read('archives/archives.json').matchAll(/event (\d+)\."?[},]/g)].map(([, n]) => Number(n))
    expect([...new Set(seen)]).toEqual(range(0, count + 200))
    expect(read('archives/archives.json').split('\n').length - 1).toBe(count + 200)
  })
})

describe('midnight', () => {
  test('puts events into the files of their days, with a checkpoint on both sides; from any checkpoint on every alert still stands once', async () => {
    const midnightMs = new Date(2026, 10, 23).getTime()
    vi.useFakeTimers({ toFake: ['Date'], now: midnightMs + 60_000 })
    const history = 'alerts/2026/Nov/ossec-alerts-22.json'
    const checkpoints: { readonly position: number; readonly isTurned: boolean }[] = []
    const keep = (message: FromConductor): void => {
      if (message.kind !== 'checkpoint') return
      cpSync(join(home, 'queue/pipeline'), join(home, `kept-${checkpoints.length}`), { recursive: true })
      checkpoints.push({ position: message.position, isTurned: existsSync(join(home, 'logs', history)) })
    }
    const first = await start(2, keep)
    await append(0, 300, midnightMs - 2000)
    const [turn = 0] = await append(300, 500, midnightMs)
    // A sender whose clock is slow: what arrives late belongs to the new day's files.
    await append(500, 520, midnightMs - 1)
    await first.run()
    await first.conductor.stop()
    expect(eventsIn(read(history))).toEqual(range(0, 300))
    expect(eventsIn(read('alerts/alerts.json'))).toEqual(range(300, 520))
    expect(eventsIn(read('archives/2026/Nov/ossec-archive-22.json'))).toEqual(range(0, 300))
    expect(eventsIn(read('archives/archives.json'))).toEqual(range(300, 520))
    expect(checkpoints.filter(({ position }) => position === turn)).toEqual([
      { position: turn, isTurned: false },
      { position: turn, isTurned: true },
    ])

    const names = [
      history,
      'alerts/alerts.json',
      'alerts/alerts.log',
      'alerts/2026/Nov/ossec-alerts-22.log',
      'archives/archives.json',
    ]
    const before = names.map(read)
    expect(before.every((text) => text.length > 0)).toBe(true)
    for (let n = 0; n < checkpoints.length; n += 1) {
      rmSync(join(home, 'queue/pipeline'), { recursive: true })
      cpSync(join(home, `kept-${n}`), join(home, 'queue/pipeline'), { recursive: true })
      const again = await start(2)
      await again.run()
      await again.conductor.stop()
      expect(names.map(read)).toEqual(before)
    }
    expect(existsSync(join(home, 'logs/alerts/2026/Nov/ossec-alerts-22-001.json'))).toBe(false)
  })
})

describe('a ruleset that changes while events flow', () => {
  test('judges each event once, the earlier by the old and the later by the new rules; a broken one is refused and the last goes on', async () => {
    for (const each of ['decoders', 'rules']) mkdirSync(join(home, each))
    const [decoderPath, rulePath] = [join(home, 'decoders/d.xml'), join(home, 'rules/r.xml')]
    writeFileSync(decoderPath, decoders[0]?.text ?? '')
    writeFileSync(rulePath, ruleText('old'))
    const files = { decoders: [decoderPath], rules: [rulePath], lists: [] }
    const defaults = defaultConfiguration()
    const pipeline = await startPipeline({
      home,
      config: { ...defaults, global: { ...defaults.global, jsonoutOutput: true, alertsLog: false } },
      rulesetFiles: files,
      journal,
      threads: 2,
      managerName: 'manager',
      onStatus: () => {},
    })
    let count = 0
    let isFlowing = true
    const flow = (async () => {
      while (isFlowing) {
        await Promise.all(Array.from({ length: 20 }, (_, n) => append(count + n, count + n + 1)))
        count += 20
      }
    })()
    const alerts = (): { readonly n: number; readonly says: string }[] =>
      (existsSync(join(home, 'logs/alerts/alerts.json')) ? read('alerts/alerts.json') : '')
        .split('\n')
        .flatMap((line) => {
          const found = /"description":"(\w+)".*"full_log":"event (\d+)\./.exec(line)
          return found ? [{ n: Number(found[2]), says: found[1] ?? '' }] : []
        })
    const until = (says: string): Promise<unknown> =>
      vi.waitUntil(() => alerts().at(-1)?.says === says, { timeout: 10_000, interval: 20 })
    await until('old')
    writeFileSync(rulePath, ruleText('new'))
    expect(await pipeline.reload(files)).toEqual([])
    await until('new')
    writeFileSync(rulePath, ruleText('broken').replace('level="5"', 'level="99"'))
    const problems = await pipeline.reload(files)
    expect(problems.filter(({ severity }) => severity === 'error')).toMatchObject([{ at: { file: rulePath } }])
    isFlowing = false
    await flow
    await vi.waitUntil(() => pipeline.figures().lagRecords === 0, { timeout: 10_000, interval: 20 })
    await pipeline.stop(5000)
    const all = alerts()
    expect(all.map(({ n }) => n).sort((a, b) => a - b)).toEqual(range(0, count))
    expect(all.map(({ says }) => says).join(' ')).toMatch(/^(old )+(new ?)+$/)
  })
})
