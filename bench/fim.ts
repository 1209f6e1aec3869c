/**
 * The agent's scans against AIDE: first scan (`aide --init`) and rescan (`aide --check`) of one tree with the same attributes and digests, in turns on a warm
 * cache, the agent as its own program. Times are wall and CPU seconds from /proc, so Linux only; AIDE (Debian's package `aide`) is installed when it is missing
 * and this runs as root. The ratio of the last line is the worse of first scan and rescan; each is the best of its rounds, since the machine may be shared.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { agentMain, agentNodeEnvironment, agentNodeFlags } from '@dogwatch/agent'

interface Cost {
  readonly wallS: number
  readonly cpuS: number
}

const ticksPerSecond = 100
/** Longest that one scan may take, in milliseconds. */
const scanMsMax = 900_000

/** Options: `--tree /usr`, `--rounds 2`, `--idle 30` seconds over which the resting agent's CPU is measured, `--mode realtime` or `scheduled`. */
export async function run(args: readonly string[]): Promise<object> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      tree: { type: 'string', default: '/usr' },
      rounds: { type: 'string', default: '2' },
      idle: { type: 'string', default: '30' },
      mode: { type: 'string', default: 'realtime' },
    },
  })
  const aide = findAide()
  const folder = mkdtempSync(join(tmpdir(), 'dogwatch-bench-fim-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const aideConf = join(folder, 'aide.conf')
  writeFileSync(
    aideConf,
    `database_in=file:${folder}/aide.db\ndatabase_out=file:${folder}/aide.new\ngzip_dbout=no\nreport_url=file:${folder}/report\n${values.tree} f p+u+g+s+m+i+md5+sha1+sha256\n`,
  )
  spawnSync('sh', ['-c', `find "$0" -xdev -type f -exec cat {} + > /dev/null`, values.tree], { timeout: scanMsMax })

  const first: Record<'aide' | 'agent', Cost[]> = { aide: [], agent: [] }
  const again: Record<'aide' | 'agent', Cost[]> = { aide: [], agent: [] }
  let files = 0
  let rssMb = 0
  let idleCpuS = 0
  for (let round = 0; round < Number(values.rounds); round++) {
    first.aide.push(runAide(aide, ['--init', `--config=${aideConf}`]))
    rmSync(join(folder, 'aide.db'), { force: true })
    writeFileSync(join(folder, 'aide.db'), readFileSync(join(folder, 'aide.new')))
    const agent = startAgent(join(folder, `agent-${round}`), values.tree, values.mode === 'realtime')
    first.agent.push(await agent.scanned())
    again.aide.push(runAide(aide, ['--check', `--config=${aideConf}`]))
    agent.rescan()
    again.agent.push(await agent.scanned())
    files = agent.files()
    rssMb = Math.max(rssMb, agent.peakMb())
    if (round === Number(values.rounds) - 1) idleCpuS = await agent.rest(Number(values.idle))
    await agent.stop()
    for (const [name, { aide: theirs, agent: ours }] of Object.entries({ first, again })) {
      process.stderr.write(`round ${round + 1} ${name}: agent ${text(ours.at(-1))}, AIDE ${text(theirs.at(-1))}\n`)
    }
  }
  const ratio = (of: typeof first, by: keyof Cost): number => best(of.agent, by) / best(of.aide, by)
  return {
    scan_ratio_to_aide: round2(Math.max(ratio(first, 'wallS'), ratio(again, 'wallS'))),
    rss_mb: Math.round(rssMb),
    first_wall_ratio: round2(ratio(first, 'wallS')),
    rescan_wall_ratio: round2(ratio(again, 'wallS')),
    first_cpu_ratio: round2(ratio(first, 'cpuS')),
    rescan_cpu_ratio: round2(ratio(again, 'cpuS')),
    files,
    idle_cpu_s: round2(idleCpuS),
    idle_s: Number(values.idle),
  }
}

const text = (cost: Cost | undefined): string => `${cost?.wallS.toFixed(1)} s (CPU ${cost?.cpuS.toFixed(1)} s)`
const round2 = (value: number): number => Math.round(value * 100) / 100
const best = (costs: readonly Cost[], by: keyof Cost): number => Math.min(...costs.map((cost) => cost[by]))

function findAide(): string {
  const find = (): string => spawnSync('sh', ['-c', 'command -v aide'], { timeout: 5000 }).stdout.toString().trim()
  if (find() === '' && process.getuid?.() === 0) {
    const install =
      'apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends aide'
    spawnSync('sh', ['-c', install], { timeout: 300_000, stdio: 'ignore' })
  }
  const found = find()
  if (found === '') throw new Error('AIDE is not installed: apt-get install aide')
  return found
}

/** AIDE's exit status tells of differences, and is an error from 14 on. */
function runAide(aide: string, args: readonly string[]): Cost {
  const times = (): number => {
    // Fields 16 and 17 of stat: CPU time of children that were waited for.
    const fields = statFields('self')
    return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond
  }
  const [startedAt, cpuBefore] = [performance.now(), times()]
  const { status, stderr } = spawnSync(aide, args, { timeout: scanMsMax })
  if (status === null || status >= 14) throw new Error(`AIDE: ${stderr.toString().slice(0, 500)}`)
  return { wallS: (performance.now() - startedAt) / 1000, cpuS: times() - cpuBefore }
}

/** Fields of /proc/PID/stat behind the program's name: the first is the state. */
function statFields(pid: number | string): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function startAgent(home: string, tree: string, isRealtime: boolean) {
  mkdirSync(join(home, 'etc'), { recursive: true })
  writeFileSync(
    join(home, 'etc/ossec.conf'),
    `<ossec_config><client></client><syscheck><directories realtime="${isRealtime ? 'yes' : 'no'}">${tree}</directories><process_priority>0</process_priority><file_limit><enabled>no</enabled></file_limit></syscheck></ossec_config>`,
  )
  let askedAt = performance.now()
  let cpuBefore = 0
  let said = ''
  let files = 0
  const child: ChildProcess = spawn(process.execPath, [...agentNodeFlags, agentMain, '--home', home], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...agentNodeEnvironment, NODE_COMPILE_CACHE: join(home, '../compiled') },
  })
  const pid = child.pid ?? 0
  child.stderr?.on('data', (bytes) => (said += String(bytes)))
  const cpu = (): number => {
    const fields = statFields(pid)
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
  }
  return {
    /** Cost from the start, or from `rescan`, until the scan is told as done; that of starting the program is part of it. */
    scanned: async (): Promise<Cost> => {
      for (;;) {
        const done = /(\d+) files compared:.*/.exec(said)
        if (done !== null) {
          said = ''
          files = Number(done[1])
          return { wallS: (performance.now() - askedAt) / 1000, cpuS: cpu() - cpuBefore }
        }
        if (child.exitCode !== null || performance.now() - askedAt > scanMsMax) throw new Error(`the agent: ${said}`)
        await sleep(20)
      }
    },
    rescan: () => {
      askedAt = performance.now()
      cpuBefore = cpu()
      child.kill('SIGHUP')
    },
    files: () => files,
    peakMb: () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024,
    /** CPU seconds while it rests. */
    rest: async (seconds: number): Promise<number> => {
      const before = cpu()
      await sleep(seconds * 1000)
      return cpu() - before
    },
    stop: async (): Promise<void> => {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
    },
  }
}
