/** From nothing to the first alert, the way a newcomer goes: npm start, the printed curl line, a look into the files. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { arrayOf, objectOf, textOf } from '../scripts/json-file.ts'
import { AuditSender } from './audit-sender.ts'
import { type Checks, messageOf, until } from './checks.ts'
import { createEvent } from './create-event.ts'
import { alertsFile, archivesFile, type Line, linesOf, valueAt, writeArchivingConfiguration } from './home-files.ts'
import {
  caOf,
  freePorts,
  type ManagerProcess,
  type Ports,
  pageOf,
  startManager,
  temporaryHome,
  tokenOf,
} from './manager-process.ts'

/** Longest wait for an alert; how long it took is printed. */
const alertMsMax = 15_000

export async function run(checks: Checks): Promise<void> {
  const home = temporaryHome()
  const ports = await freePorts()
  let manager: ManagerProcess | null = null
  await checks.must('npm start on an empty home gets ready', async () => {
    manager = await startManager({ home, ports, through: 'npm' })
    return `${Math.round(manager.readyMs)} ms`
  })
  await checks.check('certificates, token and first rules are in the home, secrets for the owner only', () => {
    for (const secret of ['certs/server.key', 'etc/webhook.token']) {
      assert.equal(statSync(join(home, secret)).mode & 0o777, 0o600, secret)
    }
    for (const file of ['certs/ca.pem', 'certs/server.pem', 'etc/ossec.conf', 'etc/rules/local_rules.xml']) {
      assert.ok(statSync(join(home, file)).size > 0, file)
    }
  })
  const sender = new AuditSender({ port: ports.webhook, ca: caOf(home), token: tokenOf(home) }, 2)
  const create = createEvent()
  await checks.check('a create event is acknowledged', async () => {
    const { status, text } = await sender.post(create)
    assert.equal(status, 200)
    assert.equal(text, 'Webhook received!')
  })
  const posted = performance.now()
  await checks.check('and is one alert of rule 110003, with the event’s fields', async () => {
    const alert = await alertNumber(home, 1)
    const tookMs = Math.round(performance.now() - posted)
    assertAlert(alert, create, '110003')
    return `${tookMs} ms`
  })
  const remove = changedEvent(create, 'delete')
  await checks.check('a delete event is one alert of rule 110004', async () => {
    assert.equal((await sender.post(remove)).status, 200)
    assertAlert(await alertNumber(home, 2), remove, '110004')
  })
  await checks.check('the same event again is acknowledged and no alert', async () => {
    assert.equal((await sender.post(create)).status, 200)
  })
  await refusals(checks, home, ports)
  await checks.check('an ordinary get is acknowledged and no alert', async () => {
    assert.equal((await sender.post(changedEvent(create, 'get'))).status, 200)
  })
  await curlLine(checks, home, manager)
  await checks.check('alerts.log has the alerts as text', () => {
    const text = readFileSync(join(home, 'logs/alerts/alerts.log'), 'utf8')
    assert.match(text, /Rule: 110003 \(level 5\)/)
    assert.match(text, /Rule: 110004 \(level 5\)/)
  })
  await checks.check('metrics count what came in', async () => {
    assert.match(await pageOf(ports.metrics, '/metrics'), /^\w*received\w*(?:\{[^}]*\})? [1-9]/m)
    assert.equal(await pageOf(ports.metrics, '/healthz').then((text) => text.trim()), 'ok')
  })
  sender.close()
  await stopped(checks, manager)
  await archiving(checks)
}

/** Nothing in alerts.json comes from these. */
async function refusals(checks: Checks, home: string, ports: Ports): Promise<void> {
  const body = createEvent()
  for (const [sentence, token] of [
    ['a wrong token is refused', 'x'.repeat(43)],
    ['no token is refused', null],
  ] as const) {
    await checks.check(sentence, async () => {
      const stranger = new AuditSender({ port: ports.webhook, ca: caOf(home), token }, 1)
      assert.equal((await stranger.post(body)).status, 401)
      stranger.close()
    })
  }
  await checks.check('a body that is no JSON is refused with a 4xx', async () => {
    const sender = new AuditSender({ port: ports.webhook, ca: caOf(home), token: tokenOf(home) }, 1)
    const { status } = await sender.post(Buffer.from('kind: EventList'))
    sender.close()
    assert.ok(status >= 400 && status < 500, `status ${status}`)
  })
  await checks.check('plain HTTP on the TLS port gets no alert through', async () => {
    const outcome = await new Promise<string>((resolve) => {
      const posted = request({ host: '127.0.0.1', port: ports.webhook, method: 'POST', timeout: 5000 }, (response) => {
        response.resume()
        resolve(`status ${response.statusCode}`)
      })
      posted.on('timeout', () => posted.destroy(new Error('no answer')))
      posted.on('error', (error) => resolve(messageOf(error)))
      posted.end(body)
    })
    assert.notEqual(outcome, 'status 200')
    return outcome
  })
}

async function curlLine(checks: Checks, home: string, manager: ManagerProcess | null): Promise<void> {
  const sentence = 'the printed curl line, pasted into a shell, is the third alert'
  if (spawnSync('curl', ['--version']).status !== 0) return checks.skip(sentence, 'curl is not installed')
  await checks.check(sentence, async () => {
    const line = /^\s*(curl .*)$/m.exec(manager?.output() ?? '')?.[1]
    assert.ok(line !== undefined, `no curl line in what was printed:\n${manager?.output()}`)
    const shell = spawnSync('sh', ['-c', line], { encoding: 'utf8', timeout: 20_000 })
    assert.equal(shell.status, 0, shell.stderr)
    assert.equal(shell.stdout.trim(), 'Webhook received!')
    assert.equal(valueAt(await alertNumber(home, 3), 'rule', 'id'), '110003')
  })
}

async function stopped(checks: Checks, manager: ManagerProcess | null): Promise<void> {
  await checks.check('SIGTERM to npm ends the manager in order', async () => {
    assert.equal(await manager?.stop(), 0)
  })
}

async function archiving(checks: Checks): Promise<void> {
  const home = temporaryHome()
  const ports = await freePorts()
  writeArchivingConfiguration(home)
  const manager = await startManager({ home, ports, through: 'node' })
  const sender = new AuditSender({ port: ports.webhook, ca: caOf(home), token: tokenOf(home) }, 1)
  await checks.check('with logall_json every event is in archives.json', async () => {
    const create = createEvent()
    const events = ['create', 'get', 'list', 'watch', 'delete'].map((verb) => changedEvent(create, verb))
    for (const event of events) assert.equal((await sender.post(event)).status, 200)
    const { lines } = await until('five archived events', alertMsMax, () => {
      const found = linesOf(home, archivesFile)
      return found.lines.length >= events.length ? found : undefined
    })
    const verbs = lines.map((line) => valueAt(line, 'data', 'verb'))
    assert.deepEqual(verbs, ['create', 'get', 'list', 'watch', 'delete'])
  })
  sender.close()
  await stopped(checks, manager)
}

/** The nth alert of a home; an error when there are more. */
function alertNumber(home: string, n: number): Promise<Line> {
  return until(`alert ${n} in ${alertsFile}`, alertMsMax, () => {
    const { lines, torn } = linesOf(home, alertsFile)
    assert.equal(torn, 0, 'no line is torn')
    assert.ok(lines.length <= n, `${lines.length} alerts instead of ${n}`)
    return lines[n - 1]
  })
}

function assertAlert(alert: Line, body: Buffer, ruleId: string): void {
  const item = objectOf(arrayOf(objectOf(JSON.parse(body.toString())).items)[0])
  assert.equal(valueAt(alert, 'rule', 'id'), ruleId)
  assert.equal(valueAt(alert, 'rule', 'level'), 5)
  assert.equal(alert.location, 'k8s')
  assert.equal(valueAt(alert, 'data', 'kind'), 'Event')
  assert.equal(valueAt(alert, 'data', 'apiVersion'), 'audit.k8s.io/v1')
  for (const field of ['auditID', 'verb', 'stage', 'requestURI', 'level', 'userAgent', 'stageTimestamp']) {
    assert.equal(valueAt(alert, 'data', field), item[field], field)
  }
  for (const [name, value] of Object.entries(objectOf(item.objectRef))) {
    assert.equal(valueAt(alert, 'data', 'objectRef', name), value, `objectRef.${name}`)
  }
  assert.equal(valueAt(alert, 'data', 'user', 'username'), valueAt(item, 'user', 'username'))
}

/** The event with another verb and an identity of its own. */
function changedEvent(body: Buffer, verb: string): Buffer {
  const text = body.toString().replace(/"verb":"\w+"/, `"verb":"${verb}"`)
  return Buffer.from(text.replace(/"auditID":"[^"]*"/, `"auditID":"${textOf(randomUUID())}"`))
}
