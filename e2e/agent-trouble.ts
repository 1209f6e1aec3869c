/**
 * Trouble between a manager and agents of ours, and what is kept: the manager killed under load, the network cut, the
 * agent's disk full, a manager that was set up anew, two hosts with one key. Each line of a log is an archived event, none
 * is missing, and where the agent lived on none is there twice.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AgentProcess, startAgent } from './agent-process.ts'
import { type Checks, until } from './checks.ts'
import { archivesFile, linesOf, valueAt } from './home-files.ts'
import { freePorts, type ManagerProcess, startManager, temporaryHome } from './manager-process.ts'

const arriveMsMax = 60_000
/** Numbers of the network between the agent's namespace and ours; nobody else's, it is said to be for tests (RFC 2544). */
const outside = '198.18.231.1'
const inside = '198.18.231.2'

/** A manager with agents of this run, and what has arrived. */
interface Site {
  readonly home: string
  readonly restart: () => Promise<void>
  readonly stop: () => Promise<number | string>
  readonly kill: () => Promise<void>
  /** Starts an agent that reads `log`; `before`: words in front of its command. */
  readonly agent: (
    home: string,
    name: string,
    before?: readonly string[],
    address?: string,
    flags?: readonly string[],
  ) => AgentProcess
  /** How often each line of a tag has been archived, by number. */
  readonly counts: (tag: string) => ReadonlyMap<number, number>
  /** Waits until lines 0 to count - 1 of a tag are all there. */
  readonly arrived: (tag: string, count: number) => Promise<void>
}

export async function run(checks: Checks): Promise<void> {
  const site = await openSite()
  const agents: AgentProcess[] = []
  const keep = (agent: AgentProcess): AgentProcess => {
    agents.push(agent)
    return agent
  }
  try {
    await killedManager(checks, site, keep)
    await cutNetwork(checks, site, keep)
    await fullDisk(checks, site, keep)
    await oneKeyTwice(checks, site, keep)
    await lostKey(checks, site, keep)
    await newManager(checks, site, keep)
  } finally {
    for (const agent of agents) await agent.kill()
    await site.kill()
  }
}

async function killedManager(checks: Checks, site: Site, keep: (agent: AgentProcess) => AgentProcess): Promise<void> {
  const home = agentHome()
  const agent = keep(site.agent(home, 'steady'))
  await agent.connected()
  await checks.check('a manager that is killed twice under load: every line once, in order', async () => {
    const writing = writeLines(home, 'steady', 3000, 4000)
    for (let n = 0; n < 2; n++) {
      await sleep(700)
      await site.restart()
    }
    await writing
    await site.arrived('steady', 3000)
    const counts = site.counts('steady')
    assert.deepEqual(
      [...counts.keys()],
      Array.from({ length: 3000 }, (_, n) => n),
    )
    assert.deepEqual([...counts].filter(([, count]) => count > 1).slice(0, 3), [])
  })
}

async function cutNetwork(checks: Checks, site: Site, keep: (agent: AgentProcess) => AgentProcess): Promise<void> {
  const sentence = 'a network that is cut, packets lost without a word: every line once, when it is back'
  const net = openNetwork()
  if ('why' in net) {
    checks.skip(sentence, net.why)
    return
  }
  const home = agentHome()
  try {
    const agent = keep(site.agent(home, 'far', ['ip', 'netns', 'exec', net.name], outside))
    await agent.connected()
    await checks.check(sentence, async () => {
      await writeLines(home, 'far', 200, 200)
      await site.arrived('far', 200)
      net.cut()
      await writeLines(home, 'far', 200, 3000, 200)
      await until('the agent to notice', arriveMsMax, () =>
        agent.status()?.connection.state === 'connecting' ? true : undefined,
      )
      const { waiting } = agent.status()?.spool ?? { waiting: 0 }
      assert.ok(waiting > 0, 'lines wait in the spool')
      net.mend()
      await site.arrived('far', 400)
      assert.deepEqual(
        [...site.counts('far').values()].filter((count) => count > 1),
        [],
      )
      return `${waiting} waited`
    })
    await agent.stop()
  } finally {
    net.close()
  }
}

async function fullDisk(checks: Checks, site: Site, keep: (agent: AgentProcess) => AgentProcess): Promise<void> {
  const sentence = 'an agent whose disk is full: it lives, holds its place in the log, and every line arrives'
  const home = agentHome()
  const queue = join(home, 'queue')
  mkdirSync(queue)
  if (!did('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', queue)) {
    checks.skip(sentence, 'no tmpfs can be mounted here')
    return
  }
  try {
    const agent = keep(site.agent(home, 'small'))
    await agent.connected()
    await site.stop()
    await checks.check(sentence, async () => {
      const count = 4000
      await writeLines(home, 'small', count, 0, 0, 'x'.repeat(400))
      await until('the disk to be full', arriveMsMax, () => (/ENOSPC/.test(agent.output()) ? true : undefined))
      await site.restart()
      await site.arrived('small', count)
      assert.equal(existsSync(`/proc/${agent.pid}`), true)
      const twice = [...site.counts('small').values()].filter((times) => times > 1).length
      return `${twice} of ${count} lines twice`
    })
    await agent.stop()
  } finally {
    did('umount', '-l', queue)
  }
}

async function oneKeyTwice(checks: Checks, site: Site, keep: (agent: AgentProcess) => AgentProcess): Promise<void> {
  await checks.check(
    'two hosts with one key: the first goes on, the second waits until the first has gone',
    async () => {
      const [home, copy] = [agentHome(), agentHome()]
      const first = keep(site.agent(home, 'twin'))
      const { id } = await first.connected()
      copyFileSync(join(home, 'etc/client.keys'), join(copy, 'etc/client.keys'))
      const second = keep(site.agent(copy, 'twin'))
      await until('a refusal', arriveMsMax, () =>
        /closed the connection without/.test(second.output()) ? true : undefined,
      )
      await writeLines(home, 'twin', 100, 100)
      await writeLines(copy, 'copy', 100, 100)
      await site.arrived('twin', 100)
      assert.equal(site.counts('copy').size, 0)
      assert.equal(first.status()?.connection.state, 'connected')
      await first.stop()
      await site.arrived('copy', 100)
      assert.equal((await second.connected()).id, id)
      assert.deepEqual(
        [...site.counts('twin').values()].filter((count) => count > 1),
        [],
      )
      await second.stop()
    },
  )
}

async function lostKey(checks: Checks, site: Site, keep: (agent: AgentProcess) => AgentProcess): Promise<void> {
  await checks.check('a Kubernetes node whose key was lost is the same agent, by the hash of the old key', async () => {
    const home = agentHome()
    const claims = { 'kubernetes.io': { node: { name: 'node-a', uid: 'b2c4' } } }
    const token = ['{}', JSON.stringify(claims), 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.')
    writeFileSync(join(home, 'token'), token)
    const flags = ['--token-file', join(home, 'token')]
    const first = keep(site.agent(home, 'node-a', [], '127.0.0.1', flags))
    const { id } = await first.connected()
    await first.kill()
    const old = readFileSync(join(home, 'etc/client.keys'), 'utf8')
    rmSync(join(home, 'etc/client.keys'))
    const second = keep(site.agent(home, 'node-a', [], '127.0.0.1', flags))
    assert.equal((await second.connected()).id, id)
    assert.notEqual(readFileSync(join(home, 'etc/client.keys'), 'utf8'), old)
    await writeLines(home, 'node', 20, 0)
    await site.arrived('node', 20)
    await second.stop()
  })
}

async function newManager(checks: Checks, site: Site, keep: (agent: AgentProcess) => AgentProcess): Promise<void> {
  await checks.check(
    'a manager that lost its keys: the agent asks for a new one by itself, and what waited arrives',
    async () => {
      const home = agentHome()
      const agent = keep(site.agent(home, 'orphan'))
      await agent.connected()
      await writeLines(home, 'orphan', 50, 50)
      await site.arrived('orphan', 50)
      await site.stop()
      await writeLines(home, 'orphan', 50, 50, 50)
      rmSync(join(site.home, 'etc/client.keys'))
      rmSync(join(site.home, 'queue/agents'), { recursive: true, force: true })
      await site.restart()
      await site.arrived('orphan', 100)
      assert.match(agent.output(), /seems not to know this agent’s key[\s\S]*enrolled at/)
      await agent.stop()
    },
  )
}

async function openSite(): Promise<Site> {
  const home = temporaryHome()
  const more = await freePorts()
  const ports = { ...(await freePorts()), agents: more.webhook, enrol: more.api }
  mkdirSync(join(home, 'etc'), { recursive: true })
  // Open to the network between the namespaces; what may come in there is the agent of this run.
  writeFileSync(
    join(home, 'etc/ossec.conf'),
    `<ossec_config>
  <global><logall_json>yes</logall_json></global>
  <remote><connection>secure</connection></remote>
  <auth><use_password>yes</use_password></auth>
</ossec_config>\n`,
  )
  const options = { home, ports, through: 'node' } as const
  let manager: ManagerProcess = await startManager(options)
  const counts = (tag: string): ReadonlyMap<number, number> => {
    const found = new Map<number, number>()
    const shape = new RegExp(`trouble: ${tag} line (\\d+) `)
    for (const line of linesOf(home, archivesFile).lines) {
      const number = shape.exec(String(valueAt(line, 'full_log')))?.[1]
      if (number !== undefined) found.set(Number(number), (found.get(Number(number)) ?? 0) + 1)
    }
    return found
  }
  return {
    home,
    restart: async () => {
      await manager.kill()
      manager = await startManager(options)
    },
    stop: () => manager.stop(),
    kill: () => manager.kill(),
    agent: (agentDir, name, before = [], address = '127.0.0.1', flags = []) =>
      startAgent(
        agentDir,
        [
          ...['--manager', address, '--port', `${ports.agents}`, '--port-enrol', `${ports.enrol}`],
          ...['--name', name, '--password-file', join(home, 'etc/authd.pass')],
          ...flags,
        ],
        before,
      ),
    counts,
    arrived: async (tag, count) => {
      for (const end = performance.now() + arriveMsMax; performance.now() < end; await sleep(250)) {
        if (counts(tag).size >= count) return
      }
      throw new Error(`${counts(tag).size} of ${count} lines of ${tag} have arrived within ${arriveMsMax / 1000} s`)
    },
  }
}

function agentHome(): string {
  const home = temporaryHome()
  for (const folder of ['etc', 'logs']) mkdirSync(join(home, folder))
  writeFileSync(join(home, 'logs/a.log'), '')
  writeFileSync(
    join(home, 'etc/ossec.conf'),
    `<ossec_config>
  <client>
    <server><address>127.0.0.1</address><max_retries>2</max_retries><retry_interval>2</retry_interval></server>
    <notify_time>1</notify_time>
    <time-reconnect>3</time-reconnect>
  </client>
  <client_buffer><events_per_second>0</events_per_second></client_buffer>
  <localfile><location>${home}/logs/a.log</location><log_format>syslog</log_format><only-future-events>no</only-future-events></localfile>
</ossec_config>\n`,
  )
  return home
}

/** Lines `from` to `from + count - 1` of a tag, spread over a time. */
async function writeLines(home: string, tag: string, count: number, ms: number, from = 0, filler = ''): Promise<void> {
  const pieces = ms === 0 ? 1 : 20
  for (let piece = 0; piece < pieces; piece++) {
    const [begin, end] = [Math.floor((piece * count) / pieces), Math.floor(((piece + 1) * count) / pieces)]
    const lines = Array.from(
      { length: end - begin },
      (_, n) => `Nov 24 10:00:00 web trouble: ${tag} line ${from + begin + n} ${filler}\n`,
    )
    appendFileSync(join(home, 'logs/a.log'), lines.join(''))
    if (ms > 0) await sleep(ms / pieces)
  }
}

interface Network {
  readonly name: string
  readonly cut: () => void
  readonly mend: () => void
  readonly close: () => void
}

/** A network namespace of the agent's own, and a line to it that can be cut. */
function openNetwork(): Network | { readonly why: string } {
  const name = `dogwatch-${process.pid}`
  const [near, far] = [`dw${process.pid % 100_000}a`, `dw${process.pid % 100_000}b`]
  const close = (): void => {
    did('ip', 'link', 'del', near)
    did('ip', 'netns', 'del', name)
  }
  const steps = [
    ['netns', 'add', name],
    ['link', 'add', near, 'type', 'veth', 'peer', 'name', far, 'netns', name],
    ['addr', 'add', `${outside}/30`, 'dev', near],
    ['link', 'set', near, 'up'],
    ['-n', name, 'addr', 'add', `${inside}/30`, 'dev', far],
    ['-n', name, 'link', 'set', far, 'up'],
  ]
  for (const step of steps) {
    if (did('ip', ...step)) continue
    close()
    return { why: `a network namespace cannot be made here (ip ${step.join(' ')})` }
  }
  return {
    name,
    cut: () => void did('ip', 'link', 'set', near, 'down'),
    mend: () => void did('ip', 'link', 'set', near, 'up'),
    close,
  }
}

function did(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 10_000 }).status === 0
}
