import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bannerText, sampleEvent, shellWord } from './banner.ts'
import { askManager } from './control-client.ts'
import { controlSocketPath, type StatusAnswer } from './control-protocol.ts'
import { startControl } from './control-server.ts'
import { readFlags } from './flags.ts'
import { openLog, readableLine } from './log.ts'
import { type MetricsPages, startMetricsServer } from './metrics-server.ts'
import { explainListenError, listeningInodes, portHolder } from './port-holder.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'manager-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('flags', () => {
  const cases: [says: string, argv: string[], expected: object][] = [
    ['none at all', [], { flags: { home: undefined, portWebhook: undefined } }],
    [
      'home and ports',
      ['--home', '/h', '--port-webhook=0', '--port-api', '1'],
      { flags: { home: '/h', portWebhook: 0, portApi: 1 } },
    ],
    ['help', ['-h'], { help: true }],
    ['an unknown one', ['--prot-webhook', '1'], { wrong: expect.stringContaining('--prot-webhook') }],
    ['a port too high', ['--port-webhook', '65536'], { wrong: expect.stringContaining('from 0 to 65535') }],
    ['a port that is none', ['--port-webhook', 'http'], { wrong: expect.stringContaining('--port-webhook http') }],
    ['a stray word', ['start'], { wrong: expect.stringContaining('start') }],
    ['a home of nothing', ['--home', ''], { wrong: '--home needs a folder' }],
  ]
  for (const [says, argv, expected] of cases) test(says, () => expect(readFlags(argv)).toMatchObject(expected))
})

describe('a port that is taken', () => {
  test('is found in the table of the kernel', () => {
    const line =
      '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0000 100'
    const other = line.replace('0A', '01')
    expect(listeningInodes(`head\n${line}\n${other}\n`, 8080)).toEqual(['4242'])
    expect(listeningInodes(line, 8081)).toEqual([])
  })

  test.skipIf(process.platform !== 'linux')('names port, flag and program', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    expect(portHolder(port)).toContain(`(process ${process.pid})`)
    const taken = Object.assign(new Error('x'), { code: 'EADDRINUSE' })
    const { message } = explainListenError(taken, port, 'the webhook', '--port-webhook')
    expect(message).toMatch(
      new RegExp(`^port ${port} for the webhook is taken by .+\\(process ${process.pid}\\); .+--port-webhook`),
    )
    await new Promise((resolve) => server.close(resolve))
    expect(portHolder(port)).toBeNull()
  })
})

describe('the control socket', () => {
  const status: StatusAnswer = {
    version: '1',
    pid: 1,
    uptimeS: 2,
    ready: true,
    listening: [],
    counters: { received: 3 },
    lastRecordMs: {},
  }
  const reload = { accepted: false, decoderFiles: 1, ruleFiles: 2, lists: 0, problems: [] }
  const agents = () => ({ problem: null, agents: [], groups: [] })

  for (const [says, name] of [
    ['answers', 'home'],
    ['answers below a long path', `${'long'.repeat(30)}/home`],
  ] as const) {
    test(says, async () => {
      const home = join(folder, name)
      mkdirSync(join(home, 'queue'), { recursive: true })
      const control = await startControl(home, { status: () => status, reload: () => Promise.resolve(reload), agents })
      expect(statSync(controlSocketPath(home)).mode & 0o777).toBe(0o600)
      expect(await askManager(home, { command: 'status' }, 5000)).toEqual(status)
      expect(await askManager(home, { command: 'reload' }, 5000)).toEqual(reload)
      await control.close()
      await expect(askManager(home, { command: 'status' }, 5000)).rejects.toMatchObject({ code: 'MANAGER_ABSENT' })
    })
  }

  test('refuses what is no command, and cuts off what never ends', async () => {
    mkdirSync(join(folder, 'queue'))
    const control = await startControl(folder, { status: () => status, reload: () => reload, agents })
    const exchange = (text: string) =>
      new Promise<string>((resolve) => {
        let answer = ''
        const socket = connect(controlSocketPath(folder), () => socket.write(text))
        socket.on('data', (chunk) => (answer += String(chunk)))
        socket.on('error', () => {})
        socket.on('close', () => resolve(answer))
      })
    expect(await exchange('{"command":"halt"}\n')).toContain('no such command')
    expect(await exchange('not json\n')).toContain('no such command')
    expect(await exchange('{"command":"agents","agents":{"verb":"remove","id":"../x"}}\n')).toContain('no such command')
    expect(await exchange('{"command":"agents","agents":{"verb":"list"}}\n')).toContain('"problem":null')
    expect(await exchange('x'.repeat(10_000))).toBe('')
    await control.close()
  })

  test('waits for an answer no longer than asked', async () => {
    mkdirSync(join(folder, 'queue'))
    const control = await startControl(folder, { status: () => new Promise(() => {}), reload: () => reload, agents })
    await expect(askManager(folder, { command: 'status' }, 50)).rejects.toMatchObject({ code: 'MANAGER_SILENT' })
    await control.close()
  })
})

describe('health and metrics', () => {
  const serve = async (pages: Partial<MetricsPages>) => {
    const server = await startMetricsServer('127.0.0.1', 0, {
      notReady: () => [],
      metrics: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', text: 'a 1\n' }),
      ...pages,
    })
    const get = async (path: string, method = 'GET') => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method })
      return [response.status, await response.text()]
    }
    return { server, get }
  }
  test('have their pages', async () => {
    const { server, get } = await serve({})
    expect(await get('/healthz')).toEqual([200, 'ok\n'])
    expect(await get('/readyz?verbose')).toEqual([200, 'ready\n'])
    expect(await get('/metrics')).toEqual([200, 'a 1\n'])
    expect((await get('/'))[0]).toBe(404)
    expect((await get('/metrics', 'POST'))[0]).toBe(405)
    await server.close()
  })
  test('say what is not ready', async () => {
    const { server, get } = await serve({ notReady: () => ['the journal is full'] })
    expect(await get('/readyz')).toEqual([503, 'the journal is full\n'])
    await server.close()
  })
})

describe('the banner', () => {
  const facts = {
    home: "/srv/it's here",
    listening: [{ name: 'webhook', address: 'https://0.0.0.0:8080/' }],
    webhookHost: 'localhost',
    webhookPort: 8080,
    auth: 'token',
    caPath: "/srv/it's here/certs/ca.pem",
    tokenPath: "/srv/it's here/etc/webhook.token",
    firstPassword: null,
    pageAddress: 'https://localhost:55000/app/',
    now: new Date('2026-11-24T07:00:00.123Z'),
  } as const

  test('has a line that a shell takes as it is', () => {
    const line = bannerText(facts).trimEnd().split('\n').at(-1) ?? ''
    const shown = spawnSync(
      'sh',
      ['-c', `curl() { for a in "$@"; do echo "$a"; done; }; ${line.replace(/\$\(cat [^)]+\)/, 'TOKEN')}`],
      { encoding: 'utf8' },
    )
    expect(shown.stdout.split('\n')).toContain("/srv/it's here/certs/ca.pem")
    expect(shown.stdout).toContain('Authorization: Bearer TOKEN')
    expect(shown.stdout).toContain('"stageTimestamp":"2026-11-24T07:00:00.123000Z"')
  })
  test('shows the first password when there is one', () => {
    const firstPassword = { user: 'admin', password: 'Secret-1' }
    expect(bannerText({ ...facts, firstPassword })).toContain('First user: admin   password: Secret-1\n')
  })
  test('needs no token where there is no authentication', () => {
    expect(bannerText(facts)).toContain('Open https://localhost:55000/app/ in a browser')
    expect(bannerText({ ...facts, auth: 'none' })).not.toContain('Authorization')
  })
  test('has no line without a receiver', () => {
    expect(bannerText({ ...facts, webhookPort: null })).not.toContain('curl')
  })
  test('a sample is a list of one event', () =>
    expect(sampleEvent(facts.now)).toMatchObject({ items: [{ verb: 'create' }] }))
  test('a plain word needs no quotes', () =>
    expect([shellWord('/a/b.c'), shellWord('a b')]).toEqual(['/a/b.c', "'a b'"]))
})

describe('the log', () => {
  test('is JSON in its file', async () => {
    mkdirSync(join(folder, 'logs'))
    const { log, close } = openLog(folder, false, 'fatal')
    log.fatal({ port: 1 }, 'said')
    await close()
    expect(JSON.parse(readFileSync(join(folder, 'logs/dogwatch.log'), 'utf8'))).toMatchObject({ msg: 'said', port: 1 })
  })
  test('is readable on a terminal', () => {
    const json = JSON.stringify({
      level: 40,
      time: '2026-11-24T07:00:00.123Z',
      msg: 'said',
      file: 'a',
      err: { message: 'why' },
    })
    expect(readableLine(json)).toBe('07:00:00 warn  said: why  file=a\n')
    expect(readableLine('no json')).toBe('no json')
  })
})
