/**
 * Agents lose nothing and repeat nothing: 50 simulated agents of ours send their events while the manager is killed with kill -9 ten times and connections are cut twenty
 * times. Repeat a run with DOGWATCH_SEED=N; DOGWATCH_AGENT_EVENTS says how many events there are in all.
 */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { textOf } from '../scripts/json-file.ts'
import { type Checks, until } from './checks.ts'
import { archivesFile, linesOf } from './home-files.ts'
import { freePorts, startManager, temporaryHome } from './manager-process.ts'
import { SimulatedAgent } from './simulated-agent.ts'

const agentsCount = 50

interface Size {
  /** Of all agents together. */
  readonly events: number
  readonly kills: number
  readonly cuts: number
}

const whole: Size = { events: 100_000, kills: 10, cuts: 20 }
const short: Size = { events: 40_000, kills: 3, cuts: 6 }
/** A manager lives so long at most, milliseconds. */
const lifeMsMax = 2500
const deliverMsMax = 240_000
const drainMsMax = 120_000

export function run(checks: Checks): Promise<void> {
  return runWith(checks, { ...whole, events: Number(process.env.DOGWATCH_AGENT_EVENTS ?? whole.events) })
}

/** The same, in half a minute. */
export function runShort(checks: Checks): Promise<void> {
  return runWith(checks, short)
}

async function runWith(checks: Checks, { events: total, kills, cuts }: Size): Promise<void> {
  const seed = Number(process.env.DOGWATCH_SEED ?? Math.floor(Math.random() * 2 ** 32))
  const each = Math.ceil(total / agentsCount)
  checks.note(`seed ${seed}`)
  const random = randomFrom(seed)
  const home = temporaryHome()
  const ports = { ...(await freePorts()), agents: (await freePorts()).webhook }
  mkdirSync(join(home, 'etc'), { recursive: true })
  writeFileSync(
    join(home, 'etc/ossec.conf'),
    `<ossec_config><global><logall_json>yes</logall_json></global>
     <remote><local_ip>127.0.0.1</local_ip></remote><auth><disabled>yes</disabled></auth></ossec_config>\n`,
  )
  const entries = Array.from({ length: agentsCount }, (_, n) => {
    const id = String(n + 1).padStart(3, '0')
    return { id, name: `sim-${id}`, ip: 'any', key: id.repeat(21) }
  })
  writeFileSync(
    join(home, 'etc/client.keys'),
    entries.map(({ id, name, ip, key }) => `${id} ${name} ${ip} ${key}\n`).join(''),
  )
  const options = { home, ports, through: 'node' } as const
  let manager = await startManager(options)
  const agents = entries.map((entry) => new SimulatedAgent(entry, ports.agents, each))
  let isDone = false
  const delivering = Promise.all(agents.map((agent) => agent.deliverAll(() => 100 + 300 * random()))).then(() => {
    isDone = true
  })
  const cutting = (async () => {
    for (let n = 0; n < cuts; n++) {
      await sleep(((kills * lifeMsMax) / cuts) * random())
      agents[Math.floor(random() * agents.length)]?.cut()
    }
  })()
  for (let n = 0; n < kills; n++) {
    await sleep(lifeMsMax * random())
    await manager.kill()
    manager = await startManager(options)
  }
  await cutting
  await checks.must(
    `${agentsCount} agents have ${each} events confirmed each, with ${kills} kills and ${cuts} cuts`,
    async () => {
      await until('the agents', deliverMsMax, () => (isDone ? true : undefined))
      await delivering
      return `${agents.reduce((sum, { connections }) => sum + connections, 0)} connections`
    },
  )
  await checks.check(`${agentsCount * each} events are archived, none twice`, async () => {
    const isOfAgents = (text: string): boolean => text.includes(' faults[1]: agent=')
    const archived = (): string[] =>
      linesOf(home, archivesFile)
        .lines.map(({ full_log }) => textOf(full_log))
        .filter(isOfAgents)
    const end = performance.now() + drainMsMax
    for (let count = 0; count < agentsCount * each && performance.now() < end; count = archived().length)
      await sleep(500)
    await sleep(500)
    assert.equal(await manager.stop(), 0)
    const counts = new Map<string, number>()
    for (const text of archived()) counts.set(text, (counts.get(text) ?? 0) + 1)
    const twice = [...counts].filter(([, count]) => count > 1).map(([text]) => text)
    const missing = agents.flatMap((agent) =>
      Array.from({ length: each }, (_, n) => agent.textOf(n + 1)).filter((text) => !counts.has(text)),
    )
    assert.deepEqual({ missing: missing.slice(0, 3), twice: twice.slice(0, 3) }, { missing: [], twice: [] })
    return `${counts.size} archived`
  })
  await manager.kill()
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
