/**
 * The configuration: ossec.conf read as Wazuh reads it (several `<ossec_config>` add up; later values win or add), checked whole, with defaults
 * from the table, and frozen. In goes the file's text; out come a configuration, what was found, and every mistake at once.
 */
import type { Problem } from '@dogwatch/schema'
import { type Examination, examine, type Node } from './examine.ts'
import { type Row, rowOf } from './table.ts'
import { readValue, type Value } from './value.ts'

export type WebhookAuth = 'token' | 'certificate' | 'none'

/** One sender of audit events. */
export interface ClusterConfig {
  /** `default` posts to `/`, any other to `/audit/<name>`. */
  readonly name: string
  readonly auth: WebhookAuth
  /** Relative to the home folder unless absolute. */
  readonly tokenFile: string
  /** Common name of its client certificate. */
  readonly commonName: string
}

/** A folder of the ruleset; `pattern` is an osregex on the whole path. */
export interface RulesetFolder {
  readonly path: string
  readonly pattern: string
}

export interface RulesetConfig {
  readonly decoderDirs: readonly RulesetFolder[]
  readonly ruleDirs: readonly RulesetFolder[]
  readonly decoderIncludes: readonly string[]
  readonly ruleIncludes: readonly string[]
  readonly decoderExcludes: readonly string[]
  readonly ruleExcludes: readonly string[]
  /** Names as rules use them, `etc/lists/audit-keys`. */
  readonly lists: readonly string[]
}

/** One `<remote>`: agents or syslog (spec: agent-protocol, part 12). */
export interface RemoteConfig {
  readonly connection: 'secure' | 'syslog'
  readonly port: number
  readonly protocols: readonly string[]
  readonly allowedIps: readonly string[]
  readonly deniedIps: readonly string[]
  readonly localIp: string | null
  readonly ipv6: boolean
  readonly queueSize: number
  readonly ridsClosingTimeS: number
  readonly connectionOvertakeTimeS: number
  /** `blowfish` accepts both ciphers. */
  readonly cryptoMethod: 'aes' | 'blowfish'
  /** Which agents must wrap their connection in TLS. */
  readonly requireTls: 'no' | 'own' | 'all'
  readonly allowHigherVersions: boolean
}

/** A command that agents are told of, so that they run it when they are asked to. */
export interface ActiveResponse {
  /** Of the command, with its timeout behind it: `firewall-drop600`. */
  readonly name: string
  readonly executable: string
  /** 0: it is not taken back. */
  readonly timeoutS: number
}

export interface Configuration {
  readonly global: {
    readonly jsonoutOutput: boolean
    readonly alertsLog: boolean
    readonly logall: boolean
    readonly logallJson: boolean
    readonly agentsDisconnectionTimeS: number
    readonly agentsDisconnectionAlertTimeS: number
    readonly whiteList: readonly string[]
    readonly geoipDb: string | null
    readonly rotateIntervalS: number
    readonly outputSizeMax: number
    readonly memorySize: number
  }
  readonly alerts: { readonly logAlertLevel: number; readonly emailAlertLevel: number; readonly useGeoip: boolean }
  readonly ruleset: RulesetConfig
  readonly ruleTest: {
    readonly enabled: boolean
    readonly threads: number
    readonly sessionsMax: number
    readonly sessionTimeoutS: number
  }
  readonly webhook: {
    readonly enabled: boolean
    readonly bind: string
    readonly port: number
    /** Bytes. */
    readonly bodyMax: number
    /** Bytes. */
    readonly memoryMax: number
    readonly certificate: string
    readonly key: string
    readonly clientCa: string
    /** The default cluster first. */
    readonly clusters: readonly ClusterConfig[]
  }
  readonly bus: { readonly path: string; readonly segmentSize: number; readonly diskMax: number }
  readonly match: {
    /** 0: as many as fit the machine. */
    readonly threads: number
    readonly eventMax: number
  }
  readonly redact: { readonly enabled: boolean; readonly configmaps: boolean }
  readonly metrics: { readonly enabled: boolean; readonly bind: string; readonly port: number }
  readonly store: {
    readonly enabled: boolean
    readonly path: string
    readonly retentionS: number
    /** Bytes. */
    readonly diskMax: number
    readonly hotS: number
    readonly searchTimeoutS: number
  }
  readonly dashboard: { readonly enabled: boolean; readonly bind: string; readonly port: number }
  readonly logging: { readonly formats: readonly string[] }
  readonly remote: readonly RemoteConfig[]
  readonly activeResponses: readonly ActiveResponse[]
  readonly auth: {
    readonly disabled: boolean
    readonly remoteEnrollment: boolean
    readonly port: number
    readonly ipv6: boolean
    readonly useSourceIp: boolean
    readonly purge: boolean
    readonly usePassword: boolean
    readonly ciphers: string
    readonly sslAgentCa: string | null
    readonly sslVerifyHost: boolean
    readonly sslManagerCert: string
    readonly sslManagerKey: string
    readonly sslAutoNegotiate: boolean
    readonly allowHigherVersions: boolean
    readonly tokenReview: {
      /** Null: no token is reviewed. */
      readonly url: string | null
      readonly ca: string
      readonly token: string
      readonly audience: string
    }
    readonly force: {
      readonly enabled: boolean
      readonly keyMismatch: boolean
      readonly disconnectedTime: { readonly enabled: boolean; readonly seconds: number }
      readonly afterRegistrationTimeS: number
    }
  }
}

export interface ConfigurationReading extends Omit<Examination, 'nodes'> {
  /** Null when there is an error among the problems. */
  readonly configuration: Configuration | null
}

/** Reads an ossec.conf. `text` is latin1. Codes: XML_MALFORMED, CONFIG_…; see docs/configuration.md. */
export function readConfiguration(path: string, text: string): ConfigurationReading {
  const { findings, problems, nodes } = examine(path, text)
  const mistakes = [...problems, ...crossProblems(nodes)]
  const configuration = mistakes.some(({ severity }) => severity === 'error') ? null : build(nodes)
  return { configuration, findings, problems: mistakes }
}

/** What holds without any file. */
export function defaultConfiguration(): Configuration {
  return build([])
}

/** Text of a value: the file's bytes are latin1 here, its meaning is UTF-8. */
function decoded(text: string): string {
  return Buffer.from(text, 'latin1').toString('utf8')
}

/** All sections of one path, merged: values of all of them in the order of the file. */
class Values {
  readonly #path: string
  readonly #nodes: readonly Node[]

  constructor(path: string, sections: readonly Node[]) {
    this.#path = path
    this.#nodes = sections.flatMap(({ below }) => below)
  }

  yesNo(name: string): boolean {
    const value = this.#value(name)
    if (typeof value !== 'boolean') throw new TypeError(`${this.#path}/${name} is no yes-no`)
    return value
  }

  number(name: string): number {
    const value = this.#value(name)
    if (typeof value !== 'number') throw new TypeError(`${this.#path}/${name} is no number`)
    return value
  }

  text(name: string): string {
    const value = this.#value(name)
    if (typeof value !== 'string') throw new TypeError(`${this.#path}/${name} is no text`)
    return decoded(value)
  }

  words(name: string): readonly string[] {
    const value = this.#value(name)
    if (!Array.isArray(value)) throw new TypeError(`${this.#path}/${name} is no list of words`)
    return value
  }

  textOrNull(name: string): string | null {
    const value = this.last(name)?.value
    return typeof value === 'string' ? decoded(value) : null
  }

  numberOrNull(name: string): number | null {
    const value = this.last(name)?.value
    return typeof value === 'number' ? value : null
  }

  texts(name: string): readonly string[] {
    return this.all(name).map(({ value }) => decoded(String(value)))
  }

  all(name: string): readonly Node[] {
    this.#row(name)
    return this.#nodes.filter(({ row }) => row.path === `${this.#path}/${name}`)
  }

  last(name: string): Node | undefined {
    return this.all(name).at(-1)
  }

  section(name: string): Values {
    return new Values(`${this.#path}/${name}`, this.all(name))
  }

  #row(name: string): Row {
    const row = rowOf(`${this.#path}/${name}`)
    if (row === null) throw new TypeError(`${this.#path}/${name} is not in the table`)
    return row
  }

  #value(name: string): Value {
    const given = this.last(name)
    if (given !== undefined) return given.value
    const row = this.#row(name)
    if (row.default === undefined) throw new TypeError(`${row.path} has no default`)
    const preset = readValue(row, row.default)
    if ('wrong' in preset) throw new TypeError(`${row.path}: the default is bad: ${preset.wrong}`)
    return preset.value
  }
}

function sections(nodes: readonly Node[], path: string): readonly Node[] {
  return nodes.filter(({ row }) => row.path === path)
}

function build(nodes: readonly Node[]): Configuration {
  const of = (path: string): Values => new Values(path, sections(nodes, path))
  const global = of('global')
  const alerts = of('alerts')
  const ruleset = of('ruleset')
  const ruleTest = of('rule_test')
  const webhook = of('webhook')
  const bus = of('bus')
  const match = of('match')
  const redact = of('redact')
  const metrics = of('metrics')
  const store = of('store')
  const dashboard = of('dashboard')
  return deepFreeze({
    global: {
      jsonoutOutput: global.yesNo('jsonout_output'),
      alertsLog: global.yesNo('alerts_log'),
      logall: global.yesNo('logall'),
      logallJson: global.yesNo('logall_json'),
      agentsDisconnectionTimeS: global.number('agents_disconnection_time'),
      agentsDisconnectionAlertTimeS: global.number('agents_disconnection_alert_time'),
      whiteList: global.texts('white_list'),
      geoipDb: global.textOrNull('geoipdb'),
      rotateIntervalS: global.number('rotate_interval'),
      outputSizeMax: global.number('max_output_size'),
      memorySize: global.number('memory_size'),
    },
    alerts: {
      logAlertLevel: alerts.number('log_alert_level'),
      emailAlertLevel: alerts.number('email_alert_level'),
      useGeoip: alerts.yesNo('use_geoip'),
    },
    ruleset: {
      decoderDirs: foldersOf(ruleset, 'decoder'),
      ruleDirs: foldersOf(ruleset, 'rule'),
      decoderIncludes: ruleset.texts('decoder_include'),
      ruleIncludes: ruleset.texts('rule_include'),
      decoderExcludes: ruleset.texts('decoder_exclude'),
      ruleExcludes: ruleset.texts('rule_exclude'),
      lists: [...new Set(ruleset.texts('list'))],
    },
    ruleTest: {
      enabled: ruleTest.yesNo('enabled'),
      threads: ruleTest.number('threads'),
      sessionsMax: ruleTest.number('max_sessions'),
      sessionTimeoutS: ruleTest.number('session_timeout'),
    },
    webhook: {
      enabled: webhook.yesNo('enabled'),
      bind: webhook.text('bind'),
      port: webhook.number('port'),
      bodyMax: webhook.number('body_max'),
      memoryMax: webhook.number('memory_max'),
      certificate: webhook.text('certificate'),
      key: webhook.text('key'),
      clientCa: webhook.text('client_ca'),
      clusters: clustersOf(webhook),
    },
    bus: { path: bus.text('path'), segmentSize: bus.number('segment_size'), diskMax: bus.number('disk_max') },
    match: { threads: match.number('threads'), eventMax: match.number('event_max') },
    redact: { enabled: redact.yesNo('enabled'), configmaps: redact.yesNo('configmaps') },
    metrics: { enabled: metrics.yesNo('enabled'), bind: metrics.text('bind'), port: metrics.number('port') },
    store: {
      enabled: store.yesNo('enabled'),
      path: store.text('path'),
      retentionS: store.number('retention'),
      diskMax: store.number('disk_max'),
      hotS: store.number('hot'),
      searchTimeoutS: store.number('search_timeout'),
    },
    dashboard: { enabled: dashboard.yesNo('enabled'), bind: dashboard.text('bind'), port: dashboard.number('port') },
    logging: { formats: of('logging').words('log_format') },
    remote: sections(nodes, 'remote').map(remoteOf),
    activeResponses: responsesOf(nodes).flatMap(({ response }) => response ?? []),
    auth: authOf(of('auth')),
  })
}

function folderOf(node: Node): RulesetFolder {
  return { path: decoded(String(node.value)), pattern: node.attributes.get('pattern') ?? '.xml$' }
}

/** Where the file names neither folder nor file of a kind, the two usual folders hold. */
function foldersOf(ruleset: Values, kind: 'decoder' | 'rule'): RulesetFolder[] {
  const folders = ruleset.all(`${kind}_dir`)
  if (folders.length > 0 || ruleset.all(`${kind}_include`).length > 0) return folders.map(folderOf)
  return [`ruleset/${kind}s`, `etc/${kind}s`].map((path) => ({ path, pattern: '.xml$' }))
}

function clustersOf(webhook: Values): ClusterConfig[] {
  const byName = new Map<string, ClusterConfig>([
    [
      'default',
      {
        name: 'default',
        auth: authKind(webhook.text('auth')),
        tokenFile: webhook.text('token_file'),
        commonName: 'default',
      },
    ],
  ])
  for (const node of webhook.all('cluster')) {
    const values = new Values('webhook/cluster', [node])
    const name = values.text('name')
    const own = `etc/webhook-${name}.token`
    byName.set(name, {
      name,
      auth: authKind(values.text('auth')),
      tokenFile: values.textOrNull('token_file') ?? (name === 'default' ? webhook.text('token_file') : own),
      commonName: values.textOrNull('common_name') ?? name,
    })
  }
  return [...byName.values()]
}

function authKind(text: string): WebhookAuth {
  return text === 'none' || text === 'certificate' ? text : 'token'
}

function remoteOf(node: Node): RemoteConfig {
  const values = new Values('remote', [node])
  const connection = values.text('connection') === 'syslog' ? 'syslog' : 'secure'
  return {
    connection,
    port: values.numberOrNull('port') ?? (connection === 'syslog' ? 514 : 1514),
    protocols: values.words('protocol'),
    allowedIps: values.texts('allowed-ips'),
    deniedIps: values.texts('denied-ips'),
    localIp: values.textOrNull('local_ip'),
    ipv6: values.yesNo('ipv6'),
    queueSize: values.number('queue_size'),
    ridsClosingTimeS: values.number('rids_closing_time'),
    connectionOvertakeTimeS: values.number('connection_overtake_time'),
    cryptoMethod: values.text('crypto_method') === 'blowfish' ? 'blowfish' : 'aes',
    requireTls: tlsNeed(values.text('require_tls')),
    allowHigherVersions: values.section('agents').yesNo('allow_higher_versions'),
  }
}

function tlsNeed(text: string): RemoteConfig['requireTls'] {
  return text === 'own' || text === 'all' ? text : 'no'
}

/**
 * Each enabled `<active-response>` with its command; what is wrong with those that agents cannot be told of (spec: modules, part 4). A section without a command is of an
 * agent's own settings.
 */
function responsesOf(
  nodes: readonly Node[],
): { readonly node: Node; readonly response: ActiveResponse | null; readonly wrong: string }[] {
  const commands = new Map(
    sections(nodes, 'command').map((node) => {
      const values = new Values('command', [node])
      return [values.textOrNull('name'), values] as const
    }),
  )
  return sections(nodes, 'active-response').flatMap((node) => {
    const values = new Values('active-response', [node])
    const name = values.textOrNull('command')
    if (name === null || values.yesNo('disabled')) return []
    const command = commands.get(name)
    const executable = command?.textOrNull('executable') ?? ''
    const wrong =
      command === undefined
        ? `no <command> has the name ${name}`
        : [name, executable].every((word) => /^[^\s/]{1,256}$/.test(word))
          ? ''
          : `name and executable of the command ${name} are words without blank and /`
    const timeoutS = command?.yesNo('timeout_allowed') === true ? values.number('timeout') : 0
    const response = wrong === '' ? { name: `${name}${timeoutS}`, executable, timeoutS } : null
    return [{ node, response, wrong }]
  })
}

function authOf(auth: Values): Configuration['auth'] {
  const force = auth.section('force')
  const review = auth.section('token_review')
  return {
    disabled: auth.yesNo('disabled'),
    remoteEnrollment: auth.yesNo('remote_enrollment'),
    port: auth.number('port'),
    ipv6: auth.yesNo('ipv6'),
    useSourceIp: auth.yesNo('use_source_ip'),
    purge: auth.yesNo('purge'),
    usePassword: auth.yesNo('use_password'),
    ciphers: auth.text('ciphers'),
    sslAgentCa: auth.textOrNull('ssl_agent_ca'),
    sslVerifyHost: auth.yesNo('ssl_verify_host'),
    sslManagerCert: auth.text('ssl_manager_cert'),
    sslManagerKey: auth.text('ssl_manager_key'),
    sslAutoNegotiate: auth.yesNo('ssl_auto_negotiate'),
    allowHigherVersions: auth.section('agents').yesNo('allow_higher_versions'),
    tokenReview: {
      url: review.textOrNull('url'),
      ca: review.text('ca'),
      token: review.text('token'),
      audience: review.text('audience'),
    },
    force: {
      enabled: force.yesNo('enabled'),
      keyMismatch: force.yesNo('key_mismatch'),
      disconnectedTime: {
        enabled: force.last('disconnected_time')?.attributes.get('enabled') !== 'no',
        seconds: force.number('disconnected_time'),
      },
      afterRegistrationTimeS: force.number('after_registration_time'),
    },
  }
}

/** What only shows when several elements are looked at together. */
function crossProblems(nodes: readonly Node[]): Problem[] {
  const problems: Problem[] = []
  const say = (node: Node, code: string, message: string, severity: Problem['severity'] = 'error'): void => {
    problems.push({ severity, code, at: node.at, message })
  }
  const seen = new Set<string>()
  for (const node of sections(nodes, 'webhook').flatMap(({ below }) => sections(below, 'webhook/cluster'))) {
    const name = node.below.find(({ row }) => row.path === 'webhook/cluster/name')?.value
    if (typeof name !== 'string') say(node, 'CONFIG_CLUSTER_NAME', 'a <cluster> needs a <name>')
    else if (seen.has(name)) say(node, 'CONFIG_CLUSTER_TWICE', `the cluster ${name} stands twice; join the two`)
    else seen.add(name)
  }
  for (const node of sections(nodes, 'remote')) {
    const remote = remoteOf(node)
    if (remote.connection === 'syslog' && remote.allowedIps.length === 0) {
      say(node, 'CONFIG_SYSLOG_OPEN', 'a <remote> for syslog needs <allowed-ips>: who may send')
    }
    if (remote.connection === 'secure' && remote.protocols.includes('tls')) {
      const says = 'agents speak tcp or udp, and TLS on the port of tcp where they can; <require_tls> makes it a must'
      say(node, 'CONFIG_REMOTE_TLS', says)
    }
    if (remote.connection === 'secure' && remote.requireTls === 'all' && remote.protocols.includes('udp')) {
      const says = '<require_tls>all: no agent can be in TLS by udp, so none that comes by it is taken'
      say(node, 'CONFIG_REMOTE_UDP', says, 'warning')
    }
    if (remote.connection === 'syslog' && remote.protocols.length > 1) {
      say(node, 'CONFIG_SYSLOG_PROTOCOL', 'a <remote> for syslog has one <protocol>; write a second <remote>')
    }
  }
  for (const { node, wrong } of responsesOf(nodes))
    if (wrong !== '') say(node, 'CONFIG_RESPONSE', `<active-response>: ${wrong}; agents are not told of it`, 'warning')
  const size = (section: string, name: string): number => new Values(section, sections(nodes, section)).number(name)
  const bus = sections(nodes, 'bus').at(-1)
  if (bus !== undefined && size('bus', 'segment_size') * 2 > size('bus', 'disk_max')) {
    say(bus, 'CONFIG_BUS_SIZE', '<disk_max> must hold at least two segments of <segment_size>')
  }
  return problems
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) deepFreeze(member)
  }
  return value
}
