/**
 * A manager and two agents of ours on one machine: they enrol with the manager's password, a log line becomes the sshd
 * alert, and a file that another user's program changed becomes an alert that names the program and its users, by the
 * word of the kernel's audit. A third one is in TLS, with somebody on the line who cuts TLS off.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  realpathSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '../scripts/repository.ts'
import { ensureAudit } from './agent-audit.ts'
import { type AgentProcess, startAgent } from './agent-process.ts'
import { inTls } from './agent-tls.ts'
import { type Checks, until } from './checks.ts'
import { alertsFile, type Line, linesOf, valueAt } from './home-files.ts'
import { freePorts, startManager, temporaryHome } from './manager-process.ts'

const alertMsMax = 30_000
/** Users that every Linux has: who logged in, and as whom the program runs. */
const loginUid = 2
const runUid = 65_534

export async function run(checks: Checks): Promise<void> {
  const home = temporaryHome()
  const more = await freePorts()
  const ports = { ...(await freePorts()), agents: more.webhook, enrol: more.api }
  mkdirSync(join(home, 'etc'), { recursive: true })
  writeFileSync(
    join(home, 'etc/ossec.conf'),
    `<ossec_config>
  <remote><local_ip>127.0.0.1</local_ip></remote>
  <auth><use_password>yes</use_password></auth>
</ossec_config>\n`,
  )
  const manager = await startManager({ home, ports, through: 'node' })
  const password = join(home, 'etc/authd.pass')
  const flags = (name: string): string[] => [
    ...['--manager', '127.0.0.1', '--port', `${ports.agents}`, '--port-enrol', `${ports.enrol}`],
    ...['--name', name],
  ]
  const alert = (what: string, fits: (line: Line) => boolean): Promise<Line> =>
    until(what, alertMsMax, () => linesOf(home, alertsFile).lines.find(fits))

  const isAgent = (name: string) => (line: Line) => valueAt(line, 'agent', 'name') === name
  const logs = agentHome(
    `<localfile><location>LOGS/auth.log</location><log_format>syslog</log_format><only-future-events>no</only-future-events></localfile>`,
  )
  const files = agentHome(`<labels><label key="room.name">cellar</label></labels>
  <syscheck><directories whodata="yes" report_changes="yes">WATCHED</directories></syscheck>`)
  const agents: AgentProcess[] = []
  const folder = temporaryHome()
  const audit = await ensureAudit(folder)
  try {
    await checks.must(
      'an agent with the wrong password is told what to do, and goes on as soon as it is right',
      async () => {
        const wrong = join(logs.home, 'etc/authd.pass')
        writeFileSync(wrong, 'wrong\n')
        const agent = startAgent(logs.home, flags('logs-1'))
        agents.push(agent)
        await until('a refusal', alertMsMax, () =>
          /Invalid password.*--password-file/.test(agent.output()) ? true : undefined,
        )
        copyFileSync(password, wrong)
        const { id, name } = await agent.connected()
        assert.deepEqual([id, name], ['001', 'logs-1'])
      },
    )
    await checks.must('another agent enrols with the password of a file', async () => {
      const agent = startAgent(files.home, [...flags('files-1'), '--password-file', password, '--group', 'default'])
      agents.push(agent)
      const { id, name } = await agent.connected()
      assert.deepEqual([id, name], ['002', 'files-1'])
    })
    await checks.check('that an agent is here for the first time is an alert', async () => {
      const line = await alert('the alert 501', (one) => valueAt(one, 'rule', 'id') === '501' && isAgent('logs-1')(one))
      assert.equal(valueAt(line, 'full_log'), "ossec: Agent started: 'logs-1->any'.")
    })
    const log = join(logs.home, 'logs/auth.log')
    const failed = (port: number): string =>
      `Nov 24 10:00:00 web sshd[812]: Failed password for invalid user admin from 203.0.113.9 port ${port} ssh2\n`
    const isOf = (port: number) => (line: Line) => String(valueAt(line, 'full_log')).includes(`port ${port} `)
    await checks.check('a log line “Failed password for invalid user” is the sshd alert', async () => {
      appendFileSync(log, failed(40_001))
      const line = await alert('the sshd alert', isOf(40_001))
      assert.equal(valueAt(line, 'rule', 'id'), '5710')
      assert.equal(valueAt(line, 'agent', 'name'), 'logs-1')
      assert.equal(valueAt(line, 'data', 'srcip'), '203.0.113.9')
      assert.equal(valueAt(line, 'location'), log)
    })
    await checks.check(
      'lines of the time while the agent was dead (kill -9) are alerts once it is back, none twice',
      async () => {
        await agents[0]?.kill()
        for (let port = 40_002; port < 40_012; port++) appendFileSync(log, failed(port))
        const agent = startAgent(logs.home, flags('logs-1'))
        agents[0] = agent
        await agent.connected()
        await alert('the alert 503', (one) => valueAt(one, 'rule', 'id') === '503' && isAgent('logs-1')(one))
        for (let port = 40_002; port < 40_012; port++) await alert(`the alert of port ${port}`, isOf(port))
        const counts = linesOf(home, alertsFile).lines.filter((line) =>
          /port 400(?:0[2-9]|1[01]) /.test(String(valueAt(line, 'full_log'))),
        )
        assert.equal(counts.length, 10)
      },
    )
    const isAudited = await whodata(checks, files, agents[1], 'why' in audit ? audit.why : null, alert)
    await fromPod(checks, files.watched, agents[1], alert)
    await inTls(checks, { home, ports, alert })
    await checks.check('the manager has an agent read its configuration anew', async () => {
      const main = join(repositoryRoot, 'packages/cli/src/main.ts')
      const argv = [main, 'agents', 'restart', '002', '--home', home]
      const { status, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8', timeout: 30_000 })
      assert.equal(status, 0, stderr)
      await until('the agent to say so', alertMsMax, () =>
        /the manager has the configuration read anew/.test(agents[1]?.output() ?? '') ? true : undefined,
      )
      await agents[1]?.connected()
    })
    await checks.check('agents that are told to end say goodbye', async () => {
      assert.deepEqual(await Promise.all(agents.map((agent) => agent.stop())), [0, 0])
      const line = await alert('the alert 506', (one) => valueAt(one, 'rule', 'id') === '506')
      return String(valueAt(line, 'full_log'))
    })
    if (isAudited) {
      await checks.check('the audit rules are gone with the agent that added them', () => {
        const { stdout } = spawnSync('auditctl', ['-l'], { encoding: 'utf8', timeout: 10_000 })
        assert.ok(!stdout.includes(files.watched), stdout)
      })
    }
  } finally {
    for (const agent of agents) await agent.kill()
    if ('end' in audit) await audit.end()
  }
  await checks.check('the manager ends in order', async () => assert.equal(await manager.stop(), 0))
}

interface AgentHome {
  readonly home: string
  readonly watched: string
}

/** A home with its configuration; LOGS and WATCHED in it stand for folders. */
function agentHome(conf: string): AgentHome {
  const home = temporaryHome()
  const watched = join(home, 'watched')
  for (const folder of ['etc', 'logs', 'watched']) mkdirSync(join(home, folder))
  const text = conf.replaceAll('LOGS', join(home, 'logs')).replaceAll('WATCHED', watched)
  const client = '<client><server><address>127.0.0.1</address></server><notify_time>2</notify_time></client>'
  writeFileSync(join(home, 'etc/ossec.conf'), `<ossec_config>\n  ${client}\n  ${text}\n</ossec_config>\n`)
  writeFileSync(join(home, 'logs/auth.log'), '')
  return { home, watched }
}

/** Gives whether the audit told who it was. */
async function whodata(
  checks: Checks,
  { home, watched }: AgentHome,
  agent: AgentProcess | undefined,
  whyNot: string | null,
  alert: (what: string, fits: (line: Line) => boolean) => Promise<Line>,
): Promise<boolean> {
  const sentence =
    'a watched file that another user’s program changed: alert 550 with program, login user and effective user'
  assert.ok(agent !== undefined)
  const isScanned = (): boolean => agent.output().includes('files compared')
  const reason = await until('the agent to watch', alertMsMax, () => {
    if (agent.status()?.fim?.ways.includes('audit') && isScanned()) return ''
    return /who-data without the audit: (.*)/.exec(agent.output())?.[1]
  })
  if (whyNot !== null || reason !== '') {
    checks.skip(sentence, whyNot ?? reason)
    return false
  }
  const file = join(watched, 'shop.conf')
  // Another user has to come in.
  for (const path of [home, watched]) chmodSync(path, 0o755)
  writeFileSync(file, 'price = 1\n')
  chmodSync(file, 0o666)
  const isOfFile = (rule: string) => (line: Line) =>
    valueAt(line, 'rule', 'id') === rule && valueAt(line, 'syscheck', 'path') === file
  const hasDiff = (line: Line): boolean =>
    /< price = 1[\s\S]*> price = 2/.test(String(valueAt(line, 'syscheck', 'diff')))
  await checks.check(sentence, async () => {
    await alert('the alert 554', isOfFile('554'))
    const change = `echo "price = 2" > ${file}`
    const asUser = `exec setpriv --reuid=${runUid} --regid=${runUid} --clear-groups sh -c '${change}'`
    const script = `echo ${loginUid} > /proc/self/loginuid; ${asUser}`
    const { status, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8', cwd: '/', timeout: 10_000 })
    assert.equal(status, 0, stderr)
    const line = await alert('the alert 550', (one) => isOfFile('550')(one) && hasDiff(one))
    const audited = (...names: string[]): string => String(valueAt(line, 'syscheck', 'audit', ...names))
    assert.equal(valueAt(line, 'syscheck', 'mode'), 'whodata')
    assert.equal(audited('process', 'name'), realpathSync('/bin/sh'))
    assert.equal(audited('login_user', 'id'), String(loginUid))
    assert.equal(audited('user', 'id'), String(runUid))
    assert.equal(audited('effective_user', 'id'), String(runUid))
    assert.deepEqual(valueAt(line, 'agent', 'labels'), { room: { name: 'cellar' } })
    return `${audited('process', 'name')}, ${audited('login_user', 'name')}, ${audited('effective_user', 'name')}`
  })
  return true
}

/** A process in the cgroup that a container of a pod would have, and the kubelet's link that names it. */
async function fromPod(
  checks: Checks,
  watched: string,
  agent: AgentProcess | undefined,
  alert: (what: string, fits: (line: Line) => boolean) => Promise<Line>,
): Promise<void> {
  const sentence = 'a file that a container’s program changed: the alert names pod, namespace and container'
  const id = 'd0'.repeat(32)
  const uid = '01234567-89ab-4cde-8f01-23456789abcd'
  const base = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup'].find((path) => existsSync(join(path, 'cgroup.procs')))
  const pod = join(base ?? '/none', `dogwatch-e2e-pod${uid}`)
  const cgroup = join(pod, id)
  const link = `/var/log/containers/web-5d9_shop_nginx-${id}.log`
  const hadLinks = existsSync('/var/log/containers')
  try {
    mkdirSync(cgroup, { recursive: true })
    mkdirSync('/var/log/containers', { recursive: true })
    writeFileSync(link, '')
  } catch (error) {
    checks.skip(sentence, `no cgroup can be made here: ${error instanceof Error ? error.message : String(error)}`)
    return
  }
  try {
    await checks.check(sentence, async () => {
      await until(
        'the agent to have scanned',
        alertMsMax,
        () => agent?.output().includes('files compared') || undefined,
      )
      const file = join(watched, 'cart.conf')
      // It lives a moment longer, as programs of containers do: what it is, is looked up while it is there.
      const script = `echo $$ > ${cgroup}/cgroup.procs && echo 1 > ${file} && exec sleep 2`
      const { status, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8', cwd: '/', timeout: 10_000 })
      assert.equal(status, 0, stderr)
      const line = await alert('the alert 554', (one) => valueAt(one, 'syscheck', 'path') === file)
      assert.deepEqual(valueAt(line, 'data', 'kubernetes'), {
        namespace: 'shop',
        pod: { name: 'web-5d9', uid },
        container: { name: 'nginx', id },
      })
    })
  } finally {
    rmSync(link, { force: true })
    if (!hadLinks) rmdirSync('/var/log/containers')
    for (const folder of [cgroup, pod]) rmdirSync(folder)
  }
}
