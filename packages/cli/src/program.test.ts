import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commands } from './commands/index.ts'
import { runProgram } from './program.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'))
  mkdirSync(join(folder, 'etc'))
  writeFileSync(
    join(folder, 'etc/ossec.conf'),
    '<ossec_config>\n<global><logall>ja</logall></global>\n<quux/></ossec_config>',
  )
  writeFileSync(join(folder, 'sound.conf'), '<ossec_config><syscheck/></ossec_config>')
})
afterAll(() => rmSync(folder, { recursive: true }))

async function run(...argv: string[]) {
  const out: string[] = []
  const err: string[] = []
  const status = await runProgram(
    commands,
    argv,
    {
      say: (line) => out.push(`${line}\n`),
      note: (line) => err.push(`${line}\n`),
      isTerminal: false,
      home: (flag) => flag ?? folder,
    },
    { out: (text) => out.push(text), err: (text) => err.push(text) },
    false,
  )
  return { status, out: out.join(''), err: err.join('') }
}

const cases: [says: string, argv: string[], status: number, out: RegExp, err: RegExp][] = [
  ['without a command shows the help, as a wrong use', [], 2, /^$/, /Usage: dogwatch <command>/],
  ['--help is an answer', ['--help'], 0, /Exit status:/, /^$/],
  ['--version is an answer', ['--version'], 0, /^\d+\.\d+\.\d+\n$/, /^$/],
  ['an unknown command suggests one', ['statos'], 2, /^$/, /Did you mean status\?/],
  ['an unknown option is a wrong use', ['config', 'check', '--jsn'], 2, /^$/, /unknown option '--jsn'/],
  ['a group without a command shows its help', ['certs'], 2, /^$/, /Usage: dogwatch certs <command>/],
  ['help of a command has examples', ['ruleset', 'reload', '--help'], 0, /Examples:\n {2}# /, /^$/],
  ['a bad number names the option', ['certs', 'renew', '--within', 'x'], 2, /^$/, /--within.*whole number from 0/],
  ['a bad choice names the choices', ['certs', 'issue', 'mail'], 2, /^$/, /Allowed choices are server, client/],
  ['what is missing on the line is a wrong use', ['certs', 'issue', 'client'], 2, /^$/, /^dogwatch: name the client/],
  [
    'a manager that is not there is one line',
    ['status'],
    3,
    /^$/,
    /^dogwatch: no manager is running with the home .+\n$/,
  ],
  [
    'a file that is not there is one line',
    ['config', 'check', '/none'],
    3,
    /^$/,
    /^dogwatch: \/none is not there; .+\n$/,
  ],
]
describe('the command line', () => {
  for (const [says, argv, status, out, err] of cases) {
    test(says, async () => {
      const result = await run(...argv)
      expect(result.err).toMatch(err)
      expect(result.out).toMatch(out)
      expect(result.status).toBe(status)
    })
  }
})

describe('config check', () => {
  test('says for each element what becomes of it, with its line', async () => {
    const { status, out } = await run('config', 'check')
    const path = join(folder, 'etc/ossec.conf')
    expect(out).toContain(`${path}:2: understood: global/logall — `)
    expect(out).toContain(`${path}:3: unknown: quux — `)
    expect(out).toContain(`${path}:2:9: error: <logall>: \`ja\` is neither yes nor no`)
    expect(out).toMatch(/3 understood, 0 ignored on purpose, 1 unknown; 1 error, 1 warning\n$/)
    expect(status).toBe(1)
  })

  test('is content with a sound file', async () => {
    const { status, out } = await run('config', 'check', join(folder, 'sound.conf'), '--quiet')
    expect([status, out.trim().split('\n').length]).toEqual([0, 1])
  })

  test('speaks JSON', async () => {
    const { out } = await run('config', 'check', join(folder, 'sound.conf'), '--json')
    expect(JSON.parse(out)).toMatchObject({ understood: 1, ignored: 1, unknown: 0, errors: 0, warnings: 0 })
  })

  test('looks at what groups share with their agents', async () => {
    const home = join(folder, 'groups-home')
    for (const group of ['default', 'web']) mkdirSync(join(home, 'etc/shared', group), { recursive: true })
    writeFileSync(join(home, 'etc/ossec.conf'), '<ossec_config></ossec_config>\n')
    const conf = join(home, 'etc/shared/web/agent.conf')
    writeFileSync(conf, '<agent_config>\n  <sysheck></sysheck>\n  <labels><label>x</label></labels>\n</agent_config>\n')
    const whole = await run('config', 'check', '--home', home, '--quiet')
    expect(whole.out).toContain(`${conf}:2:3: warning: no agent reads a section <sysheck>; did you mean <syscheck>?`)
    expect(whole.out).toContain(`${conf}:3:11: error: <label>: the attribute key= is missing`)
    expect(whole.out).toMatch(
      /ossec\.conf: 1 understood[^\n]*\n[\s\S]*agent\.conf: 3 understood[^\n]*1 error, 1 warning\n$/,
    )
    expect(whole.status).toBe(1)
    const one = await run('config', 'check', conf, '--json')
    expect(JSON.parse(one.out)).toMatchObject({ file: conf, unknown: 1, errors: 1 })
    const json = await run('config', 'check', '--home', home, '--json')
    expect(JSON.parse(json.out)).toMatchObject({ errors: 0, groups: [{ file: conf, errors: 1 }] })
    writeFileSync(conf, '<agent_config></agent_config>\n')
    expect((await run('config', 'check', '--home', home, '--quiet')).status).toBe(0)
  })
})

describe('certs', () => {
  test('are made, shown and renewed', async () => {
    const home = join(folder, 'certs-home')
    mkdirSync(home)
    expect((await run('certs', 'show', '--home', home)).status).toBe(1)
    const made = await run('certs', 'init', '--home', home, '--name', 'dogwatch.example.com')
    expect([made.err, made.status]).toEqual(['', 0])
    expect((await run('certs', 'init', '--home', home)).err).toMatch(/^dogwatch: .+--force\n$/)
    expect((await run('certs', 'issue', 'client', 'prod', '--home', home)).status).toBe(0)
    const shown = await run('certs', 'show', '--home', home)
    expect(shown.out).toContain('dogwatch.example.com')
    expect(shown.out).toContain('client-prod.pem')
    expect(shown.status).toBe(0)
    expect((await run('certs', 'renew', '--home', home)).err).toBe('no certificate of ours ends within 30 days\n')
  })
})

describe('k8s', () => {
  const replay = ['k8s', 'replay', 'x', '--to']
  const uses: [says: string, argv: string[], status: number, err: RegExp][] = [
    ['setup wants to know the server', ['k8s', 'setup'], 2, /required option '--server <address>'/],
    [
      'setup wants certificate and key together',
      ['k8s', 'setup', '--server', 'a', '--client-cert', '/none'],
      2,
      /go together/,
    ],
    [
      'setup names the file that it lacks',
      ['k8s', 'setup', '--server', 'a'],
      3,
      /webhook\.token cannot be read; .+--token-file/,
    ],
    ['replay wants a URL', [...replay, 'localhost:8080'], 2, /must be a URL such as/],
    ['replay wants a file', [...replay, 'https://localhost:1/'], 3, /^dogwatch: x cannot be read\n$/],
    ['replay wants a rate above nothing', [...replay, 'https://localhost:1/', '--rate', '0'], 2, /whole number from 1/],
  ]
  for (const [says, argv, status, err] of uses) {
    test(says, async () => {
      const result = await run(...argv)
      expect(result.err).toMatch(err)
      expect(result.status).toBe(status)
    })
  }

  test('setup in the recipe’s form shows what it would write, and writes nothing', async () => {
    const root = join(folder, 'kubernetes')
    mkdirSync(root)
    const { status, out } = await run(
      'k8s',
      'setup',
      '--server',
      '192.0.2.1',
      '--insecure',
      '--root',
      root,
      '--distribution',
      'k3s',
      '--dry-run',
      '--json',
    )
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      dryRun: true,
      files: [{ state: 'created' }, { state: 'created' }],
    })
    expect(status).toBe(0)
    expect(readdirSync(root)).toEqual([])
  })

  test('replay that nobody takes is a no', async () => {
    const file = join(folder, 'events.jsonl')
    writeFileSync(
      file,
      `${JSON.stringify({ kind: 'Event', apiVersion: 'audit.k8s.io/v1', auditID: 'a', stage: 'ResponseComplete', verb: 'get' })}\n`,
    )
    const { status, out } = await run('k8s', 'replay', file, '--to', 'https://127.0.0.1:1/', '--backoff', '1', '--json')
    expect(JSON.parse(out)).toMatchObject({ delivered: 0, dropped: 1 })
    expect(status).toBe(1)
  })

  test('doctor names what is missing', async () => {
    const { status, out } = await run('k8s', 'doctor', '--root', join(folder, 'none'))
    expect(out).toMatch(/^FAILED +/m)
    expect(status).toBe(1)
  })
})

describe('analyze', () => {
  const files = () => {
    writeFileSync(
      join(folder, 'r_rules.xml'),
      '<group name="syslog,"><rule id="1" level="0" noalert="1"><category>syslog</category><description>all</description></rule></group><group name="a,"><rule id="100001" level="5"><match>bad</match><description>seen</description></rule></group>',
    )
    writeFileSync(join(folder, 'broken_rules.xml'), '<group name="a,"><rule id="x" level="5"></rule></group>')
    writeFileSync(join(folder, 'log.txt'), 'a good line\na bad line\n')
    return ['analyze', '--in', join(folder, 'log.txt'), '--format', 'lines', '--out', join(folder, 'out'), '--ruleset']
  }

  test('writes alerts, and its last line is one JSON object', async () => {
    const { status, out, err } = await run(...files(), join(folder, 'r_rules.xml'))
    expect([status, err]).toEqual([0, ''])
    expect(JSON.parse(out.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ events: 2, alerts: 1 })
    expect(readFileSync(join(folder, 'out/alerts.json'), 'utf8')).toContain('"id":"100001"')
  })

  test('shows all errors of the ruleset', async () => {
    const { status, err } = await run(...files(), join(folder, 'broken_rules.xml'))
    expect(err).toMatch(
      /broken_rules\.xml:1:\d+: error: [\s\S]+\ndogwatch: the ruleset has errors; correct those above\n$/,
    )
    expect(status).toBe(3)
  })

  test('names a file that is not there', async () => {
    const argv = files().map((word) => word.replace('log.txt', 'none.txt'))
    const { status, err } = await run(...argv, join(folder, 'r_rules.xml'))
    expect([status, err]).toEqual([3, `dogwatch: ${join(folder, 'none.txt')} is not there\n`])
  })

  test('wants a format that it knows', async () => {
    expect((await run('analyze', '--ruleset', 'r', '--in', 'x', '--out', 'o', '--format', 'csv')).err).toMatch(
      /Allowed choices are queue, lines, k8s/,
    )
  })
})
