/**
 * What the manager runs with, by component and part, as Wazuh's API tells it (spec: api, endpoint 7): names are those of ossec.conf, truths are `yes` and `no`,
 * times are seconds and sizes bytes. In: the configuration with which the manager started. Out: an object of the part's name, or why there is none.
 */
import type { Configuration, RemoteConfig } from '@dogwatch/config'

type Part = (configuration: Configuration) => unknown

const yesNo = (value: boolean): 'yes' | 'no' => (value ? 'yes' : 'no')

const global: Part = ({ global: of }) => ({
  jsonout_output: yesNo(of.jsonoutOutput),
  alerts_log: yesNo(of.alertsLog),
  logall: yesNo(of.logall),
  logall_json: yesNo(of.logallJson),
  white_list: of.whiteList,
  memory_size: of.memorySize,
  rotate_interval: of.rotateIntervalS,
  max_output_size: of.outputSizeMax,
  agents_disconnection_time: of.agentsDisconnectionTimeS,
  agents_disconnection_alert_time: of.agentsDisconnectionAlertTimeS,
  ...(of.geoipDb === null ? {} : { geoip_db_path: of.geoipDb }),
})

const remote = (of: RemoteConfig) => ({
  connection: of.connection,
  port: String(of.port),
  protocol: of.protocols.map((protocol) => protocol.toUpperCase()),
  ipv6: yesNo(of.ipv6),
  ...(of.allowedIps.length === 0 ? {} : { 'allowed-ips': of.allowedIps }),
  ...(of.deniedIps.length === 0 ? {} : { 'denied-ips': of.deniedIps }),
  ...(of.localIp === null ? {} : { local_ip: of.localIp }),
  ...(of.connection === 'secure'
    ? {
        queue_size: String(of.queueSize),
        rids_closing_time: of.ridsClosingTimeS,
        connection_overtake_time: of.connectionOvertakeTimeS,
        crypto_method: of.cryptoMethod,
        agents: { allow_higher_versions: yesNo(of.allowHigherVersions) },
      }
    : {}),
})

const auth: Part = ({ auth: of }) => ({
  disabled: yesNo(of.disabled),
  port: of.port,
  ipv6: yesNo(of.ipv6),
  remote_enrollment: yesNo(of.remoteEnrollment),
  use_source_ip: yesNo(of.useSourceIp),
  use_password: yesNo(of.usePassword),
  purge: yesNo(of.purge),
  ciphers: of.ciphers,
  ...(of.sslAgentCa === null ? {} : { ssl_agent_ca: of.sslAgentCa }),
  ssl_verify_host: yesNo(of.sslVerifyHost),
  ssl_manager_cert: of.sslManagerCert,
  ssl_manager_key: of.sslManagerKey,
  ssl_auto_negotiate: yesNo(of.sslAutoNegotiate),
  allow_higher_versions: yesNo(of.allowHigherVersions),
  force: {
    enabled: yesNo(of.force.enabled),
    key_mismatch: yesNo(of.force.keyMismatch),
    disconnected_time: {
      enabled: yesNo(of.force.disconnectedTime.enabled),
      value: of.force.disconnectedTime.seconds,
    },
    after_registration_time: of.force.afterRegistrationTimeS,
  },
})

const own = ['webhook', 'bus', 'match', 'redact', 'metrics', 'store', 'dashboard'] as const

const components: Readonly<Record<string, Readonly<Record<string, Part>>>> = {
  analysis: {
    global,
    alerts: ({ alerts }) => ({
      log_alert_level: alerts.logAlertLevel,
      email_alert_level: alerts.emailAlertLevel,
      use_geoip: yesNo(alerts.useGeoip),
    }),
    rule_test: ({ ruleTest }) => ({
      enabled: yesNo(ruleTest.enabled),
      threads: ruleTest.threads,
      max_sessions: ruleTest.sessionsMax,
      session_timeout: ruleTest.sessionTimeoutS,
    }),
  },
  request: { global, remote: (configuration) => configuration.remote.map(remote) },
  auth: { auth },
  com: {
    logging: ({ logging: { formats } }) => ({
      plain: yesNo(formats.includes('plain')),
      json: yesNo(formats.includes('json')),
    }),
  },
  /** What Wazuh has not, as `/manager/configuration` tells it. */
  dogwatch: Object.fromEntries(own.map((name): [string, Part] => [name, (configuration) => configuration[name]])),
}

/** Components of Wazuh's manager that there are none of here. */
const absent = [
  'agentless',
  'csyslog',
  'integrator',
  'logcollector',
  'mail',
  'monitor',
  'syscheck',
  'wazuh-db',
  'wmodules',
]

export type Running =
  | { readonly data: Readonly<Record<string, unknown>> }
  | { readonly code: 1101 | 1117 | 1128; readonly problem: string }

export function runningConfiguration(configuration: Configuration, component: string, name: string): Running {
  const parts = Object.hasOwn(components, component) ? components[component] : undefined
  if (parts === undefined) {
    return absent.includes(component)
      ? { code: 1117, problem: `this manager has no ${component}: there are ${Object.keys(components).join(', ')}` }
      : { code: 1101, problem: `there is no component ${component}: there are ${Object.keys(components).join(', ')}` }
  }
  const part = Object.hasOwn(parts, name) ? parts[name] : undefined
  if (part === undefined)
    return { code: 1128, problem: `${component} has no ${name}: it has ${Object.keys(parts).join(', ')}` }
  return { data: { [name]: part(configuration) } }
}
