/** The program as a process: signals, exit status, what it says. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const program = join(import.meta.dirname, 'main.ts')
const ports = ['webhook', 'metrics', 'agents', 'enrol', 'api'].flatMap((each) => [`--port-${each}`, '0'])
let home = ''
let child: ChildProcess | null = null

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'dogwatch-main-'))
  for (const each of ['etc/rules', 'ruleset/rules', 'ruleset/decoders'])
    mkdirSync(join(home, each), { recursive: true })
  writeFileSync(
    join(home, 'ruleset/decoders/json.xml'),
    '<decoder name="json"><prematch>^{</prematch><plugin_decoder>JSON_Decoder</plugin_decoder></decoder>',
  )
  writeFileSync(
    join(home, 'ruleset/rules/0010-roots.xml'),
    '<group name="syslog,"><rule id="1" level="0" noalert="1"><category>syslog</category><description>all</description></rule></group>',
  )
  writeFileSync(
    join(home, 'etc/ossec.conf'),
    '<ossec_config><webhook><bind>127.0.0.1</bind></webhook><match><threads>1</threads></match><dashboard><enabled>no</enabled></dashboard></ossec_config>',
  )
  writeRule('old')
})
afterEach(() => {
  child?.kill('SIGKILL')
  child = null
  rmSync(home, { recursive: true })
})

function writeRule(says: string, level = 5): void {
  writeFileSync(
    join(home, 'etc/rules/local_rules.xml'),
    `<group name="k8s,"><rule id="110003" level="${level}"><field name="verb">^create$</field><description>${says}</description></rule></group>`,
  )
}

function alerts(): { readonly says: string; readonly id: string }[] {
  const path = join(home, 'logs/alerts/alerts.json')
  const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []
  return lines.flatMap((line) => {
    const found = /"description":"(\w+)".*"auditID":"(n\d+)"/.exec(line)
    return found ? [{ says: found[1] ?? '', id: found[2] ?? '' }] : []
  })
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10))
}

test('SIGHUP under load: each event is judged once, by the old rules and then by the new; broken ones are refused; SIGTERM ends in order', async () => {
  const started = spawn(process.execPath, [program, '--home', home, ...ports], { stdio: ['ignore', 'pipe', 'pipe'] })
  child = started
  let said = ''
  let logged = ''
  started.stdout.on('data', (chunk) => (said += String(chunk)))
  started.stderr.on('data', (chunk) => (logged += String(chunk)))
  await until(() => said.includes('curl'))
  const port = Number(/https:\/\/127\.0\.0\.1:(\d+)\//.exec(said)?.[1])
  const token = readFileSync(join(home, 'etc/webhook.token'), 'utf8').trim()
  const agent = new Agent({ ca: readFileSync(join(home, 'certs/ca.pem')), keepAlive: true })
  const post = (id: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
      const sent = request({ agent, host: '127.0.0.1', port, method: 'POST', path: '/', headers }, (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
      })
      sent.on('error', reject)
      sent.end(
        JSON.stringify({
          kind: 'EventList',
          apiVersion: 'audit.k8s.io/v1',
          items: [{ level: 'Metadata', auditID: `n${id}`, stage: 'ResponseComplete', verb: 'create' }],
        }),
      )
    })
  let count = 0
  let isFlowing = true
  const flow = (async () => {
    while (isFlowing) expect(await post(count++)).toBe(200)
  })()
  const lastSays = (): string => alerts().at(-1)?.says ?? ''

  await until(() => lastSays() === 'old')
  writeRule('new')
  started.kill('SIGHUP')
  await until(() => lastSays() === 'new')
  writeRule('broken', 99)
  started.kill('SIGHUP')
  await until(() => logged.includes('level must be'))
  const before = count
  await until(() => count > before + 10)
  isFlowing = false
  await flow
  agent.destroy()
  await until(() => alerts().length === count)
  started.kill('SIGTERM')
  expect(await new Promise((resolve) => started.once('exit', resolve))).toBe(0)

  const all = alerts()
  expect(new Set(all.map(({ id }) => id)).size).toBe(count)
  expect(all).toHaveLength(count)
  expect(all.map(({ says }) => says).join(' ')).toMatch(/^(old )+(new ?)+$/)
  expect(existsSync(join(home, 'queue/dogwatch.pid'))).toBe(false)
})

test.each<[says: string, args: () => string[], status: number, line: RegExp]>([
  ['an unknown option', () => ['--hom', home], 2, /^dogwatch: .*--hom.*\n\(see: .*\n$/],
  [
    'a home that is a file',
    () => ['--home', join(home, 'etc/ossec.conf'), ...ports],
    3,
    /^dogwatch: cannot start \(step: home\): .+ must be a folder .+\n$/,
  ],
])('%s is one line, and the exit status says it', (_says, args, status, line) => {
  const { status: got, stderr } = spawnSync(process.execPath, [program, ...args()], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  expect(stderr).toMatch(line)
  expect(got).toBe(status)
})
