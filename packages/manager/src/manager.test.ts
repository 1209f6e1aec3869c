import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sampleEvent } from './banner.ts'
import { askManager } from './control-client.ts'
import type { Flags } from './flags.ts'
import { type Manager, startManager } from './manager.ts'

let home = ''
let manager: Manager | null = null
const flags: Flags = {
  home: undefined,
  portWebhook: 0,
  portAgents: undefined,
  portEnrol: undefined,
  portApi: 0,
  portMetrics: 0,
}

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'manager-home-'))
  mkdirSync(join(home, 'etc/rules'), { recursive: true })
  mkdirSync(join(home, 'ruleset/rules'), { recursive: true })
  mkdirSync(join(home, 'ruleset/decoders'), { recursive: true })
  writeFileSync(
    join(home, 'ruleset/decoders/json.xml'),
    '<decoder name="json"><prematch>^{</prematch><plugin_decoder>JSON_Decoder</plugin_decoder></decoder>',
  )
  writeFileSync(
    join(home, 'etc/ossec.conf'),
    `<ossec_config><global><logall_json>yes</logall_json></global><alerts><log_alert_level>3</log_alert_level></alerts>
     <webhook><bind>127.0.0.1</bind></webhook><match><threads>1</threads></match></ossec_config>`,
  )
  writeFileSync(
    join(home, 'ruleset/rules/0010-roots.xml'),
    '<group name="syslog,"><rule id="1" level="0" noalert="1"><category>syslog</category><description>all</description></rule></group>',
  )
  writeRule('create')
})
afterEach(async () => {
  await manager?.stop()
  manager = null
  rmSync(home, { recursive: true })
})

function writeRule(verb: string): void {
  writeFileSync(
    join(home, 'etc/rules/local_rules.xml'),
    `<group name="k8s,"><rule id="110003" level="5"><field name="verb">^${verb}$</field><description>seen</description></rule></group>`,
  )
}

async function start(over: Partial<Flags> = {}): Promise<Manager> {
  manager = await startManager({ home, flags: { ...flags, ...over }, isTerminal: false, logLevel: 'fatal' })
  return manager
}

function post(port: number, body: string, token: string | null): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        method: 'POST',
        path: '/',
        ca: readFileSync(join(home, 'certs/ca.pem')),
        headers: {
          'content-type': 'application/json',
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (text += chunk))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Waits until a condition holds; the test's own time limit ends what never comes. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}

function alerts(): unknown[] {
  const path = join(home, 'logs/alerts/alerts.json')
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line))
}

function token(): string {
  return readFileSync(join(home, 'etc/webhook.token'), 'utf8').trim()
}

test('an event posted becomes an alert, is archived, counted, and a reload changes the rules', async () => {
  const { ports, banner } = await start()
  const port = ports.webhook ?? 0
  expect(banner).toContain(`https://127.0.0.1:${port}/`)
  expect(await post(port, JSON.stringify(sampleEvent(new Date())), null)).toMatchObject({ status: 401 })
  const answer = await post(port, JSON.stringify(sampleEvent(new Date())), token())
  expect(answer).toEqual({ status: 200, text: 'Webhook received!' })
  await until(() => alerts().length === 1)
  expect(alerts()[0]).toMatchObject({ rule: { id: '110003', level: 5 }, location: 'k8s', data: { verb: 'create' } })
  await until(() => existsSync(join(home, 'logs/archives/archives.json')))

  const page = async (path: string) => (await fetch(`http://127.0.0.1:${ports.metrics}${path}`)).text()
  expect(await page('/readyz')).toBe('ready\n')
  // The pipeline's figures come over twice a second.
  let text = ''
  while (!text.includes('dogwatch_alerts_total{')) text = await page('/metrics')
  expect(text).toContain('dogwatch_received_records_total{input="webhook",source="default"} 1\n')
  expect(text).toContain('dogwatch_alerts_total{level="5"} 1\n')
  expect(text).toContain('dogwatch_drops_total{stage="webhook",reason="unauthorized"} 1\n')

  writeRule('delete')
  expect(await askManager(home, { command: 'reload' }, 20_000)).toMatchObject({ accepted: true, ruleFiles: 2 })
  await post(port, JSON.stringify(sampleEvent(new Date())), token())
  const status = () => askManager(home, { command: 'status' }, 5000)
  for (let events = 0; events < 2; ) events = (await status()).counters.events ?? 0
  await until(() => readFileSync(join(home, 'logs/archives/archives.json'), 'utf8').split('\n').length === 3)
  expect(alerts()).toHaveLength(1)
})

test('a broken ruleset is refused with all its errors, and the old one goes on', async () => {
  const { ports } = await start()
  writeFileSync(
    join(home, 'etc/rules/local_rules.xml'),
    '<group name="a,">\n<rule id="x" level="5"><description>a</description></rule>\n<rule id="2" level="99"><description>b</description></rule></group>',
  )
  const answer = await askManager(home, { command: 'reload' }, 20_000)
  expect(answer.accepted).toBe(false)
  const lines = answer.problems.filter(({ severity }) => severity === 'error').map(({ at }) => at.line)
  expect([...new Set(lines)]).toEqual([2, 3])
  await post(ports.webhook ?? 0, JSON.stringify(sampleEvent(new Date())), token())
  await until(() => alerts().length === 1)
})

test('a broken configuration is refused with all its errors', async () => {
  writeFileSync(
    join(home, 'etc/ossec.conf'),
    '<ossec_config>\n<global><logall>ja</logall></global>\n<alerts><log_alert_level>x</log_alert_level></alerts></ossec_config>',
  )
  await expect(start()).rejects.toThrow(/ossec\.conf:2:9: error[\s\S]+ossec\.conf:3:9: error/)
})

test('a broken ruleset at the start names its errors', async () => {
  writeFileSync(join(home, 'etc/rules/local_rules.xml'), '<group name="a,">\n<rule id="x" level="5"/></group>')
  await expect(start()).rejects.toThrow(/local_rules\.xml:2:/)
})

test('a port that is taken names port, flag and program, and leaves nothing behind', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await expect(start({ portWebhook: port })).rejects.toThrow(
    new RegExp(`port ${port} for the webhook is taken by .+--port-webhook`),
  )
  await new Promise((resolve) => server.close(resolve))
  await start({ portWebhook: port })
})

test('a second manager is kept out of the home', async () => {
  await start()
  const second = startManager({ home, flags, isTerminal: false, logLevel: 'fatal' })
  await expect(second).rejects.toThrow(/another manager \(process \d+\) is running with the home/)
})

test('it stops in order and starts again', async () => {
  const first = await start()
  expect(await first.stop()).toEqual([])
  expect(existsSync(join(home, 'queue/control.sock'))).toBe(false)
  expect(existsSync(join(home, 'queue/dogwatch.pid'))).toBe(false)
  await start()
})
