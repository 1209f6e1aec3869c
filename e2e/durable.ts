/**
 * What was acknowledged is never lost and never written twice: recorded bodies of a real API server, first as they are,
 * then each batch three times while the manager is killed with kill -9 at 20 random moments.
 * Repeat a run with DOGWATCH_SEED=N; the seed is printed.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { arrayOf, objectOf, textOf } from '../scripts/json-file.ts'
import { sharedFolder } from '../scripts/repository.ts'
import { AuditSender } from './audit-sender.ts'
import { type Checks, until } from './checks.ts'
import { alertsFile, archivesFile, type Line, linesOf, writeArchivingConfiguration } from './home-files.ts'
import {
  beginManager,
  caOf,
  freePorts,
  type ManagerProcess,
  startManager,
  temporaryHome,
  tokenOf,
} from './manager-process.ts'

const kills = 20
const copies = 3
/** Batches under way at once: an API server sends them side by side. */
const sendersMax = 4
/** First wait between attempts. An API server waits 10 s unless told otherwise; shorter keeps the scenario short. */
const firstWaitMs = 1000
/** A manager is killed this long after its start at most, so also while it starts. */
const lifeMsMax = 1600
/** Longest wait until everything acknowledged is archived. */
const drainMsMax = 60_000

export async function run(checks: Checks): Promise<void> {
  const bodies = recordedBodies()
  if (bodies === null) {
    return checks.skip('recorded events are all archived', 'the shared corpus is not there (DOGWATCH_SHARED)')
  }
  const identities = bodies.flatMap(itemsOf).map(identityOf)
  assert.equal(new Set(identities).size, identities.length, 'the recorded events can be told apart')
  await sentOnce(checks, bodies, identities)
  await sentThriceWithKills(checks, bodies, identities)
}

/** Webhook bodies as an API server sent them, one a line; null without the corpus. */
function recordedBodies(): Buffer[] | null {
  const shared = sharedFolder()
  const file = join(shared ?? '', 'data', 'k8s-audit', 'apiserver-1.26-webhook.jsonl')
  if (shared === null || !existsSync(file)) return null
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Buffer.from(line))
}

async function sentOnce(checks: Checks, bodies: readonly Buffer[], identities: readonly string[]): Promise<void> {
  const home = temporaryHome()
  const ports = await freePorts()
  writeArchivingConfiguration(home)
  const manager = await startManager({ home, ports, through: 'node' })
  const sender = new AuditSender({ port: ports.webhook, ca: caOf(home), token: tokenOf(home) }, sendersMax)
  await checks.check(`${bodies.length} bodies are acknowledged`, async () => {
    for (const body of bodies) assert.equal((await sender.post(body)).status, 200)
  })
  await checks.check(`${identities.length} events in, as many archived, none twice`, async () => {
    await allArchived(home, identities.length)
    assert.equal(await manager.stop(), 0)
    return assertOnceEach(home, identities)
  })
  sender.close()
  await manager.kill()
}

async function sentThriceWithKills(
  checks: Checks,
  bodies: readonly Buffer[],
  identities: readonly string[],
): Promise<void> {
  const seed = Number(process.env.DOGWATCH_SEED ?? Math.floor(Math.random() * 2 ** 32))
  checks.note(`seed ${seed}`)
  const random = randomFrom(seed)
  const home = temporaryHome()
  const ports = await freePorts()
  writeArchivingConfiguration(home)
  const options = { home, ports, through: 'node' } as const
  // The first start makes certificate and token, which the sender needs.
  let manager: ManagerProcess = await startManager(options)
  const sender = new AuditSender({ port: ports.webhook, ca: caOf(home), token: tokenOf(home) }, sendersMax)

  const queue = Array.from({ length: copies }, () => bodies)
    .flat()
    .map((body) => ({ body, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ body }) => body)
  let killsDone = 0
  let isKilling = true
  const acknowledged = new Set<Buffer>()
  let dropped = 0
  let attempts = 0
  const sending = Array.from({ length: sendersMax }, async () => {
    for (let body = queue.pop(); body !== undefined; body = queue.pop()) {
      const took = await sender.deliver(body, firstWaitMs, random)
      attempts += took ?? 5
      if (took === null) dropped += 1
      else acknowledged.add(body)
      // Spread over the kills: without kills left there is nothing to wait for.
      if (isKilling) await sleep(1000 * random())
    }
  })

  for (; killsDone < kills; killsDone++) {
    await sleep(lifeMsMax * random())
    await manager.kill()
    const starting = beginManager(options)
    // One in four does not even get ready.
    if (random() < 0.25 && killsDone + 1 < kills) {
      await sleep(400 * random())
      await starting.kill()
      killsDone += 1
      manager = await startManager(options)
    } else {
      manager = await starting.ready
    }
  }
  isKilling = false
  await Promise.all(sending)
  // An API server that dropped a batch would send no more; the corpus is to arrive whole, so what never got through goes now.
  for (const body of bodies.filter((each) => !acknowledged.has(each))) {
    if ((await sender.deliver(body, firstWaitMs, random)) !== null) acknowledged.add(body)
  }
  await checks.check(`every batch is acknowledged at last, with ${kills} kills in between`, () => {
    assert.equal(acknowledged.size, bodies.length)
    return `${attempts} attempts for ${copies * bodies.length} batches, ${dropped} given up as an API server does`
  })
  await checks.check(
    `${copies} × ${identities.length} events in, ${identities.length} archived, none twice`,
    async () => {
      await allArchived(home, identities.length)
      assert.equal(await manager.stop(), 0)
      return assertOnceEach(home, identities)
    },
  )
  await checks.check('no alert is there twice', () => {
    const { lines } = linesOf(home, alertsFile)
    assert.equal(new Set(lines.map(eventIdentity)).size, lines.length)
    assert.equal(new Set(lines.map(({ id }) => id)).size, lines.length)
    return `${lines.length} alerts`
  })
  sender.close()
  await manager.kill()
}

/** Waits until as many lines are there; fewer after the time is left to the comparison, which names what is missing. */
async function allArchived(home: string, count: number): Promise<void> {
  const end = performance.now() + drainMsMax
  await until('the archive', drainMsMax + 5000, () => {
    const isDone = linesOf(home, archivesFile).lines.length >= count || performance.now() > end
    return isDone ? true : undefined
  })
  // A second copy would come after the first.
  await sleep(500)
}

function assertOnceEach(home: string, identities: readonly string[]): string {
  const { lines, torn } = linesOf(home, archivesFile)
  const counts = new Map<string, number>()
  for (const identity of lines.map(eventIdentity)) counts.set(identity, (counts.get(identity) ?? 0) + 1)
  const missing = identities.filter((identity) => !counts.has(identity))
  const twice = [...counts].filter(([, count]) => count > 1).map(([identity]) => identity)
  const foreign = [...counts.keys()].filter((identity) => !identities.includes(identity))
  const problem = [
    `${missing.length} missing, ${twice.length} more than once, ${foreign.length} never sent; for example:`,
    ...missing.slice(0, 2),
    ...twice.slice(0, 2),
    ...foreign.slice(0, 2),
  ]
  assert.ok(missing.length + twice.length + foreign.length === 0, problem.join('\n'))
  assert.ok(torn <= kills, `${torn} torn lines`)
  return `${lines.length} archived, ${torn} torn lines completed`
}

function itemsOf(body: Buffer): Line[] {
  return arrayOf(objectOf(JSON.parse(body.toString())).items).map(objectOf)
}

/** What tells one event from another; an audit ID alone does not, since callers choose it. */
function identityOf(item: Line): string {
  const { auditID, stage, verb, requestURI, requestReceivedTimestamp, stageTimestamp } = item
  return JSON.stringify([auditID, stage, verb, requestURI, requestReceivedTimestamp, stageTimestamp])
}

function eventIdentity(line: Line): string {
  return identityOf(objectOf(JSON.parse(textOf(line.full_log))))
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
