/**
 * An agent of ours in TLS, with somebody on the line between it and the manager who cuts TLS off: it says nothing more, loses nothing, and goes on when the line is clean
 * again. Its group's shared files come by the same line.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { repositoryRoot } from '../scripts/repository.ts'
import { type AgentProcess, startAgent } from './agent-process.ts'
import { type Checks, until } from './checks.ts'
import { type Line as AlertLine, valueAt } from './home-files.ts'
import { pageOf, temporaryHome } from './manager-process.ts'

const msMax = 30_000
/** The first byte of TLS (RFC 8446, part 5.1). */
const handshake = 0x16

export interface TlsParts {
  /** The manager's home, which has its authority. */
  readonly home: string
  readonly ports: { readonly agents: number; readonly enrol: number; readonly metrics: number }
  readonly alert: (what: string, fits: (line: AlertLine) => boolean) => Promise<AlertLine>
}

export async function inTls(checks: Checks, { home, ports, alert }: TlsParts): Promise<void> {
  const line = await Line.open(ports.agents)
  const own = temporaryHome()
  const log = join(own, 'logs/shared.log')
  for (const folder of [join(own, 'etc'), join(own, 'logs'), join(home, 'etc/shared/tls')]) mkdirSync(folder)
  writeFileSync(log, '')
  writeFileSync(
    join(home, 'etc/shared/tls/agent.conf'),
    `<agent_config><localfile><location>${log}</location><log_format>syslog</log_format><only-future-events>no</only-future-events></localfile></agent_config>\n`,
  )
  writeFileSync(
    join(own, 'etc/ossec.conf'),
    `<ossec_config><client>
  <server><address>127.0.0.1</address><retry_interval>1</retry_interval></server>
  <notify_time>2</notify_time>
  <enrollment><server_ca_path>${join(home, 'certs/ca.pem')}</server_ca_path></enrollment>
</client></ossec_config>\n`,
  )
  const flags = ['--manager', '127.0.0.1', '--port', `${line.port}`, '--port-enrol', `${ports.enrol}`]
  const password = join(home, 'etc/authd.pass')
  const agent = startAgent(own, [...flags, '--name', 'tls-1', '--group', 'tls', '--password-file', password])
  try {
    await checks.check(
      'an agent that names the authority is in TLS, and its group’s agent.conf comes by it',
      async () => {
        assert.equal((await agent.connected()).connection.isInTls, true)
        assert.deepEqual([line.wrapped > 0, line.plain], [true, 0])
        assert.match(await pageOf(ports.metrics, '/metrics'), /^dogwatch_agent_tls_connections_total [1-9]/m)
        appendFileSync(log, failed(41_001))
        const found = await alert('the alert of a file that only agent.conf names', isOf(41_001))
        assert.equal(valueAt(found, 'agent', 'name'), 'tls-1')
      },
    )
    await checks.check('the manager sees that the agent has the files of its group', async () => {
      const id = agent.status()?.id ?? ''
      await until('it to be in step', msMax, () => (shownBy(home, id).includes('"isSynced":true') ? true : undefined))
    })
    await checks.check('somebody who cuts TLS off hears nothing from it, again and again', () =>
      strip(line, agent, log),
    )
    await checks.check('when the line is clean again, what happened meanwhile is an alert', async () => {
      line.cuts = false
      await agent.connected()
      for (const port of [41_002, 41_003]) await alert(`the alert of port ${port}`, isOf(port))
      assert.equal(line.plain, 0)
    })
  } finally {
    await agent.kill()
    line.close()
  }
}

/** What `dogwatch agents show --json` says of an agent. */
function shownBy(home: string, id: string): string {
  const main = join(repositoryRoot, 'packages/cli/src/main.ts')
  const argv = [main, 'agents', 'show', id, '--home', home, '--json']
  const { stdout } = spawnSync(process.execPath, argv, { encoding: 'utf8', timeout: 30_000 })
  return stdout.replaceAll(/\s/g, '')
}

const failed = (port: number): string =>
  `Nov 24 10:00:00 web sshd[812]: Failed password for invalid user admin from 203.0.113.9 port ${port} ssh2\n`
const isOf = (port: number) => (line: AlertLine) => String(valueAt(line, 'full_log')).includes(`port ${port} `)

async function strip(line: Line, agent: AgentProcess, log: string): Promise<string> {
  line.cuts = true
  line.drop()
  for (const port of [41_002, 41_003]) appendFileSync(log, failed(port))
  await until('three attempts', msMax, () => (line.cutOff >= 3 ? true : undefined))
  assert.equal(line.plain, 0)
  assert.match(agent.output(), /takes no TLS on this port; it took it before/)
  assert.notEqual(agent.status()?.connection.state, 'connected')
  return `${line.cutOff} attempts`
}

/** The line between an agent and a manager: hands on all bytes, or cuts off what begins as TLS does, and would hand on the rest. */
class Line {
  cuts = false
  /** Connections that began as TLS, those among them that were cut off, and all others. */
  wrapped = 0
  cutOff = 0
  plain = 0
  readonly #server: Server
  readonly #to: number
  readonly #open = new Set<Socket>()

  static async open(to: number): Promise<Line> {
    const line = new Line(to)
    await new Promise<void>((resolve) => line.#server.listen(0, '127.0.0.1', resolve))
    return line
  }

  private constructor(to: number) {
    this.#to = to
    this.#server = createServer((socket) => {
      this.#keep(socket)
      socket.once('data', (head) => this.#begin(socket, head))
    })
  }

  get port(): number {
    const address: AddressInfo | string | null = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  /** Ends what stands. */
  drop(): void {
    for (const socket of this.#open) socket.destroy()
  }

  close(): void {
    this.drop()
    this.#server.close()
  }

  #keep(socket: Socket): void {
    this.#open.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#open.delete(socket))
  }

  #begin(socket: Socket, head: Buffer): void {
    const isTls = head[0] === handshake
    if (isTls) this.wrapped++
    else this.plain++
    if (isTls && this.cuts) {
      this.cutOff++
      socket.resetAndDestroy()
      return
    }
    const on = connect(this.#to, '127.0.0.1')
    this.#keep(on)
    on.write(head)
    socket.pipe(on).pipe(socket)
    socket.once('close', () => on.destroy())
    on.once('close', () => socket.destroy())
  }
}
