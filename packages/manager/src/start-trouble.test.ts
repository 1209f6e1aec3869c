/** Starts that fail: each says in one line what is wrong and what to do. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Flags } from './flags.ts'
import { startManager } from './manager.ts'
import { explainStartError } from './start-trouble.ts'

const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code })

test.each([
  [
    'a full disk',
    coded('ENOSPC', "ENOSPC: no space left on device, mkdir '/h/etc'"),
    "ENOSPC: no space left on device, mkdir '/h/etc'; the disk is full; make room there (df -h /h), or name another home with --home",
  ],
  [
    'a full disk, as SQLite says it',
    coded('ERR_SQLITE_ERROR', 'database or disk is full'),
    'database or disk is full; the disk is full; make room there (df -h /h), or name another home with --home',
  ],
  [
    'a full disk, told by another part',
    new Error('/h/certs/ca.key cannot be written: ENOSPC: no space left on device, write'),
    '/h/certs/ca.key cannot be written: ENOSPC: no space left on device, write; the disk is full; make room there (df -h /h), or name another home with --home',
  ],
  [
    'a disk that SQLite cannot use',
    coded('ERR_SQLITE_ERROR', 'disk I/O error'),
    "disk I/O error; the disk is full or failing; look at df -h /h and at the system's log",
  ],
  [
    'a home that can only be read',
    coded('EROFS', "EROFS: read-only file system, open '/h/queue/dogwatch.pid'"),
    "EROFS: read-only file system, open '/h/queue/dogwatch.pid'; the home /h can only be read; make its file system writable, or name another home with --home",
  ],
  [
    'a home of another user',
    coded('EACCES', "EACCES: permission denied, mkdir '/h/etc'"),
    "EACCES: permission denied, mkdir '/h/etc'; the home /h must belong to the user that runs Dogwatch; run: chown -R 998 /h, or name another home with --home",
  ],
  ['what needs no more words', new Error('port 1 is taken by x; stop it'), 'port 1 is taken by x; stop it'],
])('%s', (_says, error, line) => expect(explainStartError(error, '/h', 998)).toBe(line))

describe('a start', () => {
  let folder = ''
  let home = ''
  const flags: Flags = {
    home: undefined,
    portWebhook: 0,
    portAgents: 0,
    portEnrol: 0,
    portApi: 0,
    portMetrics: 0,
  }
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dogwatch-start-'))
    home = join(folder, 'home')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  function layOut(): void {
    for (const each of ['etc', 'queue/pipeline', 'ruleset/rules', 'ruleset/decoders'])
      mkdirSync(join(home, each), { recursive: true })
    writeFileSync(
      join(home, 'etc/ossec.conf'),
      `<ossec_config><webhook><bind>127.0.0.1</bind></webhook><match><threads>1</threads></match>
      <remote><connection>secure</connection><local_ip>127.0.0.1</local_ip></remote></ossec_config>`,
    )
    writeFileSync(
      join(home, 'ruleset/rules/0010-roots.xml'),
      '<group name="syslog,"><rule id="1" level="0" noalert="1"><category>syslog</category><description>all</description></rule></group>',
    )
    writeFileSync(
      join(home, 'ruleset/decoders/json.xml'),
      '<decoder name="json"><prematch>^{</prematch><plugin_decoder>JSON_Decoder</plugin_decoder></decoder>',
    )
  }

  const reasonOf = async (over: Partial<Flags> = {}): Promise<{ readonly step: string; readonly message: string }> => {
    const failure = await startManager({
      home,
      flags: { ...flags, ...over },
      isTerminal: false,
      logLevel: 'fatal',
    }).then(
      async (manager) => void (await manager.stop()),
      (error: unknown) => error,
    )
    if (!(failure instanceof Error && 'step' in failure)) throw new Error(`not refused: ${String(failure)}`)
    return { step: String(failure.step), message: failure.message }
  }
  function ofVersion(path: string, version: number): void {
    const database = new DatabaseSync(path)
    database.exec(`PRAGMA user_version = ${version}`)
    database.close()
  }

  test.each([
    ['portWebhook', 'webhook', '--port-webhook'],
    ['portMetrics', 'metrics', '--port-metrics'],
    ['portApi', 'api', '--port-api'],
    ['portEnrol', 'agents', '--port-enrol'],
    ['portAgents', 'agents', '--port-agents'],
  ] as const)('with %s taken names the port, who has it, and the flag', async (flag, step, name) => {
    layOut()
    const holder = createServer()
    const port = await new Promise<number>((resolve) => {
      holder.listen(0, '127.0.0.1', () => {
        const address = holder.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
    try {
      const reason = await reasonOf({ [flag]: port })
      expect(reason.step).toBe(step)
      expect(reason.message).toMatch(new RegExp(`^port ${port} for .+ is taken by .+; stop it, or .+${name} <port>$`))
    } finally {
      holder.close()
    }
    expect(existsSync(join(home, 'queue/dogwatch.pid'))).toBe(false)
  })

  test.each([
    [
      'state.db',
      'api',
      (path: string) => ofVersion(path, 99),
      /state\.db has version 99, this Dogwatch knows \d+; use the newer one$/,
    ],
    [
      'agents.db',
      'agents',
      (path: string) => ofVersion(path, 99),
      /agents\.db is of version 99, this is \d+; use the program that wrote it$/,
    ],
    [
      'pipeline/checkpoint.json',
      'pipeline',
      (path: string) => writeFileSync(path, '{"version":9}'),
      /checkpoint\.json: version 9, this program knows 1; move the file away .*$/,
    ],
  ] as const)('in a home with %s of a newer version says so', async (name, step, write, line) => {
    layOut()
    write(join(home, 'queue', name))
    const reason = await reasonOf()
    expect(reason.message).toMatch(line)
    expect(reason.message).not.toContain('\n')
    expect(reason.step).toBe(step)
  })

  test('in a home that is a file says that a folder is wanted', async () => {
    writeFileSync(home, '')
    expect(await reasonOf()).toMatchObject({ step: 'home', message: expect.stringMatching(/must be a folder/) })
  })
})
