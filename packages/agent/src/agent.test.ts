import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileBeginPayload, fileEndPayload, keyLine, md5, mergeFiles, requestPayload } from '@dogwatch/protocol'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Agent, startAgent } from './agent.ts'
import { type LinkOptions, ManagerLink } from './link/manager-link.ts'
import { TestManager, testEntry } from './link/test-manager.ts'
import { Spool } from './spool.ts'

let home: string
let manager: TestManager
let agent: Agent | null = null
const told: string[] = []
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'dogwatch-agent-'))
  manager = new TestManager()
  await manager.listen()
  mkdirSync(join(home, 'etc'))
  mkdirSync(join(home, 'logs'))
  mkdirSync(join(home, 'watched'))
  writeFileSync(join(home, 'etc/client.keys'), `${keyLine(testEntry)}\n`)
  told.length = 0
})
afterEach(async () => {
  await agent?.stop()
  agent = null
  await manager.close()
  rmSync(home, { recursive: true, force: true })
})

const conf = (more = ''): void =>
  writeFileSync(
    join(home, 'etc/ossec.conf'),
    `<ossec_config>
  <client><server><address>127.0.0.1</address><port>${manager.port}</port></server></client>
  <localfile><location>${home}/logs/*.log</location><log_format>syslog</log_format><only-future-events>no</only-future-events></localfile>
  <syscheck><directories realtime="yes">${home}/watched</directories></syscheck>${more}
</ossec_config>`,
  )
const start = async (): Promise<void> => {
  agent = await startAgent({ home, tell: (_level, message) => told.push(message) })
}
const until = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 20_000, interval: 20 })

test('a log line and a changed file reach the manager, and the spool empties', async () => {
  conf()
  writeFileSync(join(home, 'logs/auth.log'), 'Failed password for invalid user\n')
  await start()
  await until(() => expect(manager.events).toContain(`1:${home}/logs/auth.log:Failed password for invalid user`))
  await until(() =>
    expect(manager.events.some((event) => event.startsWith('8:syscheck:{"type":"scan_end"'))).toBe(true),
  )
  manager.say(requestPayload('1f', 'logcollector', Buffer.from('getstate')))
  await until(() => expect(manager.answers).toHaveLength(1))
  const { files } = JSON.parse(manager.answers[0] ?? '').data.global
  expect(files).toEqual([
    { location: `${home}/logs/auth.log`, events: 1, bytes: 32, targets: [{ name: 'agent', drops: 0 }] },
  ])
  await until(() =>
    expect(agent?.status).toMatchObject({ connection: { state: 'connected' }, spool: { waiting: 0 }, id: '001' }),
  )
  expect(JSON.parse(readFileSync(join(home, 'queue/agent-status.json'), 'utf8'))).toMatchObject({
    fim: { ways: [expect.any(String)] },
  })
})

test('a shared configuration that is wrong is named with its place, and the one before goes on, also after a restart', async () => {
  conf()
  await start()
  await until(() => expect(agent?.status.connection.state).toBe('connected'))
  const push = (text: string): void => {
    const merged = mergeFiles('default', Buffer.alloc(0), [{ name: 'agent.conf', bytes: Buffer.from(text) }])
    manager.say(fileBeginPayload(md5(merged), 'merged.mg'))
    manager.say(merged)
    manager.say(fileEndPayload)
  }
  push(
    `<agent_config>\n<syscheck><disabled>ja</disabled></syscheck>\n<localfile><location>${home}/other</location></localfile></agent_config>`,
  )
  const mistake = /agent\.conf:2:\d+: error: <disabled>: `ja` is neither yes nor no[\s\S]*agent\.conf:3:/
  await until(() =>
    expect(told.some((text) => /the old configuration goes on/.test(text) && mistake.test(text))).toBe(true),
  )
  appendFileSync(join(home, 'logs/a.log'), 'still read\n')
  await until(() => expect(manager.events).toContain(`1:${home}/logs/a.log:still read`))
  await agent?.stop()
  told.length = 0
  await start()
  expect(told.join('\n')).toMatch(mistake)
  appendFileSync(join(home, 'logs/a.log'), 'read again\n')
  await until(() => expect(manager.events).toContain(`1:${home}/logs/a.log:read again`))
})

test('that it has started is told once, however often the connection is made anew', async () => {
  // As a manager of ours, which takes each message once.
  manager.counts = true
  conf()
  await start()
  const started = (): string[] => manager.events.filter((event) => event.includes('Agent started'))
  await until(() => expect(started()).toEqual(["1:wazuh-agent:ossec: Agent started: 'node->any'."]))
  await manager.close()
  await manager.listen(manager.port)
  appendFileSync(join(home, 'logs/a.log'), 'after it\n')
  await until(() => expect(manager.events).toContain(`1:${home}/logs/a.log:after it`))
  expect(started()).toHaveLength(1)
  await agent?.stop()
  await start()
  await until(() => expect(started()).toHaveLength(2))
})

test('what happens while the manager is away arrives later, in order, also over a restart', async () => {
  conf()
  await manager.close()
  await start()
  for (let n = 0; n < 300; n++) appendFileSync(join(home, 'logs/a.log'), `line ${n}\n`)
  await until(() => expect(agent?.status.spool.waiting).toBeGreaterThanOrEqual(302))
  await agent?.stop()
  await manager.listen(manager.port)
  await start()
  const lines = (): string[] =>
    manager.events.filter((event) => event.includes('a.log:')).map((event) => event.split(':').at(-1) ?? '')
  await until(() => expect(lines().length).toBeGreaterThanOrEqual(300))
  expect(lines()).toEqual(Array.from({ length: 300 }, (_, n) => `line ${n}`))
})

test('a shared configuration is taken, and what it watches is watched', async () => {
  conf()
  await start()
  await until(() => expect(agent?.status.connection.state).toBe('connected'))
  writeFileSync(join(home, 'shared-log'), 'from the shared file\n')
  const text = `<agent_config><localfile><location>${home}/shared-log</location><log_format>syslog</log_format><only-future-events>no</only-future-events></localfile></agent_config>`
  const padding = { name: 'list', bytes: Buffer.from('x: y\n'.repeat(500)) }
  const merged = mergeFiles('default', Buffer.alloc(0), [{ name: 'agent.conf', bytes: Buffer.from(text) }, padding])
  manager.say(fileBeginPayload(md5(merged), 'merged.mg'))
  // As managers do, ours and Wazuh's: in pieces without any mark, and other messages may come between them.
  for (let at = 0; at < merged.length; at += 900) {
    manager.say(merged.subarray(at, at + 900))
    manager.say(Buffer.from('#!-something else'))
  }
  manager.say(fileEndPayload)
  await until(() => expect(manager.events).toContain(`1:${home}/shared-log:from the shared file`))
})

test('a configuration that is wrong names every mistake', async () => {
  conf('<syscheck><disabled>maybe</disabled></syscheck><localfile></localfile>')
  await expect(startAgent({ home, tell: () => {} })).rejects.toThrow(
    /ossec.conf:4.*neither yes nor no[\s\S]*log_format/,
  )
  rmSync(join(home, 'etc/ossec.conf'))
  await expect(startAgent({ home, tell: () => {} })).rejects.toThrow(/is not there; name the manager/)
  expect(existsSync(join(home, 'queue/spool'))).toBe(false)
})

const linkTo = (spool: Spool, more: Partial<LinkOptions> = {}): ManagerLink => {
  let local = 0
  return new ManagerLink({
    servers: [{ address: '127.0.0.1', port: manager.port }],
    entry: testEntry,
    spool,
    counter: { next: () => ({ global: 1, local: ++local }) },
    keepAlive: () => 'Linux',
    version: 'v4.14.7',
    notifyTimeS: 10,
    reconnectTimeS: 60,
    epsMax: 0,
    tell: (_level, message) => told.push(message),
    onControl: async () => null,
    random: () => 1,
    retryMs: 10,
    graceMs: 0,
    ...more,
  })
}
const openSpool = (): Spool => new Spool({ dir: join(home, 'spool'), bytesMax: 1024 * 1024, tell: () => {} })

test.each([
  ['of another maker gets everything, in order, some of it twice', false],
  ['of ours gets everything once', true],
])('over ten lost lines a manager %s', async (_says, counts) => {
  manager.counts = counts
  const spool = openSpool()
  const link = linkTo(spool)
  link.start()
  const sends: Promise<void>[] = []
  for (let round = 0; round < 10; round++) {
    manager.acknowledges = round % 2 === 0
    for (let n = 0; n < 100; n++) sends.push(spool.append('1', 'x', `${round * 100 + n}`))
    await Promise.all(sends)
    await new Promise((resolve) => setTimeout(resolve, 30))
    await manager.close()
    await manager.listen(manager.port)
  }
  manager.acknowledges = true
  await until(() => expect(spool.count).toBe(0))
  const numbers = manager.events.map((event) => Number(event.split(':').at(-1)))
  const wanted = Array.from({ length: 1000 }, (_, n) => n)
  if (counts) expect(numbers).toEqual(wanted)
  // A number that is new is always the next one.
  expect([...new Set(numbers)]).toEqual(wanted)
  await link.stop()
  spool.close()
})

test('a spool whose end was lost goes on under a new name, so that nothing is taken for old', async () => {
  manager.counts = true
  const spool = openSpool()
  await spool.append('1', 'x', 'first')
  manager.spool = spool.id
  manager.sequence = 50
  const link = linkTo(spool)
  link.start()
  await until(() => expect(manager.events).toEqual(['1:x:first']))
  expect(told.join()).toMatch(/under a new name/)
  await link.stop()
  spool.close()
})

test('labels go out with the keep-alive', async () => {
  conf('<labels><label key="env">prod</label><label key="owner" hidden="yes">ana</label></labels>')
  await start()
  await until(() => expect(manager.lastKeepAlive).toMatch(/^"env":prod\n!"owner":ana\nx merged\.mg$/m))
})

test('a home has one agent, and a manager’s home has none', async () => {
  conf()
  await start()
  await expect(startAgent({ home, tell: () => {} })).rejects.toThrow(/another agent is running/)
  await agent?.stop()
  writeFileSync(join(home, 'etc/webhook.token'), 'x')
  await expect(startAgent({ home, tell: () => {} })).rejects.toThrow(/home of a manager/)
})

test('a small spool says how full it is, keeps everything, and is normal again when the manager is there', async () => {
  conf('<client_buffer><spool_size>4KB</spool_size></client_buffer>')
  await manager.close()
  writeFileSync(
    join(home, 'logs/a.log'),
    Array.from({ length: 200 }, (_, n) => `line ${n} ${'x'.repeat(50)}\n`).join(''),
  )
  await start()
  await until(() => expect(agent?.status.spool.state).toBe('full'))
  await manager.listen(manager.port)
  await until(() => expect(agent?.status.spool).toMatchObject({ state: 'normal', waiting: 0 }))
  expect(manager.events).toContain("1:wazuh-agent:wazuh: Agent buffer: 'full'.")
  expect(manager.events).toContain("1:wazuh-agent:wazuh: Agent buffer: 'normal'.")
  const numbers = manager.events.flatMap((event) => /a\.log:line (\d+) /.exec(event)?.[1] ?? [])
  expect([...new Set(numbers)]).toEqual(Array.from({ length: 200 }, (_, n) => String(n)))
})

test('a manager that does not know the key is asked for another one, and nothing is lost', async () => {
  conf()
  manager.entry = { ...testEntry, key: 'cd'.repeat(32) }
  const spool = openSpool()
  await spool.append('1', 'x', 'kept')
  let asked = 0
  const link = linkTo(spool, {
    retriesMax: 3,
    onRefused: async () => {
      asked++
      return manager.entry
    },
  })
  link.start()
  await until(() => expect(manager.events).toEqual(['1:x:kept']))
  expect(asked).toBe(1)
  expect(manager.refused).toBe(3)
  await link.stop()
  spool.close()
})

test('a manager that falls silent while there is something to send is given up, and all arrives', async () => {
  const spool = openSpool()
  const link = linkTo(spool, { reconnectTimeS: 1 })
  link.start()
  await until(() => expect(link.isConnected).toBe(true))
  manager.acknowledges = false
  let count = 0
  const sending = setInterval(() => void spool.append('1', 'x', `${count++}`).catch(() => {}), 20)
  await until(() => expect(told.join()).toMatch(/the connection was lost/))
  clearInterval(sending)
  manager.acknowledges = true
  await until(() => expect(spool.count).toBe(0))
  expect(new Set(manager.events).size).toBe(count)
  await link.stop()
  spool.close()
})

test('a configuration that is wrong, or cannot be started, leaves an agent that can read the next one', async () => {
  conf()
  await start()
  await until(() => expect(agent?.status.fim?.ways).toEqual([expect.any(String)]))
  writeFileSync(join(home, 'etc/ossec.conf'), '<ossec_config><syscheck>')
  await agent?.reload()
  expect(told.join()).toMatch(/the old configuration goes on: .*ossec\.conf:1:15/)
  conf()
  rmSync(join(home, 'queue/fim'), { recursive: true })
  writeFileSync(join(home, 'queue/fim'), 'in the way')
  await agent?.reload()
  expect(told.join()).toMatch(/not everything was started/)
  rmSync(join(home, 'queue/fim'))
  await Promise.all([agent?.reload(), agent?.reload(), agent?.reload()])
  expect(told.filter((message) => message === 'the configuration was read anew').length).toBe(1)
  expect(agent?.status.fim?.ways).toEqual([expect.any(String)])
})

test('a manager that asks a question first gets its answer before anything else, and nothing is lost', async () => {
  manager.asksFirst = true
  const spool = openSpool()
  for (let n = 0; n < 20; n++) await spool.append('1', 'x', `${n}`)
  const link = linkTo(spool, { graceMs: 300, onControl: async () => 'ok' })
  link.start()
  await until(() => expect(spool.count).toBe(0))
  expect(manager.events).toEqual(Array.from({ length: 20 }, (_, n) => `1:x:${n}`))
  await link.stop()
  spool.close()
})
