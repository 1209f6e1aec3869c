import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Names } from '../fim/names.ts'
import { parseRules, type Run } from './audit-control.ts'
import { AuditSource, type AuditSourceOptions, type WhoHint } from './audit-source.ts'

/** auditd and auditctl as far as we use them: a socket, a list of rules, and records for our own file where wished. */
class TestAudit {
  readonly dir = mkdtempSync(join(tmpdir(), 'dogwatch-audit-'))
  readonly watched = join(this.dir, 'watched')
  readonly socketPath = join(this.dir, 'socket')
  readonly rules: string[] = []
  readonly notices: string[] = []
  readonly hints: WhoHint[] = []
  readonly told: string[] = []
  enabled = 1
  recordsHealth = true
  #connection: Socket | null = null
  readonly #server: Server = createServer((socket) => {
    this.#connection = socket
  })

  async listen(): Promise<void> {
    mkdirSync(this.watched)
    mkdirSync(join(this.dir, 'rules.d'))
    await new Promise<void>((resolve) => this.#server.listen(this.socketPath, resolve))
  }

  close(): void {
    this.#connection?.destroy()
    this.#server.close()
    rmSync(this.dir, { recursive: true, force: true })
  }

  record(key: string, path: string): void {
    const id = 'msg=audit(1732269605.123:7):'
    this.#connection?.write(
      `type=SYSCALL ${id} success=yes items=1 ppid=1 pid=1 auid=1000 uid=0 gid=0 euid=0 exe="/bin/sh" key="${key}"\n` +
        `type=CWD ${id} cwd="/"\ntype=PATH ${id} item=0 name="${path}" inode=1 dev=08:01 nametype=NORMAL\ntype=EOE ${id}\n`,
    )
  }

  /** Somebody removes our rule, and the kernel tells. */
  removeRule(): void {
    this.rules.splice(0)
    this.#connection?.write(
      `type=CONFIG_CHANGE msg=audit(1732269605.${this.notices.length}:8): op=remove_rule dir="${this.watched}" key="wazuh_fim" list=4 res=1\n` +
        `type=EOE msg=audit(1732269605.${this.notices.length}:8): \n`,
    )
  }

  readonly run: Run = async (_file, args) => {
    const output = this.#answer(args)
    return { isOk: output !== null, output: output ?? 'no' }
  }

  #answer([verb = '', ...words]: readonly string[]): string | null {
    const rule = `-w ${words.join(' ')}`
    if (verb === '-s') return `enabled ${this.enabled}\npid 1`
    if (verb === '-l') return this.rules.join('\n')
    if (this.enabled === 2) return null
    if (verb === '-w') this.rules.push(rule)
    else if (verb === '-W') this.rules.splice(this.rules.indexOf(rule), this.rules.includes(rule) ? 1 : 0)
    if (verb === '-w' && rule.includes('wazuh_hc') && this.recordsHealth) {
      setTimeout(() => this.record('wazuh_hc', join(words[0] ?? '', 'file')), 5)
    }
    return ''
  }

  source(over: Partial<AuditSourceOptions> = {}): AuditSource {
    return new AuditSource({
      socketPath: this.socketPath,
      folders: [this.watched],
      keys: ['mine'],
      names: new Names(),
      onActor: () => {},
      onHint: (hint) => this.hints.push(hint),
      healthFolder: join(this.dir, 'health'),
      rulesFolder: join(this.dir, 'rules.d'),
      notice: (text) => this.notices.push(text),
      tell: (_level, text) => this.told.push(text),
      run: this.run,
      healthMs: 5000,
      ...over,
    })
  }
}

let audit: TestAudit
beforeEach(async () => {
  audit = new TestAudit()
  await audit.listen()
})
afterEach(() => audit.close())

const ours = (): string[] => [...parseRules(audit.rules.join('\n'))]

test('the record of our own file says that who-data works, and leaves no rule behind', async () => {
  const source = audit.source()
  expect(await source.start()).toBeNull()
  expect(source.isLive).toBe(true)
  expect(audit.rules).toEqual([`-w ${audit.watched} -p wa -k wazuh_fim`])
  expect(audit.hints).toEqual([])
  await source.close()
  expect(audit.rules).toEqual([])
})

test('without the record of our own file there is no who-data from the audit, and no rule of ours', async () => {
  audit.recordsHealth = false
  const source = audit.source({ healthMs: 20 })
  expect(await source.start()).toMatch(/did not come within 0.02 s/)
  expect([source.isLive, audit.rules]).toEqual([false, []])
})

test('an auditd that records only later is waited for', async () => {
  audit.recordsHealth = false
  const source = audit.source()
  const started = source.start()
  const file = join(audit.dir, 'health/file')
  await vi.waitFor(() => expect(existsSync(file)).toBe(true))
  rmSync(file)
  // It is made again, and that is recorded.
  await vi.waitFor(() => expect(existsSync(file)).toBe(true), { timeout: 5000 })
  audit.record('wazuh_hc', file)
  expect(await started).toBeNull()
  await source.close()
})

test('where the check is not wished, none is made', async () => {
  audit.recordsHealth = false
  const source = audit.source({ healthFolder: null })
  expect(await source.start()).toBeNull()
  await source.close()
})

test('locked rules are written for the next start of the system', async () => {
  audit.enabled = 2
  const source = audit.source()
  expect(await source.start()).toMatch(/locked .*restart it$/)
  expect(readFileSync(join(audit.dir, 'rules.d/audit_rules_wazuh.rules'), 'utf8')).toBe(
    `-w ${audit.watched} -p wa -k wazuh_fim\n`,
  )
  expect(source.isLive).toBe(false)
})

test('locked rules that are ours are used, and left alone', async () => {
  audit.rules.push(`-w ${audit.watched} -p wa -k wazuh_fim`)
  audit.enabled = 2
  const source = audit.source()
  expect(await source.start()).toBeNull()
  expect(source.isLive).toBe(true)
  await source.close()
  expect(ours()).toEqual([audit.watched])
})

test.each([
  ['ours', 'wazuh_fim', 1],
  ['one of the configuration', 'mine', 1],
  ['another', 'theirs', 0],
])('an event with the key that is %s', async (_says, key, count) => {
  const source = audit.source()
  await source.start()
  const path = join(audit.watched, 'x')
  audit.record(key, path)
  audit.record('wazuh_fim', `${path}2`)
  await vi.waitFor(() => expect(audit.hints.some((hint) => hint.path === `${path}2`)).toBe(true))
  expect(audit.hints.filter((hint) => hint.path === path).length).toBe(count)
  await source.close()
})

test('a rule that is removed is put back five times, then who-data ends, all of it told', async () => {
  const source = audit.source()
  await source.start()
  for (let time = 1; time <= 6; time++) {
    audit.removeRule()
    await vi.waitFor(() => expect(audit.notices.length).toBeGreaterThanOrEqual(time))
    if (time <= 5) await vi.waitFor(() => expect(ours()).toEqual([audit.watched]))
  }
  await vi.waitFor(() => expect(source.isLive).toBe(false))
  expect(audit.notices).toEqual([
    ...Array.from({ length: 6 }, () => 'ossec: Audit: Detected rules manipulation: Audit rules removed'),
    'ossec: Audit: Detected rules manipulation: Max rules reload retries',
  ])
  expect(ours()).toEqual([])
})
