import { expect, test } from 'vitest'
import { allChecks, checkBit } from '../fim/options.ts'
import { type ConfText, readAgentConf } from './agent-conf.ts'

const read = (body: string, isLocal = true) =>
  readAgentConf([{ path: 'etc/ossec.conf', text: `<ossec_config>${body}</ossec_config>`, isLocal }])
const confOf = (body: string) => {
  const { conf, problems } = read(body)
  if (conf === null || problems.length > 0) throw new Error(JSON.stringify(problems))
  return conf
}

test('an empty file has the defaults', () => {
  expect(confOf('')).toMatchObject({
    servers: [],
    epsMax: 500,
    syscheck: { frequencyS: 43_200, directories: [] },
    sources: [],
  })
})

test('directories have their options, later definitions and sections win', () => {
  const { syscheck } = confOf(`
    <syscheck>
      <frequency>1h</frequency>
      <directories realtime="yes">/etc,/usr/bin/</directories>
      <directories check_all="no" check_size="yes" check_sha256sum="yes" recursion_level="2" tags="a,b" restrict=".conf$" report_changes="yes" diff_size_limit="10MB">/opt</directories>
      <ignore>/etc/mtab</ignore>
      <ignore type="sregex">.log$|.swp$</ignore>
      <file_limit><enabled>no</enabled></file_limit>
      <diff><file_size><limit>1MB</limit></file_size><nodiff>/etc/ssl</nodiff></diff>
      <whodata><audit_key>mine, other</audit_key></whodata>
    </syscheck>
    <syscheck><directories whodata="yes">/etc</directories><frequency>60</frequency><database>memory</database></syscheck>`)
  expect(syscheck.directories.map(({ path, mode, checks }) => [path, mode, checks])).toEqual([
    ['/usr/bin', 'realtime', allChecks],
    ['/opt', 'scheduled', checkBit('size') | checkBit('sha256')],
    ['/etc', 'whodata', allChecks],
  ])
  expect(syscheck.directories[1]).toMatchObject({
    recursionLevel: 2,
    tags: 'a,b',
    reportChanges: true,
    diffSizeMax: 10 * 1024 ** 2,
  })
  expect(syscheck.directories[1]?.restrict?.test('/opt/x.conf')).toBe(true)
  expect(syscheck).toMatchObject({ frequencyS: 60, fileLimit: 0, diffSizeMax: 1024 ** 2, isInMemory: true })
  expect(syscheck.nodiff.prefixes).toEqual(['/etc/ssl'])
  expect(syscheck.whodata.keys).toEqual(['mine', 'other'])
})

test('a scan at an hour is at least weekly', () => {
  expect(confOf('<syscheck><scan_time>9pm</scan_time></syscheck>').syscheck).toMatchObject({
    scanMinute: 1260,
    frequencyS: 604_800,
  })
})

test('log sources of every kind', () => {
  const { sources } = confOf(`
    <localfile><location>/var/log/*.log</location><log_format>syslog</log_format><only-future-events max-size="1MB">no</only-future-events><exclude>/var/log/x.log</exclude><ignore type="osmatch">noise</ignore></localfile>
    <localfile><location>/a</location><log_format>multi-line:3</log_format></localfile>
    <localfile><location>/a</location><log_format>multi-line-regex</log_format><multiline_regex match="end" replace="wspace" timeout="9">x$</multiline_regex></localfile>
    <localfile><log_format>full_command</log_format><command>df -P</command><alias>df</alias><frequency>hourly</frequency></localfile>
    <localfile><location>journald</location><log_format>journald</log_format><filter field="_SYSTEMD_UNIT">^ssh</filter></localfile>
    <localfile><location>/var/log/containers/*.log</location><log_format>cri</log_format><label key="team.name">ops</label></localfile>`)
  expect(sources).toMatchObject([
    { kind: 'file', location: '/var/log/*.log', onlyFuture: false, backMax: 1024 ** 2, exclude: ['/var/log/x.log'] },
    { format: { kind: 'lines', count: 3 }, onlyFuture: true },
    { format: { kind: 'regex', match: 'end', joint: ' ', timeoutMs: 9000 } },
    { kind: 'command', command: 'df -P', alias: 'df', frequencyS: 3600, isFull: true },
    { format: { kind: 'cri' }, labels: [{ key: 'team.name', value: 'ops' }] },
    { kind: 'journald', filters: [[{ field: '_SYSTEMD_UNIT' }]] },
  ])
})

test.each(['auto', 'required', 'no'] as const)('TLS to the manager: %s', (tls) => {
  const client = (body: string): string =>
    `<client>${body}<enrollment><server_ca_path>etc/ca.pem</server_ca_path></enrollment></client>`
  expect(confOf(client(`<tls> ${tls} </tls>`)).tls).toBe(tls)
  expect(confOf(client('')).tls).toBe('auto')
})

const wrong: [says: string, body: string, problem: RegExp][] = [
  ['a word that is none of TLS', '<client><tls>yes</tls></client>', /<tls>: `yes` is none of auto, required, no/],
  ['TLS without an authority', '<client><tls>required</tls></client>', /<tls>: required needs .*<server_ca_path>/],
  ['a word that is neither yes nor no', '<syscheck><disabled>maybe</disabled></syscheck>', /neither yes nor no/],
  ['a path that is not absolute', '<syscheck><directories>etc</directories></syscheck>', /no absolute path/],
  [
    'an attribute that is not known',
    '<syscheck><directories check_al="yes">/etc</directories></syscheck>',
    /check_al= is not known/,
  ],
  ['an element that is not known', '<syscheck><frequenzy>1</frequenzy></syscheck>', /not known in <syscheck>/],
  [
    'a recursion that is too deep',
    '<syscheck><directories recursion_level="321">/etc</directories></syscheck>',
    /0 to 320/,
  ],
  [
    'a pattern that is wrong',
    '<localfile><location>/a</location><log_format>syslog</log_format><ignore>(</ignore></localfile>',
    /pattern is wrong/,
  ],
  [
    'a format that is not known',
    '<localfile><location>/a</location><log_format>xml</log_format></localfile>',
    /not known/,
  ],
  ['a file without a path', '<localfile><log_format>syslog</log_format></localfile>', /no absolute path/],
  [
    'a token that is not known',
    '<localfile><location>/a</location><log_format>syslog</log_format><out_format>$(x)</out_format></localfile>',
    /\$\(x\)/,
  ],
  ['a server without an address', '<client><server></server></client>', /<address> is missing/],
]
test.each(wrong)('says what is wrong with %s, and where', (_says, body, problem) => {
  const { problems } = read(`\n${body}`)
  expect(problems.map(({ message }) => message).join()).toMatch(problem)
  expect(problems[0]?.at).toMatchObject({ file: 'etc/ossec.conf', line: 2 })
})

test('a file that is not well formed has no configuration', () => {
  expect(readAgentConf([{ path: 'x', text: '<ossec_config><syscheck>', isLocal: true }]).conf).toBeNull()
})

test('the manager may say what is watched, not what is run, nor whom we report to', () => {
  const { conf, problems } = readAgentConf([
    {
      path: 'ossec.conf',
      text: '<ossec_config><syscheck><directories>/etc</directories></syscheck></ossec_config>',
      isLocal: true,
    },
    {
      path: 'agent.conf',
      text: `<agent_config><syscheck><directories>/opt</directories></syscheck><client><server><address>evil</address></server></client>
<localfile><log_format>command</log_format><command>id</command></localfile></agent_config>`,
      isLocal: false,
    },
  ])
  expect(conf).toMatchObject({ servers: [], sources: [] })
  expect(conf?.syscheck.directories.map(({ path }) => path)).toEqual(['/etc', '/opt'])
  expect(problems.map(({ at, message }) => `${at.file}:${at.line} ${message}`)).toEqual([
    'agent.conf:2 <localfile>: a command from the manager is not run; write it in this host’s own file',
  ])
})

test('labels come in order, the last of a key wins, and mistakes are named', () => {
  const { conf, problems } = readAgentConf([
    {
      path: 'a',
      text: '<ossec_config><labels><label key="env">dev</label><label key="net.zone" hidden="yes">caf\xc3\xa9</label></labels></ossec_config>',
      isLocal: true,
    },
    {
      path: 'b',
      text: '<agent_config><labels><label key="env">prod</label><label>x</label><label key="y" hidden="so">1</label></labels></agent_config>',
      isLocal: false,
    },
  ])
  expect(conf?.labels).toEqual([
    { key: 'env', value: 'prod', isHidden: false },
    { key: 'net.zone', value: 'café', isHidden: true },
  ])
  expect(problems.map(({ message }) => message)).toEqual([
    expect.stringMatching(/key="…" is missing/),
    expect.stringMatching(/neither yes nor no/),
  ])
})

const filters: [says: string, attributes: string, isMeant: boolean][] = [
  ['no filter is for all', '', true],
  ['the name', 'name="web-1"', true],
  ['one of the names', 'name="db,^web"', true],
  ['another name', 'name="db"', false],
  ['the system', 'os="Linux"', true],
  ['another system', 'os="Windows"', false],
  ['the profile', 'profile="x, lamp"', true],
  ['another profile', 'profile="x"', false],
  ['all must match', 'name="web" os="Windows"', false],
]
test.each(filters)('a shared section with %s', (_says, attributes, isMeant) => {
  const { conf } = readAgentConf(
    [
      {
        path: 'a',
        text: '<ossec_config><client><config-profile>lamp, other</config-profile></client></ossec_config>',
        isLocal: true,
      },
      {
        path: 'b',
        text: `<agent_config ${attributes}><labels><label key="here">yes</label></labels></agent_config>`,
        isLocal: false,
      },
    ],
    { name: 'web-1', os: 'Linux |web-1 |6.1', profiles: [] },
  )
  expect(conf?.labels.length).toBe(isMeant ? 1 : 0)
})

test('how often and how patiently a manager is tried', () => {
  expect(confOf('')).toMatchObject({ retriesMax: 5, retryS: 60 })
  const server = '<server><address>m</address><max_retries>2</max_retries><retry_interval>3s</retry_interval></server>'
  expect(confOf(`<client>${server}</client>`)).toMatchObject({ retriesMax: 2, retryS: 3 })
})

test('how the inventory is compared is read, bounds kept', () => {
  const { syscheck } = confOf(`<syscheck><synchronization>
    <enabled>no</enabled><interval>5m</interval><max_interval>2m</max_interval><response_timeout>7</response_timeout>
    <queue_size>9</queue_size><thread_pool>2</thread_pool><max_eps>0</max_eps><registry_enabled>yes</registry_enabled>
  </synchronization></syscheck>`)
  expect(syscheck.sync).toEqual({
    isOn: false,
    intervalS: 300,
    intervalMaxS: 300,
    responseTimeoutS: 7,
    queueSize: 9,
    epsMax: 0,
  })
})

const own = (inner: string): ConfText => ({ path: 'own', text: `<ossec_config>${inner}</ossec_config>`, isLocal: true })
const shared = (inner: string): ConfText => ({
  path: 'shared',
  text: `<agent_config>${inner}</agent_config>`,
  isLocal: false,
})
const command = '<syscheck><prefilter_cmd>/usr/sbin/prelink -y</prefilter_cmd></syscheck>'
const allowed = '<syscheck><allow_remote_prefilter_cmd>yes</allow_remote_prefilter_cmd></syscheck>'
const prefilters: [says: string, texts: readonly ConfText[], words: readonly string[]][] = [
  ['of this host’s own is run', [own(command)], ['/usr/sbin/prelink', '-y']],
  ['of the manager is not', [own(''), shared(command)], []],
  ['of the manager is run where this host allows it', [own(allowed), shared(command)], ['/usr/sbin/prelink', '-y']],
  ['of the manager is not run because the manager allows it', [own(''), shared(allowed + command)], []],
  ['without the whole path of its program is a mistake', [own(command.replace('/usr/sbin/', ''))], []],
]
test.each(prefilters)('a command before hashing %s', (_says, texts, words) => {
  expect(readAgentConf(texts).conf?.syscheck.prefilter).toEqual(words)
})
