import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatProblem } from '@dogwatch/schema'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defaultConfiguration, readConfiguration } from './configuration.ts'
import { configLengthMax } from './examine.ts'
import { rows } from './table.ts'
import { readValue } from './value.ts'

const wrap = (inner: string): string => `<ossec_config>\n${inner}\n</ossec_config>\n`
const read = (inner: string) => readConfiguration('ossec.conf', wrap(inner))
const value = <T>(inner: string, pick: (c: NonNullable<ReturnType<typeof read>['configuration']>) => T): T | null => {
  const { configuration } = read(inner)
  return configuration === null ? null : pick(configuration)
}

describe('reading', () => {
  test('an empty file has the defaults', () => {
    expect(read('').configuration).toEqual(defaultConfiguration())
    expect(defaultConfiguration().alerts).toEqual({ logAlertLevel: 1, emailAlertLevel: 7, useGeoip: false })
  })

  test('later values win, over sections and roots', () => {
    const text = `${wrap('<global><logall_json>yes</logall_json><logall>yes</logall></global><global><logall>no</logall></global>')}
      ${wrap('<global><jsonout_output>no</jsonout_output></global>')}`
    const { configuration } = readConfiguration('f', text)
    expect(configuration?.global).toMatchObject({ logallJson: true, logall: false, jsonoutOutput: false })
  })

  test('lists add up, and white space around a value does not count', () => {
    const inner = '<ruleset><list> etc/lists/a </list></ruleset><ruleset><list>etc/lists/b</list></ruleset>'
    expect(value(inner, (c) => c.ruleset.lists)).toEqual(['etc/lists/a', 'etc/lists/b'])
  })

  test('without a word about folders the usual ones hold; one include replaces them', () => {
    expect(value('', (c) => c.ruleset.ruleDirs.map(({ path }) => path))).toEqual(['ruleset/rules', 'etc/rules'])
    expect(value('<ruleset><rule_include>r.xml</rule_include></ruleset>', (c) => c.ruleset.ruleDirs)).toEqual([])
  })

  test('the default cluster is there without a word about it', () => {
    expect(value('', (c) => c.webhook.clusters)).toEqual([
      { name: 'default', auth: 'token', tokenFile: 'etc/webhook.token', commonName: 'default' },
    ])
  })

  test('the recipe as written: no authentication', () => {
    expect(value('<webhook><auth>none</auth></webhook>', (c) => c.webhook.clusters[0]?.auth)).toBe('none')
  })

  test('clusters have a token file of their own', () => {
    const inner = `<webhook><cluster><name>prod</name></cluster>
      <cluster><name>edge</name><auth>certificate</auth><common_name>edge-api</common_name></cluster></webhook>`
    expect(value(inner, (c) => c.webhook.clusters.slice(1))).toEqual([
      { name: 'prod', auth: 'token', tokenFile: 'etc/webhook-prod.token', commonName: 'prod' },
      { name: 'edge', auth: 'certificate', tokenFile: 'etc/webhook-edge.token', commonName: 'edge-api' },
    ])
  })

  test('each remote is one of its own, with the port of its kind', () => {
    const inner = `<remote><connection>syslog</connection><allowed-ips>10.0.0.0/8</allowed-ips><protocol>udp</protocol></remote>
      <remote><protocol>tcp, udp</protocol></remote>`
    expect(value(inner, (c) => c.remote.map(({ port, protocols }) => [port, protocols]))).toEqual([
      [514, ['udp']],
      [1514, ['tcp', 'udp']],
    ])
  })

  test('a path in UTF-8 is read as such', () => {
    const bytes = Buffer.from(wrap('<bus><path>/data/журнал</path></bus>')).toString('latin1')
    expect(readConfiguration('f', bytes).configuration?.bus.path).toBe('/data/журнал')
  })

  test('it is frozen to the bottom', () => {
    const configuration = defaultConfiguration()
    expect(Object.isFrozen(configuration.webhook.clusters[0])).toBe(true)
    expect(Object.isFrozen(configuration.ruleset.lists)).toBe(true)
  })
})

const drop =
  '<command><name>drop</name><executable>firewall-drop</executable><timeout_allowed>yes</timeout_allowed></command>'
const plain = '<command><name>plain</name><executable>host-deny</executable></command>'
const responses: [says: string, inner: string, expected: object[]][] = [
  ['none', `${drop}${plain}`, []],
  [
    'each has its command with the time behind it, wherever the command stands',
    `<active-response><command>drop</command><timeout>600</timeout><location>local</location><level>10</level></active-response>${drop}`,
    [{ name: 'drop600', executable: 'firewall-drop', timeoutS: 600 }],
  ],
  [
    'no time is no time',
    `${drop}<active-response><command>drop</command></active-response>`,
    [{ name: 'drop0', executable: 'firewall-drop', timeoutS: 0 }],
  ],
  [
    'a command that cannot be taken back has none',
    `${plain}<active-response><command>plain</command><timeout>600</timeout></active-response>`,
    [{ name: 'plain0', executable: 'host-deny', timeoutS: 0 }],
  ],
  [
    'one that is disabled, and the settings of agents, are none',
    `${drop}<active-response><disabled>yes</disabled><command>drop</command></active-response>
     <active-response><disabled>no</disabled><ca_store>etc/wpk_root.pem</ca_store></active-response>`,
    [],
  ],
  ['one whose command there is not is none', '<active-response><command>drop</command></active-response>', []],
]
test.each(responses)('active responses: %s', (_says, inner, expected) => {
  expect(read(inner).configuration?.activeResponses).toEqual(expected)
})

const mistakes: [says: string, inner: string, expected: string][] = [
  [
    'neither yes nor no',
    '<global><logall>ja</logall></global>',
    'ossec.conf:2:9: error: <logall>: `ja` is neither yes nor no',
  ],
  ['a level too high', '<alerts><log_alert_level>17</log_alert_level></alerts>', '17 is more than 16'],
  [
    'a level that is no number',
    '<alerts><log_alert_level>high</log_alert_level></alerts>',
    '`high` is no whole number',
  ],
  [
    'no length of time',
    '<global><agents_disconnection_time>soon</agents_disconnection_time></global>',
    'write for example 30s',
  ],
  ['a port too high', '<webhook><port>65536</port></webhook>', '65536 is more than 65535'],
  ['a size too large', '<webhook><body_max>1GB</body_max></webhook>', '1GB is more than 256MB'],
  ['no size', '<webhook><body_max>big</body_max></webhook>', '`big` is no size'],
  ['not one of the choices', '<webhook><auth>password</auth></webhook>', 'is not one of token, certificate, none'],
  ['a bad name', '<webhook><cluster><name>../x</name></cluster></webhook>', '`../x` is no name'],
  [
    'a cluster without a name',
    '<webhook><cluster></cluster></webhook>',
    'ossec.conf:2:10: error: a <cluster> needs a <name>',
  ],
  [
    'a cluster twice',
    '<webhook><cluster><name>a</name></cluster><cluster><name>a</name></cluster></webhook>',
    'the cluster a stands twice',
  ],
  ['no address', '<webhook><bind>300.1.1.1</bind></webhook>', 'neither an IP address nor a host name'],
  ['no network', '<remote><allowed-ips>10.0.0.0/99</allowed-ips></remote>', 'is no address or network'],
  ['syslog for everyone', '<remote><connection>syslog</connection></remote>', 'needs <allowed-ips>'],
  [
    'agents in TLS by a protocol of its own',
    '<remote><protocol>tls</protocol></remote>',
    'error: agents speak tcp or udp, and TLS on the port of tcp where they can; <require_tls> makes it a must',
  ],
  [
    'TLS of all by udp, as a warning',
    '<remote><protocol>tcp,udp</protocol><require_tls>all</require_tls></remote>',
    'warning: <require_tls>all: no agent can be in TLS by udp',
  ],
  ['an empty path', '<ruleset><rule_dir></rule_dir></ruleset>', 'a path is missing'],
  ['a journal of one file', '<bus><disk_max>64MB</disk_max></bus>', 'must hold at least two segments'],
  ['the wrong place', '<global><log_alert_level>3</log_alert_level></global>', 'it belongs in <alerts>'],
  ['an element in a value', '<global><logall>yes<x/></logall></global>', 'which holds a value'],
  ['text in a section', '<alerts>3</alerts>', 'holds elements, not text'],
  [
    'a misspelt element, as a warning',
    '<global><logal_json>yes</logal_json></global>',
    'warning: <logal_json> is not known in <global>; did you mean <logall_json>?',
  ],
  ['an unknown section, as a warning', '<quux/>', 'warning: <quux> is not known here; it is passed over'],
  ['an unknown wodle', '<wodle name="quux"/>', '<wodle name="quux"> is not known here'],
  [
    'an unknown attribute, as a warning',
    '<ruleset><rule_dir patern=".xml$">a</rule_dir></ruleset>',
    'has no attribute patern=',
  ],
  [
    'a response whose command there is not, as a warning',
    '<active-response><command>drop</command></active-response>',
    'warning: <active-response>: no <command> has the name drop; agents are not told of it',
  ],
  [
    'a program that lies elsewhere, as a warning',
    '<command><name>drop</name><executable>../sh</executable></command><active-response><command>drop</command></active-response>',
    'words without blank and /',
  ],
  [
    'a time of a response that is none',
    '<active-response><timeout>soon</timeout></active-response>',
    '`soon` is no whole number',
  ],
  [
    'an unknown element of an ignored section',
    '<syscheck><directoris>/etc</directoris></syscheck>',
    'did you mean <directories>?',
  ],
]
describe('mistakes', () => {
  for (const [says, inner, expected] of mistakes) {
    test(says, () => {
      const { problems, configuration } = read(inner)
      expect(problems.map(formatProblem).join('\n')).toContain(expected)
      expect(configuration === null).toBe(problems.some(({ severity }) => severity === 'error'))
    })
  }

  test('come all at once, each with its line', () => {
    const { problems } = read(
      '<global>\n<logall>1</logall>\n<logall_json>2</logall_json>\n</global>\n<alerts><log_alert_level>x</log_alert_level></alerts>',
    )
    expect(problems.map(({ at }) => at.line)).toEqual([3, 4, 6])
    expect(problems[0]?.lineText).toBe('<logall>1</logall>')
  })

  const files: [says: string, text: string, code: string][] = [
    ['a file that is not XML', '<ossec_config', 'XML_MALFORMED'],
    ['an empty file', '', 'CONFIG_EMPTY'],
    ['another root', '<agent_config></agent_config>', 'CONFIG_ROOT'],
    ['a file too large', 'x'.repeat(configLengthMax + 1), 'CONFIG_TOO_LARGE'],
  ]
  for (const [says, text, code] of files) {
    test(says, () => {
      const { problems, configuration } = readConfiguration('f', text)
      expect([problems[0]?.code, configuration]).toEqual([code, null])
    })
  }

  test('of twenty thousand elements are bounded', () => {
    const { problems, findings } = read('<global><x/></global>\n'.repeat(20_000))
    expect(problems.length).toBeLessThan(1000)
    expect(findings.length).toBe(40_001)
  })

  test('no text at all makes it throw', () => {
    const piece = fc.constantFrom(
      '<ossec_config>',
      '</ossec_config>',
      '<global>',
      '</global>',
      '<logall>',
      'yes',
      '</logall>',
      '\\<',
      '<!--',
      '-->',
      '<wodle name="',
      '">',
      '\0',
      '\xff',
    )
    fc.assert(fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => void readConfiguration('f', pieces.join(''))))
  })
})

test('the table: each path once, each default sound, each parent there', () => {
  expect(new Set(rows.map(({ path }) => path)).size).toBe(rows.length)
  for (const row of rows) {
    if (row.default !== undefined) expect(readValue(row, row.default)).toHaveProperty('value')
    const slash = row.path.lastIndexOf('/')
    if (slash !== -1)
      expect(rows.some(({ path, kind }) => path === row.path.slice(0, slash) && kind === 'section')).toBe(true)
  }
})

const shared = process.env.DOGWATCH_SHARED ?? join(import.meta.dirname, '../../../../shared')
describe.skipIf(!existsSync(shared))('the stock files', () => {
  for (const name of ['ossec-server.conf', 'ossec-local.conf', 'ossec-agent.conf']) {
    test(`${name} loads, and no element of it is unknown`, () => {
      const path = join(shared, 'conformance/config', name)
      const { configuration, findings, problems } = readConfiguration(path, readFileSync(path, 'latin1'))
      expect(problems).toEqual([])
      expect(findings.filter(({ use }) => use === 'unknown')).toEqual([])
      expect(findings.length).toBeGreaterThan(90)
      expect(configuration).not.toBeNull()
    })
  }

  test('the server file says what it says', () => {
    const text = readFileSync(join(shared, 'conformance/config/ossec-server.conf'), 'latin1')
    const { configuration } = readConfiguration('f', text)
    expect(configuration?.alerts).toMatchObject({ logAlertLevel: 3, emailAlertLevel: 12 })
    expect(configuration?.global.whiteList).toHaveLength(3)
    expect(configuration?.ruleset.ruleExcludes).toEqual(['0215-policy_rules.xml'])
  })
})
